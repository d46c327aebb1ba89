"""`make bench-suggest`: how many events of real recordings `stapes suggest` proposes, without a detector.

Each recording of val in ../shared/data/soundscapes is given to `stapes suggest`; its events and the proposals are
matched one to one by onset, whatever their labels. Written to results/suggest.csv, with the share that as many marks
at equal distances find.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from benchmarks.rows import read_rows, write_rows
from stapes.firmware_sim.device.frontend import Frontend, FrontendConfig, make_tables
from stapes.firmware_sim.errors import StapesError
from stapes.runtime.audio import read_audio
from stapes.runtime.console import Progress, show
from stapes.runtime.labels import Annotation
from stapes.runtime.onsets import proposals
from stapes.train.data.dataset import Recording, open_dataset
from stapes.train.judge.metrics import ONSET, match_events


@dataclass(frozen=True)
class Suggested:
    """What was proposed for all recordings together."""

    recordings: int
    hours: float
    events: int
    proposals: int
    found: int  # events whose onset has a proposal within the collar
    found_evenly: int  # the same for as many marks at equal distances in each recording

    @property
    def share(self) -> float:
        """Share of the events that are found."""
        return self.found / self.events

    @property
    def per_event(self) -> float:
        """Number of proposals per event, which a person has to look through."""
        return self.proposals / self.events


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, write the row and print the sentence; return the process's exit code."""
    parser = argparse.ArgumentParser(prog="make bench-suggest", description=__doc__)
    parser.add_argument("dataset", type=Path)
    arguments = parser.parse_args(argv)
    if not arguments.dataset.exists():
        print(
            f"{arguments.dataset} does not exist: nothing was measured, and suggest.csv is unchanged",
            file=sys.stderr,
        )
        return 0
    try:
        suggested = count_found_events(open_dataset(arguments.dataset).splits["val"])
    except StapesError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    write_rows("suggest", [asdict(suggested)])
    print(sentence(suggested))
    return 0


def count_found_events(recordings: Sequence[Recording]) -> Suggested:
    """Count the events of `recordings` that proposals find. Raises AudioError."""
    frontend = Frontend(make_tables(FrontendConfig()))
    progress = Progress("listening", len(recordings))
    n_proposals = found = found_evenly = 0
    for each in recordings:
        marks = [one.onset for one in proposals(frontend, read_audio(each.path, frontend.config.sample_rate_hz).pcm)]
        n_proposals += len(marks)
        found += _found(each, marks)
        found_evenly += _found(each, (np.arange(len(marks)) + 0.5) * each.duration_s / max(1, len(marks)))
        progress.advance(each.name)
    progress.close(f"{n_proposals} proposals")
    hours = round(sum(each.duration_s for each in recordings) / 3600, 3)
    n_events = sum(len(each.annotations) for each in recordings)
    return Suggested(len(recordings), hours, n_events, n_proposals, found, found_evenly)


def _found(recording: Recording, marks: Sequence[float] | np.ndarray) -> int:
    events = [Annotation(each.onset, each.offset, "") for each in recording.annotations]
    return len(match_events(events, [Annotation(float(onset), float(onset), "") for onset in marks], ONSET))


def sentence(suggested: Suggested) -> str:
    """Return the sentence in docs/own-recordings.md that gives these figures."""
    return (
        f"Of {suggested.events} events in real recordings it proposes {suggested.share:.0%} within "
        f"{ONSET.onset_s * 1000:.0f} ms, with {suggested.per_event:.1f} marks for each (`make bench-suggest`); as many "
        f"marks at equal distances find {suggested.found_evenly / suggested.events:.0%}."
    )


def read_csv() -> Suggested:
    """Return the figures in results/suggest.csv."""
    row = read_rows("suggest")[0]
    return Suggested(hours=float(row.pop("hours")), **{name: int(count) for name, count in row.items()})


if __name__ == "__main__":
    show()
    raise SystemExit(main())
