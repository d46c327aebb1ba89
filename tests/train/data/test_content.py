"""Recordings are told apart by their content, also where their middles are the same digital silence."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
import soundfile

from stapes.train.data.content import content_id

SILENT = slice(3 * 16_000, 37 * 16_000)


def record(path: Path, seed: int, silence: float | None = None, subtype: str = "PCM_16") -> Path:
    """Write 40 s of noise in stereo, with this constant value from second 3 to 37."""
    samples = np.random.default_rng(seed).normal(0, 0.1, (40 * 16_000, 2))
    if silence is not None:
        samples[SILENT] = silence
    soundfile.write(path, samples, 16_000, subtype=subtype)
    return path


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT"])
@pytest.mark.parametrize("silence", [0.0, 0.01])
def test_recordings_with_a_constant_middle_are_told_apart(tmp_path: Path, silence: float, subtype: str) -> None:
    one, other = (record(tmp_path / f"{seed}.wav", seed, silence, subtype) for seed in (1, 2))
    assert one.stat().st_size == other.stat().st_size
    assert content_id(one) != content_id(other)
    assert content_id(one) == content_id(one.rename(tmp_path / "renamed.wav"))


def test_other_recordings_keep_the_identity_that_detectors_hold(tmp_path: Path) -> None:
    """The referee is the definition of the identity: the size and the 64 KB in the middle, or the whole if smaller."""
    noise, short = record(tmp_path / "noise.wav", 1), tmp_path / "short.wav"
    soundfile.write(short, np.zeros(16_000), 16_000)
    for path in (noise, short):
        data = path.read_bytes()
        middle = data[max(0, len(data) - 65_536) // 2 :][:65_536]
        assert content_id(path) == hashlib.sha256(b"%d\n" % len(data) + middle).hexdigest()[:16]
