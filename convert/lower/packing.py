"""How each kind of processor wants the weights: the one place where a kernel with its own packing is entered.

firmware_sim/csrc/nn/stapes_nn.h says how to add one. A packing takes the weights as the .tflite has them and returns
one array whose dtype becomes the C type.
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
    padded: bool  # some taps lie outside of the input
    stride_height: int
    stride_width: int
    dilation_height: int
    dilation_width: int

    @property
    def taps(self) -> int:
        """Bytes that one pixel reads: a patch."""
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
    depthwise_tile: Tile | None  # None: channel by channel, each of which is read as a whole before it is written
    sources: dict[str, str]  # kernel -> C file, for kernels of this layout; others are in <kernel>.c
    common_shift: bool = False  # stapes_nn_dense wants the constants of common_shift.py, channels filled up to fours


def _as_stored(weights: np.ndarray) -> np.ndarray:
    return weights


def _words_and_patches(shape: ConvShape) -> int:
    """Two words for each tap, and two patches where the taps of a pixel do not lie in a row."""
    in_a_row = shape.kernel_height * shape.dilation_height * shape.dilation_width == 1 and not shape.padded
    return (8 if in_a_row else 10) * shape.taps


def _byte_plane(shape: ConvShape) -> int:
    """One padded channel along the longer axis of the output, once per tap where pixels are apart, and three bytes.

    A single row of pixels is read where it lies, when four channels at a time come out even.
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
    """[channels, taps] in groups of four channels, fours of taps, pairs of taps two apart; int32 words.

    A word's bytes are c k, c+1 k, c k+2, c+1 k+2: SXTB16 gives the pair of one channel, rotated the other.
    """
    channels, taps = weights.shape
    padded = np.pad(weights, ((0, -channels % 4), (0, -taps % 4)))
    split = padded.reshape(-1, 2, 2, padded.shape[1] // 4, 2, 2)  # group, word, channel, four, tap + 2, pair
    return split.transpose(0, 3, 5, 1, 4, 2).reshape(padded.shape[0] // 4, -1).view("<i4")


def _smlad_sums(weights: np.ndarray) -> np.ndarray:
    """As _smlad_order, but the halves of words are sums: 256 * the weight of channel c + 1, plus that of channel c.

    So the upper byte is one less where the lower one is negative. -128 may then be out of reach.
    """
    sums = np.pad(weights, ((0, -len(weights) % 2), (0, 0))).astype(np.int16)
    sums[1::2] -= sums[::2] < 0
    return _smlad_order(sums.astype(np.int8))


def _by_channel(weights: np.ndarray) -> np.ndarray:
    """[height, width, channels] to [channels, height, width]."""
    return np.ascontiguousarray(weights.transpose(2, 0, 1))


def _smlad_plane(shape: ConvShape) -> int:
    """Bytes of two padded channels in 16 bits; rows are whole words, three values longer."""
    height = (shape.out_height - 1) * shape.stride_height + (shape.kernel_height - 1) * shape.dilation_height + 1
    width = (shape.out_width - 1) * shape.stride_width + (max(3, shape.kernel_width) - 1) * shape.dilation_width
    return (2 if shape.in_channels > 1 else 1) * 2 * height * ((width + 3) & ~1)


def _groups(channels: int) -> int:
    return -(-channels // 4)


DSP = Layout(
    macro="STAPES_NN_DSP",
    conv=lambda weights: _smlad_order(weights.reshape(weights.shape[0], -1)),
    depthwise=_by_channel,
    dense=_smlad_sums,
    conv_scratch=lambda shape: 64 * _groups(shape.out_channels) + 24 * _groups(shape.taps),
    depthwise_scratch=_smlad_plane,
    dense_scratch=lambda in_size, out_size: 8 * _groups(in_size),
    conv_tile=Tile(2, rereads=False),
    depthwise_tile=None,
    sources={
        "stapes_nn_conv": "stapes_nn_conv_dsp.c",
        "stapes_nn_depthwise": "stapes_nn_depthwise_dsp.c",
        "stapes_nn_dense": "stapes_nn_dense_dsp.c",
    },
    common_shift=True,
)


def _quads(weights: np.ndarray) -> np.ndarray:
    """[channels, taps] in blocks of eight channels: [quad, channel, tap], then -128 times each channel's sum, int32."""
    channels, taps = weights.shape
    padded = np.pad(weights, ((0, -channels % 8), (0, -taps % 4)))
    quads = padded.reshape(padded.shape[0] // 8, 8, -1, 4).transpose(0, 2, 1, 3)
    sums = (-128 * padded.sum(axis=1, dtype=np.int64)).astype("<i4").view(np.int8).reshape(-1, 1, 8, 4)
    return np.concatenate([quads, sums], axis=1)


def _whole_quads(weights: np.ndarray) -> np.ndarray:
    """[channels, height, width, in] to [channels, taps], each row of a kernel filled up to a multiple of four."""
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
)


def _sixteens(weights: np.ndarray) -> np.ndarray:
    """[channels, taps] to [groups of four channels, sixteens of taps, 4, 16], filled up with zeros."""
    channels, taps = weights.shape
    padded = np.pad(weights, ((0, -channels % 4), (0, -taps % 16)))
    return np.ascontiguousarray(padded.reshape(-1, 4, padded.shape[1] // 16, 16).transpose(0, 2, 1, 3))


def _fours(weights: np.ndarray) -> np.ndarray:
    """[height, width, channels] to [groups of four channels, height, width, 4], filled up with zeros."""
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
)

LAYOUTS = {"ROWS": ROWS, "DSP": DSP, "MVE": MVE, "HOST": HOST}
