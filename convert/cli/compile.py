"""`stapes compile`: an int8 .tflite as standalone C99."""

import argparse
import textwrap
from pathlib import Path

from stapes.convert.cli.options import add_output_options, write_c
from stapes.convert.supported import OPERATORS, SHAPE_OPERATORS
from stapes.firmware_sim.errors import ModelError


def add_compile(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the sub-command."""
    parser = commands.add_parser(
        "compile",
        help="an int8 .tflite as standalone C99",
        description="Write an int8 .tflite as C99 without dependencies, with the bits of LiteRT's reference kernels.\n"
        "An operator outside of the supported set is refused before anything is written. The set:\n"
        + textwrap.fill(", ".join(OPERATORS), 112, initial_indent="  ", subsequent_indent="  ")
        + "\nand, where they compute shapes from those of the inputs:\n"
        + textwrap.fill(", ".join(SHAPE_OPERATORS), 112, initial_indent="  ", subsequent_indent="  "),
        epilog="example:\n  stapes compile kws.tflite --out kws_c --target cortex-m\n"
        "  stapes compile wake.tflite --out wake_c --name wake_word --single-file --show-plan",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model", type=Path, help=".tflite with int8 tensors")
    parser.add_argument(
        "--batch",
        type=int,
        metavar="N",
        help="size of the first axis of every input, for models that are exported without one (default: 1)",
    )
    add_output_options(parser)
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> None:
    try:
        tflite = arguments.model.read_bytes()
    except OSError as error:
        raise ModelError(f"{arguments.model}: {error.strerror}; give a .tflite") from error
    write_c(arguments, tflite, arguments.batch)
