"""Records for tests, a sink that keeps them, and a writer that is killed: `python records.py TARGET FOLDER TIMES`."""

import os
import random
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from stapes.runtime.live.sinks.record import Record, Sink


def record(number: int) -> Record:
    return Record(
        kind="event",
        key=f"session-{number}",
        source="mic",
        label='a "pop"',
        onset=number / 10,
        offset=number / 10 + 0.05,
        onset_sample=number * 1600,
        offset_sample=number * 1600 + 800,
        utc="2026-01-02T03:04:05.678Z",
        confidence=0.9,
    )


def keys(count: int) -> list[str]:
    return [f"session-{number}" for number in range(count)]


class RecordList:
    """A sink as a user may write it, with two methods."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    def write(self, record: Record) -> None:
        self.records.append(record)

    def close(self) -> None: ...


def write_and_be_killed(opened: Callable[[], Sink], times: int) -> int:
    """Let child processes write records, each going on where the last one was killed; return how many were written."""
    number, chance = 0, random.Random(6)
    for _ in range(times):
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            sink = opened()
            while True:
                sink.write(record(number))
                os.write(writing, b".")
                number += 1
        os.close(writing)
        number += len(os.read(reading, 1))
        time.sleep(chance.uniform(0, 0.05))
        os.kill(child, signal.SIGKILL)
        while more := os.read(reading, 1 << 16):
            number += len(more)
        os.close(reading)
        os.waitpid(child, 0)
    return number


if __name__ == "__main__":
    from stapes.runtime.live.sinks.targets import Delivery, open_sink

    target, folder, times = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    print(write_and_be_killed(lambda: open_sink(target, Delivery(folder)), times))
