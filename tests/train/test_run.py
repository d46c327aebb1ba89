"""A stopped training is continued only when all that it learns from is the same."""

from dataclasses import replace
from pathlib import Path

import pytest
import soundfile
from backbone_files import random_weights, write_keras_weights
from tiny_detector import noise_bursts

pytest.importorskip("tensorflow")

from stapes.train.data.dataset import open_dataset
from stapes.train.learn.sources import Sources
from stapes.train.run import key_of
from stapes.train.settings import Settings


def record(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, noise_bursts(1.0, [(0.3, 0.6, "hiss")], seed=seed), 16_000)


def test_other_sound_or_other_ignored_labels_are_another_training(tmp_path: Path) -> None:
    for seed, part in enumerate(("train", "val")):
        record(tmp_path / part / "a.wav", seed)
        (tmp_path / part / "a.txt").write_text("0.3\t0.6\thiss\n0.7\t0.8\trumble\n")
    (tmp_path / "label_map.tsv").write_text("label\tclass\nrumble\t\n")

    def key() -> tuple[str, str]:
        dataset = open_dataset(tmp_path)
        return key_of(dataset, Settings(), Sources()), dataset.fingerprint()

    first, fingerprint = key()
    assert key() == (first, fingerprint)
    record(tmp_path / "train" / "a.wav", 9)
    other_sound, same = key()
    assert same == fingerprint, "which is compared with that of earlier versions"
    (tmp_path / "train" / "a.txt").write_text("0.3\t0.6\thiss\n0.7\t0.9\trumble\n")
    other_label, same = key()
    assert same == fingerprint
    assert len({first, other_sound, other_label}) == 3


def test_another_backbone_in_the_same_file_is_another_training(tmp_path: Path) -> None:
    for seed, part in enumerate(("train", "val")):
        record(tmp_path / part / "a.wav", seed)
        (tmp_path / part / "a.txt").write_text("0.3\t0.6\thiss\n")
    dataset, settings = open_dataset(tmp_path), Settings()
    keys = set()
    for seed in (1, 2):
        path = write_keras_weights(tmp_path / "yamnet.h5", random_weights(layers=1, seed=seed))
        network = replace(settings.network, backbone=str(path), backbone_layers=1)
        keys.add(key_of(dataset, replace(settings, network=network), Sources()))
    assert len(keys) == 2
