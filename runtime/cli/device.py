"""Sub-commands about the device: simulate, verify, size. Heavy imports happen only when a command runs."""

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING

from stapes.firmware_sim.errors import ConfigError

if TYPE_CHECKING:
    from stapes.runtime.device.firmware_cost import Budget


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the sub-commands."""
    _add_simulate(commands)
    _add_verify(commands)
    _add_size(commands)


def _add_simulate(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "simulate",
        help="a recording on an emulated microcontroller",
        description="Build real firmware of a detector, run a recording through it under QEMU, print its events as "
        "they leave the UART, then instructions by stage, flash, RAM and stack. Builds and runs the C in the folder.",
        epilog="example:\n  stapes simulate dogs.stapes yard.wav --board cortex-m4\n"
        "  stapes simulate dogs.stapes yard.wav --board m0 --flash 64K --ram 16K --mhz 48 --cpi 2.0 --paced",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("detector", type=Path, help="detector folder")
    parser.add_argument("recording", type=Path, help="audio file")
    _add_boards(parser)
    parser.add_argument(
        "--paced",
        action="store_true",
        help="audio does not wait: a timer interrupt delivers hops like a DMA, at the speed that --mhz and --cpi give",
    )
    parser.add_argument("--json", action="store_true", help="figures as one JSON object a board")
    _add_budget(parser)
    parser.set_defaults(run=_simulate)


def _add_verify(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "verify",
        help="does every machine hear the same?",
        description="Replay the known answers, and recordings if any, on this machine and on every board that it can "
        "emulate; features, scores and events must equal LiteRT's reference kernels. "
        "Builds and runs the C in the folder.",
        epilog="example:\n  stapes verify dogs.stapes\n  stapes verify dogs.stapes yard.wav",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("detector", type=Path, help="detector folder")
    parser.add_argument("recordings", type=Path, nargs="*", metavar="recording", help="audio file to compare as well")
    parser.set_defaults(run=_verify)


def _add_size(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "size",
        help="flash, RAM and instructions per layer",
        description="What each layer of the model and each part of the detector takes on a board: flash, RAM, "
        "instructions (counted under QEMU; not cycles). Builds and runs the C in the folder.",
        epilog="example:\n  stapes size dogs.stapes --board cortex-m0 --flash 64K --ram 16K --mhz 48 --cpi 2.0",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("detector", type=Path, help="detector folder")
    _add_boards(parser)
    _add_budget(parser)
    parser.set_defaults(run=_size)


def _add_boards(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--board",
        action="append",
        metavar="NAME",
        help="cortex-m0, -m3, -m4 (default), -m7, -m33, -m55, riscv32, or all; may be repeated",
    )


def _add_budget(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--flash", metavar="SIZE", help="flash that there is, such as 64K: pass or fail")
    parser.add_argument("--ram", metavar="SIZE", help="RAM that there is, such as 20K: pass or fail")
    parser.add_argument("--mhz", type=float, help="clock of the core: pass or fail")
    parser.add_argument("--cpi", type=float, default=1.5, help="assumed cycles an instruction; default: %(default)s")


def _simulate(arguments: argparse.Namespace) -> int:
    from stapes.runtime.device.simulate import SimulateSettings, simulate_command

    return simulate_command(
        SimulateSettings(
            detector=arguments.detector,
            recording=arguments.recording,
            boards=tuple(arguments.board or ["cortex-m4"]),
            paced=arguments.paced,
            as_json=arguments.json,
            budget=_budget(arguments),
        )
    )


def _verify(arguments: argparse.Namespace) -> int:
    from stapes.runtime.device.verify import verify_command

    return verify_command(arguments.detector, arguments.recordings)


def _size(arguments: argparse.Namespace) -> int:
    from stapes.runtime.device.size import size_command

    return size_command(arguments.detector, tuple(arguments.board or ["cortex-m4"]), _budget(arguments))


def _budget(arguments: argparse.Namespace) -> "Budget":
    from stapes.firmware_sim.machines.simulation import Pace
    from stapes.runtime.device.firmware_cost import Budget, parse_bytes

    speeds = [arguments.cpi, *([] if arguments.mhz is None else [arguments.mhz])]
    if not all(0 < speed < math.inf for speed in speeds):
        raise ConfigError(f"--mhz {arguments.mhz} and --cpi {arguments.cpi}: need numbers above 0")
    return Budget(
        flash_bytes=None if arguments.flash is None else parse_bytes(arguments.flash),
        ram_bytes=None if arguments.ram is None else parse_bytes(arguments.ram),
        pace=None if arguments.mhz is None else Pace(arguments.mhz, arguments.cpi),
    )
