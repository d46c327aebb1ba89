"""The journal of a run: one line of JSON per finished recording, on disk before its group counts as finished.

It is the file OUT.progress beside the output. A killed run leaves at most one incomplete line at its end, which the
next run cuts off; the recording of that line is processed again. Before each line stands a checksum of the line and of
the run's settings, so that neither a damaged line nor one of another run is taken for a result. A run holds a lock on
the file, which ends with the process.
"""

import hashlib
import json
import logging
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from stapes.firmware_sim.errors import OutputError
from stapes.firmware_sim.locks import locked_file
from stapes.runtime.batch.hearing import Outcome
from stapes.runtime.batch.listing import RecordingFile
from stapes.runtime.batch.recording_times import Start

logger = logging.getLogger(__name__)

FORMAT = 2
CHECKSUM_DIGITS = 16


class Journal:
    """The journal of an output, locked until `close`.

    `settings` holds everything on which the events depend; `afresh` discards the content. The recordings of damaged
    lines are not held, and their number is logged. Raises OutputError when another run holds the lock, when the file is
    not the journal of a run, and when it was begun with other settings; the message then names both.
    """

    def __init__(self, path: Path, settings: dict[str, str], *, afresh: bool) -> None:
        self.path = path
        self._file = _locked(path)
        self._settings = json.dumps(settings, sort_keys=True)
        self._at: dict[str, tuple[int, int]] = {}  # name of a recording -> (start, length) of its line
        self._same: dict[str, tuple[int, str]] = {}  # name -> (size, time of change) of the file that was read
        try:
            if afresh:
                os.ftruncate(self._file, 0)
            self._end = 0
            if not self._read(settings):
                self._append(_line({"journal": FORMAT, "settings": settings}, ""))
        except BaseException:
            self.close()
            raise

    def __len__(self) -> int:
        return len(self._at)

    def holds(self, found: RecordingFile) -> bool:
        """Return whether exactly this file is done; a file that could not be read is not, so it is tried again."""
        return self._same.get(found.name) == (found.size, found.modified)

    def add(self, outcomes: Iterable[Outcome]) -> None:
        """Append the outcomes that the journal does not hold yet. Raises OutputError when the disk is full."""
        new = [outcome for outcome in outcomes if not self.holds(outcome.found)]
        lines = [_line(_as_json(outcome), self._settings) for outcome in new]
        start = self._end
        self._append(b"".join(lines))
        for outcome, line in zip(new, lines, strict=True):
            self._keep(outcome, start, len(line))
            start += len(line)

    def outcomes(self, names: Iterable[str]) -> Iterator[Outcome]:
        """Yield the outcomes of these recordings, read from disk one by one; unknown names are left out.

        Raises OutputError when a line was changed while this run held the journal.
        """
        for name in names:
            if name in self._at:
                start, length = self._at[name]
                outcome = self._outcome(os.pread(self._file, length, start))
                if outcome is None:
                    raise OutputError(
                        f"{self.path}: something else changed this file while it was in use; run the same command "
                        "again, which continues this run"
                    )
                yield outcome

    def remove(self) -> None:
        """Delete the file, when the run is complete."""
        self.path.unlink()

    def close(self) -> None:
        """Close the file and release its lock."""
        os.close(self._file)

    def _read(self, settings: dict[str, str]) -> bool:
        """Read the lines, cut off an incomplete last one and blank damaged ones; return whether there is a header."""
        head: dict[str, Any] | None = None
        damaged: list[tuple[int, int]] = []  # (start, length)
        with os.fdopen(os.dup(self._file), "rb") as lines:
            lines.seek(0)
            for line in lines:
                start, self._end = self._end, self._end + len(line)
                if line.isspace():
                    continue
                if not line.endswith(b"\n"):
                    self._end = start
                elif head is None and (found := _header(line)) is not None:
                    head = found
                elif (outcome := self._outcome(line)) is not None:
                    self._keep(outcome, start, len(line))
                else:
                    damaged.append((start, len(line)))
        if head is not None and (damaged or self._at):
            self._check(head, settings)
        elif damaged and not self._at:
            raise OutputError(
                f"{self.path}: this is not the progress of such a run, or all of it is damaged; move it away, or begin "
                "anew with --force"
            )
        elif not self._at:  # whatever the header says, no recording was finished
            head, self._end = None, 0
        os.ftruncate(self._file, self._end)
        self._blank(damaged)
        return head is not None

    def _outcome(self, line: bytes) -> Outcome | None:
        """Return the outcome that a line of this run holds; None for a damaged line and one of another run."""
        content = _content(line, self._settings)
        try:
            return None if content is None else _from_json(content)
        except (KeyError, TypeError, ValueError):
            return None

    def _blank(self, damaged: list[tuple[int, int]]) -> None:
        for start, length in damaged:
            os.pwrite(self._file, b" " * (length - 1), start)
        if damaged:
            logger.warning(
                f"{self.path}: lines that are damaged or belong to another run: {len(damaged)}; they are removed, and "
                "the recordings whose results they held are processed again"
            )

    def _check(self, head: dict[str, Any], settings: dict[str, str]) -> None:
        begun = head.get("settings")
        if head.get("journal") != FORMAT or not isinstance(begun, dict):
            raise OutputError(
                f"{self.path} was written by another version of stapes; finish the run with that version, or begin "
                "anew with --force"
            )
        for name in settings | begun:  # an option that is left out now was given before, or the reverse
            before, now = begun.get(name, "none"), settings.get(name, "none")
            if before != now:
                raise OutputError(
                    f"{self.path}: this run was begun with {name} {before}, now it is {now}; "
                    "finish it as it was begun, begin anew with --force, or choose another --out"
                )

    def _keep(self, outcome: Outcome, start: int, length: int) -> None:
        name = outcome.found.name
        self._at[name] = (start, length)
        self._same.pop(name, None)
        if not outcome.error:
            self._same[name] = (outcome.found.size, outcome.found.modified)

    def _append(self, lines: bytes) -> None:
        try:
            written = 0
            while written < len(lines):
                written += os.pwrite(self._file, lines[written:], self._end + written)
            os.fsync(self._file)
        except OSError as error:
            os.ftruncate(self._file, self._end)
            raise OutputError(
                f"{self.path}: cannot be written ({error.strerror}); make room and run the same command again, "
                "which continues this run"
            ) from error
        self._end += len(lines)


def _locked(path: Path) -> int:
    try:
        file = locked_file(path)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror}); choose another --out") from error
    if file is None:
        raise OutputError(f"{path}: another run is writing this file; wait until it ends, or choose another --out")
    return file


def _line(content: dict[str, Any], settings: str) -> bytes:
    body = json.dumps(content, ensure_ascii=True, separators=(",", ":"))
    return f"{_checksum(body.encode(), settings)} {body}\n".encode()


def _checksum(body: bytes, settings: str) -> str:
    return hashlib.sha256(settings.encode() + b"\n" + body).hexdigest()[:CHECKSUM_DIGITS]


def _content(line: bytes, settings: str) -> dict[str, Any] | None:
    """Return the content of a line that was written whole, and with these settings; None for any other."""
    checksum, _, body = line.removesuffix(b"\n").partition(b" ")
    if checksum != _checksum(body, settings).encode():
        return None
    content = json.loads(body)
    return content if isinstance(content, dict) else None


def _header(line: bytes) -> dict[str, Any] | None:
    """Return what a header holds; None for another line. The header of FORMAT 1 had no checksum."""
    return {"journal": 1} if line.startswith(b'{"journal":1,') else _content(line, "")


def _as_json(outcome: Outcome) -> dict[str, Any]:
    content = asdict(outcome)
    if outcome.start is not None:
        content["start"]["utc"] = outcome.start.utc.isoformat()
    return content


def _from_json(content: dict[str, Any]) -> Outcome:
    start = content["start"]
    if start is not None:
        start = Start(datetime.fromisoformat(start["utc"]), start["doubt"])
    events = [tuple(event) for event in content["events"]]
    return Outcome(**content | {"found": RecordingFile(**content["found"]), "start": start, "events": events})
