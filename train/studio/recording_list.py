"""The list of recordings: how long each is, how far its labels are, its part, and what `stapes check` finds."""

import logging
import threading
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stapes.firmware_sim.errors import StapesError
from stapes.runtime.audio import AudioFile
from stapes.train.data.options import DatasetOptions
from stapes.train.studio.studio import Studio

logger = logging.getLogger(__name__)

STATES = "recordings"  # the section of .studio.json: name -> "corrected"
SETTLES_S = 2.0  # the check waits until nothing was changed for so long
MOST_PROBLEMS = 50  # of one recording
DEFAULT_STEP_S = 0.032


@dataclass(frozen=True)
class Problem:
    """What `stapes check` finds: an error prevents training, a note does not."""

    text: str
    place: str  # file:line, or the file
    severity: str  # "error" or "note"


@dataclass(frozen=True)
class Checked:
    """The last result of the background check."""

    parts: Mapping[str, str] = field(default_factory=dict)  # name -> train, val or test
    problems: Mapping[str, list[Problem]] = field(default_factory=dict)  # by name; "": of no single recording


class RecordingList:
    """Lists recordings at once, and checks them in a thread of its own; pages are told when that is done."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._seconds: dict[Path, tuple[int, int, float | None]] = {}  # time and size of a file, and its length
        self._summaries: dict[Path, tuple[int, int, Any]] = {}
        self._checked, self._is_first = Checked(), True
        self._wanted, self._stop = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="check", daemon=True)

    def start(self) -> None:
        """Check now, and after each call of `check_again`."""
        self._wanted.set()
        self._thread.start()

    def close(self) -> None:
        """Stop checking; what is being listened to is not finished."""
        self._stop.set()
        self._wanted.set()

    def check_again(self) -> None:
        """Check in the background; any thread may call it."""
        self._wanted.set()

    def recordings(self) -> list[dict[str, Any]]:
        """Return the recordings by name, as the page lists them."""
        states = self._studio.states.section(STATES)
        return [self._listed(name, path, states) for name, path in self._studio.labels.recordings().items()]

    def problems(self) -> list[Problem]:
        """Return what is wrong with no single recording."""
        return list(self._checked.problems.get("", ()))

    def _listed(self, name: str, path: Path, states: Mapping[str, Any]) -> dict[str, Any]:
        problems = list(self._checked.problems.get(name, ()))
        counts: Counter[str] = Counter()
        state = "unlabelled"
        try:
            labels = self._studio.labels.read(name)
            counts = Counter(each.label for each in labels.events)
            if labels.events or labels.ignored:
                state = "corrected" if states.get(name) == "corrected" else "labelled"
            elif labels.is_listed:
                state = "empty"
        except StapesError as error:
            problems = [Problem(str(error), "", "error"), *(each for each in problems if each.severity != "error")]
        return {
            "recording": name,
            "seconds": self._duration(path),
            "state": state,
            "part": self._checked.parts.get(name, ""),
            "counts": dict(counts),
            "problems": [vars(each) for each in problems[:MOST_PROBLEMS]],
        }

    def _duration(self, path: Path) -> float | None:
        """Return the length of a recording in seconds; None when it cannot be read."""
        try:
            status = path.stat()
            known = self._seconds.get(path)
            if known and known[:2] == (status.st_mtime_ns, status.st_size):
                return known[2]
            seconds = AudioFile(path, 1).duration_s
        except (OSError, StapesError):
            return None
        self._seconds[path] = (status.st_mtime_ns, status.st_size, seconds)
        return seconds

    def _run(self) -> None:
        while True:
            self._wanted.wait()
            while self._wanted.is_set():
                self._wanted.clear()
                if self._stop.wait(0 if self._is_first else SETTLES_S):
                    return
            self._is_first = False
            try:
                self._check()
            except StapesError as error:
                self._checked = Checked(problems={"": [Problem(str(error), "", "error")]})
            except Exception as error:  # the page goes on without the check
                logger.warning(f"the check of the dataset failed: {error!r}")
            self._studio.changes.tell("recordings")

    def _check(self) -> None:
        from stapes.train.data.check import note_sound  # slow to import
        from stapes.train.data.dataset import inspect_dataset
        from stapes.train.data.findings import Findings
        from stapes.train.data.label_checks import note_labels

        folder = self._studio.detector_folder()
        dataset, errors = inspect_dataset(self._studio.dataset, DatasetOptions(channel=self._studio.channel()))
        found = Findings(list(errors), list(dataset.notes))
        note_labels(dataset, folder.clock.step_s if folder else DEFAULT_STEP_S, found)
        parts = {each.name: split for split, part in dataset.splits.items() for each in part}
        self._checked = Checked(parts, self._by_recording(found))
        self._studio.changes.tell("recordings")
        summaries = {}
        for each in dataset.recordings:
            if self._stop.is_set() or self._wanted.is_set():
                return  # begin anew; what was heard is remembered
            if (summary := self._summary(each)) is not None:
                summaries[each.name] = summary
        note_sound(dataset, summaries, found)
        self._checked = Checked(parts, self._by_recording(found))

    def _summary(self, recording: Any) -> Any:
        """Return what the sound of a recording is like; None when it cannot be decoded."""
        from stapes.train.data.listening import listen

        status = recording.path.stat()
        known = self._summaries.get(recording.path)
        if known and known[:2] == (status.st_mtime_ns, status.st_size):
            return known[2]
        try:
            summary = listen(recording)
        except StapesError:
            return None
        self._summaries[recording.path] = (status.st_mtime_ns, status.st_size, summary)
        return summary

    def _by_recording(self, found: Any) -> dict[str, list[Problem]]:
        names = self._names()
        problems: dict[str, list[Problem]] = defaultdict(list)
        for error in found.errors:
            text = str(error)
            place = next((each for each in (text.split(": ", 1)[0], text.split(":", 1)[0]) if each in names), "")
            problems[names.get(place, "")].append(Problem(text, place, "error"))
        for note in found.notes:
            text = f"{note.kind}: {note.text}" if note.text else note.kind
            problems[names.get(note.place, "")].append(Problem(text, note.place, "note"))
        return dict(problems)

    def _names(self) -> dict[str, str]:
        """Return place (a file, its name, or file:line of a label) -> name of the recording."""
        names: dict[str, str] = {}
        for name, path in self._studio.labels.recordings().items():
            names |= {name: name, str(path): name}
            try:
                labels = self._studio.labels.read(name)
                names |= {each.place: name for each in labels.events + labels.ignored}
                names.setdefault(str(labels.place.file) if labels.place.kind == "track" else name, name)
            except StapesError:
                continue
        return names
