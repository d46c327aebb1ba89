"""`make bench-doubtful`: how many of the sounds that a detector is most in doubt about are its mistakes.

For the detectors of `make bench-accuracy` (scape1_seed_1.stapes and so on in FOLDER): of the recordings of rooms that a
detector never heard, the sounds are proposed and ordered as "next doubtful" of `stapes studio` does, with the labels of
its own training recordings as what is labelled already. A sound is a mistake when it touches an event that the detector
missed or a false alarm. Chance: the share of mistakes among all proposals. Written to results/doubtful.csv.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.folds import ROOMS, SOUNDSCAPES, Fold, room_fold
from benchmarks.rows import read_rows, write_rows
from stapes.firmware_sim.errors import StapesError
from stapes.runtime.console import Progress, show
from stapes.train.data.dataset import open_dataset
from stapes.train.judge.judged import judge_recordings
from stapes.train.label.doubtful import most_doubtful
from stapes.train.label.mistakes import outcomes
from stapes.train.label.proposals import Listener
from stapes.train.label.sounds import Sound, Sounds

COUNT = 20


@dataclass(frozen=True)
class Doubtful:
    """What was found in the rooms that one detector never heard."""

    fold: str
    recordings: int
    proposals: int
    mistakes: int  # among the proposals
    chosen: int  # the most doubtful
    chosen_mistakes: int


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, write the rows and print the sentence; return the process's exit code."""
    parser = argparse.ArgumentParser(prog="make bench-doubtful", description=__doc__)
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="as build/accuracy/baseline")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args(argv)
    try:
        dataset = open_dataset(SOUNDSCAPES)
        folds = [room_fold(dataset, number) for number in ROOMS]
        rows = [measure(arguments.folder / f"{fold.name}_seed_{arguments.seed}.stapes", fold) for fold in folds]
    except StapesError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    write_rows("doubtful", [asdict(each) for each in rows])
    print(sentence(rows))
    return 0


def measure(detector_path: Path, fold: Fold) -> Doubtful:
    """Count mistakes among the most doubtful sounds of the held-out recordings, and among all of them."""
    sounds = Sounds(Listener(detector_path))
    labelled, proposed = [], []
    progress = Progress(fold.name, len(fold.made_with["train"]) + len(fold.held_out))
    for each in fold.made_with["train"]:
        labelled += sounds.labelled(each.path, each.name, each.annotations)
        progress.advance(each.name)
    for each in fold.held_out:
        proposed += sounds.proposed(each.path, each.name)
        progress.advance(each.name)
    progress.close(f"{len(proposed)} proposals, {len(labelled)} labelled events")
    detector = sounds.listener.detector
    assert detector is not None
    kinds = {each.recording.name: outcomes(each) for each in judge_recordings(detector, fold.held_out)}

    def is_mistake(sound: Sound) -> bool:
        return sound.touches([*kinds[sound.recording]["missed"], *kinds[sound.recording]["false"]])

    chosen = [each.sound for each in most_doubtful(proposed, labelled, sounds.listener.thresholds, COUNT)]
    return Doubtful(
        fold.name,
        len(fold.held_out),
        len(proposed),
        sum(map(is_mistake, proposed)),
        len(chosen),
        sum(map(is_mistake, chosen)),
    )


def sentence(rows: Sequence[Doubtful]) -> str:
    """Return the sentence in docs/own-recordings.md that gives these figures."""
    share = sum(each.chosen_mistakes for each in rows) / sum(each.chosen for each in rows)
    chance = sum(each.mistakes for each in rows) / sum(each.proposals for each in rows)
    return (
        f"In rooms that a detector never heard, {share:.0%} of the {COUNT} most doubtful sounds are its mistakes, and "
        f"{chance:.0%} of all proposals (`make bench-doubtful`, the {len(rows)} detectors of *baseline* in "
        "[Accuracy](accuracy.md))."
    )


def read_csv() -> list[Doubtful]:
    """Return the rows in results/doubtful.csv."""
    return [
        Doubtful(row.pop("fold"), **{name: int(count) for name, count in row.items()}) for row in read_rows("doubtful")
    ]


if __name__ == "__main__":
    show()
    raise SystemExit(main())
