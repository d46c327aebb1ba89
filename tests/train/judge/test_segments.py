"""Segment-based scores against sed_eval and by hand."""

import warnings

import numpy as np
import pytest

from stapes.runtime.labels import Annotation
from stapes.train.judge.segments import segment_scores

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import sed_eval

CLASSES = ["a", "b", "c"]


def _events(rng: np.random.Generator) -> list[Annotation]:
    """Never on the edge of a segment."""
    onsets = rng.integers(0, 200, rng.integers(1, 25)) * 0.1 + 0.03
    return [Annotation(t, t + rng.integers(1, 40) * 0.1 + 0.01, str(rng.choice(CLASSES))) for t in onsets]


def _rows(events: list[Annotation], name: str) -> "sed_eval.util.event_list.dcase_util.containers.MetaDataContainer":
    return sed_eval.util.event_list.dcase_util.containers.MetaDataContainer(
        [
            {"event_label": each.label, "event_onset": each.onset, "event_offset": each.offset, "filename": name}
            for each in events
        ]
    )


def test_segment_scores_vs_sed_eval() -> None:
    rng = np.random.default_rng(2)
    for _ in range(20):
        reference = {f"{i}": _events(rng) for i in range(3)}
        detected = {f"{i}": _events(rng) for i in range(3)}
        metric = sed_eval.sound_event.SegmentBasedMetrics(event_label_list=CLASSES, time_resolution=1.0)
        for name in reference:
            metric.evaluate(_rows(reference[name], name), _rows(detected[name], name))
        scores = segment_scores(reference, detected, dict.fromkeys(reference, 30.0), CLASSES)
        by_class = metric.results_class_wise_metrics()
        for label in CLASSES:
            expected = by_class[label]["f_measure"]["f_measure"]
            assert np.nan_to_num(scores.f1[label].value) == pytest.approx(np.nan_to_num(expected))
        assert scores.error_rate.value == pytest.approx(metric.results_overall_metrics()["error_rate"]["error_rate"])


def test_segments_by_hand() -> None:
    """An event that ends where a segment begins is not active in it; a point label is active in one segment."""
    reference = {"x": [Annotation(0.5, 2.0, "a"), Annotation(5.0, 5.0, "a")]}
    detected = {"x": [Annotation(0.2, 0.9, "a"), Annotation(5.9, 6.1, "a")]}
    scores = segment_scores(reference, detected, {"x": 10.0}, ["a"])
    assert scores.f1["a"].value == pytest.approx(2 * 2 / (3 + 3))  # segments 0, 1, 5 against 0, 5, 6
    assert scores.error_rate.value == pytest.approx(2 / 3)  # 1 is missing, 6 is too much


def test_segments_without_any_event_are_not_defined_and_event_free_recordings_count() -> None:
    assert np.isnan(segment_scores({}, {}, {"x": 10.0}, ["a"]).macro_f1.value)
    reference, alarm = {"x": [Annotation(0, 1, "a")], "quiet": []}, [Annotation(0, 1, "a")]
    scores = segment_scores(reference, {"x": alarm, "quiet": alarm}, {"x": 10.0, "quiet": 10.0}, ["a"])
    assert scores.macro_f1.value == pytest.approx(2 / 3)
    assert scores.error_rate.value == 1.0
