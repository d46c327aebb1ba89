"""A linear readout of a trunk's outputs: for each class a logistic regression over the outputs of the last second.

What it reaches tells how much the outputs say of the classes, in seconds and without training a network.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

Floats = NDArray[np.float32]
DIMENSIONS = 64  # that are kept of each row
ROWS_BACK = (0, 2, 4, 6, 8, 10, 12)  # the rows that a score is made of
ITERATIONS = 200
SCORES_PER_LOGIT = 12  # int8 scores span logits from -10.7 to 10.6


class Context:
    """The rows that a score is made of, each by its principal components, of variance 1."""

    def __init__(self, recordings: Sequence[Floats]) -> None:
        """recordings: outputs float32[rows, values], from which the components are found."""
        rows = np.concatenate(recordings)
        self._mean = rows.mean(axis=0)
        variances, components = np.linalg.eigh(np.cov(rows[::4], rowvar=False))
        self._components = (components[:, -DIMENSIONS:] / np.sqrt(variances[-DIMENSIONS:])).astype(np.float32)

    def of(self, outputs: Floats) -> Floats:
        """Return float32[rows, inputs of the readout] for one recording; before its beginning all is 0."""
        rows = (outputs - self._mean) @ self._components
        padded = np.concatenate([np.zeros((max(ROWS_BACK), DIMENSIONS), np.float32), rows])
        return np.concatenate([padded[max(ROWS_BACK) - back : len(padded) - back] for back in ROWS_BACK], axis=1)


class Readout:
    """Weights of the inputs and a bias for each class."""

    def __init__(self, weights: Floats) -> None:
        """weights: float32[inputs + 1, classes], the biases last."""
        self.weights = weights

    def scores(self, inputs: Floats) -> NDArray[np.int8]:
        """Return int8[rows, classes]: the logits in steps of 1 / SCORES_PER_LOGIT, saturated."""
        logits = inputs @ self.weights[:-1] + self.weights[-1]
        return np.clip(np.rint(SCORES_PER_LOGIT * logits), -128, 127).astype(np.int8)


def fit_readout(inputs: Floats, active: NDArray[np.bool_], l2: float, start: Readout | None = None) -> Readout:
    """Fit the readout of all classes to float32[rows, inputs] and bool[rows, classes], beginning with `start`.

    What is minimized is the mean over rows of the cross entropies, plus l2 / 2 times the sum of all squared weights.
    """
    n_inputs, n_classes = inputs.shape[1], active.shape[1]
    wanted = active.astype(np.float32)

    def loss(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        weights = flat.reshape(n_inputs + 1, n_classes).astype(np.float32)
        logits = inputs @ weights[:-1] + weights[-1]
        entropy = (np.logaddexp(0, logits) - wanted * logits).sum() / len(inputs)
        error = (1 / (1 + np.exp(-logits)) - wanted) / len(inputs)
        gradient = np.vstack([inputs.T @ error + l2 * weights[:-1], error.sum(axis=0)])
        return float(entropy + l2 / 2 * (weights[:-1] ** 2).sum()), gradient.ravel().astype(np.float64)

    begin = start.weights if start else np.zeros((n_inputs + 1, n_classes), np.float32)
    options = {"maxiter": ITERATIONS, "ftol": 1e-6}
    found = minimize(loss, begin.ravel().astype(np.float64), jac=True, method="L-BFGS-B", options=options)
    return Readout(found.x.reshape(begin.shape).astype(np.float32))
