"""One C file and one header, for any project."""

import re

from stapes.convert.export.layouts._common import BUILT
from stapes.convert.export.library import OWN_INCLUDE, Library
from stapes.convert.export.readme import readme

SINGLE_FILE = True


def files(library: Library) -> dict[str, str]:
    """Return the texts of all files of the exported library by their paths."""
    name = library.name
    texts = library.headers
    seen: set[str] = set()
    header = _inlined(f'#include "{name}_detector.h"\n#include "{name}_selftest.h"\n', texts, seen)
    guard = f"{library.upper}_SINGLE_H"
    header = f"#ifndef {guard}\n#define {guard}\n\n{header}\n#endif\n"
    bodies = [_inlined(text, texts, seen) for text in library.sources.values()]
    usage = (
        f"Add `{name}_single.c` and `{name}_single.h` to any project; `main.c` is an example for a DMA with two "
        f"half-buffers, `selftest.c` a program whose exit code is the self-test's answer.\n\n"
        f"    cc -std=c99 -O2 {name}_single.c selftest.c -o selftest && ./selftest"
    )
    return {
        f"{name}_single.h": header,
        f"{name}_single.c": f'#include "{name}_single.h"\n\n' + "\n".join(bodies),
        "main.c": _from_single(library.program("dma_microphone.c"), name),
        "selftest.c": _from_single(library.program("selftest.c"), name),
        "README.md": readme(library, usage, BUILT),
    }


def _from_single(program: str, name: str) -> str:
    """Return an example program that includes the one header instead of the headers of detector and self-test."""
    selftest, single = f'#include "{name}_selftest.h"', f'#include "{name}_single.h"'
    return program.replace(f'#include "{name}_detector.h"\n{selftest}', single).replace(selftest, single)


def _inlined(text: str, headers: dict[str, str], seen: set[str]) -> str:
    """Return the text with each #include of these headers replaced by its content, or removed where `seen` has it."""

    def replace(match: re.Match[str]) -> str:
        if match[1] not in headers:
            return match[0]
        if match[1] in seen:
            return ""
        seen.add(match[1])
        return _inlined(headers[match[1]], headers, seen)

    return OWN_INCLUDE.sub(replace, text)
