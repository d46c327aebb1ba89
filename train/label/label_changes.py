"""Changes of the labels of one recording, in the text of the file that holds them."""

from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from stapes.firmware_sim.errors import LabelError
from stapes.runtime.labels import Annotation
from stapes.train.label.label_text import Event, Piece, Table, Track

REMEMBERED = 10_000  # texts of rows


class LabelConflictError(LabelError):
    """What was to be changed is not in the file. `events`: what is there instead, by time."""

    def __init__(self, message: str, events: list[Annotation]) -> None:
        super().__init__(message)
        self.events = events


@dataclass(frozen=True)
class Change:
    """A label that replaces another: without `before` it is added, without `after` the other is removed."""

    before: Event | None
    after: Event | None


@dataclass(frozen=True)
class _Removed:
    """A row that was changed or removed: where it stood, and the row that followed it then, if it was removed."""

    text: str
    name: str  # of the recording, as the row has it
    index: int
    following: str | None
    is_first: bool = False  # of its recording: it was added when there was no other


@dataclass
class Memory:
    """How rows were written before they were changed, so that a change that is undone brings back the same bytes.

    Keys hold the recording and the event. What is forgotten is written anew, in the style of the file.
    """

    rows: "OrderedDict[object, list[_Removed]]" = field(
        default_factory=OrderedDict
    )  # of each event, the last at the end
    origins: "OrderedDict[object, str | None]" = field(default_factory=OrderedDict)  # what an added row replaced

    def keep(self, key: object, row: _Removed) -> None:
        """Keep a row that is changed or removed."""
        self.rows.setdefault(key, []).append(row)
        if len(self.rows) > REMEMBERED:
            self.rows.popitem(last=False)

    def recall(self, key: object, suits: Callable[[_Removed], bool]) -> _Removed | None:
        """Return the last row that was kept for an event, and forget it; None when there is none that suits."""
        kept = self.rows.get(key, [])
        last = next((index for index in reversed(range(len(kept))) if suits(kept[index])), None)
        return None if last is None else kept.pop(last)

    def keep_origin(self, key: object, text: str | None) -> None:
        """Keep the text of the row without times that an event filled; None where it has a row of its own."""
        self.origins[key] = text
        if len(self.origins) > REMEMBERED:
            self.origins.popitem(last=False)


class RecordingRows:
    """The rows of one recording in a label file, which are those with its own names.

    `name` is the one that a first row gets; in a track all rows have the name "".
    """

    def __init__(self, text: Table | Track, recording: str, name: str, own_names: set[str], memory: Memory):
        self.text, self._recording, self._name = text, recording, name
        self._own_names, self._memory = own_names, memory

    @property
    def events(self) -> list[Annotation]:
        """Its events, by time."""
        return by_time(each.event for each in self.text.pieces if each.event and each.name in self._own_names)

    def change(self, change: Change) -> None:
        """Make one change. Raises LabelConflictError when the event before it is not there."""
        if change.before is None:
            if change.after is not None:
                self._add(change.after)
        elif change.after is None:
            self._remove(self._find(change.before), change.before)
        else:
            self._replace(self._find(change.before), change.before, change.after)

    def require_no_events(self, what: str) -> None:
        """Raise LabelConflictError when there are events."""
        if events := self.events:
            raise LabelConflictError(
                f"{self._recording} has {len(events)} labels, so it is not {what}; remove them", events
            )

    def add_empty(self) -> None:
        """Add a row without times to a table, unless there is a row."""
        if isinstance(self.text, Table) and not self._indices():
            self._insert(self._end(), Piece(self.text.new(self._name, None) + self.text.line_end, self._name), None)

    def remove_empty(self) -> None:
        """Remove the rows without times. Raises LabelError when a row says something else."""
        text = self.text
        if isinstance(text, Table):
            for index in reversed(self._indices()):
                if any(cell.strip('" ') for cell in text.others(text.pieces[index].text)[1:]):
                    raise LabelError(
                        f"{text.path}: the row of {self._recording} has further columns, such as its group, and would "
                        "be lost; delete it by hand"
                    )
                del text.pieces[index]

    def _indices(self) -> list[int]:
        return [index for index, each in enumerate(self.text.pieces) if each.name in self._own_names]

    def _find(self, event: Event) -> int:
        for index in self._indices():
            there = self.text.pieces[index].event
            if there is not None and Event.of(there).key == event.key:
                return index
        raise LabelConflictError(
            f"{self._recording}: {event.label!r} from {event.onset:g} s to {event.offset:g} s is not in "
            f"{self.text.path.name} any more; another program or window has changed it",
            self.events,
        )

    def _key(self, event: Event) -> object:
        return self.text.path, self._recording, event.key

    def _recalled(self, event: Event, like: str, was_removed: bool) -> str | None:
        """Return how an event was written before it was changed or removed, if the rest of its row was the same."""
        others = self.text.others(like)
        before = self._memory.recall(
            self._key(event),
            lambda row: (row.following is not None) == was_removed and self.text.others(row.text) == others,
        )
        return before.text if before else None

    def _require_new(self, event: Event) -> None:
        """Raise LabelConflictError when there is such an event, unless it is one of two that were there before."""
        if not self._memory.rows.get(self._key(event)) and event.key in [Event.of(each).key for each in self.events]:
            times = f"from {event.onset:g} s to {event.offset:g} s"
            raise LabelConflictError(f"{self._recording} has the label {event.label!r} {times} already", self.events)

    def _replace(self, index: int, before: Event, after: Event) -> None:
        piece = self.text.pieces[index]
        if before.key != after.key:
            self._require_new(after)
        text = self._recalled(after, piece.text, was_removed=False) or self.text.edited(piece, after)
        self._memory.keep(self._key(before), _Removed(piece.text, piece.name or "", index, None))
        if self._key(before) in self._memory.origins:
            self._memory.keep_origin(self._key(after), self._memory.origins.pop(self._key(before)))
        self._set(index, text, after)

    def _remove(self, index: int, event: Event) -> None:
        pieces, text, key = self.text.pieces, self.text, self._key(event)
        following = pieces[index + 1].text if index + 1 < len(pieces) else ""
        was_added, origin = key in self._memory.origins, self._memory.origins.pop(key, None)
        is_first = was_added and origin is None
        self._memory.keep(key, _Removed(pieces[index].text, pieces[index].name or "", index, following, is_first))
        if isinstance(text, Track) or len(self._indices()) > 1 or is_first:
            del pieces[index]
        elif origin is not None and text.others(origin) == text.others(pieces[index].text):
            self._set(index, origin, None)
        else:  # the last row stays without times: it says that there is no event, and what group the recording is in
            self._set(index, text.without_event(pieces[index]), None)

    def _add(self, event: Event) -> None:
        pieces = self.text.pieces
        self._require_new(event)
        without = next((index for index in self._indices() if pieces[index].event is None), None)
        if without is not None:
            self._memory.keep_origin(self._key(event), pieces[without].text)
            text = self._recalled(event, pieces[without].text, was_removed=True) or self.text.edited(
                pieces[without], event
            )
            self._set(without, text, event)
            return
        own = self._indices()
        removed = self._memory.recall(self._key(event), lambda row: row.following is not None)
        name = removed.name if removed else pieces[own[0]].name or "" if own else self._name
        text = removed.text if removed else self.text.new(name, event)
        if not own or (removed and removed.is_first):
            self._memory.keep_origin(self._key(event), None)
        self._insert(self._place(event, own, removed), Piece(text + self.text.line_end, name), event)

    def _place(self, event: Event, own: list[int], removed: _Removed | None) -> int:
        """Return where a row is inserted: where it was, or else among those of its recording by time, or at the end."""
        if removed and removed.following is not None:
            alike = [i for i, each in enumerate([*self.text.pieces, Piece("")]) if each.text == removed.following]
            if alike:
                return min(alike, key=lambda index: abs(index - removed.index))
        earlier = [i for i in own if (there := self.text.pieces[i].event) is None or there.onset <= event.onset]
        return earlier[-1] + 1 if earlier else own[0] if own else self._end()

    def _end(self) -> int:
        return max((i + 1 for i, each in enumerate(self.text.pieces) if each.text.strip()), default=0)

    def _set(self, index: int, text: str, event: Event | None) -> None:
        piece = self.text.pieces[index]
        columns = piece.event.columns if piece.event else {}
        annotation = Annotation(event.onset, event.offset, event.label, columns=columns) if event else None
        self.text.pieces[index] = replace(piece, raw=text + piece.end, event=annotation)

    def _insert(self, index: int, piece: Piece, event: Event | None) -> None:
        if index and not self.text.pieces[index - 1].end:
            before = self.text.pieces[index - 1]
            self.text.pieces[index - 1] = replace(before, raw=before.raw + self.text.line_end)
        annotation = Annotation(event.onset, event.offset, event.label) if event else None
        self.text.pieces.insert(index, replace(piece, event=annotation))


def by_time(events: Iterable[Annotation]) -> list[Annotation]:
    """Return events sorted by onset, offset and label."""
    return sorted(events, key=lambda each: (each.onset, each.offset, each.label))
