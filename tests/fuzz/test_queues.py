"""Damaged queues of records that wait for a receiver: what comes later is sent, and nothing that was not queued."""

import json
import random
import tempfile
from functools import cache
from pathlib import Path

import pytest
from damage import damaged_bytes
from fuzzing import Files, Fuzzer, fuzz, inputs
from records import keys, record

from stapes.runtime.live.sinks import outbox
from stapes.runtime.live.sinks.outbox import Outbox, UnreachableError

QUEUED = 12


class Receiver:
    """Takes every record while it is up, and keeps the keys."""

    name = "receiver"

    def __init__(self, up: bool) -> None:
        self.up, self.keys = up, list[str]()

    def deliver(self, key: str, payload: str) -> None:
        if not self.up:
            raise UnreachableError("down")
        assert json.loads(payload)["key"] == key
        self.keys.append(key)

    def close(self) -> None: ...


@cache
def _queue() -> bytes:
    """Return a queue in which records wait, as it lies on the disk."""
    outbox.LAST_TRY_S, outbox.FIRST_WAIT_S, outbox.LONGEST_WAIT_S = 0.05, 0.01, 0.05
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "queue.sqlite"
        queue = Outbox(path, Receiver(up=False))
        for number in range(QUEUED):
            queue.write(record(number))
        queue.close()
        return path.read_bytes()


def _make(chance: random.Random) -> Files:
    whole = _queue()
    if chance.random() < 0.3:  # the first page holds the header of the database and its tables
        return {"queue.sqlite": damaged_bytes(chance, whole, 200)}
    at = whole.index(b"session-")
    return {"queue.sqlite": whole[:at] + damaged_bytes(chance, whole[at:])}


def _send(folder: Path) -> None:
    """Send a queue and one more record, which arrives whatever happened to the others."""
    outbox.LAST_TRY_S = 30.0  # a shared machine may stall
    receiver = Receiver(up=True)
    queue = Outbox(folder / "queue.sqlite", receiver)
    queue.write(record(QUEUED))
    queue.close()
    assert receiver.keys[-1:] == keys(QUEUED + 1)[-1:], f"the newest record did not arrive, but {receiver.keys}"
    assert len(set(receiver.keys)) == len(receiver.keys), "a record was sent twice"


@pytest.mark.slow
def test_a_damaged_queue_goes_on() -> None:
    fuzz(Fuzzer("queues", _make, _send), inputs(400))
