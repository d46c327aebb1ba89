"""UNIDIRECTIONAL_SEQUENCE_LSTM: every bit of its output and of what it keeps, against LiteRT's reference kernels."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from lstm_models import GATES, Lstm
from reference_kernels import compile_with_reference_kernels

from benchmarks.compiler import Bench
from benchmarks.tflite_models import Builder, Scale
from stapes.convert.compile import compile_model, plan_model
from stapes.convert.verify import Reference, differences, random_inputs, with_intermediate_outputs
from stapes.firmware_sim._native import ffi
from stapes.firmware_sim.device.host import CompiledModel
from stapes.firmware_sim.errors import ModelError

SEEDS = pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2, 3))])


def _any_scale(rng: np.random.Generator, low: float, high: float) -> Scale:
    zero = int(rng.choice([-128, 127, 0, int(rng.integers(-128, 128))]))
    return float(np.float32(np.exp(rng.uniform(np.log(low), np.log(high))))), zero


def _any_lstm(rng: np.random.Generator) -> Lstm:
    out_scale = _any_scale(rng, 1e-3, 0.02) if rng.integers(0, 2) else (1 / 128, 0)
    return Lstm(
        in_size=int(rng.choice([1, 2, 3, 7, 16, 40])),
        units=int(rng.choice([1, 2, 4, 5, 20, 33])),
        steps=int(rng.choice([1, 1, 2, 3, 7])),
        batches=int(rng.choice([1, 1, 2, 3])),
        time_major=bool(rng.integers(0, 2)),
        in_scale=_any_scale(rng, 1e-3, 1.0),
        out_scale=out_scale,
        hidden_scale=None if rng.integers(0, 2) else _any_scale(rng, 1e-3, 0.05),
        cell_bits=int(rng.integers(0, 7)),
        cell_clip=float(rng.choice([0.0, 0.0, 1e-6, 0.3, 10.0, 1e9])),
        gate_scale=float(rng.choice([0.1, 1.0, 3.0, 30.0])),
        weight_range=int(rng.choice([0, 1, 127])),
        inputs=int(rng.choice([20, 24])),
    )


def _grid(seed: int, count: int) -> bytes:
    """Return independent LSTMs in one graph."""
    b, rng, outputs = Builder(), np.random.default_rng(seed), []
    for number in range(count):
        lstm = _any_lstm(rng)
        outputs.append(lstm.add(b, rng, b.input(f"x{number}", lstm.in_shape, lstm.in_scale), f"y{number}"))
    return b.finish(outputs)


@SEEDS
@pytest.mark.parametrize("target", ["portable", "cortex-m", pytest.param("reference", marks=pytest.mark.slow)])
def test_lstm_over_several_steps_vs_litert_reference(tmp_path: Path, target: str, seed: int) -> None:
    tflite = _grid(seed, 30)
    if target == "reference":
        compile_with_reference_kernels(tflite, tmp_path, "grid")
    else:
        compile_model(tflite, tmp_path, "grid", target)
    found = differences(tflite, tmp_path, steps=20)
    assert len(found) == 30
    assert {name: count for name, count in found.items() if count} == {}


@pytest.mark.slow
@pytest.mark.parametrize("board", ["cortex-m0-large", "cortex-m4", "cortex-m55", "riscv32"])
def test_lstm_on_boards_vs_litert_reference(tmp_path: Path, board: str) -> None:
    Bench("grid", _grid(5, 12)).run_step(board, tmp_path)


SWEPT = 4096  # batches, of 16 units each: a gate sees every int16


def _sweep(gate: int, cell_bits: int) -> tuple[bytes, np.ndarray]:
    """Return an LSTM in which one gate takes every int16 value, and its input.

    Factors to Q3.12 are 1. The other gates are constant in a unit, except for the output gate, which takes any value.
    The cell grows from step to step.
    """
    b, rng = Builder(), np.random.default_rng(gate)
    batch = np.arange(SWEPT)
    x = np.stack([(batch >> 4) - 128] * 3 + [batch & 15], axis=1).astype(np.int8)[:, None]
    given = b.input("x", x.shape, (2.0**-6, 0))
    numbers = [given] + [-1] * 23
    for other in range(GATES):
        weights = np.zeros((16, 4)) if other != GATES - 1 else rng.integers(-127, 128, (16, 4))
        bias = np.array([np.full(16, 40_000), np.full(16, 40_000), (-1) ** np.arange(16) * 40_000, np.zeros(16)][other])
        if other == gate:
            weights, bias = np.tile([127, 127, 2, 16], (16, 1)), np.arange(16)
        numbers[1 + other] = b.weights(f"w{other}", weights, [2.0**-6], 0)
        numbers[5 + other] = b.weights(f"r{other}", np.zeros((16, 16)), [2.0**-6], 0)
        numbers[12 + other] = b.bias(f"b{other}", bias, [2.0**-12])
    numbers[18] = b.variable("hidden", (SWEPT, 16), (2.0**-6, 0))
    numbers[19] = b.variable("cell", (SWEPT, 16), (2.0 ** (cell_bits - 15), 0), "int16")
    inside = [b.tensor(f"gate{other}", (0,), None, "float32") for other in range(GATES)]
    inside.append(b.tensor("scale", (0,), (2.0**-7, 0)))
    out = b.tensor("y", (SWEPT, 1, 16), (2.0**-7, 0))
    options = "UnidirectionalSequenceLSTMOptions"
    b.operator("UNIDIRECTIONAL_SEQUENCE_LSTM", numbers, [out], options, inside, fusedActivationFunction=4)
    return b.finish([out]), x


@pytest.mark.parametrize("compile_sweep", [compile_model, compile_with_reference_kernels])
@pytest.mark.parametrize(("gate", "cell_bits"), [*((0, bits) for bits in range(7)), (2, 0), (2, 5)])
def test_every_value_of_a_gate_vs_litert_reference(
    tmp_path: Path, gate: int, cell_bits: int, compile_sweep: Callable[[bytes, Path, str], object]
) -> None:
    tflite, x = _sweep(gate, cell_bits)
    compile_sweep(tflite, tmp_path, "sweep")
    model, reference = CompiledModel(tmp_path), Reference(tflite)
    kept = np.frombuffer(ffi.buffer(model._memory), np.int16)[SWEPT * 8 : SWEPT * 24].reshape(SWEPT, 16)
    cell = next(detail["index"] for detail in reference._interpreter.get_tensor_details() if detail["name"] == "cell")
    values = []
    for _ in range(12):
        assert np.array_equal(model.run(x)[0], reference.step(x)[0])
        assert np.array_equal(kept, reference._interpreter.get_tensor(cell))
        values.append(len(np.unique(kept)))
    assert values[0] > 8000 >> cell_bits


def test_reset_starts_afresh_and_instances_do_not_share_their_state(tmp_path: Path) -> None:
    lstm = Lstm(units=8, hidden_scale=(0.01, 5), out_scale=(0.01, 5))
    compile_model(lstm.tflite(), tmp_path, "model")
    one, two, rng = CompiledModel(tmp_path), CompiledModel(tmp_path), np.random.default_rng(0)
    inputs = [random_inputs(one, rng, step)[0] for step in range(6)]
    first = [one.run(values)[0] for values in inputs]
    later = [one.run(values)[0] for values in inputs]
    one.reset()
    assert np.array_equal(first, [one.run(values)[0] for values in inputs])
    assert np.array_equal(first, [two.run(values)[0] for values in inputs])
    assert not np.array_equal(first, later)


def test_many_short_steps_equal_one_long_one(tmp_path: Path) -> None:
    long = Lstm(steps=12)
    for name, lstm in (("one", long), ("many", replace(long, steps=3))):
        compile_model(lstm.tflite(), tmp_path / name, name)
    x = np.random.default_rng(0).integers(-128, 128, (1, 12, 3)).astype(np.int8)
    short = CompiledModel(tmp_path / "many")
    parts = [short.run(np.ascontiguousarray(x[:, at : at + 3]))[0] for at in range(0, 12, 3)]
    assert np.array_equal(np.concatenate(parts, axis=1), CompiledModel(tmp_path / "one").run(x)[0])


def test_an_lstm_that_nothing_reads_leaves_no_state(tmp_path: Path) -> None:
    b, lstm = Builder(), Lstm()
    x = b.input("x", lstm.in_shape, lstm.in_scale)
    lstm.add(b, np.random.default_rng(0), x)
    y = b.operator("TANH", [x], [b.tensor("y", lstm.in_shape, (1 / 128, 0))])
    assert compile_model(b.finish([y]), tmp_path, "model").sizes.states == 0


def _with_extra(position: int) -> Callable[[Builder, Lstm], Lstm]:
    def change(b: Builder, lstm: Lstm) -> Lstm:
        return replace(lstm, extra={position: b.constant("extra", np.zeros(lstm.units), "int16", (0.1, 0))})

    return change


def _replaced(position: int, make: Callable[[Builder, Lstm], int]) -> Callable[[Builder, Lstm], Lstm]:
    return lambda b, lstm: replace(lstm, extra={position: make(b, lstm)})


REFUSALS: list[tuple[Callable[[Builder, Lstm], Lstm], str]] = [
    (_replaced(1, lambda b, lstm: -1), "no weights of the input gate, which is coupled to the forget gate"),
    (_with_extra(10), r"a peephole \(input 10, extra\); supported: LSTMs without one"),
    (_with_extra(16), r"a projection \(input 16, extra\)"),
    (_with_extra(21), r"layer normalization \(input 21, extra\)"),
    (lambda b, lstm: replace(lstm, cell_bits=7), "cell state .* with scale 0.00390625; supported: a power of two"),
    (lambda b, lstm: replace(lstm, cell_bits=-1), "supported: a power of two from 2\\^-15 to 2\\^-9"),
    (lambda b, lstm: replace(lstm, cell_clip=-1.0), r"cell_clip -1.0; supported: 0 \(none\) or more"),
    (lambda b, lstm: replace(lstm, cell_clip=float("nan")), "cell_clip nan"),
    (lambda b, lstm: replace(lstm, gate_scale=1e6), "sums up to .*; supported: sums below"),
    (
        _replaced(5, lambda b, lstm: b.weights("vast", np.zeros((5, 5)), [1e30], 0)),
        "sums up to 0 of vast, .*; supported",
    ),
    (lambda b, lstm: replace(lstm, out_scale=(1e-10, 0)), "an output scale of 1.0000.*e-10; supported: scales above 2"),
    (lambda b, lstm: replace(lstm, inputs=20, extra={19: -1}), "input 19 is absent"),
    (
        _replaced(19, lambda b, lstm: b.variable("cell", (1, 5), (0.003, 0), "int16")),
        "cell state cell with scale 0.003",
    ),
    (_replaced(19, lambda b, lstm: b.variable("cell", (1, 5), (0.1, 0))), r"state cell is int8 \[1, 5\]; supported"),
    (_replaced(18, lambda b, lstm: b.input("h", (1, 5), (0.1, 0))), r"state h is int8 \[1, 5\], no variable tensor"),
    (_replaced(18, lambda b, lstm: b.variable("h", (1, 4), (0.1, 0))), r"state h is int8 \[1, 4\]; supported: a var"),
    (_replaced(5, lambda b, lstm: b.weights("diagonal", np.ones(5), [0.1], 0)), r"weights diagonal are int8 \[5\]"),
    (_replaced(2, lambda b, lstm: b.weights("many", np.ones((5, 3)), [0.1] * 5, 0)), "tensor many has no single scale"),
    (_replaced(2, lambda b, lstm: b.constant("odd", np.ones((5, 3)), "int8", (0.1, 1))), "weights odd with a zero"),
    (_replaced(2, lambda b, lstm: b.input("w", (5, 3), (0.1, 0))), r"weights w are int8 \[5, 3\], computed"),
    (_replaced(13, lambda b, lstm: b.constant("short", np.ones(4))), r"bias short is int32 \[4\]; supported"),
    (_replaced(14, lambda b, lstm: -1), "input 14 is absent"),
]


@pytest.mark.parametrize(("change", "message"), REFUSALS, ids=[message[:24] for _, message in REFUSALS])
def test_other_forms_are_refused_by_name(change: Callable[[Builder, Lstm], Lstm], message: str) -> None:
    b = Builder()
    lstm = change(b, Lstm())
    out = lstm.add(b, np.random.default_rng(0), b.input("x", lstm.in_shape, lstm.in_scale))
    with pytest.raises(ModelError, match=r"operator 0 \(UNIDIRECTIONAL_SEQUENCE_LSTM, lstm_layer\): .*" + message):
        plan_model(b.finish([out]), "model")


def test_variables_with_a_second_reader_are_refused() -> None:
    b, lstm = Builder(), Lstm()
    shared = b.variable("shared", (1, 5), (1 / 128, 0))
    lstm = replace(lstm, extra={18: shared})
    out = lstm.add(b, np.random.default_rng(0), b.input("x", lstm.in_shape, lstm.in_scale))
    other = b.operator("TANH", [shared], [b.tensor("y", (1, 5), (1 / 128, 0))])
    for outputs in ([out, other], [other], [out, shared]):
        with pytest.raises(ModelError, match=r"tensor 0 \(shared\) is a variable; supported: variables that are"):
            plan_model(b.finish(outputs), "model")


@pytest.mark.slow
@pytest.mark.parametrize("sequences", [False, True])
def test_a_keras_lstm_that_tensorflow_converted_vs_litert_reference(tmp_path: Path, sequences: bool) -> None:
    pytest.importorskip("tensorflow")
    from stapes.convert.tensorflow import quiet_stderr, tf, tf_keras

    tf_keras.utils.set_random_seed(3)
    rng = np.random.default_rng(3)
    x = tf_keras.Input((10, 12), batch_size=1)
    y = tf_keras.layers.LSTM(24, return_sequences=True)(x)
    y = tf_keras.layers.LSTM(16, return_sequences=sequences)(y)
    model = tf_keras.Model(x, tf_keras.layers.Dense(4, "softmax")(y))
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([rng.normal(0, 2, x.shape).astype(np.float32)] for _ in range(30))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    with quiet_stderr():
        tflite = converter.convert()
    report = compile_model(tflite, tmp_path / "plain", "plain")
    assert sum(row[1] == "lstm" for row in report.layers) == 2
    every = with_intermediate_outputs(tflite)
    compile_model(every, tmp_path / "every", "every")
    for name, file in (("plain", tflite), ("every", every)):
        found = differences(file, tmp_path / name, steps=30)
        assert {tensor: count for tensor, count in found.items() if count} == {}
