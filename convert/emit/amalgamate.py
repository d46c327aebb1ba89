"""The kernels that a generated model needs, as files beside it or inside its C file."""

import re

from stapes.convert.lower.packing import Layout
from stapes.firmware_sim.sources import source

LAYOUT_HEADER = "stapes_nn_layout.h"
# An include line of a kernel file. Relies on the kernels including no other headers of the C library.
_INCLUDE = re.compile(r'^#include (?:"(stapes_nn\w*\.h)"|<(?:stddef|stdint|string)\.h>)\n', re.MULTILINE)
# A block for one layout in a file of several. Relies on `#endif /* STAPES_NN_<LAYOUT> */` at its end and on no other
# `#endif` with a comment inside of it.
_FOR_LAYOUT = re.compile(
    r"^#if STAPES_NN_LAYOUT == (STAPES_NN_\w+)\n(?:(?!#endif /).*\n)*#endif /\* \1 \*/\n\n?", re.MULTILINE
)
# The declaration of a kernel in stapes_nn.h. Relies on STAPES_NN_API standing at its head.
_PROTOTYPE = re.compile(r"^STAPES_NN_API void (\w+)\([^{]*?\);\n", re.MULTILINE)


def sources(kernels: list[str], layouts: tuple[Layout, ...]) -> list[str]:
    """Return the names of the C files of the kernels, for every layout."""
    return sorted({layout.sources.get(kernel, f"{kernel}.c") for kernel in kernels for layout in layouts})


def kernel_files(kernels: list[str], layouts: tuple[Layout, ...], every_layout: bool) -> dict[str, str]:
    """Return name and text of the kernels' C files and of the headers that they include; included files come first."""
    texts: dict[str, str] = {}
    waiting = ["stapes_nn.h", *sources(kernels, layouts)]

    def add(name: str) -> None:
        if name not in texts:
            text = _text(name, layouts, every_layout)
            for header in _own_includes(text):
                add(header)
            texts[name] = text

    for name in waiting:
        add(name)
    return texts


def _own_includes(text: str) -> list[str]:
    return [header for header in _INCLUDE.findall(text) if header]


def _text(name: str, layouts: tuple[Layout, ...], every_layout: bool) -> str:
    """Return a kernel file without the blocks for other layouts."""
    if name == LAYOUT_HEADER:
        return layout_choice(layouts, every_layout)
    macros = {layout.macro for layout in layouts}
    return _FOR_LAYOUT.sub(lambda block: block[0] if block[1] in macros else "", source(name).read_text())


def layout_choice(layouts: tuple[Layout, ...], every_layout: bool) -> str:
    """Return the text of stapes_nn_layout.h; where one layout was asked for, the C compiler does not choose."""
    text = source(LAYOUT_HEADER).read_text()
    if every_layout:
        return text
    macros, _, choice = text.partition("#ifndef STAPES_NN_LAYOUT\n")
    _, _, check = choice.partition("#endif\n#endif\n")
    return f"{macros}#ifndef STAPES_NN_LAYOUT\n#define STAPES_NN_LAYOUT {layouts[0].macro}\n#endif\n{check}"


def amalgamate(model: str, kernels: list[str], layouts: tuple[Layout, ...], every_layout: bool) -> str:
    """Return the model's C with its kernels inside, static.

    Nothing is renamed: every name in the kernels' files begins with stapes_nn_ and is unique among the files that one
    layout compiles.
    """
    texts = kernel_files(kernels, layouts, every_layout)
    inner = _PROTOTYPE.sub(lambda declared: declared[0] if declared[1] in kernels else "", "".join(texts.values()))
    top = "#include <stddef.h>\n#include <stdint.h>\n#include <string.h>\n\n#define STAPES_NN_API static\n\n"
    return model.replace('#include <string.h>\n\n#include "stapes_nn.h"\n', top + _INCLUDE.sub("", inner))
