"""What docs/backbone.md says of int8 features is what benchmarks/backbone_features.py last measured, and means it."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from benchmarks.backbone_features import INT8_OFFSET, kinds_of_features, precisions, read_csv, sentence
from benchmarks.folds import Fold
from benchmarks.readout import DIMENSIONS, ROWS_BACK, Context, Readout, fit_readout
from stapes.train.data.dataset import Recording

DOCS = Path(__file__).resolve().parents[2] / "docs" / "backbone.md"


def test_the_figures_in_the_docs_are_the_last_measurement() -> None:
    assert sentence(read_csv()) in " ".join(DOCS.read_text(encoding="utf-8").split())


def test_the_readout_is_the_logistic_regression_of_scikit_learn() -> None:
    rng = np.random.default_rng(1)
    inputs = rng.normal(size=(600, 5)).astype(np.float32)
    hidden = inputs @ rng.normal(size=(5, 2)) + rng.normal(size=(600, 2))
    active, l2 = hidden > 0.5, 1e-2
    found = fit_readout(inputs, active, l2).weights
    for label in range(2):
        expected = LogisticRegression(C=1 / (l2 * len(inputs)), tol=1e-8).fit(inputs, active[:, label])
        np.testing.assert_allclose(found[:-1, label], expected.coef_[0], atol=0.02)
        assert found[-1, label] == pytest.approx(expected.intercept_[0], abs=0.02)


def test_a_score_is_made_of_its_own_row_and_earlier_ones_alone() -> None:
    outputs = np.random.default_rng(2).normal(size=(400, DIMENSIONS + 4)).astype(np.float32)
    context = Context([outputs])
    changed = outputs.copy()
    changed[100] += 1
    rows = np.flatnonzero(np.any(context.of(outputs) != context.of(changed), axis=1))
    assert rows.tolist() == [100 + back for back in ROWS_BACK]


def test_scores_rise_with_the_logit_and_end_at_int8() -> None:
    readout = Readout(np.array([[1.0], [0.5]], np.float32))
    logits = np.array([[-100.0], [-0.5], [0.5], [100.0]], np.float32)
    assert readout.scores(logits)[:, 0].tolist() == [-128, 0, 12, 127]


def test_with_the_offset_the_device_hears_what_yamnet_hears_of_white_noise() -> None:
    pcm = np.rint(np.random.default_rng(3).normal(0, 1000, 80_000)).astype(np.int16)
    heard = {name: features(pcm).mean(axis=0) for name, features in kinds_of_features().items()}
    differences = {name: np.abs(mean - heard["yamnet"]).max() for name, mean in heard.items()}
    assert differences[INT8_OFFSET] < 0.15 < 0.45 < differences["int8"]


def test_a_recording_is_drawn_as_often_in_every_fold_that_judges_it() -> None:
    recordings = [Recording(Path(name), name, name, 30.0, ()) for name in "abc"]
    folds = [Fold(name, {}, recordings, recordings) for name in ("scape1", "scape2")]
    counts = np.random.default_rng(4).integers(1, 9, (2, 3, 256, 2))
    counts[..., 0] += counts[..., 1]
    values = precisions(folds, [counts, counts])
    assert values.shape == (1001, 2, 2)
    np.testing.assert_array_equal(values[:, 0], values[:, 1])
    assert values[:, 0].std() > 0
