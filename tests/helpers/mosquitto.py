"""Debian's mosquitto on a port of its own, with passwords, rights and TLS where a test wants them."""

import json
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest


def until(reached: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait until a condition holds; AssertionError when it does not in time."""
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline, "not reached in time"
        time.sleep(0.01)


class Broker:
    """A broker whose sessions and retained messages survive its restart.

    logins: user -> password; without any, everybody may connect. rights: the lines of mosquitto's access list.
    certificate: a file of PEM with the certificate and the key of the broker. ca: its clients must show a certificate
    of this authority.
    """

    def __init__(
        self,
        folder: Path,
        logins: Mapping[str, str] | None = None,
        rights: str = "",
        certificate: Path | None = None,
        ca: Path | None = None,
    ) -> None:
        program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
        if program is None:
            pytest.skip("needs Debian's mosquitto")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        folder.mkdir()
        folder.chmod(0o777)
        lines = [
            f"listener {self.port} 127.0.0.1",
            "persistence true",
            "autosave_on_changes true",
            "autosave_interval 1",
            f"persistence_location {folder}/",
            "max_queued_messages 0",
            "user root",
            f"allow_anonymous {'false' if logins else 'true'}",
        ]
        if logins:
            self._write_passwords(folder / "passwords", logins)
            lines.append(f"password_file {folder}/passwords")
        if rights:
            (folder / "rights").write_text(rights)
            lines.append(f"acl_file {folder}/rights")
        if certificate is not None:
            lines += [f"certfile {certificate}", f"keyfile {certificate}"]
        if ca is not None:
            lines += [f"cafile {ca}", "require_certificate true"]
        (folder / "mosquitto.conf").write_text("\n".join(lines) + "\n")
        self._command = [program, "-c", str(folder / "mosquitto.conf")]

    def _write_passwords(self, path: Path, logins: Mapping[str, str]) -> None:
        path.touch(0o600)
        for user, password in logins.items():
            subprocess.run(["mosquitto_passwd", "-b", str(path), user, password], check=True)

    def start(self) -> "Broker":
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until(self._answers)
        return self

    def _answers(self) -> bool:
        assert self._process.poll() is None, "mosquitto ended"
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(10)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(10)


class Referee:
    """A client that hears all topics, as Home Assistant and any other program would, and may publish commands.

    session: a name under which the broker keeps messages for it while it is away.
    """

    def __init__(
        self, port: int, user: str = "", password: str = "", ca: Path | None = None, session: str = ""
    ) -> None:
        import paho.mqtt.client as paho

        self.heard: list[tuple[str, str, bool]] = []  # topic, text, whether it was retained
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2, session, clean_session=not session)
        if user:
            self._client.username_pw_set(user, password)
        if ca is not None:
            self._client.tls_set(str(ca))
        subscribed = threading.Event()
        self._client.on_subscribe = lambda *_: subscribed.set()
        self._client.on_message = lambda _client, _data, message: self.heard.append(
            (message.topic, message.payload.decode(), message.retain)
        )
        self._client.connect("127.0.0.1", port)
        self._client.subscribe("#", qos=1)
        self._client.loop_start()
        assert subscribed.wait(10)

    def texts(self, topic: str) -> list[str]:
        """Return what was published to a topic, in order."""
        return [text for place, text, _ in self.heard if place == topic]

    def last(self, topic: str) -> str | None:
        """Return what was published to a topic last."""
        return (self.texts(topic) or [None])[-1]

    def json(self, topic: str) -> list[dict]:
        """Return what was published to a topic, in order, as JSON."""
        return [json.loads(text) for text in self.texts(topic)]

    def say(self, topic: str, text: str, retain: bool = False) -> None:
        self._client.publish(topic, text, qos=1, retain=retain).wait_for_publish(10)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()
