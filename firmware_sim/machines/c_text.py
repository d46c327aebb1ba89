"""Pieces of C that describe a detector: arrays of words, strings, comments, settings of events."""

from collections.abc import Sequence
from typing import Literal

from stapes.firmware_sim.device.events import EventConfig

_WORDS_PER_LINE = 8


def words(name: str, data: bytes, byte_order: Literal["little", "big"]) -> str:
    """Return the definition of an array of words that holds these bytes, and zeros to a whole word.

    byte_order: that of the processor for which the C is compiled.
    """
    padded = data + bytes(-len(data) % 4)
    numbers = [int.from_bytes(padded[at : at + 4], byte_order) for at in range(0, len(padded), 4)]
    lines = lines_of([f"0x{word:08x}" for word in numbers], _WORDS_PER_LINE)
    return f"static const uint32_t {name}[{len(numbers)}] = {{\n{lines}\n}};\n"


def byte_list(data: bytes) -> str:
    """Return bytes as an initializer."""
    return f"{{{', '.join(f'0x{byte:02x}' for byte in data)}}}"


def model_functions(name: str) -> str:
    """Return NAME_reset and NAME_step as functions that take any pointer, for stapes_detector_setup."""
    return f"""static void {name}_reset_any(void *model)
{{
    {name}_reset(model);
}}

static void {name}_step_any(void *model, const int8_t *features, int8_t *scores)
{{
    {name}_step(model, features, scores);
}}
"""


def event_config(label: str, config: EventConfig) -> str:
    """Return the initializer of a stapes_event_config, in which the class is a comment."""
    values = "\n".join(f"        .{name} = {value}," for name, value in vars(config).items())
    return f"    /* {in_comment(label)} */\n    {{\n{values}\n    }},"


def c_string(text: str) -> str:
    """Return a C string literal of the text in UTF-8.

    All other than plain characters become octal escapes, which unlike hexadecimal ones end after three digits.
    """
    plain = "".join(
        chr(byte) if 32 <= byte < 127 and chr(byte) not in '"\\?' else f"\\{byte:03o}" for byte in text.encode()
    )
    return f'"{plain}"'


def in_comment(text: str) -> str:
    """Return a text that cannot end a comment."""
    return text.replace("*/", "* /").replace("/*", "/ *").replace("\n", " ")


def lines_of(values: Sequence[str], per_line: int, indent: int = 4) -> str:
    """Return elements of an initializer in lines of `per_line` elements."""
    rows = (values[start : start + per_line] for start in range(0, len(values), per_line))
    return "\n".join(f"{' ' * indent}{', '.join(row)}," for row in rows)
