"""Recordings as recorders leave them are heard alike by every command, and one that cannot be heard is named.

Referee: the same sound in a WAV with a right header.
"""

import json
import os
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tiny_detector import noise_bursts

from stapes.runtime.main import main

PCM = noise_bursts(4.0, [(1.0, 1.8, "rumble")])
STATED = {  # name of a recording -> length in its header
    "right": 2 * len(PCM),
    "sox_pipe": 0x7FFF_F000,
    "arecord_killed": 0x8000_0000,
    "ffmpeg_pipe": 0xFFFF_FFFF,
    "crashed": 0,
}


def write_wav(path: Path, stated: int, behind: bytes = b"") -> None:
    """Write the sound with a length in its header, and these bytes behind it."""
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, 16_000, 32_000, 2, 16)
    body = b"WAVE" + form + struct.pack("<4sI", b"data", stated) + PCM.tobytes() + behind
    path.write_bytes(b"RIFF" + struct.pack("<I", min(stated + 36, 2**32 - 1)) + body)


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """The same rumble in recordings of every kind, each labelled."""
    folder = tmp_path / "data"
    folder.mkdir()
    for name, stated in STATED.items():
        write_wav(folder / f"{name}.wav", stated)
    write_wav(folder / "preallocated.wav", 2 * len(PCM), bytes(4096))
    os.truncate(folder / "preallocated.wav", 50_000_000)
    soundfile.write(folder / "voicemail.wav", PCM, 16_000, subtype="GSM610")
    for path in folder.glob("*.wav"):
        path.with_suffix(".txt").write_text("1.0\t1.8\trumble\n")
    return folder


def events_by_name(table: str) -> dict[str, list[str]]:
    """Return the times of the events of each recording in a table whose first columns are name, onset and offset."""
    found: dict[str, list[str]] = {}
    for line in table.splitlines()[1:]:
        name, *times = line.split("\t")[:3]
        found.setdefault(Path(name).name, []).append(" ".join(times))
    return found


def assert_alike(found: dict[str, list[str]]) -> None:
    """Each has the one event of the recording with the right header; that of the lossy codec lies close to it."""
    right, *lossy = found["right.wav"], *found.pop("voicemail.wav")
    assert len(right) == len(lossy) == 1
    assert set(found) == {f"{name}.wav" for name in (*STATED, "preallocated")}
    assert all(each == right for each in found.values())
    for one, other in zip(right[0].split(), lossy[0].split(), strict=True):
        assert float(one) == pytest.approx(float(other), abs=0.1)


@pytest.mark.slow
def test_detect_hears_files_and_a_folder_alike(
    tiny_detector: Path, dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = sorted(map(str, dataset.glob("*.wav")))
    assert main(["detect", str(tiny_detector), *files]) == 0
    assert_alike(events_by_name(capsys.readouterr().out))
    out = tmp_path / "events.tsv"
    assert main(["detect", str(tiny_detector), str(dataset), "--out", str(out), "--jobs", "1"]) == 0
    header, *rows = [line.split("\t") for line in out.read_text().splitlines()]
    columns = [header.index(name) for name in ("filename", "onset", "offset")]
    assert_alike(events_by_name("\n".join("\t".join(row[at] for at in columns) for row in [header, *rows])))


def test_check_evaluate_review_mine_and_suggest_hear_them_alike(
    tiny_detector: Path, dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", str(dataset)]) == 0
    printed = capsys.readouterr()
    assert "7 x 16000 Hz mono" in printed.out
    for name in ("sox_pipe", "arecord_killed", "ffmpeg_pipe", "crashed"):
        assert f"{name}.wav: its header gives no length; the file is heard to its end, 4.00 s" in printed.err
    assert "bytes of zeros behind the sound are left out" in printed.err
    assert main(["evaluate", str(tiny_detector), str(dataset), "--split", "all", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["figures"]["events"]["classes"]["rumble"]["n_hits"] == 7
    out = {name: tmp_path / name for name in ("review", "mine", "suggest")}
    assert main(["review", str(tiny_detector), str(dataset), "--split", "all", "--out", str(out["review"])]) == 0
    assert main(["mine", str(tiny_detector), str(dataset), "--out", str(out["mine"])]) == 0
    assert main(["suggest", str(dataset), "--detector", str(tiny_detector), "--out", str(out["suggest"])]) == 0
    detected = {each.stem: each.read_text() for each in (out["review"] / "detected").rglob("*.txt")}
    assert {name for name, text in detected.items() if text == detected["right"]} >= {*STATED, "preallocated"}
    mined = [line.split("\t")[1] for line in (out["mine"] / "mined.tsv").read_text().splitlines()[1:]]
    assert sorted(mined) == sorted(each.name for each in dataset.glob("*.wav"))
    assert_alike(events_by_name((out["suggest"] / "suggestions.tsv").read_text()))


@pytest.mark.slow
def test_the_others_are_heard_where_one_cannot_be(
    tiny_detector: Path, dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = np.append(PCM, 0).astype(np.float32)
    broken[-1] = np.nan
    soundfile.write(dataset / "broken.wav", broken / 32768, 16_000, subtype="FLOAT")
    (dataset / "broken.txt").write_text("")
    assert main(["detect", str(tiny_detector), *sorted(map(str, dataset.glob("*.wav")))]) == 1
    printed = capsys.readouterr()
    assert_alike(events_by_name(printed.out))
    assert "broken.wav: there are values that are not numbers after 0.00 s" in printed.err
    out = tmp_path / "events.tsv"
    assert main(["detect", str(tiny_detector), str(dataset), "--out", str(out), "--jobs", "1"]) == 1
    assert "broken.wav" in capsys.readouterr().err
    assert len({line.split("\t")[0] for line in out.read_text().splitlines()[1:]}) == 7
    assert main(["check", str(dataset)]) == 1
    assert "broken.wav: there are values that are not numbers" in capsys.readouterr().out
