"""Builds generated C with ASan and UBSan and runs it on arrays of the exact sizes; any report ends the program."""

import os
import resource
import subprocess
from pathlib import Path

import numpy as np

from stapes.convert.compile import compile_model, plan_model
from stapes.convert.verify import Reference

# Reads the inputs of step after step from stdin and writes the outputs to stdout.
_MAIN = """#include <stdio.h>
#include <stdlib.h>
#include "model.h"
int main(void)
{{
    model_t *self = malloc(sizeof *self);
{arrays}
    model_reset(self);
    while ({reads}) {{
        model_step(self, {names});
{writes}
    }}
    return 0;
}}
"""
SANITIZE = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g", "-O1", "-std=c99", "-march=native"]


class SanitizedModel:
    """The C of a model, compiled into `folder` and built with sanitizers."""

    def __init__(self, tflite: bytes, folder: Path, defines: tuple[str, ...] = ()) -> None:
        graph = plan_model(tflite, "model").graph
        self.inputs = [graph.tensors[number] for number in graph.inputs]
        self.outputs = [graph.tensors[number] for number in graph.outputs]
        compile_model(tflite, folder, "model")
        (folder / "main.c").write_text(self._main())
        self._program = folder / "main"
        sources = [str(path) for path in folder.glob("*.c")]
        command = ["gcc", *SANITIZE, *(f"-D{each}" for each in defines), *sources, "-o", str(self._program)]
        built = subprocess.run(command, capture_output=True, text=True)
        assert built.returncode == 0, built.stderr

    def _main(self) -> str:
        tensors = [*self.inputs, *self.outputs]
        names = [f"x{number}" for number in range(len(tensors))]
        arrays = [f"    {t.dtype}_t *{name} = malloc({t.nbytes});" for name, t in zip(names, tensors, strict=True)]
        pairs = list(zip(names, tensors, strict=True))
        reads = [f"fread({name}, {t.nbytes}, 1, stdin) == 1" for name, t in pairs[: len(self.inputs)]]
        writes = [f"        fwrite({name}, {t.nbytes}, 1, stdout);" for name, t in pairs[len(self.inputs) :]]
        return _MAIN.format(
            arrays="\n".join(arrays), reads=" && ".join(reads), names=", ".join(names), writes="\n".join(writes)
        )

    def run(self, steps: list[list[np.ndarray]]) -> bytes:
        """Return the bytes of the outputs of all steps. Raises AssertionError with the report of a sanitizer."""
        given = b"".join(array.tobytes() for arrays in steps for array in arrays)
        environment = {"ASAN_OPTIONS": "detect_leaks=0"}
        done = subprocess.run([str(self._program)], input=given, capture_output=True, env=environment, timeout=60)
        assert (done.returncode, done.stderr) == (0, b""), done.stderr.decode(errors="replace")[:2000]
        return done.stdout

    def random_steps(self, seed: int, count: int = 4) -> list[list[np.ndarray]]:
        """Return inputs of `count` steps: the lowest codes in the first one, then random ones."""
        rng, steps = np.random.default_rng(seed), []
        for step in range(count):
            limits = [np.iinfo(tensor.dtype) for tensor in self.inputs]
            steps.append(
                [
                    rng.integers(limit.min, limit.max + 1 if step else limit.min + 1, tensor.count).astype(tensor.dtype)
                    for limit, tensor in zip(limits, self.inputs, strict=True)
                ]
            )
        return steps


def litert_outputs(tflite: bytes, steps: list[list[np.ndarray]]) -> bytes | None:
    """Return the same bytes as `SanitizedModel.run`, by LiteRT's reference kernels; None when LiteRT fails.

    It runs in a child process, because damaged models that C is generated from may still crash LiteRT.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            reference = Reference(tflite)
            outputs = b"".join(output.tobytes() for arrays in steps for output in reference.step(*arrays))
            with os.fdopen(writing, "wb") as file:
                file.write(outputs)
            os._exit(0)
        finally:
            os._exit(1)
    os.close(writing)
    with os.fdopen(reading, "rb") as file:
        data = file.read()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return data if status == 0 else None
