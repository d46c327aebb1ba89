"""Operators that compute value by value, or reduce axes, over grids against LiteRT's reference kernels."""

import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import operator_grid
import pytest
from compiler_models import every_operator_of_values
from operator_grid import Grid
from reference_kernels import compile_with_reference_kernels

from benchmarks.tflite_models import Scale
from stapes.convert.compile import compile_model
from stapes.convert.lower.real_functions import REAL_FUNCTIONS
from stapes.convert.verify import NoReferenceError, Reference, differences
from stapes.firmware_sim.device.host import CompiledModel
from stapes.firmware_sim.device.model_description import read_model_description
from stapes.firmware_sim.errors import ModelError

BROADCASTS = [
    *operator_grid.BROADCASTS,
    ((2, 3), ()),
    ((2, 3, 4, 5, 2), (1, 1, 1, 5, 1)),
    ((1, 2, 3, 4, 2, 3), (2, 3, 1, 1, 3)),
]


def _pair(grid: Grid, a: tuple[int, ...], b: tuple[int, ...], constant: bool, scale_b: tuple[float, int]) -> list[int]:
    """Two inputs, of which the second may be a constant; in either order."""
    first = grid.input(a, grid.scale(0.01, 0.5))
    if constant:
        second = grid.builder.constant("c", grid.rng.integers(-128, 128, b), "int8", scale_b)
    else:
        second = grid.input(b, scale_b)
    return [first, second] if grid.rng.integers(0, 2) else [second, first]


@pytest.mark.parametrize("kind", ["MAXIMUM", "MINIMUM"])
def test_extremes_with_broadcasting_vs_litert_reference(tmp_path: Path, kind: str) -> None:
    """LiteRT compares the codes, whatever their scales."""
    grid = Grid(30)
    for (a, b), constant in itertools.product(BROADCASTS, (False, True)):
        pair = _pair(grid, a, b, constant, grid.scale())
        out = grid.output(np.broadcast_shapes(a, b), grid.scale())
        grid.builder.operator(kind, pair, [out], "MaximumMinimumOptions")
    grid.check(tmp_path, steps=10)


def test_prelu_vs_litert_reference(tmp_path: Path) -> None:
    """Alphas per channel, per pixel, for all, with a zero point, positive and negative; constants and computed ones."""
    grid = Grid(31)
    shapes = [((1, 4, 5, 3), (1, 1, 3)), ((1, 4, 5, 3), (4, 5, 3)), ((2, 7), (7,)), ((2, 7), (1,)), ((3, 4, 2), (4, 1))]
    for (shape, slopes), constant, _ in itertools.product(shapes, (False, True), range(4)):
        given, alpha = grid.input(shape, grid.scale()), grid.scale(1e-3, 0.05)
        if constant:
            second = grid.builder.constant("alpha", grid.rng.integers(-128, 128, slopes), "int8", alpha)
        else:
            second = grid.input(slopes, alpha)
        grid.builder.operator("PRELU", [given, second], [grid.output(shape, grid.scale(0.01))])
    grid.check(tmp_path, steps=16)


def test_an_alpha_that_would_enlarge_the_output_is_refused_as_litert_reference_does(tmp_path: Path) -> None:
    grid = Grid(31)
    inputs = [grid.input((1, 4), (0.1, 0)), grid.input((2, 4), (0.1, 0))]
    tflite = grid.builder.finish([grid.builder.operator("PRELU", inputs, [grid.output((2, 4), (0.1, 0))])])
    with pytest.raises(ModelError, match="output shape"):
        compile_model(tflite, tmp_path, "model")
    with pytest.raises(RuntimeError):
        Reference(tflite)


@pytest.mark.parametrize("kind", ["SUM", "REDUCE_MAX", "REDUCE_MIN"])
def test_reductions_vs_litert_reference(tmp_path: Path, kind: str) -> None:
    grid = Grid(32)
    for shape, keep in itertools.product([(1, 4, 5, 3), (2, 3, 4), (7,), (2, 3, 2, 2, 3, 2)], (True, False)):
        for count in range(len(shape) + 1):
            axes = grid.rng.permutation(len(shape))[:count]
            out = tuple(1 if a in axes else n for a, n in enumerate(shape) if keep or a not in axes)
            scale = grid.scale(0.02, 0.2)
            wider = (scale[0] * float(grid.rng.uniform(0.4, 20)), grid.scale()[1])
            given, target = grid.input(shape, scale), grid.output(out, wider if kind == "SUM" else scale)
            named = [int(axis) - (len(shape) if grid.rng.integers(0, 2) else 0) for axis in axes]
            constant = grid.builder.constant("axes", np.array([*named, *named[:1]], np.int32))
            grid.builder.operator(kind, [given, constant], [target], "ReducerOptions", keepDims=keep)
    grid.check(tmp_path, steps=12)


def test_extremes_into_another_scale_are_refused_as_litert_reference_does(tmp_path: Path) -> None:
    grid = Grid(32)
    inputs = [grid.input((1, 4), (0.1, 3)), grid.builder.constant("axes", [1])]
    target = grid.output((1,), (0.1, 4))
    tflite = grid.builder.finish([grid.builder.operator("REDUCE_MAX", inputs, [target], "ReducerOptions")])
    with pytest.raises(ModelError, match="input and output differ in scale or zero point; supported: the same"):
        compile_model(tflite, tmp_path, "model")
    with pytest.raises(RuntimeError):
        Reference(tflite).step(np.zeros((1, 4), np.int8))


def test_whoever_compiles_a_sum_is_warned_that_the_reference_takes_bytes_without_a_sign(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    grid = Grid(33)
    inputs = [grid.input((1, 4), (0.1, 0)), grid.builder.constant("axes", [1])]
    target = grid.output((1,), (0.2, 0))
    tflite = grid.builder.finish([grid.builder.operator("SUM", inputs, [target], "ReducerOptions")])
    compile_model(tflite, tmp_path, "model")
    assert "negative codes give wrong sums; a MEAN in its place" in caplog.text
    given = np.array([[-1, 2, 3, 4]], np.int8)
    assert Reference(tflite).step(given)[0].view(np.uint8).tolist() == [(255 + 2 + 3 + 4) // 2]


def test_softmax_over_thousands_of_classes_vs_litert_reference(tmp_path: Path) -> None:
    """Inputs for which the reference gives an answer: sums below 512, and sums that wrapped past 2^13."""
    grid, tops = Grid(34), (1, 300, 511, 8192, 8193, 8700)
    depths = (512, 1000, 1001, 9000)
    for depth in depths:
        given = grid.input((2, depth), (0.5, 3))
        grid.builder.operator(
            "SOFTMAX", [given], [grid.output((2, depth), (1 / 256, -128))], "SoftmaxOptions", beta=1.0
        )
    tflite = grid.builder.finish(grid.outputs)
    for layout in ("any", "reference"):
        folder = tmp_path / layout
        compile_model(tflite, folder, "grid") if layout == "any" else compile_with_reference_kernels(
            tflite, folder, "grid"
        )
        model, reference, rng = CompiledModel(folder), Reference(tflite), np.random.default_rng(1)
        for top in tops:
            inputs = [rng.integers(-128, -60, (2, depth)).astype(np.int8) for depth in depths]
            for row in (row for values in inputs for row in values):
                row[rng.permutation(row.size)[: top if top < row.size else 1]] = 100
            for made, wanted in zip(model.run(*inputs), reference.step(*inputs), strict=True):
                np.testing.assert_array_equal(made, wanted)


def test_where_the_reference_aborts_all_classes_of_a_softmax_get_the_lowest_code(tmp_path: Path) -> None:
    grid = Grid(35)
    given, out = grid.input((2, 600), (0.5, 3)), grid.output((2, 600), (1 / 256, -128))
    tflite = grid.builder.finish([grid.builder.operator("SOFTMAX", [given], [out], "SoftmaxOptions", beta=1.0)])
    compile_model(tflite, tmp_path, "model")
    values = np.full((2, 600), 7, np.int8)
    values[0, 511:] = -100
    reference = Reference(tflite)
    with pytest.raises(NoReferenceError):
        reference.step(values)
    (made,) = CompiledModel(tmp_path).run(values)
    assert np.unique(made[0]).tolist() == [-128, -127]
    assert np.unique(made[1]).tolist() == [-128]
    assert differences(tflite, tmp_path) == {"out2": 0}


def _positive(grid: Grid) -> Scale:
    """A scale whose codes are all zero or above: LiteRT has no answer to the others."""
    return grid.scale()[0], -128


def _wide(grid: Grid) -> Scale:
    return grid.scale(0.01, 0.2)


FUNCTIONS: dict[str, tuple[str, str, Callable[[Grid], Scale], Callable[[Grid], Scale], dict[str, bool]]] = {
    "ABS": ("ABS", "AbsOptions", Grid.scale, Grid.scale, {}),
    "NEG": ("NEG", "NegOptions", Grid.scale, Grid.scale, {}),
    "EXP": ("EXP", "ExpOptions", lambda grid: grid.scale(1e-3, 0.03), Grid.scale, {}),
    "LOG": ("LOG", "", Grid.scale, _wide, {}),
    "SQRT": ("SQRT", "", _positive, _wide, {}),
    "RSQRT": ("RSQRT", "", _positive, _wide, {}),
    "GELU": ("GELU", "GeluOptions", _wide, _wide, {"approximate": False}),
    "GELU by tanh": ("GELU", "GeluOptions", _wide, _wide, {"approximate": True}),
    "RELU_N1_TO_1": ("RELU_N1_TO_1", "", Grid.scale, Grid.scale, {}),
    "RELU_0_TO_1": ("RELU_0_TO_1", "", Grid.scale, Grid.scale, {}),
    "ELU": ("ELU", "", Grid.scale, _wide, {}),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_of_one_value_vs_litert_reference(tmp_path: Path, name: str) -> None:
    """600 random codes in each of eight steps, over forty scales and zero points."""
    kind, options, scale_in, scale_out, fields = FUNCTIONS[name]
    grid = Grid(36)
    for case in range(40):
        given = scale_in(grid)
        out = given if kind == "ABS" and case % 4 == 0 else scale_out(grid)
        inputs, outputs = [grid.input((1, 600), given)], [grid.output((1, 600), out)]
        grid.builder.operator(kind, inputs, outputs, options, **fields)
    grid.check(tmp_path, steps=8)


def test_whoever_compiles_a_negation_with_a_zero_point_is_warned(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for zero in (0, 3):
        caplog.clear()
        grid = Grid(37)
        out = grid.output((1, 4), (0.1, zero))
        tflite = grid.builder.finish(
            [grid.builder.operator("NEG", [grid.input((1, 4), (0.1, zero))], [out], "NegOptions")]
        )
        compile_model(tflite, tmp_path / str(zero), "model")
        assert ("negates codes without their scale and zero point" in caplog.text) == (zero != 0)


def test_roots_of_negative_codes_are_those_of_zero_where_litert_stops_with_an_error(tmp_path: Path) -> None:
    for kind, expected in (("SQRT", [7, 7]), ("RSQRT", [127, 127])):
        grid = Grid(38)
        given, out = grid.input((1, 2), (0.1, 5)), grid.output((1, 2), (0.05, 7))
        tflite = grid.builder.finish([grid.builder.operator(kind, [given], [out])])
        compile_model(tflite, tmp_path / kind, "model")
        values = np.array([[-9, 5]], np.int8)
        assert CompiledModel(tmp_path / kind).run(values)[0].tolist() == [expected]
        with pytest.raises(RuntimeError, match="only defined for"):
            Reference(tflite).step(values)


def test_squared_difference_vs_litert_reference(tmp_path: Path) -> None:
    grid = Grid(39)
    for (a, b), constant in itertools.product(BROADCASTS, (False, True)):
        scale = grid.scale(0.01, 0.5)
        pair = _pair(grid, a, b, constant, scale)
        reach = max(scale[0], *(grid.builder.scale_of(number) for number in pair)) ** 2
        out = grid.output(np.broadcast_shapes(a, b), (reach * float(np.exp(grid.rng.uniform(-4, 6))), grid.scale()[1]))
        grid.builder.operator("SQUARED_DIFFERENCE", pair, [out], "SquaredDifferenceOptions")
    grid.check(tmp_path, steps=20)


COMPARISONS = {
    "GREATER": "GreaterOptions",
    "GREATER_EQUAL": "GreaterEqualOptions",
    "LESS": "LessOptions",
    "LESS_EQUAL": "LessEqualOptions",
    "EQUAL": "EqualOptions",
    "NOT_EQUAL": "NotEqualOptions",
}


@pytest.mark.parametrize("kind", COMPARISONS)
def test_comparisons_and_selections_vs_litert_reference(tmp_path: Path, kind: str) -> None:
    """Two comparisons, their logical combination, and a selection by it, in every form of broadcasting."""
    grid = Grid(40)
    for number, (a, b) in enumerate(BROADCASTS):
        shape = np.broadcast_shapes(a, b)
        scale = grid.scale(0.003, 0.9)
        pair = [grid.input(a, scale), grid.input(b, scale if number % 2 else grid.scale(0.003, 0.9))]
        bools = [grid.builder.tensor(f"bool{number}_{i}", shape, None, "bool") for i in range(4)]
        grid.builder.operator(kind, pair, bools[:1], COMPARISONS[kind])
        grid.builder.operator("LESS", pair[::-1], bools[1:2], "LessOptions")
        logic, options = ("LOGICAL_AND", "LogicalAndOptions") if number % 2 else ("LOGICAL_OR", "LogicalOrOptions")
        grid.builder.operator(logic, bools[:2], bools[2:3], options)
        grid.builder.operator("LOGICAL_NOT", bools[2:3], bools[3:4], "LogicalNotOptions")
        out = grid.output(shape, scale)
        grid.builder.operator("SELECT_V2", [bools[3], *pair], [out], "SelectV2Options")
        same = [
            grid.input(shape, scale),
            grid.builder.constant("c", grid.rng.integers(-128, 128, shape), "int8", scale),
        ]
        grid.builder.operator("SELECT", [bools[0], *same], [grid.output(shape, scale)], "SelectOptions")
    grid.check(tmp_path, steps=12)


def test_division_vs_litert_reference(tmp_path: Path) -> None:
    """Divisors without zero, for which LiteRT has no answer: constants, or codes above their zero point."""
    grid = Grid(41)
    for (a, b), activation in itertools.product(BROADCASTS, (0, 1, 3)):
        scale_a, scale_b = grid.scale(0.01, 0.5), (grid.scale(0.01, 0.5)[0], -128)
        factor = float(np.exp(grid.rng.uniform(np.log(130), np.log(30000))))
        first, second = grid.input(a, scale_a), grid.builder.tensor("above", b, scale_b)
        least = grid.builder.constant("least", np.full(b, -127), "int8", scale_b)
        grid.builder.operator("MAXIMUM", [grid.input(b, scale_b), least], [second], "MaximumMinimumOptions")
        divisor = (scale_b[0], int(grid.rng.integers(-100, 100)))
        codes = grid.rng.choice([*range(-60, 0), *range(1, 60)], b) + divisor[1]
        constant = grid.builder.constant("c", np.clip(codes, -127, 127), "int8", (scale_b[0], -128))
        for given in (second, constant):
            out = grid.output(np.broadcast_shapes(a, b), (scale_a[0] / scale_b[0] / factor, grid.scale()[1]))
            grid.builder.operator("DIV", [first, given], [out], "DivOptions", fusedActivationFunction=activation)
    grid.check(tmp_path, steps=15)


def test_quotients_that_litert_shifts_too_far_are_refused(tmp_path: Path) -> None:
    grid = Grid(42)
    inputs = [grid.input((1, 4), (0.1, 0)), grid.input((1, 4), (0.1, 0))]
    out = grid.output((1, 4), (0.1, 0))
    tflite = grid.builder.finish([grid.builder.operator("DIV", inputs, [out], "DivOptions")])
    with pytest.raises(ModelError, match="divisors of up to 128 codes; supported: factors of at least 2"):
        compile_model(tflite, tmp_path, "model")


def test_l2_normalization_vs_litert_reference(tmp_path: Path) -> None:
    grid = Grid(43)
    for shape in ((1, 1), (2, 3), (1, 4, 5, 7), (3, 64), (1, 1000)):
        for zero in (-128, 0, 5, 127):
            given, out = grid.input(shape, (0.1, zero)), grid.output(shape, (1 / 128, 0))
            grid.builder.operator("L2_NORMALIZATION", [given], [out], "L2NormOptions")
    grid.check(tmp_path, steps=60)


def test_log_softmax_vs_litert_reference(tmp_path: Path) -> None:
    grid = Grid(44)
    for shape in ((1, 1), (2, 2), (3, 12), (1, 100), (1, 4095)):
        for scale in (0.003, 0.05, 0.3, 2.0, 20.0):
            given, out = grid.input(shape, (scale, 3)), grid.output(shape, (1 / 16, 127))
            grid.builder.operator("LOG_SOFTMAX", [given], [out], "LogSoftmaxOptions")
    grid.check(tmp_path, steps=30)


@pytest.mark.parametrize("kind", ["ARG_MAX", "ARG_MIN"])
def test_positions_of_extremes_vs_litert_reference(tmp_path: Path, kind: str) -> None:
    """Few codes, so that many are equal; int32 and int64 beside the scores themselves."""
    grid, options = Grid(45), "ArgMaxOptions" if kind == "ARG_MAX" else "ArgMinOptions"
    for shape in ((1, 10), (7,), (2, 3, 4), (2, 3, 2, 5)):
        given = grid.input(shape, (0.1, 3))
        limited = grid.output(shape, (0.1, 3))
        limit = grid.builder.constant("limit", [-100], "int8", (0.1, 3))
        grid.builder.operator("MINIMUM", [given, limit], [limited], "MaximumMinimumOptions")
        for axis, (dtype, number) in itertools.product(range(len(shape)), (("int32", 2), ("int64", 4))):
            out = grid.builder.tensor(f"{dtype}_{len(shape)}_{axis}", shape[:axis] + shape[axis + 1 :], None, dtype)
            named = axis - len(shape) if dtype == "int64" else axis
            inputs = [limited, grid.builder.constant("axis", named)]
            grid.outputs.append(grid.builder.operator(kind, inputs, [out], options, outputType=number))
    grid.check(tmp_path, steps=20)


def test_positions_in_another_shape_vs_litert_reference(tmp_path: Path) -> None:
    grid = Grid(46)
    for dtype, number in (("int32", 2), ("int64", 4)):
        given, axis = grid.input((1, 3, 4, 6), (0.1, 3)), grid.builder.constant("axis", [3])
        found = grid.builder.tensor(f"found_{dtype}", (1, 3, 4), None, dtype)
        grid.builder.operator("ARG_MAX", [given, axis], [found], "ArgMaxOptions", outputType=number)
        shapes = [
            ("RESHAPE", [found, grid.builder.constant("shape", [1, 12])], (1, 12), "ReshapeOptions"),
            ("SQUEEZE", [found], (3, 4), "SqueezeOptions"),
            ("EXPAND_DIMS", [found, grid.builder.constant("axis", [0])], (1, 1, 3, 4), "ExpandDimsOptions"),
            ("RESHAPE", [found, grid.builder.constant("shape", [4, 3])], (4, 3), "ReshapeOptions"),
        ]
        for kind, inputs, shape, options in shapes:
            out = grid.builder.tensor(f"{kind}_{dtype}_{len(grid.outputs)}", shape, None, dtype)
            grid.outputs.append(grid.builder.operator(kind, inputs, [out], options))
    grid.check(tmp_path)


def test_positions_are_int32_and_int64_in_header_and_description(tmp_path: Path) -> None:
    compile_model(every_operator_of_values(), tmp_path, "model")
    assert "int64_t where[1]" in (tmp_path / "model.h").read_text()
    description = read_model_description(tmp_path)
    assert [(output.dtype, output.scale) for output in description.outputs][3:] == [("int64", None)]
    assert CompiledModel(tmp_path).run(np.zeros((1, 4, 5, 3), np.int8))[3].dtype == np.int64


REAL_OPTIONS = {"COS": "CosOptions", "SQUARE": "SquareOptions", "ELU": "", "FLOOR": "", "SIN": "", "RELU": ""}
REAL_OPTIONS |= {name: options for name, (_, options, *_) in FUNCTIONS.items() if name in REAL_FUNCTIONS}


@pytest.mark.parametrize("kind", REAL_FUNCTIONS)
def test_functions_that_the_converter_left_in_float32_become_tables_vs_litert_reference(
    tmp_path: Path, kind: str
) -> None:
    """DEQUANTIZE, the function, its absolute value, and a QUANTIZE of either."""
    grid = Grid(46)
    for case in range(16):
        scale = grid.scale(0.003, 0.03)
        given = grid.input((1, 600), (scale[0], -128 if kind == "SQRT" else scale[1]))
        real = [grid.builder.tensor(f"real{case}_{i}", (1, 600), None, "float32") for i in range(3)]
        grid.builder.operator("DEQUANTIZE", [given], real[:1], "DequantizeOptions")
        grid.builder.operator(kind, real[:1], real[1:2], REAL_OPTIONS[kind])
        grid.builder.operator("ABS", real[1:2], real[2:], "AbsOptions")
        for number in real[1:]:
            out = grid.output((1, 600), grid.scale(0.003, 0.1))
            grid.builder.operator("QUANTIZE", [number], [out], "QuantizeOptions")
    grid.check(tmp_path, steps=6)


def test_a_comparison_that_is_cast_to_float32_and_quantized_stays_codes_vs_litert_reference(tmp_path: Path) -> None:
    grid = Grid(47)
    for number in range(8):
        pair = [grid.input((2, 90), grid.scale(0.01, 0.5)) for _ in range(2)]
        above = grid.builder.tensor(f"above{number}", (2, 90), None, "bool")
        real = grid.builder.tensor(f"real{number}", (2, 90), None, "float32")
        grid.builder.operator("GREATER", pair, [above], "GreaterOptions")
        grid.builder.operator("CAST", [above], [real], "CastOptions", inDataType=6, outDataType=0)
        grid.builder.operator("QUANTIZE", [real], [grid.output((2, 90), grid.scale(0.004, 0.1))], "QuantizeOptions")
    grid.check(tmp_path)


def test_a_function_of_float32_whose_result_is_not_finite_is_refused(tmp_path: Path) -> None:
    grid = Grid(48)
    given = grid.input((1, 4), (10.0, 5))
    real = [grid.builder.tensor(f"real{i}", (1, 4), None, "float32") for i in range(2)]
    grid.builder.operator("DEQUANTIZE", [given], real[:1], "DequantizeOptions")
    grid.builder.operator("EXP", real[:1], real[1:], "ExpOptions")
    out = grid.builder.operator("QUANTIZE", real[1:], [grid.output((1, 4), (0.5, 0))], "QuantizeOptions")
    with pytest.raises(ModelError, match=r"DEQUANTIZE, EXP of code \d+ gives .*, with output scale 0.5; supported"):
        compile_model(grid.builder.finish([out]), tmp_path, "model")
