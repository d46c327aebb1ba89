"""Weights of four bits: rounded so that the outputs of a 1x1 convolution change as little as they can.

A weight is rounded after the ones before it, and the weights that are still to be rounded make up for its error, as far
as the inputs of the convolution go together (GPTQ: Frantar et al. 2023, after Optimal Brain Surgeon). Where inputs are
alike, this leaves a third of the error that rounding each weight by itself does.
"""

import numpy as np
from numpy.typing import NDArray

LARGEST = 7  # of a weight in units of its channel's scale; -8 is not used, as TFLite's weights are symmetric
DAMPING = 0.01  # of the mean moment: inputs that were seldom heard decide little
SHARES = np.linspace(0.3, 1.05, 46)  # of a channel's largest weight that LARGEST stands for


def rounded_to_four_bits(
    kernel: NDArray[np.float32], moments: NDArray[np.float64]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the kernel as whole multiples, -7 to 7, of one scale for each output channel, and these scales.

    `kernel` is float32[1, 1, channels in, channels out], `moments` are float64[channels in, channels in]: the sum of
    the products of each two inputs, over the places at which they were heard.
    """
    weights = kernel.reshape(-1, kernel.shape[-1]).astype(np.float64)
    importance = moments + np.eye(len(moments)) * max(DAMPING * np.trace(moments) / len(moments), 1e-12)
    scales = _scales(weights, np.diag(importance))
    order = np.argsort(-np.diag(importance))  # what is heard most is rounded first, while all others can make up for it
    inverse = np.linalg.cholesky(np.linalg.inv(importance[np.ix_(order, order)])).T
    left, rounded = weights[order], np.empty_like(weights)
    for index, place in enumerate(order):
        rounded[place] = _nearest(left[index], scales)
        error = (left[index] - rounded[place] * scales) / inverse[index, index]
        left[index:] -= np.outer(inverse[index, index:], error)
    return (rounded * scales).astype(np.float32).reshape(kernel.shape), scales.astype(np.float32)


def _scales(weights: NDArray[np.float64], importance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the scale of each channel with which rounding each weight by itself changes the output least."""
    largest = np.abs(weights).max(axis=0)
    largest[largest == 0] = 1.0  # a channel without weights: any scale will do
    candidates = SHARES[:, np.newaxis] * largest / LARGEST
    errors = [importance @ (_nearest(weights, scales) * scales - weights) ** 2 for scales in candidates]
    return candidates[np.argmin(errors, axis=0), np.arange(len(largest))]


def _nearest(weights: NDArray[np.float64], scales: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.clip(np.round(weights / scales), -LARGEST, LARGEST)
