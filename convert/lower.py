"""Graph to steps: each operator's layer file checks it and says what it becomes."""

import re
from collections.abc import Sequence

from stapes.convert.graph import Graph, Operator
from stapes.convert.layers import LAYERS
from stapes.convert.node import Node
from stapes.convert.packing import Layout
from stapes.convert.steps import Step
from stapes.firmware_sim.errors import ModelError

# The words of C and C++ that a layer may not be called, and what the generated function uses itself.
RESERVED = frozenset(
    [
        "alignas",
        "alignof",
        "and",
        "and_eq",
        "asm",
        "auto",
        "bitand",
        "bitor",
        "bool",
        "break",
        "case",
        "catch",
        "char",
        "char16_t",
        "char32_t",
        "class",
        "compl",
        "concept",
        "const",
        "const_cast",
        "constexpr",
        "continue",
        "decltype",
        "default",
        "delete",
        "do",
        "double",
        "dynamic_cast",
        "else",
        "enum",
        "explicit",
        "export",
        "extern",
        "false",
        "float",
        "for",
        "friend",
        "goto",
        "if",
        "inline",
        "int",
        "int8_t",
        "int16_t",
        "int32_t",
        "int64_t",
        "long",
        "main",
        "memcpy",
        "memmove",
        "memset",
        "mutable",
        "namespace",
        "new",
        "noexcept",
        "not",
        "not_eq",
        "nullptr",
        "operator",
        "or",
        "or_eq",
        "private",
        "protected",
        "public",
        "register",
        "reinterpret_cast",
        "requires",
        "restrict",
        "return",
        "self",
        "short",
        "signed",
        "size_t",
        "sizeof",
        "static",
        "static_assert",
        "static_cast",
        "struct",
        "switch",
        "template",
        "this",
        "thread_local",
        "throw",
        "true",
        "try",
        "typedef",
        "typeid",
        "typename",
        "uint8_t",
        "uint32_t",
        "union",
        "unsigned",
        "using",
        "virtual",
        "void",
        "volatile",
        "wchar_t",
        "while",
        "xor",
        "xor_eq",
        "arena",
        "states",
        "NULL",
    ]
)
# Last words of names that say what an operator is, not which one.
_GENERIC = re.compile(
    r"(?i)^(bias_?add|mat_?mul|conv2d|depthwise|relu6?|read_?variable_?op|resource|fused_?batch_?norm(v3)?|tensordot|kernel)\d*$"
)
_WRAPPER = re.compile(r"(?i)^stateful_?partitioned_?call\d*$")


def lower(graph: Graph, layouts: tuple[Layout, ...]) -> list[Step]:
    """Return the steps of a graph. Raises ModelError naming the first operator, or form of one, outside of the
    supported set.
    """
    arguments = argument_names(graph)
    names = NameMaker(arguments)
    steps: list[Step] = []
    for index, operator in enumerate(graph.operators):
        wish = c_name(_spoken_name(graph, operator))
        name = names.make(f"{wish}_layer" if wish in arguments else wish, operator.kind.lower())
        lowered = LAYERS.get(operator.kind)
        if lowered is None:
            raise ModelError(
                f"operator {index} ({operator.kind}, {name}) is not supported; supported: {', '.join(sorted(LAYERS))}"
            )
        if not operator.outputs:
            raise ModelError(f"operator {index} ({operator.kind}, {name}) has no output")
        steps += lowered(Node(graph, operator, index, name, layouts))
    return steps


def argument_names(graph: Graph) -> list[str]:
    """C names of the inputs, then of the outputs."""
    names = NameMaker()
    wishes = [("input", name) for name in graph.input_names] + [("output", name) for name in graph.output_names]
    return [names.make(name.split(":")[0].split("/")[-1], side) for side, name in wishes]


class NameMaker:
    """C names: readable, unique, none of them reserved."""

    def __init__(self, taken: Sequence[str] = ()) -> None:
        self._taken = {name.lower() for name in taken}

    def make(self, wish: str, otherwise: str) -> str:
        """Return the wish as a C name with a number behind it when it is taken."""
        base = c_name(wish) or otherwise
        if base.startswith("stapes_nn"):
            base = f"layer_{base}"
        name, count = base, 1
        while name.lower() in self._taken or name in RESERVED:
            count += 1
            name = f"{base}_{count}"
        self._taken.add(name.lower())
        return name


def c_name(text: str) -> str:
    """Letters, digits and single underscores, beginning with a letter, at most 40; '' when nothing is left."""
    return (
        re.sub(r"_+", "_", re.sub(r"[^A-Za-z0-9]", "_", text)).strip("_")[:40].rstrip("_").lstrip("0123456789_").lower()
    )


def _spoken_name(graph: Graph, operator: Operator) -> str:
    """Last part of the output's name that tells layers apart, with the TensorFlow call wrapper left out."""
    if not operator.outputs:
        return ""
    parts = [part for part in re.split(r"[/;:]", graph.tensors[operator.outputs[0]].name.split(";")[0]) if part]
    while len(parts) > 1 and (_GENERIC.match(parts[-1]) or parts[-1].isdigit()):
        parts.pop()
    return "" if not parts or _WRAPPER.match(parts[-1]) else parts[-1]
