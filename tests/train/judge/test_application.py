"""Counts, rates, times and recall per group, worked out by hand."""

from pathlib import Path

import numpy as np
import pytest

from stapes.firmware_sim.errors import LabelError
from stapes.runtime.labels import Annotation
from stapes.train.data.dataset import open_dataset
from stapes.train.judge.application import counting, recall_by, timing


def _pop(onset: float, **columns: str) -> Annotation:
    return Annotation(onset, onset + 0.1, "pop", columns=columns, place="labels.tsv:4")


def test_timing_by_hand() -> None:
    """Late by 20, 40 and 60 ms; announced 100, 100 and 400 ms after the true onset; a fourth event is missed."""
    reference = {"x": [_pop(1), _pop(2)], "y": [_pop(3), _pop(8)]}
    detected = {"x": [_pop(1.02), _pop(2.04)], "y": [_pop(3.06)]}
    figures = timing(reference, detected, {"x": [1.1, 2.1], "y": [3.4]}, "pop")
    assert figures.n_hits == 3
    assert figures.onset_bias_ms.value == pytest.approx(40)
    assert figures.onset_jitter_ms.value == pytest.approx(np.std([20, 40, 60]))
    assert figures.latency_ms.value == pytest.approx(200)
    assert figures.latency_p95_ms == pytest.approx(370)
    assert figures.onset_bias_ms.low == pytest.approx(30)  # only x drawn
    assert figures.onset_bias_ms.high == pytest.approx(60)  # only y drawn


def test_timing_pairs_the_nearest_events() -> None:
    """A detection that echoes 150 ms later is a false alarm, not the hit."""
    detected = [_pop(1.01), _pop(1.16), _pop(1.31)]
    figures = timing({"x": [_pop(1), _pop(1.3)]}, {"x": detected}, {"x": [1.1, 1.2, 1.4]}, "pop")
    assert figures.onset_bias_ms.value == pytest.approx(10)


def test_timing_of_nothing_is_not_defined() -> None:
    figures = timing({"x": [_pop(1)]}, {"x": []}, {"x": []}, "pop")
    assert figures.n_hits == 0
    assert np.isnan(figures.onset_bias_ms.value)
    assert np.isnan(figures.latency_p95_ms)


def test_counting_by_hand() -> None:
    """4 events in 2 minutes, 5 detected: 25 % too many; one recording has one too few, the other two too many."""
    reference = {"x": [_pop(t) for t in (1, 2, 3)], "y": [_pop(1)]}
    detected = {"x": [_pop(t) for t in (10, 20)], "y": [_pop(t) for t in (10, 20, 30)]}
    figures = counting(reference, detected, {"x": 60.0, "y": 60.0}, "pop")
    assert figures.count_error.value == pytest.approx(0.25)
    assert (figures.annotated_per_min, figures.detected_per_min) == (2.0, 2.5)
    assert figures.rate_error_per_min.value == pytest.approx(1.5)
    assert np.isnan(counting({}, detected, {"x": 60.0, "y": 60.0}, "pop").count_error.value)


def test_recall_by_band_and_by_source() -> None:
    reference = {
        "x": [
            _pop(1, snr_db="-3", source="pan"),
            _pop(2, snr_db="0", source="pot"),
            _pop(3, snr_db="12.5", source="pan"),
        ],
        "y": [_pop(1, snr_db="30", source="pot"), _pop(2)],
    }
    detected = {"x": [_pop(1), _pop(3)], "y": [_pop(5)]}
    bands = recall_by(reference, detected, "snr_db")["pop"]
    assert {band: (each.n_reference, each.recall.value) for band, each in bands.items()} == {
        "below 0 dB": (1, 1.0),
        "0 to 6 dB": (1, 0.0),
        "12 dB and above": (2, 0.5),
    }
    assert list(bands) == ["below 0 dB", "0 to 6 dB", "12 dB and above"]
    sources = recall_by(reference, detected, "source")["pop"]
    assert {source: each.recall.value for source, each in sources.items()} == {"pan": 1.0, "pot": 0.0}
    assert recall_by(reference, detected, "room") == {}


def test_a_column_that_is_no_number_is_named_by_file_and_line() -> None:
    with pytest.raises(LabelError, match=r"labels\.tsv:4: snr_db 'loud' is not a number"):
        recall_by({"x": [_pop(1, snr_db="loud")]}, {}, "snr_db")


def test_the_soundscapes_say_how_loud_each_event_is_and_where_it_is_from(soundscapes: Path) -> None:
    events = [event for each in open_dataset(soundscapes).splits["val"] for event in each.annotations]
    assert all({"snr_db", "source"} <= set(event.columns) for event in events)
