"""What a model keeps between steps, and which inputs and outputs remain, compared with LiteRT's reference kernels."""

from collections.abc import Callable
from pathlib import Path

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from benchmarks.tflite_models import Builder, Scale
from stapes.convert.compile import compile_model, plan_model
from stapes.convert.verify import differences
from stapes.firmware_sim.device.host import CompiledModel
from stapes.firmware_sim.errors import ModelError

SCALE: Scale = (0.1, 3)
SHAPE = (1, 4)


class Variables:
    """A graph with resource variables, and a second one that assigns their first values, which CALL_ONCE names."""

    def __init__(self, starts: dict[str, np.ndarray]) -> None:
        self.builder = Builder()
        self.builder.operator("CALL_ONCE", [], [], "CallOnceOptions", initSubgraphIndex=1)
        self._starts = starts
        self.handles = {name: self._handle(self.builder, name) for name in starts}

    @staticmethod
    def _handle(builder: Builder, name: str) -> int:
        handle = builder.tensor(f"handle of {name}", (), None, "resource")
        return builder.operator("VAR_HANDLE", [], [handle], "VarHandleOptions", sharedName=name, container="")

    def read(self, name: str) -> int:
        value = self.builder.tensor(f"{name} as read", SHAPE, SCALE)
        return self.builder.operator("READ_VARIABLE", [self.handles[name]], [value], "ReadVariableOptions")

    def assign(self, name: str, value: int) -> None:
        self.builder.operator("ASSIGN_VARIABLE", [self.handles[name], value], [], "AssignVariableOptions")

    def finish(self, outputs: list[int]) -> bytes:
        """Return the main graph and, after it, the graph that assigns the first values."""
        start = Builder()
        for name, values in self._starts.items():
            handle = self._handle(start, name)
            start.operator(
                "ASSIGN_VARIABLE", [handle, start.constant(name, values, "int8", SCALE)], [], "AssignVariableOptions"
            )
        main, other = (
            schema.ModelT.InitFromObj(schema.Model.GetRootAs(builder.finish(outputs)))
            for builder, outputs in ((self.builder, outputs), (start, []))
        )
        for tensor in other.subgraphs[0].tensors:
            tensor.buffer += len(main.buffers) if tensor.buffer else 0
        for operator in other.subgraphs[0].operators:
            operator.opcodeIndex += len(main.operatorCodes)
        main.buffers += other.buffers
        main.operatorCodes += other.operatorCodes
        main.subgraphs += other.subgraphs
        packed = flatbuffers.Builder(1024)
        packed.Finish(main.Pack(packed), b"TFL3")
        return bytes(packed.Output())


STARTS = {"a": np.array([[1, 2, 3, 4]]), "b": np.array([[-5, -5, -5, -5]]), "c": np.array([[9, 0, 0, 9]])}


def _exchanging(v: Variables, x: int) -> list[int]:
    """The variables a, b and c exchange their values in a circle; the output is the sum of the input and a."""
    a, b, c = v.read("a"), v.read("b"), v.read("c")
    for name, value in (("a", b), ("b", c), ("c", a)):
        v.assign(name, value)
    return [v.builder.operator("ADD", [x, a], [v.builder.tensor("sum", SHAPE, SCALE)], "AddOptions")]


def _written_and_never_read(v: Variables, x: int) -> list[int]:
    v.assign("a", x)
    return [v.builder.operator("TANH", [x], [v.builder.tensor("y", SHAPE, (1 / 128, 0))])]


def _written_before_it_is_read(v: Variables, x: int) -> list[int]:
    v.assign("a", x)
    return [v.builder.operator("TANH", [v.read("a")], [v.builder.tensor("y", SHAPE, (1 / 128, 0))])]


def _read_before_and_after_it_is_written(v: Variables, x: int) -> list[int]:
    before = v.read("a")
    v.assign("a", v.builder.operator("ADD", [before, x], [v.builder.tensor("sum", SHAPE, SCALE)], "AddOptions"))
    after = v.read("a")
    return [
        v.builder.operator("SUB", [after, before], [v.builder.tensor("y", SHAPE, SCALE)], "SubOptions"),
        before,
        after,
    ]


def _never_written(v: Variables, x: int) -> list[int]:
    return [v.builder.operator("MUL", [v.read("c"), x], [v.builder.tensor("y", SHAPE, SCALE)], "MulOptions")]


def _one_holds_the_input_of_before(v: Variables, x: int) -> list[int]:
    """Variable a is the last input, b the one before it, c is constant."""
    a, b = v.read("a"), v.read("b")
    v.assign("b", a)
    v.assign("a", x)
    v.assign("c", v.builder.constant("k", [[7, 7, 7, 7]], "int8", SCALE))
    both = v.builder.operator("ADD", [a, b], [v.builder.tensor("y", SHAPE, SCALE)], "AddOptions")
    return [both, v.builder.operator("ADD", [v.read("c"), x], [v.builder.tensor("z", SHAPE, SCALE)], "AddOptions")]


@pytest.mark.parametrize(
    "make",
    [
        _exchanging,
        _written_and_never_read,
        _written_before_it_is_read,
        _read_before_and_after_it_is_written,
        _never_written,
        _one_holds_the_input_of_before,
    ],
    ids=lambda make: make.__name__.strip("_"),
)
def test_resource_variables_vs_litert_reference(tmp_path: Path, make: Callable[[Variables, int], list[int]]) -> None:
    variables = Variables(STARTS)
    x = variables.builder.input("x", SHAPE, SCALE)
    tflite = variables.finish(make(variables, x))
    compile_model(tflite, tmp_path, "model")
    assert set(differences(tflite, tmp_path, steps=9).values()) == {0}


def test_outputs_that_are_inputs_constants_or_given_twice_vs_litert_reference(tmp_path: Path) -> None:
    b = Builder()
    x, unused = b.input("x", SHAPE, SCALE), b.input("unused", (1, 2), SCALE)
    y = b.operator("TANH", [x], [b.tensor("y", SHAPE, (1 / 128, 0))])
    flat = b.operator("RESHAPE", [y, b.constant("shape", [-1])], [b.tensor("flat", (4,), (1 / 128, 0))])
    tflite = b.finish([x, y, b.constant("k", [[5, 6]], "int8", SCALE), y, flat, unused])
    compile_model(tflite, tmp_path, "model")
    made = differences(tflite, tmp_path)
    assert set(made.values()) == {0}
    assert len(CompiledModel(tmp_path).run(np.zeros(SHAPE, np.int8), np.ones((1, 2), np.int8))) == 6


@pytest.mark.parametrize(("signed", "name"), [(False, "state_x"), (True, "x"), (False, "x"), (False, "")])
def test_inputs_and_outputs_of_the_same_name_without_the_prefix_stay_arguments(
    tmp_path: Path, signed: bool, name: str
) -> None:
    b = Builder()
    x = b.input(name, SHAPE, SCALE)
    y = b.operator("TRANSPOSE", [x, b.constant(name, [0, 1])], [b.tensor(name, SHAPE, SCALE)], "TransposeOptions")
    if signed:
        b.sign({name: x}, {name: y})
    tflite = b.finish([y])
    compile_model(tflite, tmp_path, "model")
    assert set(differences(tflite, tmp_path).values()) == {0}


def test_inputs_and_outputs_that_a_signature_calls_state_become_states(tmp_path: Path) -> None:
    b = Builder()
    x, past = b.input("x", SHAPE, SCALE), b.input("past", SHAPE, SCALE)
    y = b.operator("ADD", [x, past], [b.tensor("y", SHAPE, SCALE)], "AddOptions")
    b.sign({"x": x, "state_past": past}, {"y": y, "state_past": x})
    compile_model(b.finish([y, x]), tmp_path, "model")
    model = CompiledModel(tmp_path)
    assert [tensor.name for tensor in (*model.inputs, *model.outputs)] == ["x", "y"]
    first, second = np.full(SHAPE, 13, np.int8), np.full(SHAPE, 23, np.int8)
    made = [int(model.run(values)[0][0, 0]) for values in (first, second)]
    assert made == [13, 33]  # (13 - 3) + (3 - 3) + 3, then (23 - 3) + (13 - 3) + 3


def _shape_at_run_time(b: Builder, x: int) -> int:
    """Return what Keras writes for Flatten with a batch of any size: SHAPE, STRIDED_SLICE, PACK."""
    shape = b.operator("SHAPE", [x], [b.tensor("shape", (4,), None, "int32")], "ShapeOptions", outType=2)
    ends = [b.constant("k", values) for values in ([0], [1], [1])]
    batch = b.tensor("batch", (), None, "int32")
    b.operator("STRIDED_SLICE", [shape, *ends], [batch], "StridedSliceOptions", shrinkAxisMask=1)
    flat = b.tensor("flat shape", (2,), None, "int32")
    return b.operator("PACK", [batch, b.constant("rest", -1)], [flat], "PackOptions", valuesCount=2)


def test_operators_that_compute_a_shape_are_pruned_vs_litert_reference(tmp_path: Path) -> None:
    b = Builder()
    x = b.input("x", (1, 2, 3, 2), SCALE)
    flat = b.operator("RESHAPE", [x, _shape_at_run_time(b, x)], [b.tensor("flat", (1, 12), SCALE)], "ReshapeOptions")
    b.operator("TANH", [flat], [b.tensor("nobody reads this", (1, 12), SCALE)])
    tflite = b.finish([b.operator("TANH", [flat], [b.tensor("y", (1, 12), (1 / 128, 0))])])
    assert compile_model(tflite, tmp_path, "model").operations == ("y_tanh",)
    assert differences(tflite, tmp_path) == {"y": 0}


def test_a_variable_without_an_initial_value_is_refused_and_its_name_abbreviated() -> None:
    variables = Variables(STARTS)
    variables.handles["n"] = variables._handle(variables.builder, "n" * 100_000)
    with pytest.raises(ModelError, match=r"\(READ_VARIABLE\): variable n+… has no initial value; supported") as caught:
        plan_model(variables.finish([variables.read("n")]), "model")
    assert len(str(caught.value)) < 600


def test_refusals_count_operators_as_the_file_does() -> None:
    b = Builder()
    x = b.input("x", SHAPE, SCALE)
    b.operator("TANH", [x], [b.tensor("unread", SHAPE, SCALE)])
    with pytest.raises(ModelError, match=r"operator 1 \(CEIL, y_ceil\)"):
        plan_model(b.finish([b.operator("CEIL", [x], [b.tensor("y", SHAPE, SCALE)])]), "model")


@pytest.mark.parametrize(
    ("dtype", "message"),
    [
        ("float16", r"operator 0 \(QUANTIZE, y_quantize\): tensor x is float16; supported: int8 or uint8"),
        (
            "int16",
            r"operator 0 \(QUANTIZE, y_quantize\): tensor x of int16 has a zero point; supported: the zero point 0",
        ),
    ],
)
def test_types_that_are_not_supported_are_refused_by_name(dtype: str, message: str) -> None:
    b = Builder()
    y = b.operator("QUANTIZE", [b.input("x", SHAPE, SCALE, dtype)], [b.tensor("y", SHAPE, SCALE)])
    with pytest.raises(ModelError, match=message):
        plan_model(b.finish([y]), "model")


def test_tensors_of_other_types_that_nothing_reads_do_not_matter() -> None:
    b = Builder()
    b.tensor("left over", (3, 0), None, "float32")
    b.constant("table", np.zeros(3), "float32")
    plan_model(b.finish([b.operator("TANH", [b.input("x", SHAPE, SCALE)], [b.tensor("y", SHAPE, SCALE)])]), "model")


def test_an_unsupported_operator_is_named_as_in_the_schema() -> None:
    b = Builder()
    y = b.operator("ROUND", [b.input("x", SHAPE, SCALE)], [b.tensor("y", SHAPE, SCALE)])
    with pytest.raises(ModelError, match=r"operator 0 \(ROUND, y_round\): not supported"):
        plan_model(b.finish([y]), "model")
