"""The sounds of recordings: what is labelled, what a detector hears, and what else rises above the background."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from stapes.firmware_sim.device.events import probability
from stapes.runtime.labels import Annotation
from stapes.runtime.onsets import Proposal, stretch_in
from stapes.train.label.proposals import Listener, Piece, shifted, touches


@dataclass(frozen=True)
class Sound:
    """A stretch of a recording and how it sounds. Times are in seconds."""

    recording: str  # its name in the dataset
    onset: float
    offset: float
    label: str  # of a labelled sound, or the class of the detector's event; "" for other sounds
    confidence: float | None  # of the detector's event
    timbre: NDArray[np.float64]  # [bands + 2], of runtime/onsets.py
    probabilities: NDArray[np.float64]  # [classes], the highest of each class during the sound; [0] without a detector

    def touches(self, events: Sequence[Annotation]) -> bool:
        """Return whether it shares a moment with one of the events."""
        return touches(Annotation(self.onset, self.offset, self.label), events)


@dataclass(frozen=True)
class _Stamp:
    """What changes when a file is written anew."""

    size: int
    modified_ns: int

    @classmethod
    def of(cls, path: Path) -> "_Stamp":
        status = path.stat()
        return cls(status.st_size, status.st_mtime_ns)


@dataclass(frozen=True)
class _Known:
    """What was heard in a recording, whatever its labels."""

    stamp: _Stamp
    scores: NDArray[np.int8]
    proposed: list[Sound]
    labelled: dict[tuple[float, float], Proposal]  # onset and offset of a label -> how it sounds


class Sounds:
    """Hears recordings, each once until its file changes; may be used by several threads."""

    def __init__(self, listener: Listener) -> None:
        self.listener = listener
        self._known: dict[Path, _Known] = {}
        self._lock = Lock()  # a detector hears one recording at a time

    def knows(self, path: Path) -> bool:
        """Return whether `proposed` answers at once. Raises OSError when the file is gone."""
        known = self._known.get(path)
        return known is not None and known.stamp == _Stamp.of(path)

    def proposed(self, path: Path, name: str) -> list[Sound]:
        """Return the detector's events and the other proposals for a recording, in order of onset.

        Raises AudioError and OSError when it cannot be read.
        """
        return self._hear(path, name).proposed

    def labelled(self, path: Path, name: str, events: Sequence[Annotation]) -> list[Sound]:
        """Return labelled events as sounds. Raises AudioError and OSError when the recording cannot be read."""
        known = self._hear(path, name)
        missing = [each for each in events if (each.onset, each.offset) not in known.labelled]
        for piece in self.listener.pieces(path, [each.onset for each in missing]) if missing else ():
            for each in missing:
                if piece.holds(each.onset) and (stretch := _stretch(piece, each)):
                    known.labelled[each.onset, each.offset] = stretch
        return [
            self._sound(name, each, known.labelled[each.onset, each.offset], known.scores)
            for each in events
            if (each.onset, each.offset) in known.labelled
        ]

    def _hear(self, path: Path, name: str) -> _Known:
        stamp = _Stamp.of(path)
        known = self._known.get(path)
        if known is None or known.stamp != stamp:
            with self._lock:
                known = self._known.get(path)
                if known is None or known.stamp != stamp:
                    known = self._known[path] = self._heard(path, name, stamp)
        return known

    def _heard(self, path: Path, name: str, stamp: _Stamp) -> _Known:
        events, scores = self.listener.detected(path)
        found = []
        for piece in self.listener.pieces(path):
            stretches = [(each, _stretch(piece, each)) for each in events if piece.holds(each.onset)]
            found += [self._sound(name, each, stretch, scores) for each, stretch in stretches if stretch]
            others = [each for each in piece.proposals() if not touches(each, events)]
            found += [self._sound(name, Annotation(each.onset, each.offset, ""), each, scores) for each in others]
        return _Known(stamp, scores, sorted(found, key=lambda each: (each.onset, each.label)), {})

    def _sound(self, name: str, event: Annotation, stretch: Proposal, scores: NDArray[np.int8]) -> Sound:
        detector = self.listener.detector
        highest = np.zeros(0)
        if detector is not None:
            edges = detector.folder.clock.edges_s(len(scores))
            inside = scores[(edges[1:] > stretch.onset) & (edges[:-1] < stretch.offset)]
            highest = np.array([probability(int(each)) for each in inside.max(axis=0, initial=-128)])
        return Sound(name, event.onset, event.offset, event.label, event.confidence, stretch.timbre, highest)


def _stretch(piece: Piece, event: Annotation) -> Proposal | None:
    found = stretch_in(piece.levels, event.onset - piece.start_s, event.offset - piece.start_s)
    return shifted(found, piece.start_s) if found else None
