"""Dilated convolutions as TensorFlow writes them, with the bits of LiteRT's reference kernels: one kernel call each."""

import itertools
from pathlib import Path

import pytest

from benchmarks.tflite_models import Layers, Scale
from stapes.convert.compile import compile_model, plan_model
from stapes.convert.verify import differences, with_intermediate_outputs

Pair = tuple[int, int]
SCALE: Scale = (0.05, -7)


def check(tflite: bytes, folder: Path, defines: tuple[str, ...] = ()) -> None:
    """Compile, run and compare a model and one in which every tensor is an output, so that no chain is replaced."""
    for name, file in (("plain", tflite), ("every", with_intermediate_outputs(tflite))):
        compile_model(file, folder / name, name)
        found = differences(file, folder / name, steps=4, defines=defines)
        assert {tensor: count for tensor, count in found.items() if count} == {}


def operations(tflite: bytes) -> set[str]:
    return {type(operation).__name__ for operation in plan_model(tflite, "model").placement.operations}


class Dilated:
    """Dilated convolutions in one graph, each with an input and an output of its own."""

    def __init__(self) -> None:
        self.net, self.outputs = Layers(7), []

    def blocks(self, kind: str, given: int, sizes: list[int], borders: list[Pair], out: tuple[int, ...]) -> int:
        b, name = self.net.builder, f"{kind}{len(self.net.shape_of)}"
        inputs = [given, b.constant(f"{name}_sizes", sizes), b.constant(f"{name}_borders", borders)]
        return self.net.simple(kind, name, inputs, out, self.net.scale_of[given])

    def planar(
        self, kind: str, size: Pair, kernel: Pair, dilation: Pair, same: bool, batches: int = 1, odd: int = 0
    ) -> None:
        """Add a dilated CONV_2D or DEPTHWISE_CONV_2D; `odd` positions more are padded and cropped at the end."""
        reach = [(k - 1) * d for k, d in zip(kernel, dilation, strict=True)]
        before = [r // 2 if same else 0 for r in reach]
        after = [r - r // 2 if same else 0 for r in reach]
        sides = list(zip(size, before, after, dilation, strict=True))
        more = [-(n + a + z) % d + odd * d for n, a, z, d in sides]
        dealt = [(n + a + z + m) // d for (n, a, z, d), m in zip(sides, more, strict=True)]
        inner = [n - k + 1 for n, k in zip(dealt, kernel, strict=True)]
        channels, many = 3, dilation[0] * dilation[1]
        x = self.net.input(f"x{len(self.outputs)}", (batches, *size, channels), SCALE)
        pads = [(a, z + m) for a, z, m in zip(before, after, more, strict=True)]
        y = self.blocks("SPACE_TO_BATCH_ND", x, list(dilation), pads, (batches * many, *dealt, channels))
        fields = {"padding": 1, "strideH": 1, "strideW": 1, "dilationHFactor": 1, "dilationWFactor": 1}
        name = f"y{len(self.outputs)}"
        if kind == "CONV_2D":
            weights, axis, options = (5, *kernel, channels), 0, "Conv2DOptions"
        else:
            weights, axis, options, fields["depthMultiplier"] = (1, *kernel, 6), 3, "DepthwiseConv2DOptions", 2
        shape = (batches * many, *inner, weights[axis])
        y = self.net.weighted(kind, name, y, weights, axis, shape, (0.05, 3), options, **fields)
        out = [n * d - m for n, d, m in zip(inner, dilation, more, strict=True)]
        crops = [(0, m) for m in more]
        self.outputs.append(self.blocks("BATCH_TO_SPACE_ND", y, list(dilation), crops, (batches, *out, weights[axis])))

    def linear(self, size: int, kernel: int, dilation: int, pads: Pair, crops: Pair, columns: bool) -> None:
        """Add a dilated convolution along one axis, with an axis added and removed around it, as in Keras."""
        net, b, count = self.net, self.net.builder, len(self.outputs)
        dealt = (size + sum(pads)) // dilation
        x = net.input(f"x{count}", (1, size, 3), SCALE)
        y = self.blocks("SPACE_TO_BATCH_ND", x, [dilation], [pads], (dilation, dealt, 3))
        wide = (dilation, 1, dealt, 3) if columns else (dilation, dealt, 1, 3)
        y = net.simple("EXPAND_DIMS", f"wide{count}", [y, b.constant(f"axis{count}", 1 if columns else 2)], wide, SCALE)
        weights = (5, 1, kernel, 3) if columns else (5, kernel, 1, 3)
        inner = dealt - kernel + 1
        shape = (dilation, 1, inner, 5) if columns else (dilation, inner, 1, 5)
        fields = {"padding": 1, "strideH": 1, "strideW": 1, "dilationHFactor": 1, "dilationWFactor": 1}
        y = net.weighted("CONV_2D", f"conv{count}", y, weights, 0, shape, (0.05, 3), "Conv2DOptions", **fields)
        flat = b.constant(f"flat{count}", [-1, inner, 5])
        y = net.simple("RESHAPE", f"narrow{count}", [y, flat], (dilation, inner, 5), (0.05, 3), "ReshapeOptions")
        out = (1, inner * dilation - sum(crops), 5)
        self.outputs.append(self.blocks("BATCH_TO_SPACE_ND", y, [dilation], [crops], out))

    def finish(self) -> bytes:
        return self.net.builder.finish(self.outputs)


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
