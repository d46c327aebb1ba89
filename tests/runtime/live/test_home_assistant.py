"""Home Assistant follows a detector through a real broker, sets its classes, and misses nothing when the broker dies.

Referees: Debian's mosquitto, a client that hears all topics, and Home Assistant's rules for discovery
(tests/helpers/home_assistant_schema.py).
"""

import json
import queue
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import paho.mqtt.client as paho
import pytest
from home_assistant_schema import components_of
from mosquitto import Broker, Referee, until
from played import blocks
from tiny_detector import noise_bursts, write_tiny_detector

from stapes.firmware_sim.device.events import completed
from stapes.runtime.audio import InputSettings
from stapes.runtime.detector import Detector
from stapes.runtime.live.home_assistant import device, link
from stapes.runtime.live.home_assistant.choices import Choices
from stapes.runtime.live.home_assistant.device import HomeAssistant
from stapes.runtime.live.home_assistant.entities import Entities
from stapes.runtime.live.home_assistant.names import Names, identifier
from stapes.runtime.live.mqtt.broker import Broker as BrokerAddress
from stapes.runtime.live.mqtt.settings import MqttSettings
from stapes.runtime.live.session import Outputs, run
from stapes.runtime.live.sinks import outbox
from stapes.runtime.live.sinks.targets import Delivery, open_sink
from stapes.runtime.live.source import Block, Gap

TOPIC = "stapes/hall"
DEVICE = identifier(TOPIC)


@pytest.fixture(autouse=True)
def _quick_reports_and_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "REPORT_S", 0.0)
    for module in (outbox, link):
        monkeypatch.setattr(module, "FIRST_WAIT_S", 0.05)
        monkeypatch.setattr(module, "LONGEST_WAIT_S", 0.2)


class Fed:
    """A live source that gives what a test feeds it."""

    name, is_live, lag_s, dropped_s, rate_hz = "fed", True, 0.25, 1.5, 16_000

    def __init__(self) -> None:
        self._items: queue.SimpleQueue[Block | None] = queue.SimpleQueue()

    def feed(self, pcm: np.ndarray) -> None:
        for block in blocks(pcm, 1600):
            self._items.put(block)  # type: ignore[arg-type]

    def end(self) -> None:
        self._items.put(None)

    def read(self, timeout_s: float) -> Block | Gap | None:
        try:
            return self._items.get(timeout=timeout_s)
        except queue.Empty:
            return np.zeros((0, 1), np.float32)

    def close(self) -> None: ...


SILENCE = np.zeros(16_000, np.int16)
HISS = noise_bursts(2.0, [(0.5, 1.1, "hiss")])


@dataclass
class Home:
    """A detector that listens, and what is needed to start it again."""

    port: int
    folder: Path
    detector: Detector

    def start(self) -> "Home":
        url = f"mqtt://127.0.0.1:{self.port}/{TOPIC}"
        self.source = Fed()
        entities = Entities(BrokerAddress(url, MqttSettings()), self.detector.classes, self.folder)
        delivery = Delivery(self.folder, further_messages=entities.messages)
        self._sink = open_sink(url, delivery)
        watcher = HomeAssistant(self.detector, self.source, entities)
        arguments = (self.detector, self.source, Outputs([self._sink], [watcher]), threading.Event(), InputSettings())
        self._thread = threading.Thread(target=run, args=arguments)
        self._thread.start()
        return self

    def stop(self) -> None:
        """End the stream, unless it has ended."""
        if not self._thread.is_alive():
            return
        self.source.end()
        self._thread.join(20)
        assert not self._thread.is_alive()
        self._sink.close()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    broker = Broker(tmp_path / "broker").start()
    yield broker
    broker.stop()


@pytest.fixture
def referee(broker: Broker) -> Iterator[Referee]:
    referee = Referee(broker.port)
    yield referee
    referee.close()


@pytest.fixture
def home(broker: Broker, tiny_detector: Path, tmp_path: Path) -> Iterator[Home]:
    home = Home(broker.port, tmp_path, Detector.load(tiny_detector)).start()
    yield home
    home.stop()


def _wait_for(referee: Referee, topic: str, text: str) -> None:
    until(lambda: referee.last(topic) == text)


def test_the_announcement_is_retained_and_follows_the_rules_of_home_assistant(
    home: Home, broker: Broker, referee: Referee
) -> None:
    home.source.feed(SILENCE)
    until(lambda: referee.last(f"{TOPIC}/hiss/score") is not None and referee.last(f"{TOPIC}/diagnostics") is not None)
    topic = f"homeassistant/device/{DEVICE}/config"
    late = Referee(broker.port)  # as when Home Assistant starts after the device
    until(lambda: late.last(topic) is not None)
    entities = components_of(topic, late.texts(topic)[0])
    kinds = {place: entity["platform"] for place, entity in entities.items()}
    per_class = {"state": "binary_sensor", "event": "event", "rate": "sensor", "score": "sensor"}
    per_class |= {"sensitivity": "number", "mute": "switch"}
    assert kinds == {f"{label}.{what}": kind for label in ("rumble", "hiss") for what, kind in per_class.items()} | {
        f"device.{what}": "sensor" for what in ("lag", "dropped", "level", "stapes", "detector")
    }
    read = {entity["state_topic"] for entity in entities.values() if entity["platform"] != "event"}
    until(lambda: {topic for topic, _, retained in late.heard if retained} >= read)
    late.close()


def test_a_sensor_is_on_during_an_event_and_the_event_entity_gets_it_with_its_times(
    home: Home, referee: Referee
) -> None:
    _wait_until_online(referee)
    home.source.feed(np.concatenate([HISS, SILENCE]))
    until(lambda: len(referee.texts(f"{TOPIC}/hiss/event")) == 1)
    until(lambda: referee.texts(f"{TOPIC}/hiss/state")[-3:] == ["OFF", "ON", "OFF"])
    (event,) = referee.json(f"{TOPIC}/hiss/event")
    (expected,) = completed(Detector(home.detector.folder, home.detector._engine).stream([HISS, SILENCE]))
    assert (event["event_type"], event["label"], event["onset"]) == ("hiss", "hiss", expected.onset)
    assert event["length"] == pytest.approx(expected.offset - expected.onset, abs=1e-6)
    assert event["confidence"] == expected.confidence
    (record,) = referee.json(TOPIC)
    assert (record["key"], record["utc"]) == (event["key"], event["utc"])
    assert referee.texts(f"{TOPIC}/rumble/state")[-1] == "OFF"
    assert referee.texts(f"{TOPIC}/rumble/event") == []
    assert "1" in referee.texts(f"{TOPIC}/hiss/rate")
    assert max(map(float, referee.texts(f"{TOPIC}/hiss/score"))) > 0.5
    assert max(map(float, referee.texts(f"{TOPIC}/rumble/score"))) < 0.5


def test_diagnostics_say_lag_dropped_audio_level_and_versions(home: Home, referee: Referee) -> None:
    home.source.feed(np.full(1600, 3277, np.int16))
    until(lambda: any(each["level_db"] == -20 for each in referee.json(f"{TOPIC}/diagnostics")))
    figures = referee.json(f"{TOPIC}/diagnostics")[-1]
    assert (figures["lag_ms"], figures["dropped_s"]) == (250, 1.5)
    assert figures["detector"] == f"tiny.stapes {home.detector.folder.model_sha256[:8]}"
    assert figures["stapes"]


def test_sensitivity_is_set_by_a_command_and_a_command_that_makes_no_sense_is_told(
    home: Home, referee: Referee, caplog: pytest.LogCaptureFixture
) -> None:
    topic = f"{TOPIC}/hiss/sensitivity"
    _wait_for(referee, topic, "0")
    for command, state in (("-3", "-3"), ("2.0", "2"), ("45", "45")):
        _command(home, referee, "hiss/sensitivity", command, state)
        assert home.detector.sensitivity["hiss"] == int(state)
    for command in ("46", "loud", "1.5", "", "9" * 500):
        referee.say(f"{topic}/set", command)
    until(lambda: home.source.feed(SILENCE[:1600]) or caplog.text.count("need a whole number") == 5)
    assert f"{topic}/set: received 'loud', need a whole number from -45 to 45; nothing was changed" in caplog.text
    assert home.detector.sensitivity == {"rumble": 0, "hiss": 45}


def test_a_retained_command_is_not_obeyed_at_every_connection(
    home: Home, referee: Referee, caplog: pytest.LogCaptureFixture
) -> None:
    home.source.feed(SILENCE)
    _wait_for(referee, f"{TOPIC}/availability", "online")
    home.stop()
    referee.say(f"{TOPIC}/hiss/sensitivity/set", "7", retain=True)
    home.start()
    until(lambda: "a retained command is not obeyed" in caplog.text)
    _command(home, referee, "hiss/mute", "ON", "ON")  # a later command, which is obeyed after all earlier ones
    assert home.detector.sensitivity["hiss"] == 0


def test_a_muted_class_is_hidden_from_home_assistant_but_not_from_the_records(home: Home, referee: Referee) -> None:
    _wait_until_online(referee)
    _command(home, referee, "hiss/mute", "ON", "ON")
    home.source.feed(np.concatenate([HISS, SILENCE]))
    until(lambda: len(referee.texts(TOPIC)) == 1)
    assert referee.texts(f"{TOPIC}/hiss/event") == []
    assert set(referee.texts(f"{TOPIC}/hiss/state")) == {"OFF"}
    _command(home, referee, "hiss/mute", "OFF", "OFF")
    home.source.feed(np.concatenate([HISS, SILENCE]))
    until(lambda: len(referee.texts(f"{TOPIC}/hiss/event")) == 1)


def _command(home: Home, referee: Referee, setting: str, text: str, state: str) -> None:
    """Send a command, and let the detector hear silence until it is obeyed."""
    referee.say(f"{TOPIC}/{setting}/set", text)
    until(lambda: home.source.feed(SILENCE[:1600]) or referee.last(f"{TOPIC}/{setting}") == state)


def _wait_until_online(referee: Referee) -> None:
    _wait_for(referee, f"{TOPIC}/availability", "online")


def test_no_event_is_lost_or_doubled_when_the_broker_is_killed(
    home: Home, broker: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    referee = Referee(broker.port, session="referee")
    _wait_until_online(referee)
    home.source.feed(np.concatenate([HISS, SILENCE]))
    until(lambda: len(referee.texts(f"{TOPIC}/hiss/event")) == 1)
    referee.close()
    broker.kill()
    home.source.feed(np.concatenate([HISS, SILENCE]))
    until(lambda: "Home Assistant shows the device as unavailable" in caplog.text)
    broker.start()
    again = Referee(broker.port, session="referee")

    def keys(topic: str) -> set[str]:
        return {each["key"] for each in referee.json(topic) + again.json(topic)}

    # Where the referee's acknowledgement died with the broker, the first event comes again: keys tell them apart.
    until(lambda: len(keys(f"{TOPIC}/hiss/event")) == len(keys(TOPIC)) == 2)
    home.stop()
    again.say("referee/all", "heard")
    until(lambda: again.last("referee/all") is not None)
    assert len(keys(TOPIC)) == 2, "what is sent again has the same key"
    assert keys(f"{TOPIC}/hiss/event") == keys(TOPIC)
    again.close()


def test_states_return_to_a_broker_that_lost_them(
    home: Home, broker: Broker, referee: Referee, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    _wait_until_online(referee)
    _command(home, referee, "hiss/sensitivity", "2", "2")
    broker.kill()
    for file in (tmp_path / "broker").glob("*.db"):
        file.unlink()
    until(lambda: "Home Assistant shows the device as unavailable" in caplog.text)
    broker.start()
    late = Referee(broker.port)
    _wait_until_online(late)
    assert late.last(f"{TOPIC}/hiss/sensitivity") == "2"
    components_of(f"homeassistant/device/{DEVICE}/config", late.texts(f"homeassistant/device/{DEVICE}/config")[0])
    home.stop()
    _wait_for(late, f"{TOPIC}/availability", "offline")
    late.close()


@pytest.fixture
def linked(broker: Broker) -> Iterator[link.Link]:
    """A link with one state and one command that has not begun to connect."""
    linked = link.Link(
        BrokerAddress(f"mqtt://127.0.0.1:{broker.port}/{TOPIC}", MqttSettings()),
        f"{TOPIC}/availability",
        [f"{TOPIC}/x/set"],
    )
    linked.state(f"{TOPIC}/x", "ON")
    yield linked
    linked.close()


@pytest.mark.parametrize("at", ["connect", "subscribe", "publish"])
def test_a_link_tells_an_error_that_nobody_foresaw_once_and_connects_again(
    linked: link.Link, referee: Referee, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, at: str
) -> None:
    fails, function = iter([True] * 3), getattr(paho.Client, at)

    def fail_at_first(*words: object, **options: object) -> object:
        if threading.current_thread() is linked._thread and next(fails, False):
            raise ValueError("odd")
        return function(*words, **options)

    monkeypatch.setattr(paho.Client, at, fail_at_first)
    linked.start()
    _wait_until_online(referee)
    assert referee.last(f"{TOPIC}/x") == "ON"
    assert caplog.text.count("an error that was not foreseen (ValueError: odd)") == 1


def test_a_link_whose_client_ends_by_an_error_tells_it_once_and_connects_again(
    linked: link.Link, referee: Referee, caplog: pytest.LogCaptureFixture
) -> None:
    received = list[str]()

    def receive(_topic: str, text: str) -> None:
        received.append(text)
        if text == "bad":
            raise RuntimeError("nobody expects it")

    linked.received = receive
    linked.start()
    _wait_until_online(referee)
    for count in (1, 2):
        referee.say(f"{TOPIC}/x/set", "bad")
        until(lambda n=count: referee.texts(f"{TOPIC}/availability") == ["online"] + n * ["offline", "online"])
    referee.say(f"{TOPIC}/x/set", "good")
    until(lambda: received == ["bad", "bad", "good"])
    assert caplog.text.count("an error that was not foreseen (RuntimeError: nobody expects it)") == 1


def test_everything_is_said_again_when_home_assistant_starts(home: Home, referee: Referee) -> None:
    home.source.feed(SILENCE)
    _wait_until_online(referee)
    states = {topic for topic, _, _ in referee.heard if topic.startswith((TOPIC + "/", "homeassistant/device/"))}
    before = {topic: len(referee.texts(topic)) for topic in states}
    referee.say("homeassistant/status", "online")
    until(lambda: all(len(referee.texts(topic)) > count for topic, count in before.items()))


def test_what_was_set_holds_after_a_restart(
    home: Home, referee: Referee, tiny_detector: Path, caplog: pytest.LogCaptureFixture
) -> None:
    _wait_until_online(referee)
    _command(home, referee, "hiss/sensitivity", "-4", "-4")
    _command(home, referee, "rumble/mute", "ON", "ON")
    home.stop()
    _wait_for(referee, f"{TOPIC}/availability", "offline")
    caplog.set_level("INFO")
    home.detector = Detector.load(tiny_detector)
    home.start()
    _wait_for(referee, f"{TOPIC}/availability", "online")
    assert home.detector.sensitivity == {"rumble": 0, "hiss": -4}
    assert referee.last(f"{TOPIC}/hiss/sensitivity") == "-4"
    assert referee.last(f"{TOPIC}/rumble/mute") == "ON"
    assert "what was set in Home Assistant holds" in caplog.text


def test_an_entity_of_a_class_that_the_next_detector_has_not_is_taken_back(
    broker: Broker, referee: Referee, tmp_path: Path
) -> None:
    topic = f"homeassistant/device/{DEVICE}/config"
    write_tiny_detector(tmp_path / "old.stapes")
    write_tiny_detector(tmp_path / "new.stapes")
    content = json.loads((tmp_path / "new.stapes" / "detector.json").read_text())
    content["classes"][1] = "glass"
    content["events"]["glass"] = content["events"].pop("hiss")
    (tmp_path / "new.stapes" / "detector.json").write_text(json.dumps(content))
    for name in ("old.stapes", "new.stapes"):
        home = Home(broker.port, tmp_path, Detector.load(tmp_path / name)).start()
        _wait_for(referee, f"{TOPIC}/availability", "online")
        home.stop()
        _wait_for(referee, f"{TOPIC}/availability", "offline")
    entities = components_of(topic, referee.texts(topic)[-1])
    taken_back = {place for place, entity in entities.items() if len(entity) == 1}
    assert taken_back == {f"hiss.{what}" for what in ("state", "event", "rate", "score", "sensitivity", "mute")}
    assert "glass.state" in entities


# ---- names

NAMES = ["dog_bark", "Hühner & Hund", "a b", "a/b", "a+b", "#", "+", "glas\n", "犬", "犬 ", "", "x" * 300, "A", "a"]


@pytest.mark.parametrize("name", NAMES)
def test_an_identifier_is_one_that_a_topic_of_discovery_may_hold(name: str) -> None:
    made = identifier(name)
    assert set(made) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
    assert made == identifier(name), "the same in every run"


def _ids(labels: Sequence[str]) -> list[str]:
    return list(Names.of(TOPIC, labels).ids.values())


def test_classes_keep_names_of_their_own_whatever_they_are_called() -> None:
    mapped = identifier("a b")
    labels = [*NAMES, mapped, identifier("a b", [mapped])]
    assert list(Names.of(TOPIC, labels).ids) == labels
    assert len(set(_ids(labels))) == len(labels)
    assert _ids(labels)[-2:] == labels[-2:], "what may stay as it is stays"


def test_a_class_that_is_called_otherwise_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    Entities(BrokerAddress(f"mqtt://broker/{TOPIC}", MqttSettings()), ["bark", "Hühner & Hund"], tmp_path)
    assert caplog.messages == [
        f"class Hühner & Hund is called {identifier('Hühner & Hund')} in MQTT topics and in the ids of Home Assistant"
    ]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("{", "Expecting property name"),
        ("[]", "need an object with sensitivity, muted and announced"),
        ('{"sensitivity": {"a": 99}, "muted": [], "announced": {}}', "need steps from -45 to 45"),
        ('{"sensitivity": {"a": true}, "muted": [], "announced": {}}', "need steps from -45 to 45"),
        ('{"sensitivity": {}, "muted": [1], "announced": {}}', "need a list of classes"),
        ('{"sensitivity": {}, "muted": [], "announced": {"a": 1}}', "need the platform"),
        ("\udcff", "codec can't decode"),
    ],
)
def test_a_damaged_file_of_choices_is_told_and_written_anew(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, content: str, complaint: str
) -> None:
    path = tmp_path / "choices.json"
    path.write_bytes(content.encode(errors="surrogateescape"))
    choices = Choices.read(path)
    assert (choices.sensitivity, choices.muted) == ({}, set())
    assert complaint in caplog.text
    choices.sensitivity["hiss"] = 3
    choices.keep()
    assert Choices.read(path).sensitivity == {"hiss": 3}


def test_choices_that_cannot_be_kept_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    choices = Choices(tmp_path / "file" / "choices.json")
    choices.keep()
    assert "what was set in Home Assistant is lost at the next start" in caplog.text


def test_a_device_that_may_not_announce_itself_is_told(
    tiny_detector: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("STAPES_MQTT_USER", "mic")
    monkeypatch.setenv("STAPES_MQTT_PASSWORD", "secret")
    broker = Broker(tmp_path / "broker", {"mic": "secret"}, f"user mic\ntopic readwrite {TOPIC}/#\n").start()
    home = Home(broker.port, tmp_path, Detector.load(tiny_detector)).start()
    until(lambda: f"user mic may not publish to homeassistant/device/{DEVICE}/config (Not authorized)" in caplog.text)
    home.stop()
    broker.stop()
