"""How a place differs from the training of a detector: level and colour of the background, in sentences."""

import json

import numpy as np
import pytest

from stapes.firmware_sim.device.frontend import Frontend, FrontendConfig, make_tables
from stapes.runtime.sound_conditions import BackgroundLevels, SoundConditions

CONFIG = FrontendConfig()


def background(pcm: np.ndarray) -> np.ndarray:
    levels = BackgroundLevels(CONFIG)
    levels.add(Frontend(make_tables(CONFIG)).features(pcm))
    return levels.levels


def room(gain_db: float, seed: int = 0, colour: float = 0.0) -> np.ndarray:
    """Two seconds of noise; `colour` is its slope in dB per octave."""
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(32_000))
    octaves = np.log2(np.maximum(np.fft.rfftfreq(32_000, 1 / 16_000), 60) / 1000)
    pcm = np.fft.irfft(spectrum * 10 ** (colour * octaves / 20)) * 10 ** (gain_db / 20)
    return np.rint(pcm).astype(np.int16)


TRAINED_ON = SoundConditions.of([background(room(gain, seed)) for seed, gain in enumerate((40, 46, 52))], (-6, 3), 2.0)


def test_levels_are_the_medians_of_all_frames_however_they_arrive() -> None:
    features = np.random.default_rng(1).integers(-128, 128, (301, CONFIG.n_bands)).astype(np.int8)
    levels = BackgroundLevels(CONFIG)
    for block in np.array_split(features, 7):
        levels.add(block)
    expected = np.median(features, axis=0) * CONFIG.int8_step_db + CONFIG.int8_zero_db
    np.testing.assert_allclose(levels.levels, expected)
    assert levels.frames == 301


@pytest.mark.parametrize(
    ("gain_db", "sentence"),
    [
        (22, "12 dB quieter than anything that the detector was trained on"),  # 40 - 6 - 12
        (65, "10 dB louder than anything that the detector was trained on"),  # 52 + 3 + 10
        (50, "within the levels of its training, 4 dB above their middle"),
        (37, "within the levels of its training, 9 dB below their middle"),
    ],
)
def test_a_level_outside_of_training_is_told_in_decibels(gain_db: float, sentence: str) -> None:
    assert TRAINED_ON.differences(background(room(gain_db, seed=9)), CONFIG) == [sentence]


def test_a_dull_microphone_is_told_by_its_bands() -> None:
    _, *colours = TRAINED_ON.differences(background(room(46, seed=9, colour=-9)), CONFIG)
    assert any("Hz is" in each and "weaker" in each and "7500 Hz" in each for each in colours), colours
    assert any("stronger" in each and each.startswith("60 to") for each in colours), colours


def test_what_was_heard_in_a_former_training_lies_within_the_levels_and_colours_of_both() -> None:
    quiet, dull = background(room(22, seed=9)), background(room(46, seed=9, colour=-9))
    former = SoundConditions.of([quiet, dull], (0, 0), 0.0)
    both = TRAINED_ON.joined(former)
    for heard in (quiet, dull, background(room(52, seed=3))):
        (sentence,) = both.differences(heard, CONFIG)
        assert sentence.startswith("within the levels of its training")
    (sentence,) = both.differences(background(room(65)), CONFIG)
    assert sentence == "10 dB louder than anything that the detector was trained on"
    other_bands = SoundConditions.of([quiet[:7]], (0, 0), 0.0)
    assert TRAINED_ON.joined(other_bands) is TRAINED_ON


def test_conditions_survive_json_and_older_detectors_have_none() -> None:
    again = SoundConditions.from_dict(json.loads(json.dumps(TRAINED_ON.as_dict())))
    assert again is not None
    assert again.level_db == pytest.approx(TRAINED_ON.level_db, abs=0.051)
    np.testing.assert_allclose(again.colour_db, TRAINED_ON.colour_db, atol=0.051)
    for older in (None, {}, {"level_db": [1, 2]}, {"level_db": [1, 2, 3], "colour_db": [1.0, 2.0]}, "text"):
        assert SoundConditions.from_dict(older) is None
