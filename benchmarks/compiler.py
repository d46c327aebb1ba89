"""What compiled models cost on emulated boards: `make bench-compiler`.

Four models with seeded random weights (tflite_models.py, yamnet_model.py) are compiled and run on seven cores, and the
whole of YAMNet on two, where ../shared/models is beside this checkout (large_model.py). Printed
and written to results/compiler.csv: exact instructions of every layer and of a step, requantization included, and of
the same ELF the flash without weights, biases, multipliers and shifts, the activation RAM and the painted stack. The
outputs of every run are compared with LiteRT's `BUILTIN_REF`; a difference ends the benchmark.
"""

import argparse
import logging
import re
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from benchmarks import large_model, tflite_models, yamnet_model
from benchmarks.rows import write_rows
from stapes.convert.compile import CompileReport, compile_model, plan_model
from stapes.convert.emit.describe import table
from stapes.convert.emit.header import step_prototype
from stapes.convert.emit.module import Names, sizes_of
from stapes.convert.verify import Reference
from stapes.firmware_sim.errors import ModelError
from stapes.firmware_sim.machines.boards import BOARDS, Board
from stapes.firmware_sim.machines.emulator import RunResult, run
from stapes.firmware_sim.machines.firmware import Firmware, build_firmware
from stapes.firmware_sim.tflite.graph import Tensor
from stapes.runtime.console import show

logger = logging.getLogger("stapes.benchmarks.compiler")

MODELS: dict[str, Callable[[], bytes]] = {
    "ds_cnn": tflite_models.ds_cnn,
    "cnn_gru_step": tflite_models.cnn_gru_step,
    "dense_stack": tflite_models.dense_stack,
    "yamnet_6_layers": yamnet_model.yamnet_6_layers,
}
if large_model.YAMNET.is_file():
    MODELS["yamnet"] = large_model.YAMNET.read_bytes
MEASURED_BOARDS = [board.name for board in BOARDS.values() if board.stand_in is None]
FLAGS: tuple[str, ...] = ("-O2",)
VECTORS = 4  # inputs per run: both extremes, then random codes

_MAIN = """#include "stapes_board.h"
#include "{name}.h"

STAPES_REGION(step)

static {name}_t model;
static struct {{
{inputs}
}} given;
static struct {{
{outputs}
}} made;

int main(void)
{{
    const int32_t from = board_open("in.bin", 'r'), to = board_open("out.bin", 'w');
    {name}_reset(&model);
    while (board_read(from, &given, (int32_t)sizeof given) == (int32_t)sizeof given) {{
        STAPES_BEGIN(step);
        {name}_step(&model, {arguments});
        STAPES_END(step);
        board_write(to, &made, (int32_t)sizeof made);
    }}
    return 0;
}}
"""
_STATEMENT = re.compile(r"^    (?:stapes_nn_\w+\(&?(\w+?)(?:_table)?, .*|mem\w+\(.*/\* (\w+) \*/)$", re.MULTILINE)


@dataclass(frozen=True)
class Cost:
    """Cost of a step, or of one layer of it, on one board; `instructions` is the largest count over the inputs."""

    model: str
    board: str
    layer: str  # "step" for the whole step
    macs: int
    instructions: int
    code_bytes: int | None = None  # flash without weights, biases, multipliers and shifts
    activation_bytes: int | None = None
    stack_bytes: int | None = None


class Bench:
    """One model: its .tflite file, the inputs, and the outputs that LiteRT computes from them."""

    def __init__(self, name: str, tflite: bytes) -> None:
        self.name, self.tflite = name, tflite
        plain = plan_model(tflite, name, "portable")
        sizes = sizes_of(plain)
        self.constant_bytes = sizes.weights + sizes.channels
        self.step_prototype = step_prototype(plain, Names(plain))
        graph = plain.graph
        inputs, outputs = ([graph.tensors[number] for number in side] for side in (graph.inputs, graph.outputs))
        self.main = _main(name, inputs, outputs)
        reference, rng = Reference(tflite), np.random.default_rng(0)
        self.given = self.wanted = b""
        for vector in range(VECTORS):
            limits = [np.iinfo(tensor.dtype) for tensor in inputs]
            ranges = [((of.min, of.min), (of.max, of.max), (of.min, of.max))[min(vector, 2)] for of in limits]
            values = [
                rng.integers(low, high + 1, tensor.shape).astype(tensor.dtype)
                for tensor, (low, high) in zip(inputs, ranges, strict=True)
            ]
            self.given += b"".join(array.tobytes() for array in values)
            self.wanted += b"".join(array.tobytes() for array in reference.step(*values))

    def costs_of_layers(self, board: str, folder: Path) -> list[Cost]:
        """Compile, build, run and compare; a step first, then its layers in their order."""
        firmware, result, report = self.run_step(board, folder)
        source = folder / "c" / f"{self.name}.c"
        kernels = sorted(set((folder / "c").glob("*.c")) - {source})
        (folder / "marked.c").write_text(marked := _marked(source.read_text()))
        (folder / "empty.c").write_text(
            f'#include "{self.name}.h"\n\nvoid {self.name}_reset({self.name}_t *self) {{ (void)self; }}\n'
            f"{self.step_prototype}\n{{\n    (void)self;\n}}\n"
        )
        empty = _build(board, folder, "nothing", [folder / "empty.c"])
        step = Cost(
            model=self.name,
            board=board,
            layer="step",
            macs=report.sizes.macs,
            instructions=max(result.regions["step"]),
            code_bytes=firmware.flash_bytes - empty.flash_bytes - self.constant_bytes,
            activation_bytes=report.sizes.arena,
            stack_bytes=result.stack_bytes - run(empty, files={"in.bin": self.given}, count=False).stack_bytes,
        )
        macs = {row[0]: int(row[5] or 0) for row in report.layers[1:]}
        counts = self._run(_build(board, folder, "marked", [folder / "marked.c", *kernels])).regions
        names = re.findall(r"^STAPES_REGION\((\w+)\)", marked, re.MULTILINE)
        return [step] + [Cost(self.name, board, name, macs.get(name, 0), max(counts[name])) for name in names]

    def run_step(self, board: str, folder: Path) -> tuple[Firmware, RunResult, CompileReport]:
        """Compile, build, run and compare. Raises ModelError when an output differs from LiteRT's."""
        report = compile_model(self.tflite, folder / "c", self.name, _board(board).target)
        (folder / "main.c").write_text(self.main)
        firmware = _build(board, folder, "plain", sorted((folder / "c").glob("*.c")))
        return firmware, self._run(firmware), report

    def _run(self, firmware: Firmware) -> RunResult:
        result = run(firmware, files={"in.bin": self.given}, timeout_s=600)
        if result.fault or result.files.get("out.bin") != self.wanted:
            raise ModelError(f"{self.name} on {firmware.board.name} {result.fault or 'differs from BUILTIN_REF'}")
        return result


def _main(name: str, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> str:
    members = [
        "\n".join(f"    {tensor.dtype}_t a{number}[{tensor.count}];" for number, tensor in enumerate(side))
        for side in (inputs, outputs)
    ]
    arguments = [f"given.a{number}" for number in range(len(inputs))]
    arguments += [f"made.a{number}" for number in range(len(outputs))]
    return _MAIN.format(name=name, inputs=members[0], outputs=members[1], arguments=", ".join(arguments))


def _board(name: str) -> Board:
    return large_model.EXTERNAL_M55 if name == large_model.EXTERNAL_M55.name else BOARDS[name]


def _build(board: str, folder: Path, name: str, sources: Sequence[Path]) -> Firmware:
    files, flags = [folder / "main.c", *sources], FLAGS
    if board == large_model.EXTERNAL_M55.name:
        (folder / "first_vectors.c").write_text(large_model.FIRST_VECTORS)
        files, flags = [folder / "first_vectors.c", *files], (*FLAGS, *large_model.FIRST_VECTORS_FLAGS)
    return build_firmware(_board(board), files, folder / f"{name}.elf", include_dirs=[folder / "c"], flags=flags)


def _marked(source: str) -> str:
    """Count every statement of the step in a region of the layer's name."""
    start = source.index("_step(")
    end = source.index("\n}\n", start)
    names: list[str] = []

    def mark(match: re.Match[str]) -> str:
        name = match[1] or match[2]
        names.append(name + "_again" * names.count(name))
        return f"    STAPES_BEGIN({names[-1]});\n{match[0]}\n    STAPES_END({names[-1]});"

    body = _STATEMENT.sub(mark, source[start:end])
    regions = "".join(f"STAPES_REGION({name})\n" for name in names)
    head, tail = source[:start].rsplit("\n", 1)
    return f'#include "stapes_board.h"\n{head}\n{regions}{tail}{body}{source[end:]}'


def print_tables(costs: Sequence[Cost]) -> None:
    """Print a table of layers by boards for each model, then a table of bytes."""
    for model in dict.fromkeys(cost.model for cost in costs):
        by_place = {(cost.layer, cost.board): cost for cost in costs if cost.model == model}
        boards = tuple(dict.fromkeys(board for _, board in by_place))
        rows = [(f"{model}: instructions", "MACs", *boards)]
        for layer in dict.fromkeys(layer for layer, _ in by_place):
            here = [by_place[layer, board] for board in boards]
            rows.append((layer, str(here[0].macs or ""), *(f"{cost.instructions:,}" for cost in here)))
        whole = [by_place["step", board] for board in boards]
        rows.append(("per MAC", "", *(f"{cost.instructions / cost.macs:.2f}" for cost in whole)))
        for what in ("code", "activation", "stack"):
            rows.append((f"{what} bytes", "", *(f"{getattr(cost, what + '_bytes'):,}" for cost in whole)))
        print("\n".join(table(rows)) + "\n", flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print; write the CSV unless options chose some of the models or boards."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compiler", description=__doc__)
    parser.add_argument("--model", choices=MODELS, action="append", help="default: all")
    parser.add_argument(
        "--board", choices=[*MEASURED_BOARDS, large_model.EXTERNAL_M55.name], action="append", help="default: all"
    )
    parser.add_argument("--keep", type=Path, metavar="DIR", help="leave the generated C and the ELF files here")
    chosen = parser.parse_args(arguments)
    costs: list[Cost] = []
    with tempfile.TemporaryDirectory(prefix="stapes-bench-") as scratch:
        for model in chosen.model or MODELS:
            bench = Bench(model, MODELS[model]())
            possible = large_model.LARGE_BOARDS if model == "yamnet" else MEASURED_BOARDS
            for board in [board for board in possible if board in (chosen.board or possible)]:
                logger.info(f"{model} on {board}")
                costs += bench.costs_of_layers(board, (chosen.keep or Path(scratch)) / model / board)
    print_tables(costs)
    if not (chosen.model or chosen.board):
        write_rows("compiler", [asdict(cost) for cost in costs])


if __name__ == "__main__":
    show()
    main(sys.argv[1:])
