"""Locks on files, which end with the process that holds them, however it ends."""

import fcntl
import os
from pathlib import Path


def locked_file(path: Path) -> int | None:
    """Open or make a file and lock it until the descriptor that is returned is closed; None while another holds it.

    If the one that held the lock deleted the file just before, it is made again. Raises OSError.
    """
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            return None
        if _is_at(path, file):
            return file
        os.close(file)


def _is_at(path: Path, file: int) -> bool:
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False
