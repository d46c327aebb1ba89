"""Synthetic sounds: a valid dataset, the same for the same seed, with labels where the sounds are."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from stapes.runtime.main import main
from stapes.train.data.dataset import open_dataset, require_trainable
from stapes.train.data.soundscapes import CLASSES, DISTRACTORS, RATE_HZ, SyntheticSplit, synthesize


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("made") / "sounds"
    synthesize(path, [SyntheticSplit("train", 4), SyntheticSplit("val", 2)], seed=1)
    return path


def test_the_synthetic_dataset_can_be_opened(folder: Path) -> None:
    dataset = open_dataset(folder)
    require_trainable(dataset)
    assert dataset.classes == tuple(sorted(CLASSES))
    assert not dataset.notes


def test_the_same_seed_makes_the_same_files(folder: Path, tmp_path: Path) -> None:
    synthesize(tmp_path / "again", [SyntheticSplit("train", 4), SyntheticSplit("val", 2)], seed=1)
    for path in sorted(each for each in folder.rglob("*") if each.is_file()):
        assert path.read_bytes() == (tmp_path / "again" / path.relative_to(folder)).read_bytes()


@pytest.mark.parametrize("name", [*CLASSES, *DISTRACTORS])
def test_every_source_of_every_kind_makes_a_sound(name: str) -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        event = (CLASSES | DISTRACTORS)[name](rng).voice(rng)
        assert np.all(np.isfinite(event))
        assert 0.01 * RATE_HZ < len(event) < 1.5 * RATE_HZ
        assert 0.1 < np.abs(event).max() < 20


def test_recordings_grow_louder_at_the_onset_of_their_labels(folder: Path) -> None:
    ratios = []
    for recording in open_dataset(folder).splits["train"]:
        pcm, rate = soundfile.read(recording.path)
        for event in recording.annotations:
            onset, offset = int(event.onset * rate), int(event.offset * rate)
            before = pcm[max(0, onset - rate // 20) : onset]
            ratios.append(np.mean(pcm[onset:offset] ** 2) / np.mean(before**2))
    assert len(ratios) > 20
    assert np.median(ratios) > 2


def test_the_command_refuses_an_existing_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["synth", str(tmp_path)]) == 1
    assert "exists already" in capsys.readouterr().err
