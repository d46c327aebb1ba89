"""The cost of a detector on emulated boards, for its report: exact instruction counts, flash and RAM."""

import logging
import tempfile
from pathlib import Path

from stapes.firmware_sim.device.folder import DetectorFolder
from stapes.firmware_sim.errors import ToolchainError
from stapes.firmware_sim.machines.boards import BOARDS
from stapes.runtime.device.firmware_cost import FirmwareCost, measured_cost

logger = logging.getLogger(__name__)

SHOWN = ("cortex-m4", "cortex-m55")


def device_costs(folder: DetectorFolder) -> dict[str, FirmwareCost]:
    """Return the cost of each board, measured on the self-test's sound as `stapes size` does.

    Boards are left out when their toolchain or emulator is not installed.
    """
    costs = {}
    with tempfile.TemporaryDirectory(prefix="stapes-report-") as scratch:
        try:
            for name in SHOWN:
                costs[name] = measured_cost(folder, BOARDS[name], Path(scratch))
        except ToolchainError as error:
            logger.warning(f"the cost on boards was not measured: {error}")
    return costs
