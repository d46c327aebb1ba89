"""Files of pretrained backbones with random weights, in the layouts in which others publish them."""

from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np

# Filters of YAMNet's layers: _YAMNET_LAYER_DEFS in tensorflow/models, research/audioset/yamnet/yamnet.py.
FILTERS = (32, 64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024)


def random_weights(layers: int, seed: int = 1, filters: Sequence[int] = FILTERS) -> dict[str, dict[str, np.ndarray]]:
    """Return the weights of YAMNet's first layers by Keras layer, in the order in which Keras saves them."""
    random = np.random.default_rng(seed)
    weights: dict[str, dict[str, np.ndarray]] = {}
    channels = 1
    for layer, outgoing in enumerate(filters[:layers], start=1):
        parts = {"conv": ("kernel", (3, 3, 1, outgoing))}
        if layer > 1:
            parts = {
                "depthwise_conv": ("depthwise_kernel", (3, 3, channels, 1)),
                "pointwise_conv": ("kernel", (1, 1, channels, outgoing)),
            }
        for part, (kernel, shape) in parts.items():
            outputs = channels if part == "depthwise_conv" else outgoing
            fan_in = 9 if part != "pointwise_conv" else channels
            weights[f"layer{layer}/{part}"] = {kernel: random.normal(0, fan_in**-0.5, shape).astype(np.float32)}
            weights[f"layer{layer}/{part}/bn"] = {
                "beta": random.normal(0.3, 0.5, outputs).astype(np.float32),
                "moving_mean": random.normal(0, 0.5, outputs).astype(np.float32),
                "moving_variance": random.uniform(0.05, 2, outputs).astype(np.float32),
            }
        channels = outgoing
    return weights


def write_keras_weights(path: Path, weights: dict[str, dict[str, np.ndarray]]) -> Path:
    """Write a file as `save_weights` of Keras 2 does: a group for each layer, which holds the weights by full name."""
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [layer.encode() for layer in weights]
        file.attrs["backend"], file.attrs["keras_version"] = b"tensorflow", b"2.2.4-tf"
        for layer, arrays in weights.items():
            group = file.create_group(layer) if layer not in file else file[layer]
            group.attrs["weight_names"] = [f"{layer}/{name}:0".encode() for name in arrays]
            for name, values in arrays.items():
                group.create_dataset(f"{layer}/{name}:0", data=values)
    return path
