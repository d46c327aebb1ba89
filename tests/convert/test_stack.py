"""The stack of a generated model: a bound from the call graph, and the painted stack of an emulated board below it."""

from pathlib import Path

import pytest
from compiler_models import every_operator

from stapes.convert.compile import compile_model, plan_model
from stapes.convert.emit.module import Module
from stapes.firmware_sim.errors import ToolchainError
from stapes.firmware_sim.machines.boards import BOARDS
from stapes.firmware_sim.machines.emulator import run
from stapes.firmware_sim.machines.firmware import build_firmware
from stapes.firmware_sim.machines.stack import stack_bound


def _main(module: Module) -> str:
    sizes = [module.graph.tensors[number].count for number in (*module.graph.inputs, *module.graph.outputs)]
    arrays = "\n".join(f"static int8_t x{i}[{size}];" for i, size in enumerate(sizes))
    names = ", ".join(f"x{i}" for i in range(len(sizes)))
    return f"""#include "model.h"
{arrays}
static model_t model;
int main(void)
{{
    model_reset(&model);
    model_step(&model, {names});
    return 0;
}}
"""


SLOW = [pytest.param(board, marks=pytest.mark.slow) for board in ("cortex-m3", "riscv32")]


@pytest.mark.parametrize("board", ["cortex-m4", *SLOW])
def test_painted_stack_lies_below_the_bound_from_the_call_graph(tmp_path: Path, board: str) -> None:
    tflite = every_operator()
    compile_model(tflite, tmp_path / "c", "model")
    (tmp_path / "main.c").write_text(_main(plan_model(tflite, "model")))
    (tmp_path / "empty.c").write_text("int main(void) { return 0; }\n")
    sources = [tmp_path / "main.c", *sorted((tmp_path / "c").glob("*.c"))]
    bound = stack_bound(BOARDS[board], sources, "main", include_dirs=[tmp_path / "c"])
    painted = run(
        build_firmware(BOARDS[board], sources, tmp_path / "full.elf", include_dirs=[tmp_path / "c"])
    ).stack_bytes
    start_up = run(build_firmware(BOARDS[board], [tmp_path / "empty.c"], tmp_path / "empty.elf")).stack_bytes
    assert bound.path[:2] == ("main", "model_step")
    assert 100 < painted - start_up <= bound.bytes < 1000
    # libgcc's division, product and (RV32) 64-bit shifts: leaves, which the painted stack above covers
    assert set(bound.unknown) <= {"__aeabi_idiv", "__aeabi_lmul", "__divdi3", "__ashldi3", "__ashrdi3"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("int f(int n);\nint f(int n) { return n ? f(n - 1) + n * f(n - 2) : 1; }", "f calls f"),
        ("int f(int (*g)(void));\nint f(int (*g)(void)) { return g() + 1; }", "f calls __indirect_call"),
        ("int g(void);\nint g(void) { return 1; }", "no function f"),
    ],
)
def test_functions_whose_stack_has_no_bound_are_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "f.c").write_text(text + "\n")
    with pytest.raises(ToolchainError, match=message):
        stack_bound(BOARDS["cortex-m4"], [tmp_path / "f.c"], "f")
