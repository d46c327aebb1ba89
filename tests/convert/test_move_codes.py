"""Operators that a converter left in float32 although they only move values, vs LiteRT's reference kernels."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from operator_grid import Grid
from reference_kernels import compile_with_reference_kernels

from benchmarks.tflite_models import Builder, Scale
from stapes.convert.compile import compile_model, plan_model
from stapes.convert.lower.operations import Call
from stapes.convert.verify import differences, with_intermediate_outputs
from stapes.firmware_sim.errors import ModelError

SCALE: Scale = (0.1, 3)
OTHER: Scale = (0.037, -20)


class Islands:
    """A graph whose float32 tensors lie between int8 ones."""

    def __init__(self) -> None:
        self.builder = Builder()

    def real(self, name: str, shape: tuple[int, ...]) -> int:
        return self.builder.tensor(name, shape, None, "float32")

    def codes(self, shape: tuple[int, ...], scale: Scale = SCALE) -> int:
        return self.builder.input(f"given{shape}", shape, scale)

    def dequantize(self, codes: int, shape: tuple[int, ...], name: str = "real") -> int:
        return self.builder.operator("DEQUANTIZE", [codes], [self.real(name, shape)])

    def quantize(self, real: int, shape: tuple[int, ...], scale: Scale = SCALE) -> int:
        return self.builder.operator("QUANTIZE", [real], [self.builder.tensor("again", shape, scale)])

    def split(self, real: int, parts: list[int]) -> list[int]:
        """Cut (1, 6) into three of (1, 2)."""
        axis = self.builder.constant("axis", 1)
        self.builder.operator("SPLIT", [axis, real], parts, "SplitOptions", numSplits=3)
        return parts

    def reshape(self, real: int, shape: tuple[int, ...]) -> int:
        wanted = self.builder.constant("shape", shape)
        return self.builder.operator("RESHAPE", [real, wanted], [self.real("shaped", shape)], "ReshapeOptions")

    def join(self, reals: list[int], shape: tuple[int, ...], **fields: int) -> int:
        out = self.real("joined", shape)
        return self.builder.operator("CONCATENATION", reals, [out], "ConcatenationOptions", axis=1, **fields)


def _split_in_the_middle(b: Islands) -> list[int]:
    """As TFLiteConverter leaves the GRU of Keras: two of three parts are quantized again, with the scale of before."""
    parts = b.split(b.dequantize(b.codes((1, 6)), (1, 6)), [b.real(f"part{n}", (1, 2)) for n in range(3)])
    return [b.quantize(parts[0], (1, 2)), b.quantize(parts[2], (1, 2))]


def _quantized_again_with_another_scale(b: Islands) -> list[int]:
    shaped = b.reshape(b.dequantize(b.codes((1, 6)), (1, 6)), (2, 3))
    return [b.quantize(shaped, (2, 3), OTHER), b.quantize(shaped, (2, 3), SCALE), b.quantize(shaped, (2, 3), (0.3, 0))]


def _nothing_in_between(b: Islands) -> list[int]:
    real = b.dequantize(b.codes((1, 6)), (1, 6))
    return [b.quantize(real, (1, 6), OTHER), b.quantize(real, (1, 6))]


def _joined(b: Islands) -> list[int]:
    halves = [b.dequantize(b.codes(shape), shape) for shape in ((1, 2), (1, 4))]
    return [b.quantize(b.join(halves, (1, 6)), (1, 6))]


def _joined_from_two_scales(b: Islands) -> list[int]:
    """Each part is quantized with the scale of the whole before it is moved."""
    halves = [b.dequantize(b.codes((1, 2)), (1, 2)), b.dequantize(b.codes((1, 4), OTHER), (1, 4))]
    return [b.quantize(b.join(halves, (1, 6)), (1, 6), (0.2, -4))]


def _two_moves_and_a_float_output(b: Islands) -> list[int]:
    parts = b.split(b.dequantize(b.codes((1, 6)), (1, 6)), [b.real(f"part{n}", (1, 2)) for n in range(3)])
    return [parts[1], b.reshape(parts[0], (2, 1)), b.quantize(parts[2], (1, 2))]


def _moves_behind_a_float_input(b: Islands) -> list[int]:
    """RESHAPE and SPLIT of a float32 input, whose three parts are quantized alike."""
    flat = b.reshape(b.builder.input("x", (2, 3), None, "float32"), (1, 6))
    parts = b.split(flat, [b.real(f"part{n}", (1, 2)) for n in range(3)])
    return [b.quantize(part, (1, 2)) for part in parts]


def _float_inputs_joined(b: Islands) -> list[int]:
    halves = [b.builder.input(f"x{shape[1]}", shape, None, "float32") for shape in ((1, 2), (1, 4))]
    return [b.quantize(b.reshape(b.join(halves, (1, 6)), (3, 2)), (3, 2))]


def _padded(b: Islands) -> list[int]:
    """The zeros of a float32 PAD are the zero point."""
    borders = b.builder.constant("borders", [[0, 0], [1, 2]])
    given = b.dequantize(b.codes((1, 6), OTHER), (1, 6))
    padded = b.builder.operator("PAD", [given, borders], [b.real("padded", (1, 9))], "PadOptions")
    return [b.quantize(padded, (1, 9), OTHER)]


CASES = [
    _split_in_the_middle,
    _quantized_again_with_another_scale,
    _nothing_in_between,
    _joined,
    _joined_from_two_scales,
    _two_moves_and_a_float_output,
    _moves_behind_a_float_input,
    _float_inputs_joined,
    _padded,
]


@pytest.mark.parametrize("float_interface", [False, True])
@pytest.mark.parametrize("make", CASES, ids=lambda make: make.__name__.strip("_"))
def test_moves_of_real_values_become_moves_of_codes_vs_litert_reference(
    tmp_path: Path, make: Callable[[Islands], list[int]], float_interface: bool
) -> None:
    islands = Islands()
    tflite = islands.builder.finish(make(islands))
    for name, file in (("plain", tflite), ("every", with_intermediate_outputs(tflite))):
        compile_model(file, tmp_path / name, name, float_interface=float_interface)
        assert set(differences(file, tmp_path / name, steps=12).values()) == {0}
    compile_with_reference_kernels(tflite, tmp_path / "reference", "reference", float_interface)
    assert set(differences(tflite, tmp_path / "reference", steps=12).values()) == {0}


def test_codes_of_the_same_scale_are_not_computed_again() -> None:
    """A SPLIT between DEQUANTIZE and QUANTIZE costs no table and no float."""
    islands = Islands()
    tflite = islands.builder.finish(_split_in_the_middle(islands))
    assert not [one for one in plan_model(tflite, "model").placement.operations if isinstance(one, Call)]


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


@pytest.mark.parametrize("scales", [(1e30, 1e20), (3e38, 3e38)])
def test_scales_whose_float32_values_overflow_are_refused(scales: tuple[float, float]) -> None:
    b = Islands()
    real = b.dequantize(b.codes((1, 6), (scales[0], 0)), (1, 6))
    with np.errstate(all="raise"), pytest.raises(ModelError, match="supported: finite values below"):
        plan_model(b.builder.finish([b.quantize(real, (1, 6), (scales[1], 0))]), "model")


@pytest.mark.parametrize("activation", [1, 3])
def test_a_join_that_clamps_is_no_move(activation: int) -> None:
    b = Islands()
    halves = [b.dequantize(b.codes(shape), shape) for shape in ((1, 2), (1, 4))]
    joined = b.join(halves, (1, 6), fusedActivationFunction=activation)
    with pytest.raises(ModelError, match=r"CONCATENATION.*computes in float32"):
        plan_model(b.builder.finish([b.quantize(joined, (1, 6))]), "model")


def test_joined_real_values_of_several_scales_are_no_codes() -> None:
    """The joined float32 tensor is an output, so no QUANTIZE says which codes it could be."""
    b = Islands()
    halves = [b.dequantize(b.codes((1, 2)), (1, 2)), b.dequantize(b.codes((1, 4), OTHER), (1, 4))]
    with pytest.raises(ModelError, match=r"CONCATENATION.*computes in float32"):
        plan_model(b.builder.finish([b.join(halves, (1, 6))]), "model")


def test_an_operator_that_computes_in_float_between_codes_is_refused_by_name() -> None:
    b = Islands()
    real = b.dequantize(b.codes((1, 6)), (1, 6))
    added = b.builder.operator("ADD", [real, real], [b.real("added", (1, 6))], "AddOptions")
    with pytest.raises(ModelError, match=r"ADD.*computes in float32"):
        plan_model(b.builder.finish([b.quantize(added, (1, 6))]), "model")


def test_the_gru_of_keras_with_its_float_split_vs_litert_reference(cases_of_models: Path, tmp_path: Path) -> None:
    tflite = (cases_of_models / "c_gru_b1.tflite").read_bytes()
    for name, file in (("plain", tflite), ("every", with_intermediate_outputs(tflite))):
        compile_model(file, tmp_path / name, name)
        assert set(differences(file, tmp_path / name, steps=20).values()) == {0}
