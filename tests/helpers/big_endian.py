"""Programs of a big-endian processor, a 32-bit PowerPC, which QEMU runs on this computer."""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from stapes.firmware_sim.device.model_description import ModelDescription, TensorSpec, read_model_description

COMPILER, EMULATOR = "powerpc-linux-gnu-gcc", "qemu-ppc"
STRICT = ("-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wmissing-prototypes", "-Werror")

needs_big_endian = pytest.mark.skipif(
    not (shutil.which(COMPILER) and shutil.which(EMULATOR)), reason=f"needs {COMPILER} and {EMULATOR}"
)


def build_big_endian(sources: Sequence[Path], include_dirs: Sequence[Path], out: Path, *flags: str) -> Path:
    """Build a program and return a script of the name `out` that runs it with its own arguments.

    Raises AssertionError with what the compiler says, which must not even warn.
    """
    program = out.with_suffix(".elf")
    options = [*STRICT, *flags, "-static", *(f"-I{folder}" for folder in include_dirs)]
    done = subprocess.run([COMPILER, *options, *sources, "-o", program], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    out.write_text(f'#!/bin/sh\nexec {EMULATOR} "{program}" "$@"\n')
    out.chmod(0o755)
    return out


class BigEndianModel:
    """A model that `stapes compile` wrote into a folder, as a program of the big-endian processor.

    `outputs` describes the arrays that `run_steps` returns for each step.
    """

    def __init__(self, folder: Path, out: Path) -> None:
        description = read_model_description(folder)
        self.outputs = description.outputs
        main = out.with_suffix(".c")
        main.write_text(_program(description))
        self._script = build_big_endian([*sorted(folder.glob("*.c")), main], [folder], out, "-O2")

    def run_steps(self, steps: Sequence[Sequence[np.ndarray]]) -> list[tuple[np.ndarray, ...]]:
        """Return the outputs of each step from its inputs, as CompiledModel.run does."""
        given = b"".join(array.astype(array.dtype.newbyteorder(">")).tobytes() for step in steps for array in step)
        there = subprocess.run([self._script], input=given, capture_output=True, check=True).stdout
        kinds = [np.dtype(tensor.dtype).newbyteorder(">") for tensor in self.outputs]
        found, at = [], 0
        for _ in steps:
            outputs = []
            for tensor, kind in zip(self.outputs, kinds, strict=True):
                outputs.append(np.frombuffer(there, kind, tensor.nbytes // kind.itemsize, at).reshape(tensor.shape))
                at += tensor.nbytes
            found.append(tuple(outputs))
        assert at == len(there)
        return found


def _program(model: ModelDescription) -> str:
    """Return C that reads the inputs of each step from stdin and writes the outputs to stdout."""
    inputs = {f"in{i}": tensor for i, tensor in enumerate(model.inputs)}
    outputs = {f"out{i}": tensor for i, tensor in enumerate(model.outputs)}
    arrays = "\n".join(_array(name, tensor) for name, tensor in (inputs | outputs).items())
    read = " && ".join(f"fread({name}, sizeof {name}, 1, stdin) == 1" for name in inputs)
    written = "\n".join(f"        fwrite({name}, sizeof {name}, 1, stdout);" for name in outputs)
    return f"""#include <stdio.h>
#include "{model.name}.h"

static {model.name}_t model;
{arrays}

int main(void)
{{
    {model.name}_reset(&model);
    while ({read}) {{
        {model.name}_step(&model, {", ".join(inputs | outputs)});
{written}
    }}
    return 0;
}}
"""


def _array(name: str, tensor: TensorSpec) -> str:
    kind = "float" if tensor.dtype == "float32" else f"{tensor.dtype}_t"
    return f"static {kind} {name}[{tensor.nbytes // tensor.width}];"
