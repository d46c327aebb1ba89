"""What each layer of a model takes on a board: its constants in flash, and its instructions and cycles per step."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from stapes.firmware_sim.machines.firmware import CallSite, Firmware, call_sites
from stapes.firmware_sim.machines.simulation import BuiltDetector, DetectorRun


@dataclass(frozen=True)
class LayerCost:
    """One call in the generated step function, or what lies between the calls."""

    name: str
    kernel: str
    flash_bytes: int
    macs: int  # multiply-accumulates of a step
    instructions: float  # mean over the steps
    cycles: float  # the same; 0 for a core whose timing is not known


def layer_regions(built: BuiltDetector) -> dict[str, tuple[int, int]]:
    """Return the addresses from each call in NAME_step up to where it returns, by its number, for `hear(regions=)`."""
    return {f"{number}": (site.address, site.return_address) for number, site in enumerate(_sites(built))}


def layers_of(built: BuiltDetector, result: DetectorRun) -> list[LayerCost]:
    """Return the kernel calls of NAME_step in order, with the names of their layers in the generated source.

    result: of a run in which `layer_regions` were counted.
    """
    assert built.firmware is not None
    assert result.run is not None
    name = built.model.description.name
    source = built.model.texts[f"{name}.c"]
    written = re.findall(r"^    (?:stapes_nn_)(\w+)\(&?(\w+?)(?:_table)?,", source, re.M)
    constants = _constants_by_layer(built.firmware, name, [layer for _, layer in written])
    macs = _macs_by_layer(source)
    kernels = [
        (site.callee.removeprefix("stapes_nn_"), result.run.counts[f"{number}"])
        for number, site in enumerate(_sites(built))
        if site.callee.startswith("stapes_nn_")
    ]
    calls = [kernel for kernel, _ in kernels]
    names = [layer for _, layer in written] if calls == [kernel for kernel, _ in written] else calls
    return [
        LayerCost(
            name,
            kernel,
            constants.get(name, 0),
            macs.pop(name, 0),
            sum(one.instructions for one in counts) / max(1, len(counts)),
            sum(one.cycles for one in counts) / max(1, len(counts)),
        )
        for name, (kernel, counts) in zip(names, kernels, strict=True)
    ]


def moves_and_calls(layers: Sequence[LayerCost], result: DetectorRun) -> LayerCost:
    """Return what the model takes beside its layers: NAME_step itself, which moves states and calls the kernels."""
    whole = [sum(result.stage_counts(count)["model"]) / max(1, result.steps) for count in ("instructions", "cycles")]
    return LayerCost(
        name="moves and calls",
        kernel="",
        flash_bytes=0,
        macs=0,
        instructions=whole[0] - sum(row.instructions for row in layers),
        cycles=whole[1] - sum(row.cycles for row in layers),
    )


def _sites(built: BuiltDetector) -> list[CallSite]:
    assert built.firmware is not None
    return call_sites(built.firmware, f"{built.model.description.name}_step")


def _macs_by_layer(source: str) -> dict[str, int]:
    """Return the MACs that the table of layers at the head of the generated source states, by layer."""
    table = re.search(r"^ \*   layer  .*\n(?: \*   .*\n)+", source, re.M)
    if table is None:
        return {}
    heading, *rows = table[0].splitlines()
    begin, end = heading.index("MACs"), heading.index("output")
    return {row.split()[1]: int(row[begin:end]) for row in rows if row[begin:end].strip()}


def _constants_by_layer(firmware: Firmware, name: str, layers: Iterable[str]) -> dict[str, int]:
    """Return layer -> bytes of its NAME_weights, NAME_bias, …; a symbol belongs to the longest name that fits it."""
    sizes: dict[str, int] = {}
    by_length = sorted(set(layers), key=len, reverse=True)
    for symbol in firmware.symbols:
        if symbol.section == "rodata":
            layer = next((one for one in by_length if symbol.name == one or symbol.name.startswith(f"{one}_")), None)
            if layer is not None:
                sizes[layer] = sizes.get(layer, 0) + symbol.bytes
    return sizes
