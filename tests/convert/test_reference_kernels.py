"""The fast kernels against their plain specification, csrc/nn/reference, without LiteRT in between."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from big_endian import BigEndianModel, needs_big_endian
from compiler_models import (
    every_move,
    every_operator,
    every_operator_of_int16,
    every_operator_of_values,
    every_shift,
    four_bits,
    svdf_of_tflite_micro,
)
from reference_kernels import KERNELS, REFERENCE, compile_with_reference_kernels

from benchmarks.tflite_models import cnn_gru_step, ds_cnn
from stapes.convert.compile import compile_model
from stapes.convert.verify import random_inputs
from stapes.firmware_sim.device.host import CompiledModel
from stapes.firmware_sim.machines.boards import FOLDER
from stapes.firmware_sim.sources import source

MODELS = {
    "every_operator": every_operator,
    "every_move": every_move,
    "every_operator_of_values": every_operator_of_values,
    "every_operator_of_int16": every_operator_of_int16,
    "every_shift": every_shift,
    "four_bits": four_bits,
    "svdf_of_tflite_micro": svdf_of_tflite_micro,
    "cnn_gru": cnn_gru_step,
    "ds_cnn": ds_cnn,
}
QUICK = ("every_operator", "every_operator_of_int16", "four_bits")
SLOW_MARKED = [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in MODELS]
STEPS = 12


def outputs_of(folder: Path, seed: int = 0) -> list[tuple[np.ndarray, ...]]:
    """What a compiled model answers to random inputs, extremes first."""
    model, rng = CompiledModel(folder), np.random.default_rng(seed)
    return [model.run(*random_inputs(model, rng, step)) for step in range(STEPS)]


@pytest.mark.parametrize("layout", ["portable", "cortex-m", "helium", "host"])
@pytest.mark.parametrize("name", MODELS)
def test_every_layout_of_the_kernels_equals_the_specification(name: str, layout: str, tmp_path: Path) -> None:
    tflite = MODELS[name]()
    compile_with_reference_kernels(tflite, tmp_path / "plain", name)
    compile_model(tflite, tmp_path / "fast", name, layout)
    for plain, fast in zip(outputs_of(tmp_path / "plain"), outputs_of(tmp_path / "fast"), strict=True):
        for expected, found in zip(plain, fast, strict=True):
            np.testing.assert_array_equal(found, expected)


@needs_big_endian
@pytest.mark.parametrize("name", SLOW_MARKED)
def test_a_big_endian_processor_equals_the_specification(name: str, tmp_path: Path) -> None:
    """The C of the default target, which is the same for every processor."""
    tflite = MODELS[name]()
    compile_with_reference_kernels(tflite, tmp_path / "plain", name)
    compile_model(tflite, tmp_path / "fast", name)
    plain, rng = CompiledModel(tmp_path / "plain"), np.random.default_rng(0)
    steps = [random_inputs(plain, rng, step) for step in range(STEPS)]
    there = BigEndianModel(tmp_path / "fast", tmp_path / "program").run_steps(steps)
    for step, found in zip(steps, there, strict=True):
        for expected, output in zip(plain.run(*step), found, strict=True):
            np.testing.assert_array_equal(output, expected)


@pytest.mark.parametrize("single_file", [False, True])
@pytest.mark.parametrize("target", ["cortex-m", "helium", "host"])
def test_a_model_that_is_packed_for_little_endian_processors_is_refused_by_the_compiler_of_a_big_endian_one(
    target: str, single_file: bool, tmp_path: Path
) -> None:
    if shutil.which("arm-none-eabi-gcc") is None:
        pytest.skip("needs arm-none-eabi-gcc")
    compile_model(ds_cnn(), tmp_path, "model", target, single_file=single_file)
    libc = ["-isystem", str(FOLDER / "libc")]
    command = ["arm-none-eabi-gcc", "-mcpu=cortex-r5", "-mbig-endian", "-std=c99", "-ffreestanding", "-fsyntax-only"]
    done = subprocess.run([*command, *libc, tmp_path / "model.c"], capture_output=True, text=True)
    assert done.returncode == 1
    assert "is packed for a kind of little-endian processors: compile it with --target portable" in done.stderr


def test_every_kernel_has_a_specification() -> None:
    """A kernel that stapes_nn.h declares has a plain form, and the tests link it in the kernel's place."""
    kernels = set(re.findall(r"^STAPES_NN_API void stapes_nn_(\w+)\(", source("stapes_nn.h").read_text(), re.MULTILINE))
    declared = set(
        re.findall(
            r"^void stapes_nn_reference_(\w+)\(", (REFERENCE / "stapes_nn_reference.h").read_text(), re.MULTILINE
        )
    )
    linked = set(re.findall(r"^STAPES_NN_API void stapes_nn_(\w+)\(", KERNELS.read_text(), re.MULTILINE))
    assert len(kernels) >= 13
    assert declared == kernels
    assert linked == kernels


@pytest.mark.parametrize("name", SLOW_MARKED)
def test_the_specification_has_no_undefined_behaviour(name: str, tmp_path: Path) -> None:
    """Compiled so that an overflow, a bad shift or an index out of bounds ends the process."""
    compile_with_reference_kernels(MODELS[name](), tmp_path / "plain", name)
    compiler = tmp_path / "cc"
    compiler.write_text('#!/bin/sh\nexec gcc -fsanitize=undefined,bounds -fsanitize-undefined-trap-on-error "$@"\n')
    compiler.chmod(0o755)
    code = (
        "import sys, numpy as np\nfrom pathlib import Path\nfrom stapes.convert.verify import random_inputs\n"
        "from stapes.firmware_sim.device.host import CompiledModel\n"
        "model, rng = CompiledModel(Path(sys.argv[1])), np.random.default_rng(1)\n"
        f"for step in range({STEPS}): model.run(*random_inputs(model, rng, step))"
    )
    environment = os.environ | {"CC": str(compiler), "XDG_CACHE_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "plain")], env=environment, check=False)
    assert done.returncode == 0
