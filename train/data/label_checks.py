"""Checks of the labels alone: independent sources, balance of classes, overlaps, and events that are too short."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np

from stapes.firmware_sim.errors import DatasetError
from stapes.runtime.labels import Annotation, overlapping
from stapes.train.data.dataset import Dataset, Recording, require_trainable
from stapes.train.data.findings import Findings

TOUCHING_S = 0.01  # a shorter gap between two labels of a class is probably a mistake
RARE = 0.1  # share of the number of events of the largest class
MIN_SOURCES = 2  # of a class: one to train or choose on, and another one to evaluate on


def note_labels(dataset: Dataset, step_s: float, found: Findings) -> None:
    """Add a note for everything in the labels that the user should look at before training."""
    for recording in dataset.recordings:
        _note_events(recording, step_s, found)
    for split, part in dataset.splits.items():
        labels = {event.label for each in part for event in each.annotations}
        for label in dataset.classes:
            if split != "train" and label not in labels:
                found.note("classes without events in a split: they cannot be evaluated there", split, label)
    _note_classes(dataset, found)
    try:
        require_trainable(dataset)
    except DatasetError as error:
        found.note("reasons why this dataset can be evaluated on but not trained on", str(error))


def _note_events(recording: Recording, step_s: float, found: Findings) -> None:
    for event in recording.annotations:
        if event.onset == event.offset:
            found.note("point labels: their end is unknown, so offsets are not learned from them", event.place)
        elif event.offset - event.onset < step_s / 2:
            length = f"{event.label!r}, {1e3 * (event.offset - event.onset):.1f} ms"
            found.note("labels are shorter than half a step: mistakes, or marks of onsets", event.place, length)
    for earlier, later in overlapping(recording.annotations):
        found.note(f"events of {later.label!r} begin before another event ends", later.place, f"see {earlier.place}")
    for label in sorted({event.label for event in recording.annotations}):
        same = [event for event in recording.annotations if event.label == label and event.offset > event.onset]
        for earlier, later in pairwise(same):
            if 0 <= later.onset - earlier.offset < TOUCHING_S:
                found.note(
                    f"events of {label!r} touch the one before: a detector finds a single event",
                    later.place,
                    f"see {earlier.place}",
                )


def _note_classes(dataset: Dataset, found: Findings) -> None:
    sources, events = sources_of(dataset.recordings), events_of(dataset.recordings)
    for label in dataset.classes:
        if len(sources[label]) < MIN_SOURCES:
            (name,) = sources[label]
            found.note(
                "classes have fewer than two independent sources: how well a detector works on others cannot be "
                "measured",
                label,
                f"all of its {events[label]} events come from {name}",
            )
        if events[label] < RARE * max(events.values()):
            largest = max(events, key=lambda each: events[each])
            found.note(
                "classes have less than a tenth of the events of the largest class: they are learned and measured "
                "less well",
                label,
                f"{events[label]}, {largest} has {events[largest]}",
            )


def events_of(recordings: Sequence[Recording]) -> Counter[str]:
    """Return the number of events of each class."""
    return Counter(event.label for each in recordings for event in each.annotations)


def sources_of(recordings: Sequence[Recording]) -> dict[str, Counter[str]]:
    """Return class -> source -> number of events."""
    sources: dict[str, Counter[str]] = defaultdict(Counter)
    for each in recordings:
        for event in each.annotations:
            sources[event.label][each.source(event)] += 1
    return sources


def label_runs(events: Iterable[Annotation], step_s: float) -> int:
    """Return how many events of one class stay separate when time is divided into steps.

    An event is active in every step that it overlaps, a point label in the step that contains it. Events in the same or
    in neighbouring steps become one.
    """
    runs, reached = 0, -1
    for each in sorted(events, key=lambda event: event.onset):
        first = int(each.onset / step_s + 1e-6)
        last = max(first, int(np.ceil(each.offset / step_s - 1e-6)) - 1)
        runs += first > reached + 1 or runs == 0
        reached = max(reached, last)
    return runs
