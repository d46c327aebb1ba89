"""Sends records to an MQTT broker."""

import os
import threading
from typing import Any
from urllib.parse import unquote

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from stapes.firmware_sim.errors import ConfigError
from stapes.runtime.live.sinks.outbox import UnreachableError, split_address

ANSWER_S = 10.0


class MqttReceiver:
    """Publishes with QoS 1: a record counts as delivered when the broker has acknowledged it.

    url: mqtt://[user[:password]@]host[:port]/topic, mqtts:// for TLS. The password may come from the environment
    variable STAPES_MQTT_PASSWORD instead. Raises ConfigError without a host or a topic.
    """

    def __init__(self, url: str) -> None:
        parts = split_address(url)
        self._secure, self._user = parts.scheme == "mqtts", unquote(parts.username or "")
        self._password = unquote(parts.password) if parts.password else os.environ.get("STAPES_MQTT_PASSWORD")
        self._host, self._port = parts.hostname or "", parts.port or (8883 if self._secure else 1883)
        self._topic = unquote(parts.path.removeprefix("/"))
        self.name = f"{parts.scheme}://{self._host}:{self._port}/{self._topic}"
        if not self._topic or set(self._topic) & set("+#\0") or parts.query or parts.fragment or url[-1] in "?#":
            raise ConfigError(
                f"--to {self.name}: need {parts.scheme}://HOST[:PORT]/TOPIC with a topic without +, # and ?; + and # "
                "are for subscribers only, and records go to one topic"
            )
        self._client: paho.Client | None = None

    def deliver(self, key: str, payload: str) -> None:
        """Publish and wait for the broker's acknowledgement. Raises UnreachableError when there is none."""
        del key  # the payload contains it
        try:
            client = self._connected()
            message = client.publish(self._topic, payload, qos=1)
            message.wait_for_publish(ANSWER_S)
            acknowledged = message.is_published()
        except (OSError, RuntimeError, ValueError) as error:
            self.close()
            raise UnreachableError(str(error)) from None
        if not acknowledged:
            # The client would send the record again by itself. The outbox does that, so the client is discarded.
            self.close()
            raise UnreachableError(f"no acknowledgement within {ANSWER_S:g} s")

    def close(self) -> None:
        """Disconnect from the broker."""
        if self._client is not None:
            self._client.disconnect()
            self._client.loop_stop()
            self._client = None

    def _connected(self) -> paho.Client:
        if self._client is not None and self._client.is_connected():
            return self._client
        self.close()
        client = paho.Client(CallbackAPIVersion.VERSION2, reconnect_on_failure=False)
        if self._secure:
            client.tls_set()
        if self._user:
            client.username_pw_set(self._user, self._password)
        answered, refusals = threading.Event(), []

        def on_connect(_client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
            if reason.is_failure:
                refusals.append(str(reason))
            answered.set()

        client.on_connect = on_connect
        client.connect(self._host, self._port)
        client.loop_start()
        self._client = client
        if not answered.wait(ANSWER_S):
            raise OSError(f"no answer within {ANSWER_S:g} s")
        if refusals:
            raise OSError(f"refused: {refusals[0]}")
        return client
