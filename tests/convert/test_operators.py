"""Every operator over a grid of shapes, attributes, scales and zero points, against LiteRT's reference kernels.

A grid is one graph with an input and an output per case, so that it is compiled once. test_moves.py has the operators
that move or combine data.
"""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from compiler_models import every_shift
from operator_grid import BROADCASTS, LAYOUTS, SEEDS, Grid, check

from benchmarks.tflite_models import Builder, Scale
from stapes.convert.compile import compile_model, plan_model
from stapes.convert.verify import Reference
from stapes.firmware_sim.errors import ModelError

SIGMOID: Scale = (1 / 256, -128)


def _windowed(size: int, kernel: int, stride: int, dilation: int, same: bool) -> int:
    reach = (kernel - 1) * dilation + 1
    return -(-size // stride) if same else (size - reach) // stride + 1


WINDOWS = itertools.product((1, 2, 5, 9), (1, 4, 7), (1, 2, 3, 5), (1, 3), (1, 2, 3), (1, 2), (True, False))
DEPTHS = itertools.product((1, 3, 8), (1, 2, 5, 17, 40, 52), (1, 2), range(4))
CONVOLUTIONS = [window + depth for window, depth in itertools.product(WINDOWS, DEPTHS)]


@LAYOUTS
@SEEDS
@pytest.mark.parametrize("kind", ["CONV_2D", "DEPTHWISE_CONV_2D"])
def test_convolutions_vs_litert_reference(tmp_path: Path, kind: str, seed: int, layout: str) -> None:
    grid = Grid(seed)
    for height, width, tall, wide, stride, dilation, same, channels, many, batches, activation in grid.some(
        CONVOLUTIONS
    ):
        sizes = [_windowed(n, k, stride, dilation, same) for n, k in ((height, tall), (width, wide))]
        if (stride > 1 and dilation > 1) or min(sizes) < 1:
            continue
        fields = {"padding": 0 if same else 1, "strideH": stride, "strideW": stride}
        fields |= {"dilationHFactor": dilation, "dilationWFactor": dilation, "fusedActivationFunction": activation}
        given = grid.input((batches, height, width, channels), grid.scale())
        if kind == "CONV_2D":
            weights, axis, out = (many, tall, wide, channels), 0, many
        else:
            weights, axis, out = (1, tall, wide, channels * many), 3, channels * many
            fields["depthMultiplier"] = many
        target = grid.output((batches, *sizes, out), grid.scale(0.02))
        options = "Conv2DOptions" if kind == "CONV_2D" else "DepthwiseConv2DOptions"
        grid.weighted(kind, given, weights, axis, target, options=options, **fields)
    grid.check(tmp_path, target=layout)


@LAYOUTS
def test_convolutions_in_groups_of_channels_vs_litert_reference(tmp_path: Path, layout: str) -> None:
    grid = Grid(5)
    for groups, depth, many, stride in itertools.product((2, 3, 4), (1, 2, 5), (1, 3), (1, 2)):
        sizes = [_windowed(n, k, stride, 1, True) for n, k in ((5, 3), (4, 2))]
        given = grid.input((1, 5, 4, groups * depth), grid.scale())
        out = grid.output((1, *sizes, groups * many), grid.scale(0.02))
        fields = {"padding": 0, "strideH": stride, "strideW": stride, "fusedActivationFunction": 0}
        weights = (groups * many, 3, 2, depth)
        grid.weighted("CONV_2D", given, weights, 0, out, options="Conv2DOptions", **fields)
    grid.check(tmp_path, target=layout)


@LAYOUTS
@pytest.mark.parametrize("kind", ["CONV_2D", "DEPTHWISE_CONV_2D"])
def test_convolutions_to_few_pixels_vs_litert_reference(tmp_path: Path, kind: str, layout: str) -> None:
    """One pixel, or an odd number of them, of every number of channels and taps beside whole words."""
    grid = Grid(6)
    windows = [(1, 1, 1, 1), (1, 4, 1, 4), (1, 5, 1, 5), (3, 3, 3, 3), (2, 7, 2, 6), (5, 2, 2, 2), (1, 3, 1, 1)]
    for (height, width, tall, wide), channels, activation in itertools.product(windows, (3, 4, 8, 20), (0, 1)):
        down = 3 if (height, tall) == (5, 2) and kind == "DEPTHWISE_CONV_2D" else 1  # of one column alone
        sizes = (height - (tall - 1) * down, width - wide + 1)
        given = grid.input((1, height, width, channels), grid.scale())
        fields = {"padding": 1, "strideH": 1, "strideW": 1, "dilationHFactor": down, "dilationWFactor": 1}
        if kind == "CONV_2D":
            many = int(grid.rng.integers(1, 14))
            weights, axis, options = (many, tall, wide, channels), 0, "Conv2DOptions"
        else:
            many, fields = channels, fields | {"depthMultiplier": 1}
            weights, axis, options = (1, tall, wide, channels), 3, "DepthwiseConv2DOptions"
        target = grid.output((1, *sizes, many), grid.scale(0.02))
        fields |= {"fusedActivationFunction": activation, "options": options}
        grid.weighted(kind, given, weights, axis, target, **fields)
    grid.check(tmp_path, target=layout)


# height, width, channels, kernel height and width, stride, output channels: at least 4,096 weights
FOUR_BITS = [
    (1, 1, 64, 1, 1, 1, 64),
    (1, 4, 64, 1, 1, 1, 150),
    (2, 3, 61, 1, 1, 1, 70),
    (1, 1, 33, 1, 1, 1, 129),
    (5, 4, 8, 3, 3, 2, 65),
    (3, 3, 5, 3, 3, 1, 131),
    (1, 7, 16, 1, 5, 1, 63),
    (1, 2, 1030, 1, 1, 1, 4),
    (1, 3, 1031, 1, 1, 1, 5),
]


@LAYOUTS
def test_convolutions_with_weights_of_four_bits_vs_litert_reference(tmp_path: Path, layout: str) -> None:
    """Weights that are multiples of 16, in blocks of channels and rows of taps that are whole or not."""
    grid = Grid(9)
    for number, (height, width, channels, tall, wide, stride, many) in enumerate(FOUR_BITS):
        sizes = [-(-n // stride) for n in (height, width)]
        given = grid.input((1, height, width, channels), grid.scale())
        target = grid.output((1, *sizes, many), grid.scale(0.02))
        fields = {"padding": 0, "strideH": stride, "strideW": stride, "fusedActivationFunction": number % 3}
        weights = (many, tall, wide, channels)
        grid.weighted("CONV_2D", given, weights, 0, target, multiple=16, options="Conv2DOptions", **fields)
    grid.check(tmp_path, target=layout)


def _convolution(weights: np.ndarray, batches: int = 1) -> bytes:
    builder = Builder()
    given = builder.input("x", (batches, 1, 2, weights.shape[3]), (0.1, 3))
    inputs = [given, builder.weights("w", weights, [0.01], 0), builder.bias("b", np.zeros(len(weights)), [0.001])]
    target = builder.tensor("y", (batches, 1, 2, len(weights)), (0.2, -5))
    fields = {"padding": 1, "strideH": 1, "strideW": 1}
    return builder.finish([builder.operator("CONV_2D", inputs, [target], "Conv2DOptions", **fields)])


def _kernel_and_weight_bytes(tflite: bytes) -> tuple[str, dict[str, int]]:
    (call,) = plan_model(tflite, "model").placement.operations
    weights = call.fields["weights"]
    return call.kernel, {layout: array.nbytes for layout, array in weights.arrays.items()}


def test_weights_of_four_bits_take_half_a_byte_on_devices() -> None:
    sixteens = 16 * np.random.default_rng(0).integers(-7, 8, (128, 1, 1, 64))
    kernel, narrow = _kernel_and_weight_bytes(_convolution(sixteens))
    assert kernel == "stapes_nn_conv_4bit"
    other = sixteens.copy()
    other[5, 0, 0, 5] += 1
    kernel, wide = _kernel_and_weight_bytes(_convolution(other))
    assert kernel == "stapes_nn_conv", "all weights must be multiples of 16"
    devices = ("STAPES_NN_ROWS", "STAPES_NN_DSP", "STAPES_NN_MVE")
    assert [narrow[layout] for layout in devices] == [wide[layout] // 2 for layout in devices]
    assert _kernel_and_weight_bytes(_convolution(sixteens[:32]))[0] == "stapes_nn_conv", "few weights do not pay"
    assert _kernel_and_weight_bytes(_convolution(sixteens, batches=2))[0] == "stapes_nn_conv"


@LAYOUTS
def test_depthwise_convolutions_of_3_x_3_taps_vs_litert_reference(tmp_path: Path, layout: str) -> None:
    """Each combination of few pixels, odd and even: some kernels compute tiles of them where negatives are clamped."""
    grid = Grid(0)
    for number, (height, width, same) in enumerate(itertools.product(range(1, 6), (1, 2, 3, 6, 9), (True, False))):
        size = (height, width) if same else (height - 2, width - 2)
        if min(size) < 1:
            continue
        channels, many = (4, 1, 5, 12, 3, 8)[number % 6], (1, 3, 1)[number % 3]
        zero = int(grid.rng.integers(-128, 128)) if number % 4 == 3 else -128
        given = grid.input((1 + number % 2, height, width, channels), grid.scale())
        target = grid.output((1 + number % 2, *size, channels * many), (grid.scale(0.02)[0], zero))
        fields = {"padding": 0 if same else 1, "strideH": 1, "strideW": 1, "depthMultiplier": many}
        fields |= {"dilationHFactor": 1, "dilationWFactor": 1, "fusedActivationFunction": number % 3}
        weights = (1, 3, 3, channels * many)
        grid.weighted("DEPTHWISE_CONV_2D", given, weights, 3, target, options="DepthwiseConv2DOptions", **fields)
    grid.check(tmp_path, target=layout)


@LAYOUTS
@pytest.mark.parametrize("kind", ["CONV_2D", "DEPTHWISE_CONV_2D"])
def test_convolutions_with_power_of_two_scales_round_halves_as_litert_reference_does(
    tmp_path: Path, kind: str, layout: str
) -> None:
    """Of every eight sums one lies in the middle between two outputs, be they clamped to positive ones or not."""
    grid = Grid(1)
    depthwise = kind == "DEPTHWISE_CONV_2D"
    fields = {"padding": 0, "strideH": 1, "strideW": 1, "dilationHFactor": 1, "dilationWFactor": 1}
    fields |= {"depthMultiplier": 1, "options": "DepthwiseConv2DOptions"} if depthwise else {"options": "Conv2DOptions"}
    for (side, tall), activation, zero in itertools.product([(4, 3), (5, 1)], (0, 1), (0, -128)):
        given = grid.input((1, side, side, 4), (0.5, 0))
        values = grid.rng.integers(-3, 4, (1, tall, tall, 4) if depthwise else (4, tall, tall, 4))
        weights = grid.builder.weights("w", values, [0.25], 3 if depthwise else 0)
        bias = grid.builder.bias("b", grid.rng.integers(-100, 100, 4), [0.125])
        target = grid.output((1, side, side, 4), (1.0, zero))
        grid.builder.operator(kind, [given, weights, bias], [target], **fields, fusedActivationFunction=activation)
    grid.check(tmp_path, target=layout)


@LAYOUTS
def test_depthwise_convolutions_in_place_vs_litert_reference(tmp_path: Path, layout: str) -> None:
    """Each output may overlap the input of its layer; rows and columns of pixels, with and without padding."""
    grid = Grid(0)
    sizes = [(1, 21, 1, 3), (21, 1, 3, 1), (7, 17, 3, 3), (9, 4, 3, 1), (4, 13, 2, 3)]
    for (height, width, tall, wide), same, channels in itertools.product(sizes, (False, True), (4, 7)):
        given = grid.input((1, height, width, channels), grid.scale())
        for layer, stride in enumerate((1, 1, 2)):
            height, width = (_windowed(n, k, stride, 1, same) for n, k in ((height, tall), (width, wide)))
            shape = (1, height, width, channels)
            target = grid.output(shape, (0.5, -3)) if layer == 2 else grid.builder.tensor("between", shape, (0.5, 3))
            fields = {"padding": 0 if same else 1, "strideH": stride, "strideW": stride, "depthMultiplier": 1}
            fields |= {"dilationHFactor": 1, "dilationWFactor": 1, "options": "DepthwiseConv2DOptions"}
            grid.weighted("DEPTHWISE_CONV_2D", given, (1, tall, wide, channels), 3, target, **fields)
            given = target
    grid.check(tmp_path, target=layout)


DENSE = list(itertools.product((1, 3, 16, 33, 200), (1, 2, 7, 16, 45), (1, 3), (False, True), range(4)))


@LAYOUTS
@SEEDS
def test_fully_connected_vs_litert_reference(tmp_path: Path, seed: int, layout: str) -> None:
    grid = Grid(seed)
    for size, out, rows, keep, activation in grid.some(DENSE):
        given = grid.input((rows, 1, size) if keep else (rows, size), grid.scale())
        target = grid.output((rows, 1, out) if keep else (rows, out), grid.scale(0.02))
        fields = {"keepNumDims": keep, "fusedActivationFunction": activation}
        grid.weighted("FULLY_CONNECTED", given, (out, size), 0, target, options="FullyConnectedOptions", **fields)
    grid.check(tmp_path, steps=30, target=layout)


@LAYOUTS
def test_fully_connected_with_the_largest_sums_vs_litert_reference(tmp_path: Path, layout: str) -> None:
    """On DSP cores, sums of two channels share a word, for 512 inputs at a time, and not with weights of -128."""
    grid = Grid(4)
    for size, lowest in itertools.product((480, 512, 513, 1300), (-127, -128)):
        for out in (1, 6):
            weights = grid.rng.choice([lowest, 127], (out, size)).astype(np.int8)
            weights[0], weights[-1] = 127, lowest
            given, target = grid.input((1, size), (0.02, 5)), grid.output((1, out), (0.03, -4))
            inputs = [given, grid.builder.weights("w", weights, [4e-4] * out, 0)]
            grid.builder.operator("FULLY_CONNECTED", inputs, [target], "FullyConnectedOptions")
    grid.check(tmp_path, target=layout)


def test_fully_connected_with_power_of_two_scales_rounds_halves_as_litert_reference_does(tmp_path: Path) -> None:
    grid = Grid(0)
    for exponent in range(1, 13):
        given, target = grid.input((1, 8), (1.0, 0)), grid.output((1, 40), (1.0, -3))
        weights = grid.builder.weights("w", grid.rng.integers(-127, 128, (40, 8)), [2.0**-exponent], 0)
        grid.builder.operator("FULLY_CONNECTED", [given, weights], [target], "FullyConnectedOptions")
    grid.check(tmp_path, steps=60)


@LAYOUTS
@pytest.mark.parametrize("kind", ["CONV_2D", "DEPTHWISE_CONV_2D"])
def test_channels_that_are_all_bias_vs_litert_reference(tmp_path: Path, kind: str, layout: str) -> None:
    """Converters give channels with tiny weights the scale at which their bias is 2^30, for example in MobileNet."""
    grid = Grid(3)
    for zero_in, zero_out, activation, weight in itertools.product((-128, 5), (-128, 0), (0, 1), (0, 1, 3)):
        bias = np.array([1 << 30, -(1 << 30), (1 << 30) + 128, 77, -(1 << 30) - 128, 1 << 30])
        scales = [10.0 ** -float(grid.rng.uniform(7.7, 9.8)) for _ in bias]
        scales[3] = 0.01
        given, out = grid.input((1, 4, 4, 6), (0.03, zero_in)), grid.output((1, 4, 4, 6), (0.03, zero_out))
        shape, axis = ((6, 1, 1, 6), 0) if kind == "CONV_2D" else ((1, 1, 1, 6), 3)
        weights = grid.rng.integers(-weight, weight + 1, shape)
        inputs = [given, grid.builder.weights("w", weights, scales, axis)]
        inputs.append(grid.builder.bias("b", bias, [0.03 * float(np.float32(scale)) for scale in scales]))
        options = "Conv2DOptions" if kind == "CONV_2D" else "DepthwiseConv2DOptions"
        fields = {"strideH": 1, "strideW": 1, "fusedActivationFunction": activation}
        fields |= {} if kind == "CONV_2D" else {"depthMultiplier": 1}
        grid.builder.operator(kind, inputs, [out], options, **fields)
    grid.check(tmp_path, target=layout)


@LAYOUTS
@pytest.mark.parametrize("kind", ["CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"])
def test_sums_up_to_the_limits_of_int32_vs_litert_reference(tmp_path: Path, kind: str, layout: str) -> None:
    grid = Grid(21)
    for zero, limit, factor in itertools.product(
        (-128, 5), (1 << 30, (1 << 30) + 1, 1 << 31), (0.9, 0.3, 2.0**-18, 1e-7)
    ):
        sign = np.array([1, -1] * 4)
        taps = sign[:, None] * grid.rng.integers(0, 128, (8, 40))  # the highest codes give the largest sums
        bias = sign * (limit - 1) - (127 - zero) * taps.sum(axis=1)
        if kind == "CONV_2D":
            given, weights, axis, out = (1, 3, 2, 20), taps.reshape(8, 1, 2, 20), 0, (1, 3, 1, 8)
        elif kind == "DEPTHWISE_CONV_2D":
            given, weights, axis, out = (1, 9, 9, 8), taps.T.reshape(1, 8, 5, 8), 3, (1, 2, 5, 8)
        else:
            given, weights, axis, out = (2, 40), taps, 0, (2, 8)
        inputs = [grid.input(given, (1.0, zero)), grid.builder.weights("w", weights, [factor] * 8, axis)]
        inputs.append(grid.builder.bias("b", bias, [factor] * 8))
        options = {"CONV_2D": "Conv2DOptions", "DEPTHWISE_CONV_2D": "DepthwiseConv2DOptions"}
        fields = {"depthMultiplier": 1} if kind == "DEPTHWISE_CONV_2D" else {}
        fields |= {} if kind == "FULLY_CONNECTED" else {"padding": 1, "strideH": 1, "strideW": 1}
        grid.builder.operator(
            kind, inputs, [grid.output(out, (1.0, 9))], options.get(kind, "FullyConnectedOptions"), **fields
        )
    grid.check(tmp_path, target=layout)


@LAYOUTS
def test_convolutions_with_sums_and_weights_beyond_those_of_paired_channels_vs_litert_reference(
    tmp_path: Path, layout: str
) -> None:
    """stapes_nn_conv_dsp.c holds two weights in 16 bits, for sums below 2^23; the inputs are extreme in two steps."""
    grid = Grid(23)
    for lowest, most, taps in itertools.product((-127, -128), ((1 << 23) - 1, 1 << 23, 1 << 25), (40, 516)):
        weights = np.full((8, taps), 127)
        weights[::2, 1::2] = weights[1::2, ::2] = lowest
        weights[4:] *= np.array([[-1], [0], [1], [-1]])
        np.clip(weights, lowest, 127, out=weights)
        bias = np.array([1, -1] * 4) * (most - 128 * 127 * taps) if most > 128 * 127 * taps else np.zeros(8, np.int64)
        inputs = [grid.input((1, 3, 3, taps // 4), (1.0, 0)), None, None]
        inputs[1] = grid.builder.weights("w", weights.reshape(8, 2, 2, taps // 4), [1.0], 0)
        inputs[2] = grid.builder.bias("b", bias, [1.0])
        fields = {"padding": 1, "strideH": 1, "strideW": 1}
        target = grid.output((1, 2, 2, 8), (1e5, 3))
        grid.builder.operator("CONV_2D", inputs, [target], "Conv2DOptions", **fields)
    grid.check(tmp_path, target=layout)


@LAYOUTS
def test_fully_connected_with_factors_that_31_bits_cannot_stand_for_vs_litert_reference(
    tmp_path: Path, layout: str
) -> None:
    """Small factors of large sums: the output changes at 255 sums, each of which is to be met exactly."""
    grid, changes = Grid(22), np.arange(-128, 127) + 0.5
    for exponent, zero in itertools.product((-17, -19, -21, -23, -31, -32), (-128, 4)):
        scale_in, scale_out = (float(np.float32(grid.rng.uniform(0.01, 0.1))) for _ in range(2))
        scale = float(np.float32(grid.rng.uniform(1, 1.9) * 2.0**exponent * scale_out / scale_in))
        near = np.round(changes[::3] / (scale_in * scale / scale_out)) + grid.rng.integers(-2, 3, 85)
        bias = np.clip(near, -(1 << 31) + 40000, (1 << 31) - 40000).astype(np.int64)
        given, target = grid.input((1, 8), (scale_in, zero)), grid.output((1, 85), (scale_out, 0))
        weights = grid.rng.integers(-1, 2, (85, 8)) * (np.arange(8) < 3)
        inputs = [given, grid.builder.weights("w", weights, [scale] * 85, 0)]
        inputs.append(grid.builder.bias("b", bias, [scale * scale_in] * 85))
        grid.builder.operator("FULLY_CONNECTED", inputs, [target], "FullyConnectedOptions")
    grid.check(tmp_path, target=layout)
    assert "    stapes_nn_dense_exact(" in next(tmp_path.rglob("grid.c")).read_text()


@LAYOUTS
def test_every_shift_vs_litert_reference(tmp_path: Path, layout: str) -> None:
    check(every_shift(), tmp_path, steps=12, target=layout)


@pytest.mark.parametrize(("kind", "options"), [("ADD", "AddOptions"), ("SUB", "SubOptions"), ("MUL", "MulOptions")])
def test_arithmetic_with_broadcasting_vs_litert_reference(tmp_path: Path, kind: str, options: str) -> None:
    grid = Grid(7)
    for (a, b), activation, constant in itertools.product(BROADCASTS, range(4), (False, True)):
        scale_a, scale_b, zero = grid.scale(0.01, 0.5), grid.scale(0.01, 0.5), grid.scale()[1]
        reach = scale_a[0] * scale_b[0] * 200 if kind == "MUL" else scale_a[0] + scale_b[0]
        first = grid.input(a, scale_a)
        second = grid.input(b, scale_b)
        if constant:
            second = grid.builder.constant("c", grid.rng.integers(-128, 128, b), "int8", scale_b)
        target = grid.output(np.broadcast_shapes(a, b), (reach * float(grid.rng.uniform(0.3, 1.2)), zero))
        inputs = [first, second] if grid.rng.integers(0, 2) else [second, first]
        grid.builder.operator(kind, inputs, [target], options, fusedActivationFunction=activation)
    grid.check(tmp_path, steps=25)


def test_sums_with_and_without_a_linear_form_vs_litert_reference(tmp_path: Path) -> None:
    """With scales in simple ratios, so many sums are halves that some have no linear form."""
    grid = Grid(9)
    for _ in range(80):
        first, second, out = ((float(grid.rng.integers(1, 20)) / 64, grid.scale()[1]) for _ in range(3))
        inputs = [grid.input((1, 90), first), grid.input((1, 90), second)]
        kind, options = (("ADD", "AddOptions"), ("SUB", "SubOptions"))[grid.rng.integers(0, 2)]
        grid.builder.operator(kind, inputs, [grid.output((1, 90), out)], options)
    grid.check(tmp_path, steps=40)
    made = (tmp_path / "grid.c").read_text()
    assert made.count("    stapes_nn_add(") > made.count("    stapes_nn_add_requantized(") > 5


def test_addition_of_a_tensor_to_itself_vs_litert_reference(tmp_path: Path) -> None:
    grid = Grid(8)
    for kind, options in (("ADD", "AddOptions"), ("SUB", "SubOptions"), ("MUL", "MulOptions")) * 3:
        given = grid.input((1, 9), grid.scale(0.01, 0.5))
        grid.builder.operator(kind, [given, given], [grid.output((1, 9), grid.scale(0.05))], options)
    grid.check(tmp_path)


def _every_code(grid: Grid, scale: Scale, dtype: str = "int8") -> int:
    """Compare 600 random codes in each of several steps."""
    return grid.input((1, 600), scale, dtype)


def _one_value(
    kind: str, output: Callable[[Grid], Scale], count: int, options: str = "", **fields: Any
) -> Callable[[Path], None]:
    def check(folder: Path) -> None:
        grid = Grid(11)
        for _ in range(count):
            given = _every_code(grid, grid.scale())
            grid.builder.operator(kind, [given], [grid.output((1, 600), output(grid))], options, **fields)
        grid.check(folder, steps=8)

    return check


@pytest.mark.parametrize(
    "check",
    [
        pytest.param(
            _one_value("LOGISTIC", lambda grid: (1 / 256, int(grid.rng.integers(-128, 128))), 60), id="LOGISTIC"
        ),
        pytest.param(_one_value("TANH", lambda grid: (1 / 128, 0), 30), id="TANH"),
        pytest.param(_one_value("TANH", lambda grid: grid.scale(1e-3, 0.1), 30), id="TANH at any scale"),
        pytest.param(_one_value("RELU", lambda grid: grid.scale(0.01), 30), id="RELU"),
        pytest.param(_one_value("RELU6", lambda grid: grid.scale(0.01), 30), id="RELU6"),
        pytest.param(
            _one_value("HARD_SWISH", lambda grid: grid.scale(0.05, 1.0), 40, "HardSwishOptions"), id="HARD_SWISH"
        ),
        *(
            pytest.param(
                _one_value("LEAKY_RELU", lambda grid: grid.scale(0.01), 30, "LeakyReluOptions", alpha=alpha),
                id=f"LEAKY_RELU {alpha}",
            )
            for alpha in (0.0, 0.01, 0.3, 1.0, 2.5)
        ),
        pytest.param(_one_value("QUANTIZE", lambda grid: grid.scale(), 40), id="QUANTIZE"),
    ],
)
def test_functions_of_one_value_vs_litert_reference(tmp_path: Path, check: Callable[[Path], None]) -> None:
    check(tmp_path)


def test_a_function_whose_results_are_not_finite_is_refused(tmp_path: Path) -> None:
    builder = Builder()
    given = builder.input("x", (1, 4), (0.1, 0))
    out = builder.operator("TANH", [given], [builder.tensor("y", (1, 4), (1e-45, 0))])
    with pytest.raises(ModelError, match="finite"):
        compile_model(builder.finish([out]), tmp_path, "model")


def test_hard_swish_at_scales_far_apart_vs_litert_reference(tmp_path: Path) -> None:
    grid = Grid(20)
    for _ in range(60):
        scale = grid.scale(1e-6, 8.0)
        ratio, zero = float(np.exp(grid.rng.uniform(np.log(1 / 64), np.log(1e5)))), grid.scale()[1]
        grid.builder.operator(
            "HARD_SWISH",
            [_every_code(grid, scale)],
            [grid.output((1, 600), (scale[0] * ratio, zero))],
            "HardSwishOptions",
        )
    grid.check(tmp_path, steps=8)


def test_quantize_between_int8_and_uint8_vs_litert_reference(tmp_path: Path) -> None:
    grid = Grid(12)
    for source, target, same in itertools.product(("int8", "uint8"), ("int8", "uint8"), (True, False)):
        for _ in range(3):
            scale, zero = grid.scale(0.01, 0.1)
            other = scale if same else grid.scale(0.01, 0.1)[0]
            given = _every_code(grid, (scale, zero + 128 * (source == "uint8")), source)
            out = grid.output((1, 600), (other, zero + 128 * (target == "uint8")), target)
            grid.builder.operator("QUANTIZE", [given], [out])
    grid.check(tmp_path, steps=6)


def test_softmax_vs_litert_reference(tmp_path: Path) -> None:
    grid = Grid(13)
    for depth, rows, beta in itertools.product((1, 2, 4, 12, 100, 511), (1, 3), (0.1, 1.0, 3.0)):
        for scale in ((0.003, 5), grid.scale(), (2.0, -128)):
            given, out = grid.input((rows, depth), scale), grid.output((rows, depth), SIGMOID)
            grid.builder.operator("SOFTMAX", [given], [out], "SoftmaxOptions", beta=beta)
    grid.check(tmp_path, steps=25)


@pytest.mark.parametrize("kind", ["AVERAGE_POOL_2D", "MAX_POOL_2D"])
def test_pooling_vs_litert_reference(tmp_path: Path, kind: str) -> None:
    grid = Grid(14)
    cases = itertools.product(
        (1, 4, 7), (1, 5), (1, 2, 3), (1, 2, 4), (1, 2, 3), (True, False), (1, 3), (1, 2), range(4)
    )
    for height, width, kernel_h, kernel_w, stride, same, channels, batches, activation in grid.some(list(cases)):
        sizes = [_windowed(n, k, stride, 1, same) for n, k in ((height, kernel_h), (width, kernel_w))]
        if min(sizes) < 1:
            continue
        scale = grid.scale()
        given, out = (
            grid.input((batches, height, width, channels), scale),
            grid.output((batches, *sizes, channels), scale),
        )
        grid.builder.operator(
            kind,
            [given],
            [out],
            "Pool2DOptions",
            padding=0 if same else 1,
            strideH=stride,
            strideW=stride,
            filterHeight=kernel_h,
            filterWidth=kernel_w,
            fusedActivationFunction=activation,
        )
    grid.check(tmp_path)


def test_mean_vs_litert_reference(tmp_path: Path) -> None:
    grid = Grid(15)
    for shape, keep in itertools.product([(1, 4, 5, 3), (2, 3, 4), (1, 49, 10, 8), (7,)], (True, False)):
        for axes in itertools.chain.from_iterable(itertools.combinations(range(len(shape)), n) for n in (1, 2, 3)):
            out = tuple(1 if a in axes else n for a, n in enumerate(shape) if keep or a not in axes)
            scale = grid.scale(0.02, 0.2)
            given, target = (
                grid.input(shape, scale),
                grid.output(out, (scale[0] * float(grid.rng.uniform(0.4, 1.3)), grid.scale()[1])),
            )
            grid.builder.operator(
                "MEAN", [given, grid.builder.constant("axes", list(axes))], [target], "ReducerOptions", keepDims=keep
            )
    grid.check(tmp_path, steps=20)


def test_concatenation_and_splits_vs_litert_reference(tmp_path: Path) -> None:
    grid, scale = Grid(16), (0.1, 3)
    for shape, axis in [((1, 4, 6), 1), ((1, 4, 6), 2), ((1, 4, 6), -1), ((2, 3), 0), ((2, 2, 2, 2), 2), ((6,), 0)]:
        position = axis % len(shape)

        def sized(n: int, shape: tuple[int, ...] = shape, position: int = position) -> tuple[int, ...]:
            return (*shape[:position], n, *shape[position + 1 :])

        parts = [grid.input(sized(n), scale) for n in (1, 3, 2)]
        parts.insert(2, grid.builder.constant("c", grid.rng.integers(-128, 128, sized(2)), "int8", scale))
        grid.builder.operator("CONCATENATION", parts, [grid.output(sized(8), scale)], "ConcatenationOptions", axis=axis)
        number = grid.builder.constant("axis", [axis])
        grid.builder.operator(
            "SPLIT",
            [number, grid.input(sized(6), scale)],
            [grid.output(sized(2), scale) for _ in range(3)],
            "SplitOptions",
            numSplits=3,
        )
        sizes = grid.builder.constant("sizes", [1, -1, 2])
        outputs = [grid.output(sized(n), scale) for n in (1, 4, 2)]
        grid.builder.operator(
            "SPLIT_V", [grid.input(sized(7), scale), sizes, number], outputs, "SplitVOptions", numSplits=3
        )
    grid.check(tmp_path)


def test_concatenation_of_other_scales_is_refused_as_litert_reference_does(tmp_path: Path) -> None:
    grid = Grid(16)
    parts = [grid.input((1, 2), (0.1, 3)), grid.input((1, 2), (0.1, 4))]
    grid.builder.operator("CONCATENATION", parts, [grid.output((1, 4), (0.1, 3))], "ConcatenationOptions", axis=1)
    tflite = grid.builder.finish(grid.outputs)
    with pytest.raises(ModelError, match="inputs and output differ in scale or zero point; supported: the same"):
        compile_model(tflite, tmp_path, "model")
    with pytest.raises(RuntimeError, match="zero_point"):
        Reference(tflite)


def test_slices_vs_litert_reference(tmp_path: Path) -> None:
    grid, scale = Grid(17), (0.1, 3)
    for shape in [(1, 5, 1, 4), (2, 6, 3), (9,)]:
        begin = [int(grid.rng.integers(0, n)) for n in shape]
        sizes = [int(grid.rng.integers(1, n - b + 1)) for n, b in zip(shape, begin, strict=True)]
        constants = [
            grid.builder.constant("k", values)
            for values in (begin, [-1 if b + s == n else s for b, s, n in zip(begin, sizes, shape, strict=True)])
        ]
        grid.builder.operator(
            "SLICE", [grid.input(shape, scale), *constants], [grid.output(tuple(sizes), scale)], "SliceOptions"
        )
    strided: list[tuple[Any, ...]] = [
        ((1, 5, 1, 40), [0, 3, 0, 0], [0, 5, 0, 0], [1, 1, 1, 1], 13, 13, 0),
        ((2, 3, 4, 5, 2), [1, 9, 2, 0, 1], [-9, -9, 4, 5, 0], [-1, -2, 1, 3, -1], 0, 8, 0),
        ((2, 6, 3), [1, -1, 0], [2, -7, 3], [1, -2, 1], 0, 0, 0),
        ((2, 6, 3), [0, 1, 0], [2, 6, 3], [1, 2, 2], 0, 0, 0),
        ((2, 6, 3), [1, 2, 0], [0, 0, 3], [1, 1, 1], 0, 0, 3),
        ((7,), [-3], [0], [1], 0, 1, 0),
        ((4, 5), [1], [3], [1], 0, 0, 0),
        ((4, 5, 6), [0, 1], [0, 3], [1, 1], 0, 0, 0, 1),
        ((4, 5, 6), [1, 0, 2], [2, 0, 4], [1, 1, 1], 0, 0, 0, 2),
        ((4, 5, 6), [0, -1], [0, 9], [1, 1], 0, 0, 2, 1),
        ((4, 5, 6), [2, 0, 0, 1], [3, 0, 0, 2], [1, 1, 1, 1], 0, 0, 9, 2, 4),
        ((4, 5), [0, 1, 0], [0, 3, 0], [1, 1, 1], 0, 4, 0, 0, 1),
        ((4, 5), [1, 0, 0], [3, 0, 5], [1, 1, 2], 0, 0, 0, 0, 2),
    ]
    for shape, first, last, strides, begin_mask, end_mask, shrink, *more in strided:
        ellipsis, new = (*more, 0, 0)[:2]
        index = tuple(
            ...
            if ellipsis >> i & 1
            else None
            if new >> i & 1
            else f
            if shrink >> i & 1
            else slice(None if begin_mask >> i & 1 else f, None if end_mask >> i & 1 else n, s)
            for i, (f, n, s) in enumerate(zip(first, last, strides, strict=True))
        )
        out = np.zeros(shape)[index].shape
        constants = [grid.builder.constant("k", values) for values in (first, last, strides)]
        grid.builder.operator(
            "STRIDED_SLICE",
            [grid.input(shape, scale), *constants],
            [grid.output(out, scale)],
            "StridedSliceOptions",
            beginMask=begin_mask,
            endMask=end_mask,
            shrinkAxisMask=shrink,
            ellipsisMask=ellipsis,
            newAxisMask=new,
        )
    grid.check(tmp_path)


def test_pad_vs_litert_reference(tmp_path: Path) -> None:
    grid = Grid(18)
    for shape, borders in [
        ((1, 3, 4, 2), [[0, 0], [1, 2], [0, 1], [0, 0]]),
        ((2, 3), [[1, 0], [0, 2]]),
        ((5,), [[0, 0]]),
        ((1, 2, 2, 2), [[0, 0], [0, 0], [0, 0], [3, 1]]),
    ]:
        scale = grid.scale()
        out = tuple(a + n + b for n, (a, b) in zip(shape, borders, strict=True))
        constant = grid.builder.constant("borders", borders)
        grid.builder.operator("PAD", [grid.input(shape, scale), constant], [grid.output(out, scale)], "PadOptions")
        value = grid.builder.constant("value", [int(grid.rng.integers(-128, 128))], "int8", scale)
        grid.builder.operator(
            "PADV2", [grid.input(shape, scale), constant, value], [grid.output(out, scale)], "PadV2Options"
        )
        given, target = grid.input(shape, (0.1, 200), "uint8"), grid.output(out, (0.1, 200), "uint8")
        grid.builder.operator("PAD", [given, constant], [target], "PadOptions")
    grid.check(tmp_path)


def test_transpose_and_reshapes_vs_litert_reference(tmp_path: Path) -> None:
    grid, scale = Grid(19), (0.1, 3)
    for shape in [(2, 3, 4), (1, 2, 3, 4), (5, 2), (2, 3, 2, 2, 3), (2, 3, 2, 3, 2, 4)]:
        orders = list(itertools.permutations(range(len(shape))))
        for order in orders if len(orders) < 100 else [*orders[:: len(orders) // 7], orders[-1]]:
            out = tuple(shape[axis] for axis in order)
            given, target = grid.input(shape, scale), grid.output(out, scale)
            grid.builder.operator(
                "TRANSPOSE", [given, grid.builder.constant("order", list(order))], [target], "TransposeOptions"
            )
    for kind, shape, out, values, options in [
        ("RESHAPE", (2, 3, 4), (6, 4), [6, -1], "ReshapeOptions"),
        ("RESHAPE", (1, 1), (), np.zeros(0), "ReshapeOptions"),
        ("EXPAND_DIMS", (3, 4), (3, 1, 4), [1], "ExpandDimsOptions"),
    ]:
        grid.builder.operator(
            kind, [grid.input(shape, scale), grid.builder.constant("s", values)], [grid.output(out, scale)], options
        )
    grid.builder.operator(
        "SQUEEZE", [grid.input((1, 3, 1, 4), scale)], [grid.output((3, 4), scale)], "SqueezeOptions", squeezeDims=[0, 2]
    )
    grid.check(tmp_path)
