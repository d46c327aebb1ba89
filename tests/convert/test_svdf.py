"""SVDF: every bit of its output, and hence of what it keeps, against LiteRT's reference kernels.

LiteRT cannot run a memory of int8; its referee is a plain specification in Python of TensorFlow Lite Micro's kernel.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from operator_grid import Grid
from reference_kernels import compile_with_reference_kernels

from benchmarks.tflite_models import Builder
from stapes.convert.compile import compile_model, plan_model
from stapes.convert.verify import NoReferenceError, Reference, differences, with_intermediate_outputs
from stapes.firmware_sim.device.host import CompiledModel
from stapes.firmware_sim.errors import ModelError
from stapes.firmware_sim.tflite.graph import Graph, Operator, read_model

SEEDS = pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))])


def _svdf(grid: Grid, reach: float = 1.0) -> None:
    """Add one SVDF of any sizes; with a reach of 1, memory and output use about their range."""
    b, rng = grid.builder, grid.rng
    batches, size, units, rank, steps = (
        int(rng.choice(sizes)) for sizes in ((1, 3), (1, 7, 40), (1, 5), (1, 2), (1, 2, 9))
    )
    filters = units * rank
    given = grid.input((batches, size), grid.scale(0.01, 0.5))
    feature_scale = float(np.exp(rng.uniform(-6, -3)))
    memory_scale = b.scale_of(given) * feature_scale * 5500 * np.sqrt(size) / 9000 / reach
    time_scale = float(np.exp(rng.uniform(-10, -8)))
    out = grid.output(
        (batches, units), (memory_scale * time_scale * 9000 * 9000 * np.sqrt(rank * steps) / 60, grid.scale()[1])
    )
    inputs = [
        given,
        b.weights("feature", rng.integers(-127, 128, (filters, size)), [feature_scale], 0),
        b.constant("time", rng.integers(-15000, 15000, (filters, steps)), "int16", (time_scale, 0)),
        b.bias("bias", rng.integers(-(1 << 26), 1 << 26, units), [memory_scale * time_scale])
        if rng.integers(0, 2)
        else -1,
        b.variable("memory", (batches, filters * steps), (memory_scale, 0), "int16"),
    ]
    b.operator("SVDF", inputs, [out], "SVDFOptions", rank=rank, fusedActivationFunction=1)


@SEEDS
@pytest.mark.parametrize(
    "machine", ["any", *(pytest.param(board, marks=pytest.mark.slow) for board in ("cortex-m0-large", "cortex-m55"))]
)
def test_svdf_over_many_steps_vs_litert_reference(tmp_path: Path, seed: int, machine: str) -> None:
    grid = Grid(seed)
    for case in range(30):
        _svdf(grid, reach=(1.0, 1.0, 30.0)[case % 3])  # with 30 the memory saturates, and sums over time wrap around
    grid.check(tmp_path, steps=25, target=machine)


@dataclass(frozen=True)
class _Micro:
    """An SVDF with a memory of int8, in whole numbers: real = scale * (code - zero)."""

    feature: np.ndarray  # [filters, inputs]
    time: np.ndarray  # [filters, steps], the oldest first
    bias: np.ndarray | None  # [units]
    rank: int
    zeros: tuple[int, int, int]  # of the input, the memory and the output
    factors: tuple[float, float]  # to the memory and to the output, which TensorFlow Lite Micro forms in float32

    @property
    def empty(self) -> np.ndarray:
        """Return the memory of one batch before the first step: the codes of 0."""
        return np.full(self.time.shape, self.zeros[1])

    def step(self, given: np.ndarray, memory: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the output of one batch, [units], and its memory after that, [filters, steps]."""
        in_zero, memory_zero, out_zero = self.zeros
        features = [int(sum(row * (given.astype(int) - in_zero))) for row in self.feature.astype(int)]
        latest = [min(max(_rounded_twice(one, self.factors[0]), -128), 127) + memory_zero for one in features]
        wrapped = [(code + 128) % 256 - 128 for code in latest]
        memory = np.column_stack([memory[:, 1:], wrapped]).astype(int)
        filters = ((memory - memory_zero) * self.time).sum(axis=1)
        units = filters.reshape(-1, self.rank).sum(axis=1) + (0 if self.bias is None else self.bias)
        codes = [_rounded_twice(int(one), self.factors[1]) + out_zero for one in units]
        return np.clip(codes, -128, 127).astype(np.int8), memory


def _rounded_twice(x: int, factor: float) -> int:
    """Return x * factor, rounded at 2^31 (halves up) and then at the rest of its exponent (halves away from zero)."""
    fraction, exponent = math.frexp(factor)
    multiplier = round(fraction * (1 << 31))
    left, right = max(exponent, 0), max(-exponent, 0)
    high = ((x << left) * multiplier + (1 << 30)) >> 31
    return (abs(high) + (1 << right >> 1) >> right) * (1 if high >= 0 else -1)


def _micro(grid: Grid, reach: float) -> _Micro:
    """Add one SVDF with a memory of int8, of any sizes and zero points; with a reach of 1, codes use their range."""
    b, rng = grid.builder, grid.rng
    batches, size, units, rank, steps = (
        int(rng.choice(sizes)) for sizes in ((1, 3), (1, 7, 40), (1, 5), (1, 2), (1, 2, 9))
    )
    (in_scale, in_zero), (_, memory_zero), (_, out_zero) = grid.scale(0.01, 0.5), grid.scale(), grid.scale()
    feature_scale, time_scale = (float(np.float32(np.exp(rng.uniform(-6, -3)))) for _ in range(2))
    memory_scale = float(np.float32(in_scale * feature_scale * 5500 * np.sqrt(size) / 60 / reach))
    out_scale = float(np.float32(memory_scale * time_scale * 4500 * np.sqrt(rank * steps) / 60))
    model = _Micro(
        rng.integers(-128, 128, (units * rank, size)),
        rng.integers(-128, 128, (units * rank, steps)),
        rng.integers(-20000, 20000, units) if rng.integers(0, 2) else None,
        rank,
        (in_zero, memory_zero, out_zero),
        (
            float(np.float32(in_scale) * np.float32(feature_scale) / np.float32(memory_scale)),
            float(np.float32(memory_scale) * np.float32(time_scale) / np.float32(out_scale)),
        ),
    )
    inputs = [
        grid.input((batches, size), (in_scale, in_zero)),
        b.weights("feature", model.feature, [feature_scale], 0),
        b.weights("time", model.time, [time_scale], 0),
        -1 if model.bias is None else b.bias("bias", model.bias, [memory_scale * time_scale]),
        b.variable("memory", (batches, model.time.size), (memory_scale, memory_zero)),
    ]
    out = grid.output((batches, units), (out_scale, out_zero))
    b.operator("SVDF", inputs, [out], "SVDFOptions", rank=rank, fusedActivationFunction=1)
    return model


@SEEDS
@pytest.mark.parametrize("compiled", [compile_model, compile_with_reference_kernels])
def test_a_memory_of_int8_over_many_steps_vs_a_specification_of_tflite_micro(
    tmp_path: Path, seed: int, compiled: Callable[[bytes, Path, str], object]
) -> None:
    grid = Grid(seed)
    models = [_micro(grid, reach=(1.0, 1.0, 8.0)[case % 3]) for case in range(30)]  # with 8 features saturate
    compiled(grid.builder.finish(grid.outputs), tmp_path, "model")
    model = CompiledModel(tmp_path)
    memories = [[one.empty for _ in range(given.shape[0])] for one, given in zip(models, model.inputs, strict=True)]
    for step in range(20):
        low, high = ((-128, -127), (127, 128), (-128, 128), (-20, 50))[step % 4]
        inputs = [grid.rng.integers(low, high, given.shape).astype(np.int8) for given in model.inputs]
        found = model.run(*inputs)
        for one, given, kept, output in zip(models, inputs, memories, found, strict=True):
            for batch, row in enumerate(given):
                expected, kept[batch] = one.step(row, kept[batch])
                assert output[batch].tolist() == expected.tolist()


def test_a_keyword_model_of_tflite_micro_vs_the_specification_of_its_layers(
    tmp_path: Path, cases_of_models: Path
) -> None:
    """Seven layers of SVDF with a memory of int8, each given what the model has there. LiteRT cannot run the file."""
    tflite = with_intermediate_outputs((cases_of_models / "keyword_scrambled_8bit.tflite").read_bytes())
    compile_model(tflite, tmp_path, "model")
    graph, model, rng = read_model(tflite).main, CompiledModel(tmp_path), np.random.default_rng(1)
    layers = [(operator, _micro_of(graph, operator)) for operator in graph.operators if operator.kind == "SVDF"]
    memories = [one.empty for _, one in layers]
    assert len(layers) == 7
    for _ in range(50):
        found = dict(
            zip(graph.outputs, model.run(rng.integers(-1 << 15, 1 << 15, (1, 96)).astype(np.int16)), strict=True)
        )
        for number, (operator, one) in enumerate(layers):
            expected, memories[number] = one.step(found[operator.inputs[0]][0], memories[number])
            assert found[operator.outputs[0]][0].tolist() == expected.tolist()


def _micro_of(graph: Graph, operator: Operator) -> _Micro:
    """Return what an SVDF of a file with a memory of int8 computes."""
    given, feature, time, bias, memory = (graph.tensors[number] for number in operator.inputs)
    output = graph.tensors[operator.outputs[0]]
    scales = [one.quantization.scales[0] for one in (given, feature, memory, time, output)]
    return _Micro(
        feature.data,
        time.data,
        bias.data,
        len(feature.data) // output.shape[1],
        tuple(int(one.quantization.zero_points[0]) for one in (given, memory, output)),
        (float(scales[0] * scales[1] / scales[2]), float(scales[2] * scales[3] / scales[4])),
    )


def test_litert_is_not_shown_a_memory_of_int8_at_which_it_ends_the_process(tmp_path: Path) -> None:
    grid = Grid(4)
    _micro(grid, reach=1.0)
    tflite = grid.builder.finish(grid.outputs)
    compile_model(tflite, tmp_path, "model")
    with pytest.raises(NoReferenceError, match="LiteRT's reference kernels cannot run an SVDF with a memory of int8"):
        differences(tflite, tmp_path)


def test_reset_forgets(tmp_path: Path) -> None:
    grid = Grid(3)
    _svdf(grid)
    compile_model(grid.builder.finish(grid.outputs), tmp_path, "model")
    model = CompiledModel(tmp_path)
    x = grid.rng.integers(-128, 128, model.inputs[0].shape).astype(np.int8)
    first = [model.run(x)[0].tolist() for _ in range(12)]
    model.reset()
    assert [model.run(x)[0].tolist() for _ in range(12)] == first
    assert model.sizes["states"] > 0


def _small(replaced: dict[int, Callable[[Builder], int]], rank: int = 2, activation: int = 1) -> bytes:
    """Return one small SVDF, with other tensors at some of its inputs."""
    b = Builder()
    inputs = [
        b.input("x", (1, 3), (0.1, 0)),
        b.weights("feature", np.ones((4, 3)), [0.01], 0),
        b.constant("time", np.ones((4, 2)), "int16", (1e-4, 0)),
        -1,
        b.variable("memory", (1, 8), (0.01, 0), "int16"),
    ]
    for position, make in replaced.items():
        inputs[position] = make(b)
    y, fields = b.tensor("y", (1, 2), (0.1, 0)), {"rank": rank, "fusedActivationFunction": activation}
    return b.finish([b.operator("SVDF", inputs, [y], "SVDFOptions", **fields)])


@pytest.mark.parametrize(
    ("position", "make", "message"),
    [
        (
            4,
            lambda b: b.variable("m", (1, 8), (0.01, 0)),
            "weights time are int16 .*; supported: constant int8 weights",
        ),
        (4, lambda b: b.variable("m", (1, 9), (0.01, 0), "int16"), r"memory m is int16 \[1, 9\]"),
        (4, lambda b: b.input("m", (1, 8), (0.01, 0), "int16"), "no variable tensor"),
        (2, lambda b: b.constant("t", np.zeros((4, 2)), "int8", (0.01, 0)), r"weights t are int8 \[4, 2\]"),
        (2, lambda b: b.constant("t", np.zeros((3, 2)), "int16", (0.01, 0)), "two axes, of sizes that fit"),
        (2, lambda b: b.constant("t", np.zeros((4, 2)), "int16", (1e9, 0)), "below 2.31 and below 1/2"),
        (1, lambda b: b.constant("f", np.zeros((3, 3)), "int8", (0.01, 0)), "weights .*two axes, of sizes that fit"),
        (1, lambda b: b.input("f", (4, 3), (0.01, 0)), r"weights f are int8 \[4, 3\], computed"),
        (3, lambda b: b.constant("bias", [0, 0, 0]), r"bias bias is int32 \[3\]"),
    ],
)
def test_other_forms_are_refused_by_name(position: int, make: Callable[[Builder], int], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        plan_model(_small({position: make}), "model")


@pytest.mark.parametrize("rank", [0, 3, -2])
def test_filters_that_are_no_whole_units_are_refused(rank: int) -> None:
    with pytest.raises(ModelError, match=f"4 filters of rank {rank}; supported: as many filters for each unit"):
        plan_model(_small({}, rank), "model")


def test_an_activation_that_litert_refuses_is_refused() -> None:
    tflite = _small({}, activation=0)
    with pytest.raises(ModelError, match="the fused activation 0; supported: relu"):
        plan_model(tflite, "model")
    Reference(_small({})).step(np.zeros((1, 3), np.int8))
    with pytest.raises(RuntimeError, match="activation"):
        Reference(tflite).step(np.zeros((1, 3), np.int8))
