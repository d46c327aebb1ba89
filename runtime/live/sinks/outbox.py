"""Sends records to a receiver on the network: on disk first, then in order, with retries and growing pauses."""

import json
import logging
import os
import sqlite3
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Protocol
from urllib.parse import SplitResult, urlsplit

from stapes.firmware_sim.errors import ConfigError, OutputError
from stapes.firmware_sim.locks import locked_file
from stapes.firmware_sim.outputs import DISK_IS_FULL
from stapes.runtime.live.sinks.record import FullDiskError, Record
from stapes.runtime.live.sinks.sqlite import open_database

logger = logging.getLogger(__name__)

QUEUE = """CREATE TABLE IF NOT EXISTS outbox (
    number INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT UNIQUE NOT NULL, payload TEXT NOT NULL, refused TEXT)"""
FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 60.0
LAST_TRY_S = 5.0  # how long closing waits until the queue is sent


class UnreachableError(Exception):
    """The receiver did not accept a record this time; the record is sent again later."""


class RefusedError(Exception):
    """The receiver will never accept this record, which stays in the queue file, marked as refused."""


class Receiver(Protocol):
    """Accepts records elsewhere: an MQTT broker or a web server."""

    name: str

    def deliver(self, key: str, payload: str) -> None:
        """Return once the receiver has confirmed the record. Raises UnreachableError or RefusedError."""

    def close(self) -> None:
        """Close the connection."""


class Outbox:
    """A sink that loses no record while the network, the receiver or this machine is down.

    A record is deleted from the queue only after the receiver confirmed it. When the process dies in between, it is
    sent again with the same key, so a receiver that remembers keys gets each record exactly once. Records arrive in
    order. A record that was damaged in the queue is never sent: it stays there, marked as one that was refused. Any
    error of the receiver is told, and the records are sent after it.
    Raises OutputError when the queue cannot be opened or another process uses it, and FullDiskError.
    """

    def __init__(self, path: Path, receiver: Receiver) -> None:
        self._path, self._receiver = path, receiver
        self._lock = _lock(path)
        try:
            self._database = open_database(path, QUEUE)
        except BaseException:
            os.close(self._lock)
            raise
        self._told: set[str] = set()  # errors that nobody foresaw
        self._delivered = 0  # number of the last record that the receiver confirmed
        self._wake, self._closing, self._give_up_s = threading.Event(), threading.Event(), float("inf")
        self._thread = threading.Thread(target=self._send_all, name=f"outbox {receiver.name}", daemon=True)
        self._thread.start()

    def write(self, record: Record) -> None:
        """Queue the record on disk. Raises OSError when that fails."""
        try:
            self._database.execute(
                "INSERT OR IGNORE INTO outbox (key, payload) VALUES (?, ?)", (record.key, record.as_json())
            )
        except sqlite3.Error as error:
            raise OSError(f"{self._path}: {error}") from error
        self._wake.set()

    def waiting(self) -> int:
        """Return how many records have not been confirmed yet."""
        (count,) = self._database.execute("SELECT count(*) FROM outbox WHERE refused IS NULL").fetchone()
        return int(count)

    def close(self) -> None:
        """Send what is queued, for at most LAST_TRY_S; the rest is sent by the next start."""
        self._give_up_s = time.monotonic() + LAST_TRY_S
        self._closing.set()
        self._wake.set()
        self._thread.join(LAST_TRY_S + 1.0)
        with suppress(sqlite3.Error):
            if left := self.waiting():
                where = f"{self._path} and are sent by the next start"
                logger.warning(f"{left} records for {self._receiver.name} wait in {where}")
        if not self._thread.is_alive():
            self._receiver.close()
            self._database.close()
        os.close(self._lock)

    def _send_all(self) -> None:
        wait_s, down = FIRST_WAIT_S, False
        while time.monotonic() <= self._give_up_s:
            self._wake.clear()
            is_closing = self._closing.is_set()  # before looking: what was written before closing is then found
            try:
                sent = self._send_oldest()
            except (UnreachableError, sqlite3.Error) as error:
                if not down:
                    whose = self._path if isinstance(error, sqlite3.Error) else self._receiver.name
                    logger.warning(f"{whose} cannot be reached ({error}); records wait in {self._path}")
                down = True
            except Exception as error:  # without this thread, no record would ever be sent
                self._tell_once(f"{type(error).__name__}: {error}")
            else:
                if down:
                    logger.warning(f"{self._receiver.name} is back; the waiting records are being sent")
                wait_s, down = FIRST_WAIT_S, False
                if not sent and is_closing:
                    return
                if not sent:
                    self._wake.wait()
                continue
            self._pause(wait_s)
            wait_s = min(2 * wait_s, LONGEST_WAIT_S)

    def _tell_once(self, error: str) -> None:
        """Log an error that nobody foresaw, unless it was logged before."""
        if error not in self._told:
            self._told.add(error)
            logger.warning(
                f"{self._receiver.name}: an error that was not foreseen ({error}); records wait in {self._path} "
                "and are sent again"
            )

    def _pause(self, wait_s: float) -> None:
        """Wait, but only briefly after closing has begun."""
        if self._closing.wait(wait_s):
            time.sleep(min(wait_s, FIRST_WAIT_S))

    def _send_oldest(self) -> bool:
        """Send the oldest record and delete it; return False when none waits."""
        # As bytes, because SQLite gives no row whose text is damaged.
        query = """SELECT number, CAST(key AS BLOB), CAST(payload AS BLOB) FROM outbox
            WHERE refused IS NULL ORDER BY number LIMIT 1"""
        row = self._database.execute(query).fetchone()
        if row is None:
            return False
        number, *stored = row
        try:
            if number != self._delivered:  # otherwise it was delivered and only its deletion failed, on a full disk
                self._receiver.deliver(*_key_and_payload(*stored))
                self._delivered = number
        except _DamagedError as error:
            logger.warning(f"{self._path}: a record in it is damaged ({error}); it stays there and is not sent")
            self._set_aside(number, f"damaged: {error}")
        except RefusedError as error:
            logger.warning(f"{self._receiver.name} refused a record for good ({error}); it stays in {self._path}")
            self._set_aside(number, str(error))
        else:
            self._database.execute("DELETE FROM outbox WHERE number = ?", (number,))
        return True

    def _set_aside(self, number: int, reason: str) -> None:
        self._database.execute("UPDATE outbox SET refused = ? WHERE number = ?", (reason, number))


class _DamagedError(Exception):
    """What is queued is not what was written."""


def _key_and_payload(key: bytes, payload: bytes) -> tuple[str, str]:
    """Return a queued record as it was written. Raises _DamagedError."""
    try:
        text = payload.decode()
        record = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _DamagedError(str(error)) from None
    if not isinstance(record, dict) or not isinstance(record.get("key"), str) or record["key"].encode() != key:
        raise _DamagedError("its key differs from that of the queue")
    return record["key"], text


def split_address(url: str) -> SplitResult:
    """Split the URL of a receiver.

    Raises ConfigError when it has no host, an impossible port or characters that no URL has. The message holds nothing
    of what may be a password.
    """
    scheme = url.partition(":")[0]
    if any(each.isspace() or not each.isprintable() for each in url):
        raise ConfigError(f"--to {scheme}://…: there is a space or a control character in it; write %20 for a space")
    try:
        parts = urlsplit(url)
        fault = "" if parts.hostname and parts.port != 0 else "there is no host, or the port is 0"
    except ValueError as error:
        fault = str(error)
        if "@" in url:  # the error may quote a part of the password
            fault = "in a user name or password, write %2F for /, %3F for ?, %23 for # and %3A for :"
    if fault:
        raise ConfigError(f"--to {without_password(url)}: {fault}; write {scheme}://[USER:PASSWORD@]HOST[:PORT]/…")
    return parts


def without_password(url: str) -> str:
    """Return a URL without what stands between its scheme and its last @, which may be a password."""
    scheme, mark, rest = url.partition("://")
    return f"{scheme}://…@{rest.rpartition('@')[2]}" if mark and "@" in rest else url


def _lock(path: Path) -> int:
    """Lock the queue for this process, because two would send its records twice and out of order."""
    try:
        lock = locked_file(path.with_name(path.name + ".lock"))
    except OSError as error:
        if error.errno in DISK_IS_FULL:
            raise FullDiskError(f"{path}: {error.strerror}") from error
        raise OutputError(
            f"{path}: the queue cannot be kept there ({error.strerror}); name another folder with --queue"
        ) from error
    if lock is None:
        raise OutputError(f"{path}: another stapes sends from this queue; name another folder with --queue")
    return lock
