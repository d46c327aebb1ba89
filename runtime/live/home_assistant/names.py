"""Names for classes and topics that Home Assistant and MQTT accept, whatever they are called."""

import hashlib
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

PREFIX = "homeassistant"  # Home Assistant's default prefix of discovery
BIRTH_TOPIC = f"{PREFIX}/status"


def identifier(name: str, taken: Collection[str] = ()) -> str:
    """Return a name of ASCII letters, digits, _ and - only, which a topic of discovery may hold.

    Any other character becomes _, and a part of the name's SHA-256 keeps names apart that would become the same; it is
    as long as it takes to differ from those that are `taken`.

    >>> identifier("dog_bark"), identifier("Hühner & Hund")
    ('dog_bark', 'H_hner_Hund_e54c3dc8')
    """
    if re.fullmatch("[A-Za-z0-9_-]+", name) and name not in taken:
        return name
    readable, digest = re.sub("[^A-Za-z0-9-]+", "_", name), hashlib.sha256(name.encode()).hexdigest()
    lengths = range(8, len(digest) + 1)
    return next(made for length in lengths if (made := f"{readable}_{digest[:length]}") not in taken)


@dataclass(frozen=True)
class Names:
    """The topics and ids of a device and its classes."""

    topic: str  # below it stand all topics but those of discovery
    device_id: str
    ids: dict[str, str]  # label -> id

    @classmethod
    def of(cls, topic: str, labels: Sequence[str]) -> "Names":
        """Return the names of a device whose records go to `topic`, and of its classes."""
        ids: dict[str, str] = {}
        # Labels that stay as they are come first, so that no other one takes their name.
        for label in sorted(labels, key=lambda label: identifier(label) != label):
            ids[label] = identifier(label, ids.values())
        return cls(topic, identifier(topic), {label: ids[label] for label in labels})

    @property
    def discovery(self) -> str:
        """The topic of the announcement."""
        return f"{PREFIX}/device/{self.device_id}/config"

    @property
    def availability(self) -> str:
        """The topic that says whether the device is connected: online or offline."""
        return f"{self.topic}/availability"

    @property
    def diagnostics(self) -> str:
        """The topic of the figures of the device as a whole, in JSON."""
        return f"{self.topic}/diagnostics"

    def of_class(self, label: str, what: str) -> str:
        """Return a topic of a class, such as its `state`."""
        return f"{self.topic}/{self.ids[label]}/{what}"
