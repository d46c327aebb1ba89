"""Layouts of an exported library: a file per build system, which is found by its name. Nothing heavy is imported here.

To add a build system, add a file here, and an example program to ../templates where none of those fits. The file of the
layout `esp-idf` is esp_idf.py; it defines

    SINGLE_FILE  whether the model's kernels stand inside of its C file
    files        returns the texts of all files of the library by their paths; the README is one of them
"""

from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from stapes.convert.export.library import Library

LAYOUTS = tuple(module.name.replace("_", "-") for module in iter_modules(__path__) if not module.name.startswith("_"))


class Layout(Protocol):
    """What the file of a layout defines."""

    SINGLE_FILE: bool

    def files(self, library: "Library") -> dict[str, str]:
        """Return the texts of all files of the exported library by their paths, the README among them."""


def layout(name: str) -> Layout:
    """Return a layout that is in LAYOUTS."""
    return cast("Layout", import_module(f"{__name__}.{name.replace('-', '_')}"))
