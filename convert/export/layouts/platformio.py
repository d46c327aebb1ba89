"""A library for PlatformIO."""

import json

from stapes.convert.export.layouts._common import SCHEMA, placed
from stapes.convert.export.library import Library
from stapes.convert.export.readme import readme

SINGLE_FILE = False


def files(library: Library) -> dict[str, str]:
    """Return the texts of all files of the exported library by their paths."""
    name = library.name
    manifest = {
        "name": name,
        "version": library.version,
        "description": f"Detects {library.classes}: audio events on a microcontroller",
        "license": "Apache-2.0",
        "frameworks": "*",
        "platforms": "*",
        "headers": [f"{name}_detector.h", f"{name}_selftest.h"],
        "build": {"srcDir": "src", "includeDir": "include", "flags": ["-std=c99"]},
        "examples": [{"name": "microphone", "base": "examples/microphone", "files": ["main.c"]}],
    }
    usage = (
        f"Copy this folder to `lib/{name}` of your project; `examples/microphone` is for a DMA with two half-buffers."
    )
    return placed(library, "src/", "include/") | {
        "library.json": json.dumps(manifest, indent=2, ensure_ascii=False) + "\n",
        "examples/microphone/main.c": library.program("dma_microphone.c"),
        "README.md": readme(library, usage, SCHEMA),
    }
