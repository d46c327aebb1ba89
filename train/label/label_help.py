"""What helps a person to label a dataset: proposals, the sounds that teach most, and those most like a given one.

Recordings are heard one after the other in a thread of their own, those that a person looks at first. Proposals that a
person has dropped are remembered in the dataset's `.studio.json`, by their times: another detector may give the same
sound slightly other ones.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from stapes.firmware_sim.errors import StapesError
from stapes.runtime.labels import Annotation
from stapes.train.data.dataset import UNNAMED_CLASS
from stapes.train.label.alike import distances, most_alike
from stapes.train.label.doubtful import most_doubtful
from stapes.train.label.label_store import LabelStore
from stapes.train.label.proposals import Listener
from stapes.train.label.sounds import Sound, Sounds
from stapes.train.label.states import States

DROPPED = "dropped proposals"  # the section of .studio.json: recording -> [[onset, offset], …] in seconds
SAME_SHARE = 0.5  # two stretches are the same sound when they share at least this part of what they cover together


@dataclass(frozen=True)
class ToLabel:
    """A sound that a person should look at next. Times are in seconds."""

    recording: str
    at: float
    until: float
    label: str  # what it may be
    note: str  # why


class LabelHelp:
    """Proposals for the recordings of a dataset; may be used by several threads.

    told: called with the name of each recording whose proposals have become known, or None for one that is broken, and
    how many recordings still wait.
    """

    def __init__(
        self, labels: LabelStore, states: States, detector: Path | None, told: Callable[[str | None, int], None]
    ) -> None:
        self._labels, self._states, self._detector, self._told = labels, states, detector, told
        self._sounds: Sounds | None = None
        self._waiting: deque[str] = deque()
        self._failed: dict[str, StapesError | OSError] = {}
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def proposals(self, recording: str, begin: float, end: float) -> list[Sound] | None:
        """Return the proposals that touch a part of a recording, without labelled and dropped sounds, by time.

        A sound that no detector has named gets the class of the labelled sound that it is most like. None while the
        recording has not been heard; it is heard next. Raises UnknownRecordingError, and what made hearing it fail.
        """
        path = self._labels.path_of(recording)
        if recording in self._failed:
            raise self._failed[recording]
        sounds = self._sounds
        if sounds is None or not sounds.knows(path):
            self._want([recording], first=True)
            return None
        found = [each for each in self._open(sounds, recording) if each.onset < end and each.offset > begin]
        return self._named(found, self._labelled(sounds))

    def use(self, detector: Path) -> None:
        """Propose what this detector hears from now on; recordings are heard anew. Raises as `Detector.load` does."""
        sounds = Sounds(Listener(detector))
        with self._changed:
            self._detector, self._sounds = detector, sounds
            self._failed.clear()

    def prepare(self) -> int:
        """Begin to hear all recordings that were not heard yet; return how many there are."""
        return self._want(self._labels.recordings())

    def drop(self, recording: str, onset: float, offset: float) -> None:
        """Remember that a stretch is no event and needs no proposal. Raises UnknownRecordingError and OutputError."""
        self._labels.path_of(recording)
        with self._states.changed(DROPPED) as dropped:
            dropped.setdefault(recording, []).append([onset, offset])

    def doubtful(self, count: int) -> list[ToLabel]:
        """Return what teaches most, of the recordings that were heard so far (doubtful.py). Raises LabelError."""
        sounds = self._sounds
        if sounds is None:
            return []
        known = self._known(sounds)
        candidates = [each for name in known for each in self._open(sounds, name)]
        away = [each for name in known for each in self._dropped(sounds, name)]
        found = most_doubtful(candidates, self._labelled(sounds) + away, sounds.listener.thresholds, count)
        named = self._named([each.sound for each in found], self._labelled(sounds))
        return [
            ToLabel(each.recording, each.onset, each.offset, each.label, doubt.note)
            for each, doubt in zip(named, found, strict=True)
        ]

    def alike(self, recording: str, onset: float, offset: float, count: int) -> list[ToLabel]:
        """Return the sounds most like a stretch, of the recordings that were heard so far, without labelled ones.

        Raises UnknownRecordingError, LabelError and AudioError.
        """
        path, sounds = self._labels.path_of(recording), self._sounds
        if sounds is None or not (one := sounds.labelled(path, recording, [Annotation(onset, offset, "")])):
            return []
        others = [each for name in self._known(sounds) for each in self._open(sounds, name)]
        others = [each for each in others if each.recording != recording or not _is_same(each, (onset, offset))]
        events = self._labels.read(recording).events
        label = next((each.label for each in events if (each.onset, each.offset) == (onset, offset)), "")
        return [
            ToLabel(each.recording, each.onset, each.offset, label or each.label, f"like {recording} at {onset:.1f} s")
            for each in most_alike(one[0], others, count)
        ]

    def _open(self, sounds: Sounds, recording: str) -> list[Sound]:
        """Return the proposals for a recording that was heard which nobody has labelled or dropped."""
        labels = self._labels.read(recording)
        dropped = self._states.section(DROPPED).get(recording, [])
        return [
            each
            for each in sounds.proposed(self._labels.path_of(recording), recording)
            if not each.touches([*labels.events, *labels.ignored]) and not any(_is_same(each, one) for one in dropped)
        ]

    def _dropped(self, sounds: Sounds, recording: str) -> list[Sound]:
        dropped = self._states.section(DROPPED).get(recording, [])
        proposed = sounds.proposed(self._labels.path_of(recording), recording) if dropped else []
        return [each for each in proposed if any(_is_same(each, one) for one in dropped)]

    def _labelled(self, sounds: Sounds) -> list[Sound]:
        paths = self._labels.recordings()
        return [
            each
            for name in self._known(sounds)
            for each in sounds.labelled(paths[name], name, self._labels.read(name).events)
        ]

    def _known(self, sounds: Sounds) -> list[str]:
        return [name for name, path in self._labels.recordings().items() if path.exists() and sounds.knows(path)]

    def _named(self, found: Sequence[Sound], labelled: Sequence[Sound]) -> list[Sound]:
        unnamed = [each for each in found if not each.label]
        if not labelled:
            return [replace(each, label=each.label or UNNAMED_CLASS) for each in found]
        names = iter(labelled[int(index)].label for index in np.argmin(distances(unnamed, labelled), axis=1))
        return [each if each.label else replace(each, label=next(names)) for each in found]

    def _want(self, recordings: Iterable[str], first: bool = False) -> int:
        """Let recordings be heard that are not known yet, before all others if `first`; return how many wait."""
        paths, sounds = self._labels.recordings(), self._sounds
        wanted = [
            name
            for name in recordings
            if name not in self._failed and not (sounds and paths[name].exists() and sounds.knows(paths[name]))
        ]
        with self._changed:
            rest = [name for name in self._waiting if name not in wanted]
            self._waiting = deque([*wanted, *rest] if first else [*rest, *wanted])
            if self._waiting and not (self._thread and self._thread.is_alive()):
                self._thread = threading.Thread(target=self._hear, name="proposals", daemon=True)
                self._thread.start()
            return len(self._waiting)

    def _hear(self) -> None:
        while True:
            with self._changed:
                if not self._waiting:
                    self._thread = None
                    return
                recording, left = self._waiting.popleft(), len(self._waiting)
            told: str | None = recording
            try:
                self._hearing().proposed(self._labels.path_of(recording), recording)
            except (StapesError, OSError) as error:
                self._failed[recording], told = error, None
            self._told(told, left)

    def _hearing(self) -> Sounds:
        with self._changed:
            if self._sounds is None:
                self._sounds = Sounds(Listener(self._detector))
            return self._sounds


def _is_same(sound: Sound, stretch: Sequence[float]) -> bool:
    onset, offset = stretch
    shared = min(sound.offset, offset) - max(sound.onset, onset)
    together = max(sound.offset, offset) - min(sound.onset, onset)
    return shared > 0 and shared >= SAME_SHARE * together
