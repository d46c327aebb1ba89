"""`stapes size`: print flash, RAM, instructions and cycles per layer, or what a microcontroller needs."""

import argparse
from pathlib import Path

from stapes.firmware_sim.errors import ConfigError
from stapes.runtime.cli.options import add_boards, add_budget, board_names, budget_of


def add_size(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the sub-command."""
    parser = commands.add_parser(
        "size",
        help="print flash, RAM, instructions and cycles per layer, or time and current on a microcontroller",
        description="Print the flash, RAM, instructions (counted under QEMU) and cycles (of a model of the core) that\n"
        "each layer of the model and each part of the detector needs on a board. With --part, print whether it fits a\n"
        "microcontroller and keeps up, its milliseconds, mean current and days on a battery.",
        epilog="examples:\n  stapes size dogs.stapes --board cortex-m0 --flash 64K --ram 16K --mhz 48 --cpi 2.0\n"
        "  stapes size dogs.stapes --parts\n"
        "  stapes size dogs.stapes --part stm32l4r5 --mhz 40 --battery 230mAh --microphone 0.6mA",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("detector", type=Path, help="detector folder")
    add_boards(parser)
    add_budget(parser)
    _add_parts(parser)
    parser.set_defaults(run=_run)


def _add_parts(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("microcontrollers", "instead of a board and its budget")
    group.add_argument("--part", metavar="NAME", help="a microcontroller, such as stm32l4r5; --mhz sets its clock")
    group.add_argument("--parts", action="store_true", help="all of them, each at its cheapest clock that keeps up")
    group.add_argument("--battery", metavar="CHARGE", help="tell the days on a battery, such as 230mAh")
    group.add_argument(
        "--microphone", metavar="CURRENT", help="add the current of a microphone, such as 0.6mA, or its name, sph0645"
    )
    group.add_argument("--code-in-ram", action="store_true", help="copy code and constants to RAM, which never waits")


def _run(arguments: argparse.Namespace) -> int:
    if not arguments.part and not arguments.parts:
        _refuse(
            arguments,
            ("battery", "microphone", "code_in_ram"),
            "only for a microcontroller, which --part or --parts names",
        )
        from stapes.runtime.device.size import size_command

        return size_command(arguments.detector, board_names(arguments), budget_of(arguments))
    if arguments.part and arguments.parts:
        raise ConfigError("--part names one microcontroller and --parts stands for all; leave one of them out")
    _refuse(arguments, ("board", "flash", "ram", "cpi"), "a microcontroller has its own")
    from stapes.runtime.device.part_cost import Supply, parse_battery_mah, parse_microphone_ma
    from stapes.runtime.device.size_on_parts import PartSettings, size_on_all_parts_command, size_on_part_command

    supply = Supply(
        battery_mah=None if arguments.battery is None else parse_battery_mah(arguments.battery),
        microphone_ma=0.0 if arguments.microphone is None else parse_microphone_ma(arguments.microphone),
    )
    if arguments.parts:
        _refuse(arguments, ("mhz",), "--parts chooses the clock of each microcontroller")
        return size_on_all_parts_command(arguments.detector, supply, code_in_ram=arguments.code_in_ram)
    settings = PartSettings(arguments.part, arguments.mhz, supply, arguments.code_in_ram)
    return size_on_part_command(arguments.detector, settings)


def _refuse(arguments: argparse.Namespace, names: tuple[str, ...], why: str) -> None:
    """Raise ConfigError for options that mean nothing here."""
    given = [f"--{name.replace('_', '-')}" for name in names if getattr(arguments, name) not in (None, False)]
    if given:
        raise ConfigError(f"{', '.join(given)}: {why}; leave {'it' if len(given) == 1 else 'them'} out")
