"""Sub-commands of `stapes`, a file each; heavy imports happen only when a command runs."""

import argparse

from stapes.convert.cli.compile import add_compile
from stapes.convert.cli.convert import add_convert
from stapes.convert.cli.export import add_export
from stapes.convert.cli.quantize import add_quantize


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add this folder's sub-commands."""
    add_quantize(commands)
    add_convert(commands)
    add_compile(commands)
    add_export(commands)
