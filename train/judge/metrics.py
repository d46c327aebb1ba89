"""Detected events compared with annotated ones: which match, and the figures that follow.

A detected event is a hit when it has the label of an annotated event, their onsets are at most the collar apart, and,
where offsets are judged, their offsets are too. Each event is used once, and as many pairs are made as possible. These
are the definitions of sed_eval (Mesaros, Heittola, Virtanen, "Metrics for polyphonic sound event detection", 2016),
which is the referee in the tests. Times are compared in whole microseconds, so that a distance of exactly the collar is
within it at any time. Recordings without annotations count: whatever is detected in them is a false alarm.

Beside these figures stand others of the same events by how much of them overlaps (intersection.py), which say more of
events of seconds.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching, min_weight_full_bipartite_matching

from stapes.firmware_sim.errors import ConfigError
from stapes.runtime.labels import Annotation
from stapes.train.judge.intersection import Times, covered_us, intersect, union

EventLists = Mapping[str, Sequence[Annotation]]  # recording name -> its events
TP, REFERENCE, DETECTED = 0, 1, 2  # last axis of a table of counts


@dataclass(frozen=True)
class Collar:
    """How far apart the times of two events may be for them to match."""

    onset_s: float = 0.2
    onset_fraction: float = 0.0  # of the annotated duration; the larger limit counts
    offset_s: float | None = 0.2  # None: offsets are not judged
    offset_fraction: float = 0.2  # likewise

    def with_offset(self) -> "Collar":
        """Return the same limits for onsets, with the usual ones for offsets."""
        return replace(self, offset_s=0.2)


ONSET = Collar(offset_s=None)
ONSET_OFFSET = ONSET.with_offset()


def onset_collar(percent: float) -> Collar:
    """Return ONSET, or what lets an onset also be off by so many percent of the event's duration."""
    return replace(ONSET, onset_fraction=percent / 100)


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % interval, from resampling recordings (bootstrap); nan where it is not defined."""

    value: float
    low: float
    high: float

    def __format__(self, spec: str) -> str:
        """Return `value (low..high)`, each in the given format."""
        if np.isnan(self.value):
            return "-"
        return f"{self.value:{spec}} ({self.low:{spec}}..{self.high:{spec}})"


@dataclass(frozen=True)
class ClassScores:
    """Figures of one class. Precision, recall and false alarms are by onset, and nan where they are not defined.

    Those by overlap are nan for a class with point labels, which have no duration.
    """

    n_reference: int
    n_detected: int
    n_hits: int  # by onset
    precision: float
    recall: float
    f1_onset: Estimate
    f1_onset_offset: Estimate
    false_alarms_per_hour: Estimate
    recall_low: float  # 95 % interval of the recall
    recall_high: float
    overlap_precision: float  # annotated events found / (annotated events found + detected events that do not count)
    overlap_recall: Estimate
    f1_overlap: Estimate


@dataclass(frozen=True)
class EventScores:
    """Figures of some recordings; macro is the mean over the classes that have annotated or detected events."""

    n_recordings: int
    hours: float
    classes: dict[str, ClassScores]
    macro_f1_onset: Estimate
    macro_f1_onset_offset: Estimate
    false_alarms_per_hour: Estimate  # of all classes together
    macro_f1_overlap: Estimate

    def as_dict(self) -> dict[str, Any]:
        """Return plain numbers for JSON; figures that are not defined are None."""
        return plain(asdict(self))


def match_events(
    reference: Sequence[Annotation], detected: Sequence[Annotation], collar: Collar = ONSET
) -> list[tuple[int, int]]:
    """Return pairs (index in reference, index in detected) of a maximum matching; labels are ignored."""
    rows, columns = match_times(microseconds(reference), microseconds(detected), collar)
    return [(int(row), int(column)) for row, column in zip(rows, columns, strict=True)]


def match_times(
    reference: Times, detected: Times, collar: Collar = ONSET
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the indices in reference and in detected of a maximum matching, in the order of the reference."""
    rows, columns = _pairs_within(reference, detected, collar)
    if len(np.unique(rows)) == len(np.unique(columns)) == len(rows):  # no event has more than one partner
        return rows, columns
    edges = csr_array((np.ones(len(rows), np.int8), (rows, columns)), shape=(len(reference), len(detected)))
    partner = maximum_bipartite_matching(edges, perm_type="column")
    matched = np.flatnonzero(partner >= 0)
    return matched, partner[matched].astype(np.int64)


def nearest_pairs(
    reference: Sequence[Annotation], detected: Sequence[Annotation], collar: Collar = ONSET
) -> list[tuple[int, int]]:
    """Return pairs as `match_events` does, but of the maximum matching with the least sum of onset distances."""
    times, found_times = microseconds(reference), microseconds(detected)
    rows, columns = _pairs_within(times, found_times, collar)
    if not len(rows):
        return []
    distance = np.abs(found_times[columns, 0] - times[rows, 0]) + 1.0
    # Every annotated event may also stay unmatched, at a cost above any sum of distances.
    n, alone = len(reference), np.arange(len(reference))
    weights = np.concatenate([distance, np.full(n, distance.sum() + 1.0)])
    cells = np.concatenate([rows, alone]), np.concatenate([columns, len(detected) + alone])
    found, partner = min_weight_full_bipartite_matching(csr_array((weights, cells), shape=(n, len(detected) + n)))
    return [(int(row), int(column)) for row, column in zip(found, partner, strict=True) if column < len(detected)]


def labelled_pairs(
    reference: Sequence[Annotation], detected: Sequence[Annotation], collar: Collar = ONSET
) -> list[tuple[int, int]]:
    """Return the `nearest_pairs` of each label, as indices into the whole lists."""
    pairs = []
    for label in sorted({each.label for each in reference}):
        own = [index for index, each in enumerate(reference) if each.label == label]
        same = [index for index, each in enumerate(detected) if each.label == label]
        near = nearest_pairs([reference[i] for i in own], [detected[j] for j in same], collar)
        pairs += [(own[i], same[j]) for i, j in near]
    return pairs


def without(events: Sequence[Annotation], indices: Collection[int]) -> list[Annotation]:
    """Return the events at all other indices."""
    return [each for index, each in enumerate(events) if index not in indices]


def _pairs_within(reference: Times, detected: Times, collar: Collar) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return all pairs within the collar: int64[pairs] indices in reference, ascending, and as many in detected."""
    onset, offset = reference.T
    found_onset, found_offset = detected.T
    order = np.argsort(found_onset, kind="stable")
    reach = _limits(collar.onset_s, collar.onset_fraction, offset - onset)
    first = np.searchsorted(found_onset[order], onset - reach, side="left")
    last = np.searchsorted(found_onset[order], onset + reach, side="right")
    sizes = last - first
    rows = np.repeat(np.arange(len(onset)), sizes)
    columns = order[np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes) + np.repeat(first, sizes)]
    if collar.offset_s is None:
        return rows, columns
    tolerance = _limits(collar.offset_s, collar.offset_fraction, offset - onset)
    near = np.abs(found_offset[columns] - offset[rows]) <= tolerance[rows]
    return rows[near], columns[near]


def _limits(least_s: float, fraction: float, lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return int64[events], how far apart times may be: so many seconds or this share of each length, in microseconds.

    20 % of a whole number of microseconds is not exact in floating point; 1e-4 us keeps it from being rounded down.
    """
    return np.maximum(round(least_s * 1e6), np.floor(fraction * lengths + 1e-4).astype(np.int64))


def touching(reference: Times, detected: Times, collar: Collar = ONSET) -> NDArray[np.bool_]:
    """Return bool[detected]: whether each event overlaps an annotated one or comes within the onset collar of it.

    A detected event that touches none is a false alarm wherever one looks for it; one that touches an event but is no
    hit has begun too early or too late, or is the second one during the event.
    """
    reach = round(collar.onset_s * 1e6)
    onsets, offsets = np.sort(reference[:, 0]) - reach, np.sort(reference[:, 1]) + reach
    # Of the annotated events that begin before the detected one ends, some have not ended before it begins.
    begun = np.searchsorted(onsets, detected[:, 1], side="right")
    return np.asarray(begun > np.searchsorted(offsets, detected[:, 0], side="left"))


def event_free_s(reference: Times, begin: int, end: int, collar: Collar = ONSET) -> float:
    """Return the seconds of [begin, end), in microseconds, in which a detected event would touch no annotated one."""
    margin = round(collar.onset_s * 1e6) * np.array([-1, 1])
    return float(end - begin - covered_us(union(reference + margin), np.array([[begin, end]]))[0]) / 1e6


def microseconds(events: Sequence[Annotation]) -> Times:
    """Return int64[events, 2]: onset and offset of each event in whole microseconds."""
    times = np.array([(each.onset, each.offset) for each in events], np.float64).reshape(-1, 2)
    return np.round(times * 1e6).astype(np.int64)


def count_matches(
    reference: EventLists,
    detected: EventLists,
    recordings: Sequence[str],
    classes: Sequence[str],
    collar: Collar = ONSET,
) -> np.ndarray:
    """Return int64[recordings, classes, 3]: true positives, annotated and detected events (TP, REFERENCE, DETECTED).

    Raises ConfigError for an event of another class or in another recording, which would not be counted.
    """
    _require_known(reference, recordings, classes, "annotated")
    _require_known(detected, recordings, classes, "detected")
    counts = np.zeros((len(recordings), len(classes), 3), np.int64)
    for row, name in enumerate(recordings):
        for column, label in enumerate(classes):
            true = [each for each in reference.get(name, ()) if each.label == label]
            found = [each for each in detected.get(name, ()) if each.label == label]
            counts[row, column] = len(match_events(true, found, collar)), len(true), len(found)
    return counts


def count_overlaps(
    reference: EventLists, detected: EventLists, recordings: Sequence[str], classes: Sequence[str]
) -> NDArray[np.int64]:
    """Return int64[recordings, classes, 3] as `count_matches` does, but by overlap with both tolerances at one half.

    True positives are annotated events found; DETECTED is their number plus that of the detected events that do not
    count, so that precision and F1 are those of psds_eval, however many pieces an event is heard in. All counts of a
    class with point labels are 0.
    """
    counts = np.zeros((len(recordings), len(classes), 3), np.int64)
    points = {each.label for name in recordings for each in reference.get(name, ()) if each.offset <= each.onset}
    for row, name in enumerate(recordings):
        for column, label in enumerate(classes):
            if label not in points:
                true, found = (
                    microseconds([each for each in events.get(name, ()) if each.label == label])
                    for events in (reference, detected)
                )
                counts[row, column] = overlap_counts(true, found)
    return counts


def overlap_counts(reference: Times, detected: Times) -> tuple[int, int, int]:
    """Return TP, REFERENCE and DETECTED of one class as `count_overlaps` says."""
    hit, in_place = intersect(reference, detected)
    return int(hit.sum()), len(reference), int(hit.sum() + (~in_place).sum())


def _require_known(events: EventLists, recordings: Sequence[str], classes: Sequence[str], what: str) -> None:
    if unknown := sorted(set(events) - set(recordings)):
        raise ConfigError(
            f"events are {what} in {unknown[0]!r}, which is not among the {len(recordings)} recordings judged"
        )
    labels = {each.label: each for name in events for each in events[name]}
    if strange := sorted(set(labels) - set(classes)):
        place = f" ({labels[strange[0]].place})" if labels[strange[0]].place else ""
        raise ConfigError(
            f"class {strange[0]!r}{place} is {what} but not among the classes judged: {', '.join(classes)}"
        )


def f1(counts: np.ndarray) -> np.ndarray:
    """Return 2 TP / (annotated + detected) of counts [..., classes, 3]; nan for a class with neither.

    It is nan for all classes where no event of any class is annotated: only false alarms can be counted there.
    """
    events = counts[..., REFERENCE] + counts[..., DETECTED]
    defined = (events > 0) & counts[..., REFERENCE].any(axis=-1, keepdims=True)
    return np.divide(2.0 * counts[..., TP], events, out=np.full(events.shape, np.nan), where=defined)


def ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Return part / whole, nan where whole is 0."""
    part, whole = np.asarray(part, np.float64), np.asarray(whole, np.float64)
    return np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0)


def macro_f1(counts: np.ndarray) -> np.ndarray:
    """Return the mean of `f1` over the classes (last axis but one) that have events; nan where none has."""
    scores = f1(counts)
    defined = ~np.isnan(scores)
    total = np.where(defined, scores, 0.0).sum(axis=-1)
    return np.divide(total, defined.sum(axis=-1), out=np.full(total.shape, np.nan), where=defined.any(axis=-1))


def error_rate(reference: EventLists, detected: EventLists, recordings: Sequence[str], collar: Collar) -> Estimate:
    """Return (substitutions + deletions + insertions) / annotated events, all classes together.

    A substitution is an annotated and a detected event that match except for their label, and match no event of their
    own class. The most possible substitutions are counted (sed_eval takes the first that fits).
    """
    counts = np.zeros((len(recordings), 2), np.int64)  # errors, annotated
    for row, name in enumerate(recordings):
        true, found = reference.get(name, ()), detected.get(name, ())
        pairs = labelled_pairs(true, found, collar)
        missed = without(true, {i for i, _ in pairs})
        false = without(found, {j for _, j in pairs})
        counts[row] = len(missed) + len(false) - len(match_events(missed, false, collar)), len(true)
    total = counts.sum(0)
    return estimate(float(ratio(total[0], total[1])), ratio(*(resample_weights(len(counts)) @ counts).T))


def resample_weights(n_recordings: int, n_resamples: int = 1000, seed: int = 0) -> np.ndarray:
    """Return float64[resamples, recordings]: how often each recording is drawn when drawing with replacement."""
    draws = np.random.default_rng(seed).integers(0, n_recordings, (n_resamples, n_recordings))
    return np.stack([np.bincount(draw, minlength=n_recordings) for draw in draws]).astype(np.float64)


def estimate(value: float, resampled: np.ndarray) -> Estimate:
    """Return a figure with the central 95 % of its resampled values; values that are nan are left out."""
    defined = resampled[~np.isnan(resampled)]
    if np.isnan(value) or not len(defined):
        return Estimate(float(value), float("nan"), float("nan"))
    low, high = np.quantile(defined, [0.025, 0.975])
    return Estimate(float(value), float(low), float(high))


def f1_difference(counts: np.ndarray, other: np.ndarray) -> Estimate:
    """Return macro F1 of `counts` minus that of `other`, int64[recordings, classes, 3] each.

    For the interval the same recordings are resampled for both.
    """
    weights = resample_weights(len(counts))
    resampled = macro_f1(np.tensordot(weights, counts, 1)) - macro_f1(np.tensordot(weights, other, 1))
    return estimate(float(macro_f1(counts.sum(0)) - macro_f1(other.sum(0))), resampled)


def event_scores(
    reference: EventLists,
    detected: EventLists,
    durations_s: Mapping[str, float],
    classes: Sequence[str],
    onset: Collar = ONSET,
) -> EventScores:
    """Return event F1 per class and macro, and false alarms per hour, over the recordings of `durations_s`.

    Onsets match within 200 ms or what `onset` says, offsets within the larger of 200 ms and 20 % of the annotated
    duration. Raises ConfigError for events outside these classes and recordings, and if there is no recording.
    """
    if not durations_s:
        raise ConfigError("there is no recording to judge")
    names = list(durations_s)
    counts = Counts(
        onset=count_matches(reference, detected, names, classes, onset),
        both=count_matches(reference, detected, names, classes, onset.with_offset()),
        overlap=count_overlaps(reference, detected, names, classes),
        hours=np.array([durations_s[name] for name in names]) / 3600,
    )
    return scores_of_counts(counts, resample_weights(len(names)), len(names), classes)


@dataclass(frozen=True)
class Counts:
    """Counts [..., classes, 3] by onset, by onset and offset and by overlap, and the hours of each place, [...].

    They are of units (recordings, sources), of resamples, or of all units together.
    """

    onset: np.ndarray
    both: np.ndarray
    overlap: np.ndarray
    hours: np.ndarray

    def total(self) -> "Counts":
        """Return the sums over units, the first axis."""
        return self.drawn(np.ones(len(self.hours)))

    def drawn(self, weights: NDArray[np.float64]) -> "Counts":
        """Return the sums over units; weights: float64[..., units], how often each is drawn."""
        onset, both, overlap = (np.tensordot(weights, each, 1) for each in (self.onset, self.both, self.overlap))
        return Counts(onset, both, overlap, np.asarray(weights @ self.hours))

    def false_alarms(self) -> np.ndarray:
        """Return false alarms per hour of each class, [..., classes]."""
        return ratio(self.onset[..., DETECTED] - self.onset[..., TP], self.hours[..., None])


def scores_of_counts(
    counts: Counts, weights: NDArray[np.float64], n_recordings: int, classes: Sequence[str]
) -> EventScores:
    """Return the figures of counts of units; weights: float64[resamples, units], how often each resample draws each."""
    total, resampled = counts.total(), counts.drawn(weights)
    return EventScores(
        n_recordings=n_recordings,
        hours=float(total.hours),
        classes={label: _class_scores(total, resampled, column) for column, label in enumerate(classes)},
        macro_f1_onset=estimate(float(macro_f1(total.onset)), macro_f1(resampled.onset)),
        macro_f1_onset_offset=estimate(float(macro_f1(total.both)), macro_f1(resampled.both)),
        false_alarms_per_hour=estimate(float(total.false_alarms().sum(-1)), resampled.false_alarms().sum(-1)),
        macro_f1_overlap=estimate(float(macro_f1(total.overlap)), macro_f1(resampled.overlap)),
    )


def _class_scores(total: Counts, resampled: Counts, column: int) -> ClassScores:
    hits, n_reference, n_detected = (int(count) for count in total.onset[column])
    recall = _recall(total.onset, resampled.onset, column)
    found, _, counted = total.overlap[column]
    return ClassScores(
        n_reference=n_reference,
        n_detected=n_detected,
        n_hits=hits,
        precision=hits / n_detected if n_detected else float("nan"),
        recall=recall.value,
        f1_onset=estimate(float(f1(total.onset)[column]), f1(resampled.onset)[:, column]),
        f1_onset_offset=estimate(float(f1(total.both)[column]), f1(resampled.both)[:, column]),
        false_alarms_per_hour=estimate(float(total.false_alarms()[column]), resampled.false_alarms()[:, column]),
        recall_low=recall.low,
        recall_high=recall.high,
        overlap_precision=float(ratio(found, counted)),
        overlap_recall=_recall(total.overlap, resampled.overlap, column),
        f1_overlap=estimate(float(f1(total.overlap)[column]), f1(resampled.overlap)[:, column]),
    )


def _recall(total: np.ndarray, resampled: np.ndarray, column: int) -> Estimate:
    one, many = total[column], resampled[:, column]
    return estimate(float(ratio(one[TP], one[REFERENCE])), ratio(many[:, TP], many[:, REFERENCE]))


def plain(value: Any) -> Any:
    """Return nested dicts and lists with None in place of nan, which JSON does not have."""
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return None if isinstance(value, float) and np.isnan(value) else value
