"""DEQUANTIZE, moves and QUANTIZE inside of a model: codes all the way, with the bits of LiteRT's float32 values."""

from pathlib import Path

import numpy as np
import pytest
from operator_grid import Grid

from benchmarks.tflite_models import Builder
from stapes.convert.compile import compile_model, plan_model
from stapes.convert.verify import differences, with_intermediate_outputs
from stapes.firmware_sim.errors import ModelError


def test_codes_that_pass_through_float32_vs_litert_reference(tmp_path: Path) -> None:
    grid = Grid(1)
    for _ in range(40):
        given, zero = grid.scale(), grid.scale()[1]
        x, b = grid.input((1, 600), given), grid.builder
        x = b.operator("RELU", [x], [b.tensor("codes", (1, 600), given)])
        real = b.operator("DEQUANTIZE", [x], [b.tensor("real", (1, 600), None, "float32")])
        halves = [b.tensor("half", (1, 300), None, "float32") for _ in range(2)]
        b.operator("SPLIT", [b.constant("axis", [1]), real], halves, "SplitOptions", numSplits=2)
        for half in halves:
            scale = given[0] * float(grid.rng.choice([1, 0.5, 2, grid.rng.uniform(0.3, 3)]))
            b.operator("QUANTIZE", [half], [grid.output((1, 300), (scale, zero))])
    grid.check(tmp_path, steps=8)


def test_a_gru_that_tensorflow_unrolled_compiles_with_every_tensor_equal(tmp_path: Path, cases_of_models: Path) -> None:
    tflite = with_intermediate_outputs((cases_of_models / "c_gru_b1.tflite").read_bytes())
    compile_model(tflite, tmp_path, "gru")
    found = differences(tflite, tmp_path, 12)
    assert len(found) > 100
    assert {name: count for name, count in found.items() if count} == {}


def test_float32_that_anything_else_reads_is_refused_as_before() -> None:
    b = Builder()
    x = b.input("x", (1, 4), (0.1, 0))
    real = b.operator("DEQUANTIZE", [x], [b.tensor("real", (1, 4), None, "float32")])
    negative = b.operator("NEG", [real], [b.tensor("negative", (1, 4), None, "float32")])
    outputs = [b.operator("QUANTIZE", [one], [b.tensor("y", (1, 4), (0.1, 0))]) for one in (real, negative)]
    with pytest.raises(ModelError, match="computes in float32"):
        plan_model(b.finish(outputs), "model")


@pytest.mark.parametrize("scales", [(1e30, 1e20), (3e38, 3e38)])
def test_scales_whose_float32_values_overflow_are_refused(scales: tuple[float, float]) -> None:
    b = Builder()
    x = b.input("x", (1, 4), (scales[0], 0))
    real = b.operator("DEQUANTIZE", [x], [b.tensor("real", (1, 4), None, "float32")])
    y = b.operator("QUANTIZE", [real], [b.tensor("y", (1, 4), (scales[1], 0))])
    with np.errstate(all="raise"), pytest.raises(ModelError, match="by way of float32; supported: factors below"):
        plan_model(b.finish([y]), "model")
