"""RESIZE_NEAREST_NEIGHBOR of rows and columns, NHWC.

LiteRT computes positions in float32: i * in / out, rounded down; with half_pixel_centers that of i + 0.5; with
align_corners i * (in - 1) / (out - 1), rounded to the nearest, halves up.
"""

import numpy as np

from stapes.convert.lower.layers._shared.resize import resized
from stapes.convert.lower.layers._shared.take import take
from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Operation
from stapes.firmware_sim.tflite.schema import Option

OPTIONS = {"align_corners": Option(0, "?"), "half_pixel_centers": Option(1, "?")}


def lower(node: Node) -> list[Operation]:
    """Check one RESIZE_NEAREST_NEIGHBOR and return its move, or its lookup where the positions are irregular."""
    sizes = resized(node)
    batches, height, width, channels = node.tensor(0).shape
    rows, columns = (_positions(node, *pair) for pair in zip((height, width), sizes, strict=True))
    return take(node, [np.arange(batches), rows, columns, np.arange(channels)])


def _positions(node: Node, given: int, wanted: int) -> np.ndarray:
    """Return the input position of each output position along an axis."""
    corners = bool(node.option("align_corners"))
    less = int(corners and wanted > 1)
    scale = np.float32(given - less) / np.float32(wanted - less)
    exact = (np.arange(wanted, dtype=np.float32) + np.float32(0.5 * node.option("half_pixel_centers"))) * scale
    lower = np.floor(exact)
    nearest = lower + (exact - lower >= 0.5) if corners else lower
    return np.minimum(nearest.astype(np.int64), given - 1)
