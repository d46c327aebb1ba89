"""Dilated convolutions as TensorFlow writes them, with the bits of LiteRT's reference kernels: one kernel call each."""

import itertools
from pathlib import Path

import pytest
from models_without_shapes import SCALE, Dilated

from stapes.convert.compile import compile_model, plan_model
from stapes.convert.verify import differences, with_intermediate_outputs


def check(tflite: bytes, folder: Path, defines: tuple[str, ...] = ()) -> None:
    """Compile, run and compare a model and one in which every tensor is an output, so that no chain is replaced."""
    for name, file in (("plain", tflite), ("every", with_intermediate_outputs(tflite))):
        compile_model(file, folder / name, name)
        found = differences(file, folder / name, steps=4, defines=defines)
        assert {tensor: count for tensor, count in found.items() if count} == {}


def operations(tflite: bytes) -> set[str]:
    return {type(operation).__name__ for operation in plan_model(tflite, "model").placement.operations}


def planar() -> bytes:
    forms = Dilated()
    for kind, dilation, same in itertools.product(("CONV_2D", "DEPTHWISE_CONV_2D"), ((2, 2), (1, 3)), (True, False)):
        forms.planar(kind, (7, 9), (3, 3), dilation, same)
    forms.planar("CONV_2D", (2, 3), (3, 2), (4, 5), same=True)
    forms.planar("DEPTHWISE_CONV_2D", (2, 3), (3, 2), (4, 5), same=True)
    forms.planar("CONV_2D", (6, 8), (3, 3), (2, 2), same=True, batches=2)
    return forms.finish()


def linear() -> bytes:
    forms = Dilated()
    for columns in (True, False):
        forms.linear(64, 3, 4, pads=(8, 0), crops=(0, 0), columns=columns)  # causal
        forms.linear(61, 3, 4, pads=(4, 7), crops=(0, 3), columns=columns)  # same, of an odd length
        forms.linear(61, 3, 5, pads=(0, 4), crops=(0, 4), columns=columns)  # valid, of an odd length
        forms.linear(5, 2, 8, pads=(8, 3), crops=(0, 3), columns=columns)  # fewer positions than taps are apart
        forms.linear(64, 3, 4, pads=(8, 0), crops=(3, 0), columns=columns)
    return forms.finish()


@pytest.mark.parametrize("layout", ["ROWS", "DSP", "MVE", "HOST"])
@pytest.mark.parametrize("forms", [planar, linear])
def test_dilated_convolutions_are_one_kernel_call_each_with_the_bits_of_litert_reference(
    tmp_path: Path, forms: "type", layout: str
) -> None:
    tflite = forms()
    assert operations(tflite) == {"Call"}
    check(tflite, tmp_path, (f"STAPES_NN_LAYOUT=STAPES_NN_{layout}",))


def test_what_is_no_dilated_convolution_stays_three_operators_and_equals_litert_reference(tmp_path: Path) -> None:
    forms = Dilated()
    forms.linear(64, 3, 4, pads=(0, 4), crops=(3, 0), columns=True)  # more is cropped than padded
    forms.linear(64, 3, 4, pads=(12, 0), crops=(0, 0), columns=True)  # a window that holds nothing but padding
    tflite = forms.finish()
    assert "Move" in operations(tflite)
    check(tflite, tmp_path)


def test_a_pad_before_a_dilated_convolution_is_absorbed_as_well(tmp_path: Path) -> None:
    forms = Dilated()
    net, b = forms.net, forms.net.builder
    x = net.input("x", (1, 8, 8, 3), SCALE)
    borders = b.constant("borders", [(0, 0), (1, 1), (2, 2), (0, 0)])
    y = net.simple("PAD", "padded", [x, borders], (1, 10, 12, 3), SCALE, "PadOptions")
    y = forms.blocks("SPACE_TO_BATCH_ND", y, [2, 2], [(1, 1), (0, 0)], (4, 6, 6, 3))
    y = net.conv("conv", y, (3, 3), 4, same=False)
    y = forms.blocks("BATCH_TO_SPACE_ND", y, [2, 2], [(0, 0), (0, 0)], (1, 8, 8, 4))
    tflite = b.finish([y])
    assert operations(tflite) == {"Call"}
    check(tflite, tmp_path)


def test_a_model_of_another_maker_with_dilated_convolutions_equals_litert_reference(
    cases_of_models: Path, tmp_path: Path
) -> None:
    tflite = (cases_of_models / "tflm960_tcn_dilated.tflite").read_bytes()
    assert not [one.name for one in plan_model(tflite, "model").placement.operations if "batch" in one.name]
    check(tflite, tmp_path)
