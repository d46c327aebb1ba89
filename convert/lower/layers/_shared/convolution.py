"""What CONV_2D and DEPTHWISE_CONV_2D share: padding, constants per channel, how the output may overlap the input."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from stapes.convert.lower.arithmetic import equal_with_smaller_sums, multiply_high, quantize_multiplier
from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Call, Constant, Field, Overlap
from stapes.convert.lower.packing import ConvShape, Tile
from stapes.firmware_sim.tflite.schema import SAME

LARGEST_SUM = 1 << 30  # of the kernels that round twice: see stapes_nn_multiply_high
WIDE_SHIFT = 64  # STAPES_NN_WIDE_SHIFT in csrc/nn/stapes_nn.h


@dataclass(frozen=True)
class Window:
    """How a kernel slides along one axis."""

    size: int
    kernel: int
    stride: int
    dilation: int
    before: int  # padding positions
    after: int

    @property
    def reach(self) -> int:
        """Input positions from the first tap to the last."""
        return (self.kernel - 1) * self.dilation + 1

    @property
    def out(self) -> int:
        """Output positions."""
        return (self.before + self.size + self.after - self.reach) // self.stride + 1

    @property
    def padded(self) -> bool:
        """Whether some output reads outside of the input."""
        return self.before > 0 or (self.out - 1) * self.stride + self.reach > self.size


def _same(size: int, reach: int, stride: int) -> tuple[int, int]:
    """Return the padding before and after, by which ceil(size / stride) outputs fit; the greater half is after."""
    missing = max(0, ((size - 1) // stride) * stride + reach - size)
    return missing // 2, missing - missing // 2


def window(node: Node, axis: int, kernel: int) -> Window:
    """Return the checked window along the height (1) or the width (2) of input 0.

    Its padding is that of the option, or what passes/absorb_padding.py and passes/dilate.py took over.
    """
    name = {1: "height", 2: "width"}[axis]
    stride = node.option(f"stride_{name}")
    dilation = int(node.options.get(f"dilation_{name}", 1)) * node.operator.dilations[axis - 1]
    size = node.tensor(0).shape[axis]
    if not (1 <= stride <= 1 << 15 and 1 <= dilation <= 1 << 15 and 1 <= kernel <= 1 << 15):
        node.refuse(f"kernel {kernel}, stride {stride}, dilation {dilation} along the {name}", "each from 1 to 32768")
    before, after = node.operator.borders[axis - 1]
    if node.option("padding") == SAME:
        before, after = _same(size, (kernel - 1) * dilation + 1, stride)
    result = Window(size, kernel, stride, dilation, before, after)
    if result.out < 1:
        node.refuse(
            f"a kernel that reaches over {result.reach} of {size} positions without padding",
            "kernels no larger than the input",
        )
    return result


@dataclass(frozen=True)
class Kernel:
    """What differs between CONV_2D and DEPTHWISE_CONV_2D, once their weights are checked."""

    name: str
    size: tuple[int, int]  # height, width
    taps: np.ndarray  # int64 [output channels, taps of each]
    packed: dict[str, np.ndarray]
    scratch: Sequence[Callable[[ConvShape], int]]
    tiles: Sequence[Tile | None]  # per layout; None: whole channels


def call(node: Node, kernel: Kernel) -> Call:
    """Check what both operators have in common and return the kernel call."""
    batches, _, _, in_channels = node.tensor(0).shape
    out_channels, taps = kernel.taps.shape
    rows, columns = (window(node, axis, size) for axis, size in zip((1, 2), kernel.size, strict=True))
    node.expect_shape((batches, rows.out, columns.out, out_channels))
    shape = _shape(rows, columns, in_channels, out_channels)
    low, high = node.clamp_range()
    strides = f" /{rows.stride},{columns.stride}" if rows.stride * columns.stride > 1 else ""
    return Call(
        name=node.name,
        kernel=kernel.name,
        form=kernel.name + "(&{name}, {in0}, {out}, {scratch});",
        inputs=(node.number(0),),
        output=node.operator.outputs[0],
        struct="stapes_nn_conv_layer",
        fields={
            **sixteen_bits(node, geometry(rows, columns, (in_channels, out_channels), batches)),
            "in_zero": node.scale(node.tensor(0))[1],
            "out_zero": node.scale(node.output())[1],
            "out_min": low,
            "out_max": high,
            "weights": Constant("weights", kernel.packed),
            **_channel_constants(node, kernel),
        },
        scratch=max(scratch(shape) for scratch in kernel.scratch),
        overlap=(overlap(rows, columns, (in_channels, out_channels), batches, kernel.tiles),),
        macs=batches * rows.out * columns.out * out_channels * taps,
        note=f"{rows.kernel}x{columns.kernel}{strides}",
    )


def depthwise_call(node: Node, weights: np.ndarray) -> Call:
    """Return the kernel call of a convolution of each channel by itself; weights: int8 [height, width, channels]."""
    kernel = Kernel(
        name="stapes_nn_depthwise",
        size=(weights.shape[0], weights.shape[1]),
        taps=weights.astype(np.int64).reshape(-1, weights.shape[2]).T,
        packed={layout.macro: layout.depthwise(weights) for layout in node.layouts},
        scratch=[layout.depthwise_scratch for layout in node.layouts],
        tiles=[layout.depthwise_tile for layout in node.layouts],
    )
    return call(node, kernel)


def overlap(
    rows: Window, columns: Window, channels: tuple[int, int], batches: int, tiles: Sequence[Tile | None]
) -> Overlap | None:
    """Return how the output of a convolution may overlap its input; channels: those of the input, of the output.

    A kernel that reads a whole channel before it writes it may overwrite that channel, also shifted by whole pixels.
    Other kernels write pixels in ascending order, a tile at a time. When a tile is written, the pixels from its start
    (if the kernel rereads) or from its end on are still to be computed; `needed_from` is the first input byte that any
    pixel from there on reads.
    """
    whole_channels = not all(tiles)
    if batches > 1 or (whole_channels and channels[0] != channels[1]):
        return None
    y, x = np.meshgrid(np.arange(rows.out), np.arange(columns.out), indexing="ij")
    top = np.maximum(0, y * rows.stride - rows.before)
    left = np.maximum(0, x * columns.stride - columns.before)
    first_read = ((top * columns.size + left) * channels[0]).reshape(-1)
    pixels = first_read.size
    needed_from = np.append(np.minimum.accumulate(first_read[::-1])[::-1], 1 << 40)
    gap = 0
    for tile in filter(None, tiles):
        start = np.arange(0, pixels, tile.pixels)
        end = np.minimum(start + tile.pixels, pixels)
        gap = max(gap, int((end * channels[1] - needed_from[start if tile.rereads else end]).max()))
    return Overlap(gap, channels[0] if whole_channels else 1)


def _channel_constants(node: Node, kernel: Kernel) -> dict[str, Field]:
    """Return bias, multiplier and shift of each output channel, and prove that sums and results fit int32."""
    sums = channel_sums(node, kernel.taps)
    multipliers, shifts, wide = [], [], []
    for channel, (factor, bound) in enumerate(zip(factors(node, sums.bias.size), sums.bound.tolist(), strict=True)):
        multiplier, shift = checked_multiplier(node, f"channel {channel}", factor, bound)
        exceeds = bound >= LARGEST_SUM and shift < 0
        smaller = _smaller_sums(node, sums, channel, (multiplier, shift)) if exceeds else None
        if smaller is not None:
            sums.bias[channel], shift = smaller
        multipliers.append(multiplier)
        shifts.append(shift)
        wide.append(exceeds and smaller is None)
    by_layout = {}
    for layout in node.layouts:
        marked = np.array(wide) & (not layout.rounds_wide_sums)
        if layout.conv_unfit is not None and kernel.name != "stapes_nn_depthwise":
            marked |= layout.conv_unfit(kernel.taps, sums.bound) & (np.array(shifts) < 0)
        by_layout[layout.macro] = np.where(marked, np.array(shifts) + WIDE_SHIFT, shifts).astype(np.int8)
    return {
        "bias": Constant("bias", {"": sums.bias.astype(np.int32)}),
        "multiplier": Constant("multiplier", {"": np.array(multipliers, np.int32)}),
        "shift": Constant("shift", by_layout),
    }


def checked_multiplier(node: Node, what: str, factor: float, bound: int) -> tuple[int, int]:
    """Return multiplier and shift of a factor that is rounded twice; refuses results that leave int32.

    bound: the largest absolute sum.
    """
    multiplier, shift = quantize_multiplier(factor)
    shifted = bound << max(shift, 0)
    if shifted >= 1 << 31 or (shift >= 0 and multiply_high(shifted, multiplier) >= (1 << 31) - 256):
        node.refuse(f"{what} scales sums up to {bound} by {factor}", "results within int32")
    return multiplier, shift


def factors(node: Node, channels: int, dtype: str = "int8") -> list[float]:
    """Return, per channel, scale of the input * scale of the weights / scale of the output, formed in double."""
    scale_in, scale_out = (node.scale(tensor, (dtype,))[0] for tensor in (node.tensor(0), node.output()))
    quantization = node.tensor(1).quantization
    assert quantization is not None
    scales = np.broadcast_to(quantization.scales, channels)
    return [float(scale_in) * float(scale) / float(scale_out) for scale in scales]


def _smaller_sums(node: Node, sums: "Sums", channel: int, factor: tuple[int, int]) -> tuple[int, int] | None:
    """Return another bias and shift with the same outputs and sums below LARGEST_SUM; None where there are none."""
    (low, high), zero = node.clamp_range(), node.scale(node.output())[1]
    start, reach = int(sums.bias[channel]), int(sums.reach[channel])
    return equal_with_smaller_sums(start, reach, *factor, low - zero, high - zero, LARGEST_SUM)


@dataclass(frozen=True)
class Sums:
    """Per channel, int64: the bias with the input's zero point folded in, and limits of what the taps add to it."""

    bias: np.ndarray
    least: np.ndarray  # of the sum of the products of weights and codes, 0 or less
    most: np.ndarray  # 0 or more

    @property
    def bound(self) -> np.ndarray:
        """Largest absolute value of the bias plus any of the products: of partial sums, too."""
        return np.maximum(np.abs(self.bias + self.least), np.abs(self.bias + self.most))

    @property
    def reach(self) -> np.ndarray:
        """Largest absolute value of the sum of the products."""
        return np.maximum(-self.least, self.most)


def channel_sums(node: Node, weights: np.ndarray) -> Sums:
    """Return what a channel can sum up to; refuses a channel whose sum can leave int32, here or in LiteRT.

    weights: int64 [channels, weights of each]. The reference adds the bias last, to products of weights and codes less
    the zero point; the kernels add products of weights and codes to the folded bias, or it to them.
    """
    _, zero = node.scale(node.tensor(0))
    positive, negative = np.maximum(weights, 0).sum(axis=1), np.minimum(weights, 0).sum(axis=1)
    bias = np.zeros(len(weights), np.int64)
    if len(node.operator.inputs) > 2 and node.operator.inputs[2] >= 0:
        given = node.tensor(2)
        if given.data is None or given.dtype != "int32" or given.count != bias.size:
            node.refuse(
                f"bias {given.name} is {given.dtype} {list(given.shape)}", f"a constant int32 bias of {bias.size}"
            )
        bias += given.data.reshape(-1)
    codes = 127 * negative - 128 * positive, 127 * positive - 128 * negative
    less_zero = codes[0] - zero * weights.sum(axis=1), codes[1] - zero * weights.sum(axis=1)
    sums = Sums(bias - zero * weights.sum(axis=1), *codes)
    reach = np.max(np.abs([*codes, *less_zero, sums.bound]), axis=0)
    if reach.max() >= 1 << 31:
        node.refuse(f"channel {int(reach.argmax())} can sum up to {int(reach.max())}", f"sums below {1 << 31}")
    return sums


def checked_weights(node: Node, axis: int) -> np.ndarray:
    """Return the constant int8 weights of input 1; refuses others than those quantized per tensor or along `axis`."""
    weights = node.tensor(1)
    if weights.data is None or weights.dtype != "int8":
        node.refuse(
            f"weights {weights.name} are {weights.dtype}{'' if weights.data is not None else ', computed'}",
            "constant int8 weights",
        )
    quantization = weights.quantization
    if quantization is None or (quantization.scales.size > 1 and quantization.axis != axis):
        node.refuse(f"weights {weights.name} are not quantized per tensor or along axis {axis}", "either of the two")
    return weights.data


def _shape(rows: Window, columns: Window, in_channels: int, out_channels: int) -> ConvShape:
    """Return the sizes on which packing and scratch depend."""
    return ConvShape(
        in_channels=in_channels,
        out_channels=out_channels,
        kernel_height=rows.kernel,
        kernel_width=columns.kernel,
        out_height=rows.out,
        out_width=columns.out,
        padded=rows.padded or columns.padded,
        stride_height=rows.stride,
        stride_width=columns.stride,
        dilation_height=rows.dilation,
        dilation_width=columns.dilation,
    )


def sixteen_bits(node: Node, sizes: dict[str, int]) -> dict[str, int]:
    """Return the sizes; refuses one that does not fit the uint16_t fields of stapes_nn.h."""
    for name, size in sizes.items():
        if size >= 1 << 16:
            node.refuse(f"{name.replace('_', ' ')} {size}", "sizes below 65536")
    return sizes


def geometry(rows: Window, columns: Window, channels: tuple[int, int], batches: int) -> dict[str, int]:
    """Return the first fields of stapes_nn_conv_layer, in their order; channels: those of the input, of the output."""
    return {
        "batches": batches,
        "in_height": rows.size,
        "in_width": columns.size,
        "in_channels": channels[0],
        "out_height": rows.out,
        "out_width": columns.out,
        "out_channels": channels[1],
        "kernel_height": rows.kernel,
        "kernel_width": columns.kernel,
        "stride_height": rows.stride,
        "stride_width": columns.stride,
        "dilation_height": rows.dilation,
        "dilation_width": columns.dilation,
        "pad_top": rows.before,
        "pad_left": columns.before,
    }
