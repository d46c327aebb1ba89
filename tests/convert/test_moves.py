"""Operators that move or combine data, over grids of shapes, against LiteRT's reference kernels."""

import itertools
from pathlib import Path

import pytest
from operator_grid import Grid

from stapes.convert.compile import compile_model
from stapes.convert.verify import Reference
from stapes.firmware_sim.errors import ModelError


def test_pack_and_unpack_vs_litert_reference(tmp_path: Path) -> None:
    grid, scale = Grid(1), (0.1, 3)
    for shape, count in itertools.product([(), (5,), (2, 3), (1, 3, 4), (2, 1, 3, 2)], (1, 2, 5)):
        for axis in range(-len(shape) - 1, len(shape) + 1):
            position = axis % (len(shape) + 1)
            packed = (*shape[:position], count, *shape[position:])
            parts = [grid.input(shape, scale) for _ in range(count)]
            parts[-1] = grid.builder.constant("c", grid.rng.integers(-128, 128, shape), "int8", scale)
            parts[0] = grid.input(shape, scale)
            fields = {"axis": axis, "valuesCount": count}
            grid.builder.operator("PACK", parts, [grid.output(packed, scale)], "PackOptions", **fields)
            outputs = [grid.output(shape, scale) for _ in range(count)]
            grid.builder.operator("UNPACK", [grid.input(packed, scale)], outputs, "UnpackOptions", axis=axis, num=count)
    repeated = grid.input((2, 3), scale)
    grid.builder.operator("PACK", [repeated] * 3, [grid.output((2, 3, 3), scale)], "PackOptions", axis=2, valuesCount=3)
    grid.check(tmp_path)


def test_pack_of_other_scales_is_refused_as_litert_reference_does(tmp_path: Path) -> None:
    grid = Grid(1)
    parts = [grid.input((1, 2), (0.1, 3)), grid.input((1, 2), (0.1, 4))]
    grid.builder.operator("PACK", parts, [grid.output((2, 1, 2), (0.1, 3))], "PackOptions", axis=0, valuesCount=2)
    tflite = grid.builder.finish(grid.outputs)
    with pytest.raises(ModelError, match="inputs and output differ in scale or zero point; supported: the same"):
        compile_model(tflite, tmp_path, "model")
    with pytest.raises(RuntimeError, match="zero_point"):
        Reference(tflite)
