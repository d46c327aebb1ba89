"""The samples of `stapes quantize`: what fits the model is taken as the model takes it, all else is refused by name."""

from pathlib import Path

import numpy as np
import pytest

from stapes.convert.quantize.samples import Input, read_samples
from stapes.firmware_sim.errors import DatasetError

LEFT, RIGHT = Input("left", (1, 4, 2), "float32"), Input("right", (3,), "int32")
GOOD = {"left": np.arange(40.0).reshape(5, 4, 2), "right": np.arange(15, dtype=np.int32).reshape(5, 3)}


def written(path: Path, **arrays: np.ndarray) -> Path:
    np.savez(path, **arrays)  # type: ignore[arg-type]
    return path


def with_one(value: float) -> np.ndarray:
    array = GOOD["left"].copy()
    array[3, 1, 1] = value
    return array


@pytest.mark.parametrize("shape", [(5, 4, 2), (5, 1, 4, 2)])
def test_each_sample_has_an_array_per_input_in_the_order_of_the_model(shape: tuple[int, ...], tmp_path: Path) -> None:
    path = written(tmp_path / "s.npz", right=GOOD["right"], left=GOOD["left"].reshape(shape))
    samples = read_samples(path, [LEFT, RIGHT])
    assert len(samples) == 5
    for number, (left, right) in enumerate(samples):
        assert (left.dtype, right.dtype) == (np.float32, np.int32)
        assert np.array_equal(left, GOOD["left"][number][None])
        assert np.array_equal(right, GOOD["right"][number])


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (
            {"right": None},
            "has no array for the model's input right, int32 [3]; it holds left; write it with np.savez(",
        ),
        ({"other": np.zeros(5)}, "holds more than the model takes; it holds left, other, right"),
        ({"left": np.zeros((5, 2, 4))}, "array left has shape [5, 2, 4]; the input left, float32 [1, 4, 2] needs ["),
        (
            {"left": np.float64(1)},
            "array left has shape []; the input left, float32 [1, 4, 2] needs [samples, 4, 2] or",
        ),
        ({"left": np.zeros((0, 4, 2))}, "array left holds no sample"),
        ({"left": np.zeros((5, 4, 2), np.int16)}, "array left is int16, but the input is float32; scale the values"),
        ({"right": np.zeros((5, 3))}, "array right is float64, but the input is int32"),
        ({"right": np.zeros((4, 3), np.int32)}, "holds 5 of left, 4 of right; every sample needs an array for each"),
        ({"left": with_one(np.nan)}, "array left has NaN, or a value beyond float32, in sample 3"),
        ({"left": with_one(-np.inf)}, "array left has NaN, or a value beyond float32, in sample 3"),
        ({"left": with_one(1e39)}, "array left has NaN, or a value beyond float32, in sample 3"),
        ({"left": np.array([None])}, "is no whole .npz of plain arrays"),
    ],
)
def test_samples_that_do_not_fit_the_model_are_refused(
    changed: dict[str, np.ndarray | None], said: str, tmp_path: Path
) -> None:
    arrays = {name: array for name, array in (GOOD | changed).items() if array is not None}
    path = written(tmp_path / "s.npz", **arrays)
    with pytest.raises(DatasetError) as caught:
        read_samples(path, [LEFT, RIGHT])
    assert str(caught.value).startswith(f"{path}: {said}")


@pytest.mark.parametrize(
    ("content", "said"), [(None, "No such file"), (b"", "no whole .npz"), (b"no zip", "no whole .npz")]
)
def test_a_file_that_is_no_npz_is_refused_in_one_line(content: bytes | None, said: str, tmp_path: Path) -> None:
    path = tmp_path / "s.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DatasetError, match=said) as caught:
        read_samples(path, [LEFT])
    assert "\n" not in str(caught.value)


def test_a_damaged_npz_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "s.npz", **GOOD)
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 0x55
    path.write_bytes(data)
    with pytest.raises(DatasetError, match=r"no whole \.npz"):
        read_samples(path, [LEFT, RIGHT])


def test_an_array_without_a_name_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "s.npy", GOOD["left"])
    with pytest.raises(DatasetError, match=r"is a single array; write it with np\.savez"):
        read_samples(tmp_path / "s.npy", [LEFT])


@pytest.mark.parametrize("name", ["x", "serving_default_x:0", "tower/x"])
def test_the_line_in_the_message_writes_samples_under_the_names_of_the_model(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = written(tmp_path / "s.npz", other=np.zeros((5, 3)))
    with pytest.raises(DatasetError) as caught:
        read_samples(path, [Input(name, (1, 3), "float32")])
    line = str(caught.value).rpartition("write it with ")[2]
    exec(line.replace("...", "np.ones((5, 3))"), {"np": np})
    assert len(read_samples(path, [Input(name, (1, 3), "float32")])) == 5
