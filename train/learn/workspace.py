"""The files that a training run keeps beside its output, so that a run that was killed can be resumed."""

import csv
import hashlib
import logging
import os
import shutil
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stapes.firmware_sim.errors import OutputError
from stapes.firmware_sim.locks import locked_file
from stapes.firmware_sim.outputs import new_file, write_whole

logger = logging.getLogger(__name__)

LOCK = "lock"
HISTORY = "history.csv"  # here while a training runs, in the detector's folder `training` once it is done


def workspace_path(out: Path) -> Path:
    """Return the folder of an unfinished run that writes the detector `out`."""
    return out.absolute().with_name(f".{out.name}.training")


def read_history(out: Path) -> list[dict[str, str]]:
    """Return the checks of a training that writes or has written `out`: the rows of history.csv; [] before the first.

    Their columns are phase, step, loss and val_frame_average_precision.
    """
    rows = _rows(workspace_path(out) / HISTORY)
    return rows or _rows(out / "training" / HISTORY)


def _rows(history: Path) -> list[dict[str, str]]:
    try:
        return list(csv.DictReader(history.read_text(encoding="utf-8").splitlines()))
    except FileNotFoundError:
        return []


class Workspace:
    """A hidden folder beside the output.

    It belongs to a key that stands for data, settings and code; with another key, the run starts from the beginning.
    One run holds it at a time, until `close` or until its process ends. Raises OutputError when another one does.
    """

    def __init__(self, out: Path, key: str) -> None:
        self.path = workspace_path(out)
        digest = hashlib.sha256(key.encode()).hexdigest()
        try:
            self._lock = self._locked(out)
            known = (self.path / "key").read_text() if (self.path / "key").exists() else ""
            found = [entry for entry in self.path.iterdir() if entry.name != LOCK]
            if found and known != digest:
                logger.warning(
                    "an unfinished run with other settings or data was found beside the output; it is discarded"
                )
                for entry in found:
                    entry.unlink()
            elif known:
                logger.info("continuing the unfinished run that was found beside the output")
            (self.path / "key").write_text(digest)
        except OSError as error:
            raise OutputError(f"{self.path}: cannot be written: {error.strerror}") from error

    def _locked(self, out: Path) -> int:
        while True:
            self.path.mkdir(exist_ok=True)
            try:
                lock = locked_file(self.path / LOCK)
            except FileNotFoundError:  # the run that held the lock removed the folder just now
                continue
            if lock is None:
                raise OutputError(f"{out}: another training writes there; wait until it ends, or choose another --out")
            return lock

    def close(self) -> None:
        """Let another run continue from what is there."""
        os.close(self._lock)

    def save(self, name: str, arrays: dict[str, NDArray[Any]]) -> None:
        """Write named arrays; if the process is killed, the older file stays. Raises OutputError on a full disk."""
        with new_file(self.path / f"{name}.npz") as draft, draft.open("wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]  # numpy's stub takes the names for its own

    def load(self, name: str) -> dict[str, NDArray[Any]] | None:
        """Return what `save` wrote under this name, or None. Raises OutputError for a damaged file."""
        path = self.path / f"{name}.npz"
        if not path.exists():
            return None
        try:
            with np.load(path) as arrays:
                return {key: arrays[key] for key in arrays.files}
        except (OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error) as error:
            raise OutputError(
                f"{path}: the state of the unfinished training is damaged, as after a power failure; remove the folder "
                f"{self.path} and train again from the beginning"
            ) from error

    def log(self, row: dict[str, Any]) -> None:
        """Append a row to history.csv. Raises OutputError on a full disk."""
        self._write_history([*self._history(), {name: str(value) for name, value in row.items()}])

    def forget(self, phase: str, update: int) -> None:
        """Remove the rows of a phase after this update; those updates will be done again."""
        rows = self._history()
        if kept := [row for row in rows if row["phase"] != phase or int(row["step"]) <= update]:
            self._write_history(kept)
        else:
            (self.path / HISTORY).unlink(missing_ok=True)

    def _history(self) -> list[dict[str, str]]:
        return _rows(self.path / HISTORY)

    def _write_history(self, rows: list[dict[str, str]]) -> None:
        lines = [",".join(rows[0]), *(",".join(row.values()) for row in rows)]
        write_whole(self.path / HISTORY, "\n".join(lines) + "\n")

    def remove_without_state(self) -> None:
        """Remove the folder if training did not begin."""
        if not any(self.path.glob("*.npz")):
            self.remove()

    def remove(self) -> None:
        """Remove the folder: the output is complete, and there is nothing to resume."""
        shutil.rmtree(self.path, ignore_errors=True)
