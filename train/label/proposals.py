"""What is proposed for a recording: the events that a detector hears, and other sounds that rise above the background.

A long recording is heard in pieces, so that memory does not grow with its length: the background of a moment is that
of the sound around it in any case, and each piece brings as much of that on both sides.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stapes.firmware_sim.device.events import completed, probability
from stapes.firmware_sim.device.frontend import Frontend, FrontendConfig, make_tables
from stapes.firmware_sim.errors import AudioError
from stapes.runtime.audio import AudioFile, read_audio
from stapes.runtime.audio.convert import Channel
from stapes.runtime.detector import Detector
from stapes.runtime.labels import Annotation
from stapes.runtime.onsets import BACKGROUND_S, Levels, Proposal, proposals_in
from stapes.train.data.dataset import POINT_S
from stapes.train.data.options import channel_number, inherited_channel

PIECE_S = 300.0  # a recording is heard in equal pieces of at most 1.5 times this length
MARGIN_S = BACKGROUND_S  # sound that is heard before and after a piece
_CUT_OFF_S = 0.1  # a file that ends this much before its header says is cut off


@dataclass(frozen=True)
class Heard:
    """What is proposed for a recording. Times are in seconds."""

    events: Sequence[Annotation]  # that the detector hears, with its confidence
    sounds: Sequence[Proposal]  # that touch none of the events, in order of time


@dataclass(frozen=True)
class Piece:
    """A part of a recording with its levels, whose time 0 is `start_s` of the recording."""

    begin_s: float  # in the recording
    end_s: float
    start_s: float
    levels: Levels

    def proposals(self) -> list[Proposal]:
        """Return the proposals that begin in this piece, with times in the recording."""
        moved = (shifted(each, self.start_s) for each in proposals_in(self.levels))
        return [each for each in moved if self.holds(each.onset)]

    def holds(self, moment_s: float) -> bool:
        """Return whether a moment of the recording lies in this piece."""
        return self.begin_s <= moment_s < self.end_s


class Listener:
    """Finds the proposals for recordings, with the frontend and the events of a detector, or without one.

    channel: that is heard; None: as in the detector's training, without a detector the mean of all.
    Raises as `Detector.load` and `inherited_channel` do.
    """

    def __init__(self, detector_path: Path | None, channel: Channel | None = None) -> None:
        self.detector = Detector.load(detector_path) if detector_path else None
        if self.detector:
            self.channel = inherited_channel(channel, self.detector.folder)
            self.frontend = Frontend(self.detector.folder.tables)
        else:
            self.channel = channel_number(channel or "mean")
            self.frontend = Frontend(make_tables(FrontendConfig()))

    @property
    def thresholds(self) -> dict[str, float]:
        """The probability at which each class of the detector begins, in its order; {} without a detector."""
        if self.detector is None:
            return {}
        pairs = zip(self.detector.classes, self.detector.thresholds, strict=True)
        return {label: probability(on) for label, (on, _) in pairs}

    def hear(self, path: Path) -> Heard:
        """Return what is proposed for a recording. Raises AudioError when it cannot be read."""
        events, _ = self.detected(path)
        found = [each for piece in self.pieces(path) for each in piece.proposals()]
        return Heard(events, [each for each in found if not touches(each, events)])

    def pieces(self, path: Path, moments_s: Sequence[float] | None = None) -> Iterator[Piece]:
        """Yield the recording in pieces, in order of time; only those that hold one of the moments, if these are given.

        Raises AudioError when it cannot be read.
        """
        rate_hz = self.frontend.config.sample_rate_hz
        file = AudioFile(path, rate_hz, self.channel)
        count = max(1, round(file.duration_s / PIECE_S))
        if count == 1:
            levels = Levels.of(self.frontend, read_audio(path, rate_hz, self.channel).pcm)
            yield Piece(float("-inf"), float("inf"), 0.0, levels)
            return
        borders = [number * file.duration_s / count for number in range(1, count)]
        for begin, end in pairwise([float("-inf"), *borders, float("inf")]):
            if moments_s is not None and not any(begin <= each < end for each in moments_s):
                continue
            # A start between two frames of the file would move all times by the rest.
            start = round(max(0.0, begin - MARGIN_S) * file.source_rate_hz) / file.source_rate_hz
            until = min(end + MARGIN_S, file.duration_s)
            pcm = file.excerpt(start, until)
            if len(pcm) < (until - start - _CUT_OFF_S) * rate_hz:
                raise AudioError(
                    f"{path}: the file is cut off after {start + len(pcm) / rate_hz:.1f} of {file.duration_s:.1f} s; "
                    "copy it again or leave it out"
                )
            yield Piece(begin, end, start, Levels.of(self.frontend, pcm))

    def detected(self, path: Path) -> tuple[list[Annotation], NDArray[np.int8]]:
        """Return the events and the scores [steps, classes] of the detector, as a device hears the recording.

        Without a detector there is no event, and the scores are int8[0, 0]. Raises AudioError.
        """
        if self.detector is None:
            return [], np.zeros((0, 0), np.int8)
        blocks = AudioFile(path, self.detector.sample_rate_hz, self.channel).blocks()
        self.detector.reset()
        events, scores = [], []
        for output in (*map(self.detector.hear, blocks), self.detector.hear_end()):
            events += output.events
            scores.append(output.scores)
        found = [Annotation(each.onset, each.offset, each.label, each.confidence) for each in completed(events)]
        return found, np.concatenate(scores)


def shifted(proposal: Proposal, seconds: float) -> Proposal:
    """Return a proposal that many seconds later."""
    return replace(proposal, onset=proposal.onset + seconds, offset=proposal.offset + seconds)


def touches(proposal: Proposal | Annotation, events: Sequence[Annotation]) -> bool:
    """Return whether a proposal and one of the events share a moment; a point stands for POINT_S on both sides."""
    return any(begin < proposal.offset and end > proposal.onset for begin, end in map(_stretch, events))


def _stretch(event: Annotation) -> tuple[float, float]:
    around = POINT_S if event.offset == event.onset else 0.0
    return event.onset - around, event.offset + around
