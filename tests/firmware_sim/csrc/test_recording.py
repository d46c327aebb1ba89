"""Several frames at a time give the same bits as one at a time, on this machine and on an emulated 64-bit Arm."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from frontend_inputs import CONFIGS, Int16s, clicks, random_samples, worst_frames

from stapes.firmware_sim._native import lib
from stapes.firmware_sim.device.frontend import Frontend, FrontendConfig, make_tables
from stapes.firmware_sim.sources import CSRC

WIDTHS = (4, 8, 16)
SOURCES = [
    Path(__file__).parent / "recording.c",
    CSRC / "frontend" / "stapes_recording.c",
    CSRC / "frontend" / "stapes_frontend.c",
]
ARM_TOOLS = ("aarch64-linux-gnu-gcc", "qemu-aarch64")


def recordings(config: FrontendConfig) -> list[Int16s]:
    """Return recordings of many frames, of fewer frames than lanes, of no frame, and of the loudest samples."""
    hop, window = config.hop_samples, config.window_samples
    noise = random_samples(40 * hop + window, 0)
    return [noise, noise[: 5 * hop + window], noise[: window - 1], clicks(9000), worst_frames(config)]


@pytest.mark.parametrize("name", CONFIGS)
def test_frames_in_lanes_vs_one_at_a_time(name: str) -> None:
    widest, tables = lib.stapes_recording_lanes(), make_tables(CONFIGS[name])
    if widest == 1:
        pytest.skip("this machine has no vectors that the frontend uses")
    one_at_a_time = Frontend(tables, lanes=1)
    for pcm in recordings(CONFIGS[name]):
        log2, features = one_at_a_time.log2(pcm), one_at_a_time.features(pcm)
        for lanes in (width for width in WIDTHS if width <= widest):
            frontend = Frontend(tables, lanes=lanes)
            assert np.array_equal(frontend.log2(pcm), log2)
            assert np.array_equal(frontend.features(pcm), features)


def build(compiler: str, folder: Path, *flags: str) -> Path:
    program = folder / "recording"
    warnings = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wmissing-prototypes", "-Werror"]
    command = [
        compiler,
        "-std=c99",
        *warnings,
        *flags,
        f"-I{CSRC / 'frontend'}",
        *map(str, SOURCES),
        "-o",
        str(program),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return program


def assert_same_bits(command: list[str], lanes: int, config: FrontendConfig, folder: Path) -> None:
    tables, pcm_file, out = folder / "tables.bin", folder / "samples.pcm", folder / "out.bin"
    tables.write_bytes(make_tables(config))
    frontend = Frontend(tables.read_bytes(), lanes=1)
    for pcm in recordings(config):
        pcm_file.write_bytes(pcm.astype("<i2").tobytes())
        done = subprocess.run(
            [*command, tables, pcm_file, str(lanes), out], capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert out.read_bytes() == frontend.log2(pcm).astype("<i2").tobytes() + frontend.features(pcm).tobytes()


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_lanes_under_sanitizers(compiler: str, tmp_path: Path) -> None:
    program = build(compiler, tmp_path, "-O1", "-g", "-fsanitize=undefined,address", "-fno-sanitize-recover=all")
    for lanes in (width for width in WIDTHS if width <= lib.stapes_recording_lanes()):
        for config in CONFIGS.values():
            assert_same_bits([str(program)], lanes, config, tmp_path)


@pytest.mark.skipif(not all(map(shutil.which, ARM_TOOLS)), reason=f"needs {' and '.join(ARM_TOOLS)}")
@pytest.mark.parametrize("optimization", ["-O1", "-O3"])
def test_neon_vs_this_machine(optimization: str, tmp_path: Path) -> None:
    program = build("aarch64-linux-gnu-gcc", tmp_path, optimization, "-static")
    for config in CONFIGS.values():
        assert_same_bits(["qemu-aarch64", str(program)], 4, config, tmp_path)
