"""A PAD before a convolution becomes the padding of its kernel, with the bits of LiteRT's reference kernels."""

from pathlib import Path

import pytest

from benchmarks.tflite_models import Layers
from stapes.convert.compile import compile_model, plan_model
from stapes.convert.verify import differences

Borders = tuple[tuple[int, int], tuple[int, int]]  # before and after the rows, before and after the columns
ABSORBED: list[Borders] = [((0, 0), (1, 1)), ((0, 0), (0, 1)), ((2, 0), (1, 0)), ((1, 2), (2, 2))]


def padded_convolutions(all_borders: list[Borders], shown: bool = False) -> bytes:
    """CONV_2D and DEPTHWISE_CONV_2D of 3 x 3 taps, each behind a PAD; `shown` makes the padded tensors outputs, too."""
    net, outputs = Layers(7), []
    for borders in all_borders:
        (top, bottom), (left, right) = borders
        for kind, channels, stride in (("conv", 3, 1), ("conv", 4, 2), ("depthwise", 8, 1), ("depthwise", 6, 2)):
            name = f"{kind}{len(outputs)}"
            x = net.input(f"x_{name}", (1, 5, 7, channels), (0.05, -7))
            limits = net.builder.constant(f"borders_{name}", [(0, 0), *borders, (0, 0)])
            shape = (1, 5 + top + bottom, 7 + left + right, channels)
            padded = net.simple("PAD", f"padded_{name}", [x, limits], shape, (0.05, -7), "PadOptions")
            outputs += [padded] * shown
            more = (6,) if kind == "conv" else ()
            outputs.append(getattr(net, kind)(name, padded, (3, 3), *more, stride=(stride, stride), same=False))
    return net.builder.finish(outputs)


def operations(tflite: bytes) -> set[str]:
    return {type(operation).__name__ for operation in plan_model(tflite, "model").placement.operations}


@pytest.mark.parametrize("layout", ["ROWS", "DSP", "MVE", "HOST"])
def test_kernels_pad_in_place_of_pad_with_the_bits_of_litert_reference(tmp_path: Path, layout: str) -> None:
    tflite = padded_convolutions(ABSORBED)
    assert operations(tflite) == {"Call"}
    compile_model(tflite, tmp_path, "model")
    found = differences(tflite, tmp_path, steps=4, defines=(f"STAPES_NN_LAYOUT=STAPES_NN_{layout}",))
    assert set(found.values()) == {0}


def test_a_pad_is_kept_where_a_window_misses_the_input() -> None:
    assert "Fill" in operations(padded_convolutions([((0, 0), (3, 0))]))


def test_a_pad_is_kept_where_its_output_is_read_elsewhere(tmp_path: Path) -> None:
    tflite = padded_convolutions([((0, 0), (1, 1))], shown=True)
    assert "Fill" in operations(tflite)
    compile_model(tflite, tmp_path, "model")
    assert set(differences(tflite, tmp_path, steps=4).values()) == {0}
