"""Compile one foreign .tflite and compare it with LiteRT: `python -m benchmarks.one_model FILE`, in its own process.

Printed is a JSON object per stage that was reached; each repeats what is known so far, so that the last line counts
even where LiteRT, or C that was compiled from the file, ends the process.
"""

import argparse
import json
import os
import resource
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from stapes.convert.compile import compile_model
from stapes.convert.verify import NoReferenceError, differences, with_intermediate_outputs
from stapes.firmware_sim.errors import ModelError
from stapes.firmware_sim.tflite.graph import Graph, read_model

MOST_MEMORY = 8 << 30  # bytes that the process may use
STEPS = 8  # with random inputs; states are kept between them
_BETWEEN_TYPES = ("QUANTIZE", "DEQUANTIZE")


@dataclass(frozen=True)
class Verdict:
    """What became of a file."""

    file: str
    form: str = ""  # the type that it computes in, and where its border has another one
    operators: str = ""  # with counts
    verdict: str = "failed"  # equal, differs, refused, no reference, or failed
    reasons: str = ""
    tensors: int = 0  # that were compared
    flash: int = 0  # bytes of weights, biases, multipliers and tables, without code
    ram: int = 0  # bytes of arena and states


def examine(file: Path, folder: Path) -> Iterator[Verdict]:
    """Yield what is known of a file after each stage. `folder` takes the C."""
    tflite, so_far = file.read_bytes(), Verdict(file.name)
    try:
        graph = read_model(tflite).main
        counts = Counter(operator.kind for operator in graph.operators)
        operators = ", ".join(f"{count} {kind}" for kind, count in counts.most_common())
        so_far = replace(so_far, form=form_of(graph), operators=operators, reasons="the compiler ended the process")
        yield so_far
        sizes = compile_model(tflite, folder / "plain", "model").sizes
    except ModelError as error:
        yield replace(so_far, verdict="refused", reasons=_all_reasons(error))
        return
    flash = sizes.weights + sizes.channels + sizes.tables
    so_far = replace(so_far, flash=flash, ram=sizes.ram, reasons="LiteRT, or the compiled C, ended the process")
    yield so_far
    try:
        found = differences(tflite, folder / "plain", STEPS)
    except (NoReferenceError, RuntimeError, ValueError) as error:  # the last two are LiteRT's
        yield replace(so_far, verdict="no reference", reasons=str(error))
        return
    yield _compared(so_far, found)
    every = with_intermediate_outputs(tflite)
    compile_model(every, folder / "every", "model")
    yield _compared(so_far, {**differences(every, folder / "every", STEPS), **found})


def _compared(so_far: Verdict, found: dict[str, int]) -> Verdict:
    """Return the verdict about tensors with these numbers of values that differ."""
    differing = [f"{count} values of {name}" for name, count in found.items() if count]
    verdict = "differs" if differing else "equal"
    return replace(so_far, verdict=verdict, reasons=", ".join(differing), tensors=len(found))


def _all_reasons(error: ModelError) -> str:
    """Return all lines of a refusal except for the advice, which is the same for every file."""
    return "\n".join([error.args[0], *(line for line in error.listed if not line.startswith(("To ", "    ")))])


def form_of(graph: Graph) -> str:
    """Return the type that most operators of a model compute in, and its border's where that is float32."""
    inner = [one for one in graph.operators if one.kind not in _BETWEEN_TYPES]
    types = Counter(graph.tensors[number].dtype for one in inner for number in one.outputs)
    constants = {
        graph.tensors[number].dtype
        for one in graph.operators
        for number in one.inputs
        if number >= 0 and graph.tensors[number].data is not None
    }
    form = next((dtype for dtype, _ in types.most_common() if dtype in ("int8", "uint8", "int16", "float32")), "other")
    if form == "float32":
        return "float16 weights" if "float16" in constants else "dynamic range" if "int8" in constants else "float32"
    border = {graph.tensors[number].dtype for number in (*graph.inputs, *graph.outputs)}
    return f"{form}, float32 border" if "float32" in border else form


def main(arguments: Sequence[str] | None = None) -> None:
    """Examine one file and print a line of JSON per stage."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.one_model", description=__doc__)
    parser.add_argument("file", type=Path)
    file = parser.parse_args(arguments).file
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CACHE_HOME"] = folder  # what is built from foreign files is not kept
        for verdict in examine(file, Path(folder)):
            print(json.dumps(asdict(verdict)), flush=True)


if __name__ == "__main__":
    main()
