"""A detector whose scores come half a second late detects events to the end of a recording, on every way to run it."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray
from tiny_detector import noise_bursts, write_tiny_detector

from stapes.convert.export.layouts import layout
from stapes.convert.export.library import gather
from stapes.firmware_sim.device.events import completed
from stapes.firmware_sim.device.folder import read_folder
from stapes.firmware_sim.machines.boards import BOARDS
from stapes.firmware_sim.machines.simulation import build_detector
from stapes.runtime.audio import AudioFile
from stapes.runtime.detector import Detector
from stapes.runtime.device.verify import verify_command
from stapes.runtime.main import main
from stapes.train.data.dataset import open_dataset
from stapes.train.judge.judged import judge_recordings
from stapes.train.judge.scored import features_of, score_recordings

STAPES = "import sys; from stapes.runtime.main import main; sys.exit(main())"
DELAY_STEPS, STEP_S = 16, 0.032
HISS = (1.5, 1.9, "hiss")  # the event in question
EARLIER = (0.9, 1.2, "rumble")


@pytest.fixture(scope="module")
def late(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a detector folder with generated C, whose scores come 16 steps (512 ms) late."""
    folder = write_tiny_detector(tmp_path_factory.mktemp("late") / "late.stapes", delay_steps=DELAY_STEPS)
    return folder.path


def _ending(behind_s: float) -> NDArray[np.int16]:
    """Return a recording that ends `behind_s` seconds after the event."""
    return noise_bursts(4.0, [EARLIER, HISS])[: round((HISS[1] + behind_s) * 16_000)]


@pytest.mark.parametrize("behind_s", [-0.1, 0.0, 0.02, 0.05, 0.1, 0.2, 0.4, 1.0])
def test_an_event_shortly_before_the_end_is_heard_with_its_times(late: Path, behind_s: float) -> None:
    pcm = _ending(behind_s)
    events = [event for event in Detector.load(late, "litert").detect(pcm) if event.onset > 0.1]
    assert [event.label for event in events] == ["rumble", "hiss"], "nothing is made up behind it"
    assert events[-1].onset == pytest.approx(HISS[0], abs=3 * STEP_S)
    assert events[-1].offset == pytest.approx(min(HISS[1], len(pcm) / 16_000), abs=3 * STEP_S)
    assert events[-1].offset <= len(pcm) / 16_000


@pytest.mark.parametrize("behind_s", [0.0, 0.05, 0.4])
def test_engines_blocks_files_and_machines_hear_the_same_end(late: Path, tmp_path: Path, behind_s: float) -> None:
    """Scores, where there are any, are equal in every bit, and so are all reports of events."""
    pcm = _ending(behind_s)
    detector = Detector.load(late, "litert")
    expected = detector.hear_recording(pcm)
    assert completed(expected.events) == detector.detect(pcm)
    for size in (1, 255, 512, 8_320, 100_000):
        part = pcm[-20_000:] if size == 1 else pcm
        blocks = (part[at : at + size] for at in range(0, len(part), size))
        assert list(detector.stream(blocks)) == detector.hear_recording(part).events
    assert np.array_equal(Detector.load(late, "c").scores(pcm), expected.scores)
    soundfile.write(tmp_path / "end.flac", pcm, 16_000)
    assert detector.detect(tmp_path / "end.flac") == completed(expected.events)


@pytest.mark.parametrize("board", [None, "cortex-m4"])
def test_this_machines_c_and_a_board_hear_the_same_end(late: Path, tmp_path: Path, board: str | None) -> None:
    """The C receives the tail as samples like any others. A short recording is mostly tail."""
    detector = Detector.load(late, "litert")
    built = build_detector(read_folder(late), board and BOARDS[board], tmp_path)
    for pcm in (_ending(0.05), _ending(0.4), noise_bursts(0.3, [(0.1, 0.2, "hiss")])):
        expected, heard = detector.hear_recording(pcm), built.hear(pcm, count=False)
        assert np.array_equal(heard.scores, expected.scores)
        assert heard.events == expected.events
        assert expected.events[-1].label == "hiss"


@pytest.mark.parametrize("behind_s", [0.05, 0.4])
@pytest.mark.slow
def test_the_exported_program_hears_the_same_end(late: Path, tmp_path: Path, behind_s: float) -> None:
    """The desktop example of an exported library reads samples from stdin."""
    for path, text in layout("cmake").files(gather(late)).items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    sources, program = [*(tmp_path / "src").glob("*.c"), tmp_path / "examples" / "listen.c"], tmp_path / "listen"
    strict = ["-std=c99", "-O1", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wmissing-prototypes", "-Werror"]
    strict.append("-fsanitize=address")
    subprocess.run(["cc", *strict, f"-I{tmp_path / 'include'}", *sources, "-o", program], check=True)
    for pcm in (_ending(behind_s), _ending(behind_s)[-3_000:], np.zeros(0, np.int16)):
        printed = subprocess.run([program], input=pcm.tobytes(), capture_output=True, check=True).stdout.decode()
        expected = Detector.load(late, "litert").detect(pcm)
        assert printed.splitlines() == [f"{each.onset:.3f}\t{each.offset:.3f}\t{each.label}" for each in expected]


def test_the_commands_hear_the_same_end(late: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The recording is given as a file, in a folder, and on stdin."""
    pcm, folder = _ending(0.05), tmp_path / "folder"
    folder.mkdir()
    soundfile.write(folder / "end.wav", pcm, 16_000)
    expected = [(f"{e.onset:.3f}", f"{e.offset:.3f}", e.label) for e in Detector.load(late, "litert").detect(pcm)]
    assert expected[-1][2] == "hiss"
    assert main(["detect", str(late), str(folder / "end.wav"), "--format", "csv"]) == 0
    rows = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    assert [
        (f"{float(row['onset']):.3f}", f"{float(row['offset']):.3f}", row["event_label"]) for row in rows
    ] == expected
    assert main(["detect", str(late), str(folder), "--out", str(tmp_path / "all.csv"), "--jobs", "1"]) == 0
    with (tmp_path / "all.csv").open(newline="") as file:
        assert [(row["onset"], row["offset"], row["event_label"]) for row in csv.DictReader(file)] == expected
    command = [sys.executable, "-c", STAPES, "listen", str(late), "-"]
    printed = subprocess.run(command, input=pcm.tobytes(), check=True, capture_output=True).stdout
    records = [json.loads(line) for line in printed.splitlines()]
    assert [(f"{each['onset']:.3f}", f"{each['offset']:.3f}", each["label"]) for each in records] == expected


def test_stereo_at_another_rate_is_heard_to_its_end(late: Path, tmp_path: Path) -> None:
    """The same events come from the samples that the resampler makes of the recording."""
    mono = np.repeat(_ending(0.05), 3)
    soundfile.write(tmp_path / "end.wav", np.stack([mono, mono // 2], axis=1), 48_000)
    detector = Detector.load(late, "litert")
    events = detector.detect(tmp_path / "end.wav")
    assert events[-1].label == "hiss"
    assert events[-1].offset == pytest.approx(HISS[1], abs=3 * STEP_S)
    assert events == detector.detect(np.concatenate(list(AudioFile(tmp_path / "end.wav", 16_000).blocks())))


@pytest.mark.parametrize("seconds", [0.06, 0.1, 0.2, 0.3, 0.5])
def test_a_recording_shorter_than_the_delay_is_heard(late: Path, seconds: float) -> None:
    """The whole recording is one event, and what the detector receives is mostly tail."""
    pcm = noise_bursts(0.6, [(0.0, 0.6, "hiss")])[-round(seconds * 16_000) :]
    detector = Detector.load(late, "litert")
    events = [event for event in detector.detect(pcm) if event.label == "hiss"]
    assert len(events) == 1
    assert all(0 <= event.onset < event.offset <= seconds for event in events)


def test_no_event_reaches_behind_the_end(late: Path) -> None:
    """Recordings of every length modulo a step end in the middle of an event."""
    detector, pcm = Detector.load(late, "litert"), _ending(0.0)
    for samples in range(len(pcm) - 512, len(pcm), 37):
        heard = detector.hear_recording(pcm[:samples])
        assert len(heard.scores) == DELAY_STEPS + (samples - 128) // 512
        offset = completed(heard.events)[-1].offset_sample
        assert offset is not None
        assert samples - 3 * 512 < offset <= samples


def test_thresholds_are_chosen_on_the_scores_of_the_detector(late: Path, tmp_path: Path) -> None:
    """The scores on which thresholds are chosen, and those that `stapes evaluate` judges, reach to the end as well."""
    (tmp_path / "val").mkdir()
    soundfile.write(tmp_path / "val" / "end.wav", _ending(0.05), 16_000)
    (tmp_path / "val" / "end.txt").write_text("0.9\t1.2\trumble\n1.5\t1.9\thiss\n")
    recordings = open_dataset(tmp_path).splits["val"]
    detector = Detector.load(late, "litert")
    (judged,) = judge_recordings(detector, recordings)
    chosen_on = score_recordings(detector.folder, recordings, features_of(detector.folder, recordings))
    assert np.array_equal(chosen_on.scores[0], judged.scores)
    assert chosen_on.hours.sum() == pytest.approx(recordings[0].duration_s / 3600, abs=STEP_S / 3600)
    events = detector.detect(recordings[0].path)
    assert [(each.label, each.onset, each.offset) for each in judged.detected] == [
        (each.label, each.onset, each.offset) for each in events
    ]
    assert judged.announced_s[-1] > recordings[0].duration_s, "as late as on a stream that goes on"


def test_a_gap_in_a_stream_has_no_tail(late: Path) -> None:
    """The stream goes on after a gap, so no sound is made up to fill it."""
    detector = Detector.load(late, "litert")
    heard = detector.hear(_ending(0.05)).events + detector.gap(16_000)
    assert "hiss" not in {event.label for event in heard if event.onset > 0.1}
    heard += detector.flush()
    assert "hiss" not in {event.label for event in heard if event.onset > 0.1}


@pytest.mark.slow
def test_verify_compares_the_end_as_well(late: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    soundfile.write(tmp_path / "end.wav", _ending(0.05), 16_000)
    assert verify_command(late, [tmp_path / "end.wav"]) == 0
    steps = len(Detector.load(late, "litert").scores(_ending(0.05)))
    assert f"{steps:,} equal" in capsys.readouterr().out
