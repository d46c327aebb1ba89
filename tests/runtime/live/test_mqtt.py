"""MQTT: TLS and logins work, no password is shown, and each fault of a broker is named with what to do.

Referees: Debian's mosquitto and openssl.
"""

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from certificates import Authority, self_signed
from mosquitto import Broker, Referee, until
from records import record
from tiny_detector import noise_bursts

from stapes.firmware_sim.errors import ConfigError
from stapes.runtime.live.mqtt.broker import Broker as BrokerAddress
from stapes.runtime.live.mqtt.broker import BrokerError, Message
from stapes.runtime.live.mqtt.settings import MqttSettings
from stapes.runtime.live.sinks import outbox
from stapes.runtime.live.sinks.outbox import Outbox
from stapes.runtime.live.sinks.targets import Delivery, open_sink
from stapes.runtime.main import main

LOGINS = {"mic": "s3:cret?#", "home": "other"}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls") / "authority")


@contextmanager
def _running(broker: Broker) -> Iterator[Broker]:
    broker.start()
    try:
        yield broker
    finally:
        broker.stop()


def _publish(url: str, settings: MqttSettings) -> None:
    """Publish one message as the queue does. Raises BrokerError."""
    address = BrokerAddress(url, settings)
    client = address.connect()
    try:
        address.publish(client, [Message(address.topic, "hello", retain=True)])
    finally:
        client.disconnect()
        client.loop_stop()


def _login(tmp_path: Path, text: str = f"mic:{LOGINS['mic']}\n") -> Path:
    path = tmp_path / "login"
    path.write_text(text)
    return path


# ---- what works


def test_a_broker_with_tls_and_passwords_gets_records_from_a_login_file(authority: Authority, tmp_path: Path) -> None:
    with _running(Broker(tmp_path / "broker", LOGINS, certificate=authority.certificate("broker"))) as broker:
        settings = MqttSettings(ca=authority.ca, login=_login(tmp_path))
        sink = open_sink(f"mqtts://127.0.0.1:{broker.port}/stapes/pops", Delivery(tmp_path, mqtt=settings))
        assert isinstance(sink, Outbox)
        sink.write(record(0))
        until(lambda: sink.waiting() == 0)
        sink.close()


def test_a_login_may_stand_in_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAPES_MQTT_USER", "mic")
    monkeypatch.setenv("STAPES_MQTT_PASSWORD", LOGINS["mic"])
    with _running(Broker(tmp_path / "broker", LOGINS)) as broker:
        _publish(f"mqtt://127.0.0.1:{broker.port}/a", MqttSettings())
        _publish(f"mqtt://mic@127.0.0.1:{broker.port}/a", MqttSettings())


def test_a_broker_that_asks_for_a_certificate_gets_it(authority: Authority, tmp_path: Path) -> None:
    client = authority.certificate("client")
    with _running(Broker(tmp_path / "broker", None, "", authority.certificate("broker"), authority.ca)) as broker:
        url = f"mqtts://127.0.0.1:{broker.port}/a"
        _publish(url, MqttSettings(authority.ca, client))
        _publish(url, MqttSettings(authority.ca, client, client))
        with pytest.raises(BrokerError, match="name one with --client-certificate FILE"):
            _publish(url, MqttSettings(authority.ca))


class ScriptedBroker:
    """Takes two connections as a broker that knows MQTT 3.1.1 only, or none; it acknowledges each message."""

    def __init__(self, answers: bool) -> None:
        self._answers, self.versions = answers, list[int]()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self.received = b""
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        for _ in range(2):
            connection, _ = self._server.accept()
            with connection:
                version = connection.recv(4096)[8]  # after the header's two bytes and the name MQTT with its length
                self.versions.append(version)
                if not self._answers:
                    continue
                connection.sendall(bytes([0x20, 2, 0, 0 if version == 4 else 1]))
                while version == 4 and (packet := connection.recv(4096)):
                    if packet[0] >> 4 == 3:  # PUBLISH: flags, length, topic and its length, number
                        self.received += packet
                        topic_bytes = int.from_bytes(packet[2:4], "big")
                        connection.sendall(bytes([0x40, 2]) + packet[4 + topic_bytes : 6 + topic_bytes])


def test_a_broker_that_knows_only_mqtt_3_1_1_is_spoken_to_in_it_at_the_next_try() -> None:
    old = ScriptedBroker(answers=True)
    address = BrokerAddress(f"mqtt://127.0.0.1:{old.port}/a", MqttSettings())
    with pytest.raises(BrokerError, match="refused: Unsupported protocol version"):
        address.connect()
    client = address.connect()
    address.publish(client, [Message("a", "hello")])
    client.disconnect()
    client.loop_stop()
    assert b"hello" in old.received


def test_a_broker_that_closes_connections_while_it_starts_is_spoken_to_in_mqtt_5_again() -> None:
    """As a proxy does in front of it. In MQTT 3.1.1 records that may not be published would be lost."""
    starting = ScriptedBroker(answers=False)
    address = BrokerAddress(f"mqtt://127.0.0.1:{starting.port}/a", MqttSettings())
    for _ in range(2):
        with pytest.raises(BrokerError, match="closed the connection without an answer"):
            address.connect()
    assert starting.versions == [5, 5]


@pytest.mark.parametrize("connected", [False, True])
def test_an_error_that_ends_the_thread_of_a_client_is_told_once_and_the_record_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, connected: bool
) -> None:
    """The error comes before the broker has answered, or after."""
    monkeypatch.setattr(outbox, "FIRST_WAIT_S", 0.05)
    monkeypatch.setattr("stapes.runtime.live.mqtt.broker.ANSWER_S", 0.5)
    fails, work = iter([True] * 3), paho.Client.loop_forever

    def fail_at_first(client: paho.Client, *words: object) -> object:
        if not next(fails, False):
            return work(client, *words)
        while connected and not client.is_connected():
            client.loop()
        raise RuntimeError("odd")

    with _running(Broker(tmp_path / "broker")) as broker:
        sink = open_sink(f"mqtt://127.0.0.1:{broker.port}/a", Delivery(tmp_path))
        assert isinstance(sink, Outbox)
        monkeypatch.setattr(paho.Client, "loop_forever", fail_at_first)
        sink.write(record(0))
        until(lambda: sink.waiting() == 0)
        sink.close()
    assert next(fails, None) is None
    assert [each for each in caplog.messages if "an error that was not foreseen (RuntimeError: odd)" in each] == (
        caplog.messages
    )


# ---- what does not


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("expired", "the broker's certificate has expired; renew it at the broker"),
        ("another address", "the broker's certificate is for another host than 127.0.0.1; use the name that stands"),
        ("another name", "the broker's certificate is for another host than localhost; use the name that stands"),
        ("self-signed", "the broker's certificate is self-signed and not trusted; if it is the broker's own, name it"),
        ("another authority", "the broker's certificate comes from an authority that is not known here; name"),
    ],
)
def test_a_wrong_certificate_is_named_with_what_to_do(
    authority: Authority, tmp_path: Path, kind: str, told: str
) -> None:
    host, ca = "127.0.0.1", authority.ca
    if kind == "expired":
        certificate = authority.certificate("expired", days=0)
    elif kind == "another address":
        certificate = authority.certificate("elsewhere", "IP:192.0.2.1")
    elif kind == "another name":
        certificate, host = authority.certificate("other", "DNS:broker.example"), "localhost"
    elif kind == "self-signed":
        certificate, key = tmp_path / "self.pem", tmp_path / "self.key"
        self_signed(certificate, key, "/CN=127.0.0.1")
        certificate.write_text(certificate.read_text() + key.read_text())
    else:
        certificate, ca = authority.certificate("broker"), Authority(tmp_path / "another").ca
    with _running(Broker(tmp_path / "broker", certificate=certificate)) as broker, pytest.raises(BrokerError) as caught:
        _publish(f"mqtts://{host}:{broker.port}/a", MqttSettings(ca=ca))
    assert str(caught.value).startswith(told)
    assert "\n" not in str(caught.value)


def test_tls_at_a_port_without_it_and_the_reverse_are_told(authority: Authority, tmp_path: Path) -> None:
    plain, encrypted = Broker(tmp_path / "plain"), Broker(tmp_path / "tls", None, "", authority.certificate("broker"))
    does_not = pytest.raises(BrokerError, match=rf"port {plain.port} does not speak TLS; use mqtt://")
    with _running(plain), does_not:
        _publish(f"mqtts://127.0.0.1:{plain.port}/a", MqttSettings())
    with _running(encrypted), pytest.raises(BrokerError, match="if that port is for TLS, use mqtts://"):
        _publish(f"mqtt://127.0.0.1:{encrypted.port}/a", MqttSettings())


@pytest.mark.parametrize(
    ("login", "told"),
    [
        ("mic:wrong", "user mic or the password is wrong"),
        ("nobody:x", "user nobody or the password is wrong"),
        ("", "it wants a user and a password"),
    ],
)
def test_a_wrong_password_is_told_without_it(tmp_path: Path, login: str, told: str) -> None:
    with _running(Broker(tmp_path / "broker", LOGINS)) as broker:
        settings = MqttSettings(login=_login(tmp_path, login) if login else None)
        with pytest.raises(BrokerError) as caught:
            _publish(f"mqtt://127.0.0.1:{broker.port}/a", settings)
    message = str(caught.value)
    assert message.startswith(f"refused: Not authorized; {told}: ")
    assert message.endswith("give both with --login FILE, or in STAPES_MQTT_USER and STAPES_MQTT_PASSWORD")
    assert "mic:wrong" not in message


def test_nothing_at_the_port_and_a_name_without_address_are_told() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(BrokerError, match=f"nothing answers at port {port} of 127.0.0.1; check the port"):
            _publish(f"mqtt://127.0.0.1:{port}/a", MqttSettings())
    with pytest.raises(BrokerError, match=r"no address is known for broker\.invalid: .*; check the name"):
        _publish("mqtt://broker.invalid/a", MqttSettings())


RIGHTS = "user mic\ntopic write allowed\n"


def test_records_wait_while_a_user_may_not_publish_them(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "FIRST_WAIT_S", 0.05)
    monkeypatch.setattr(outbox, "LAST_TRY_S", 0.2)
    with _running(Broker(tmp_path / "broker", LOGINS, RIGHTS)) as broker:
        settings = MqttSettings(login=_login(tmp_path))
        sink = open_sink(f"mqtt://127.0.0.1:{broker.port}/denied", Delivery(tmp_path, mqtt=settings))
        assert isinstance(sink, Outbox)
        sink.write(record(0))
        until(lambda: "cannot be reached" in caplog.text)
        assert sink.waiting() == 1
        sink.close()
        _publish(f"mqtt://127.0.0.1:{broker.port}/allowed", settings)
    right = "user mic may not publish to denied (Not authorized); give the right to it in the broker's access list"
    assert right in caplog.text


def test_mqtt_3_1_1_says_nothing_of_a_missing_right(tmp_path: Path) -> None:
    """What docs/home.md says of brokers that know no MQTT 5: such a record counts as delivered."""
    with _running(Broker(tmp_path / "broker", LOGINS, RIGHTS)) as broker:
        address = BrokerAddress(f"mqtt://127.0.0.1:{broker.port}/denied", MqttSettings(login=_login(tmp_path)))
        address._protocol = paho.MQTTv311
        client = address.connect()
        address.publish(client, [Message("denied", "hello")])
        client.disconnect()
        client.loop_stop()


# ---- what the command line says


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--ca", "none"], "--ca, --client-certificate, --client-key and --login are for MQTT"),
        (["--home-assistant"], "--to names 0: need one --to mqtt://HOST/TOPIC"),
        (["--home-assistant", "--to", "mqtt://a/b", "--to", "mqtts://c/d"], "--to names 2"),
        (["--to", "mqtt://a/b", "--ca", "none"], "--ca and --client-certificate are for TLS; write mqtts://"),
        (["--to", "mqtts://a/b", "--ca", "none"], "--ca none: it cannot be read (No such file or directory); need"),
        (["--to", "mqtts://a/b", "--ca", "text"], "--ca text: it cannot be used (NO_CERTIFICATE_OR_CRL_FOUND); need"),
        (
            ["--to", "mqtts://a/b", "--client-certificate", "text"],
            "--client-certificate text: it cannot be used",
        ),
        (["--to", "mqtts://a/b", "--client-key", "text"], "--client-key text: its certificate is missing; add"),
        (["--to", "mqtt://a/b", "--login", "none"], "--login none: it cannot be read (No such file or directory)"),
        (["--to", "mqtt://a/b", "--login", "text"], "--login text: its first line must be USER:PASSWORD"),
        (["--to", "mqtt://a/b", "--login", "bytes"], "--login bytes: it cannot be read (it is not UTF-8)"),
        (["--to", "mqtt://me@a/b", "--login", "login"], "--login login: the user stands in the URL of --to, too"),
        (["--to", "mqtt://a/b%0A"], "need mqtt://HOST[:PORT]/TOPIC with a topic without"),
    ],
)
def test_settings_that_cannot_work_are_refused_before_anything_is_heard(
    tiny_detector: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    told: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("text").write_text("secret\n")
    Path("bytes").write_bytes(b"\xff\n")
    Path("login").write_text("mic:secret\n")
    assert main(["listen", str(tiny_detector), "-", "--queue", "queue", *words]) == 1
    message = capsys.readouterr().err.splitlines()[-1]
    assert message.startswith("error: ")
    assert told in message
    assert "secret" not in message


def test_a_key_with_a_password_is_refused_without_asking_for_it(authority: Authority, tmp_path: Path) -> None:
    plain = authority.certificate("locked")
    key = tmp_path / "locked.key"
    command = ["openssl", "ec", "-in", str(plain), "-aes256", "-passout", "pass:secret", "-out", str(key)]
    subprocess.run(command, check=True, capture_output=True)
    with pytest.raises(ConfigError, match="the key without a password"):
        BrokerAddress("mqtts://broker/a", MqttSettings(certificate=plain, key=key))


def test_a_password_in_a_url_is_told_to_be_visible_and_one_elsewhere_is_not(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for target in ("mqtt://mic@127.0.0.1:1/a", "mqtt://127.0.0.1:1/a:b@c"):
        open_sink(target, Delivery(tmp_path)).close()
    assert "list of processes" not in caplog.text
    open_sink("mqtt://mic:secret@127.0.0.1:1/a", Delivery(tmp_path)).close()
    assert "a password in a URL is shown to all users of this machine in the list of processes" in caplog.text
    assert "secret" not in caplog.text


# ---- the whole command


def test_the_command_over_tls_with_a_login_shows_no_password_and_its_death_is_seen(
    tiny_detector: Path, tmp_path: Path, authority: Authority
) -> None:
    """A password stands neither in its arguments, in its log, nor in what it keeps; a kill makes it unavailable."""
    encrypted = Broker(tmp_path / "broker", LOGINS, certificate=authority.certificate("broker"))
    with _running(encrypted) as broker, (tmp_path / "log").open("w") as log:
        words = ["listen", str(tiny_detector), "-", "--raw-rate", "16000"]
        words += ["--to", f"mqtts://127.0.0.1:{broker.port}/stapes/hall", "--home-assistant"]
        words += ["--ca", str(authority.ca), "--login", str(_login(tmp_path)), "--queue", str(tmp_path / "queue")]
        code = "import sys; from stapes.runtime.main import main; sys.exit(main())"
        command = [sys.executable, "-c", code, *words]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=log)
        home = Referee(broker.port, "home", LOGINS["home"], authority.ca)
        try:
            assert process.stdin is not None
            process.stdin.write(noise_bursts(3.0, [(0.5, 1.1, "hiss")]).tobytes())
            process.stdin.flush()
            until(lambda: len(home.texts("stapes/hall/hiss/event")) == 1, 60)
            until(lambda: home.last("stapes/hall/availability") == "online")
            shown = Path(f"/proc/{process.pid}/cmdline").read_text()
        finally:
            process.kill()
            process.wait()
        until(lambda: home.last("stapes/hall/availability") == "offline")
        home.close()
    kept = "".join(path.read_text(errors="replace") for path in (tmp_path / "queue").iterdir())
    for place in (shown, (tmp_path / "log").read_text(), kept, "".join(text for _, text, _ in home.heard)):
        assert "s3:cret" not in place
