"""Activations of int16 with int8 weights (16x8), over grids of shapes and scales, against LiteRT reference kernels."""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from operator_grid import SEEDS, Grid

pytest.importorskip("tensorflow")

from benchmarks.tflite_models import Builder, Scale
from stapes.convert.compile import compile_model, plan_model
from stapes.convert.tensorflow import quiet_stderr, tf, tf_keras
from stapes.convert.verify import differences, with_intermediate_outputs
from stapes.firmware_sim.device.host import CompiledModel
from stapes.firmware_sim.errors import ModelError

layers = tf_keras.layers

WIDE = pytest.mark.parametrize(
    "layout", ["any", *(pytest.param(board, marks=pytest.mark.slow) for board in ("cortex-m0-large", "cortex-m4"))]
)


def scale16(grid: Grid, low: float = 1e-5, high: float = 1e-3) -> Scale:
    """Return a random scale, and the zero point 0, which int16 has."""
    return grid.scale(low, high)[0], 0


INT32 = 2  # in the schema's TensorType


def weighted16(grid: Grid, kind: str, given: int, weights: np.ndarray, axis: int, out: int, **fields: object) -> None:
    """Add an operator with weights and a bias, whose outputs use the whole range.

    The bias is int64, or int32 where the options say so.
    """
    inputs = [given, *_weights_and_bias(grid, given, weights, axis, out, fields.get("quantizedBiasType") == INT32)]
    grid.builder.operator(kind, inputs, [out], **fields)


def _weights_and_bias(
    grid: Grid, given: int, weights: np.ndarray, axis: int, out: int, narrow: bool
) -> tuple[int, int]:
    taps = weights.size / weights.shape[axis]
    spread = grid.builder.scale_of(out) / (grid.builder.scale_of(given) * 74 * np.sqrt(taps))
    scales = (spread * np.exp(grid.rng.uniform(-1, 1, weights.shape[axis]))).tolist()
    bias, bias_scale = grid.rng.integers(-(1 << 23), 1 << 23, weights.shape[axis]), grid.builder.scale_of(given)
    return (
        grid.builder.weights("w", weights, scales, axis),
        grid.builder.constant("b", bias, "int32" if narrow else "int64", (bias_scale * scales[0], 0)),
    )


TRANSPOSED = list(
    itertools.product(
        ((1, 1), (2, 5), (4, 3)), ((1, 1), (2, 3), (4, 2)), (1, 2, 3), (False, True), (1, 3, 8), (1, 2, 4, 7), (1, 2)
    )
)
SIZES = list(
    itertools.product(
        (1, 5, 8), (1, 4, 7), (1, 2, 3), (1, 3), (1, 2), (1, 2), (True, False), (1, 3, 8), (1, 2, 5), (1, 2)
    )
)


@WIDE
@SEEDS
@pytest.mark.parametrize("kind", ["CONV_2D", "DEPTHWISE_CONV_2D"])
def test_convolutions_of_int16_vs_litert_reference(tmp_path: Path, kind: str, seed: int, layout: str) -> None:
    grid = Grid(seed)
    for height, width, tall, wide, stride, dilation, same, channels, many, batches in grid.some(SIZES):
        reach = (tall - 1) * dilation + 1, (wide - 1) * dilation + 1
        sizes = [
            -(-n // stride) if same else (n - r) // stride + 1 for n, r in zip((height, width), reach, strict=True)
        ]
        if (stride > 1 and dilation > 1) or min(sizes) < 1:
            continue
        fields = {"padding": 0 if same else 1, "strideH": stride, "strideW": stride}
        fields |= {"dilationHFactor": dilation, "dilationWFactor": dilation}
        fields["fusedActivationFunction"] = int(grid.rng.integers(0, 4))
        if kind == "CONV_2D":
            fields["quantizedBiasType"] = int(grid.rng.choice([0, INT32]))
        given = grid.input((batches, height, width, channels), scale16(grid), "int16")
        shape, axis, out = ((many, tall, wide, channels), 0, many)
        if kind == "DEPTHWISE_CONV_2D":
            shape, axis, out = (1, tall, wide, channels * many), 3, channels * many
            fields["depthMultiplier"] = many
        target = grid.output((batches, *sizes, out), scale16(grid), "int16")
        options = "Conv2DOptions" if kind == "CONV_2D" else "DepthwiseConv2DOptions"
        weighted16(grid, kind, given, grid.rng.integers(-127, 128, shape), axis, target, options=options, **fields)
    grid.check(tmp_path, target=layout)


@WIDE
@SEEDS
def test_transposed_convolutions_of_int16_vs_litert_reference(tmp_path: Path, seed: int, layout: str) -> None:
    grid = Grid(seed)
    for size, kernel, stride, same, channels, many, batches in grid.some(TRANSPOSED):
        wanted = [n * stride if same else (n - 1) * stride + k for n, k in zip(size, kernel, strict=True)]
        wanted[0] += int(grid.rng.integers(0, stride)) * (-1 if same else 1)  # each size that leads to the input's
        given = grid.input((batches, *size, channels), scale16(grid), "int16")
        out = grid.output((batches, *wanted, many), scale16(grid), "int16")
        bias_type, weights = int(grid.rng.choice([0, INT32])), grid.rng.integers(-127, 128, (many, *kernel, channels))
        w, b = _weights_and_bias(grid, given, weights, 0, out, bias_type == INT32)
        inputs = [grid.builder.constant("shape", [batches, *wanted, many]), w, given]
        fields = {"padding": 0 if same else 1, "strideH": stride, "strideW": stride, "quantizedBiasType": bias_type}
        fields["fusedActivationFunction"] = int(grid.rng.integers(0, 4))
        inputs += [b] if grid.rng.integers(0, 2) else []
        grid.builder.operator("TRANSPOSE_CONV", inputs, [out], "TransposeConvOptions", **fields)
    grid.check(tmp_path, target=layout)


def test_products_with_zeros_of_the_scale_0_vs_litert_reference(tmp_path: Path) -> None:
    """The first state of an LSTM that Keras unrolls and the converter quantizes to int16."""
    grid = Grid(16)
    for scale, wanted in itertools.product((1e-4, 2e-5, 0.5), (1e-4, 3e-5, 1e-42)):
        zeros = grid.builder.constant("zeros", np.zeros((1, 6)), "int16", (0.0, 0))
        given, out = grid.input((1, 6), (scale, 0), "int16"), grid.output((1, 6), (wanted, 0), "int16")
        grid.builder.operator("MUL", [given, zeros], [out], "MulOptions")
        zeros = grid.builder.constant("zeros", np.zeros((1, 6)), "int8", (0.0, 0))
        given, out = grid.input((1, 6), (scale, 5)), grid.output((1, 6), (wanted, -7))
        grid.builder.operator("MUL", [given, zeros], [out], "MulOptions")
    grid.check(tmp_path)


@pytest.mark.parametrize(
    ("values", "scale"), [([0, 1], (0.0, 0)), ([0, 0], (0.0, 3)), ([0, 0], (-0.5, 0)), (None, (0.0, 0))]
)
def test_other_scales_of_0_are_refused(values: list[int] | None, scale: Scale) -> None:
    b = Builder()
    x, out = b.input("x", (1, 2), (0.1, 0)), b.tensor("out", (1, 2), (0.1, 0))
    other = b.input("y", (1, 2), scale) if values is None else b.constant("y", [values], "int8", scale)
    with pytest.raises(ModelError, match=r"tensor 2 \(y\) has the scale .*; a scale is finite and above 0"):
        plan_model(b.finish([b.operator("ADD", [x, other], [out], "AddOptions")]), "model")


def test_sums_with_zeros_of_the_scale_0_at_which_litert_ends_the_process_are_refused() -> None:
    b = Builder()
    inputs = [b.input("x", (1, 2), (0.1, 0), "int16"), b.constant("zeros", [[0, 0]], "int16", (0.0, 0))]
    tflite = b.finish([b.operator("ADD", inputs, [b.tensor("y", (1, 2), (0.1, 0), "int16")], "AddOptions")])
    with pytest.raises(ModelError, match="tensor zeros has the scale 0; supported: a scale above 0, except in MUL"):
        plan_model(tflite, "model")


@pytest.mark.parametrize(
    ("weights", "bias_type", "bias", "message"),
    [
        (np.ones((1, 1, 1, 1)), 0, np.int32([1]), r"bias b is int32 \[1\], but not by the options of the operator"),
        (np.ones((1, 1, 1, 1)), INT32, np.int64([1]), r"bias b is int64 \[1\]; supported: a constant int32 bias of 1"),
        (np.full((1, 1, 1, 600), 127), INT32, np.int32([1]), f"can sum up to .*; supported: sums below {1 << 31}"),
    ],
)
def test_sums_of_other_widths_are_refused(weights: np.ndarray, bias_type: int, bias: np.ndarray, message: str) -> None:
    b = Builder()
    x, y = (b.input("x", (1, 1, 1, weights.shape[3]), (0.1, 0), "int16"), b.tensor("y", (1, 1, 1, 1), (9, 0), "int16"))
    inputs = [x, b.weights("w", weights, [0.01], 0), b.constant("b", bias, bias.dtype.name, (0.001, 0))]
    fields = {"strideH": 1, "strideW": 1, "quantizedBiasType": bias_type}
    tflite = b.finish([b.operator("CONV_2D", inputs, [y], "Conv2DOptions", **fields)])
    with pytest.raises(ModelError, match=message):
        plan_model(tflite, "model")


def test_operators_that_move_int16_vs_litert_reference(tmp_path: Path) -> None:
    grid, scale = Grid(3), (0.001, 0)

    def given(*shape: int) -> int:
        return grid.input(shape, scale, "int16")

    def made(*shape: int) -> int:
        return grid.output(shape, scale, "int16")

    add, constant = grid.builder.operator, grid.builder.constant
    for axis in (1, 2, 3):
        shape = [1, 3, 4, 2]
        parts = [given(*shape[:axis], n, *shape[axis + 1 :]) for n in (1, 3)]
        codes = grid.rng.integers(-32768, 32768, (*shape[:axis], 2, *shape[axis + 1 :]))
        parts.append(constant("c", codes, "int16", scale))
        out = made(*shape[:axis], 6, *shape[axis + 1 :])
        add("CONCATENATION", parts, [out], "ConcatenationOptions", axis=axis)
        outs = [made(*shape[:axis], 2, *shape[axis + 1 :]) for _ in range(3)]
        whole = given(*shape[:axis], 6, *shape[axis + 1 :])
        add("SPLIT", [constant("axis", [axis]), whole], outs, "SplitOptions", numSplits=3)
        outs = [made(*shape[:axis], *shape[axis + 1 :]) for _ in range(shape[axis])]
        add("UNPACK", [given(*shape)], outs, "UnpackOptions", axis=axis, num=shape[axis])
        packed = made(*shape[:axis], 2, *shape[axis:])
        add("PACK", [given(*shape), given(*shape)], [packed], "PackOptions", axis=axis, valuesCount=2)
    for order in itertools.permutations(range(4)):
        out = made(*(np.array([2, 3, 1, 4])[list(order)].tolist()))
        add("TRANSPOSE", [given(2, 3, 1, 4), constant("order", list(order))], [out], "TransposeOptions")
    add("RESHAPE", [given(2, 3, 4), constant("shape", [6, 4])], [made(6, 4)], "ReshapeOptions")
    add("PAD", [given(2, 3), constant("borders", [[1, 0], [2, 1]])], [made(3, 6)], "PadOptions")
    add("SLICE", [given(5, 6), constant("k", [1, 2]), constant("k", [3, -1])], [made(3, 4)], "SliceOptions")
    for first, last, step, shape in (([0, 1], [5, 6], [2, 2], (3, 3)), ([3, 5], [0, 0], [-1, -2], (3, 3))):
        constants = [constant("k", values) for values in (first, last, step)]
        add("STRIDED_SLICE", [given(5, 6), *constants], [made(*shape)], "StridedSliceOptions")
    grid.check(tmp_path)


@WIDE
@SEEDS
def test_fully_connected_of_int16_vs_litert_reference(tmp_path: Path, seed: int, layout: str) -> None:
    grid = Grid(seed)
    for size, out, rows, keep in itertools.product((1, 7, 33), (1, 5), (1, 3), (False, True)):
        given = grid.input((rows, 1, size) if keep else (rows, size), scale16(grid), "int16")
        target = grid.output((rows, 1, out) if keep else (rows, out), scale16(grid), "int16")
        fields = {"keepNumDims": keep, "fusedActivationFunction": int(grid.rng.integers(0, 4))}
        fields["quantizedBiasType"] = int(grid.rng.choice([0, INT32]))
        weights = grid.rng.integers(-127, 128, (out, size))
        weighted16(grid, "FULLY_CONNECTED", given, weights, 0, target, options="FullyConnectedOptions", **fields)
    for exponent in range(-9, 12, 3):  # products that are halves, and others that only a double takes for halves
        given, target = grid.input((4, 6), (2.0**-15, 0), "int16"), grid.output((4, 30), (2.0**-9, 0), "int16")
        scales = [2.0**exponent * (1 + (channel % 3) * 2.0**-23) for channel in range(30)]
        inputs = [given, grid.builder.weights("w", grid.rng.integers(-3, 4, (30, 6)), scales, 0)]
        grid.builder.operator("FULLY_CONNECTED", inputs, [target], "FullyConnectedOptions")
    grid.check(tmp_path, target=layout)


BROADCASTS = [((1, 60), (1, 60)), ((2, 3, 4), (4,)), ((2, 3, 4), (1, 3, 1)), ((2, 1, 4), (1, 3, 4))]


@WIDE
def test_arithmetic_of_int16_vs_litert_reference(tmp_path: Path, layout: str) -> None:
    grid = Grid(7)
    for (a, b), kind, activation in itertools.product(BROADCASTS, ("Add", "Sub", "Mul"), range(4)):
        scale_a, scale_b = scale16(grid), scale16(grid)
        reach = scale_a[0] * scale_b[0] * 20000 if kind == "Mul" else scale_a[0] + scale_b[0]
        scale = float(np.float32(reach * grid.rng.uniform(0.3, 1.2)))
        target = grid.output(np.broadcast_shapes(a, b), (scale, 0), "int16")
        fields = {"fusedActivationFunction": activation} | ({} if kind == "Mul" else {"potScaleInt16": False})
        inputs = [grid.input(a, scale_a, "int16"), grid.input(b, scale_b, "int16")]
        if activation == 3:
            inputs[1] = grid.builder.constant("c", grid.rng.integers(-32768, 32768, b), "int16", scale_b)
        grid.builder.operator(kind.upper(), inputs, [target], f"{kind}Options", **fields)
    grid.check(tmp_path, steps=20, target=layout)


@WIDE
def test_functions_of_one_int16_vs_litert_reference(tmp_path: Path, layout: str) -> None:
    grid, count = Grid(11), (1, 500)
    for scale in (2.0**-12, 2.0**-11, 2.0**-13, 1e-6, 0.1, 2.0, *(scale16(grid, 1e-5, 1e-2)[0] for _ in range(6))):
        for kind in ("LOGISTIC", "TANH"):
            given = grid.input(count, (scale, 0), "int16")
            grid.builder.operator(kind, [given], [grid.output(count, (2.0**-15, 0), "int16")])
        for kind, options, fields in (
            ("RELU", "", {}),
            ("RELU6", "", {}),
            ("LEAKY_RELU", "LeakyReluOptions", {"alpha": 0.3}),
            ("QUANTIZE", "", {}),
        ):
            given = grid.input(count, (scale, 0), "int16")
            out = grid.output(count, (scale * float(grid.rng.uniform(0.4, 3)), 0), "int16")
            grid.builder.operator(kind, [given], [out], options, **fields)
        zero = int(grid.rng.integers(-128, 128))
        given, out = grid.input(count, (scale, 0), "int16"), grid.output(count, (scale * 200, zero))
        grid.builder.operator("QUANTIZE", [given], [out])
        given, out = grid.input(count, (scale * 200, zero)), grid.output(count, (scale, 0), "int16")
        grid.builder.operator("QUANTIZE", [given], [out])
    grid.check(tmp_path, steps=8, target=layout)


@WIDE
def test_pools_and_means_of_int16_vs_litert_reference(tmp_path: Path, layout: str) -> None:
    grid = Grid(14)
    for kind, kernel, stride, same, channels in itertools.product(
        ("AVERAGE_POOL_2D", "MAX_POOL_2D"), (1, 2, 3), (1, 2), (True, False), (1, 5)
    ):
        sizes = [-(-n // stride) if same else (n - kernel) // stride + 1 for n in (5, 7)]
        scale = scale16(grid)
        given, out = grid.input((2, 5, 7, channels), scale, "int16"), grid.output((2, *sizes, channels), scale, "int16")
        fields = {"padding": 0 if same else 1, "strideH": stride, "strideW": stride}
        fields |= {"filterHeight": kernel, "filterWidth": kernel}
        fields["fusedActivationFunction"] = int(grid.rng.integers(0, 4))
        grid.builder.operator(kind, [given], [out], "Pool2DOptions", **fields)
    for axes, keep in itertools.product(([1], [1, 2], [0, 2], [3], [1, 2, 3]), (True, False)):
        shape = (2, 4, 5, 3)
        out = tuple(1 if a in axes else n for a, n in enumerate(shape) if keep or a not in axes)
        scale = scale16(grid)
        target = grid.output(out, (scale[0] * float(grid.rng.uniform(0.4, 1.3)), 0), "int16")
        inputs = [grid.input(shape, scale, "int16"), grid.builder.constant("axes", axes)]
        grid.builder.operator("MEAN", inputs, [target], "ReducerOptions", keepDims=keep)
    grid.check(tmp_path, target=layout)


@WIDE
def test_softmax_of_int16_vs_litert_reference(tmp_path: Path, layout: str) -> None:
    grid = Grid(13)
    scales = ((1e-6, 0.5), (1e-4, 1.0), (2.0**-12, 2.0), (0.05, 1.0))
    for depth, (scale, beta) in itertools.product((1, 2, 5, 40, 1000), scales):
        given, out = grid.input((2, depth), (scale, 0), "int16"), grid.output((2, depth), (2.0**-15, 0), "int16")
        grid.builder.operator("SOFTMAX", [given], [out], "SoftmaxOptions", beta=beta)
    grid.check(tmp_path, steps=10, target=layout)


@WIDE
def test_softmax_of_int8_to_int16_vs_litert_reference(tmp_path: Path, layout: str) -> None:
    grid = Grid(14)
    for depth, rows, beta in itertools.product((1, 2, 12, 511), (1, 3), (0.1, 1.0, 3.0)):
        for scale in ((0.003, 5), grid.scale(), (2.0, -128)):
            given, out = grid.input((rows, depth), scale), grid.output((rows, depth), (2.0**-16, -32768), "int16")
            grid.builder.operator("SOFTMAX", [given], [out], "SoftmaxOptions", beta=beta)
    grid.check(tmp_path, steps=6, target=layout)


@WIDE
def test_quantize_of_int16_to_int32_vs_litert_reference(tmp_path: Path, layout: str) -> None:
    grid = Grid(15)
    for zero, (scale, wanted) in itertools.product(
        (-32768, 0, 7), ((2.0**-16, 3.05e-5), (1e-3, 1e-3), (1e-3, 1e-7), (1e-3, 2.0), (1e-3, 1e9), (0.3, 0.7))
    ):
        given, out = grid.input((1, 500), (scale, zero), "int16"), grid.output((1, 500), (wanted, 0), "int32")
        grid.builder.operator("QUANTIZE", [given], [out])
    grid.check(tmp_path, target=layout)


def _with_int32(scale: float, zero_point: int) -> bytes:
    b = Builder()
    x, y = b.input("x", (1, 4), (1.0, 0), "int16"), b.tensor("y", (1, 4), (scale, zero_point), "int32")
    return b.finish([b.operator("QUANTIZE", [x], [y])])


def test_an_output_of_int32_has_its_scale_in_header_and_json(tmp_path: Path) -> None:
    compile_model(_with_int32(0.25, 0), tmp_path, "model")
    (output,) = CompiledModel(tmp_path).outputs
    assert (output.dtype, output.scale, output.zero_point) == ("int32", 0.25, 0)
    header = (tmp_path / "model.h").read_text()
    assert "#define MODEL_Y_SCALE 0.25f" in header
    assert "int32_t y[4]" in header


@pytest.mark.parametrize(
    ("scale", "zero_point", "message"),
    [
        (1e-5, 0, r"scales 1\.0 into .*; supported: factors below 2\^14"),
        (0.25, 3, "tensor y has no single scale"),
        (float("inf"), 0, "tensor y has no single scale"),
    ],
)
def test_other_outputs_of_int32_are_refused(scale: float, zero_point: int, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        plan_model(_with_int32(scale, zero_point), "model")


@pytest.mark.parametrize(
    ("depth", "scale", "message"),
    [(4096, (2.0**-16, -32768), "4096 classes as int16"), (4, (2.0**-15, 0), "scale 1/65536, zero point -32768")],
)
def test_other_softmaxes_to_int16_are_refused(depth: int, scale: Scale, message: str) -> None:
    b = Builder()
    x, y = b.input("x", (1, depth), (0.1, 0)), b.tensor("y", (1, depth), scale, "int16")
    tflite = b.finish([b.operator("SOFTMAX", [x], [y], "SoftmaxOptions", beta=1.0)])
    with pytest.raises(ModelError, match=message):
        plan_model(tflite, "model")


def _classifier() -> Any:
    x = layers.Input((16, 10, 1), batch_size=1)
    y = layers.BatchNormalization()(layers.Conv2D(8, 3, strides=2, padding="same")(x))
    y = layers.ReLU(6.0)(layers.DepthwiseConv2D(3, padding="same")(layers.ReLU()(y)))
    y = layers.LeakyReLU(0.1)(layers.Add()([y, layers.Conv2D(8, 1)(y)]))
    y = layers.GlobalAveragePooling2D()(layers.MaxPooling2D(2)(layers.AveragePooling2D(2)(y)))
    y = layers.Multiply()([layers.Dense(12, activation="tanh")(y), layers.Dense(12, activation="sigmoid")(y)])
    return tf_keras.Model(x, layers.Softmax()(layers.Dense(5)(y)))


def _dilated() -> Any:
    x = y = layers.Input((20, 6), batch_size=1)
    for rate in (1, 2, 4):
        y = layers.Conv1D(8, 3, dilation_rate=rate, padding="causal", activation="relu")(y)
    return tf_keras.Model(x, layers.Dense(4, activation="sigmoid")(layers.Flatten()(y)))


def _unrolled_gru() -> Any:
    x = layers.Input((4, 5), batch_size=1)
    return tf_keras.Model(x, layers.Dense(3)(layers.GRU(7, unroll=True)(x)))


@pytest.mark.parametrize("make", [_classifier, _dilated, _unrolled_gru], ids=lambda make: make.__name__.strip("_"))
@pytest.mark.parametrize("border", ["int16", "float32"])
def test_keras_models_as_the_converter_quantizes_them_to_int16_vs_litert_reference(
    tmp_path: Path, make: Callable[[], Any], border: str
) -> None:
    tf_keras.utils.set_random_seed(1)
    model, rng = make(), np.random.default_rng(0)
    with quiet_stderr():
        converter = tf.lite.TFLiteConverter.from_keras_model(model)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: (
            [rng.normal(size=model.input_shape).astype(np.float32)] for _ in range(8)
        )
        kinds = tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
        converter.target_spec.supported_ops = [kinds]
        converter.inference_input_type = converter.inference_output_type = getattr(tf, border)
        tflite = bytes(converter.convert())
    for name, file in (("plain", tflite), ("every", with_intermediate_outputs(tflite))):
        compile_model(file, tmp_path / name, name)
        assert set(differences(file, tmp_path / name, steps=10).values()) == {0}
    assert '"dtype": "int16"' in (tmp_path / "plain" / "model.json").read_text()
