"""Records in an SQLite database. The outbox opens its queues through `open_database` too."""

import logging
import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from stapes.firmware_sim.errors import OutputError
from stapes.runtime.live.sinks.record import FullDiskError, Record

logger = logging.getLogger(__name__)

# What SQLite reports when a file cannot grow; the other half of such a code says what it was doing.
NO_ROOM = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)
DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_READONLY)
RECORDS = """CREATE TABLE IF NOT EXISTS records (
    key TEXT PRIMARY KEY, kind TEXT NOT NULL, source TEXT NOT NULL, label TEXT NOT NULL, onset REAL NOT NULL,
    offset REAL NOT NULL, onset_sample INTEGER NOT NULL, offset_sample INTEGER NOT NULL, utc TEXT NOT NULL,
    confidence REAL, per_minute REAL)"""

USER_TABLES = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"


def open_database(path: Path, schema: str) -> sqlite3.Connection:
    """Open or make a database that stays intact when the process or the machine stops at any moment.

    A damaged file is moved aside (`.damaged`), with a warning, and a new one is begun with those of its rows that can
    still be read. Raises OutputError when the file cannot be opened or its table has other columns than `schema` says,
    and FullDiskError.
    """
    try:
        return _open(path, schema)
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:  # the latter when SQLite quotes damaged text
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
        if code in NO_ROOM:
            raise FullDiskError(f"{path}: {error}") from error
        unwritable = code == sqlite3.SQLITE_READONLY and not os.access(path, os.W_OK)  # else its header says so
        if unwritable or code not in DAMAGED:
            raise OutputError(f"{path}: cannot be opened as a database ({error}); name another file") from error
        aside = _free_name(path.with_name(path.name + ".damaged"))
        os.replace(path, aside)
        for suffix in ("-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        database = _open(path, schema)
        rows = _copy_rows(aside, database)
        logger.warning(
            f"{path} is damaged ({error}); it is moved to {aside.name}, and a new one is begun with the {rows} rows "
            "that can be read"
        )
        return database


def _open(path: Path, schema: str) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=30, check_same_thread=False, isolation_level=None)
    try:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=FULL")
        (verdict,) = database.execute("PRAGMA integrity_check(1)").fetchone()
        if verdict != "ok":
            error = sqlite3.DatabaseError(verdict)
            error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
            raise error
        database.execute(schema)
        _require_columns(path, database, schema)
        ((table,),) = database.execute(USER_TABLES)
        database.execute(f"DELETE FROM {table} WHERE FALSE")  # fails where nothing can be written
    except BaseException:
        database.close()
        raise
    return database


def _copy_rows(damaged: Path, database: sqlite3.Connection) -> int:
    """Copy what can be read of the table from a damaged database, from both of its ends; return the number of rows."""
    ((table,),) = database.execute(USER_TABLES)
    copied = 0
    with closing(sqlite3.connect(f"{damaged.absolute().as_uri()}?immutable=1", uri=True)) as source:
        source.text_factory = bytes
        for order in ("ASC", "DESC"):  # reading ends at the first page that makes no sense
            with suppress(sqlite3.Error, UnicodeDecodeError):
                for row in source.execute(f"SELECT * FROM {table} ORDER BY rowid {order}"):
                    marks = ", ".join("?" * len(row))
                    # Damaged text, and an empty cell that must be filled
                    with suppress(UnicodeDecodeError, sqlite3.IntegrityError):
                        cells = [cell.decode() if isinstance(cell, bytes) else cell for cell in row]
                        copied += database.execute(f"INSERT OR IGNORE INTO {table} VALUES ({marks})", cells).rowcount
    return copied


def _require_columns(path: Path, database: sqlite3.Connection, schema: str) -> None:
    """Raise OutputError unless the table that `schema` makes has the same columns in this database."""
    with closing(sqlite3.connect(":memory:")) as model:
        model.execute(schema)
        ((table,),) = model.execute(USER_TABLES)
        expected, found = (each.execute(f"PRAGMA table_info({table})").fetchall() for each in (model, database))
    if found != expected:
        raise OutputError(
            f"{path}: its table `{table}` has the columns {_named(found)}, and needed are {_named(expected)}; "
            "name another file"
        )


def _named(columns: list[tuple[int, str, str, int, object, int]]) -> str:
    """Return the columns of a table as SQL names them: their types, which may not be NULL, and the primary key."""
    return ", ".join(
        f"{name} {kind}{' NOT NULL' * filled}{' PRIMARY KEY' * bool(in_key)}".strip()
        for _, name, kind, filled, _, in_key in columns
    )


def _free_name(path: Path) -> Path:
    number = 0
    while (candidate := path if number == 0 else path.with_name(f"{path.name}.{number}")).exists():
        number += 1
    return candidate


class SqliteSink:
    """Writes a row per record into the table `records`; it is on disk when `write` returns.

    A record that is written again changes nothing.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._database = open_database(path, RECORDS)

    def write(self, record: Record) -> None:
        """Insert the record. Raises OSError when the disk is full or the file cannot be written."""
        columns = record.__dict__ | {"utc": record.utc or ""}
        names, marks = ", ".join(columns), ", ".join("?" * len(columns))
        try:
            self._database.execute(
                f"INSERT INTO records ({names}) VALUES ({marks}) ON CONFLICT (key) DO NOTHING", tuple(columns.values())
            )
        except sqlite3.Error as error:
            raise OSError(f"{self._path}: {error}") from error

    def close(self) -> None:
        """Close the database."""
        self._database.close()
