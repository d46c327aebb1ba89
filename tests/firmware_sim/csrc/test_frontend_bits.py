"""Every build of the frontend computes the same bits, and inputs that were made to overflow it do not."""

import subprocess
import threading
import zlib
from pathlib import Path

import numpy as np
import pytest
from big_endian import build_big_endian, needs_big_endian
from frontend_inputs import CONFIGS, Int16s, clicks, random_samples, worst_frames

from stapes.firmware_sim._native import lib
from stapes.firmware_sim.device.frontend import Frontend, FrontendConfig, make_tables
from stapes.firmware_sim.sources import CSRC, INCLUDE_DIRS, source

# CRC-32 of all log2 values of random samples and of clicks. A change of one needs a new STAPES_FRONTEND_ARITHMETIC.
GOLDEN = {
    "32/16 ms": (0xB54833D3, 0x195FABF7),
    "25/10 ms": (0x4B67147D, 0x07736060),
    "vibration": (0xD7BF1FA1, 0x78C815CA),
    "smallest": (0x6C78EF63, 0x689471B2),
    "largest": (0xA8A663D8, 0x6B7798B7),
    "odd power": (0x0165974F, 0x46191488),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_golden_checksums(name: str) -> None:
    frontend = Frontend(make_tables(CONFIGS[name]))
    samples = 4 * CONFIGS[name].window_samples + 3000
    got = tuple(
        zlib.crc32(frontend.log2(pcm).astype("<i2").tobytes()) for pcm in (random_samples(samples, 0), clicks(samples))
    )
    assert got == GOLDEN[name]


def test_random_chunks_vs_the_whole_recording() -> None:
    frontend = Frontend(make_tables(CONFIGS["25/10 ms"]))
    window, hop = 400, 160
    pcm, rng = random_samples(6000, 0), np.random.default_rng(3)
    kept, rows = pcm[:0], []
    while len(pcm):
        size = rng.integers(1, 700)
        kept, pcm = np.concatenate([kept, pcm[:size]]), pcm[size:]
        rows.append(frontend.features(kept))
        kept = kept[hop * len(rows[-1]) :]
    assert len(kept) < window
    assert np.array_equal(np.concatenate(rows), frontend.features(random_samples(6000, 0)))


def build_sanitized(compiler: str, folder: Path, *flags: str) -> Path:
    program = folder / f"{compiler}{''.join(flags)}"
    sources = [str(Path(__file__).parent / "frontend_sanitized.c"), str(CSRC / "frontend" / "stapes_frontend.c")]
    warnings = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wmissing-prototypes", "-Werror"]
    command = [compiler, "-std=c99", *warnings, *flags, f"-I{CSRC / 'frontend'}", *sources, "-o", str(program)]
    subprocess.run(command, check=True, capture_output=True, text=True)
    return program


def assert_same_bits(program: Path, config: FrontendConfig, frames: Int16s, folder: Path, order: str = "<") -> None:
    """Compare the program's frames with those of this machine. order: the byte order of the program's numbers."""
    tables, pcm, out = folder / "tables.bin", folder / "frames.pcm", folder / "out.bin"
    tables.write_bytes(make_tables(config))
    pcm.write_bytes(frames.astype(f"{order}i2").tobytes())
    done = subprocess.run([program, tables, pcm, out], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    frontend = Frontend(tables.read_bytes())
    rows = np.frombuffer(out.read_bytes(), np.uint8).reshape(-1, 3 * config.n_bands)
    assert len(rows) == len(frames) // config.window_samples
    for row, frame in zip(rows, frames.reshape(-1, config.window_samples), strict=True):
        assert np.array_equal(row[: 2 * config.n_bands].copy().view(f"{order}i2"), frontend.log2(frame)[0])
        assert np.array_equal(row[2 * config.n_bands :].view(np.int8), frontend.features(frame)[0])


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_worst_inputs_and_fuzz_under_sanitizers(compiler: str, tmp_path: Path) -> None:
    program = build_sanitized(
        compiler, tmp_path, "-O1", "-g", "-fsanitize=undefined,address", "-fno-sanitize-recover=all"
    )
    rng = np.random.default_rng(8)
    for config in CONFIGS.values():
        noise = [rng.integers(-(2**bits), 2**bits, 3 * config.window_samples) for bits in (0, 3, 9, 15)]
        square = [rng.choice([-32_768, 32_767], 8 * config.window_samples)]
        frames = np.concatenate([worst_frames(config), *(part.astype(np.int16) for part in noise + square)])
        assert_same_bits(program, config, frames, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("compiler", ["gcc", "clang"])
@pytest.mark.parametrize("optimization", ["-O0", "-Os", "-O2", "-O3"])
def test_the_same_bits_from_every_compiler_and_optimization(compiler: str, optimization: str, tmp_path: Path) -> None:
    program = build_sanitized(compiler, tmp_path, optimization)
    for config in CONFIGS.values():
        frames = random_samples(12 * config.window_samples, 0)
        assert_same_bits(program, config, np.concatenate([worst_frames(config), frames]), tmp_path)


@needs_big_endian
@pytest.mark.parametrize("optimization", ["-O0", "-O2"])
def test_a_big_endian_processor_computes_the_same_bits(optimization: str, tmp_path: Path) -> None:
    sources = [Path(__file__).parent / "frontend_sanitized.c", CSRC / "frontend" / "stapes_frontend.c"]
    program = build_big_endian(sources, [CSRC / "frontend"], tmp_path / "frontend", optimization)
    for config in CONFIGS.values():
        frames = random_samples(12 * config.window_samples, 0)
        assert_same_bits(program, config, np.concatenate([worst_frames(config), frames]), tmp_path, ">")


HEADERS = ["stapes_frontend.h", "stapes_detector.h"]
INCLUDES = [f"-I{folder}" for folder in INCLUDE_DIRS]


def files_read(*options: str) -> set[str]:
    listed = subprocess.run(["gcc", "-std=c99", "-M", *options], capture_output=True, text=True, check=True).stdout
    return {name for name in listed.split() if name.endswith(".h")}


@pytest.mark.parametrize("header", HEADERS)
def test_the_headers_need_no_more_than_stdint_and_stddef(header: str) -> None:
    read = files_read(*INCLUDES, str(source(header)))
    allowed = files_read("-include", "stdint.h", "-include", "stddef.h", "-x", "c", "/dev/null")
    assert {name for name in read if not Path(name).is_relative_to(CSRC)} <= allowed


@pytest.mark.parametrize("header", HEADERS)
@pytest.mark.parametrize(("c", "cpp"), [("gcc", "g++"), ("clang", "clang++")])
def test_a_cpp_program_calls_the_frontend(c: str, cpp: str, header: str, tmp_path: Path) -> None:
    main, program, frontend = tmp_path / "main.cpp", tmp_path / "program", tmp_path / "frontend.o"
    main.write_text(f'#include "{header}"\nint main() {{ return stapes_frontend_init(nullptr, 0); }}\n')
    subprocess.run([c, "-std=c99", "-c", CSRC / "frontend" / "stapes_frontend.c", "-o", frontend], check=True)
    warnings = ["-std=c++11", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]
    subprocess.run([cpp, *warnings, *INCLUDES, main, frontend, "-o", program], check=True)
    assert subprocess.run([program], check=False).returncode == lib.STAPES_FRONTEND_NOT_TABLES


def test_other_threads_run_while_features_are_made() -> None:
    """The interpreter lock is released: otherwise no other thread could run during a call."""
    frontend, pcm = Frontend(make_tables(FrontendConfig()), lanes=1), np.zeros(16_000 * 300, np.int16)
    done, ticks = threading.Event(), 0

    def tick() -> None:
        nonlocal ticks
        while not done.wait(0.001):
            ticks += 1

    thread, most = threading.Thread(target=tick), 0
    thread.start()
    for _ in range(20):  # on a busy machine the other thread may wake up too late
        before = ticks
        frontend.features(pcm)
        most = max(most, ticks - before)
        if most >= 5:
            break
    done.set()
    thread.join()
    assert most >= 5
