"""Thresholds that somebody has set by hand, kept as `stapes tune` keeps those that it chooses."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from stapes.firmware_sim.device.events import SILENT, EventConfig
from stapes.firmware_sim.device.folder import DetectorFolder
from stapes.firmware_sim.errors import ConfigError
from stapes.train.data.dataset import Recording
from stapes.train.judge.curves import at_threshold
from stapes.train.judge.overlap import content_ids

RULE = "set by hand"


def with_thresholds(
    folder: DetectorFolder, thresholds: Mapping[str, float], recordings: Sequence[Recording], split: str
) -> DetectorFolder:
    """Return a detector with other on thresholds, class -> probability; nothing is written.

    The off threshold of a class keeps its ratio to the on threshold; other settings and other classes stay as they are,
    but a class that was silent is heard again.
    recordings, split: on which the thresholds were judged when they were set, so that later figures on them are not
    taken for those of new recordings. Raises ConfigError for an unknown class, and for a probability that no score has.
    """
    events = list(folder.events)
    for label, probability in thresholds.items():
        if label not in folder.classes:
            raise ConfigError(f"{folder.path}: has no class {label!r}, only {', '.join(folder.classes)}")
        if not 1 / 256 <= probability <= 255 / 256:
            raise ConfigError(f"{label}={probability:g}: a threshold is a probability from 0.004 to 0.996")
        index = folder.classes.index(label)
        before = EventConfig() if events[index] == SILENT else events[index]
        events[index] = at_threshold(before, round(256 * probability) - 128)
    return replace(folder, events=tuple(events), operating_point=_described(folder, thresholds, recordings, split))


def _described(
    folder: DetectorFolder, thresholds: Mapping[str, float], recordings: Sequence[Recording], split: str
) -> dict[str, object]:
    """Return what detector.json keeps. What was to be expected elsewhere held for the thresholds before."""
    former = folder.operating_point
    kept: dict[str, dict[str, object]] = {
        field: {label: value for label, value in former.get(field, {}).items() if label not in thresholds}
        for field in ("rule", "alarms", "before_adapt", "sensitivity")
        if field in former
    }
    if "settings" in former:
        silent = [label for label in former["settings"].get("silent", ()) if label not in thresholds]
        kept["settings"] = former["settings"] | {"silent": silent}  # what is heard again shall stay so
    return (
        former
        | kept
        | {
            "rule": {**kept.get("rule", {}), **dict.fromkeys(thresholds, RULE)},
            "chosen_on": split,
            "expected": None,
            "expected_alarms": {},
            "expected_by": "",
            "recordings": sorted({*former.get("recordings", []), *content_ids(recordings)}),
        }
    )
