"""What is met while a dataset is read: errors that stop it, and notes that a person should know."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field

from stapes.firmware_sim.errors import StapesError

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Note:
    """One thing met in the data that does not stop it from being used."""

    kind: str  # equal for notes that say the same, in the plural, such as "labels without text: left out"
    place: str  # file:line, or the file
    text: str = ""  # what is particular to this place


@dataclass
class Findings:
    """Errors and notes in the order they are met."""

    errors: list[StapesError] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)

    def error(self, error: StapesError) -> None:
        """Keep an error, so that a person sees all of them and not only the first."""
        self.errors.append(error)

    def note(self, kind: str, place: object, text: str = "") -> None:
        """Keep a note."""
        self.notes.append(Note(kind, str(place), text))


def say(notes: Iterable[Note]) -> None:
    """Tell a person what was met, a line per kind."""
    for line in summary(notes):
        logger.warning(line)


def summary(notes: Iterable[Note], places_shown: int = 2) -> list[str]:
    """Return one line per kind of note: how many, what, and the first places."""
    kinds: dict[str, list[str]] = {}
    for each in notes:
        kinds.setdefault(each.kind, []).append(each.place)
    lines = []
    for kind, places in kinds.items():
        more = f" and {len(places) - places_shown} more" if len(places) > places_shown else ""
        lines.append(f"{len(places)} {kind} ({', '.join(places[:places_shown])}{more})")
    return lines
