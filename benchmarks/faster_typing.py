"""Judge detectors on a keyboard that they never heard, typed on faster: --detector X.stapes --keyboard G213.

In the recordings of ../shared/data/keystrokes one key follows another after half a second. Here the end of each pause
is cut out, with a crossfade of 8 ms, until keys follow each other after a random time of some range. The sound of a key
that is let go stays where it comes before the cut. F1 is by onset, within 200 ms; the count error is the number of
detected keystrokes divided by that of annotated ones, less 1.
"""

import argparse
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from benchmarks.folds import KEYBOARDS, KEYSTROKES, keyboard_fold, open_folds_of
from benchmarks.judgement import require_unseen, scores_of
from benchmarks.unseen_keyboards import KeyboardJudgement, figures_of
from stapes.firmware_sim.device.folder import read_folder
from stapes.firmware_sim.errors import StapesError
from stapes.runtime.console import show
from stapes.train.data.dataset import Recording
from stapes.train.judge.metrics import count_matches

RANGES_S = ((0.3, 0.6), (0.2, 0.4), (0.12, 0.3))  # from one key to the next
RATE_HZ = 16_000
BEFORE_S = 0.06  # of each key, as a label may come after the sound
FADE = RATE_HZ * 8 // 1000


def main(argv: list[str] | None = None) -> int:
    """Judge the detectors and print the figures; return the process's exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.faster_typing",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--detector", type=Path, required=True, help="trained without the keyboard")
    parser.add_argument("--keyboard", required=True, choices=KEYBOARDS)
    parser.add_argument("--dataset", type=Path, default=KEYSTROKES, help="keystrokes (default: %(default)s)")
    arguments = parser.parse_args(argv)
    try:
        for least, most in RANGES_S:
            one = judge_faster(arguments.detector, arguments.keyboard, arguments.dataset, (least, most))
            print(
                f"{one.keyboard}, a key every {least} to {most} s: F1 by onset {one.f1:.3f}, "
                f"count error {one.count_error:+.1%}; {one.annotated} keystrokes, {one.detected} detected"
            )
    except StapesError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def judge_faster(path: Path, keyboard: str, dataset: Path, range_s: tuple[float, float]) -> KeyboardJudgement:
    """Return the judgement of a detector on a keyboard whose keys follow each other after a time in this range.

    Raises DatasetError for a detector that was made with recordings of the keyboard.
    """
    folder, fold = read_folder(path), keyboard_fold(open_folds_of(dataset), keyboard)
    require_unseen(folder, fold)
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as name:
        faster = [typed_faster(each, range_s, Path(name), rng) for each in fold.judged if each.annotations]
        scored = scores_of(folder, faster)
    counts = count_matches(scored.reference, scored.events(folder.events), scored.names, scored.classes)
    return figures_of(keyboard, counts)


def typed_faster(
    recording: Recording, range_s: tuple[float, float], folder: Path, rng: np.random.Generator
) -> Recording:
    """Return the recording with less time from each key to the next, written to `folder`."""
    pcm = recording.pcm(RATE_HZ).astype(np.float32)
    onsets = np.array([each.onset for each in recording.annotations])
    removed = np.diff(onsets) - rng.uniform(*range_s, len(onsets) - 1)
    removed[removed * RATE_HZ < FADE] = 0.0
    path = folder / f"{recording.path.stem}.wav"
    soundfile.write(path, _without(pcm, onsets[1:], removed), RATE_HZ)
    moved = onsets - np.concatenate([[0.0], np.cumsum(removed)])
    annotations = tuple(
        replace(each, onset=onset, offset=onset) for each, onset in zip(recording.annotations, moved, strict=True)
    )
    return replace(recording, path=path, annotations=annotations)


def _without(
    pcm: NDArray[np.float32], onsets_s: NDArray[np.float64], removed_s: NDArray[np.float64]
) -> NDArray[np.int16]:
    """Return the samples without `removed_s` of time before each onset."""
    rise = np.linspace(0.0, 1.0, FADE, dtype=np.float32)
    parts, first = [], 0
    for onset, missing in zip(onsets_s, removed_s, strict=True):
        after = round((onset - BEFORE_S) * RATE_HZ)
        before = after - round(missing * RATE_HZ)
        if before == after:
            continue
        pcm[after : after + FADE] = pcm[before : before + FADE] * rise[::-1] + pcm[after : after + FADE] * rise
        parts.append(pcm[first:before])
        first = after
    return np.rint(np.concatenate([*parts, pcm[first:]])).astype(np.int16)


if __name__ == "__main__":
    show()
    raise SystemExit(main())
