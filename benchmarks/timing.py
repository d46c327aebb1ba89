"""How far predicted cycles are from published ones, and cycles of two networks beside marks: `make bench-timing`.

results/timing_published.csv holds networks whose time on a board was published, with the instructions, core cycles and
cache misses that stapes counts for them; results/timing_coremark.csv holds published CoreMark scores in the same way.
docs/timing.md says how they were obtained. They are not measured again here: the programs are other people's. Measured
here are the cycles of MLPerf Tiny's keyword spotting network and autoencoder, compiled by stapes, where
../shared/models is beside this checkout; they are written to results/timing.csv. The tables of docs/timing.md are made
from these three files.
"""

import statistics
import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks.compiler import Bench
from benchmarks.rows import read_rows, results_path, write_rows
from stapes.firmware_sim.machines.emulator import run
from stapes.firmware_sim.machines.flash_cache import FLASH_CACHES
from stapes.runtime.console import show

PAGE = Path(__file__).resolve().parents[1] / "docs" / "timing.md"
MODELS = Path("../shared/models")


@dataclass(frozen=True, kw_only=True)
class Published:
    """A network whose speed on a board was published, and what stapes counts for it."""

    program: str
    code: str
    core: str
    board: str
    mhz: float
    per_second: float  # inferences, as published
    instructions: int
    core_cycles: int  # with memory that never waits
    missed_code: int  # reads of the flash that the board's cache could not save
    missed_data: int
    miss_cycles: int
    chosen_by: bool  # whether a figure of the model was chosen by this row

    @property
    def cycles(self) -> float:
        """Return the published cycles."""
        return self.mhz * 1e6 / self.per_second

    @property
    def predicted(self) -> int:
        """Return the predicted cycles, those in which the core waits for the flash included."""
        return self.core_cycles + self.miss_cycles * (self.missed_code + self.missed_data)

    @property
    def error_percent(self) -> float:
        """Return how much more cycles are predicted than were published, in percent of the published ones."""
        return 100 * (self.predicted / self.cycles - 1)


@dataclass(frozen=True, kw_only=True)
class CoreMark:
    """A published CoreMark score, and what stapes counts for an iteration of the benchmark."""

    core: str
    board: str
    mhz: float
    per_second: float  # iterations, as published
    published_with: str  # compiler and flags
    predicted_with: str
    arm_per_mhz: float | None  # Arm's own figure for this core; None: not a core of Arm
    instructions: int
    core_cycles: int  # with memory that never waits

    @property
    def published_per_mhz(self) -> float:
        """Return the published iterations per second and MHz."""
        return self.per_second / self.mhz

    @property
    def predicted_per_mhz(self) -> float:
        """Return the predicted iterations per second and MHz."""
        return 1e6 / self.core_cycles

    @property
    def error_percent(self) -> float:
        """Return how much more cycles are predicted than were published, in percent of the published ones."""
        return 100 * (self.published_per_mhz / self.predicted_per_mhz - 1)


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A network compiled by stapes, the most cycles that an inference should take, and who published the fewest."""

    work: str
    model: str  # file of ../shared/models
    board: str
    part: str | None  # whose flash and cache are counted; None: memory that never waits
    best_published: str
    mark: int  # cycles


_KWS, _AD = "mlperf_kws", "mlperf_ad01"
MARKS = (
    Mark(
        work="keyword spotting, M4",
        model=_KWS,
        board="cortex-m4",
        part="stm32l4r5",
        best_published="5.18 M, X-CUBE-AI 9",
        mark=4_800_000,
    ),
    Mark(
        work="keyword spotting, M33",
        model=_KWS,
        board="cortex-m33",
        part="nrf5340",
        best_published="4.64 M, X-CUBE-AI 10.2",
        mark=4_400_000,
    ),
    Mark(
        work="keyword spotting, M7",
        model=_KWS,
        board="cortex-m7",
        part=None,
        best_published="3.17 M, X-CUBE-AI 9",
        mark=3_000_000,
    ),
    Mark(
        work="autoencoder, M4",
        model=_AD,
        board="cortex-m4",
        part="stm32l4r5",
        best_published="486 k, Plumerai",
        mark=450_000,
    ),
    Mark(
        work="keyword spotting, M0+",
        model=_KWS,
        board="cortex-m0-large",
        part=None,
        best_published="30.4 M, HALE",
        mark=22_000_000,
    ),
)


def published() -> list[Published]:
    """Return the rows of results/timing_published.csv."""
    return [
        Published(
            program=row["program"],
            code=row["code"],
            core=row["core"],
            board=row["board"],
            mhz=float(row["mhz"]),
            per_second=float(row["per_second"]),
            instructions=int(row["instructions"]),
            core_cycles=int(row["core_cycles"]),
            missed_code=int(row["missed_code"]),
            missed_data=int(row["missed_data"]),
            miss_cycles=int(row["miss_cycles"]),
            chosen_by=row["chosen_by"] == "yes",
        )
        for row in read_rows("timing_published")
    ]


def coremark() -> list[CoreMark]:
    """Return the rows of results/timing_coremark.csv."""
    return [
        CoreMark(
            core=row["core"],
            board=row["board"],
            mhz=float(row["mhz"]),
            per_second=float(row["per_second"]),
            published_with=row["published_with"],
            predicted_with=row["predicted_with"],
            arm_per_mhz=float(row["arm_per_mhz"]) if row["arm_per_mhz"] else None,
            instructions=int(row["instructions"]),
            core_cycles=int(row["core_cycles"]),
        )
        for row in read_rows("timing_coremark")
    ]


def measure(mark: Mark, folder: Path) -> dict[str, object]:
    """Compile a network, run it on four inputs and return the costliest run. Its outputs are compared with LiteRT."""
    bench = Bench(mark.model, (MODELS / f"{mark.model}.tflite").read_bytes())
    firmware = bench.run_step(mark.board, folder)[0]
    cache = None if mark.part is None else FLASH_CACHES[mark.part]
    result = run(firmware, files={"in.bin": bench.given}, flash_cache=cache, timeout_s=600)
    costliest = max(result.counts["step"], key=lambda count: count.cycles)
    waits = 0
    if cache is not None:
        waits = max(cache.miss_cycles * (one.code + one.data) for one in result.flash_misses["step"])
    return {
        "work": mark.work,
        "instructions": costliest.instructions,
        "core_cycles": costliest.cycles,
        "waits": waits,
        "part": mark.part or "",
        "best_published": mark.best_published,
        "mark": mark.mark,
    }


def validation_table() -> str:
    """Return the table of predicted and published cycles in Markdown."""
    head = "| core | board, MHz | code | program | instructions | core | waits | predicted | published | error |"
    lines = [head, "|---|---|---|---|---|---|---|---|---|---|"]
    for row in published():
        chosen = " *" if row.chosen_by else ""
        lines.append(
            f"| {row.core} | {row.board}, {row.mhz:g} | {row.code} | {row.program} | {_cycles(row.instructions)} | "
            f"{_cycles(row.core_cycles)} | {_cycles(row.predicted - row.core_cycles)} | {_cycles(row.predicted)} | "
            f"{_cycles(row.cycles)} | {row.error_percent:+.1f} %{chosen} |"
        )
    return "\n".join(lines)


def summary_table() -> str:
    """Return the errors by core in Markdown, without their signs."""
    lines = ["| core | programs | median error | largest error |", "|---|---|---|---|"]
    rows = published()
    for core in dict.fromkeys(row.core for row in rows):
        errors = [abs(row.error_percent) for row in rows if row.core == core]
        lines.append(f"| {core} | {len(errors)} | {statistics.median(errors):.1f} % | {max(errors):.1f} % |")
    return "\n".join(lines)


def coremark_table() -> str:
    """Return the table of predicted and published CoreMark scores in Markdown."""
    head = (
        "| core | board, MHz | published with | predicted with | instructions | predicted | published | error | Arm |"
    )
    lines = [head, "|---|---|---|---|---|---|---|---|---|"]
    for row in coremark():
        arm = f"{row.arm_per_mhz:.2f}" if row.arm_per_mhz else ""
        board = f"{row.board}, {row.mhz:g}" if row.mhz > 1 else row.board
        lines.append(
            f"| {row.core} | {board} | {row.published_with} | {row.predicted_with} | {_cycles(row.instructions)} | "
            f"{row.predicted_per_mhz:.2f} | {row.published_per_mhz:.2f} | {row.error_percent:+.1f} % | {arm} |"
        )
    return "\n".join(lines)


def marks_table() -> str:
    """Return what stapes' own code takes beside the marks, in Markdown."""
    head = "| work | instructions | core | waits | predicted | mark | | best published |"
    lines = [head, "|---|---|---|---|---|---|---|---|"]
    for row in read_rows("timing"):
        core, waits, mark = int(row["core_cycles"]), int(row["waits"]), int(row["mark"])
        waiting = f"{_cycles(waits)} ({row['part']})" if row["part"] else "none counted"
        lines.append(
            f"| {row['work']} | {_cycles(int(row['instructions']))} | {_cycles(core)} | {waiting} | "
            f"{_cycles(core + waits)} | {_cycles(mark)} | {'reached' if core + waits <= mark else 'missed'} | "
            f"{row['best_published']} |"
        )
    return "\n".join(lines)


def _cycles(count: float) -> str:
    """Return a count with three or four digits: 11.98 M, 604.8 k."""
    if count >= 1e6:
        return f"{count / 1e6:.2f} M"
    return f"{count / 1e3:.1f} k" if count else "0"


TABLES = {
    "validation": validation_table,
    "summary": summary_table,
    "coremark": coremark_table,
    "marks": marks_table,
}


def with_tables(text: str) -> str:
    """Return the text of docs/timing.md with its tables. Raises ValueError where it has not one place for each."""
    for name, table in TABLES.items():
        begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
        if text.count(begin) != 1 or text.count(end) != 1:
            raise ValueError(f"the page must have the lines {begin} and {end} once each")
        before, _, rest = text.partition(begin)
        text = f"{before}{begin}\n{table()}\n{end}{rest.partition(end)[2]}"
    return text


def main() -> None:
    """Measure the marks, print all tables and write them into docs/timing.md."""
    if MODELS.is_dir():
        with tempfile.TemporaryDirectory(prefix="stapes-timing-") as scratch:
            write_rows("timing", [measure(mark, Path(scratch) / str(n)) for n, mark in enumerate(MARKS)])
    else:
        print(f"{MODELS} is not beside this checkout: the marks are those of {results_path('timing')}")
    for table in TABLES.values():
        print(table() + "\n")
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    show()
    main()
