"""The frontend computes the same bits on emulated boards as here, within budgets of instructions, flash and RAM."""

import shutil
import subprocess
from pathlib import Path

import frontend_inputs
import numpy as np
import pytest

from benchmarks import frontend_reference as reference
from benchmarks.frontend_boards import SOURCES, BoardRun, build, code_bytes, run_on_board
from stapes.firmware_sim.device.frontend import Frontend, FrontendConfig, make_tables
from stapes.firmware_sim.machines.boards import BOARDS, FOLDER, RISCV, Board
from stapes.firmware_sim.machines.firmware import Firmware, build_firmware
from stapes.firmware_sim.sources import CSRC, INCLUDE_DIRS

pytestmark = pytest.mark.skipif(
    not (shutil.which("qemu-system-arm") and shutil.which("arm-none-eabi-gcc")),
    reason="needs QEMU and arm-none-eabi-gcc",
)
CONFIGS = {
    "32/16 ms": FrontendConfig(),
    "25/10 ms": FrontendConfig(window_samples=400, hop_samples=160),
    "whole spectrum": FrontendConfig(band_scale="htk", f_min_hz=0, f_max_hz=8000),
    "vibration": FrontendConfig(
        sample_rate_hz=1600,
        n_fft=256,
        window_samples=250,
        hop_samples=61,
        n_bands=32,
        band_scale="linear",
        f_min_hz=5,
        f_max_hz=800,
        dc_blocker=True,
    ),
}
# Instructions per frame, with an FFT of 512 points and 40 bands.
BUDGETS = {
    "cortex-m4": {"25/10 ms": 25_000, "32/16 ms": 25_000, "whole spectrum": 30_000},
    "cortex-m55": dict.fromkeys(("25/10 ms", "32/16 ms", "whole spectrum"), 10_000),
    "cortex-m3": dict.fromkeys(("25/10 ms", "32/16 ms", "whole spectrum"), 33_000),
    "cortex-m0-large": dict.fromkeys(("25/10 ms", "32/16 ms", "whole spectrum"), 100_000),
    "riscv32": dict.fromkeys(("25/10 ms", "32/16 ms", "whole spectrum"), 33_000),
}


def samples() -> reference.Int16s:
    parts = [reference.noise(level, 1500) for level in (-70, -3)]
    return reference.as_int16(np.concatenate([*parts, np.sign(reference.sine(0, 440, 800)), np.zeros(600)]))


def run_and_compare(firmware: Firmware, config: FrontendConfig) -> BoardRun:
    board, frontend = run_on_board(firmware, config, samples()), Frontend(make_tables(config))
    assert np.array_equal(board.log2, frontend.log2(samples()))
    assert np.array_equal(board.features, frontend.features(samples()))
    return board


@pytest.mark.parametrize("board", [name for name in BOARDS if name != "cortex-m0"])
def test_the_same_bits_on_every_board(board: str, tmp_path: Path) -> None:
    firmware = build(board, tmp_path)
    runs = {name: run_and_compare(firmware, config) for name, config in CONFIGS.items()}
    assert runs["32/16 ms"].init < 1000
    for name, most in BUDGETS.get(board, {}).items():
        assert runs[name].frame <= most, name


SIZES = {
    **frontend_inputs.CONFIGS,
    "even power": FrontendConfig(n_fft=128, window_samples=100, hop_samples=50, n_bands=7),
}


@pytest.mark.parametrize("name", SIZES)
def test_vectors_of_four_points_compute_the_same_bits_for_every_size_and_the_worst_inputs(
    name: str, tmp_path: Path
) -> None:
    config = SIZES[name]
    samples = 4 * config.window_samples + 300
    parts = [frontend_inputs.random_samples(samples, 0), frontend_inputs.clicks(samples)]
    pcm = np.concatenate([*parts, frontend_inputs.worst_frames(config).ravel()])[:40_000]
    board, frontend = run_on_board(build("cortex-m55", tmp_path), config, pcm), Frontend(make_tables(config))
    assert np.array_equal(board.log2, frontend.log2(pcm))
    assert np.array_equal(board.features, frontend.features(pcm))


@pytest.mark.slow
@pytest.mark.parametrize("board", ["cortex-m0-large", "cortex-m3", "cortex-m4", "cortex-m55", "riscv32"])
@pytest.mark.parametrize("optimization", ["-O0", "-Os", "-O3"])
def test_the_same_bits_at_every_optimization(board: str, optimization: str, tmp_path: Path) -> None:
    firmware = build(board, tmp_path, (optimization,))
    for config in CONFIGS.values():
        run_and_compare(firmware, config)


def assembled_by_clang(board: Board, optimization: str, folder: Path) -> Path:
    """Return the frontend compiled by clang to assembly, which the board's GNU tools can assemble."""
    target = "riscv32-none-elf" if board.architecture is RISCV else "arm-none-eabi"
    flags = [f"--target={target}", *board.cpu_flags, "-std=c99", "-ffreestanding", "-fno-addrsig", optimization]
    assembly = folder / "stapes_frontend.s"
    command = [
        "clang",
        *flags,
        "-isystem",
        FOLDER / "libc",
        "-S",
        CSRC / "frontend" / "stapes_frontend.c",
        "-o",
        assembly,
    ]
    subprocess.run(command, check=True)
    lines = assembly.read_text().splitlines(keepends=True)
    assembly.write_text(
        "".join(line for line in lines if not line.startswith("\t.cpu\t"))
    )  # clang has other names for some
    return assembly


@pytest.mark.slow
# Debian's clang compiles for no Xtensa.
@pytest.mark.parametrize("board", [name for name in BOARDS if name not in ("cortex-m0", "xtensa-lx106")])
@pytest.mark.parametrize("optimization", ["-O0", "-Os", "-O2", "-O3"])
def test_the_same_bits_from_clang_on_every_board(board: str, optimization: str, tmp_path: Path) -> None:
    if shutil.which("clang") is None:
        pytest.skip("clang is not installed")
    sources = [assembled_by_clang(BOARDS[board], optimization, tmp_path), *SOURCES[1:]]
    firmware = build_firmware(BOARDS[board], sources, tmp_path / "frontend.elf", include_dirs=INCLUDE_DIRS)
    for config in CONFIGS.values():
        run_and_compare(firmware, config)


@pytest.mark.slow
@pytest.mark.parametrize("core", ["cortex-m0", "cortex-m3", "cortex-m4", "cortex-m55", "cortex-m55+nomve"])
@pytest.mark.parametrize("optimization", ["-Os", "-O2"])
@pytest.mark.parametrize("compiler", [["arm-none-eabi-gcc"], ["clang", "--target=arm-none-eabi"]])
def test_the_loops_by_hand_leave_room_for_a_frame_pointer(
    compiler: list[str], optimization: str, core: str, tmp_path: Path
) -> None:
    warnings = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wmissing-prototypes", "-Werror"]
    flags = ["-mthumb", f"-mcpu={core}", "-std=c99", "-ffreestanding", optimization, "-fno-omit-frame-pointer"]
    files = [
        f"-I{FOLDER / 'libc'}",
        "-c",
        str(CSRC / "frontend" / "stapes_frontend.c"),
        "-o",
        str(tmp_path / "frontend.o"),
    ]
    done = subprocess.run([*compiler, *flags, *warnings, *files], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_flash_and_work_space_on_a_cortex_m4(tmp_path: Path) -> None:
    firmware = build("cortex-m4", tmp_path)
    assert code_bytes(firmware) + len(make_tables(CONFIGS["32/16 ms"])) <= 6 * 1024
    work = 4 * CONFIGS["32/16 ms"].n_fft
    assert work <= 2200
    assert run_on_board(firmware, CONFIGS["32/16 ms"], samples()).stack_bytes <= 512
