"""A connection to a broker that is kept up, and the states that the broker is to know."""

import logging
import queue
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Literal

import paho.mqtt.client as paho

from stapes.runtime.live.home_assistant.discovery import OFFLINE, ONLINE
from stapes.runtime.live.home_assistant.names import BIRTH_TOPIC
from stapes.runtime.live.mqtt.broker import Broker, BrokerError, Client, Message
from stapes.runtime.live.mqtt.faults import not_allowed

logger = logging.getLogger(__name__)

FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 30.0
LAST_WORDS_S = 5.0  # how long closing waits for the broker's last acknowledgement


class Link:
    """Publishes states, retained and with QoS 1, and passes on what others publish to the topics `commands`.

    The broker gets all states anew after each connection, and when Home Assistant says that it has started. It says
    "offline" at the topic `availability` when the connection is lost. `received(topic, text)` is called in another
    thread.
    """

    def __init__(self, broker: Broker, availability: str, commands: Sequence[str]) -> None:
        self._broker, self._availability = broker, availability
        self._topics = [BIRTH_TOPIC, *commands]
        self.received: Callable[[str, str], None] = lambda _topic, _text: None
        self._states: dict[str, str] = {}
        self._lock = threading.Lock()  # held while a state changes and is published: what is published last holds
        self._client: Client | None = None
        self._sent: dict[int, str] = {}  # number of a message -> its topic, until it is acknowledged
        self._warned: set[str] = set()
        self._happened: queue.SimpleQueue[Literal["lost", "birth", "close"]] = queue.SimpleQueue()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._keep, name=f"link {broker.name}", daemon=True)

    def start(self) -> None:
        """Begin to connect, in another thread."""
        self._thread.start()

    def state(self, topic: str, text: str) -> None:
        """Let the broker know a state, now or when it can be reached; nothing is sent when it has not changed."""
        with self._lock:
            if self._states.get(topic) != text:
                self._states[topic] = text
                self._publish(topic, text)

    def close(self) -> None:
        """Say that the device is gone, and disconnect."""
        self._closing.set()
        self._happened.put("close")
        self._thread.join(2 * LAST_WORDS_S)

    def _keep(self) -> None:
        """Connect, stay connected, and connect again, until the link is closed."""
        wait_s, down = FIRST_WAIT_S, False
        while not self._closing.is_set():
            try:
                client = self._broker.connect(Message(self._availability, OFFLINE, retain=True))
                if down:
                    logger.warning(f"{self._broker.name} is back; Home Assistant gets the states of the device")
                down = False
                self._use(client)
                wait_s = FIRST_WAIT_S
                continue
            except BrokerError as error:
                if not down:
                    logger.warning(
                        f"{self._broker.name} cannot be reached ({error}); Home Assistant shows the device as "
                        "unavailable, and gets its states as soon as the broker is back"
                    )
                down = True
            except Exception as error:  # without this thread, Home Assistant would never hear of the device again
                self._warn(
                    f"{self._broker.name}: an error that was not foreseen ({type(error).__name__}: {error}); Home "
                    "Assistant gets the states of the device over another connection"
                )
            self._closing.wait(wait_s)
            wait_s = min(2 * wait_s, LONGEST_WAIT_S)

    def _use(self, client: Client) -> None:
        """Publish over a connection until it is lost or the link is closed. Raises what ended the client's thread."""
        what: Literal["lost", "birth", "close"] = "birth"
        self._happened = queue.SimpleQueue()
        if self._closing.is_set():
            self._happened.put("close")
        client.on_disconnect = lambda *_: self._happened.put("lost")
        client.on_message, client.on_subscribe, client.on_publish = self._heard, self._subscribed, self._acknowledged
        if not client.is_connected():
            self._happened.put("lost")
        try:
            client.subscribe([(topic, 1) for topic in self._topics])
            self._say_all(client)
            while (what := self._happened.get()) == "birth":
                self._say_all(client)
        finally:
            with self._lock:
                self._client = None
            if what != "lost":
                with suppress(Exception):  # the broker may be gone by now
                    client.publish(self._availability, OFFLINE, qos=1, retain=True).wait_for_publish(LAST_WORDS_S)
            client.disconnect()
            client.loop_stop()
        if client.failure is not None:
            raise client.failure

    def _say_all(self, client: Client) -> None:
        """Publish every state, in the order in which they were first known, and then that the device is there."""
        with self._lock:
            self._client = client
            for topic, text in self._states.items():
                self._publish(topic, text)
            self._publish(self._availability, ONLINE)

    def _publish(self, topic: str, text: str) -> None:
        """Publish without waiting for the broker; called with the lock held."""
        if self._client is not None:
            sent = self._client.publish(topic, text, qos=1, retain=True)
            self._sent[sent.mid] = topic

    # Called in the client's thread. None of these may wait for the lock: publishing waits for that thread.

    def _heard(self, _client: Any, _data: Any, message: paho.MQTTMessage) -> None:
        text = message.payload.decode(errors="replace")
        if message.topic == BIRTH_TOPIC:
            if text == ONLINE:
                self._happened.put("birth")
        elif message.retain:  # would be obeyed again after every connection, whatever was set since
            self._warn(f"{message.topic}: a retained command is not obeyed; publish commands without the flag retain")
        else:
            self.received(message.topic, text)

    def _subscribed(self, _client: Any, _data: Any, _number: int, reasons: Sequence[Any], _properties: Any) -> None:
        for topic, reason in zip(self._topics, reasons, strict=False):
            if reason.is_failure:
                self._warn(f"{self._broker.name}: {not_allowed(f'read {topic}', self._broker.user, str(reason))}")

    def _acknowledged(self, _client: Any, _data: Any, number: int, reason: Any, _properties: Any) -> None:
        topic = self._sent.pop(number, f"a topic of {self._broker.topic}")
        if reason.is_failure:
            self._warn(f"{self._broker.name}: {not_allowed(f'publish to {topic}', self._broker.user, str(reason))}")

    def _warn(self, message: str) -> None:
        """Log a warning that has not been logged before."""
        if message not in self._warned:
            self._warned.add(message)
            logger.warning(message)
