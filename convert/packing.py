"""How each kind of processor wants the weights: the one place where a kernel with its own packing is entered.

firmware_sim/csrc/stapes_nn.h says how to add one. A packing takes the weights as the .tflite has them and returns one
array whose dtype becomes the C type.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class ConvShape:
    """What packing and scratch of a convolution depend on."""

    in_channels: int
    out_channels: int
    kernel_height: int
    kernel_width: int
    in_height: int
    in_width: int
    out_height: int
    out_width: int

    @property
    def taps(self) -> int:
        """Bytes of one patch of a CONV_2D."""
        return self.kernel_height * self.kernel_width * self.in_channels


@dataclass(frozen=True)
class Tile:
    """Pixels that a kernel forms at a time, and whether it still reads their inputs once it began to write them."""

    pixels: int
    rereads: bool


@dataclass(frozen=True)
class Layout:
    """Packings, scratch bytes and kernel files of one kind of processor. Scratch is 4-aligned."""

    macro: str
    conv: Callable[[np.ndarray], np.ndarray]  # int8 [out, height, width, in]
    depthwise: Callable[[np.ndarray], np.ndarray]  # int8 [height, width, out]
    dense: Callable[[np.ndarray], np.ndarray]  # int8 [out, in]
    conv_scratch: Callable[[ConvShape], int]
    depthwise_scratch: Callable[[ConvShape], int]
    dense_scratch: Callable[[int, int], int]  # in_size, out_size
    conv_tile: Tile
    depthwise_tile: Tile
    sources: dict[str, str]  # kernel -> C file, for kernels of this layout; others are in <kernel>.c


def _as_stored(weights: np.ndarray) -> np.ndarray:
    return weights


ROWS = Layout(
    macro="STAPES_NN_ROWS",
    conv=_as_stored,
    depthwise=_as_stored,
    dense=_as_stored,
    conv_scratch=lambda shape: 2 * shape.taps,
    depthwise_scratch=lambda shape: 0,
    dense_scratch=lambda in_size, out_size: 0,
    conv_tile=Tile(2, rereads=False),
    depthwise_tile=Tile(1, rereads=True),
    sources={},
)

# `any` holds every packing under `#if` and lets the C compiler's macros choose.
TARGETS: dict[str, tuple[Layout, ...]] = {
    "any": (ROWS,),
    "portable": (ROWS,),
    "host": (ROWS,),
}
