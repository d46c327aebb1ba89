"""No compiler warns about any file of the device's C."""

import shutil
import subprocess
from pathlib import Path

import pytest

from stapes.firmware_sim.machines.boards import BOARDS, FOLDER
from stapes.firmware_sim.machines.emulator import CACHE_SOURCE, COUNT_SOURCES
from stapes.firmware_sim.sources import CSRC

STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wmissing-prototypes", "-Werror"]
COMPILE = ["-std=c99", "-O2", *STRICT, "-fsyntax-only"]
INCLUDES = [f"-I{folder}" for folder in sorted({path.parent for path in CSRC.rglob("*.h")})]
RECORDING = CSRC / "frontend" / "stapes_recording.c"  # of the Python package, not of a device
COMPUTERS = {
    "gcc": ["gcc"],
    "gcc avx2": ["gcc", "-mavx2"],
    "clang": ["clang"],
    "arm64": ["aarch64-linux-gnu-gcc"],
}


def warnings(command: list[str], sources: list[Path]) -> str:
    """Return the compiler's messages about all files, which are compiled one at a time."""
    if shutil.which(command[0]) is None:
        pytest.skip(f"needs {command[0]}")
    return "".join(
        subprocess.run([*command, *COMPILE, path], capture_output=True, text=True).stderr for path in sources
    )


@pytest.mark.parametrize("compiler", COMPUTERS)
def test_no_compiler_of_a_computer_warns_about_the_c_of_the_device(compiler: str) -> None:
    assert warnings([*COMPUTERS[compiler], *INCLUDES], sorted(CSRC.rglob("*.c"))) == ""


@pytest.mark.parametrize("name", ["cortex-m0", "cortex-m4", "cortex-m55", "riscv32", "xtensa-lx106"])
def test_no_cross_compiler_warns_about_the_c_of_the_device_or_the_board(name: str) -> None:
    board = BOARDS[name]
    freestanding = ["-ffreestanding", "-isystem", str(FOLDER / "libc"), f"-I{FOLDER}"]
    defines = [
        f"-DBOARD_UART_{board.uart}",
        "-DBOARD_UART_ADDRESS=0u",
        "-DBOARD_TIMER_HZ=1u",
        "-DBOARD_GUARD_BYTES=64u",
    ]
    sources = sorted(path for path in CSRC.rglob("*.c") if path.parent.name not in ("host", "reference"))
    sources += [FOLDER / name for name in ("stapes_board.c", *board.architecture.start_up, "string.c")]
    command = [f"{board.architecture.tool_prefix}gcc", *board.cpu_flags, *freestanding, *defines, *INCLUDES]
    assert warnings(command, sources) == ""


def test_no_compiler_warns_about_the_programs_around_the_boards() -> None:
    sources = [FOLDER / "stapes_board_host.c", *(FOLDER / name for name in (*COUNT_SOURCES, CACHE_SOURCE))]
    assert warnings(["gcc", f"-I{FOLDER}"], sources) == ""


def test_no_compiler_of_a_big_endian_microcontroller_warns_about_the_portable_c() -> None:
    folders = ("frontend", "detector", "portable")
    sources = [path for path in sorted(CSRC.rglob("*.c")) if path.parent.name in folders and path != RECORDING]
    command = ["arm-none-eabi-gcc", "-mcpu=cortex-r5", "-mbig-endian", "-ffreestanding", "-isystem", FOLDER / "libc"]
    assert warnings([*map(str, command), *INCLUDES], sources) == ""


def test_python_on_a_big_endian_computer_is_refused_by_the_c_compiler() -> None:
    command = ["arm-none-eabi-gcc", "-mcpu=cortex-r5", "-mbig-endian", "-ffreestanding", "-isystem", FOLDER / "libc"]
    found = warnings([*map(str, command), *INCLUDES], [RECORDING])
    assert '#error "stapes in Python needs a little-endian computer' in found


@pytest.mark.parametrize("layout", ["DSP", "MVE", "HOST"])
def test_kernels_of_little_endian_processors_are_refused_by_the_compiler_of_a_big_endian_one(layout: str) -> None:
    command = ["arm-none-eabi-gcc", "-mcpu=cortex-r5", "-mbig-endian", "-ffreestanding", *INCLUDES]
    source = CSRC / "nn" / "portable" / "stapes_nn_conv.c"
    assert '#error "this model is packed for a kind of little-endian processors' in warnings(
        [*command, f"-DSTAPES_NN_LAYOUT=STAPES_NN_{layout}"], [source]
    )


@pytest.mark.parametrize(
    "source",
    [CSRC / "frontend" / "stapes_frontend.c", CSRC / "nn" / "portable" / "stapes_nn_conv.c"],
    ids=lambda source: source.parent.name,
)
def test_any_other_byte_order_is_refused_by_the_c_compiler(source: Path) -> None:
    order = ["-U__BYTE_ORDER__", "-D__BYTE_ORDER__=__ORDER_PDP_ENDIAN__"]
    assert "a little-endian or a big-endian processor" in warnings(["gcc", *order, *INCLUDES], [source])


@pytest.mark.parametrize(
    "source",
    [CSRC / "frontend" / "stapes_frontend.c", CSRC / "nn" / "portable" / "stapes_nn_conv.c"],
    ids=lambda source: source.parent.name,
)
def test_a_processor_with_an_int_of_16_bits_is_refused_by_the_c_compiler(source: Path) -> None:
    libc = ["-isystem", str(FOLDER / "libc")]
    found = warnings(["clang", "--target=msp430", "-ffreestanding", *libc, *INCLUDES], [source])
    assert "an int of 32 bits: build for a processor whose compiler has one" in found
