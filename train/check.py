"""`stapes check DATASET`: what is in a dataset and what is wrong with it, before any training."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from stapes.firmware_sim.errors import AudioError, ConfigError, DatasetError, StapesError
from stapes.runtime.audio import AudioFile
from stapes.runtime.console import Progress
from stapes.runtime.labels import Annotation, overlapping
from stapes.train.dataset import Dataset, Recording, inspect_dataset, require_trainable
from stapes.train.findings import Findings, Note
from stapes.train.text import table

PLACES_SHOWN = 20  # of one kind of note


def check(folder: Path, step_s: float, group_pattern: str = "") -> None:
    """Print the report; raise DatasetError when there are problems that stop training or evaluation."""
    if not 1e-3 <= step_s <= 1:
        raise ConfigError(f"a step of {1e3 * step_s:g} ms is not between 1 and 1000 ms; scores come every 16 to 64 ms")
    dataset, errors = inspect_dataset(folder, group_pattern)
    found = Findings(list(errors), list(dataset.notes))
    kinds = listen(dataset.recordings, found)
    _note_labels(dataset, found)
    for line in [*report(dataset, kinds, step_s), *_problems(found.errors), *_notes(found.notes)]:
        print(line)
    if found.errors:
        raise DatasetError(f"{folder}: {_problem_count(found.errors)}, listed above; mend first")


def listen(recordings: Sequence[Recording], found: Findings) -> dict[str, int]:
    """Read every recording to its end; return how many there are of each kind of audio, such as `16000 Hz mono`.

    Finds what is cut off or cannot be decoded (errors); silence, clipping and copies of one recording (notes).
    """
    kinds: dict[str, int] = defaultdict(int)
    copies: dict[str, list[str]] = defaultdict(list)
    progress = Progress("listening", len(recordings))
    for each in recordings:
        try:
            kind, content = _listen(each, found)
        except AudioError as error:
            found.error(error)
        else:
            kinds[kind] += 1
            copies[content].append(each.name)
        progress.advance(each.name)
    for names in copies.values():
        if len(names) > 1:
            found.note("recordings hold the same audio under other names", names[0], ", ".join(names[1:]))
    progress.close(f"{len(recordings)} recordings")
    return dict(kinds)


def _listen(recording: Recording, found: Findings) -> tuple[str, str]:
    """Return the kind of audio and a hash of its samples."""
    file = AudioFile(recording.path, AudioFile(recording.path, 1).source_rate_hz)
    digest, peak, clipped, samples = hashlib.sha256(), 0, 0, 0
    for block in file.blocks():
        digest.update(block.tobytes())
        loud = np.abs(block.astype(np.int32))
        peak = max(peak, int(loud.max(initial=0)))
        clipped += int((loud >= 32767).sum())
        samples += len(block)
    if peak == 0:
        found.note("recordings are digital silence throughout", recording.path)
        digest.update(recording.name.encode())  # all silence is alike, and no copy
    elif clipped > samples / 1000:
        found.note("recordings are clipped in more than 1 of 1000 samples", recording.path, f"{clipped} samples")
    channels = {1: "mono", 2: "stereo"}.get(file.channels, f"{file.channels} channels")
    return f"{file.source_rate_hz} Hz {channels}", digest.hexdigest()


def _note_labels(dataset: Dataset, found: Findings) -> None:
    for recording in dataset.recordings:
        for event in recording.annotations:
            if event.onset == event.offset:
                found.note("point labels: their extent is not known, so offsets are not learned from them", event.place)
        for earlier, later in overlapping(recording.annotations):
            found.note(f"events of {later.label!r} begin before another one ends", later.place, f"see {earlier.place}")
    for split, part in dataset.splits.items():
        there = {event.label for each in part for event in each.annotations}
        for label in dataset.classes:
            if split != "train" and label not in there:
                found.note("classes without events in a part: nothing can be said about them there", split, label)
    try:
        require_trainable(dataset)
    except DatasetError as error:
        found.note("reasons why it can be evaluated but not trained", str(error))


def report(dataset: Dataset, kinds: dict[str, int], step_s: float) -> Iterator[str]:
    """Yield the lines of the tables: splits, classes, label capacity."""
    yield f"{dataset.path}: {dataset.split_by}"
    yield "audio: " + ", ".join(f"{count} x {kind}" for kind, count in sorted(kinds.items()))
    yield ""
    rows = [
        [
            split,
            str(len(part)),
            str(len({each.group for each in part})),
            f"{sum(each.duration_s for each in part) / 60:.1f}",
            str(sum(not each.annotations for each in part)),
            str(sum(len(each.annotations) for each in part)),
        ]
        for split, part in dataset.splits.items()
    ]
    yield from table(["split", "recordings", "groups", "minutes", "event-free", "events"], rows)
    yield ""
    yield from table(["class", *dataset.splits, "shortest s", "median s", "longest s"], list(_class_rows(dataset)))
    yield ""
    steps = [step_s, 2 * step_s, 4 * step_s]
    yield "label capacity: events that stay apart when a detector has one score every"
    yield from table(["class", *(f"{1e3 * each:g} ms" for each in steps)], list(_capacity_rows(dataset, steps)))


def _class_rows(dataset: Dataset) -> Iterator[list[str]]:
    for label in dataset.classes:
        counts = [sum(e.label == label for each in part for e in each.annotations) for part in dataset.splits.values()]
        lengths = [e.offset - e.onset for each in dataset.recordings for e in each.annotations if e.label == label]
        yield [label, *map(str, counts), *(f"{each:.2f}" for each in (min(lengths), np.median(lengths), max(lengths)))]


def _capacity_rows(dataset: Dataset, steps: Sequence[float]) -> Iterator[list[str]]:
    for label in dataset.classes:
        events = [[e for e in each.annotations if e.label == label] for each in dataset.recordings]
        total = sum(map(len, events))
        yield [label, *(f"{sum(label_runs(each, step) for each in events) / total:.1%}" for step in steps)]


def label_runs(events: Iterable[Annotation], step_s: float) -> int:
    """Return how many runs of active steps the events of one class leave: events in touching steps become one.

    An event is active in every step that it overlaps, a point label in the one that holds it.
    """
    runs, reached = 0, -1
    for each in sorted(events, key=lambda event: event.onset):
        first = int(each.onset / step_s + 1e-6)
        last = max(first, int(np.ceil(each.offset / step_s - 1e-6)) - 1)
        runs += first > reached + 1 or runs == 0
        reached = max(reached, last)
    return runs


def _problem_count(errors: Sequence[StapesError]) -> str:
    return "1 problem" if len(errors) == 1 else f"{len(errors)} problems"


def _problems(errors: Sequence[StapesError]) -> Iterator[str]:
    if errors:
        yield f"\n{_problem_count(errors)}"
        yield from (f"  {error}" for error in errors)


def _notes(notes: Sequence[Note]) -> Iterator[str]:
    kinds: dict[str, list[Note]] = defaultdict(list)
    for note in notes:
        kinds[note.kind].append(note)
    for kind, same in kinds.items():
        yield f"\n{len(same)} {kind}"
        yield from (f"  {note.place}{': ' + note.text if note.text else ''}" for note in same[:PLACES_SHOWN])
        if len(same) > PLACES_SHOWN:
            yield f"  and {len(same) - PLACES_SHOWN} more"
