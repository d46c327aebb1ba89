"""False alarms: detected events that touch no annotated event of their class, per hour without such events.

They are counted alike everywhere: in `stapes evaluate` and its report, in the budgets of `stapes tune` and of training,
and in recordings that are free of events. A detected event on a true one, which began too late to be a hit or is one of
its pieces, is no false alarm, and the time within 200 ms of a true event is not counted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from stapes.runtime.labels import Annotation
from stapes.train.judge.alarm_budget import AlarmRate
from stapes.train.judge.metrics import (
    Estimate,
    EventLists,
    estimate,
    event_free_s,
    microseconds,
    ratio,
    resample_weights,
    touching,
)


@dataclass(frozen=True)
class FalseAlarms:
    """The false alarms of each class, and of all classes together."""

    classes: dict[str, AlarmRate]
    per_hour: Estimate  # the sum of the rates of the classes, with its 95 % interval over recordings


def false_alarms(
    reference: EventLists, detected: EventLists, durations_s: Mapping[str, float], classes: Sequence[str]
) -> FalseAlarms:
    """Count the false alarms in the recordings of `durations_s`."""
    alarms = np.zeros((len(durations_s), len(classes)), np.int64)
    hours = np.zeros((len(durations_s), len(classes)))
    for row, (name, duration_s) in enumerate(durations_s.items()):
        for column, label in enumerate(classes):
            true, found = (
                microseconds([each for each in events.get(name, ()) if each.label == label])
                for events in (reference, detected)
            )
            alarms[row, column] = (~touching(true, found)).sum()
            hours[row, column] = event_free_s(true, 0, round(duration_s * 1e6)) / 3600
    weights = resample_weights(len(durations_s))
    per_hour = ratio(alarms.sum(0), hours.sum(0)).sum()
    return FalseAlarms(
        {label: AlarmRate(int(alarms[:, k].sum()), float(hours[:, k].sum())) for k, label in enumerate(classes)},
        estimate(float(per_hour), ratio(weights @ alarms, weights @ hours).sum(axis=-1)),
    )


def untouching(reference: Sequence[Annotation], detected: Sequence[Annotation]) -> list[Annotation]:
    """Return the detected events of one recording that touch no annotated event of their class."""
    false = []
    for label in sorted({each.label for each in detected}):
        own = microseconds([each for each in reference if each.label == label])
        found = [each for each in detected if each.label == label]
        touches = touching(own, microseconds(found))
        false += [each for each, touch in zip(found, touches, strict=True) if not touch]
    return sorted(false, key=lambda each: each.onset)
