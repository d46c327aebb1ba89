"""What label files cannot say about a dataset: `.studio.json` in its folder, one small file in JSON.

Its sections are dictionaries, such as "recordings": {name: "empty"}. A section that nobody knows is kept as it is.
"""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stapes.firmware_sim.errors import DatasetError
from stapes.firmware_sim.outputs import new_file

NAME = ".studio.json"
LOCK = ".studio.lock"


class States:
    """The sections of a dataset's `.studio.json`. Threads and processes that change it at once wait for each other."""

    def __init__(self, dataset: Path) -> None:
        self._dataset, self.path = dataset, dataset / NAME

    def section(self, name: str) -> dict[str, Any]:
        """Return a section as it is on disk now; {} when there is none. Raises DatasetError for a damaged file."""
        section = self._read().get(name, {})
        if not isinstance(section, dict):
            raise self._damaged(f"{name} is no object")
        return section

    @contextmanager
    def changed(self, name: str) -> Iterator[dict[str, Any]]:
        """Yield a section to change; after the block it is on disk. Raises as `section` does, and OutputError."""
        with editing(self._dataset):
            section = self.section(name)
            yield section
            write_synced(self.path, json.dumps(self._read() | {name: section}, indent=1, ensure_ascii=False).encode())

    def _read(self) -> dict[str, Any]:
        try:
            everything = json.loads(self.path.read_bytes())
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, RecursionError) as error:
            raise self._damaged(str(error)) from error
        if not isinstance(everything, dict):
            raise self._damaged("it is no object")
        return everything

    def _damaged(self, why: str) -> DatasetError:
        return DatasetError(f"{self.path}: cannot be read ({why}); correct it, or delete it to begin anew")


@contextmanager
def editing(dataset: Path) -> Iterator[None]:
    """Hold the lock of a dataset's label files and states: only one thread of one process changes them at a time."""
    try:
        file = os.open(dataset / LOCK, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise DatasetError(
            f"{dataset / LOCK}: cannot be written ({error.strerror}), so labels cannot be changed; check the "
            "permissions of the folder"
        ) from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
    finally:
        os.close(file)


def write_synced(path: Path, content: bytes) -> os.stat_result:
    """Replace a file whole; return its status when it is on the disk. Raises OutputError when that is impossible."""
    with new_file(path) as draft, draft.open("wb") as file:
        if path.exists():
            shutil.copymode(path, draft)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
        status = os.fstat(file.fileno())
    folder = os.open(path.resolve().parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # the name, too
    finally:
        os.close(folder)
    return status
