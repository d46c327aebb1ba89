"""The frontend on emulated boards: the same bits as here, and exact instruction counts."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from stapes.firmware_sim.device.frontend import FrontendConfig, make_tables
from stapes.firmware_sim.machines.boards import BOARDS
from stapes.firmware_sim.machines.emulator import run
from stapes.firmware_sim.machines.firmware import Firmware, build_firmware
from stapes.firmware_sim.sources import INCLUDE_DIRS, source

SOURCES = (source("stapes_frontend.c"), Path(__file__).parent / "frontend_firmware.c")


@dataclass(frozen=True)
class BoardRun:
    """The output of the frontend on a board, and the instructions that it took."""

    features: npt.NDArray[np.int8]
    log2: npt.NDArray[np.int16]
    init: int
    frame: int  # instructions of the most expensive frame
    stack_bytes: int


def build(board: str, folder: Path, flags: Sequence[str] = ("-O2",)) -> Firmware:
    """Build the program for a board in `folder`."""
    elf = folder / f"frontend_{board}{''.join(flags)}.elf"
    return build_firmware(BOARDS[board], SOURCES, elf, include_dirs=INCLUDE_DIRS, flags=[*flags, "-Wall", "-Wextra"])


def run_on_board(firmware: Firmware, config: FrontendConfig, pcm: npt.NDArray[np.int16]) -> BoardRun:
    """Run the program on at most 65536 samples, int16[samples]."""
    done = run(firmware, files={"tables.bin": make_tables(config), "input.pcm": pcm.astype("<i2").tobytes()})
    if done.exit_code != 0:
        raise RuntimeError(f"the frontend on {firmware.board.name}: exit code {done.exit_code}, {done.fault}")
    return BoardRun(
        features=np.frombuffer(done.files["int8.bin"], np.int8).reshape(-1, config.n_bands),
        log2=np.frombuffer(done.files["log2.bin"], "<i2").reshape(-1, config.n_bands),
        init=max(done.regions["init"]),
        frame=max(done.regions["frame"]),
        stack_bytes=done.stack_bytes,
    )


def code_bytes(firmware: Firmware) -> int:
    """Return the linked bytes of the frontend's code and constants, without the CRC, which a device may leave out."""
    part = firmware.parts["stapes_frontend"]
    crc = sum(symbol.bytes for symbol in firmware.symbols if symbol.name == "stapes_frontend_check_crc")
    return part["text"] + part["rodata"] - crc
