"""The steps from an empty folder to a detector that listens, and which of them are done, as the files say."""

from dataclasses import dataclass
from pathlib import Path

from stapes.firmware_sim.device.folder import read_folder
from stapes.firmware_sim.errors import DatasetError, StapesError
from stapes.runtime.labels.names import is_audio
from stapes.runtime.walk import hidden, walk_files
from stapes.train.data.dataset import Dataset, inspect_dataset, require_trainable


@dataclass(frozen=True)
class Step:
    """One step, and what the files say about it."""

    step: str  # record, label, check, train, judge or listen
    done: bool
    text: str  # one sentence


@dataclass(frozen=True)
class Places:
    """What the steps are read from; any of it may be missing."""

    dataset: Path
    detector: Path | None
    judged: str | None  # name of the detector that was judged last
    clips: Path | None  # of `stapes listen --record`


def steps(places: Places) -> list[Step]:
    """Return all steps in their order. Opens every recording's header, so it takes a while in a large dataset."""
    audio = _audio(places.dataset)
    dataset, errors = _inspected(places.dataset)
    return [
        _record(audio),
        _label(audio, dataset),
        _check(dataset, errors),
        _train(places.detector, dataset),
        _judge(places),
        _listen(places.clips),
    ]


def _audio(folder: Path) -> list[Path]:
    return [file for file in walk_files(folder) if is_audio(file.name) and not hidden(file, folder)]


def _inspected(folder: Path) -> tuple[Dataset | None, list[StapesError]]:
    try:
        return inspect_dataset(folder)
    except DatasetError as error:
        return None, [error]


def _record(audio: list[Path]) -> Step:
    if not audio:
        return Step("record", False, "There is no recording yet.")
    folders = len({file.parent for file in audio})
    return Step("record", True, f"{_count(len(audio), 'recording')} in {_count(folders, 'folder')}.")


def _label(audio: list[Path], dataset: Dataset | None) -> Step:
    recordings = dataset.recordings if dataset else []
    events = sum(len(each.annotations) for each in recordings)
    if not events or dataset is None:
        return Step("label", False, "No event is labelled yet.")
    left = len(audio) - len(recordings)
    more = f" {_count(left, 'recording')} not labelled yet." if left else ""
    return Step("label", True, f"{_count(events, 'event')} of {_count(len(dataset.classes), 'class')}.{more}")


def _check(dataset: Dataset | None, errors: list[StapesError]) -> Step:
    if dataset is None:
        return Step("check", False, "There is nothing to check yet.")
    if not errors:
        try:
            require_trainable(dataset)
        except DatasetError as error:
            errors = [error]
    if errors:
        more = f" And {len(errors) - 1} more." if len(errors) > 1 else ""
        return Step("check", False, f"{errors[0]}.{more}")
    parts = ", ".join(f"{len(recordings)} in {split}" for split, recordings in dataset.splits.items())
    return Step("check", True, f"Nothing stands against training. Recordings: {parts}.")


def _train(path: Path | None, dataset: Dataset | None) -> Step:
    if path is None or not path.exists():
        return Step("train", False, "There is no detector yet.")
    try:
        detector = read_folder(path)
    except StapesError as error:
        return Step("train", False, f"{error}.")
    unknown = sorted(set(dataset.classes if dataset else ()) - set(detector.classes))
    if unknown:
        return Step("train", False, f"{path.name} was trained without {', '.join(unknown)}: train again.")
    return Step("train", True, f"{path.name} knows {', '.join(sorted(detector.classes))}.")


def _judge(places: Places) -> Step:
    if places.detector is None or places.judged is None:
        return Step("judge", False, "No detector was judged yet.")
    done = places.judged == places.detector.name
    return Step("judge", done, f"{places.detector.name} was {'judged' if done else 'not judged yet'}.")


def _listen(clips: Path | None) -> Step:
    waiting = len(list(clips.glob("*.flac"))) if clips else 0
    if not waiting:
        return Step("listen", False, "No clip of `stapes listen --record` is there yet.")
    return Step("listen", True, f"{_count(waiting, 'clip')} {'waits' if waiting == 1 else 'wait'} in the inbox.")


def _count(number: int, what: str) -> str:
    plural = f"{what}es" if what.endswith("s") else f"{what}s"
    return f"{number} {what if number == 1 else plural}"
