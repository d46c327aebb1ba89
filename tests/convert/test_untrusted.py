"""A .tflite from anywhere: one clear error, or C that stays inside of its arrays. Never a crash, never a hang."""

import functools
import subprocess
import time
from pathlib import Path

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from compiler_models import every_operator, every_shift, tiny_step
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lstm_models import Lstm

from benchmarks.tflite_models import Builder, Layers, cnn_gru_step
from stapes.convert.compile import compile_model, plan_model
from stapes.convert.emit import source
from stapes.convert.emit.module import sizes_of
from stapes.firmware_sim.errors import ModelError, StapesError

SECONDS = 5.0  # for a model that takes 0.05 s when whole; a shared machine may stall for a second or two
INTERESTING = [0, 1, 2, 3, 5, 127, 128, 255, 256, 65535, 65536, 1 << 24, 1 << 30, (1 << 31) - 1, 1 << 31, (1 << 32) - 1]


@functools.cache
def models() -> tuple[bytes, ...]:
    return tiny_step(), every_operator(), cnn_gru_step(), Lstm(in_size=7, units=6, cell_clip=1.0).tflite()


edits = st.lists(
    st.tuples(
        st.floats(0, 1, exclude_max=True),
        st.one_of(st.integers(0, 255), st.sampled_from(INTERESTING).map(lambda x: -x - 1)),
    ),
    min_size=1,
    max_size=8,
)


def damaged(tflite: bytes, changes: list[tuple[float, int]], kept: float) -> bytes:
    """Return a model with bytes (values from 0) and little-endian words (values below 0) overwritten, and cut off."""
    data = bytearray(tflite)
    for place, value in changes:
        at = int(place * len(data))
        if value >= 0:
            data[at] = value
        else:
            data[at & ~3 : (at & ~3) + 4] = (-value - 1).to_bytes(4, "little")
    return bytes(data[: max(1, int(kept * len(data)))])


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, len(models()) - 1), edits, st.sampled_from([1.0, 1.0, 1.0, 0.99, 0.5]))
def test_damaged_models_give_one_clear_error_or_compile(
    which: int, changes: list[tuple[float, int]], kept: float
) -> None:
    start, message = time.monotonic(), "compiled without an error"
    try:
        source.files(plan_model(damaged(models()[which], changes, kept), "model"), single_file=False)
    except StapesError as error:
        message = str(error)
    assert 10 < len(message) < 600
    assert "\n" not in message
    assert time.monotonic() - start < SECONDS


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_random_bytes_give_one_clear_error(data: bytes) -> None:
    with pytest.raises(ModelError):
        plan_model(data, "model")
    with pytest.raises(ModelError):
        plan_model(data[:4] + b"TFL3" + data[4:], "model")


_MAIN = """#include <stdlib.h>
#include "model.h"
int main(void)
{{
    model_t *self = malloc(sizeof *self);
    int step, i;
{arrays}
    model_reset(self);
    for (step = 0; step < 4; step++) {{
{fills}
        model_step(self, {names});
    }}
    return 0;
}}
"""
SANITIZE = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g", "-O1", "-std=c99", "-march=native"]


def run_with_sanitizers(tflite: bytes, folder: Path, defines: tuple[str, ...] = ()) -> None:
    """Build with ASan and UBSan and step on random values in heap arrays of the exact sizes; any report fails."""
    module = plan_model(tflite, "model")
    graph = module.graph
    arrays, fills, names = [], [], []
    for position, number in enumerate((*graph.inputs, *graph.outputs)):
        count, dtype = graph.tensors[number].count, graph.tensors[number].dtype
        arrays.append(f"    {dtype}_t *x{position} = malloc({count});")
        names.append(f"x{position}")
        if position < len(graph.inputs):
            fills.append(f"        for (i = 0; i < {count}; i++) x{position}[i] = ({dtype}_t)(step ? rand() : 128);")
    compile_model(tflite, folder, "model")
    (folder / "main.c").write_text(
        _MAIN.format(arrays="\n".join(arrays), fills="\n".join(fills), names=", ".join(names))
    )
    program = folder / "main"
    sources = [str(path) for path in folder.glob("*.c")]
    built = subprocess.run(
        ["gcc", *SANITIZE, *(f"-D{d}" for d in defines), *sources, "-o", str(program)], capture_output=True, text=True
    )
    assert built.returncode == 0, built.stderr
    done = subprocess.run(
        [str(program)], capture_output=True, text=True, env={"ASAN_OPTIONS": "detect_leaks=0"}, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("layout", ["ROWS", "DSP", "MVE", pytest.param("HOST", marks=pytest.mark.slow)])
@pytest.mark.parametrize("which", range(len(models()) + 1))
def test_whole_models_run_clean_under_sanitizers(tmp_path: Path, which: int, layout: str) -> None:
    run_with_sanitizers((*models(), every_shift())[which], tmp_path, (f"STAPES_NN_LAYOUT=STAPES_NN_{layout}",))


def _accepted(seed: int, count: int) -> list[bytes]:
    """Return damaged models that the compiler still accepts."""
    rng, found = np.random.default_rng(seed), []
    while len(found) < count:
        changes = [
            (float(rng.random()), int(rng.choice([int(rng.integers(0, 256)), -int(rng.choice(INTERESTING)) - 1])))
            for _ in range(int(rng.integers(1, 5)))
        ]
        data = damaged(models()[int(rng.integers(0, len(models())))], changes, 1.0)
        try:
            module = plan_model(data, "model")
        except StapesError:
            continue
        if data not in models() and sizes_of(module).macs < 10_000_000:
            found.append(data)
    return found


def test_damaged_models_that_compile_run_clean_under_sanitizers(tmp_path: Path) -> None:
    for number, tflite in enumerate(_accepted(1, 3)):
        run_with_sanitizers(tflite, tmp_path / str(number))


@pytest.mark.slow
@pytest.mark.parametrize("seed", [2, 3])
def test_many_damaged_models_that_compile_run_clean_under_sanitizers(tmp_path: Path, seed: int) -> None:
    for number, tflite in enumerate(_accepted(seed, 8)):
        run_with_sanitizers(tflite, tmp_path / str(number))


def test_sums_that_could_leave_int32_are_refused() -> None:
    net = Layers(0)
    x = net.input("x", (1, 70000), (0.05, -128))
    y = net.builder.tensor("y", (1, 1), (0.05, 0))
    weights = net.builder.weights("w", np.full((1, 70000), 127), [0.01], 0)
    net.builder.operator("FULLY_CONNECTED", [x, weights], [y], "FullyConnectedOptions")
    with pytest.raises(ModelError, match="channel 0 can sum up to 2275840000; supported: sums below 2147483648"):
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


@pytest.mark.parametrize("shapes", [((1, 0), (1, 0)), ((1, 4), (1, 0))])
def test_empty_tensors_are_refused_by_name(shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    b = Builder()
    x = b.input("x", shapes[0], (0.1, 0))
    tflite = b.finish([b.operator("TANH", [x], [b.tensor("y", shapes[1], (1 / 128, 0))])])
    with pytest.raises(ModelError, match=r"tensor [xy] has shape \[1, 0\]; supported: sizes of at least 1"):
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


def test_a_shape_that_the_inputs_contradict_is_refused() -> None:
    b = Builder()
    x = b.input("x", (1, 4), (0.1, 0))
    out = b.operator("TANH", [x], [b.tensor("y", (1, 400), (0.1, 0))])
    with pytest.raises(
        ModelError, match=r"output shape \[1, 400\]; supported: \[1, 4\], which follows from the inputs"
    ):
        plan_model(b.finish([out]), "model")
