"""Praat's TextGrid: tiers of intervals and points, in the long or the short text form. It is read, not written.

The label is the text of an interval or point; intervals without text are the time between events. As in Praat, only
free-standing numbers and texts count: in `xmin = 0.5` the number, in `item [1]:` nothing.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from stapes.firmware_sim.errors import LabelError, StapesError
from stapes.runtime.labels.annotation import Annotation, Problems, parse_times

_TOKEN = re.compile(r'(?<!\S)(?:"((?:[^"]|"")*)"|([-+]?\d\S*)|(<\w+>))(?!\S)')


@dataclass
class _Tokens:
    """The free-standing numbers and texts of a file, one after another."""

    path: Path
    text: str

    def __post_init__(self) -> None:
        self._found: Iterator[re.Match[str]] = _TOKEN.finditer(self.text)
        self._line, self._counted = 1, 0

    @property
    def place(self) -> str:
        """file:line of the last token."""
        return f"{self.path}:{self._line}"

    def next(self, kind: int, what: str) -> str:
        """Return the next token, which must be a text (kind 1) or a number (kind 2)."""
        match = next(self._found, None)
        if match is not None:
            self._line, self._counted = self._line + self.text.count("\n", self._counted, match.start()), match.start()
        if match is None or match[kind] is None:
            raise LabelError(
                f"{self.place}: the file is not a TextGrid, or it is cut off: {what} is missing; save it again in Praat"
            )
        return match[kind].replace('""', '"')

    def skip_flag(self) -> bool:
        """Read the flag that says whether there are tiers, and return it."""
        return (match := next(self._found, None)) is not None and match[3] == "<exists>"


def read_textgrid(path: Path, collected: list[StapesError] | None = None) -> dict[str, list[Annotation]]:
    """Return {stem of the file: annotations} of all tiers; `columns` of an annotation names its tier.

    Raises LabelError for a file that is not a TextGrid or has a bad time, or puts it into `collected`.
    """
    problems = Problems(collected)
    if not (lines := problems.lines(path)):
        return {}
    tokens = _Tokens(path, "\n".join(lines))
    events: list[Annotation] = []
    try:
        for expected in ("ooTextFile", "TextGrid"):
            if (name := tokens.next(1, f'"{expected}"')) != expected:
                raise LabelError(f"{tokens.place}: the file is {name!r}, not a TextGrid; save it again in Praat")
        for what in ("xmin", "xmax"):
            tokens.next(2, what)
        count = int(tokens.next(2, "the number of tiers")) if tokens.skip_flag() else 0
        for _ in range(count):
            events += _tier(tokens)
    except LabelError as error:
        problems.keep(error)
        return {}
    except ValueError:
        problems.add(
            tokens.place, "a count is not a whole number, so the file is not a TextGrid; save it again in Praat"
        )
        return {}
    return {path.stem: sorted(events, key=lambda each: (each.onset, each.offset))}


def _tier(tokens: _Tokens) -> Iterator[Annotation]:
    """Yield the labels of the next tier."""
    is_interval = tokens.next(1, "the kind of a tier") == "IntervalTier"
    tier = tokens.next(1, "the name of a tier")
    for what in ("xmin", "xmax"):
        tokens.next(2, what)
    for _ in range(int(tokens.next(2, "the number of labels"))):
        begin = tokens.next(2, "a time")
        end = tokens.next(2, "a time") if is_interval else begin
        text = " ".join(tokens.next(1, "a text").split())
        if text:
            onset, offset = parse_times(begin, end, tokens.place)
            yield Annotation(onset, offset, text, columns={"tier": tier}, place=tokens.place)
