"""What was set for the classes in Home Assistant, kept in a file so that a restart changes nothing."""

import json
import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stapes.firmware_sim.errors import OutputError
from stapes.firmware_sim.outputs import write_whole
from stapes.runtime.live.home_assistant.discovery import MOST_STEPS

logger = logging.getLogger(__name__)


@dataclass
class Choices:
    """Sensitivities and muted classes, by label, and all entities that were ever announced.

    Labels that the detector does not know stay in the file: the next detector may know them again.
    """

    path: Path
    sensitivity: dict[str, int] = field(default_factory=dict)  # steps
    muted: set[str] = field(default_factory=set)
    announced: dict[str, str] = field(default_factory=dict)  # place in the announcement -> platform

    @classmethod
    def read(cls, path: Path) -> "Choices":
        """Return what the file holds; nothing when there is none. A damaged file is reported and replaced later."""
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            return cls(path, **_checked(content))
        except FileNotFoundError:
            return cls(path)
        except (OSError, ValueError, RecursionError) as error:
            logger.warning(
                f"{path} cannot be read ({error}); what was set in Home Assistant is forgotten: sensitivities are "
                "those of the command line, and no class is muted"
            )
            return cls(path)

    def keep(self) -> None:
        """Write the file; a failure is reported, and the choices hold until the end of the program."""
        content = {"sensitivity": self.sensitivity, "muted": sorted(self.muted), "announced": self.announced}
        try:
            write_whole(self.path, json.dumps(content, indent=2) + "\n")
        except OutputError as error:
            logger.warning(f"what was set in Home Assistant is lost at the next start: {error}")


def _checked(content: Any) -> dict[str, Any]:
    """Return the fields of a file. Raises ValueError for what no `keep` has written."""
    if not isinstance(content, dict) or set(content) != {"sensitivity", "muted", "announced"}:
        raise ValueError("need an object with sensitivity, muted and announced")
    sensitivity, muted, announced = content["sensitivity"], content["muted"], content["announced"]
    if not isinstance(sensitivity, dict) or not all(map(is_steps, sensitivity.values())):
        raise ValueError(f"sensitivity: need steps from {-MOST_STEPS} to {MOST_STEPS} for each class")
    if not isinstance(muted, list) or not all(isinstance(label, str) for label in muted):
        raise ValueError("muted: need a list of classes")
    if not isinstance(announced, dict) or not all(isinstance(each, str) for each in announced.values()):
        raise ValueError("announced: need the platform of each entity")
    return {"sensitivity": sensitivity, "muted": set(muted), "announced": announced}


def is_steps(value: object) -> bool:
    """Return whether a value is a sensitivity that can be set."""
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= MOST_STEPS
