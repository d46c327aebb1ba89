"""`make bench-suggest`: how many of the twenty sounds most alike have the label of the sound that they are like.

Each labelled event of val in ../shared/data/soundscapes is compared with all proposals of `stapes suggest` for the
other recordings, as in `stapes studio`. A proposal counts as of the class whose event begins nearest to it, within
the collar of the metrics, and otherwise as of none. Chance: the share of all proposals that are of the event's class.
Written to results/alike.csv, a row for each class and one for all events.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from benchmarks.rows import read_rows, write_rows
from stapes.firmware_sim.errors import StapesError
from stapes.runtime.console import Progress, show
from stapes.train.data.dataset import Recording, open_dataset
from stapes.train.judge.metrics import ONSET
from stapes.train.label.alike import most_alike
from stapes.train.label.proposals import Listener
from stapes.train.label.sounds import Sound, Sounds

COUNT = 20
ALL = "all"


@dataclass(frozen=True)
class Alike:
    """What was found for the events of a class."""

    label: str  # or ALL
    events: int
    proposals: int  # that are compared with each, on average
    share: float  # of the COUNT most alike that have the event's label
    chance: float  # the same share of all proposals


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, write the rows and print the sentence; return the process's exit code."""
    parser = argparse.ArgumentParser(prog="make bench-suggest", description=__doc__)
    parser.add_argument("dataset", type=Path)
    arguments = parser.parse_args(argv)
    if not arguments.dataset.exists():
        print(f"{arguments.dataset} does not exist: nothing was measured, and alike.csv is unchanged", file=sys.stderr)
        return 0
    try:
        rows = measure(open_dataset(arguments.dataset).splits["val"])
    except StapesError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    write_rows("alike", [asdict(each) for each in rows])
    print(sentence(rows))
    return 0


def measure(recordings: Sequence[Recording]) -> list[Alike]:
    """Return the shares for each class and for all events. Raises AudioError."""
    sounds, proposed, events = Sounds(Listener(None)), [], []
    progress = Progress("listening", len(recordings))
    for each in recordings:
        proposed += [(one, _label(each, one)) for one in sounds.proposed(each.path, each.name)]
        events += sounds.labelled(each.path, each.name, each.annotations)
        progress.advance(each.name)
    progress.close(f"{len(proposed)} proposals, {len(events)} events")
    shares = [_shares(event, proposed) for event in events]
    labels = [*sorted({each.label for each in events}), ALL]
    return [
        _row(label, [s for e, s in zip(events, shares, strict=True) if label in (e.label, ALL)]) for label in labels
    ]


def _label(recording: Recording, sound: Sound) -> str:
    near = [each for each in recording.annotations if abs(each.onset - sound.onset) <= ONSET.onset_s]
    return min(near, key=lambda each: abs(each.onset - sound.onset)).label if near else ""


def _shares(event: Sound, proposed: Sequence[tuple[Sound, str]]) -> tuple[int, float, float]:
    """Return how many proposals are compared, the share of the most alike with the event's label, and that of all."""
    others = {id(one): label == event.label for one, label in proposed if one.recording != event.recording}
    found = most_alike(event, [one for one, _ in proposed if id(one) in others], COUNT)
    return len(others), float(np.mean([others[id(one)] for one in found])), float(np.mean([*others.values()]))


def _row(label: str, shares: Sequence[tuple[int, float, float]]) -> Alike:
    compared, share, chance = np.mean(shares, axis=0)
    return Alike(label, len(shares), round(float(compared)), round(float(share), 3), round(float(chance), 3))


def sentence(rows: Sequence[Alike]) -> str:
    """Return the sentence in docs/own-recordings.md that gives these figures."""
    last = next(each for each in rows if each.label == ALL)
    return (
        f"Of the {COUNT} proposals in other recordings that are most like a labelled event, {last.share:.0%} are of "
        f"its class; of all proposals {last.chance:.0%} are (`make bench-suggest`)."
    )


def read_csv() -> list[Alike]:
    """Return the rows in results/alike.csv."""
    return [
        Alike(row["label"], int(row["events"]), int(row["proposals"]), float(row["share"]), float(row["chance"]))
        for row in read_rows("alike")
    ]


if __name__ == "__main__":
    show()
    raise SystemExit(main())
