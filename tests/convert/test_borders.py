"""Models that are int8 inside and float32 at the border, as quantization after training leaves them, vs LiteRT.

LiteRT gets the real values of the codes that the compiled model gets, so its own QUANTIZE and DEQUANTIZE take part.
"""

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from reference_kernels import compile_with_reference_kernels

from benchmarks.tflite_models import Builder, Scale
from stapes.convert.compile import CompileReport, compile_model, plan_model
from stapes.convert.verify import differences, with_intermediate_outputs
from stapes.firmware_sim.device.host import CompiledModel
from stapes.firmware_sim.errors import ModelError
from stapes.runtime.main import main

SHAPE = (1, 6)
SCALE: Scale = (0.1, 3)
OTHER: Scale = (0.037, -20)


class Borders:
    """A graph with float32 inputs and outputs."""

    def __init__(self) -> None:
        self.builder = Builder()

    def real_input(self, name: str) -> int:
        return self.builder.input(name, SHAPE, None, "float32")

    def real(self, name: str) -> int:
        return self.builder.tensor(name, SHAPE, None, "float32")

    def codes(self, name: str, scale: Scale = SCALE, dtype: str = "int8") -> int:
        return self.builder.tensor(name, SHAPE, scale, dtype)

    def quantize(self, real: int, scale: Scale = SCALE, dtype: str = "int8") -> int:
        return self.builder.operator("QUANTIZE", [real], [self.codes("codes", scale, dtype)])

    def dequantize(self, codes: int, name: str) -> int:
        return self.builder.operator("DEQUANTIZE", [codes], [self.real(name)])

    def add(self, a: int, b: int, scale: Scale = SCALE) -> int:
        return self.builder.operator("ADD", [a, b], [self.codes("sum", scale)], "AddOptions")


def _one_of_each(b: Borders) -> list[int]:
    x = b.quantize(b.real_input("x"))
    return [b.dequantize(b.add(x, x, OTHER), "y")]


def _mixed(b: Borders) -> list[int]:
    """A float32 and an int8 input, a float32 and an int8 output."""
    x, given = b.quantize(b.real_input("x"), OTHER), b.builder.input("given", SHAPE, SCALE)
    both = b.add(x, given)
    return [b.dequantize(both, "y"), b.add(both, given, OTHER)]


def _given_raw_and_as_float(b: Borders) -> list[int]:
    x = b.quantize(b.real_input("x"))
    both = b.add(x, x, OTHER)
    return [both, b.dequantize(both, "y")]


def _given_as_float_twice(b: Borders) -> list[int]:
    x = b.quantize(b.real_input("x"))
    both = b.add(x, x, OTHER)
    return [b.dequantize(both, "y"), b.dequantize(both, "z")]


def _straight_through(b: Borders) -> list[int]:
    x = b.quantize(b.real_input("x"))
    return [b.dequantize(x, "y"), b.dequantize(b.builder.input("given", SHAPE, OTHER), "z")]


def _quantized_twice_alike(b: Borders) -> list[int]:
    real = b.real_input("x")
    return [b.dequantize(b.add(b.quantize(real), b.quantize(real), OTHER), "y")]


def _constant(b: Borders) -> list[int]:
    x = b.quantize(b.real_input("x"))
    constant = b.builder.constant("k", [[1, -128, 127, 3, 4, 5]], "int8", SCALE)
    return [b.dequantize(constant, "k as float"), b.dequantize(b.add(x, constant), "y")]


def _unsigned(b: Borders) -> list[int]:
    """A float32 input as uint8 that a QUANTIZE makes int8, and back again."""
    x = b.quantize(b.real_input("x"), (0.02, 128), "uint8")
    inner = b.builder.operator("QUANTIZE", [x], [b.codes("inner", (0.02, 0))])
    outer = b.builder.operator("QUANTIZE", [b.add(inner, inner)], [b.codes("outer", (0.1, 131), "uint8")])
    return [b.dequantize(outer, "y")]


def _sixteen_bits(b: Borders) -> list[int]:
    """int16 codes between float32 borders, as quantization with int16 activations leaves them."""
    parts = [b.quantize(b.real_input(name), (3e-4, 0), "int16") for name in ("x", "z")]
    joined = b.builder.tensor("joined", (2, 6), (3e-4, 0), "int16")
    b.builder.operator("CONCATENATION", parts, [joined], "ConcatenationOptions", axis=0)
    return [b.builder.operator("DEQUANTIZE", [joined], [b.builder.tensor("y", (2, 6), None, "float32")])]


CASES = [
    _one_of_each,
    _mixed,
    _given_raw_and_as_float,
    _given_as_float_twice,
    _straight_through,
    _quantized_twice_alike,
    _constant,
    _unsigned,
]


@pytest.mark.parametrize("make", [*CASES, _sixteen_bits], ids=lambda make: make.__name__.strip("_"))
def test_models_with_float_borders_vs_litert_reference(tmp_path: Path, make: Callable[[Borders], list[int]]) -> None:
    borders = Borders()
    tflite = borders.builder.finish(make(borders))
    for name, file in (("plain", tflite), ("every", with_intermediate_outputs(tflite))):
        compile_model(file, tmp_path / name, name)
        assert set(differences(file, tmp_path / name, steps=12).values()) == {0}
    model = CompiledModel(tmp_path / "plain")
    assert {tensor.dtype for tensor in (*model.inputs, *model.outputs)} <= {"int8", "uint8", "int16"}


def _quantized_with_two_scales(b: Borders) -> list[int]:
    real = b.real_input("x")
    return [b.dequantize(b.add(b.quantize(real), b.quantize(real, OTHER)), "y")]


def _float_straight_through(b: Borders) -> list[int]:
    """A float32 input that is an output, between others of one byte, so that it must be aligned."""
    odd = b.builder.input("odd", (1, 3), SCALE)
    real = b.real_input("x")
    return [odd, real, b.dequantize(b.quantize(real), "y"), odd]


def _float_output_twice_and_quantized_again(b: Borders) -> list[int]:
    y = b.dequantize(b.builder.input("given", SHAPE, SCALE), "y")
    return [y, y, b.dequantize(b.quantize(y, OTHER), "z")]


@pytest.mark.parametrize(
    "make",
    [*CASES, _quantized_with_two_scales, _float_straight_through, _float_output_twice_and_quantized_again],
    ids=lambda make: make.__name__.strip("_"),
)
def test_a_float_interface_has_every_bit_of_litert_reference(
    tmp_path: Path, make: Callable[[Borders], list[int]]
) -> None:
    borders = Borders()
    tflite = borders.builder.finish(make(borders))
    for name, file in (("plain", tflite), ("every", with_intermediate_outputs(tflite))):
        compile_model(file, tmp_path / name, name, float_interface=True)
        compile_with_reference_kernels(file, tmp_path / "reference", name, float_interface=True)
        for folder in (tmp_path / name, tmp_path / "reference"):
            assert set(differences(file, folder, steps=12).values()) == {0}
    model = CompiledModel(tmp_path / "plain")
    assert "float32" in {tensor.dtype for tensor in model.outputs}
    steps = np.random.default_rng(1).normal(size=(5, *SHAPE)).astype(np.float32)
    given = [steps if one.dtype == "float32" else np.zeros((5, *one.shape), one.dtype) for one in model.inputs]
    one_by_one = [model.run(*(array[step] for array in given)) for step in range(5)]
    for output, together in enumerate(model.run_steps(*given)):
        np.testing.assert_array_equal(together, np.stack([outputs[output] for outputs in one_by_one]))


def test_a_float_interface_is_float_in_header_and_description(tmp_path: Path) -> None:
    borders = Borders()
    path = tmp_path / "mixed.tflite"
    path.write_bytes(borders.builder.finish(_mixed(borders)))
    assert main(["compile", str(path), "--out", str(tmp_path / "c"), "--float-interface"]) == 0
    header = (tmp_path / "c" / "mixed.h").read_text()
    assert "(mixed_t *self, const float x[6], const int8_t given[6], float y[6], int8_t sum[6]);" in header
    described = [(one.name, one.dtype, one.scale) for one in CompiledModel(tmp_path / "c").inputs]
    assert described == [("x", "float32", None), ("given", "int8", pytest.approx(0.1))]


def test_a_float_interface_of_int16_codes_is_refused() -> None:
    b = Borders()
    with pytest.raises(ModelError, match="QUANTIZE"):
        plan_model(b.builder.finish(_sixteen_bits(b)), "model", float_interface=True)


def test_the_comparison_finds_a_scale_that_differs_at_the_border(tmp_path: Path) -> None:
    one, other = Borders(), Borders()
    for borders, zero in ((one, 3), (other, 4)):
        x = borders.quantize(borders.real_input("x"))
        borders.outputs = [borders.dequantize(borders.add(x, x, (0.2, zero)), "y")]
    compile_model(one.builder.finish(one.outputs), tmp_path, "model")
    assert differences(other.builder.finish(other.outputs), tmp_path)["y"] > 0


def test_borders_have_the_names_of_the_float_tensors_or_of_the_signature(tmp_path: Path) -> None:
    for signed in (False, True):
        b = Borders()
        real = b.real_input("serving_default_x:0")
        y = b.dequantize(b.quantize(real), "StatefulPartitionedCall:0")
        if signed:
            b.builder.sign({"audio": real}, {"scores": y})
        compile_model(b.builder.finish([y]), tmp_path / str(signed), "model")
        model = CompiledModel(tmp_path / str(signed))
        wanted = ("audio", "scores") if signed else ("serving_default_x:0", "StatefulPartitionedCall:0")
        assert (model.inputs[0].name, model.outputs[0].name) == wanted


def test_compile_says_in_a_line_per_border_what_the_c_takes_and_gives(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    borders = Borders()
    path = tmp_path / "mixed.tflite"
    path.write_bytes(borders.builder.finish(_mixed(borders)))
    assert main(["compile", str(path), "--out", str(tmp_path / "c")]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert "input x: float32 in the file; takes int8, real = 0.037 * (q + 20)" in shown
    assert "output y: float32 in the file; gives int8, real = 0.1 * (q - 3)" in shown
    assert len([line for line in shown if "float32" in line]) == 2


def _compile_pair(
    folder: Path, scale_in: Scale, scale_out: Scale, float_interface: bool = False
) -> tuple[bytes, CompileReport]:
    """Compile a model that adds its input to a state, both float32 at the border."""
    b = Borders()
    x, past = b.real_input("x"), b.real_input("past")
    both = b.add(b.quantize(x), b.quantize(past, scale_in), scale_out)
    y, following = b.dequantize(both, "y"), b.dequantize(both, "following")
    b.builder.sign({"x": x, "state_past": past}, {"y": y, "state_past": following})
    tflite = b.builder.finish([y, following])
    return tflite, compile_model(tflite, folder, "model", float_interface=float_interface)


@pytest.mark.parametrize("float_interface", [False, True])
def test_a_float_state_with_one_scale_becomes_a_quantized_state_vs_litert_reference(
    tmp_path: Path, float_interface: bool
) -> None:
    tflite, report = _compile_pair(tmp_path, OTHER, OTHER, float_interface)
    assert report.sizes.states >= 6
    assert [tensor.name for tensor in CompiledModel(tmp_path).inputs] == ["x"]
    assert differences(tflite, tmp_path, steps=30) == {"y": 0}


def test_a_float_state_with_two_scales_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        ModelError, match=r"state state_past is float32 and goes in as int8 \[1, 6\] with scale 0.1 and"
    ):
        _compile_pair(tmp_path, SCALE, OTHER)


def test_a_float_state_with_two_scales_is_an_argument_of_a_float_interface_vs_litert_reference(tmp_path: Path) -> None:
    tflite, _ = _compile_pair(tmp_path, SCALE, OTHER, float_interface=True)
    assert [tensor.name for tensor in CompiledModel(tmp_path).inputs] == ["x", "state_past"]
    assert differences(tflite, tmp_path, steps=30) == {"y": 0, "state_past": 0}


def test_an_input_that_is_quantized_with_two_scales_is_refused() -> None:
    b = Borders()
    real = b.real_input("x")
    both = b.add(b.quantize(real), b.quantize(real, OTHER))
    with pytest.raises(ModelError, match=r"input x is float32 and quantized as int8 \[1, 6\] with scale 0.1 and zero"):
        plan_model(b.builder.finish([b.dequantize(both, "y")]), "model")


def test_an_input_that_is_quantized_with_two_scales_is_refused_whatever_the_order_of_the_file() -> None:
    """The second result of QUANTIZE is tensor 0 of the file."""
    b = Borders()
    second = b.codes("second", OTHER)
    real = b.real_input("x")
    first = b.quantize(real)
    b.builder.operator("QUANTIZE", [real], [second])
    with pytest.raises(ModelError, match="input x is float32 and quantized as int8"):
        plan_model(b.builder.finish([b.dequantize(b.add(first, second), "y")]), "model")


def test_operators_that_compute_in_float_at_the_border_are_refused_by_name() -> None:
    b = Borders()
    real = b.real_input("x")
    x = b.quantize(real)
    total = b.builder.operator("ADD", [real, real], [b.real("total")], "AddOptions")
    with pytest.raises(ModelError, match=r"1 × ADD \(total_add\): computes in float32"):
        plan_model(b.builder.finish([b.dequantize(x, "y"), total]), "model")


@pytest.mark.parametrize("scale", [1e37, 1e-39])
def test_scales_whose_real_values_float32_cannot_hold_are_refused(scale: float) -> None:
    b = Borders()
    x = b.quantize(b.real_input("x"), (scale, 0))
    with pytest.raises(ModelError, match="float32"):
        plan_model(b.builder.finish([b.dequantize(x, "y")]), "model")


def test_a_float_input_that_is_an_output_is_refused_by_name() -> None:
    b = Borders()
    real = b.real_input("x")
    with pytest.raises(ModelError, match=r"tensor x is float32 \[1, 6\]; supported: inputs and outputs of int8"):
        plan_model(b.builder.finish([real, b.dequantize(b.builder.input("q", SHAPE, SCALE), "y")]), "model")


def test_a_quantize_has_the_shape_of_its_input_whatever_the_file_states(tmp_path: Path) -> None:
    b = Borders()
    codes = b.builder.operator("QUANTIZE", [b.real_input("x")], [b.builder.tensor("codes", (1, 7), SCALE)])
    tflite = b.builder.finish([codes])
    compile_model(tflite, tmp_path, "model")
    assert differences(tflite, tmp_path) == {"codes": 0}


def test_the_usual_model_of_others_with_float_borders_vs_litert_reference(
    cases_of_models: Path, tmp_path: Path
) -> None:
    tflite = (cases_of_models / "hello_world_floatio.tflite").read_bytes()
    for name, file in (("plain", tflite), ("every", with_intermediate_outputs(tflite))):
        compile_model(file, tmp_path / name, name)
        assert set(differences(file, tmp_path / name, steps=100).values()) == {0}


QUANTIZATIONS = [
    *[((scale, zero), "int8") for scale in (0.1, 0.037, 1.0, 1 / 3, 7e-6, 3e5) for zero in (-128, -1, 0, 77, 127)],
    *[((scale, 0), "int16") for scale in (3e-4, 0.01)],
    *[((scale, zero), "uint8") for scale in (0.02, 1 / 255) for zero in (0, 128, 255)],
]
_CONVERSIONS = """#include <stdio.h>
#define BORDERS_WITH_FLOATS
#include "borders.h"

int main(void)
{
    float real;
    while (fread(&real, sizeof real, 1, stdin) == 1) {
%s
    }
    return 0;
}
"""


def _conversions_in_c(folder: Path, values: np.ndarray, flags: tuple[str, ...] = ()) -> np.ndarray:
    """Return float32[values, cases]: each value, quantized and dequantized by the functions of the header."""
    calls = [
        f"        real_out = borders_dequantize_y{case}(borders_quantize_x{case}(real));\n"
        "        fwrite(&real_out, sizeof real_out, 1, stdout);"
        for case in range(len(QUANTIZATIONS))
    ]
    (folder / "main.c").write_text(_CONVERSIONS.replace("float real;", "float real, real_out;") % "\n".join(calls))
    command = ["gcc", "-std=c99", "-Wall", "-Wextra", "-Wconversion", "-Werror", *flags, "main.c", "-o", "main"]
    assert subprocess.run(command, cwd=folder, capture_output=True, text=True).stderr == ""
    made = subprocess.run(["./main"], cwd=folder, input=values.tobytes(), capture_output=True, check=True).stdout
    return np.frombuffer(made, np.float32).reshape(len(values), len(QUANTIZATIONS))


def _values_to_quantize() -> np.ndarray:
    """Return borders between codes and their neighbours in float32, halves, both zeros, and values far outside."""
    halves = [
        np.float32((code + half) * np.float32(scale))
        for (scale, _), _ in QUANTIZATIONS
        for code in (-256, -128, -127, -2, -1, 0, 1, 2, 77, 127, 128, 255)
        for half in (-0.5, 0.0, 0.5)
    ]
    near = [np.nextafter(value, np.float32(way)) for value in halves for way in (-np.inf, np.inf)]
    far = [0.0, -0.0, 1e-45, -1e-45, 2000.0, -2000.0]
    return np.unique(np.array([*halves, *near, *far, *np.random.default_rng(0).normal(0, 9, 500)], np.float32))


def _conversions() -> tuple[bytes, list[int]]:
    """Return a model whose every output is an input, quantized and dequantized."""
    b = Builder()
    outputs = []
    for case, (scale, dtype) in enumerate(QUANTIZATIONS):
        real = b.input(f"x{case}", SHAPE, None, "float32")
        codes = b.operator("QUANTIZE", [real], [b.tensor(f"codes{case}", SHAPE, scale, dtype)])
        outputs.append(b.operator("DEQUANTIZE", [codes], [b.tensor(f"y{case}", SHAPE, None, "float32")]))
    return b.finish(outputs), outputs


@pytest.mark.parametrize("optimization", ["-O0", "-O2"])
def test_the_functions_of_the_header_round_and_clamp_as_litert_reference_does(
    tmp_path: Path, optimization: str
) -> None:
    tflite, outputs = _conversions()
    compile_model(tflite, tmp_path, "borders")
    values = _values_to_quantize()
    values = np.append(values, np.zeros(-len(values) % 6, np.float32))
    made = _conversions_in_c(tmp_path, values, (optimization,))
    interpreter = Interpreter(model_content=tflite, experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
    interpreter.allocate_tensors()
    compared = 0
    for row in range(0, len(values), 6):
        for detail in interpreter.get_input_details():
            interpreter.set_tensor(detail["index"], values[row : row + 6].reshape(SHAPE))
        interpreter.invoke()
        for case, number in enumerate(outputs):
            scale = QUANTIZATIONS[case][0][0]
            defined = np.abs(values[row : row + 6] / np.float32(scale)) < 2**30  # C's conversion to int32 is
            wanted = interpreter.get_tensor(number)[0]
            np.testing.assert_array_equal(made[row : row + 6, case][defined], wanted[defined])
            compared += int(defined.sum())
    assert compared > 40_000


def test_values_that_no_code_is_near_to_give_the_ends_and_nan_gives_zero(tmp_path: Path) -> None:
    compile_model(_conversions()[0], tmp_path, "borders")
    flags = ("-O2", "-fsanitize=undefined,float-cast-overflow", "-fno-sanitize-recover=all")
    values = np.array([-np.inf, -3e38, np.nan, 3e38, np.inf], np.float32)
    made = _conversions_in_c(tmp_path, values, flags)
    for case, ((scale, zero), dtype) in enumerate(QUANTIZATIONS):
        limits = np.iinfo(dtype)
        low, high = (np.float32(scale) * np.float32(code - zero) for code in (limits.min, limits.max))
        np.testing.assert_array_equal(made[:, case], np.array([low, low, 0, high, high], np.float32))
