"""The page of all microcontrollers that `stapes size --part` knows, made from their table in firmware_sim."""

from collections.abc import Iterator

from stapes.firmware_sim.machines.parts import Current, Part, all_parts, microphones

_INTRODUCTION = """# Microcontrollers

`stapes size --part NAME` knows these. Currents are typical ones at 25 °C and 3 to 3.3 V. *Asleep* means that the core
is stopped and its clock runs on, so that the microphone is heard. A dash stands for a figure that is not known for
certain. [Which microcontroller](../parts.md) explains what is made of them.
"""


def parts_page() -> str:
    """Return the page in Markdown."""
    sections = [*_table(), "", "## Sources", "", *_sources(), "", "## Microphones", "", *_microphones(), ""]
    return "\n".join([_INTRODUCTION, *sections])


def _table() -> Iterator[str]:
    yield "| name | part | core | flash, KiB | RAM, KiB | clocks, MHz | wait states | running, mA | asleep, mA |"
    yield "|" + "---|" * 9
    for part in all_parts().values():
        clocks = ", ".join(f"{mhz:g}" for mhz in part.clocks_mhz)
        sizes = [f"{size >> 10:,}" for size in (part.flash_bytes, part.ram_bytes)]
        row = [f"`{part.key}`", part.name, part.core, *sizes, clocks]
        yield f"| {' | '.join([*row, _waits(part), _current(part.run), _current(part.sleep)])} |"


def _waits(part: Part) -> str:
    return ", ".join(f"{cycles} to {mhz:g} MHz" for mhz, cycles in part.waits) or "-"


def _current(current: Current | None) -> str:
    if current is None:
        return "-"
    if current.ua_per_mhz is not None:
        return f"{current.ua_per_mhz:g} µA/MHz"
    return ", ".join(f"{ma:g} at {mhz:g} MHz" for mhz, ma in current.points)


def _sources() -> Iterator[str]:
    for part in all_parts().values():
        yield f"- `{part.key}`: {'; '.join(part.sources)}. Between flash and core: {part.cache}."


def _microphones() -> Iterator[str]:
    yield "| name | supply current, mA |"
    yield "|---|---|"
    yield from (f"| `{name}` | {ma:g} |" for name, ma in microphones().items())
