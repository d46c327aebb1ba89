"""Shapes are computed when a model is compiled, as LiteRT computes them when it starts: whatever the file states."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from models_without_shapes import SCALE, without_batch_size
from sanitized import SanitizedModel, litert_outputs

from benchmarks.tflite_models import Builder, Layers
from stapes.convert.compile import compile_model, plan_model
from stapes.convert.lower.layers import ON_SHAPES
from stapes.convert.passes.constant_values import FUNCTIONS
from stapes.convert.passes.fold_shapes import fold_shapes
from stapes.convert.verify import differences, with_intermediate_outputs
from stapes.firmware_sim.errors import ConfigError, ModelError
from stapes.firmware_sim.tflite.graph import State, read_model
from stapes.runtime.main import main

SECONDS = 5.0


def check(tflite: bytes, folder: Path, batch: int | None = None) -> None:
    """Compile, run and compare a model and one in which every tensor is an output."""
    for name, file in (("plain", tflite), ("every", with_intermediate_outputs(tflite))):
        compile_model(file, folder / name, name, batch=batch)
        found = differences(file, folder / name, steps=6, batch=batch)
        assert {tensor: count for tensor, count in found.items() if count} == {}


@pytest.mark.parametrize("batch", [None, 1, 4])
def test_a_model_without_a_batch_size_equals_litert_reference(tmp_path: Path, batch: int | None) -> None:
    check(without_batch_size(), tmp_path, batch)


def test_shapes_leave_nothing_behind() -> None:
    names = {type(one).__name__: one.name for one in plan_model(without_batch_size(), "model").placement.operations}
    assert names == {"Call": "dense"}


def test_a_model_of_another_maker_without_a_batch_size_equals_litert_reference(
    cases_of_models: Path, tmp_path: Path
) -> None:
    tflite = (cases_of_models / "dense3d_dynamic_batch.tflite").read_bytes()
    for batch in (None, 3):
        check(tflite, tmp_path / str(batch), batch)


def _case(kind: str, inputs: Sequence[Any], dtype: str = "int32", options: str = "", **fields: Any) -> tuple:
    return kind, inputs, dtype, options, fields


A, B = [[3, -7, 5], [12, 4, -9]], [[2, 3, -4], [5, -6, 7]]
FLAGS, OTHERS = np.array([True, True, False, False]), np.array([True, False, True, False])
CASES = [
    *(_case(kind, [A, B], options=options) for kind, options in (("ADD", "AddOptions"), ("SUB", "SubOptions"))),
    *(_case(kind, [A, [2, -3, 4]]) for kind in ("FLOOR_DIV", "FLOOR_MOD", "MAXIMUM", "MINIMUM")),
    _case("MUL", [A, [[2], [-3]]], options="MulOptions"),
    _case("DIV", [A, B], options="DivOptions"),
    *(_case(kind, [A]) for kind in ("NEG", "ABS", "ZEROS_LIKE", "SQUEEZE")),
    _case("CAST", [A], "int64", "CastOptions", inDataType=2, outDataType=4),
    *(
        _case(kind, [A, [[3, 0, 5], [0, 4, 9]]], "bool")
        for kind in ("EQUAL", "NOT_EQUAL", "LESS", "LESS_EQUAL", "GREATER", "GREATER_EQUAL")
    ),
    *(_case(kind, [FLAGS, OTHERS], "bool") for kind in ("LOGICAL_AND", "LOGICAL_OR")),
    _case("LOGICAL_NOT", [FLAGS], "bool"),
    _case("SELECT_V2", [np.array([True, False, True]), A, B]),
    *(
        _case(kind, [A, axes], options="ReducerOptions", keepDims=keep)
        for kind in ("SUM", "REDUCE_PROD", "REDUCE_MAX", "REDUCE_MIN")
        for axes, keep in (([0], False), ([-1], True), ([0, 1], False))
    ),
    *(_case(kind, [FLAGS, [0]], "bool", "ReducerOptions") for kind in ("REDUCE_ALL", "REDUCE_ANY")),
    _case("PACK", [[1, 2], [3, 4]], options="PackOptions", valuesCount=2, axis=1),
    _case("UNPACK", [[[1, 2]]], options="UnpackOptions", num=1, axis=0),
    _case("SPLIT", [0, [1, 2]], options="SplitOptions", numSplits=1),
    _case("CONCATENATION", [A, B], options="ConcatenationOptions", axis=-1),
    _case("GATHER", [A, [2, 0]], options="GatherOptions", axis=1),
    _case("GATHER", [[4, 5, 6], 1], options="GatherOptions"),
    _case("SLICE", [A, [0, 1], [-1, 2]], options="SliceOptions"),
    _case("STRIDED_SLICE", [[4, 5, 6], [-1], [0], [1]], options="StridedSliceOptions", shrinkAxisMask=1),
    _case("STRIDED_SLICE", [A, [0, 2], [9, -9], [1, -2]], options="StridedSliceOptions", beginMask=1),
    _case("TRANSPOSE", [A, [1, 0]]),
    _case("RESHAPE", [A, [-1, 2]], options="ReshapeOptions"),
    _case("EXPAND_DIMS", [A, -2]),
    _case("TILE", [A, [2, 1]]),
    _case("RANGE", [7, -3, -2]),
    _case("FILL", [[2, 3], 7]),
    _case("BROADCAST_TO", [[1, 2, 3], [2, 3]]),
    _case("BROADCAST_ARGS", [[1, 3], [4, 1, 1]]),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0])
def test_integers_are_computed_as_litert_reference_computes_them(case: tuple) -> None:
    kind, inputs, dtype, options, fields = case
    b = Builder()
    b.input("x", (1, 2), SCALE)
    given = [b.constant(f"in{i}", v, "bool" if np.asarray(v).dtype == bool else "int32") for i, v in enumerate(inputs)]
    stated = (2, 2) if kind == "SLICE" else (1,)  # LiteRT refuses a SLICE whose output has another shape in the file
    tflite = b.finish([b.operator(kind, given, [b.tensor("y", stated, None, dtype)], options, **fields)])
    interpreter = Interpreter(model_content=tflite, experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
    interpreter.allocate_tensors()
    interpreter.invoke()
    wanted = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    graph = fold_shapes(read_model(tflite).main)
    made = graph.tensors[graph.outputs[0]].data
    assert graph.operators == ()
    assert made is not None
    assert made.dtype == wanted.dtype
    np.testing.assert_array_equal(made, wanted)


def test_every_operator_on_shapes_is_compared() -> None:
    assert {kind for kind, *_ in CASES} | {"SHAPE", "RANK"} == set(FUNCTIONS) == set(ON_SHAPES)


@pytest.mark.parametrize("batch", [None, 3])
def test_a_filled_state_becomes_a_constant(tmp_path: Path, batch: int | None) -> None:
    net = Layers(1)
    b = net.builder
    x = net.input("x", (1, 6), SCALE)
    shape = b.operator("SHAPE", [x], [b.tensor("shape", (2,), None, "int32")], "ShapeOptions", outType=2)
    zero = b.constant("zero", -3, "int8", SCALE)
    filled = net.remember(b.operator("FILL", [shape, zero], [b.tensor("filled", (1, 1), SCALE)]), (1, 6), SCALE)
    y = net.simple("ADD", "y", [x, net.dense("inner", filled, 6, SCALE, relu=False)], (1, 6), SCALE, "AddOptions")
    check(b.finish([y]), tmp_path, batch)


def _dependent(make: Callable[[Builder, int, int], int]) -> bytes:
    """Return a model in which a shape is computed from the values of the input "sizes"."""
    b = Builder()
    x, sizes = b.input("x", (1, 6), SCALE), b.input("sizes", (2,), None, "int32")
    doubled = b.operator("ADD", [sizes, sizes], [b.tensor("doubled", (2,), None, "int32")], "AddOptions")
    return b.finish([make(b, x, doubled)])


def test_a_shape_that_depends_on_data_is_refused_by_that_name() -> None:
    def reshape(b: Builder, x: int, sizes: int) -> int:
        return b.operator("RESHAPE", [x, sizes], [b.tensor("y", (2, 3), SCALE)], "ReshapeOptions")

    def fill(b: Builder, x: int, sizes: int) -> int:
        filled = b.operator("FILL", [sizes, b.constant("zero", -3, "int8", SCALE)], [b.tensor("f", (1, 6), SCALE)])
        return b.operator("ADD", [x, filled], [b.tensor("y", (1, 6), SCALE)], "AddOptions")

    for make, name in ((reshape, "y"), (fill, "f")):
        with pytest.raises(ModelError, match=f"the shape of {name} depends on the values of sizes; supported: shapes"):
            plan_model(_dependent(make), "model")


def test_integers_that_depend_on_data_are_refused_by_that_name() -> None:
    def scaled(b: Builder, x: int, sizes: int) -> int:
        product = b.operator("FLOOR_DIV", [sizes, sizes], [b.tensor("product", (2,), None, "int32")])
        return b.operator("RESHAPE", [x, product], [b.tensor("y", (2, 3), SCALE)], "ReshapeOptions")

    with pytest.raises(ModelError, match=r"\(FLOOR_DIV, .*\): computes int32 from the values of sizes"):
        plan_model(_dependent(scaled), "model")


def test_shapes_that_the_file_states_wrongly_follow_from_the_inputs(tmp_path: Path) -> None:
    b = Builder()
    x = b.operator("TANH", [b.input("x", (1, 4), SCALE)], [b.tensor("bent", (1, 400), (1 / 128, 0))])
    y = b.tensor("y", (7,), (1 / 128, 0))
    b.operator("TRANSPOSE", [x, b.constant("order", [1, 0])], [y])
    check(b.finish([y]), tmp_path)


@pytest.mark.parametrize(
    ("kind", "inputs"),
    [("FILL", [[1 << 15, 1 << 15], 0]), ("RANGE", [0, 1 << 30, 1]), ("TILE", [[1, 2], [1 << 30]])],
)
def test_shapes_of_unreasonable_size_are_refused_at_once(kind: str, inputs: list) -> None:
    b = Builder()
    x, start = b.input("x", (1, 6), SCALE), time.process_time()
    given = [b.constant(f"in{position}", values) for position, values in enumerate(inputs)]
    sizes = b.operator(kind, given, [b.tensor("sizes", (2,), None, "int32")])
    y = b.operator("RESHAPE", [x, sizes], [b.tensor("y", (2, 3), SCALE)], "ReshapeOptions")
    with pytest.raises(ModelError):
        plan_model(b.finish([y]), "model")
    assert time.process_time() - start < SECONDS


def test_many_filled_tensors_are_refused_before_they_take_the_memory() -> None:
    b = Builder()
    total = b.input("x", (1, 1 << 22), SCALE)
    for number in range(5):
        shape, zero = b.constant(f"s{number}", [1, 1 << 22]), b.constant(f"z{number}", 0, "int8", SCALE)
        filled = b.operator("FILL", [shape, zero], [b.tensor(f"f{number}", (1, 1), SCALE)])
        total = b.operator("ADD", [total, filled], [b.tensor(f"y{number}", (1, 1 << 22), SCALE)], "AddOptions")
    with pytest.raises(ModelError, match="computed from more than 16777216 numbers"):
        plan_model(b.finish([total]), "model")


def test_a_batch_is_refused_where_the_first_axis_is_another(tmp_path: Path) -> None:
    b = Builder()
    tflite = b.finish([b.operator("TANH", [b.input("x", (5, 4), SCALE)], [b.tensor("y", (5, 4), (1 / 128, 0))])])
    with pytest.raises(ModelError, match=r"input x has shape \[5, 4\]; a batch can be chosen for models whose"):
        plan_model(tflite, "model", batch=2)
    with pytest.raises(ConfigError, match="a batch of 0; give 1 to 32768"):
        plan_model(tflite, "model", batch=0)


def test_the_command_takes_a_batch(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "dense.tflite").write_bytes(without_batch_size())
    assert main(["compile", str(tmp_path / "dense.tflite"), "--out", str(tmp_path / "c"), "--batch", "3"]) == 0
    assert "int8_t x[384]" in " ".join((tmp_path / "c" / "dense.h").read_text().split())
    assert differences(without_batch_size(), tmp_path / "c", steps=4, batch=3) == {"out": 0}


def test_a_state_whose_next_value_has_another_shape_is_refused() -> None:
    b = Builder()
    state = b.input("h", (1, 4), SCALE)
    following = b.operator("RESHAPE", [state, b.constant("s", [4])], [b.tensor("y", (1, 4), SCALE)], "ReshapeOptions")
    graph = read_model(b.finish([following])).main
    with pytest.raises(ModelError, match=r"state h has shape \[1, 4\], its next value \[4\]"):
        fold_shapes(replace(graph, states=(State("h", state, following, bytes(4)),)))


def test_a_tensor_that_the_file_calls_empty_has_one_value_all_the_same() -> None:
    for twice, message in ((True, "writes tensor 1, which has a value already"), (False, "reads tensor 1 before it")):
        b = Builder()
        x, between = b.input("x", (1, 4), SCALE), b.tensor("between", (1, 0), (1 / 128, 0))
        b.operator(
            "TANH" if twice else "RELU", [x if twice else between], [between if twice else b.tensor("r", (1, 4), SCALE)]
        )
        b.operator("TANH", [x], [between])
        y = b.operator("LOGISTIC", [between], [b.tensor("y", (1, 4), (1 / 256, -128))])
        with pytest.raises(ModelError, match=message):
            plan_model(b.finish([y]), "model")


def test_shapes_that_are_computed_twice_are_refused() -> None:
    b = Builder()
    x, sizes = b.input("x", (1, 6), SCALE), b.tensor("sizes", (0,), None, "int32")
    for first, second in ((2, 3), (3, 2)):
        parts = [b.constant("first", first), b.constant("second", second)]
        b.operator("PACK", parts, [sizes], "PackOptions", valuesCount=2)
        y = b.operator("RESHAPE", [x, sizes], [b.tensor("y", (2, 3), SCALE)], "ReshapeOptions")
    with pytest.raises(ModelError, match=r"operator 2 \(PACK\) computes a shape that has a value already"):
        plan_model(b.finish([y]), "model")


def test_a_tensor_that_the_file_calls_empty_is_written_where_its_shape_says_otherwise(tmp_path: Path) -> None:
    """An operator must not write into a constant, which would lie in flash."""
    b = Builder()
    x = b.input("x", (1, 4), SCALE)
    between = b.operator("TANH", [x], [b.tensor("between", (1, 0), (1 / 128, 0))])
    tflite = b.finish([between, b.operator("LOGISTIC", [between], [b.tensor("y", (1, 4), (1 / 256, -128))])])
    model = SanitizedModel(tflite, tmp_path)
    steps = model.random_steps(0)
    assert model.run(steps) == litert_outputs(tflite, steps)
