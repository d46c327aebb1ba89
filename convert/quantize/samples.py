"""Samples of what a model will take: a NumPy .npz with an array per input, whose first axis counts the samples."""

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stapes.firmware_sim.errors import DatasetError


@dataclass(frozen=True)
class Input:
    """An input of a model: its name in the signature, its shape, and its dtype as NumPy names it."""

    name: str
    shape: tuple[int, ...]
    dtype: str

    def __str__(self) -> str:
        """Return the input as messages name it."""
        return f"{self.name}, {self.dtype} {list(self.shape)}"


def read_samples(path: Path, inputs: Sequence[Input]) -> list[list[np.ndarray]]:
    """Return the samples: for each, an array per input, in the order of `inputs` and with its shape and dtype.

    The array of an input of shape [1, 49, 10] has the shape [samples, 49, 10] or [samples, 1, 49, 10]. Any
    floating-point type is taken for float32.
    Raises DatasetError for a file that is no .npz, for arrays that are missing, left over, empty, or of another shape,
    type or number of samples than the model's inputs, and for values that are not finite.
    """
    arrays = _read(path)
    names = [one.name for one in inputs]
    wanted = ", ".join(f"{name}=..." if name.isidentifier() else f"**{{{name!r}: ...}}" for name in names)
    missing = [str(one) for one in inputs if one.name not in arrays]
    unknown = sorted(set(arrays) - {one.name for one in inputs})
    if missing or unknown:
        takes = f"has no array for the model's input {missing[0]}" if missing else "holds more than the model takes"
        raise DatasetError(
            f"{path}: {takes}; it holds {', '.join(sorted(arrays)) or 'nothing'}; "
            f"write it with np.savez('{path.name}', {wanted})"
        )
    columns = [_checked(path, arrays[one.name], one) for one in inputs]
    counts = {one.name: len(column) for one, column in zip(inputs, columns, strict=True)}
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"{count} of {name}" for name, count in counts.items())
        raise DatasetError(f"{path}: holds {listed}; every sample needs an array for each input")
    return [list(sample) for sample in zip(*columns, strict=True)]


def _read(path: Path) -> dict[str, np.ndarray]:
    try:
        file = np.load(path, allow_pickle=False)
        if isinstance(file, np.ndarray):
            raise DatasetError(f"{path}: is a single array; write it with np.savez, which names the arrays")
        with file:
            return {name: file[name] for name in file.files}
    except OSError as error:
        raise DatasetError(f"{path}: {error.strerror or error}; give a .npz with an array per input") from error
    except (ValueError, EOFError, zipfile.BadZipFile, MemoryError) as error:
        raise DatasetError(f"{path}: is no whole .npz of plain arrays; write one with np.savez") from error


def _checked(path: Path, array: np.ndarray, wanted: Input) -> np.ndarray:
    """Return the array with an axis of samples in front of the input's shape, as the input's dtype."""
    place, whole = f"{path}: array {wanted.name}", wanted.shape
    shapes = {whole, whole[1:]} if whole[:1] == (1,) else {whole}
    if array.ndim == 0 or array.shape[1:] not in shapes:
        expected = " or ".join(str(["samples", *shape]).replace("'", "") for shape in sorted(shapes, key=len))
        raise DatasetError(f"{place} has shape {list(array.shape)}; the input {wanted} needs {expected}")
    if not len(array):
        raise DatasetError(f"{place} holds no sample; give some dozens of what the model will take")
    floats = wanted.dtype == "float32" and np.issubdtype(array.dtype, np.floating)
    if not floats and array.dtype != wanted.dtype:
        raise DatasetError(
            f"{place} is {array.dtype}, but the input is {wanted.dtype}; scale the values as the model takes them, "
            f"then use astype('{wanted.dtype}')"
        )
    with np.errstate(over="ignore"):
        made = array.astype(wanted.dtype).reshape(len(array), *whole)
    if floats and not np.isfinite(made).all():
        first = int(np.flatnonzero(~np.isfinite(made.reshape(len(made), -1)).all(axis=1))[0])
        raise DatasetError(f"{place} has NaN, or a value beyond float32, in sample {first}; leave that sample out")
    return made
