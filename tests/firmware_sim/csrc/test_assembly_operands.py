"""Inline assembly names its registers as GCC's rules for extended assembly demand.

GCC takes a statement for one instruction, which reads all of its inputs before it writes an output. In a statement of
several instructions it may therefore keep an input in the register of an output that begins with the same value, unless
the output is marked as an early clobber (`&`). Which pairs begin with the same value depends on what is inlined, so no
run of a kernel alone shows that it is free of this.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from stapes.firmware_sim.sources import CSRC

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_REGISTERS: dict[str, set[str]] = {"l": {"low"}, "h": {"high"}, "w": {"vector"}, "i": set(), "n": set()}
_BEGIN = re.compile(r"__asm__\s*(?:volatile\s*)?\(")


@dataclass(frozen=True)
class Statement:
    """An assembly statement: its template, and the constraints of its outputs and inputs."""

    line: int
    template: str
    outputs: list[str]
    inputs: list[str]

    @property
    def instructions(self) -> int:
        """Return how many instructions the template has at least; a macro in it stands for two."""
        return self.template.count("\\n") + 1 + 2 * len(re.findall(r"\b[A-Z]\w+", _STRING.sub("", self.template)))


def statements(text: str) -> Iterator[Statement]:
    text = _COMMENT.sub(lambda comment: "\n" * comment[0].count("\n"), text)
    for begin in _BEGIN.finditer(text):
        sections, depth, at = [""], 1, begin.end()
        while depth:
            token = string[0] if (string := _STRING.match(text, at)) else text[at]
            at += len(token)
            depth += {"(": 1, ")": -1}.get(token, 0)
            if token == ":" and depth == 1:
                sections.append("")
            elif depth:
                sections[-1] += token
        outputs, inputs = ([operand[1:-1] for operand in _STRING.findall(part)] for part in [*sections, "", ""][1:3])
        yield Statement(text.count("\n", 0, begin.start()) + 1, sections[0], outputs, inputs)


def may_share(output: str, given: str) -> bool:
    """Return whether GCC may choose one register for both; `r` is low or high, as is the address of `m`."""
    written, read = (_REGISTERS.get(constraint.strip("+=&"), {"low", "high"}) for constraint in (output, given))
    return "&" not in output and "m" not in output and bool(written & read)


def shared_registers(text: str) -> list[int]:
    """Return the lines of statements in which GCC may keep an input in the register of an output."""
    return [
        statement.line
        for statement in statements(text)
        if statement.instructions > 1
        and any(may_share(output, given) for output in statement.outputs for given in statement.inputs)
    ]


def test_no_input_of_several_instructions_may_share_the_register_of_an_output() -> None:
    lines = {path.name: shared_registers(path.read_text()) for path in CSRC.rglob("*.[ch]")}
    assert {name: found for name, found in lines.items() if found} == {}


def test_the_check_sees_an_output_that_is_no_early_clobber() -> None:
    code = '"1: ldr r4, [%[a]], #4\\n\\t" /* a : */ "cmp %[a], %[end]"'
    loop = f'\n__asm__ volatile({code} : [a] "+r"(a) : [end] "r"(f(e)) : "r4");'
    assert shared_registers(loop) == [2]
    assert shared_registers(loop.replace("+r", "+&r")) == []
    assert shared_registers(loop.replace("+r", "+l").replace('"r"', '"h"')) == []
    assert shared_registers('__asm__("ssat %0, #8, %1" : "=r"(result) : "r"(value));') == []
