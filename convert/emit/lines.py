"""How the generated C is laid out: lines of fewer than 120 columns, arguments below each other where they are long."""

import textwrap

import numpy as np

COLUMNS = 119
INDENT = "    "


def function(head: str, arguments: list[str], tail: str) -> str:
    """Return head + arguments + tail, where `head` ends with the opening bracket; broken after commas where needed."""
    line = head + ", ".join(arguments) + tail
    if len(line) <= COLUMNS:
        return line
    hanging = " " * len(head)
    if len(hanging) + max(map(len, arguments)) + len(tail) > COLUMNS:
        hanging = " " * (len(head) - len(head.lstrip())) + INDENT
    lines = [head]
    for position, argument in enumerate(arguments):
        text = argument + (tail if position + 1 == len(arguments) else ",")
        fits = len(lines[-1]) + 1 + len(text) <= COLUMNS
        if fits:
            lines[-1] += text if position == 0 else f" {text}"
        else:
            lines.append(hanging + text)
    return "\n".join(lines)


def statement(call: str, comment: str) -> str:
    """Return an indented call with its comment behind it, or above it where the line would be too long."""
    line = f"{INDENT}{call} /* {comment} */"
    if len(line) <= COLUMNS:
        return line
    head, bracket, rest = call.partition("(")
    arguments = rest.removesuffix(");").split(", ")
    return f"{INDENT}/* {comment} */\n" + function(f"{INDENT}{head}{bracket}", arguments, ");")


def assignment(declaration: str, value: str) -> str:
    """Return `declaration = value;`, broken behind the equals sign where needed."""
    line = f"{declaration} = {value};"
    return line if len(line) <= COLUMNS else f"{declaration} =\n{INDENT}{value};"


def float_literal(value: np.float32) -> str:
    """Return the shortest C literal that reads back as this float32, in brackets where it is negative."""
    literal = f"{value!s}f"
    return f"({literal})" if value < 0 else literal


def rows(values: list[str]) -> str:
    """Return the values of an array, 16 to a line, or 8, or 4 where they are long."""
    longest = max(map(len, values), default=0)
    per_line = next(n for n in (16, 8, 4) if len(INDENT) + n * (longest + 2) <= COLUMNS + 1)
    lines = [", ".join(values[i : i + per_line]) for i in range(0, len(values), per_line)]
    return INDENT + f",\n{INDENT}".join(lines)


def comment(line: str) -> str:
    """Return one line of a comment block's body, its continuation lines indented."""
    first, further = " *   ", " *       "
    return "\n".join(
        textwrap.wrap(line, COLUMNS, initial_indent=first, subsequent_indent=further, break_on_hyphens=False)
    )
