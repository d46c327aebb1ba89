"""What a detector finds when the same recordings are quieter, louder, or go through another microphone.

    python -m benchmarks.levels X.stapes DATASET [--split val]

Each recording is played at gains from -20 to +20 dB, with the rounding and the clipping of 16 bits, and through the
curve of a microphone. Thresholds stay as they are. Prints event F1 with its 95 % interval over recordings.
"""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.signal import firwin2, oaconvolve

from stapes.firmware_sim.device.folder import DetectorFolder, read_folder
from stapes.firmware_sim.device.frontend import Frontend
from stapes.firmware_sim.device.tail import with_tail
from stapes.firmware_sim.errors import StapesError
from stapes.runtime.audio import read_audio
from stapes.runtime.console import show
from stapes.train.data.dataset import Recording, open_dataset
from stapes.train.judge.false_alarms import FalseAlarms, false_alarms
from stapes.train.judge.metrics import EventScores
from stapes.train.judge.scored import event_scores_of, score_recordings

Samples = NDArray[np.int16]
GAINS_DB = (-20, -15, -10, -5, 0, 5, 10, 15, 20)
# Gain in dB at frequencies in Hz, linear between them.
MICROPHONES = {
    # A bottom-port MEMS capsule behind a sound hole: less below 100 Hz, and the resonance of the hole.
    "MEMS behind a hole": ((0, -20), (60, -9), (120, -3), (300, 0), (3000, 0), (6000, 5), (8000, 9), (48_000, 9)),
    # An electret capsule in a closed plastic box without a hole for the sound.
    "electret in a box": (
        (0, -30),
        (100, -12),
        (300, 0),
        (1000, 2),
        (2500, -3),
        (5000, -10),
        (8000, -16),
        (48_000, -16),
    ),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Judge the detector under every condition and print a line for each; return the process's exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.levels",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("detector", type=Path)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--split", default="val", help="the recordings to judge on (default: val)")
    arguments = parser.parse_args(argv)
    try:
        folder = read_folder(arguments.detector)
        recordings = open_dataset(arguments.dataset).splits[arguments.split]
        print(f"{'':22} {'F1 onset':22} {'F1 onset+offset':22} false alarms/h")
        for name, heard in conditions(folder.frontend.sample_rate_hz).items():
            scores, alarms = judge(folder, recordings, heard)
            print(
                f"{name:22} {f'{scores.macro_f1_onset:.3f}':22} {f'{scores.macro_f1_onset_offset:.3f}':22} "
                f"{alarms.per_hour.value:.0f}"
            )
    except StapesError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def conditions(rate_hz: int) -> Mapping[str, Callable[[Samples], Samples]]:
    """Return by name what happens to the samples of a recording."""
    gains = {f"{gain_db:+d} dB": partial(amplified, gain_db=gain_db) for gain_db in GAINS_DB}
    return gains | {name: partial(through, curve=curve, rate_hz=rate_hz) for name, curve in MICROPHONES.items()}


def amplified(pcm: Samples, gain_db: float) -> Samples:
    """Return the samples at another level, rounded and clipped to 16 bits."""
    return _int16(pcm * 10.0 ** (gain_db / 20))


def through(pcm: Samples, curve: Sequence[tuple[float, float]], rate_hz: int) -> Samples:
    """Return the samples as through a microphone with this curve of (Hz, dB)."""
    hz, gains_db = np.transpose(curve)
    places = np.linspace(0, rate_hz / 2, 257)
    taps = firwin2(511, places, 10 ** (np.interp(places, hz, gains_db) / 20), fs=rate_hz)
    return _int16(oaconvolve(pcm.astype(np.float64), taps, "same"))


def _int16(samples: NDArray[np.float64]) -> Samples:
    return np.clip(np.rint(samples), -32_768, 32_767).astype(np.int16)


def judge(
    folder: DetectorFolder, recordings: Sequence[Recording], heard: Callable[[Samples], Samples]
) -> tuple[EventScores, FalseAlarms]:
    """Return the figures of the detector, with its own thresholds, on recordings that were changed by `heard`."""
    frontend, clock = Frontend(folder.tables), folder.clock
    pcm = (heard(read_audio(recording.path, clock.sample_rate_hz).pcm) for recording in recordings)
    features = (frontend.features(with_tail(clock, each)) for each in pcm)
    scored = score_recordings(folder, recordings, features)
    durations_s = {each.name: each.duration_s for each in recordings}
    alarms = false_alarms(scored.reference, scored.events(folder.events), durations_s, scored.classes)
    return event_scores_of(scored, recordings, folder.events), alarms


if __name__ == "__main__":
    show()
    raise SystemExit(main())
