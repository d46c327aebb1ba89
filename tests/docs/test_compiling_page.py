"""docs/compiling.md: each way of compiling gives C that the page's program runs, and Python finds no difference."""

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from page_blocks import ROOT, Block, read_blocks
from page_stage import Stage

from stapes.convert.lower.foreign import CONVERT_AGAIN
from stapes.convert.verify import differences
from stapes.firmware_sim.device.host import CompiledModel
from stapes.firmware_sim.machines import boards

BLOCKS = read_blocks(ROOT / "docs" / "compiling.md")
COMPILE, PROGRAM, BUILD, PYTHON = (
    next(block for block in BLOCKS if text in block.text)
    for text in ("stapes compile ", "int main", "cc -O2", "import compile_model")
)


def block_with(*texts: str) -> Block:
    """Return the block of the page that holds these texts; its title counts."""
    return next(block for block in BLOCKS if all(text in f"{block.title}\n{block.text}" for text in texts))


@pytest.fixture(scope="module")
def stage(compiled_detector: Path, tmp_path_factory: pytest.TempPathFactory) -> Stage:
    stage = Stage(tmp_path_factory.mktemp("compiling"), compiled_detector, {})
    stage.prepare("kws.tflite")
    stage.run(COMPILE)
    return stage


def for_folder(block: Block, folder: str) -> Block:
    return replace(block, text=block.text.replace("kws_c", folder))


def test_every_command_writes_a_folder_of_its_own(stage: Stage) -> None:
    folders = re.findall(r"--out (\w+)", COMPILE.text)
    assert folders == ["kws_c", "kws_m4", "kws_one", "kws_plan"]
    assert all((stage.folder / folder / "kws.h").is_file() for folder in folders)


@pytest.mark.parametrize("folder", ["kws_c", "kws_one", "kws_plan"])
def test_the_program_of_the_page_prints_a_score_per_class(stage: Stage, folder: str) -> None:
    stage.run(PROGRAM)
    assert len(stage.run(for_folder(BUILD, folder)).split()) == 12


def test_a_model_with_float_borders_is_compiled_as_the_page_says(stage: Stage) -> None:
    stage.prepare("trained.tflite")
    shown = stage.run(block_with("compile trained.tflite --out trained_c"))
    assert all(line in shown.splitlines() for line in block_with("float32 in the file").text.splitlines())
    stage.run(block_with("trained_main.c", "int main"))
    scores = [float(score) for score in stage.run(block_with("./trained_main")).split()]
    stage.run(block_with("--float-interface"))
    features = np.float32(0.1) * np.arange(8, dtype=np.float32).reshape(1, 8)
    (made,) = CompiledModel(stage.folder / "trained_float").run(features)
    assert scores == [round(float(score), 4) for score in made[0]]


@pytest.mark.slow
def test_the_page_quantizes_a_keras_model_with_the_lines_that_the_error_prints(stage: Stage) -> None:
    """A batch is the first axis, and LiteRT agrees about it."""
    pytest.importorskip("tensorflow")
    assert "\n".join(line.strip() for line in CONVERT_AGAIN[1:]) in block_with("from_keras_model").text
    for block in (block_with("from_keras_model"), block_with("python quantize.py"), block_with("--batch")):
        stage.run(block)
    tflite = (stage.folder / "dense.tflite").read_bytes()
    assert CompiledModel(stage.folder / "dense_batch").inputs[0].shape == (4, 8, 16)
    assert set(differences(tflite, stage.folder / "dense_batch", steps=4, batch=4).values()) == {0}


@pytest.mark.parametrize(
    ("script", "memories", "expected"),
    [
        ("stm32h7.ld", ("FLASH", "QUADSPI", "ITCMRAM"), {"_weights": "QUADSPI", "stapes_nn_conv": "ITCMRAM"}),
        ("imxrt.ld", ("BOARD_FLASH", "SRAM_ITC", "SRAM_DTC"), {"_weights": "SRAM_DTC", "stapes_nn_conv": "SRAM_ITC"}),
    ],
)
def test_a_linker_script_of_the_page_places_kernels_and_weights(
    stage: Stage, script: str, memories: tuple[str, ...], expected: dict[str, str]
) -> None:
    """Referee: the addresses that the linker gave to every array of weights and to a kernel."""
    if shutil.which("arm-none-eabi-gcc") is None:
        pytest.skip("needs arm-none-eabi-gcc")
    regions = "".join(f"  {name} (rwx) : ORIGIN = {(at + 1) << 28}, LENGTH = 1M\n" for at, name in enumerate(memories))
    rest = f"  .text : {{ *(.text*) *(.rodata*) }} >{memories[0]}\n  .data : {{ *(.data* .bss*) }} >{memories[0]}\n"
    (stage.folder / script).write_text(
        f"MEMORY\n{{\n{regions}}}\nSECTIONS\n{{\n{block_with(script).text}{rest}}}\n", encoding="utf-8"
    )
    macro = '-DKWS_CONST=__attribute__((section(".ext_flash")))' if script == "stm32h7.ld" else "-DKWS_CONST="
    command = ["arm-none-eabi-gcc", "-mcpu=cortex-m7", "-mthumb", "-O2", "-isystem", str(boards.FOLDER / "libc")]
    command += ["-ffreestanding", "-ffunction-sections", macro, "-c", "kws_one/kws.c", "-o", "kws.o"]
    subprocess.run(command, cwd=stage.folder, check=True)
    link = ["arm-none-eabi-ld", "--unresolved-symbols=ignore-all", "-e0", "-T", script, "kws.o", "-o", "kws.elf"]
    subprocess.run(link, cwd=stage.folder, check=True)
    symbols = subprocess.run(["arm-none-eabi-nm", "kws.elf"], cwd=stage.folder, capture_output=True, text=True).stdout
    for end, memory in expected.items():
        places = {int(line.split()[0], 16) >> 28 for line in symbols.splitlines() if line.endswith(end)}
        assert places == {memories.index(memory) + 1}


def test_the_python_of_the_page_finds_no_difference(stage: Stage) -> None:
    shown = stage.run(PYTHON).splitlines()
    assert shown[0] == "{'scores': 0}"
    assert int(shown[1].split()[0]) > 0
