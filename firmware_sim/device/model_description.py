"""model.json: what programs need to know about a generated model without reading its C.

`ModelDescription` is written by the compiler and read by everything that builds or runs the C. An
inconsistent description is refused, because its sizes become memory and its names become C.
"""

import json
import math
import re
from collections.abc import Callable
from dataclasses import MISSING, asdict, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from stapes.firmware_sim.device.plain_json import shortened
from stapes.firmware_sim.errors import ConfigError, DetectorFolderError
from stapes.firmware_sim.tflite.graph import RANKS

MODEL_JSON = "model.json"
LARGEST = 2**31 - 1  # of every size and count: the C counts with int32
LARGEST_SCALE = (2 - 2**-23) * 2.0**127  # of float32, in which a .tflite states it
T = TypeVar("T")
_ZERO_POINTS = {"int8": (-128, 127), "uint8": (0, 255), "int16": (-(1 << 15), (1 << 15) - 1), "int32": (0, 0)}
_WIDTHS = {"int8": 1, "uint8": 1, "int16": 2, "float32": 4, "int32": 4, "int64": 8}  # bytes of a value


@dataclass(frozen=True, kw_only=True)
class TensorSpec:
    """An input or output of a step: real value = scale * (q - zero_point); float32, int64, and int32 without a scale
    are the values themselves.

    The fields can also be read as in model.json, by name: `spec["shape"]`. Raises ConfigError for a wrong type, a dtype
    that no step has, a shape with no values or too many, and an impossible quantization.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str = "int8"
    scale: float | None  # None, together with zero_point: the model gives no quantization
    zero_point: int | None

    def __post_init__(self) -> None:
        _require(isinstance(self.name, str) and self.name != "", "name", self.name, "a text")
        known = isinstance(self.dtype, str) and self.dtype in _WIDTHS
        _require(known, "dtype", self.dtype, "int8, uint8, int16, int32, int64 or float32")
        _require(len(self.shape) <= RANKS, "shape", self.shape, f"at most {RANKS} axes")
        _require(all(map(_is_size, self.shape)) and all(self.shape), "shape", self.shape, "whole numbers from 1 on")
        _require(self.nbytes <= LARGEST, "shape", self.shape, f"at most {LARGEST} bytes")
        if self.scale is None and self.zero_point is None:
            return
        _require(self.dtype in _ZERO_POINTS, "scale", self.scale, f"none, as {self.dtype} has none")
        positive = type(self.scale) in (int, float) and 0 < (self.scale or 0) <= LARGEST_SCALE
        _require(positive, "scale", self.scale, f"a number above 0, at most {LARGEST_SCALE:.4g}")
        low, high = _ZERO_POINTS[self.dtype]
        inside = type(self.zero_point) is int and low <= self.zero_point <= high
        _require(inside, "zero_point", self.zero_point, f"a whole number from {low} to {high}")

    def __getitem__(self, name: str) -> Any:
        """Return the field of this name. Raises KeyError when there is none."""
        if name not in self.__dataclass_fields__:
            raise KeyError(name)
        return getattr(self, name)

    @property
    def count(self) -> int:
        """Return how many values the tensor holds."""
        return math.prod(self.shape)

    @property
    def width(self) -> int:
        """Return the bytes of a value."""
        return _WIDTHS[self.dtype]

    @property
    def nbytes(self) -> int:
        """Return the bytes of all values."""
        return self.count * self.width


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """Exact sizes in bytes, equal to the #defines in the header, and the multiply-accumulates per step."""

    ram: int  # sizeof(NAME_t): arena and states
    arena: int
    states: int
    weights: int  # of the largest packing, where the C holds several
    channels: int  # biases, multipliers, shifts
    tables: int
    macs: int

    def __post_init__(self) -> None:
        for field in fields(self):
            size = getattr(self, field.name)
            most = 2**63 - 1 if field.name == "macs" else LARGEST
            _require(_is_size(size, most), field.name, size, f"a whole number from 0 to {most}")


@dataclass(frozen=True, kw_only=True)
class ModelDescription:
    """A generated model. Raises ConfigError for a name that C does not allow, and as TensorSpec and Sizes do.

    Inputs and outputs stand in the order of the arguments of NAME_step.
    """

    name: str  # what all names in the C begin with
    sha256: str  # of the .tflite that the C was generated from, hexadecimal
    target: str  # kind of processor that the weights are packed for
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    states: tuple[str, ...]  # names
    sizes: Sizes
    files: tuple[str, ...]  # all files that were generated, without folders

    def __post_init__(self) -> None:
        _require(_matches(r"[A-Za-z_]\w*", self.name), "name", self.name, "a name in C")
        _require(_matches(r"[0-9a-f]{64}", self.sha256), "sha256", self.sha256, "64 hexadecimal digits")
        _require(isinstance(self.target, str), "target", self.target, "a text")
        _require(len(self.inputs) > 0, "inputs", self.inputs, "at least one")
        _require(len(self.outputs) > 0, "outputs", self.outputs, "at least one")
        _require(all(isinstance(name, str) for name in self.states), "states", self.states, "names")
        for name in self.files:
            _require(_matches(r"\w[\w.-]*", name), "files", name, "names of files without folders")

    def to_json(self) -> str:
        """Return the text of model.json."""
        return json.dumps(asdict(self), indent=2) + "\n"


def read_model_description(folder: Path) -> ModelDescription:
    """Read the model.json of a folder of generated C.

    Raises DetectorFolderError when it is missing or damaged, with the command that generates the C.
    """
    path = folder / MODEL_JSON
    try:
        return _description(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, RecursionError) as error:
        raise DetectorFolderError(
            f"{path}: no generated model here ({_reason(error)}); write one: stapes compile MODEL.tflite --out {folder}"
        ) from error


def tensor_from(content: object) -> TensorSpec:
    """Return the tensor that an object of JSON describes. Raises ConfigError for what is missing, unknown or wrong."""
    return _object(TensorSpec, content, shape=_list_of(lambda size: size))


def _description(content: object) -> ModelDescription:
    tensors, names = _list_of(tensor_from), _list_of(lambda name: name)
    return _object(
        ModelDescription,
        content,
        inputs=tensors,
        outputs=tensors,
        states=names,
        files=names,
        sizes=lambda sizes: _object(Sizes, sizes),
    )


def _object(kind: type[T], content: object, **read: Callable[[object], object]) -> T:
    """Make a dataclass of an object of JSON; `read` converts the fields that are neither texts nor numbers."""
    if not isinstance(content, dict):
        raise ConfigError(f"{kind.__name__} is {shortened(content)}: need an object")
    known = {field.name: field.default is MISSING for field in fields(kind)}  # type: ignore[arg-type]  # a dataclass
    if unknown := sorted(set(content) - set(known)):
        raise ConfigError(f"{', '.join(map(shortened, unknown))} in {kind.__name__} is unknown to this stapes")
    if missing := [name for name, required in known.items() if required and name not in content]:
        raise ConfigError(f"{', '.join(missing)} missing in {kind.__name__}")
    return kind(**{name: read[name](value) if name in read else value for name, value in content.items()})


def _list_of(read: Callable[[object], object]) -> Callable[[object], tuple[object, ...]]:
    def read_all(content: object) -> tuple[object, ...]:
        if not isinstance(content, list):
            raise ConfigError(f"{shortened(content)} stands where a list is needed")
        return tuple(map(read, content))

    return read_all


def _is_size(value: object, most: int = LARGEST) -> bool:
    return type(value) is int and 0 <= value <= most


def _matches(pattern: str, value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(pattern, value, re.ASCII) is not None


def _require(holds: bool, name: str, value: object, needed: str) -> None:
    if not holds:
        raise ConfigError(f"{name} is {shortened(value)}: need {needed}")


def _reason(error: Exception) -> str:
    return (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
