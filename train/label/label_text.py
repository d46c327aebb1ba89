"""The text of a label file as pieces that can be changed one by one: what is not changed stays byte for byte.

A piece is a row of a table or a label of a track (with the lines of its frequency range), or a line that is neither.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from stapes.firmware_sim.errors import LabelError
from stapes.runtime.labels import Annotation
from stapes.runtime.labels.annotation import Problems, check_times, lines_of, parse_seconds, plain
from stapes.runtime.labels.audacity import label_of
from stapes.runtime.labels.dcase import COLUMNS, OPTIONAL, event_of
from stapes.runtime.labels.table import delimiter_of, is_plain, named_columns, raw_rows, table_rows

_BOM = "\ufeff"
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+\Z")
_DIGITS = 6  # behind the point: times are written to the microsecond, unless a file does with fewer


@dataclass(frozen=True)
class Event:
    """A label of one recording, as a person sets it: seconds, and the text in the file."""

    onset: float
    offset: float
    label: str

    @classmethod
    def of(cls, annotation: Annotation) -> "Event":
        """Return the event of a row."""
        return cls(annotation.onset, annotation.offset, annotation.label)

    @property
    def key(self) -> tuple[int, int, str]:
        """What two events that are the same have in common: times to the microsecond, and the label."""
        return round(self.onset * 1e6), round(self.offset * 1e6), self.label


def checked_event(event: Event, before: Event | None) -> Event:
    """Return an event as it can be written. A label that was in the file `before` may stay, whatever it is.

    Raises LabelError for impossible times, and for a new label that no file can hold.
    """
    label = event.label.strip()
    is_new = before is None or label != before.label
    if is_new and (not label or not label.isprintable() or label.startswith("\\")):
        raise LabelError(f"{event.label!r} is no label; write letters, digits and blanks")
    onset, offset = check_times(round(event.onset, _DIGITS), round(event.offset, _DIGITS), "the label")
    return Event(onset, offset, plain(label))


@dataclass(frozen=True)
class Piece:
    """Some lines of a label file, with their line ends."""

    raw: str
    name: str | None = None  # of the recording, as the file writes it; None: not a row
    event: Annotation | None = None  # None: not a row, or a row without times

    @property
    def text(self) -> str:
        """The lines without the last line end."""
        return self.raw.rstrip("\r\n")

    @property
    def end(self) -> str:
        """The last line end."""
        return self.raw[len(self.text) :]


@dataclass
class _Lines:
    """What tables and tracks share."""

    path: Path
    pieces: list[Piece] = field(default_factory=list)
    bom: str = ""
    line_end: str = "\n"
    is_ended: bool = True  # whether the last line has a line end
    point: str = "."  # between seconds and their fraction

    def split(self, data: bytes) -> tuple[list[str], list[str]]:
        """Return the lines without and with their line ends. Raises LabelError for what is no text in UTF-8."""
        lines = lines_of(self.path, data)
        text = data.decode("utf-8")
        if text.startswith(_BOM):
            self.bom, text = _BOM, text[1:]
        raw = _LINE.findall(text)
        if raw:
            self.line_end = raw[0][len(raw[0].rstrip("\r\n")) :] or "\n"
            self.is_ended = raw[-1][-1:] in ("\r", "\n")
        return lines, raw

    def render(self) -> bytes:
        """Return the content of the file. The last line has a line end where it had one before."""
        pieces = [each if each.end else replace(each, raw=each.raw + self.line_end) for each in self.pieces]
        if pieces and not self.is_ended and pieces[-1].text:
            pieces[-1] = replace(pieces[-1], raw=pieces[-1].text)
        return (self.bom + "".join(each.raw for each in pieces)).encode()


@dataclass
class Table(_Lines):
    """A table of the events of many recordings. Raises LabelError, with file and line, for one that is malformed."""

    columns: tuple[int, ...] = ()  # where filename, onset, offset and event_label stand
    group: int | None = None  # where the column `group` stands
    width: int = 0  # number of columns
    delimiter: str = "\t"
    is_plain: bool = True  # whether quotation marks within a cell are text

    @classmethod
    def read(cls, path: Path, data: bytes) -> "Table":
        """Return the table that a file holds."""
        table = cls(path)
        lines, raw = table.split(data)
        table.delimiter = delimiter_of(lines[0])
        table.is_plain = is_plain(lines, table.delimiter)
        found = list(table_rows(path, lines, COLUMNS, Problems(), optional=OPTIONAL))
        if table.delimiter != "," and any("," in row["onset"] + row["offset"] for _, row in found):
            table.point = ","
        rows = {int(place.rpartition(":")[2]): (row["filename"], event_of(row, place)) for place, row in found}
        at = 0
        for number, cells in raw_rows(lines, table.delimiter):
            if not table.columns:
                table._take_header(cells)
            if table.is_plain:  # a row is a line, and lines without text are none
                table.pieces += [Piece(each) for each in raw[at : number - 1]]
                at = number - 1
            table.pieces.append(Piece("".join(raw[at:number]), *rows.get(number, ())))
            at = number
        table.pieces += [Piece(each) for each in raw[at:]]
        table.pieces = [each for each in table.pieces if each.raw]
        return table

    def _take_header(self, cells: Sequence[str]) -> None:
        names = named_columns(cells, [*COLUMNS, *OPTIONAL])
        self.width = len(names)
        self.columns = tuple(names.index(name) for name in COLUMNS)
        self.group = names.index("group") if "group" in names else None

    def cells(self, text: str) -> list[str]:
        """Return the cells of a row as they stand in the file. Raises LabelError when that is not clear."""
        if self.is_plain:
            cells = text.split(self.delimiter)
        else:
            mark = re.escape(self.delimiter)
            cells = [each[1] for each in re.finditer(rf'(?:^|{mark})("(?:[^"]|"")*"(?={mark}|\Z)|[^{mark}]*)', text)]
            if self.delimiter.join(cells) != text:
                raise LabelError(f"{self.path}: the row {text[:60]!r} cannot be changed in place; correct its quotes")
        return cells + [""] * (self.width - len(cells))

    def edited(self, piece: Piece, event: Event) -> str:
        """Return the text of a row with another event; everything else in it stays."""
        cells = self.cells(piece.text)
        _, onset, offset, label = self.columns
        for column, seconds in ((onset, event.onset), (offset, event.offset)):
            cells[column] = _time(seconds, cells[column], self.point)
        if piece.event is None or piece.event.label != event.label:
            cells[label] = self._quoted(event.label)
        return self.delimiter.join(cells)

    def without_event(self, piece: Piece) -> str:
        """Return the text of a row that says that its recording has no event; its other columns stay."""
        cells = self.cells(piece.text)
        for column in self.columns[1:]:
            cells[column] = ""
        return self.delimiter.join(cells)

    def others(self, text: str) -> list[str]:
        """Return the further columns of a row, to be compared."""
        return [cell for column, cell in enumerate(self.cells(text)) if column not in self.columns[1:]]

    def new(self, name: str, event: Event | None) -> str:
        """Return the text of a new row. It is in the group in which the recording's other rows are."""
        rows = [each for each in self.pieces if each.name == name]
        cells = [""] * self.width
        cells[self.columns[0]] = self.cells(rows[0].text)[self.columns[0]] if rows else self._quoted(name)
        if self.group is not None:
            groups = [self.cells(each.text)[self.group] for each in rows]
            cells[self.group] = next(filter(None, groups), "")
        if event is not None:
            like = next((self.cells(each.text) for each in self.pieces if each.event), None)
            for column, seconds in zip(self.columns[1:3], (event.onset, event.offset), strict=True):
                cells[column] = _time(seconds, like[column] if like else "", self.point)
            cells[self.columns[3]] = self._quoted(event.label)
        return self.delimiter.join(cells)

    def _quoted(self, text: str) -> str:
        text = plain(text)
        return '"' + text.replace('"', '""') + '"' if '"' in text or self.delimiter in text else text


@dataclass
class Track(_Lines):
    """An Audacity label track. Raises LabelError, with file and line, for one that is malformed."""

    @classmethod
    def read(cls, path: Path, data: bytes) -> "Track":
        """Return the track that a file holds."""
        track = cls(path)
        _, raw = track.split(data)
        for number, line in enumerate(raw, start=1):
            text = line.rstrip("\r\n")
            if text.startswith("\\") and track.pieces and track.pieces[-1].event:
                track.pieces[-1] = replace(track.pieces[-1], raw=track.pieces[-1].raw + line)
            elif not text.strip() or text.startswith("\\"):
                track.pieces.append(Piece(line))
            else:
                track.pieces.append(Piece(line, "", label_of(text, f"{path}:{number}")))
                if "," in "".join(text.split("\t")[:2]):
                    track.point = ","
        return track

    def edited(self, piece: Piece, event: Event) -> str:
        """Return the lines of a label with another event; its frequency range stays."""
        first, *rest = re.split(r"(?<=[\r\n])(?=\\)", piece.text, maxsplit=1)
        body = first.rstrip("\r\n")
        onset, offset, *label = body.split("\t")
        if piece.event is None or piece.event.label != event.label:
            label = [event.label]
        times = _time(event.onset, onset, self.point), _time(event.offset, offset, self.point)
        return "\t".join([*times, *label]) + first[len(body) :] + "".join(rest)

    def others(self, text: str) -> list[str]:
        """Return the frequency range of a label, to be compared."""
        return re.split(r"[\r\n]+", text)[1:]

    def new(self, name: str, event: Event) -> str:
        """Return the text of a new label."""
        like = next((each.text for each in self.pieces if each.event), "").split("\t")[0]
        return f"{_time(event.onset, like, self.point)}\t{_time(event.offset, like, self.point)}\t{event.label}"


def _time(seconds: float, cell: str, point: str) -> str:
    """Return a time as text, with as many digits as that in `cell` has, or with more where the time needs them.

    A cell that says the same time stays as it is.
    """
    number = cell.strip().strip('"').strip()
    try:
        if number and round(parse_seconds(number, "time", "") * 1e6) == round(seconds * 1e6):
            return cell
    except LabelError:
        pass
    whole, _, fraction = f"{seconds:.{_DIGITS}f}".partition(".")
    if shown := re.fullmatch(r"\d+(?:[.,](\d*))?", number):
        fraction = fraction.rstrip("0").ljust(min(len(shown[1] or ""), _DIGITS), "0")
    return f"{whole}{point}{fraction}" if fraction else whole
