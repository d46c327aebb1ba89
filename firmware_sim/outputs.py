"""Results on disk: written beside and moved into place, so that nothing half-written is ever seen."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stapes.firmware_sim.errors import OutputError


def require_new(path: Path, force: bool) -> None:
    """Raise OutputError when `path` exists and may not be replaced, or when its parent does not exist."""
    if path.exists() and not force:
        raise OutputError(f"{path} exists already; choose another name, or replace it with --force")
    if not path.absolute().parent.is_dir():
        raise OutputError(f"{path.absolute().parent} does not exist; make it first")


def require_new_file(path: Path, force: bool) -> None:
    """Raise OutputError as `require_new` does, and where `path` is a folder: it would never be replaced by a file."""
    if path.is_dir():
        raise OutputError(f"{path} is a folder; name a file in it")
    require_new(path, force)


def write_whole(path: Path, text: str) -> None:
    """Write a file as UTF-8, whole or not at all. Raises OutputError where that is impossible."""
    draft = path.with_name(f".{path.name}.new")
    try:
        draft.write_text(text, encoding="utf-8")
        os.replace(draft, path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise OutputError(f"{path}: cannot be written ({error.strerror}); choose another name or make room") from error


@contextmanager
def new_folder(path: Path, force: bool, mark: str) -> Iterator[Path]:
    """Yield a draft folder; when all went well it is moved to `path`, and an older one is removed only then.

    With `force` only a folder that holds the file `mark` is replaced: no other folder is ever deleted.
    """
    require_new(path, force)
    if path.exists() and not (path / mark).is_file():
        raise OutputError(f"{path} holds no {mark}, so it was not written by this command; choose another name")
    draft = path.absolute().with_name(f".{path.name}.new")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir()
    try:
        yield draft
        if path.exists():
            shutil.rmtree(path)
        os.replace(draft, path)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
