"""What is found while a dataset is read: errors, which prevent its use, and notes, which do not."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field

from stapes.firmware_sim.errors import StapesError

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Note:
    """Something in the data that the user should know but that does not prevent its use."""

    kind: str  # the same for all notes about the same thing; in the plural, such as "labels without text: left out"
    place: str  # file:line, or the file
    text: str = ""  # details of this place


@dataclass
class Findings:
    """Errors and notes in the order in which they were found."""

    errors: list[StapesError] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)

    def error(self, error: StapesError) -> None:
        """Keep an error, so that the user sees all errors and not only the first."""
        self.errors.append(error)

    def note(self, kind: str, place: object, text: str = "") -> None:
        """Keep a note."""
        self.notes.append(Note(kind, str(place), text))


def log_notes(notes: Iterable[Note]) -> None:
    """Log the notes as warnings, one line per kind."""
    for line in summary(notes):
        logger.warning(line)


def summary(notes: Iterable[Note], places_shown: int = 2) -> list[str]:
    """Return one line per kind of note: their number, the kind, and the first places."""
    kinds: dict[str, list[str]] = {}
    for each in notes:
        kinds.setdefault(each.kind, []).append(each.place)
    lines = []
    for kind, places in kinds.items():
        more = f" and {len(places) - places_shown} more" if len(places) > places_shown else ""
        lines.append(f"{len(places)} {kind} ({', '.join(places[:places_shown])}{more})")
    return lines
