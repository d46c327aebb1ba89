"""SVDF: every bit of its output, and hence of what it keeps, against LiteRT's reference kernels."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from operator_grid import Grid

from benchmarks.tflite_models import Builder
from stapes.convert.compile import compile_model, plan_model
from stapes.convert.verify import Reference
from stapes.firmware_sim.device.host import CompiledModel
from stapes.firmware_sim.errors import ModelError

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
            "memory m is int8, a form of .* Micro that LiteRT cannot run",
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
