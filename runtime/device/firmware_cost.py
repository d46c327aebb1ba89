"""What a detector needs on a board: instructions per stage, flash and RAM per part, and whether that fits a budget."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from stapes.firmware_sim.device.folder import DetectorFolder
from stapes.firmware_sim.device.known_answers import sound_samples
from stapes.firmware_sim.device.selftest import selftest_pcm
from stapes.firmware_sim.errors import ConfigError
from stapes.firmware_sim.machines.boards import Board
from stapes.firmware_sim.machines.detector_c import ring_samples
from stapes.firmware_sim.machines.firmware import Firmware
from stapes.firmware_sim.machines.simulation import STAGES, BuiltDetector, DetectorRun, Pace, build_detector

_PARTS = (  # (beginning of the name of a source file, part to which its code belongs)
    ("stapes_frontend", "frontend"),
    ("stapes_events", "events"),
    ("stapes_detector", "loop"),
    ("stapes_nn", "kernels"),
)


@dataclass(frozen=True)
class StageCost:
    """The work of one stage; `worst` is the largest number in one call."""

    name: str
    mean_per_hop: float
    worst: int


@dataclass(frozen=True)
class Work:
    """What the calls of a run took, in instructions, in cycles or in accesses to memory."""

    stages: tuple[StageCost, ...]
    mean_per_hop: float
    worst_hop: int  # of the hop with the most work, in which a step ends
    worst_step: int  # of all hops of the costliest step
    per_second: float  # of audio


@dataclass(frozen=True)
class CycleCost(Work):
    """The cycles of a run, as the timing of a core gives them for memory without wait states.

    `fetches`, `flash_reads` and `taken_branches` are those of `CycleCount`: what a part's flash adds follows from them.
    """

    core: str
    error_percent: int | None  # that of `CoreTiming`
    fetches: Work
    flash_reads: Work
    taken_branches: Work

    @property
    def error_text(self) -> str:
        """Return how far the cycles may be off, for a person."""
        return "not validated" if self.error_percent is None else f"± {self.error_percent} %"


@dataclass(frozen=True)
class FirmwareCost(Work):
    """What one run on one board needed. Its work is in instructions; `cycles` has the same in cycles."""

    hop_s: float
    frames_per_step: int
    flash: dict[str, int]  # bytes by part
    ram: dict[str, int]  # bytes by part, stacks included
    cycles: CycleCost | None  # None for a core whose timing is not known

    @property
    def flash_bytes(self) -> int:
        """Flash of all parts, without what only the emulation needs."""
        return sum(self.flash.values())

    @property
    def ram_bytes(self) -> int:
        """RAM of all parts: detector, other static data, and the deepest use of both stacks."""
        return sum(self.ram.values())


@dataclass(frozen=True)
class Budget:
    """The flash, RAM and speed that a board offers; None for a limit that is not checked."""

    flash_bytes: int | None = None
    ram_bytes: int | None = None
    pace: Pace | None = None


@dataclass(frozen=True)
class Verdict:
    """The result of one check, with a text for a person."""

    fits: bool
    text: str


def cost_of(built: BuiltDetector, result: DetectorRun) -> FirmwareCost:
    """Return the cost of a run that was counted and not paced."""
    assert built.firmware is not None
    assert result.run is not None
    per_step, hop_s, core = built.folder.frames_per_step, built.folder.frontend.hop_s, result.run.core

    def work(count: str) -> Work:
        return _work(result.stage_counts(count), result.frames, per_step, hop_s)

    cycles = None
    if core is not None:
        cycles = CycleCost(
            **vars(work("cycles")),
            core=core.core,
            error_percent=core.error_percent,
            fetches=work("fetches"),
            flash_reads=work("flash_reads"),
            taken_branches=work("taken_branches"),
        )
    return FirmwareCost(
        **vars(work("instructions")),
        hop_s=hop_s,
        frames_per_step=per_step,
        flash=flash_by_part(built.firmware),
        ram=_ram_by_part(built, result),
        cycles=cycles,
    )


def _work(stages: Mapping[str, list[int]], frames: int, per_step: int, hop_s: float) -> Work:
    """Return the work of a run from that of each call, by stage."""
    calls = dict.fromkeys(STAGES, max(frames, 1)) | {"push": max(1, len(stages["push"]))}  # the last may fill no frame
    rows = tuple(StageCost(name, sum(stages[name]) / calls[name], max(stages[name], default=0)) for name in STAGES)
    push = max(stages["push"], default=0)
    step_ends = [model + events for model, events in zip(stages["model"], stages["events"], strict=True)]
    hops = list(stages["frontend"])
    for step, work in enumerate(step_ends):
        hops[(step + 1) * per_step - 1] += work
    steps = [sum(hops[start : start + per_step]) for start in range(0, len(hops), per_step)]
    mean = sum(row.mean_per_hop for row in rows)
    return Work(
        stages=rows,
        mean_per_hop=mean,
        worst_hop=max(hops, default=0) + push,
        worst_step=max(steps, default=0) + per_step * push,
        per_second=mean / hop_s,
    )


def about_cycles(cycles: CycleCost | None) -> str:
    """Return what the reader of cycles has to know of them, or that they are not known."""
    if cycles is None:
        return "cycles: not known, because stapes has no model of this core's pipeline"
    return f"cycles: model of the {cycles.core} with memory that never waits, {cycles.error_text}"


def measured_cost(folder: DetectorFolder, board: Board, out: Path, *, loadable: bool = False) -> FirmwareCost:
    """Build a detector for a board and count the sound of the self-test. Files go into `out`.

    loadable: the model is one that can be replaced on the device.

    Raises ModelError and ToolchainError as `build_detector` does.
    """
    built = build_detector(folder, board, out, loadable=loadable)
    return cost_of(built, built.hear(selftest_pcm(sound_samples(folder))))


def flash_by_part(firmware: Firmware) -> dict[str, int]:
    """Return part -> bytes of code and constants: frontend, kernels, model, tables, …"""
    flash: dict[str, int] = {}
    for file, sections in firmware.parts.items():
        part = next((part for start, part in _PARTS if file.startswith(start)), None)
        if part is None:
            part = _own_part(file, set(firmware.parts))
        size = sum(sections[section] for section in ("text", "rodata", "data"))
        flash[part] = flash.get(part, 0) + size
    flash["alignment"] = firmware.flash_bytes - sum(flash.values())
    return {part: size for part, size in flash.items() if size}


def _own_part(file: str, files: set[str]) -> str:
    """Return the part of a file of no fixed name: NAME is the model, NAME_detector holds tables and settings."""
    if f"{file}_detector" in files:
        return "model"
    return "tables and settings" if file.endswith("_detector") else "C library"


def _ram_by_part(built: BuiltDetector, result: DetectorRun) -> dict[str, int]:
    assert built.firmware is not None
    assert result.run is not None
    frontend = built.folder.frontend
    parts = {
        "audio ring": 2 * ring_samples(built.folder),
        "frame": 2 * frontend.window_samples,
        "frontend work": 4 * frontend.n_fft,
        "model": built.model.description.sizes.ram,
    }
    parts["loop, events, scores"] = result.detector_bytes - sum(parts.values())
    parts |= {"stack": result.run.stack_bytes, "stack of interrupts": result.run.handler_stack_bytes}
    if built.firmware.static_ram_bytes:
        parts["other static data"] = built.firmware.static_ram_bytes
    return parts


def verdicts(cost: FirmwareCost, budget: Budget) -> list[Verdict]:
    """Return one verdict for each limit of the budget. The text of a failure names the largest items."""
    found = memory_verdicts(cost, budget)
    if budget.pace is not None:
        found += _speed(cost, budget.pace)
    return found


def largest_stages(work: Work) -> str:
    """Return the stages with the most work per hop, and how much it is, for a person."""
    return ", ".join(_largest({row.name: round(row.mean_per_hop) for row in work.stages}))


def memory_verdicts(cost: FirmwareCost, budget: Budget, *, code_in_ram: bool = False) -> list[Verdict]:
    """Return verdicts for flash and RAM, where limited. code_in_ram: the RAM holds what the flash holds, too."""
    ram = cost.ram | ({"code and constants": cost.flash_bytes} if code_in_ram else {})
    limits = (("flash", budget.flash_bytes, cost.flash), ("RAM", budget.ram_bytes, ram))
    return [_memory(name, limit, items) for name, limit, items in limits if limit is not None]


def _memory(name: str, limit: int, items: dict[str, int]) -> Verdict:
    size = sum(items.values())
    text = f"{name} {size:,} of {limit:,} bytes"
    if size > limit:
        text += f": {size - limit:,} too many; the largest are {', '.join(_largest(items))}"
    return Verdict(size <= limit, text)


def _largest(items: dict[str, int]) -> Iterable[str]:
    return (f"{part} {size:,}" for part, size in sorted(items.items(), key=lambda item: -item[1])[:3])


def _speed(cost: FirmwareCost, pace: Pace) -> list[Verdict]:
    assumed = f"at {pace.mhz:g} MHz and an assumed {pace.cpi:g} cycles per instruction"
    load = cost.per_second / pace.instructions(1)
    step_s = cost.hop_s * cost.frames_per_step
    worst_s = step_s * cost.worst_step / pace.instructions(step_s)
    hint = f"; the most instructions per hop are in {largest_stages(cost)}"
    return [
        Verdict(load <= 1, f"load {100 * load:.1f} % {assumed}" + (hint if load > 1 else "")),
        Verdict(
            worst_s <= step_s,
            f"costliest step {1000 * worst_s:.2f} of {1000 * step_s:g} ms {assumed}"
            + (hint if worst_s > step_s else ""),
        ),
    ]


def parse_bytes(text: str) -> int:
    """Return the number of bytes that a text such as 65536, 64K or 1M means. Raises ConfigError for other texts."""
    factor = {"K": 1 << 10, "M": 1 << 20}.get(text[-1:].upper(), 1)
    digits = text[:-1] if factor > 1 else text
    if not digits.isascii() or not digits.isdigit():
        raise ConfigError(f"{text!r} is not a size; write a number of bytes, such as 65536, 64K or 1M")
    return int(digits) * factor
