"""The reference of the C headers: their own text, and a header that the compiler generated while the page was made."""

import re
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.tflite_models import ds_cnn
from stapes.convert.compile import compile_model
from stapes.firmware_sim.sources import CSRC

ORDER = ("detector", "events", "blob", "tail", "selftest", "frontend", "recording")
INTRODUCTION = """# C headers

These are the headers as they stand in the source. Each `*_api.h` holds the declarations of one part and no preprocessor
line, so that a C compiler and Python's cffi read the same text. Include the header of the same name without `_api`,
where there is one. [Using the C](c.md) shows how they are called.
"""
GENERATED = """
## A generated header { #generated-header }

`stapes compile kws.tflite --out kws_c` wrote this `kws.h` for a keyword-spotting network when this page was made. The
names follow the model's name.
"""


def headers_page() -> str:
    """Return the page in Markdown."""
    sections = [_section(path) for path in api_headers()]
    return "\n".join([INTRODUCTION, *sections, GENERATED, "```c", _generated_header().strip(), "```", ""])


def api_headers() -> list[Path]:
    """Return the headers that users of the C include, in the order of the page; not those of the kernels."""
    found = [path for part in ("detector", "frontend") for path in (CSRC / part).glob("*_api.h")]
    return sorted(found, key=lambda path: (_place(path), path.name))


def _place(path: Path) -> int:
    part = path.name.removeprefix("stapes_").removesuffix("_api.h")
    return ORDER.index(part) if part in ORDER else len(ORDER)


def _section(path: Path) -> str:
    return "\n".join([f"## {path.name}", "", "```c", path.read_text(encoding="utf-8").strip(), "```", ""])


def _generated_header() -> str:
    with TemporaryDirectory() as folder:
        compile_model(ds_cnn(), Path(folder), "kws")
        return re.sub(r"\n{3,}", "\n\n", (Path(folder) / "kws.h").read_text(encoding="utf-8"))
