"""Sends records to an MQTT broker."""

from collections.abc import Callable, Sequence

from stapes.runtime.live.mqtt.broker import Broker, BrokerError, Client, Message
from stapes.runtime.live.sinks.outbox import UnreachableError


class MqttReceiver:
    """Publishes records; one counts as delivered when the broker has acknowledged it and what goes with it.

    further: returns what else a record, given as JSON, is published as.
    """

    def __init__(self, broker: Broker, further: Callable[[str], Sequence[Message]] = lambda _record: ()) -> None:
        self.name = broker.name
        self._broker, self._further = broker, further
        self._client: Client | None = None

    def deliver(self, key: str, payload: str) -> None:
        """Publish and wait for the broker's acknowledgement. Raises UnreachableError when there is none.

        Raises what ended the client's thread, too.
        """
        del key  # the payload contains it
        messages = [Message(self._broker.topic, payload), *self._further(payload)]
        try:
            self._broker.publish(self._connected(), messages)
        except Exception as error:
            # The client would send the record again by itself. The outbox does that, so the client is discarded.
            self.close()
            if isinstance(error, BrokerError):
                raise UnreachableError(str(error)) from None
            raise

    def close(self) -> None:
        """Disconnect from the broker."""
        if self._client is not None:
            self._client.disconnect()
            self._client.loop_stop()
            self._client = None

    def _connected(self) -> Client:
        if self._client is not None and self._client.failure is not None:
            raise self._client.failure
        if self._client is None or not self._client.is_connected():
            self.close()
            self._client = self._broker.connect()
        return self._client
