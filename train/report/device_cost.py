"""The cost of a detector on emulated boards, for its report: exact instruction counts, flash and RAM."""

import logging
import shutil
import tempfile
from pathlib import Path

from stapes.convert.compile import compile_model
from stapes.firmware_sim.device.folder import DetectorFolder, read_folder
from stapes.firmware_sim.device.known_answers import sound_samples
from stapes.firmware_sim.device.selftest import selftest_pcm
from stapes.firmware_sim.errors import ModelError, ToolchainError
from stapes.firmware_sim.machines.boards import BOARDS
from stapes.firmware_sim.machines.simulation import build_where_it_fits
from stapes.runtime.device.firmware_cost import FirmwareCost, cost_of

logger = logging.getLogger(__name__)

SHOWN = ("cortex-m4", "cortex-m55")


def device_costs(folder: DetectorFolder) -> dict[str, FirmwareCost]:
    """Return the cost of each board, measured on the self-test's sound as `stapes size` does.

    Boards are left out when their toolchain or emulator is not installed. The C code is generated from the model: code
    in the folder may come from elsewhere and is not run.
    """
    costs = {}
    with tempfile.TemporaryDirectory(prefix="stapes-report-") as scratch:
        copy = Path(scratch) / "copy.stapes"
        shutil.copytree(folder.path, copy, ignore=shutil.ignore_patterns("c", "training"))
        try:
            compile_model(folder.model, copy / "c", "detector")
            for name in SHOWN:
                built = build_where_it_fits(read_folder(copy), BOARDS[name], Path(scratch))
                costs[name] = cost_of(built, built.hear(selftest_pcm(sound_samples(folder))))
        except (ModelError, ToolchainError) as error:
            logger.warning(f"the cost on boards was not measured: {error}")
    return costs
