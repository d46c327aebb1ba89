"""The fuzzers themselves: each kind of failure is found, and an input is the same in every run."""

import mmap
import os
import random
import re
import time
from pathlib import Path

import fuzzing
import pytest
from fuzzing import Files, Fuzzer, fuzz

from stapes.firmware_sim.errors import AudioError


@pytest.fixture(autouse=True)
def own_reproducers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuzzing, "REPRODUCERS", tmp_path / "fuzz")


def _make(chance: random.Random) -> Files:
    return {"input": bytes([chance.randrange(4)])}


def _kind(folder: Path) -> int:
    return (folder / "input").read_bytes()[0]


def _traceback(folder: Path) -> None:
    if _kind(folder) == 3:
        raise KeyError("of a program that trusts its input")


def _crash(folder: Path) -> None:
    if _kind(folder) == 3:
        os.abort()


def _memory(folder: Path) -> None:
    if _kind(folder) == 3:
        bytearray(2 << 30)


def _says_little(folder: Path) -> None:
    if _kind(folder) == 3:
        raise AudioError("too bad")


def _busy(folder: Path) -> None:
    while _kind(folder) == 3:
        pass


def _asleep(folder: Path) -> None:
    if _kind(folder) == 3:
        time.sleep(60)


@pytest.mark.parametrize(
    ("use", "message"),
    [
        (_traceback, "KeyError: 'of a program that trusts its input'"),
        (_crash, "it died by signal 6"),
        (_memory, "MemoryError"),
        (_says_little, "the message has 7 characters"),
        (_busy, "s of the processor"),
        (_asleep, "it hung for"),
    ],
)
def test_every_kind_of_failure_is_found_and_its_input_is_kept(
    use: object, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fuzzing, "CPU_S", 0.2)
    monkeypatch.setattr(fuzzing, "WALL_S", 1 if use is _asleep else 120)
    monkeypatch.setattr(fuzzing, "FAILURES_SHOWN", 2)
    fuzzer = Fuzzer("itself", _make, use)  # type: ignore[arg-type]
    with pytest.raises(AssertionError, match=re.escape(message)) as caught:
        fuzz(fuzzer, 40)
    folders = re.findall(r"written to (\S+):", str(caught.value))
    assert len(folders) == 2
    assert all(_kind(Path(folder)) == 3 for folder in folders)


def test_errors_of_one_line_are_no_failures() -> None:
    def refuse(folder: Path) -> None:
        raise AudioError(f"{folder}: cannot be read; leave it out")

    fuzz(Fuzzer("itself", _make, refuse), 20)


def test_memory_that_is_kept_from_input_to_input_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuzzing, "GROWTH_BYTES", 8 << 20)
    kept = []

    def keep(folder: Path) -> None:
        pages = mmap.mmap(-1, 200 << 10)  # of the system: free memory of the process that was forked would not grow it
        pages.write((folder / "input").read_bytes() * len(pages))
        kept.append(pages)

    with pytest.raises(AssertionError, match="memory grew by"):
        fuzz(Fuzzer("itself", lambda chance: {"input": b"x"}, keep), 100)


def test_an_input_is_the_same_in_every_run() -> None:
    fuzzer = Fuzzer("itself", lambda chance: {"input": chance.randbytes(8)}, _traceback)
    assert fuzzer.files(7) == fuzzer.files(7) != fuzzer.files(8)
