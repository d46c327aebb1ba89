"""A folder of `stapes listen --record` is a dataset as it is, for `stapes review` and for training."""

from dataclasses import replace
from pathlib import Path

import pytest
import soundfile
from labelled_noise import tsv_rows
from tiny_detector import RATE, noise_bursts, write_tiny_detector

from stapes.firmware_sim.device.events import EventConfig
from stapes.runtime.labels import Annotation
from stapes.runtime.main import main
from stapes.train.data.dataset import Dataset, open_dataset
from stapes.train.data.options import DatasetOptions


@pytest.fixture
def detector(tmp_path: Path) -> Path:
    """A detector that hears `hiss`; no burst of `rumble` reaches its threshold."""
    folder = write_tiny_detector(tmp_path / "tiny.stapes")
    deaf = EventConfig(on_score=127, off_score=127, min_duration_steps=2)
    replace(folder, events=(deaf, folder.events[1])).write()
    return folder.path


@pytest.fixture
def clips(detector: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Clips of two events of `hiss` and of a near miss of `rumble`, as the command keeps them."""
    pcm = noise_bursts(14.0, [(1.0, 1.5, "hiss"), (5.0, 5.5, "hiss"), (10.0, 10.5, "rumble")])
    soundfile.write(tmp_path / "evening.wav", pcm, RATE)
    folder = tmp_path / "clips"
    with (tmp_path / "evening.wav").open() as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        words = ["--record", str(folder), "--near-misses", "24", "--out", str(tmp_path / "log.jsonl")]
        assert main(["listen", str(detector), "-", *words]) == 0
    assert len(list(folder.glob("*.flac"))) == 3
    return folder


def _labels(dataset: Dataset) -> list[list[str]]:
    return [[event.label for event in each.annotations] for each in dataset.recordings]


def _mistakes(detector: Path, clips: Path, out: Path) -> list[tuple[str, str]]:
    assert main(["review", str(detector), str(clips), "--split", "all", "--out", str(out)]) == 0
    return sorted((row["mistake"], row["event_label"]) for row in tsv_rows(out / "review.tsv"))


def test_review_takes_the_clips_as_they_are_and_with_a_persons_corrections(
    detector: Path, clips: Path, tmp_path: Path
) -> None:
    """The detector agrees with what it heard; what a person changes is its mistake."""
    assert _mistakes(detector, clips, tmp_path / "before") == []
    _, false_alarm, near_miss = sorted(clips.glob("*.txt"))
    false_alarm.write_text("")
    near_miss.write_text(near_miss.read_text().replace("rumble?", "rumble"))
    assert _mistakes(detector, clips, tmp_path / "after") == [("false", "hiss"), ("missed", "rumble")]


def test_a_near_miss_that_nobody_confirmed_is_neither_an_event_nor_a_class(clips: Path) -> None:
    dataset = open_dataset(clips)
    assert _labels(dataset) == [["hiss"], ["hiss"], []]
    [ignored] = [event for each in dataset.recordings for event in each.ignored]
    assert (ignored.label, type(ignored)) == ("rumble?", Annotation)
    assert any("not confirmed" in note.kind for note in dataset.notes)


def test_clips_are_for_training_whatever_the_channel_of_the_other_recordings(clips: Path) -> None:
    """Chosen by a detector, they would flatter it; and they have one channel, the one that was listened to."""
    dataset = open_dataset(clips, DatasetOptions(channel=2))
    assert list(dataset.splits) == ["train"]
    assert {each.why for each in dataset.recordings} == {"clip of `stapes listen`: always train"}
    assert {each.channel for each in dataset.recordings} == {None}


@pytest.mark.parametrize("content", ["{", "[]", '{"format": "stapes clip 1"}', '{"format": "another"}', "[" * 100_000])
def test_other_json_beside_a_recording_makes_it_no_clip(clips: Path, content: str) -> None:
    for path in clips.glob("*.json"):
        path.write_text(content)
    assert ["rumble?"] in _labels(open_dataset(clips))
