"""Edits against a server that is killed at random moments: what it acknowledged is in the file, and nothing is torn."""

import http.client
import io
import random
import threading
import time
import urllib.error
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
import pytest
import soundfile
from studio_process import StudioProcess

from stapes.runtime.labels import read_audacity, read_dcase

Event = tuple[float, float, str]  # onset, offset, label
State = tuple[Event, ...]  # of the recording that is edited, sorted

EDITS = 50  # of each kind of label file
RECORDING_S = 60.0
OTHER_ROWS = "b.wav\t1.5\t2.25\tknock\tdoor 1\t  keep \r\nb.wav\t3\t4\tbark\tdog\t\r\n"
HEADER = "\ufefffilename\tonset\toffset\tevent_label\tsource\tremark\r\n"


@dataclass(frozen=True)
class Labels:
    """The file that holds the labels, and how tests read it."""

    file: Path
    read: Callable[[], State]
    others: str  # what stands in the file besides the edited recording's rows, and must stay byte for byte


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    folder = tmp_path / "sounds"
    folder.mkdir()
    noise = np.random.default_rng(0).normal(0, 0.01, round(RECORDING_S * 8000)).astype(np.float32)
    for name in ("a.wav", "b.wav"):
        soundfile.write(folder / name, noise, 8000)
    return folder


def _table(folder: Path) -> Labels:
    file = folder / "labels.tsv"
    file.write_bytes((HEADER + OTHER_ROWS + "a.wav\t0.5\t0.75\tknock\tdoor 2\tfirst\r\n").encode())

    def read() -> State:
        return _state(read_dcase(file).get("a.wav", []))

    return Labels(file, read, HEADER + OTHER_ROWS)


def _track(folder: Path) -> Labels:
    file = folder / "a.txt"
    file.write_text("0.500000\t0.750000\tknock\n")
    return Labels(file, lambda: _state(read_audacity(file)), "")


def _state(annotations: object) -> State:
    return tuple(sorted((each.onset, each.offset, each.label) for each in annotations))  # type: ignore[attr-defined]


def _random_changes(random_: random.Random, state: State) -> list[tuple[Event | None, Event | None]]:
    """Return the changes of one request: one label is added, moved, renamed or removed, or split into two."""

    def new() -> Event:
        onset = random_.randrange(0, 50_000)
        return onset / 1000, (onset + random_.randrange(10, 5000)) / 1000, random_.choice(["knock", "bark", "Tür auf"])

    old = random_.choice(state) if state else None
    kind = random_.choice(["add", "add", "move", "rename", "remove", "split"])
    if old is None or kind == "add":
        return [(None, new())]
    if kind == "remove":
        return [(old, None)]
    if kind == "rename":
        return [(old, (old[0], old[1], "bark" if old[2] == "knock" else "knock"))]
    if kind == "move":
        return [(old, (*new()[:2], old[2]))]
    middle = round((old[0] + old[1]) / 2, 3)
    return [(old, (old[0], middle, old[2])), (None, (middle, old[1], old[2]))]


def _after(state: State, changes: list[tuple[Event | None, Event | None]]) -> State:
    events = list(state)
    for before, after in changes:
        if before is not None:
            events.remove(before)
        if after is not None:
            events.append(after)
    return tuple(sorted(events))


def _json(changes: list[tuple[Event | None, Event | None]]) -> dict[str, object]:
    def event(given: Event | None) -> dict[str, object] | None:
        return None if given is None else dict(zip(("onset", "offset", "label"), given, strict=True))

    return {"recording": "a.wav", "changes": [{"from": event(old), "to": event(new)} for old, new in changes]}


def _acknowledged(studio: StudioProcess, send: Callable[[], object], kill_after_s: float | None) -> bool:
    """Send a request, kill the server after this time, if one is given; return whether the request was acknowledged."""
    killer = None if kill_after_s is None else threading.Timer(kill_after_s, studio.kill)
    if killer is not None:
        killer.start()
    try:
        send()
        return True
    except urllib.error.HTTPError:
        raise
    except (urllib.error.URLError, http.client.HTTPException, ConnectionError):
        assert killer is not None, "the server went away by itself"
        return False
    finally:
        if killer is not None:
            killer.join()


@pytest.mark.slow
@pytest.mark.parametrize("make", [_table, _track], ids=["table", "track"])
def test_every_edit_that_a_killed_server_acknowledged_is_in_the_file_and_no_other_by_half(
    dataset: Path, make: Callable[[Path], Labels]
) -> None:
    """The referee is the list of edits, applied in plain Python, and the readers that training uses."""
    labels, random_ = make(dataset), random.Random(21)
    expected, outcomes, took_s = labels.read(), {True: 0, False: 0}, [0.02]
    with StudioProcess(dataset) as studio:
        for _ in range(EDITS):
            changes = _random_changes(random_, expected)
            # The server is killed at any moment of an edit, or soon after it, on a slow machine as on a fast one.
            kill_after_s = random_.uniform(0, 1.5 * median(took_s)) if random_.random() < 0.2 else None
            body, began = _json(changes), time.monotonic()
            was_acknowledged = _acknowledged(studio, lambda body=body: studio.post("labels", body), kill_after_s)
            found, changed = labels.read(), _after(expected, changes)
            assert found == changed or (not was_acknowledged and found == expected)
            assert labels.others in labels.file.read_bytes().decode(), "other rows stay byte for byte"
            expected = found
            if kill_after_s is None:
                took_s.append(time.monotonic() - began)
            else:
                outcomes[was_acknowledged] += 1
                studio.start()
        assert {(each["onset"], each["offset"], each["label"]) for each in
                studio.get("labels", recording="a.wav")["events"]} == set(expected)  # fmt: skip
    assert outcomes[False] > 1, "some edits were cut off"
    assert outcomes[True] + outcomes[False] > 5


@pytest.mark.slow
def test_recordings_that_arrive_at_a_server_that_is_killed_are_there_whole_or_not_at_all(tmp_path: Path) -> None:
    folder, random_, outcomes = tmp_path / "sounds", random.Random(3), set()
    folder.mkdir()
    sent = {}
    with StudioProcess(folder) as studio:
        for number in range(5):
            file = io.BytesIO()
            noise = np.random.default_rng(number).normal(0, 0.1, 3_000_000).astype(np.float32)
            soundfile.write(file, noise, 48_000, format="WAV", subtype="PCM_16")
            sent[f"hall/{number}.wav"] = file.getvalue()

            def upload(name: str = f"{number}.wav", sound: bytes = file.getvalue()) -> None:
                studio.post("upload", sound, name=name, session="hall")

            was_acknowledged = _acknowledged(studio, upload, random_.uniform(0, 0.15))
            outcomes.add(was_acknowledged)
            there = {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("[!.]*.wav")}
            assert all(sound == sent[name] for name, sound in there.items())
            assert f"hall/{number}.wav" in there or not was_acknowledged
            studio.start()
    assert False in outcomes, "some were cut off"
