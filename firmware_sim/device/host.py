"""A generated model on this machine: its C is built once, kept in a cache, and run through cffi."""

import hashlib
import os
import platform
import shutil
import subprocess
import threading
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import cffi
import numpy as np

from stapes.firmware_sim._native import ffi, lib
from stapes.firmware_sim.device.model_description import MODEL_JSON, TensorSpec, read_model_description
from stapes.firmware_sim.errors import ConfigError, ToolchainError

FLAGS: tuple[str, ...] = ("-std=c99", "-O3", "-march=native", "-fPIC", "-shared", "-Wall", "-Wextra")
FLAGS += ("-fno-semantic-interposition",)  # lets the compiler inline a step into the loop over steps
FLAGS += ("-fno-tree-vectorize",)  # the kernels use vector types where these help; other vectors only add code
# Rows of a few dozen int8 are too short for 512-bit vectors: GCC's code with them takes 1.5 times as long.
if platform.machine() in ("x86_64", "AMD64"):
    FLAGS += ("-mprefer-vector-width=256",)

ROOM_STEPS = 64  # `run` allocates the outputs of this many calls at a time

FLATTENED_CALLS = 300  # calls of kernels up to which all are inlined; the C compiler takes a minute for a thousand

# All C is one translation unit, with static kernels that `flatten` inlines: the C compiler sees the sizes of a layer
# where it compiles the layer's kernel. `inputs` holds the inputs of all steps, one step after the other; `outputs`
# takes their outputs.
_UNIT = """#define STAPES_NN_API static
{includes}

/* Python allocates the memory that model.json states: C of another size is refused here. */
typedef char {name}_needs_the_ram_that_model_json_states[sizeof({name}_t) == {ram} ? 1 : -1];

void {name}_steps(void *self, int32_t steps, const char *inputs, char *outputs);
{flatten}void {name}_steps(void *self, int32_t steps, const char *inputs, char *outputs)
{{
    for (; steps > 0; steps--) {{
        {name}_step(self, {arguments});
        inputs += {input_bytes};
        outputs += {output_bytes};
    }}
}}
"""


class CompiledModel:
    """The library that `stapes compile` wrote into a folder, built for this machine.

    >>> model = CompiledModel(Path("pops.stapes/c"))     # doctest: +SKIP
    >>> (scores,) = model.run(features)                  # doctest: +SKIP

    `inputs` and `outputs` describe the arrays that `run` takes and returns, in the model's order; `sizes` holds the
    bytes of ram, arena, states, weights, channels and tables, and the macs (multiply-accumulates per step).

    Raises ToolchainError without a working C compiler, DetectorFolderError when the folder holds no generated model.
    The C in the folder is built and run, so only name folders that you trust.
    """

    def __init__(self, folder: Path | str, defines: tuple[str, ...] = ()) -> None:
        self.folder = Path(folder)
        description = read_model_description(self.folder)
        self.name = description.name
        self.inputs, self.outputs = description.inputs, description.outputs
        self.sizes: dict[str, int] = asdict(description.sizes)
        self._library = cffi.FFI()
        self._library.cdef(f"void {self.name}_reset(void *); void {self.name}_steps(void *, int32_t, char *, char *);")
        functions = self._library.dlopen(str(build_shared(self.folder, defines)))
        self._reset = getattr(functions, f"{self.name}_reset")
        self._memory = ffi.new("int64_t[]", self.sizes["ram"] // 8 + 1)
        self._model = ffi.new("stapes_host_model *")
        address = int(self._library.cast("intptr_t", getattr(functions, f"{self.name}_steps")))
        self._model.function = ffi.cast("stapes_host_steps", address)
        self._model.self = self._memory
        self._input_starts, self._input_bytes = _layout(self.inputs)
        starts, self._model.output_bytes = _layout(self.outputs)
        self._expected = [(np.dtype(tensor.dtype), tensor.shape) for tensor in self.inputs]
        # For a model with one input, so that `run` needs no loop over inputs, which took a sixth of its time.
        self._dtype: np.dtype = self._expected[0][0]
        self._shape = self._expected[0][1]
        self._parts = [
            (slice(start, start + tensor.nbytes), np.dtype(tensor.dtype), tensor.shape)
            for start, tensor in zip(starts, self.outputs, strict=True)
        ]
        self._room: Iterator[tuple[np.ndarray, ...]] = iter(())
        self.reset()

    def run(self, *inputs: np.ndarray) -> tuple[np.ndarray, ...]:
        """Run one step: arrays of the inputs' shapes and dtypes to new arrays of the outputs' shapes and dtypes.

        Raises ConfigError for another number of arrays, another shape or another dtype.
        """
        if (
            len(inputs) == 1 == len(self._expected)
            and inputs[0].dtype == self._dtype
            and inputs[0].shape == self._shape
        ):
            joined = inputs[0].tobytes()
        else:
            joined = self._join(inputs)
        outputs = next(self._room, None)
        if outputs is None:
            arrays = self._make_room(ROOM_STEPS)
            self._room = zip(*([array[step, ...] for step in range(ROOM_STEPS)] for array in arrays), strict=True)
            outputs = next(self._room)
        lib.stapes_host_run(self._model, 1, joined)
        return outputs

    def _join(self, inputs: tuple[np.ndarray, ...]) -> bytes:
        """Return the bytes of all inputs of a step. Raises ConfigError as `run` does."""
        self._require_number(inputs)
        joined = b""
        expected = zip(inputs, self._expected, self._input_starts)  # noqa: B905 -- equally long; `strict` would cost time
        for values, (dtype, shape), start in expected:
            if values.dtype != dtype or values.shape != shape:
                wanted = ", ".join(f"{tensor.dtype} {list(tensor.shape)}" for tensor in self.inputs)
                raise ConfigError(f"{self.name} takes {wanted}, got {values.dtype} {list(values.shape)}")
            joined = joined.ljust(start, b"\0") + values.tobytes()
        return joined

    def _require_number(self, inputs: tuple[np.ndarray, ...]) -> None:
        if len(inputs) != len(self.inputs):
            raise ConfigError(f"{self.name} takes {len(self.inputs)} inputs, got {len(inputs)}")

    def run_steps(self, *inputs: np.ndarray) -> tuple[np.ndarray, ...]:
        """Run many steps in one call, without holding the interpreter lock.

        Takes an array [steps, *shape] per input and returns a new array [steps, *shape] per output. Raises ConfigError
        for another number of arrays, another shape or another dtype.
        """
        self._require_number(inputs)
        steps = len(inputs[0])
        for array, tensor in zip(inputs, self.inputs, strict=True):
            if array.dtype != tensor.dtype or array.shape != (steps, *tensor.shape):
                wanted = f"{tensor.dtype} {[steps, *tensor.shape]}"
                raise ConfigError(f"{self.name} takes {wanted}, got {array.dtype} {list(array.shape)}")
        parts = [np.ascontiguousarray(array).reshape(steps, -1).view(np.int8) for array in inputs]
        joined = parts[0] if len(parts) == 1 else np.zeros((steps, self._input_bytes), np.int8)
        for part, start in zip(parts if len(parts) > 1 else (), self._input_starts, strict=False):
            joined[:, start : start + part.shape[1]] = part
        outputs = self._make_room(steps)
        self._room = iter(())  # the next call of `run` makes room of its own
        lib.stapes_host_run(self._model, steps, ffi.from_buffer(joined))
        return tuple(outputs)

    def _make_room(self, steps: int) -> list[np.ndarray]:
        """Let the outputs of the next steps go to new memory; return it as an array [steps, *shape] per output."""
        room = np.empty((steps, self._model.output_bytes), np.int8)
        self._model.outputs = ffi.from_buffer(room)
        return [room[:, part].view(dtype).reshape(steps, *shape) for part, dtype, shape in self._parts]

    def reset(self) -> None:
        """Set every state to its initial value."""
        self._reset(self._library.cast("void *", self._memory))


def build_shared(folder: Path, defines: tuple[str, ...] = ()) -> Path:
    """Compile the .c files of a folder into a shared library and return its path in the user's cache.

    The same sources, flags and compiler are built only once. Raises ToolchainError when there is no C compiler or it
    refuses the sources, DetectorFolderError when the folder holds no generated model.
    """
    compiler, unit, flags, target = _plan_build(folder, defines)
    if not target.exists():
        # Several processes and threads may build the same library at once, each under a name of its own.
        fresh = target.with_suffix(f".{os.getpid()}.{threading.get_ident()}.so")
        command = [compiler, *flags, f"-I{folder}", "-x", "c", "-", "-o", str(fresh)]
        done = subprocess.run(command, input=unit, capture_output=True, text=True, check=False)
        if done.returncode:
            lines = done.stderr.splitlines() or ["no message"]
            message = next((line for line in lines if "error" in line), lines[0])
            raise ToolchainError(f"{compiler} could not build {folder}: {message}")
        fresh.replace(target)
    return target


def is_built(folder: Path) -> bool:
    """Return whether exactly these sources were built on this machine before: then its user has trusted them."""
    return (folder / MODEL_JSON).is_file() and _plan_build(folder, ())[-1].exists()


def _plan_build(folder: Path, defines: tuple[str, ...]) -> tuple[str, str, tuple[str, ...], Path]:
    """Return the compiler, the translation unit, the flags, and the path of the library in the cache."""
    name = os.environ.get("CC", "cc")
    compiler = shutil.which(name)
    if compiler is None:
        raise ToolchainError(
            f"no C compiler found: there is no program {name!r}; install one (Debian: apt-get install gcc) or set CC"
        )
    unit = _unit(folder)
    flags = (*FLAGS, *(f"-D{define}" for define in defines))
    files = sorted([*folder.glob("*.c"), *folder.glob("*.h")])
    return compiler, unit, flags, _cache() / f"{_key(compiler, flags, unit, files)}.so"


def _unit(folder: Path) -> str:
    """Return all C of a folder as one translation unit, with a loop over steps."""
    description = read_model_description(folder)
    (input_starts, input_bytes), (output_starts, output_bytes) = map(_layout, (description.inputs, description.outputs))
    arguments = [f"(const void *)(inputs + {start})" for start in input_starts]
    arguments += [f"(void *)(outputs + {start})" for start in output_starts]
    name = description.name
    sources = sorted(folder.glob("*.c"), key=lambda path: (path.stem == name, path.name))
    calls = (folder / f"{name}.c").read_text(encoding="utf-8").count("\n    stapes_nn_")
    return _UNIT.format(
        name=name,
        flatten="__attribute__((flatten)) " if calls <= FLATTENED_CALLS else "",
        includes="\n".join(f'#include "{path.name}"' for path in sources),
        arguments=", ".join(arguments),
        ram=description.sizes.ram,
        input_bytes=input_bytes,
        output_bytes=output_bytes,
    )


def _layout(tensors: Sequence[TensorSpec]) -> tuple[list[int], int]:
    """Return the byte at which each tensor of a step begins, aligned to its type, and the bytes of a step."""
    starts, end = [], 0
    for tensor in tensors:
        starts.append(-(-end // tensor.width) * tensor.width)
        end = starts[-1] + tensor.nbytes
    widest = max(tensor.width for tensor in tensors)
    return starts, -(-end // widest) * widest


def _cache() -> Path:
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "stapes" / "host"
    base.mkdir(parents=True, exist_ok=True)
    return base


def _key(compiler: str, flags: tuple[str, ...], unit: str, files: list[Path]) -> str:
    """Return a hash of the sources, the flags, and the instruction set that -march=native stands for here."""
    macros = subprocess.run(
        [compiler, "-march=native", "-dM", "-E", "-x", "c", "/dev/null"], capture_output=True, check=False
    ).stdout
    digest = hashlib.sha256(macros + " ".join(flags).encode() + unit.encode())
    for file in files:
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:32]
