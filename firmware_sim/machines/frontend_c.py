"""The frontend's tables as C: numbers with their types, which the compiler stores in the byte order of the target."""

import struct
from dataclasses import dataclass

from stapes.firmware_sim._native import ffi
from stapes.firmware_sim.machines.c_text import lines_of

# By the member of the head that holds its offset: the type of a table's elements in C, their format in the module
# struct, and how many lie in a line.
_TABLES = {
    "window_at": ("int32_t", "i", 8),
    "twiddles_at": ("int32_t", "i", 6),
    "odd_twiddles_at": ("int32_t", "i", 8),
    "segments_at": ("stapes_frontend_segment", "3I", 3),
    "log2_at": ("uint16_t", "H", 8),
    "order_at": ("uint16_t", "H", 8),
}
_FORMATS = {"uint32_t": "I", "int32_t": "i", "uint16_t": "H", "uint32_t[8]": "8I"}  # of the members of the head
_HEXADECIMAL = ("magic", "crc32", "settings")


@dataclass(frozen=True)
class FrontendC:
    """The tables as C: the type `struct NAME`, and the definition of the variable NAME."""

    type: str
    definition: str


def frontend_c(name: str, tables: bytes) -> FrontendC:
    """Return the tables, which make_tables made, as a constant struct that begins with a stapes_frontend_tables.

    Its memory is what is in frontend.bin, with each number in the byte order of the processor.
    """
    head = _head(tables)
    places = sorted((head[member][0], member) for member in _TABLES)
    ends = [*(at for at, _ in places[1:]), len(tables)]  # a table is continued by zeros to a whole word
    members = ["    stapes_frontend_tables head;"]
    values = [f"    {{\n{_head_values(head)}\n    }},"]
    for (at, member), end in zip(places, ends, strict=True):
        kind, form, per_line = _TABLES[member]
        elements = [_element(numbers) for numbers in struct.iter_unpack(f"<{form}", tables[at:end])]
        table = member.removesuffix("_at")
        members.append(f"    {kind} {table}[{len(elements)}];")
        values.append(f"    /* {table} */\n    {{\n{lines_of(elements, per_line, 8)}\n    }},")
    variable = f"static const struct {name} {name}"
    return FrontendC(
        type="\n".join([f"struct {name} {{", *members, "};", ""]),
        definition="\n".join(["/* The contents of frontend.bin. */", f"{variable} = {{", *values, "};", ""]),
    )


def _head(tables: bytes) -> dict[str, tuple[int, ...]]:
    """Return the numbers of each member of the stapes_frontend_tables with which the tables begin."""
    return {
        member: struct.unpack_from(f"<{_FORMATS[field.type.cname]}", tables, field.offset)
        for member, field in ffi.typeof("stapes_frontend_tables").fields
    }


def _head_values(head: dict[str, tuple[int, ...]]) -> str:
    lines = []
    for member, numbers in head.items():
        texts = [f"0x{number:08x}" for number in numbers] if member in _HEXADECIMAL else list(map(str, numbers))
        lines.append(f"        .{member} = {texts[0] if len(texts) == 1 else '{' + ', '.join(texts) + '}'},")
    return "\n".join(lines)


def _element(numbers: tuple[int, ...]) -> str:
    return str(numbers[0]) if len(numbers) == 1 else f"{{{', '.join(f'{number}u' for number in numbers)}}}"
