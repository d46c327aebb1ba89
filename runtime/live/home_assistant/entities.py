"""The classes of a detector as entities: their names, what was set for them, and how their events are published."""

import json
import logging
from collections.abc import Sequence
from pathlib import Path

from stapes.runtime.live.home_assistant.choices import Choices
from stapes.runtime.live.home_assistant.names import Names
from stapes.runtime.live.mqtt.broker import Broker, Message

logger = logging.getLogger(__name__)


class Entities:
    """broker: where the records go, too. folder: keeps what was set in Home Assistant."""

    def __init__(self, broker: Broker, labels: Sequence[str], folder: Path) -> None:
        self.broker, self.names = broker, Names.of(broker.topic, labels)
        self.choices = Choices.read(folder / f"home-assistant-{self.names.device_id}.json")
        for label, made in self.names.ids.items():
            if made != label:
                logger.info(f"class {label} is called {made} in MQTT topics and in the ids of Home Assistant")

    def is_muted(self, label: str) -> bool:
        """Return whether Home Assistant is to hear nothing of a class."""
        return label in self.choices.muted

    def messages(self, record: str) -> Sequence[Message]:
        """Return the message of a class's event entity for a record in JSON; none for other records.

        It holds what Home Assistant asks of it (event_type) and the label, the onset in seconds and where it is known
        in UTC, the length in seconds, the confidence and the key.
        """
        fields = json.loads(record)
        label = fields["label"]
        if fields["kind"] != "event" or label not in self.names.ids or self.is_muted(label):
            return ()
        event = {"event_type": label, "label": label, "onset": fields["onset"], "utc": fields.get("utc")}
        event |= {"length": round(fields["offset"] - fields["onset"], 6)}
        event |= {"confidence": fields.get("confidence"), "key": fields["key"]}
        text = json.dumps({name: value for name, value in event.items() if value is not None})
        return (Message(self.names.of_class(label, "event"), text),)
