"""Grids of operators, compared with LiteRT's reference kernels in every layout: one graph, an output per case."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from reference_kernels import compile_with_reference_kernels

from benchmarks.compiler import Bench
from benchmarks.tflite_models import Builder, Scale
from stapes.convert.compile import compile_model
from stapes.convert.verify import differences
from stapes.firmware_sim.machines.boards import BOARDS

# Each packing by its plain C on this machine; its assembly or intrinsics on a board; the kernels' plain specification.
LAYOUTS = pytest.mark.parametrize(
    "layout",
    [
        "portable",
        "cortex-m",
        "helium",
        "host",
        *(
            pytest.param(layout, marks=pytest.mark.slow)
            for layout in ("reference", "host -DSTAPES_NN_PLAIN", "host -DSTAPES_NN_VNNI=0")
        ),
        *(pytest.param(board, marks=pytest.mark.slow) for board in ("cortex-m0-large", "cortex-m4", "cortex-m55")),
    ],
)
SEEDS = pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))])

# Shapes of two inputs of an operator that broadcasts.
BROADCASTS = [
    ((1, 6), (1, 6)),
    ((2, 3, 4), (4,)),
    ((2, 3, 4), (1, 3, 1)),
    ((1,), (1, 5)),
    ((2, 1, 4), (1, 3, 4)),
    ((1, 2, 3, 5), (1, 1, 1, 5)),
    ((3, 1), (1, 4)),
]


class Grid:
    """Test cases in one graph, independent of each other; `case(...)` adds an operator with its tensors."""

    def __init__(self, seed: int) -> None:
        self.builder, self.rng, self.outputs, self.count = Builder(), np.random.default_rng(seed), [], 0

    def input(self, shape: tuple[int, ...], scale: Scale, dtype: str = "int8") -> int:
        self.count += 1
        return self.builder.input(f"in{self.count}", shape, scale, dtype)

    def output(self, shape: tuple[int, ...], scale: Scale, dtype: str = "int8") -> int:
        self.count += 1
        number = self.builder.tensor(f"out{self.count}", shape, scale, dtype)
        self.outputs.append(number)
        return number

    def scale(self, low: float = 1e-3, high: float = 1.0) -> Scale:
        """Return a random scale and zero point; both ends of the int8 range are more frequent than by chance."""
        zero = int(self.rng.choice([-128, 127, 0, int(self.rng.integers(-128, 128))]))
        return float(np.float32(np.exp(self.rng.uniform(np.log(low), np.log(high))))), zero

    def some(self, cases: Sequence[tuple]) -> list[tuple]:
        """Return sixty random ones of the cases."""
        return [cases[pick] for pick in self.rng.choice(len(cases), 60, replace=False)]

    def weighted(
        self, kind: str, given: int, weights: tuple[int, ...], axis: int, out: int, multiple: int = 1, **fields: Any
    ) -> None:
        """Add an operator with weights, quantized per tensor or per channel, whose outputs use the whole range.

        multiple: the weights are multiples of it.
        """
        taps = np.prod(weights) / weights[axis]
        spread = 20 * self.builder.scale_of(out) / (self.builder.scale_of(given) * 5000 * np.sqrt(taps))
        scales = spread * np.exp(self.rng.uniform(-1, 1, weights[axis] if self.rng.integers(0, 2) else 1))
        values = multiple * self.rng.integers(-(127 // multiple), 127 // multiple + 1, weights)
        inputs = [given, self.builder.weights("w", values, scales.tolist(), axis)]
        if kind != "FULLY_CONNECTED" or self.rng.integers(0, 2):  # LiteRT requires a bias of convolutions
            bias_scales = [self.builder.scale_of(given) * float(np.float32(scale)) for scale in scales]
            inputs.append(self.builder.bias("b", self.rng.integers(-20000, 20000, weights[axis]), bias_scales))
        self.builder.operator(kind, inputs, [out], **fields)

    def check(self, folder: Path, steps: int = 12, target: str = "any") -> None:
        """Compile, run and compare all cases, also with the plain kernels that are the specification."""
        assert len(self.outputs) >= 8
        tflite = self.builder.finish(self.outputs)
        check(tflite, folder, steps, target)
        if target == "any":
            check(tflite, folder / "reference", steps, "reference")


def check(tflite: bytes, folder: Path, steps: int, target: str) -> None:
    """Compile, run and compare: a target of the compiler on this machine, a board in emulation."""
    if target in BOARDS:
        Bench("grid", tflite).run_step(target, folder)
        return
    layout, *defines = target.split(" -D")
    if layout == "reference":
        compile_with_reference_kernels(tflite, folder, "grid")
    else:
        compile_model(tflite, folder, "grid", layout)
    found = differences(tflite, folder, steps, defines=tuple(defines))
    assert {name: count for name, count in found.items() if count} == {}
