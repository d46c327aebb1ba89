"""Moves the three files of a clip together: a program that is killed on the way leaves nothing half moved for long.

What is to be done is written down first, in CLIPS/.sorting.json. Whoever sorts clips next finds it there and finishes
it. Each step may be repeated. One program sorts at a time, by a lock on CLIPS/.sorting.lock.
"""

import errno
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from stapes.firmware_sim.errors import OutputError
from stapes.firmware_sim.locks import locked_file
from stapes.firmware_sim.outputs import new_file, write_whole

_JOURNAL, _LOCK = ".sorting.json", ".sorting.lock"
_LOCK_WAIT_S = 5.0  # a move takes milliseconds


@dataclass(frozen=True)
class Move:
    """A clip that goes from one of the places to another, with a new track and description."""

    clip: str  # file name of the sound
    origin: str  # key of the places
    target: str
    track: str  # the new text
    description: str


class ClipMoves:
    """Moves clips between folders.

    places: name -> folder; those that do not exist are made when a clip goes there.
    """

    def __init__(self, clips: Path, places: Mapping[str, Path]) -> None:
        self._journal, self._lock = clips / _JOURNAL, clips / _LOCK
        self._places = places

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other programs from sorting these clips, after finishing a move that was broken off.

        Raises OutputError when another program keeps on sorting, or when files cannot be moved.
        """
        file = self._locked()
        try:
            self._finish()
            yield
        finally:
            os.close(file)

    def move(self, move: Move) -> Path:
        """Move a clip, within `alone`; return where its sound is. Raises OutputError; an existing file stays."""
        target = self._places[move.target] / move.clip
        for suffix in (target.suffix, ".txt", ".json"):
            if target.with_suffix(suffix).exists():
                raise OutputError(f"{target.with_suffix(suffix)} exists already; move it elsewhere, or rename it")
        write_whole(self._journal, json.dumps(asdict(move), ensure_ascii=False))
        self._finish()
        return target

    def _locked(self) -> int:
        deadline = time.monotonic() + _LOCK_WAIT_S
        try:
            while (file := locked_file(self._lock)) is None:
                if time.monotonic() > deadline:
                    raise OutputError(f"{self._lock.parent}: another program is sorting these clips; wait for its end")
                time.sleep(0.02)
        except OSError as error:
            raise OutputError(f"{self._lock}: cannot be written ({error.strerror}); check the permissions") from error
        return file

    def _finish(self) -> None:
        """Do what is written down, from whatever step on is left, and forget it."""
        if not self._journal.exists():
            return
        move = self._read()
        origin, target = (self._places[place] / move.clip for place in (move.origin, move.target))
        if not origin.exists() and not target.exists():
            raise OutputError(
                f"{self._journal}: {move.clip} is neither in {origin.parent} nor in {target.parent}, where a move was "
                "broken off; put it into one of them, or delete this file"
            )
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            # The sound comes last: a sound without a track would be taken as not annotated.
            write_whole(target.with_suffix(".json"), move.description)
            write_whole(target.with_suffix(".txt"), move.track)
            if origin.exists():
                _move_file(origin, target)
            for suffix in (".txt", ".json"):
                origin.with_suffix(suffix).unlink(missing_ok=True)
            self._journal.unlink()
        except OSError as error:
            raise OutputError(f"{origin}: cannot be moved to {target.parent} ({error.strerror}); mend that") from error

    def _read(self) -> Move:
        try:
            move = Move(**json.loads(self._journal.read_text(encoding="utf-8")))
            texts = all(isinstance(text, str) for text in asdict(move).values())
            if texts and move.clip == Path(move.clip).name and {move.origin, move.target} <= set(self._places):
                return move
        except (OSError, ValueError, TypeError, RecursionError):
            pass
        raise OutputError(f"{self._journal}: is damaged; look for a clip that is half moved, and delete this file")


def _move_file(origin: Path, target: Path) -> None:
    try:
        os.replace(origin, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        with new_file(target) as draft:  # on another disk
            shutil.copyfile(origin, draft)
        origin.unlink()
