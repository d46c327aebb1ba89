"""Connects to an MQTT broker."""

import queue
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

from stapes.firmware_sim.errors import ConfigError
from stapes.runtime.live.mqtt.faults import fault_of, no_answer, not_allowed, refusal
from stapes.runtime.live.mqtt.settings import MqttSettings, login_of
from stapes.runtime.live.sinks.outbox import split_address

ANSWER_S = 10.0
KEEP_ALIVE_S = 30  # after one and a half times as long, the broker tells others that a silent client is gone


class BrokerError(OSError):
    """The broker cannot be used now; the message says why and what to do."""


@dataclass(frozen=True)
class Message:
    """A text for a topic, published with QoS 1."""

    topic: str
    text: str
    retain: bool = False  # the broker keeps it for those who subscribe later


class Client(paho.Client):
    """A connection to a broker, with a thread of its own. failure: the exception that ended the thread, if one did.

    Such a connection is closed without a farewell, so that the broker publishes the will.
    """

    failure: Exception | None = None

    def loop_forever(self, timeout: float = 1.0, retry_first_connection: bool = False) -> MQTTErrorCode:
        """Do the work of the thread, until the connection ends."""
        try:
            return super().loop_forever(timeout, retry_first_connection)
        except Exception as error:
            self.failure = error
            if (connection := self.socket()) is not None:
                connection.close()
            self.disconnect()  # from now on is_connected() says no
            lost: Any = self.on_disconnect
            lost()
            return MQTTErrorCode.MQTT_ERR_UNKNOWN


class Broker:
    """The address of a broker and what is needed to log in; `connect` makes a connection.

    url: mqtt://[user[:password]@]host[:port]/topic, mqtts:// for TLS. MQTT 5 is spoken, because it says when a user may
    not publish; after a broker has refused that version, the next connection speaks MQTT 3.1.1.
    Raises ConfigError without a possible host or a topic, and for files of `settings` that cannot be used.
    """

    def __init__(self, url: str, settings: MqttSettings) -> None:
        parts = split_address(url)
        self._settings, self._encrypted = settings, parts.scheme == "mqtts"
        self._host, self._port = parts.hostname or "", parts.port or (8883 if self._encrypted else 1883)
        self.topic = unquote(parts.path.removeprefix("/"))
        self.name = f"{parts.scheme}://{self._host}:{self._port}/{self.topic}"
        try:
            self._host.encode("idna")  # as whoever connects does
        except UnicodeError:
            raise ConfigError(
                f"--to {self.name}: no host has this name; between its dots must stand 1 to 63 letters, digits or -"
            ) from None
        if not _is_topic(self.topic) or parts.query or parts.fragment or url[-1] in "?#":
            raise ConfigError(
                f"--to {self.name}: need {parts.scheme}://HOST[:PORT]/TOPIC with a topic without +, # and ?; + and # "
                "are for subscribers only, and records go to one topic"
            )
        self._login, self.url_holds_password = login_of(parts, settings), bool(parts.password)
        if settings.names_tls and not self._encrypted:
            raise ConfigError(f"--to {self.name}: --ca and --client-certificate are for TLS; write mqtts://")
        self._protocol = paho.MQTTv5
        self._tls()

    @property
    def user(self) -> str:
        """The name of the user that logs in; empty when there is none."""
        return self._login.user

    def connect(self, will: Message | None = None) -> Client:
        """Return a client that is connected and whose thread runs. The broker publishes `will` when it is lost.

        Its `on_disconnect` may be called without arguments. Raises BrokerError, and what ended the client's thread.
        """
        client = Client(CallbackAPIVersion.VERSION2, protocol=self._protocol, reconnect_on_failure=False)
        if will is not None:
            client.will_set(will.topic, will.text, qos=1, retain=will.retain)
        if self._login.user:
            client.username_pw_set(self._login.user, self._login.password)
        answers: queue.SimpleQueue[Any] = queue.SimpleQueue()
        client.on_connect = lambda _client, _data, _flags, reason, _properties: answers.put(reason)
        client.on_disconnect = lambda *_: answers.put(None)
        try:
            if (context := self._tls()) is not None:
                client.tls_set_context(context)
            client.connect(self._host, self._port, KEEP_ALIVE_S)
        except ConfigError as error:  # a file that has changed since the start
            raise BrokerError(str(error)) from None
        except OSError as error:
            raise BrokerError(fault_of(error, self._host, self._port, self._encrypted)) from None
        client.loop_start()
        try:
            self._require_accepted(answers)
        except BrokerError as error:
            client.loop_stop()
            raise (client.failure or error) from None
        return client

    def publish(self, client: Client, messages: Sequence[Message]) -> None:
        """Publish one message after the other, each when the one before is acknowledged.

        Raises BrokerError, and what ended the client's thread.
        """
        refused: dict[int, str] = {}

        def acknowledged(_client: Any, _data: Any, number: int, reason: Any, _properties: Any) -> None:
            if reason.is_failure:
                refused[number] = str(reason)

        client.on_publish = acknowledged
        for message in messages:
            try:
                sent = client.publish(message.topic, message.text, qos=1, retain=message.retain)
                sent.wait_for_publish(ANSWER_S)
            except (RuntimeError, ValueError) as error:
                raise (client.failure or BrokerError(str(error))) from None
            if not sent.is_published():
                raise client.failure or BrokerError(f"no acknowledgement within {ANSWER_S:g} s")
            if sent.mid in refused:
                raise BrokerError(not_allowed(f"publish to {message.topic}", self.user, refused[sent.mid]))

    def _require_accepted(self, answers: "queue.SimpleQueue[Any]") -> None:
        try:
            reason = answers.get(timeout=ANSWER_S)
        except queue.Empty:
            raise BrokerError(f"no answer within {ANSWER_S:g} s") from None
        if reason is not None and not reason.is_failure:
            return
        if reason is None:  # no sign of another version: brokers that restart, and proxies in front of them, do it, too
            raise BrokerError(no_answer(self._encrypted, self._settings.certificate is not None))
        if str(reason) == "Unsupported protocol version":
            self._protocol = paho.MQTTv311 if self._protocol == paho.MQTTv5 else paho.MQTTv5
        raise BrokerError(refusal(str(reason), self.user))

    def _tls(self) -> ssl.SSLContext | None:
        """Return what verifies the broker and shows the client's certificate; None for a connection without TLS."""
        if not self._encrypted:
            return None
        context = ssl.create_default_context()
        settings = self._settings
        if settings.ca is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            try:
                context.load_verify_locations(settings.ca)
            except (OSError, ssl.SSLError) as error:
                raise ConfigError(f"--ca {settings.ca}: {_unusable(error)}; need certificates in PEM") from None
        if settings.key is not None and settings.certificate is None:
            raise ConfigError(f"--client-key {settings.key}: its certificate is missing; add --client-certificate FILE")
        if settings.certificate is not None:
            try:
                # Without a password OpenSSL would ask for it on the terminal.
                context.load_cert_chain(settings.certificate, settings.key, password=lambda: b"")
            except (OSError, ssl.SSLError) as error:
                raise ConfigError(
                    f"--client-certificate {settings.certificate}: {_unusable(error)}; need a certificate and its key "
                    "in PEM, the key without a password, in the same file or in that of --client-key"
                ) from None
        return context


def _is_topic(topic: str) -> bool:
    """Return whether records can be published to a topic: the rules of MQTT, and no control characters."""
    return bool(topic) and topic.isprintable() and not set(topic) & set("+#")


def _unusable(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return f"it cannot be used ({error.reason or 'it holds no PEM'})"
    return f"it cannot be read ({error.strerror})"
