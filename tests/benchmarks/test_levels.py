"""benchmarks/levels.py: the same recordings at other levels and through other microphones."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from tiny_detector import noise_bursts

from benchmarks.levels import GAINS_DB, MICROPHONES, amplified, conditions, judge, main, through
from stapes.firmware_sim.device.folder import read_folder
from stapes.train.data.dataset import open_dataset
from stapes.train.judge.scored import event_scores_of, features_of, score_recordings


def tone(hz: float, amplitude: float = 3000) -> np.ndarray:
    return np.rint(amplitude * np.sin(2 * np.pi * hz * np.arange(16_000) / 16_000)).astype(np.int16)


def test_gain_rounds_and_clips_as_sixteen_bits_do() -> None:
    pcm = np.array([-32768, -3000, 0, 4, 5, 3000, 32767], np.int16)
    assert amplified(pcm, 0).tolist() == pcm.tolist()
    assert amplified(pcm, 20).tolist() == [-32768, -30000, 0, 40, 50, 30000, 32767]
    assert amplified(pcm, -20).tolist() == [-3277, -300, 0, 0, 0, 300, 3277]


@pytest.mark.parametrize("name", MICROPHONES)
def test_a_tone_leaves_a_microphone_with_the_gain_of_its_curve(name: str) -> None:
    for hz, gain_db in MICROPHONES[name]:
        if 200 <= hz < 8000:
            inside = slice(1000, -1000)
            ratio = through(tone(hz), MICROPHONES[name], 16_000)[inside].std() / tone(hz)[inside].std()
            assert 20 * np.log10(ratio) == pytest.approx(gain_db, abs=0.7)


def test_at_its_own_level_a_recording_is_judged_as_evaluate_does(
    tiny_detector: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "data" / "val"
    folder.mkdir(parents=True)
    for index in range(3):
        bursts = [(1.0, 1.6, "hiss"), (3.0, 3.5, "rumble")]
        soundfile.write(folder / f"{index}.wav", noise_bursts(5.0, bursts, seed=index) // 4, 16_000)
        (folder / f"{index}.txt").write_text("".join(f"{a}\t{b}\t{c}\n" for a, b, c in bursts))
    detector, recordings = read_folder(tiny_detector), open_dataset(folder.parent).splits["val"]
    scored = score_recordings(detector, recordings, features_of(detector, recordings))
    expected = event_scores_of(scored, recordings, detector.events)
    scores, alarms = judge(detector, recordings, conditions(16_000)["+0 dB"])
    assert scores.as_dict() == expected.as_dict()
    assert alarms.per_hour.value == 0
    assert main([str(tiny_detector), str(folder.parent)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 + len(GAINS_DB) + len(MICROPHONES)
    assert lines[5].startswith("+0 dB")
    assert f"{expected.macro_f1_onset:.3f}" in lines[5]
