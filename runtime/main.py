"""The `stapes` command. Its sub-commands come from the folders, through the entry-point group `stapes.commands`."""

import argparse
import io
import os
import sys
from importlib.metadata import entry_points, version

from stapes.firmware_sim.errors import StapesError
from stapes.runtime.console import FORMS, Console, shown
from stapes.runtime.extras import missing_extra


def build_parser() -> argparse.ArgumentParser:
    """Return the parser with the sub-commands of every folder that is installed."""
    parser = argparse.ArgumentParser(
        prog="stapes", description="From labelled recordings to a detector of audio events on a microcontroller."
    )
    parser.add_argument("--version", action="version", version=f"stapes {version('stapes')}")
    parser.add_argument(
        "--progress",
        choices=FORMS,
        default="text",
        help="how progress, notes and errors are written to stderr: as text, or as one JSON object per line for a "
        "program that runs stapes (default text)",
    )
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    commands = parser.add_subparsers(title="commands", dest="command", metavar="COMMAND", required=True)
    for folder in sorted(entry_points(group="stapes.commands"), key=lambda entry: entry.name):
        folder.load()(commands)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run one sub-command; return the process's exit code (1 on an error, 130 on Ctrl-C)."""
    _print_any_name()
    arguments = build_parser().parse_args(argv)
    with shown(arguments.progress) as console:
        exit_code = 1  # after an exception that is not caught
        try:
            exit_code = _run(arguments, console)
        finally:
            console.end(exit_code)
    return exit_code


def _run(arguments: argparse.Namespace, console: Console) -> int:
    try:
        result: int | None = arguments.run(arguments)
        sys.stdout.flush()
        return result or 0
    except BrokenPipeError:  # the program that read stdout has ended
        _drop_stdout()
        return 0
    except (StapesError, ModuleNotFoundError, OSError) as error:
        message = missing_extra(error) if isinstance(error, ModuleNotFoundError) else error
        if arguments.debug or message is None:
            raise
        console.fail(str(message))
        if isinstance(error, OSError):
            _drop_stdout()
        return 1
    except KeyboardInterrupt:
        console.interrupted()
        return 130


def _print_any_name() -> None:
    """Escape what a terminal without UTF-8 cannot show, such as the names of devices, instead of failing."""
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors in ("strict", "surrogateescape"):
        sys.stdout.reconfigure(errors="backslashreplace")


def _drop_stdout() -> None:
    """Discard what stdout still holds; otherwise Python would fail once more when it flushes stdout at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
