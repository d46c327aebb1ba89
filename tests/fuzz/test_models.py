"""Damaged models: the compiler refuses them in one line, or its C is right and stays inside of its arrays."""

import functools
import os
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from compiler_models import (
    every_border,
    every_move,
    every_operator,
    every_operator_of_int16,
    every_operator_of_values,
    svdf_of_tflite_micro,
    tiny_step,
)
from damage import NUMBERS, damaged_bytes
from fuzzing import SEED, Files, Fuzzer, fuzz, inputs, keep
from lstm_models import Lstm
from models_without_shapes import dilated, without_batch_size
from sanitized import SanitizedModel, litert_outputs

from benchmarks.tflite_models import cnn_gru_step
from stapes.convert.compile import plan_model
from stapes.convert.emit import source
from stapes.convert.emit.module import sizes_of
from stapes.firmware_sim.errors import StapesError

LAYOUTS = ("ROWS", "DSP", "MVE", "HOST")
MACS_MAX = 10_000_000  # of models that are run; a damaged size may ask for hours


@functools.cache
def models() -> tuple[bytes, ...]:
    lstm = Lstm(in_size=7, units=6, cell_clip=1.0).tflite()
    own = tiny_step(), every_operator(), cnn_gru_step(), lstm, every_border(), svdf_of_tflite_micro()
    return (*own, every_operator_of_values(), every_operator_of_int16(), every_move(), without_batch_size(), dilated())


def damaged_model(chance: random.Random) -> bytes:
    """Return a model with 1 to 8 changes of bytes and of the words that a FlatBuffer consists of; sometimes cut off."""
    data = bytearray(chance.choice(models()))
    for _ in range(chance.randint(1, 8)):
        at = chance.randrange(len(data))
        if chance.random() < 0.5:
            data[at] = chance.randrange(256)
        else:
            data[at & ~3 : (at & ~3) + 4] = (chance.choice(NUMBERS) % (1 << 32)).to_bytes(4, "little")
    if chance.random() < 0.1:
        return damaged_bytes(chance, bytes(data))
    return bytes(data)


def _make(chance: random.Random) -> Files:
    if chance.random() < 0.02:
        return {"model.tflite": chance.randbytes(4) + b"TFL3" * chance.randrange(2) + chance.randbytes(200)}
    return {"model.tflite": damaged_model(chance)}


def _compile(folder: Path) -> None:
    module = plan_model((folder / "model.tflite").read_bytes(), "model")
    assert sizes_of(module).ram >= module.plan.size
    assert source.files(module, single_file=False)


@pytest.mark.slow
def test_damaged_models_compile_or_are_refused_in_one_line() -> None:
    fuzz(Fuzzer("models", _make, _compile), inputs(800))


def _accepted() -> Iterator[tuple[int, bytes]]:
    """Yield damaged models that the compiler accepts, with the numbers from which they follow."""
    number = 0
    while True:
        number += 1
        chance = random.Random(f"accepted {SEED} {number}")
        data = bytearray(chance.choice(models()))
        for _ in range(chance.randint(1, 4)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        try:
            module = plan_model(bytes(data), "model")
        except StapesError:
            continue
        if bytes(data) not in models() and sizes_of(module).macs < MACS_MAX:
            yield number, bytes(data)


@pytest.mark.slow
def test_damaged_models_that_compile_equal_litert_and_run_clean_under_sanitizers(tmp_path: Path) -> None:
    """The referee is LiteRT with BUILTIN_REF; models that crash it or that it refuses are run without a referee."""
    count, compared = int(os.environ.get("STAPES_FUZZ_COMPILED", "8")), 0
    for tried, (number, tflite) in zip(range(count), _accepted(), strict=False):
        try:
            compared += _equals_litert(tflite, number, tmp_path / "c", LAYOUTS[tried % len(LAYOUTS)])
        except AssertionError as error:
            kept = keep("compiled", number, {"model.tflite": tflite})
            raise AssertionError(f"model {number} of seed {SEED}, written to {kept}: {error}") from error
    assert compared > count // 2


def _equals_litert(tflite: bytes, number: int, folder: Path, layout: str) -> bool:
    """Build and run a model; return whether LiteRT ran it, too."""
    shutil.rmtree(folder, ignore_errors=True)
    model = SanitizedModel(tflite, folder, (f"STAPES_NN_LAYOUT=STAPES_NN_{layout}",))
    steps = model.random_steps(number)
    outputs, expected = model.run(steps), litert_outputs(tflite, steps)
    assert expected in (None, outputs), f"its outputs in layout {layout} differ from LiteRT's"
    return expected is not None
