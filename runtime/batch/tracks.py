"""Label tracks and a choice of events, for a person who checks what was found."""

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from stapes.firmware_sim.errors import OutputError
from stapes.firmware_sim.outputs import write_whole
from stapes.runtime.labels import Annotation, write_audacity, write_raven

EventRow = list[str]  # a row of the table of events
_Ranked = tuple[float, int, EventRow, Annotation]  # (rank, minus the event's number, row, event)


@dataclass(frozen=True)
class TrackFormat:
    """One format of label tracks."""

    ending: str  # follows the name of the recording
    write: Callable[[Sequence[Annotation], int], str]  # (events, upper edge in Hz of boxes) -> text of the track


def _audacity(events: Sequence[Annotation], _high_hz: int) -> str:
    """Write the confidence after the label, so that a person sees which events are doubtful."""
    return write_audacity(
        Annotation(event.onset, event.offset, f"{event.label} {event.confidence:.2f}") for event in events
    )


def _raven(events: Sequence[Annotation], high_hz: int) -> str:
    """Write Raven's own columns and a column Confidence, by which Raven can sort."""
    confidences = ["Confidence", *(f"{event.confidence:.3f}" for event in events)]
    lines = write_raven(events, high_hz).splitlines()
    return "".join(f"{line}\t{confidence}\n" for line, confidence in zip(lines, confidences, strict=True))


TRACK_FORMATS = {
    "audacity": TrackFormat(".txt", _audacity),
    "raven": TrackFormat(".Table.1.selections.txt", _raven),
}


@dataclass(frozen=True)
class Tracks:
    """A folder of label tracks, each named after its recording."""

    folder: Path
    format: str  # one of TRACK_FORMATS
    high_hz: int  # upper edge of Raven's boxes

    def write(self, recording: str, events: Sequence[Annotation]) -> None:
        """Write a track unless it exists, because a person may have corrected it. Raises OutputError on failure."""
        form = TRACK_FORMATS[self.format]
        path = self.folder / f"{recording}{form.ending}"
        if path.exists():
            return
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"{path.parent}: cannot be made ({error.strerror})") from error
        write_whole(path, form.write(events, self.high_hz))


class Check:
    """Chooses the `count` most certain and the `count` most doubtful events of each class in a whole run."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._surest: dict[str, list[_Ranked]] = {}
        self._doubtful: dict[str, list[_Ranked]] = {}
        self._seen = 0

    def add(self, events: Iterable[tuple[EventRow, Annotation]]) -> None:
        """Consider events with their rows of the table. Among events of equal confidence the first are chosen."""
        for row, event in events:
            self._seen += 1
            confidence = event.confidence or 0.0
            for chosen, rank in ((self._surest, confidence), (self._doubtful, -confidence)):
                best = chosen.setdefault(event.label, [])
                heapq.heappush(best, (rank, -self._seen, row, event))
                if len(best) > self.count:
                    heapq.heappop(best)

    def chosen(self) -> Iterator[tuple[str, EventRow, Annotation]]:
        """Yield (`surest` or `doubtful`, row, event), class by class, the most certain and the most doubtful first.

        In a class with few events, an event can be among both; it is then yielded only as `surest`.
        """
        for label in sorted(self._surest):
            surest, doubtful = (sorted(each[label], reverse=True) for each in (self._surest, self._doubtful))
            both = {number for _, number, _, _ in surest}
            yield from (("surest", row, event) for _, _, row, event in surest)
            yield from (("doubtful", row, event) for _, number, row, event in doubtful if number not in both)
