"""A PAD before a convolution becomes the padding of the convolution's kernel, with the bits of LiteRT's reference kernels."""

from pathlib import Path

import pytest

from benchmarks.tflite_models import Layers
from stapes.convert.compile import compile_model, plan_model
from stapes.convert.verify import differences

BORDERS = [((0, 0), (1, 1)), ((0, 0), (0, 1)), ((2, 0), (1, 0)), ((1, 2), (2, 2))]


def padded_convolutions(borders: tuple, kernel: tuple[int, int] = (3, 3), shown: bool = False) -> bytes:
    """CONV_2D and DEPTHWISE_CONV_2D of stride 1 and 2 behind one PAD each; `shown` makes the padded tensors outputs."""
    net, outputs = Layers(7), []
    for channels in (3, 8):
        for stride in ((1, 1), (2, 2)):
            for kind in ("conv", "depthwise"):
                name = f"{kind}{channels}_{stride[0]}"
                x = net.input(f"x_{name}", (1, 5, 7, channels), (0.05, -7))
                (top, bottom), (left, right) = borders
                shape = (1, 5 + top + bottom, 7 + left + right, channels)
                constant = net.builder.constant(f"borders_{name}", [(0, 0), *borders, (0, 0)])
                padded = net.simple("PAD", f"padded_{name}", [x, constant], shape, (0.05, -7), "PadOptions")
                outputs += [padded] * shown
                more = (6,) if kind == "conv" else ()
                outputs.append(getattr(net, kind)(name, padded, kernel, *more, stride=stride, same=False))
    return net.builder.finish(outputs)


def operations(tflite: bytes) -> list[str]:
    return [type(operation).__name__ for operation in plan_model(tflite, "model").placement.operations]


@pytest.mark.parametrize("borders", BORDERS, ids=str)
def test_kernels_pad_in_place_of_pad_with_the_bits_of_litert_reference(tmp_path: Path, borders: tuple) -> None:
    tflite = padded_convolutions(borders)
    assert set(operations(tflite)) == {"Call"}
    compile_model(tflite, tmp_path, "model")
    for layout in ("ROWS", "DSP", "MVE", "HOST"):
        found = differences(tflite, tmp_path, steps=4, defines=(f"STAPES_NN_LAYOUT=STAPES_NN_{layout}",))
        assert set(found.values()) == {0}, layout


@pytest.mark.parametrize(
    ("borders", "kernel", "shown"), [(((0, 0), (3, 0)), (3, 3), False), (((0, 0), (1, 1)), (3, 3), True)]
)
def test_a_pad_is_kept_where_a_window_misses_the_input_or_its_output_is_read_elsewhere(
    tmp_path: Path, borders: tuple, kernel: tuple[int, int], shown: bool
) -> None:
    tflite = padded_convolutions(borders, kernel, shown)
    assert "Fill" in operations(tflite)
    compile_model(tflite, tmp_path, "model")
    assert set(differences(tflite, tmp_path, steps=4).values()) == {0}
