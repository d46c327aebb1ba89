"""The device's features for a backbone beside YAMNet's own, on real recordings. Referee: YAMNet's published formulas.

docs/backbone.md states these figures.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pytest
import soundfile
from backbone_forward import run_backbone

from benchmarks.yamnet_features import offset_of_bands, yamnet_features
from stapes.firmware_sim.device.frontend import Frontend, make_tables
from stapes.train.learn.backbone import YAMNET_FRONTEND, Backbone, read_backbone

DB_PER_NEPER = 20 / np.log(10)
FLOOR = np.log(0.001)  # what YAMNet hears in digital silence


@dataclass(frozen=True)
class Features:
    """YAMNet's features and the device's for the same frames, both in nepers, float64[recordings, frames, 64]."""

    yamnet: np.ndarray
    device: np.ndarray

    @cached_property
    def difference(self) -> np.ndarray:
        """YAMNet's feature less the device's, float64[frames, 64]."""
        return (self.yamnet - self.device).reshape(-1, YAMNET_FRONTEND.n_bands)


@pytest.fixture(scope="module")
def features(soundscapes: Path) -> Features:
    """Eight seconds from each of the recordings of the val split."""
    frontend = Frontend(make_tables(YAMNET_FRONTEND))
    recordings = [
        soundfile.read(path, dtype="int16", frames=8 * 16_000)[0]
        for path in sorted((soundscapes / "val" / "audio").glob("*.flac"))
    ]
    assert len(recordings) == 40
    yamnet = np.stack([yamnet_features(pcm) for pcm in recordings])
    device = np.stack([frontend.features(pcm).astype(float) for pcm in recordings])
    return Features(yamnet, device * YAMNET_FRONTEND.int8_step_db / DB_PER_NEPER)


def rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(values**2)))


def test_int8_features_span_yamnet_from_its_floor_and_have_its_zero_in_the_mean_of_bands(features: Features) -> None:
    lowest = -128 * YAMNET_FRONTEND.int8_step_db / DB_PER_NEPER
    assert abs(lowest - FLOOR) < 0.03
    assert abs(features.difference.mean()) < 0.03
    assert np.mean(features.device == lowest) < 0.03


def test_bands_differ_from_yamnet_by_the_width_of_the_band_and_little_else(features: Features) -> None:
    means = features.difference.mean(axis=0)
    assert means[0] < -0.4
    assert means[-1] > 0.45
    assert np.abs(means - offset_of_bands() - features.difference.mean()).max() < 0.06
    assert 0.30 < rms(features.difference) < 0.36
    assert rms(features.difference - offset_of_bands()) < 0.13
    assert (features.difference - offset_of_bands()).std(axis=0).max() < 0.17


def test_the_sixth_layer_hears_nearly_the_same(features: Features, foreign_models: Path) -> None:
    backbone = read_backbone(foreign_models / "yamnet_256_f32.h5")
    some = range(0, 40, 8)
    exact = outputs(backbone, features.yamnet[some])
    as_they_are = outputs(backbone, features.device[some])
    with_offset = outputs(backbone, features.device[some] + offset_of_bands())
    assert np.corrcoef(exact, as_they_are)[0, 1] > 0.975
    assert np.corrcoef(exact, with_offset)[0, 1] > 0.988


def outputs(backbone: Backbone, recordings: np.ndarray) -> np.ndarray:
    """Return all outputs of the last layer in one row."""
    return np.concatenate([run_backbone(backbone, each).ravel() for each in recordings])
