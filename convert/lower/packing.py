"""Layouts: how the kernels for each kind of processor want the weights, and how much scratch they need.

A kernel with a packing of its own is registered here; firmware_sim/csrc/nn/stapes_nn.h says how to add one. A packing
takes the weights as the .tflite stores them and returns one array, whose dtype becomes the C type.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True)
class ConvShape:
    """The sizes on which packing and scratch of a convolution depend."""

    in_channels: int
    out_channels: int
    kernel_height: int
    kernel_width: int
    out_height: int
    out_width: int
    padded: bool  # some taps read outside of the input
    stride_height: int
    stride_width: int
    dilation_height: int
    dilation_width: int

    @property
    def taps(self) -> int:
        """Bytes that one output pixel reads: a patch."""
        return self.kernel_height * self.kernel_width * self.in_channels


@dataclass(frozen=True)
class Tile:
    """Pixels that a kernel computes at a time; `rereads`: it reads their inputs again after it began to write them."""

    pixels: int
    rereads: bool


@dataclass(frozen=True)
class Layout:
    """Packings, bytes of scratch (aligned to 4) and kernel files for one kind of processor."""

    macro: str
    conv: Callable[[np.ndarray], np.ndarray]  # int8 [out, height, width, in]
    depthwise: Callable[[np.ndarray], np.ndarray]  # int8 [height, width, out]
    dense: Callable[[np.ndarray], np.ndarray]  # int8 [out, in]
    conv_scratch: Callable[[ConvShape], int]
    depthwise_scratch: Callable[[ConvShape], int]
    dense_scratch: Callable[[int, int], int]  # in_size, out_size
    conv_tile: Tile
    depthwise_tile: Tile | None  # None: whole channels, each of which is read before it is written
    sources: dict[str, str]  # kernel -> its C file in this layout; other kernels are in <kernel>.c
    rounds_wide_sums: bool = (
        False  # stapes_nn_conv and stapes_nn_depthwise round any int32, without STAPES_NN_WIDE_SHIFT
    )
    # Which channels stapes_nn_conv takes with STAPES_NN_WIDE_SHIFT only: of int64 [channels, taps], largest sums.
    conv_unfit: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None
    common_shift: bool = False  # stapes_nn_dense takes the constants of common_shift.py, for a multiple of 4 channels


def _as_stored(weights: np.ndarray) -> np.ndarray:
    return weights


def _words_and_patches(shape: ConvShape) -> int:
    """Return two words per tap, and two patches where the taps of a pixel do not lie side by side in memory."""
    in_a_row = shape.kernel_height * shape.dilation_height * shape.dilation_width == 1 and not shape.padded
    return (8 if in_a_row else 10) * shape.taps


def _byte_plane(shape: ConvShape) -> int:
    """Return the bytes of one padded channel along the longer axis of the output, and three more.

    With a stride, the channel is stored once per tap. A single row of pixels needs no copy where the channels come in
    fours.
    """
    axes = [
        (shape.out_height, shape.kernel_height, shape.stride_height, shape.dilation_height),
        (shape.out_width, shape.kernel_width, shape.stride_width, shape.dilation_width),
    ]
    if shape.out_height > shape.out_width:
        axes.reverse()
    rows, along = ((out - 1) * stride + (kernel - 1) * dilation + 1 for out, kernel, stride, dilation in axes)
    out, kernel, stride, _ = axes[1]
    in_fours = shape.in_channels == shape.out_channels and shape.in_channels % 4 == 0
    if axes[0][0] == 1 and in_fours and not shape.padded:
        return 0
    return rows * (along if stride == 1 else out * kernel) + 3


ROWS = Layout(
    macro="STAPES_NN_ROWS",
    conv=_as_stored,
    depthwise=_as_stored,
    dense=_as_stored,
    conv_scratch=_words_and_patches,
    depthwise_scratch=_byte_plane,
    dense_scratch=lambda in_size, out_size: 0,
    conv_tile=Tile(4, rereads=False),
    depthwise_tile=None,
    sources={},
)


def _smlad_order(weights: np.ndarray) -> np.ndarray:
    """Return int32 words from int8 [channels, taps]: in groups of 4 channels and 4 taps, pairs of taps two apart.

    The bytes of a word are those of channel c tap k, channel c+1 tap k, channel c tap k+2, channel c+1 tap k+2: SXTB16
    extracts the pair of channel c, with a rotation that of channel c+1.
    """
    channels, taps = weights.shape
    padded = np.pad(weights, ((0, -channels % 4), (0, -taps % 4)))
    split = padded.reshape(-1, 2, 2, padded.shape[1] // 4, 2, 2)  # group, word, channel, four, tap + 2, pair
    return split.transpose(0, 3, 5, 1, 4, 2).reshape(padded.shape[0] // 4, -1).view("<i4")


def _smlad_sums(weights: np.ndarray) -> np.ndarray:
    """Return the words of _smlad_order, with 256 * weight[c + 1] + weight[c] as each half of a word.

    The upper byte is therefore one less where the lower one is negative, and a weight of -128 may not be representable.
    """
    sums = np.pad(weights, ((0, -len(weights) % 2), (0, 0))).astype(np.int16)
    sums[1::2] -= sums[::2] < 0
    return _smlad_order(sums.astype(np.int8))


def _without_room(weights: np.ndarray, bounds: np.ndarray) -> np.ndarray:
    """Return which channels _smlad_sums may not hold: an odd one with a weight of -128 or a sum of 2^23 or more."""
    odd = np.arange(len(weights)) % 2 == 1
    return odd & ((bounds >= 1 << 23) | (weights == -128).any(axis=1))


def _threes(weights: np.ndarray) -> np.ndarray:
    """Return int32 words [groups of 4 channels, height, groups of 3 taps, 3] from int8 [height, width, channels].

    The bytes of the first word are those of channel c tap k, channel c+1 tap k, channel c tap k+1, channel c+1 tap k+1,
    the second word holds those of channels c+2 and c+3, the third tap k+2 of all four.
    """
    height, width, channels = weights.shape
    padded = np.pad(weights, ((0, 0), (0, -width % 3), (0, -channels % 4)))
    split = padded.reshape(height, -1, 3, padded.shape[2] // 4, 2, 2)  # row, three, tap, group, pair, channel
    by_group = split.transpose(3, 0, 1, 4, 2, 5)
    shape = by_group.shape[:3]
    pairs = by_group[..., :2, :].reshape(*shape, 8)
    return np.concatenate([pairs, by_group[..., 2, :].reshape(*shape, 4)], axis=-1).view("<i4")


def _constants_and_plane(shape: ConvShape) -> int:
    """Return the bytes of the constants of four channels and of their plane, rows padded for taps by threes."""
    threes = -(-shape.kernel_width // 3)
    height = (shape.out_height - 1) * shape.stride_height + (shape.kernel_height - 1) * shape.dilation_height + 1
    width = (shape.out_width - 1) * shape.stride_width + (3 * threes - 1) * shape.dilation_width + 1
    return 4 * (16 + 7 * shape.kernel_height * threes) + 4 * height * width


def _groups(channels: int) -> int:
    return -(-channels // 4)


DSP = Layout(
    macro="STAPES_NN_DSP",
    conv=lambda weights: _smlad_sums(weights.reshape(weights.shape[0], -1)),
    depthwise=_threes,
    dense=_smlad_sums,
    conv_scratch=lambda shape: 64 * _groups(shape.out_channels) + 24 * _groups(shape.taps),
    depthwise_scratch=_constants_and_plane,
    dense_scratch=lambda in_size, out_size: 8 * _groups(in_size),
    conv_tile=Tile(2, rereads=False),  # or a multiple, all of whose inputs are read before
    conv_unfit=_without_room,
    depthwise_tile=None,
    sources={
        "stapes_nn_conv": "stapes_nn_conv_dsp.c",
        "stapes_nn_depthwise": "stapes_nn_depthwise_dsp.c",
        "stapes_nn_dense": "stapes_nn_dense_dsp.c",
    },
    common_shift=True,
)


def _quads(weights: np.ndarray) -> np.ndarray:
    """Return blocks of 8 channels from [channels, taps]: [quad, channel, tap], then -128 * each sum of taps, int32."""
    channels, taps = weights.shape
    padded = np.pad(weights, ((0, -channels % 8), (0, -taps % 4)))
    quads = padded.reshape(padded.shape[0] // 8, 8, -1, 4).transpose(0, 2, 1, 3)
    sums = (-128 * padded.sum(axis=1, dtype=np.int64)).astype("<i4").view(np.int8).reshape(-1, 1, 8, 4)
    return np.concatenate([quads, sums], axis=1)


def _whole_quads(weights: np.ndarray) -> np.ndarray:
    """Return [channels, taps] from [channels, height, width, in], rows of a kernel padded to a multiple of 4."""
    rows = weights.reshape(*weights.shape[:2], -1)
    return np.pad(rows, ((0, 0), (0, 0), (0, -rows.shape[2] % 4))).reshape(len(rows), -1)


HOST = Layout(
    macro="STAPES_NN_HOST",
    conv=lambda weights: _quads(_whole_quads(weights)),
    depthwise=_as_stored,
    dense=_quads,
    conv_scratch=lambda shape: 8 * shape.kernel_height * _groups(shape.kernel_width * shape.in_channels),
    depthwise_scratch=lambda shape: shape.taps if shape.padded else 0,
    dense_scratch=lambda in_size, out_size: in_size + -in_size % 4,
    conv_tile=Tile(2, rereads=True),
    depthwise_tile=Tile(1, rereads=True),
    sources={kernel: f"{kernel}_host.c" for kernel in ("stapes_nn_conv", "stapes_nn_depthwise", "stapes_nn_dense")},
    rounds_wide_sums=True,
)


def _sixteens(weights: np.ndarray) -> np.ndarray:
    """Return [groups of 4 channels, groups of 16 taps, 4, 16] from [channels, taps], padded with zeros."""
    channels, taps = weights.shape
    padded = np.pad(weights, ((0, -channels % 4), (0, -taps % 16)))
    return np.ascontiguousarray(padded.reshape(-1, 4, padded.shape[1] // 16, 16).transpose(0, 2, 1, 3))


def _fours(weights: np.ndarray) -> np.ndarray:
    """Return [groups of 4 channels, height, width, 4] from [height, width, channels], padded with zeros."""
    height, width, channels = weights.shape
    padded = np.pad(weights, ((0, 0), (0, 0), (0, -channels % 4)))
    return np.ascontiguousarray(padded.reshape(height, width, -1, 4).transpose(2, 0, 1, 3))


def _four_planes(shape: ConvShape) -> int:
    height = (shape.out_height - 1) * shape.stride_height + (shape.kernel_height - 1) * shape.dilation_height + 1
    width = (shape.out_width - 1) * shape.stride_width + (shape.kernel_width - 1) * shape.dilation_width + 1
    return 4 * height * width


MVE = Layout(
    macro="STAPES_NN_MVE",
    conv=lambda weights: _sixteens(weights.reshape(weights.shape[0], -1)),
    depthwise=_fours,
    dense=_sixteens,
    conv_scratch=lambda shape: -(-shape.taps // 16) * 16,
    depthwise_scratch=_four_planes,
    dense_scratch=lambda in_size, out_size: 0,
    conv_tile=Tile(1, rereads=True),
    depthwise_tile=None,
    sources={
        "stapes_nn_conv": "stapes_nn_conv_mve.c",
        "stapes_nn_depthwise": "stapes_nn_depthwise_mve.c",
        "stapes_nn_dense": "stapes_nn_dense_mve.c",
    },
    rounds_wide_sums=True,
)

FOUR_BIT_BLOCK = 64  # channels: STAPES_NN_CONV_4BIT_BLOCK in csrc/nn/portable/stapes_nn_conv_4bit.c
_FOUR_BIT_BYTES: dict[str, Callable[[np.ndarray], np.ndarray]] = {  # of [channels, taps]
    ROWS.macro: _as_stored,
    # with 128 added to the lower byte of each half of a word, that of an even channel
    DSP.macro: lambda weights: _smlad_order(weights) ^ np.int32(0x00800080),
    MVE.macro: _sixteens,
}


def four_bits(layout: Layout, weights: np.ndarray) -> np.ndarray:
    """Return what stapes_nn_conv_4bit takes for weights int8[channels, height, width, in] that are multiples of 16.

    These are int32 words of eight weights, in blocks of channels; in HOST the weights of stapes_nn_conv.
    """
    if layout.macro == HOST.macro:
        return layout.conv(weights)
    channels = weights.reshape(len(weights), -1)
    blocks = [channels[first : first + FOUR_BIT_BLOCK] for first in range(0, len(channels), FOUR_BIT_BLOCK)]
    return np.concatenate([_nibbles(_FOUR_BIT_BYTES[layout.macro](block)) for block in blocks])


def _nibbles(weights: np.ndarray) -> np.ndarray:
    """Return int32 words: the upper halves of four bytes below those of the next four."""
    flat = np.ascontiguousarray(weights).reshape(-1).view(np.uint8)
    fours = np.pad(flat, (0, -flat.size % 8)).reshape(-1, 2, 4)
    return np.ascontiguousarray(fours[:, 0] >> 4 | fours[:, 1]).view("<i4").reshape(-1)


def four_bits_scratch(layout: Layout, shape: ConvShape) -> int:
    """Return the bytes of scratch: a block of weights, its outputs, and what stapes_nn_conv takes."""
    if layout.macro == HOST.macro:
        return layout.conv_scratch(shape)
    block = replace(shape, out_channels=min(shape.out_channels, FOUR_BIT_BLOCK))
    words = four_bits(layout, np.zeros((block.out_channels, 1, 1, shape.taps), np.int8)).size
    outputs = block.out_channels * shape.out_height * shape.out_width
    return 8 * words + outputs + -outputs % 4 + layout.conv_scratch(block)


LAYOUTS = {"ROWS": ROWS, "DSP": DSP, "MVE": MVE, "HOST": HOST}
