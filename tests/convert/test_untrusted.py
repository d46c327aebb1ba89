"""A .tflite from anywhere: one clear error, or C that stays inside of its arrays; tests/fuzz damages many at random."""

import contextlib
import functools
import time
import warnings
from pathlib import Path

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from compiler_models import (
    every_border,
    every_move,
    every_operator,
    every_operator_of_int16,
    every_operator_of_values,
    every_shift,
    tiny_step,
)
from lstm_models import Lstm
from sanitized import SanitizedModel, litert_outputs

from benchmarks.tflite_models import Builder, Layers, cnn_gru_step
from stapes.convert.compile import plan_model
from stapes.firmware_sim.errors import ModelError

OTHERS = ("DSP", "MVE", "HOST")  # layouts of weights
SECONDS = 5.0  # for a model that takes 0.05 s when whole; a shared machine may stall for a second or two


@functools.cache
def models() -> tuple[bytes, ...]:
    lstm = Lstm(in_size=7, units=6, cell_clip=1.0).tflite()
    own = tiny_step(), every_operator(), cnn_gru_step(), lstm, every_shift(), every_border()
    return (*own, every_move(), every_operator_of_values(), every_operator_of_int16())


@pytest.mark.parametrize("layout", ["ROWS", *(pytest.param(other, marks=pytest.mark.slow) for other in OTHERS)])
@pytest.mark.parametrize("which", range(len(models())))
def test_whole_models_run_clean_under_sanitizers_and_equal_litert(tmp_path: Path, which: int, layout: str) -> None:
    model = SanitizedModel(models()[which], tmp_path, (f"STAPES_NN_LAYOUT=STAPES_NN_{layout}",))
    steps = model.random_steps(which)
    assert model.run(steps) == litert_outputs(models()[which], steps)


def test_sums_that_could_leave_int32_are_refused() -> None:
    net = Layers(0)
    x = net.input("x", (1, 70000), (0.05, -128))
    y = net.builder.tensor("y", (1, 1), (0.05, 0))
    weights = net.builder.weights("w", np.full((1, 70000), 127), [0.01], 0)
    net.builder.operator("FULLY_CONNECTED", [x, weights], [y], "FullyConnectedOptions")
    with pytest.raises(ModelError, match="channel 0 can sum up to 2266950000; supported: sums below 2147483648"):
        plan_model(net.builder.finish([y]), "model")


def test_sizes_beyond_a_layer_struct_are_refused() -> None:
    b = Builder()
    x = b.input("x", (1, 1, 65536, 1), (0.1, 0))
    out = b.tensor("y", (1, 1, 65536, 1), (0.1, 0))
    b.operator("MAX_POOL_2D", [x], [out], "Pool2DOptions", filterHeight=1, filterWidth=1, strideH=1, strideW=1)
    with pytest.raises(ModelError, match="in width 65536; supported: sizes below 65536"):
        plan_model(b.finish([out]), "model")


@pytest.mark.parametrize(
    ("begin", "size", "message"),
    [([0, 2], [1, 5], "inside of the tensor"), ([0, -1], [1, 1], "inside of the tensor"), ([0], [1], "one of each")],
)
def test_boxes_outside_of_a_tensor_are_refused(begin: list[int], size: list[int], message: str) -> None:
    b = Builder()
    x = b.input("x", (1, 4), (0.1, 0))
    out = b.tensor("y", size, (0.1, 0))
    b.operator("SLICE", [x, b.constant("b", begin), b.constant("s", size)], [out], "SliceOptions")
    with pytest.raises(ModelError, match=message):
        plan_model(b.finish([out]), "model")


@pytest.mark.parametrize("scale", [1e38, 1e-38])
def test_scales_that_overflow_give_one_clear_error_or_compile_without_a_warning(scale: float) -> None:
    for number in range(schema.Model.GetRootAs(tiny_step()).Subgraphs(0).TensorsLength()):
        model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(tiny_step()))
        quantization = model.subgraphs[0].tensors[number].quantization
        if quantization is None or quantization.scale is None:
            continue
        quantization.scale = np.full(len(quantization.scale), scale, np.float32)
        builder = flatbuffers.Builder(1024)
        builder.Finish(model.Pack(builder), b"TFL3")
        with warnings.catch_warnings(), contextlib.suppress(ModelError):
            warnings.simplefilter("error")
            plan_model(bytes(builder.Output()), "model")


@pytest.mark.parametrize("number", [0, schema.BuiltinOptions.MulOptions, 255])
def test_options_of_another_type_than_the_operator_has_are_refused(number: int) -> None:
    """LiteRT would take the default of each attribute where the compiler reads what the table holds."""
    b = Builder()
    x = b.input("x", (1, 4), (0.1, 0))
    b.operator("ADD", [x, x], [b.tensor("y", (1, 4), (0.1, 0))], "AddOptions", fusedActivationFunction=1)
    tflite = bytearray(b.finish([1]))
    operator = schema.Model.GetRootAs(tflite).Subgraphs(0).Operators(0)
    tflite[operator._tab.Pos + operator._tab.Offset(10)] = number
    with pytest.raises(ModelError, match=r"operator 0 \(ADD\) has options of type .*; the schema gives it ADD"):
        plan_model(bytes(tflite), "model")


def test_options_without_a_type_in_a_foreign_model_are_refused(hostile_cases: Path) -> None:
    with pytest.raises(ModelError, match=r"\(UNIDIRECTIONAL_SEQUENCE_LSTM\) has options of type NONE; the schema"):
        plan_model((hostile_cases / "lstm_options_type.tflite").read_bytes(), "model")


def test_a_model_without_inputs_or_outputs_is_refused() -> None:
    b = Builder()
    b.operator("TANH", [b.input("x", (1, 4), (0.1, 0))], [b.tensor("y", (1, 4), (0.1, 0))])
    with pytest.raises(ModelError, match="1 inputs and 0 outputs"):
        plan_model(b.finish([]), "model")


@pytest.mark.parametrize("twice", [False, True])
def test_inputs_that_are_constants_or_named_twice_are_refused(twice: bool) -> None:
    b = Builder()
    x = b.input("x", (1, 4), (0.1, 0))
    c = b.constant("c", np.zeros((1, 4)), "int8", (0.1, 0))
    tflite = b.finish([b.operator("ADD", [x, c], [b.tensor("y", (1, 4), (0.1, 0))], "AddOptions")])
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(tflite))
    model.subgraphs[0].inputs = [x, x if twice else c]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    found = r"tensor 0 \(x\) is an input twice" if twice else r"tensor 1 \(c\) is an input and a constant"
    with pytest.raises(ModelError, match=found):
        plan_model(bytes(builder.Output()), "model")


def test_empty_tensors_are_refused_by_name() -> None:
    b = Builder()
    x = b.input("x", (1, 0), (0.1, 0))
    tflite = b.finish([b.operator("TANH", [x], [b.tensor("y", (1, 0), (1 / 128, 0))])])
    with pytest.raises(ModelError, match=r"tensor x has shape \[1, 0\]; supported: sizes of at least 1"):
        plan_model(tflite, "model")


def test_hundreds_of_tensors_that_live_at_the_same_time_are_placed_within_seconds() -> None:
    b, count = Builder(), 400
    x = b.input("x", (1, 4), (0.1, 0))
    made = [b.operator("ADD", [x, x], [b.tensor("", (1, 4), (0.1, 0))], "AddOptions") for _ in range(count)]
    total = made[-1]
    for one in made:
        total = b.operator("ADD", [total, one], [b.tensor("", (1, 4), (0.1, 0))], "AddOptions")
    tflite, start = b.finish([total]), time.process_time()
    assert plan_model(tflite, "model").plan.size <= 4 * (count + 1)
    assert time.process_time() - start < SECONDS


def test_long_names_and_shapes_are_abbreviated_in_messages() -> None:
    for name, shape in (("n" * 100_000, (0,)), ("x", (1,) * 100_000)):
        b = Builder()
        x = b.input(name, shape, (0.1, 0))
        with pytest.raises(ModelError) as caught:
            plan_model(b.finish([b.operator("TANH", [x], [b.tensor(name, shape, (0.1, 0))])]), "model")
        assert len(str(caught.value)) < 600
