"""What a detector hears in the first 100 ms of a recording that begins anywhere, where no event is.

    python -m benchmarks.cuts X.stapes DATASET [--split val]

Recordings are cut at random places away from every labelled event, and the detector hears both the cut and the whole
recording. An event that the whole recording has across a cut is rightly heard from the start of the cut on: what
a cut costs are the events in its first 100 ms at places where the whole recording has none.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stapes.firmware_sim.device.events import Event
from stapes.firmware_sim.errors import StapesError
from stapes.runtime.audio import read_audio
from stapes.runtime.console import show
from stapes.runtime.detector import Detector
from stapes.train.data.dataset import Recording, open_dataset

HEAD_S = 0.1
CUT_S = 2.5  # how much of a cut is heard; a detector answers within less
PLACES = 12  # tried in each recording
BEFORE_S, AFTER_S = 0.35, 0.3  # a place is so far from the next event's onset and from the last one's offset


@dataclass(frozen=True)
class Head:
    """Whether the detector has an event in the same 100 ms of a recording, whole and cut at their start."""

    begins_in_whole: bool
    lies_in_whole: bool
    in_cut: bool


def main(argv: Sequence[str] | None = None) -> int:
    """Judge the cuts and print the three rates and what they mean; return the process's exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.cuts", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("detector", type=Path)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--split", default="val", help="the recordings to cut (default: val)")
    arguments = parser.parse_args(argv)
    try:
        detector = Detector.load(arguments.detector)
        chance = np.random.default_rng(0)
        recordings = open_dataset(arguments.dataset).splits[arguments.split]
        heads = [head for recording in recordings for head in heads_of(detector, recording, chance)]
    except StapesError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if not heads:
        print("error: there is no place without an event to cut at; name another --split", file=sys.stderr)
        return 1
    print(f"{len(heads)} cuts at places without an event, and the detector's events in the first {HEAD_S:g} s:")
    print(f"  {_share([each.begins_in_whole for each in heads])}  one begins there in the whole recording")
    print(f"  {_share([each.lies_in_whole for each in heads])}  one lies there in the whole recording")
    print(f"  {_share([each.in_cut for each in heads])}  one is there in the cut")
    print(f"  {_share([each.in_cut and not each.lies_in_whole for each in heads])}  one is there in the cut alone")
    return 0


def heads_of(detector: Detector, recording: Recording, chance: np.random.Generator) -> Iterator[Head]:
    """Yield what the detector hears at places of a recording that are away from its labelled events."""
    rate = detector.sample_rate_hz
    pcm = read_audio(recording.path, rate).pcm
    whole = detector.detect(pcm)
    for at_s in chance.uniform(1, max(1, len(pcm) / rate - 3), PLACES):
        if not any(each.onset - BEFORE_S < at_s < each.offset + AFTER_S for each in recording.annotations):
            yield _head(detector, pcm, whole, round(at_s * rate))


def _head(detector: Detector, pcm: NDArray[np.int16], whole: list[Event], at: int) -> Head:
    rate = detector.sample_rate_hz
    stop = at + round(HEAD_S * rate)
    return Head(
        begins_in_whole=any(at <= each.onset_sample < stop for each in whole),
        lies_in_whole=any(each.onset_sample < stop and (each.offset_sample or stop) > at for each in whole),
        in_cut=any(each.onset_sample < stop - at for each in detector.detect(pcm[at : at + round(CUT_S * rate)])),
    )


def _share(found: list[bool]) -> str:
    return f"{100 * np.mean(found):5.1f} %"


if __name__ == "__main__":
    show()
    raise SystemExit(main())
