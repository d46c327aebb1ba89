"""benchmarks/cuts.py: what a detector hears at the start of a recording that was cut."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tiny_detector import noise_bursts

from benchmarks.cuts import Head, heads_of, main
from stapes.runtime.detector import Detector
from stapes.train.data.dataset import Recording, open_dataset


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """One recording of a long noise that the detector hears; its only label lies elsewhere."""
    folder = tmp_path / "data" / "val"
    folder.mkdir(parents=True)
    soundfile.write(folder / "a.wav", noise_bursts(20.0, [(4.0, 12.0, "hiss")]), 16_000)
    (folder / "a.txt").write_text("17.0\t18.0\thiss\n")
    return folder.parent


def _heads(detector: Path, recording: Recording, seed: int) -> list[Head]:
    return list(heads_of(Detector.load(detector), recording, np.random.default_rng(seed)))


def test_an_event_that_goes_on_across_a_cut_is_told_from_one_that_begins_there(
    tiny_detector: Path, dataset: Path
) -> None:
    (recording,) = open_dataset(dataset).splits["val"]
    heads = [head for seed in range(5) for head in _heads(tiny_detector, recording, seed)]
    assert all(head.in_cut for head in heads if head.lies_in_whole), "a noise that goes on is heard from the start on"
    assert sum(head.lies_in_whole for head in heads) > 10
    assert sum(head.begins_in_whole for head in heads) < 5
    assert not all(head.in_cut for head in heads)


def test_no_place_near_a_labelled_event_is_taken(tiny_detector: Path, dataset: Path) -> None:
    (recording,) = open_dataset(dataset).splits["val"]
    (event,) = recording.annotations
    assert _heads(tiny_detector, replace(recording, annotations=(replace(event, onset=0.0, offset=20.0),)), 0) == []


def test_the_shares_are_printed(tiny_detector: Path, dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tiny_detector), str(dataset)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("cuts at places without an event, and the detector's events in the first 0.1 s:")
    assert [line.split("%")[1].strip()[:6] for line in lines[1:]] == ["one be", "one li", "one is", "one is"]
