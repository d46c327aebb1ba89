"""The kernels that a generated model needs, as files beside it or inside of it."""

import re

from stapes.convert.lower.packing import Layout
from stapes.firmware_sim.sources import source

_OWN_INCLUDE = re.compile(r'^#include "(stapes_nn\w*\.h)"\n', re.MULTILINE)
_SYSTEM_INCLUDE = re.compile(r"^#include <((?:std\w+|string)\.h)>\n", re.MULTILINE)
_FOR_LAYOUT = re.compile(
    r"^#if STAPES_NN_LAYOUT == (STAPES_NN_\w+)\n(?:(?!#endif /).*\n)*#endif /\* \1 \*/\n\n?", re.MULTILINE
)
_CHOICE = re.compile(r"^#define STAPES_NN_ROWS.*^#endif /\* STAPES_NN_LAYOUT \*/\n", re.MULTILINE | re.DOTALL)
_PROTOTYPE = re.compile(r"^STAPES_NN_API void (\w+)\([^{]*?\);\n", re.MULTILINE)
_HELPER = re.compile(r"^static (?:inline )?(?:const )?\w+ \*?((?!stapes_nn_)\w+)\(", re.MULTILINE)
_INLINE = re.compile(
    r"^(?:/\*(?:[^*]|\*(?!/))*\*/\n)?static inline [^(\n]*?(\w+)\([^{]*\{\n.*?\n\}\n\n?", re.DOTALL | re.MULTILINE
)


def sources(kernels: list[str], layouts: tuple[Layout, ...]) -> list[str]:
    """C files of the kernels, for every layout."""
    return sorted({layout.sources.get(kernel, f"{kernel}.c") for kernel in kernels for layout in layouts})


def kernel_files(kernels: list[str], layouts: tuple[Layout, ...], every_layout: bool) -> dict[str, str]:
    """Name and text of the kernel files and of the headers that they include."""
    texts: dict[str, str] = {}
    waiting = ["stapes_nn.h", *sources(kernels, layouts)]
    while waiting:
        name = waiting.pop()
        if name not in texts:
            texts[name] = _text(name, layouts, every_layout)
            waiting += _OWN_INCLUDE.findall(texts[name])
    return dict(sorted(texts.items()))


def _text(name: str, layouts: tuple[Layout, ...], every_layout: bool) -> str:
    """A kernel file without what is for other layouts; where one layout was asked for, the header no longer asks the C
    compiler which.
    """
    macros = {layout.macro for layout in layouts}
    text = _FOR_LAYOUT.sub(lambda match: match[0] if match[1] in macros else "", source(name).read_text())
    if name == "stapes_nn.h" and not every_layout:
        chosen = f"#ifndef STAPES_NN_LAYOUT\n#define STAPES_NN_LAYOUT {layouts[0].macro}\n#endif\n"
        text = re.sub(
            r"#ifndef STAPES_NN_LAYOUT\n.*?#endif /\* STAPES_NN_LAYOUT \*/\n", lambda _: chosen, text, flags=re.DOTALL
        )
    return text


def choice_of_layout(single_file: bool) -> str:
    """What defines STAPES_NN_LAYOUT in a header for every layout: the kernels' header, or its lines that do so."""
    if not single_file:
        return '#include "stapes_nn.h"\n'
    found = _CHOICE.search(source("stapes_nn.h").read_text())
    assert found is not None
    return found[0]


def amalgamate(model: str, kernels: list[str], layouts: tuple[Layout, ...], every_layout: bool) -> str:
    """Return the model's C with its kernels inside, static: headers once, inline functions only where something calls
    them.
    """
    texts = kernel_files(kernels, layouts, every_layout)
    bodies = "".join(texts[name] for name in sources(kernels, layouts))
    headers = {name: text for name, text in texts.items() if name.endswith(".h") and name != "stapes_nn.h"}
    inner = texts["stapes_nn.h"] + _called("".join(headers.values()), bodies) + bodies
    inner = _PROTOTYPE.sub(lambda match: match[0] if match[1] in kernels else "", inner)
    for helper in set(_HELPER.findall(inner)):  # the model's own names never begin with stapes_nn_
        inner = re.sub(rf"\b{helper}\(", f"stapes_nn_{helper}(", inner)
    inner = _SYSTEM_INCLUDE.sub("", _OWN_INCLUDE.sub("", inner))
    top = "#include <stddef.h>\n#include <stdint.h>\n#include <string.h>\n\n#define STAPES_NN_API static\n\n"
    return model.replace('#include <string.h>\n\n#include "stapes_nn.h"\n', top + inner)


def _called(headers: str, bodies: str) -> str:
    """Headers without the inline functions that nothing calls."""
    calls = re.findall(r"\b(stapes_nn_\w+)\(", headers + bodies)
    kept = _INLINE.sub(lambda m: m[0] if calls.count(m[1]) > m[0].count(f"{m[1]}(") else "", headers)
    return kept if kept == headers else _called(kept, bodies)
