"""The journal of a run: one line of JSON per finished recording, on disk before its group counts as finished.

It is the file OUT.progress beside the output. A killed run leaves at most one incomplete line at its end, which the
next run cuts off; the recording of that line is processed again. A run holds a lock on the file, which ends with the
process.
"""

import fcntl
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from stapes.firmware_sim.errors import OutputError
from stapes.runtime.batch.hearing import Outcome
from stapes.runtime.batch.listing import RecordingFile
from stapes.runtime.batch.recording_times import Start

FORMAT = 1


class Journal:
    """The journal of an output, locked until `close`.

    `settings` holds everything on which the events depend; `afresh` discards the content. Raises OutputError when
    another run holds the lock, and when the journal was begun with other settings; the message then names both.
    """

    def __init__(self, path: Path, settings: dict[str, str], *, afresh: bool) -> None:
        self.path = path
        self._file = _locked(path)
        self._at: dict[str, tuple[int, int]] = {}  # name of a recording -> (start, length) of its line
        self._same: dict[str, tuple[int, str]] = {}  # name -> (size, time of change) of the file that was read
        try:
            if afresh:
                os.ftruncate(self._file, 0)
            self._end = self._read(settings)
            os.ftruncate(self._file, self._end)
            if self._end == 0:
                self._append(_line({"journal": FORMAT, "settings": settings}))
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
        lines = [_line(_as_json(outcome)) for outcome in new]
        start = self._end
        self._append(b"".join(lines))
        for outcome, line in zip(new, lines, strict=True):
            self._keep(outcome, start, len(line))
            start += len(line)

    def outcomes(self, names: Iterable[str]) -> Iterator[Outcome]:
        """Yield the outcomes of these recordings, read from disk one by one; unknown names are left out."""
        for name in names:
            if name in self._at:
                start, length = self._at[name]
                yield _from_json(json.loads(os.pread(self._file, length, start)))

    def remove(self) -> None:
        """Delete the file, when the run is complete."""
        self.path.unlink()

    def close(self) -> None:
        """Close the file and release its lock."""
        os.close(self._file)

    def _read(self, settings: dict[str, str]) -> int:
        """Read the complete lines and return where they end; 0 when no recording is finished."""
        end, head = 0, {}
        with os.fdopen(os.dup(self._file), "rb") as lines:
            lines.seek(0)
            for line in lines:
                content = _parse(line)
                if content is None:
                    break
                if end == 0:
                    head = content
                else:
                    self._check(head, settings)
                    self._keep(_from_json(content), end, len(line))
                end += len(line)
        return end if self._at else 0

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
    """Return a locked descriptor of the file. If another run deleted the file just before, it is made again."""
    while True:
        try:
            file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise OutputError(f"{path}: cannot be written ({error.strerror}); choose another --out") from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if path.exists() and os.path.samestat(os.fstat(file), path.stat()):
                return file
        except BlockingIOError:
            os.close(file)
            raise OutputError(
                f"{path}: another run is writing this file; wait until it ends, or choose another --out"
            ) from None
        os.close(file)


def _line(content: dict[str, Any]) -> bytes:
    return (json.dumps(content, ensure_ascii=True, separators=(",", ":")) + "\n").encode()


def _parse(line: bytes) -> dict[str, Any] | None:
    """Return the content of a line; None for an incomplete one."""
    try:
        content = json.loads(line) if line.endswith(b"\n") else None
    except ValueError:
        return None
    return content if isinstance(content, dict) else None


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
