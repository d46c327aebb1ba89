"""The boards compute the thresholds of this machine for every sensitivity, and firmware that sets none pays nothing."""

from pathlib import Path

import numpy as np
import pytest
from boards_under_test import EVERY_BOARD

from stapes.firmware_sim.device.clock import StepClock
from stapes.firmware_sim.device.events import EventConfig, EventDecoder
from stapes.firmware_sim.device.folder import read_folder
from stapes.firmware_sim.machines.boards import BOARDS
from stapes.firmware_sim.machines.emulator import run
from stapes.firmware_sim.machines.firmware import build_firmware
from stapes.firmware_sim.machines.simulation import build_detector
from stapes.firmware_sim.sources import INCLUDE_DIRS, source

PROGRAM = Path(__file__).parent / "boards" / "sensitivity.c"
CLOCK = StepClock(sample_rate_hz=1000, step_samples=1, origin_samples=0, target_delay_steps=0)


def thresholds_here() -> np.ndarray:
    """Return int8[threshold, steps, 2], in the order of the program."""
    rows = []
    for threshold in range(-127, 128):
        off_score = min(int(-threshold / 2), threshold)  # rounded toward 0, as C does
        decoder = EventDecoder(["x"], [EventConfig(on_score=threshold, off_score=off_score)], CLOCK)
        for steps in range(-46, 47):
            decoder.set_sensitivity("x", steps)
            rows.append(decoder.thresholds[0])
    return np.array(rows, np.int8).reshape(255, 93, 2)


@pytest.mark.parametrize("board", EVERY_BOARD)
def test_every_sensitivity_gives_the_same_thresholds_on_every_board(board: str, tmp_path: Path) -> None:
    sources = [PROGRAM, source("stapes_sensitivity.c"), source("stapes_events.c")]
    firmware = build_firmware(BOARDS[board], sources, tmp_path / "sensitivity.elf", include_dirs=INCLUDE_DIRS)
    result = run(firmware, count=False, timeout_s=120)
    assert (result.exit_code, result.fault) == (0, None)
    there = np.frombuffer(result.files["thresholds.bin"], np.int8).reshape(255, 93, 2)
    assert np.array_equal(there, thresholds_here())
    assert (there[:, :, 1] <= there[:, :, 0]).all()


def test_firmware_that_sets_no_sensitivity_does_not_contain_its_code(compiled_detector: Path, tmp_path: Path) -> None:
    built = build_detector(read_folder(compiled_detector), BOARDS["cortex-m4"], tmp_path)
    names = built.program.read_bytes()
    assert b"stapes_events_push" in names
    assert b"stapes_events_set_sensitivity" not in names
    assert b"stapes_sensitivity_logits" not in names
