"""A step model made byte by byte with the flatbuffer schema: fast to make, no TensorFlow, and what it hears is plain.

Class c hears loudness in the c-th share of the bands, averaged over the frames of a step and the two before it; that
step is this one, or one so many frames back as more than two are kept:

    features [1, S, bands, 1] --+
                                 +-- CONCATENATION [1, K + S, bands, 1] --+-- CONV_2D -- LOGISTIC -- RESHAPE --> scores
    state_frames [1, K, bands, 1]+                                         +-- STRIDED_SLICE (newest K) --> state_frames
"""

import numpy as np
from numpy.typing import NDArray

from benchmarks.tflite_models import Builder

BEFORE_FRAMES = 2
FEATURE_SCALE = 1 / 32  # the frontend's
STEEPNESS, MIDDLE = 2.0, -0.5  # logit = STEEPNESS * (mean feature - MIDDLE); silence is -4, loud noise above 1


def _loudness_filters(
    n_frames: int, n_heard: int, n_bands: int, n_classes: int
) -> tuple[NDArray[np.int8], list[float]]:
    """int8[classes, frames, bands, 1] and one scale per class: class c averages its share of the bands."""
    filters = np.zeros((n_classes, n_frames, n_bands, 1), np.int8)
    scales = []
    for label, bands in enumerate(np.array_split(np.arange(n_bands), n_classes)):
        filters[label, :n_heard, bands] = 127
        scales.append(STEEPNESS / (n_heard * len(bands)) / 127)
    return filters, scales


def tiny_step_model(n_bands: int, frames_per_step: int, n_classes: int, kept_frames: int = BEFORE_FRAMES) -> bytes:
    """Return the .tflite; the drawing at the head of this file says what it computes."""
    b = Builder()
    n_frames = kept_frames + frames_per_step
    frames = (FEATURE_SCALE, 0)
    features = b.input("features", (1, frames_per_step, n_bands, 1), frames)
    state = b.input("state_frames", (1, kept_frames, n_bands, 1), frames)
    joined = b.tensor("joined", (1, n_frames, n_bands, 1), frames)
    b.operator("CONCATENATION", [state, features], [joined], "ConcatenationOptions", axis=1)

    newest = b.tensor("state_frames_out", (1, kept_frames, n_bands, 1), frames)
    corners = [
        b.constant("begin", [0, frames_per_step, 0, 0]),
        b.constant("end", [1, n_frames, n_bands, 1]),
        b.constant("strides", [1, 1, 1, 1]),
    ]
    b.operator("STRIDED_SLICE", [joined, *corners], [newest], "StridedSliceOptions")

    filters, scales = _loudness_filters(n_frames, BEFORE_FRAMES + frames_per_step, n_bands, n_classes)
    bias_scales = [FEATURE_SCALE * scale for scale in scales]
    bias = np.array([round(-STEEPNESS * MIDDLE / scale) for scale in bias_scales], np.int32)
    logits = b.tensor("logits", (1, 1, 1, n_classes), (1 / 16, 0))
    constants = [b.weights("filters", filters, scales, 0), b.bias("bias", bias, bias_scales)]
    b.operator("CONV_2D", [joined, *constants], [logits], "Conv2DOptions", padding=1, strideH=1, strideW=1)
    probabilities = b.tensor("probabilities", (1, 1, 1, n_classes), (1 / 256, -128))
    b.operator("LOGISTIC", [logits], [probabilities])
    scores = b.tensor("scores", (1, n_classes), (1 / 256, -128))
    shape = b.constant("shape", [1, n_classes])
    b.operator("RESHAPE", [probabilities, shape], [scores], "ReshapeOptions", newShape=[1, n_classes])
    b.sign({"features": features, "state_frames": state}, {"scores": scores, "state_frames": newest})
    return b.finish([scores, newest])
