"""The README's table of detectors: what each size hears in rooms and on keyboards it never heard, and what it takes.

A column is a configuration, and its figures are means over the seeds that were measured, of the limits of intervals as
well.
"""

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.configurations import CONFIGURATIONS, SIX_LAYERS, TAUGHT
from benchmarks.rows import read_rows, results_path

ACCURACY, SIZES = "make bench-accuracy", "python -m benchmarks.sizes"  # the commands that measure
ALL_ROOMS = "1 2 3 4"
NOT_MEASURED = "–"

Rows = list[dict[str, str]]


@dataclass(frozen=True)
class Measured:
    """All that was measured of one configuration, from results/*.csv."""

    rooms: Rows  # one row for each seed
    keyboards: Rows  # one for each keyboard and seed
    boards: dict[str, dict[str, str]]  # what a detector takes on each board

    def mean(self, column: str, spec: str) -> str:
        """Return the mean of a column over the seeds."""
        return f"{sum(float(row[column]) for row in self.rooms) / len(self.rooms):{spec}}"

    def interval(self, column: str, spec: str) -> str:
        """Return the mean of a column over the seeds, and its interval."""
        low, high = self.mean(f"{column}_low", spec), self.mean(f"{column}_high", spec)
        return f"{self.mean(column, spec)} ({low} to {high})"

    def keyboards_and_seeds(self) -> str:
        """Return how many keyboards were held out, and with how many seeds."""
        return f"{_distinct(self.keyboards, 'keyboard')}; {_distinct(self.keyboards, 'seed')}"

    def f1_on_keyboards(self) -> str:
        """Return the mean and the worst of F1 by onset."""
        f1 = [float(row["f1_onset"]) for row in self.keyboards]
        return f"{sum(f1) / len(f1):.3f} / {min(f1):.3f}"

    def largest_count_error(self) -> str:
        """Return the count error of the worst keyboard and seed."""
        return f"{max((float(row['count_error']) for row in self.keyboards), key=abs):+.0%}"

    def memory(self) -> str:
        """Return flash and RAM on Cortex-M4."""
        m4 = self.boards["cortex-m4"]
        return f"{int(m4['flash_bytes']) / 1024:.0f} KB / {int(m4['ram_bytes']) / 1024:.0f} KB"

    def instructions(self) -> str:
        """Return the instructions per second of sound."""
        per_second = [int(self.boards[board]["instructions_per_second"]) for board in ("cortex-m4", "cortex-m55")]
        return " / ".join(f"{each / 1e6:.1f} M" for each in per_second)


@dataclass(frozen=True)
class Figure:
    """A row of the table."""

    name: str
    text: Callable[[Measured], str]
    needs: Callable[[Measured], object]  # is empty where the figure was not measured
    command: str


def _in_rooms(name: str, text: Callable[[Measured], str]) -> Figure:
    return Figure(name, text, lambda measured: measured.rooms, ACCURACY)


def _on_keyboards(name: str, text: Callable[[Measured], str]) -> Figure:
    return Figure(name, text, lambda measured: measured.keyboards, ACCURACY)


def _on_boards(name: str, text: Callable[[Measured], str]) -> Figure:
    return Figure(name, text, lambda measured: measured.boards, SIZES)


def _distinct(rows: Rows, column: str) -> int:
    return len({row[column] for row in rows})


FIGURES = (
    _in_rooms("rooms never heard: seeds", lambda measured: str(_distinct(measured.rooms, "seed"))),
    _in_rooms("frame average precision", lambda measured: measured.interval("frame_precision", ".3f")),
    _in_rooms("event F1 by onset", lambda measured: measured.interval("f1_onset", ".3f")),
    _in_rooms("event F1 by onset and offset", lambda measured: measured.interval("f1_onset_offset", ".3f")),
    _in_rooms(
        "recall at 10 / 40 / 100 alarms per hour and class",
        lambda measured: " / ".join(
            (
                measured.mean("recall_at_10", ".2f"),
                measured.interval("recall_at_40", ".2f"),
                measured.mean("recall_at_100", ".2f"),
            )
        ),
    ),
    _in_rooms("alarms per hour away from distractors", lambda measured: measured.interval("alarms_away", ".0f")),
    _in_rooms(
        "the same, at the recall of *baseline*",
        lambda measured: measured.interval("alarms_away_at_baseline_recall", ".0f"),
    ),
    _in_rooms(
        "alarms per hour during distractors", lambda measured: measured.interval("alarms_during_distractors", ".0f")
    ),
    _in_rooms(
        "chosen for at most 10 alarms per hour and class: those of the worst class",
        lambda measured: measured.interval("budget_alarms_of_worst_class", ".0f"),
    ),
    _in_rooms("recall then", lambda measured: measured.interval("budget_recall", ".2f")),
    _in_rooms("int8 minus float, F1 by onset", lambda measured: measured.mean("int8_minus_float", "+.3f")),
    _on_keyboards("keyboards never heard: number; seeds", Measured.keyboards_and_seeds),
    _on_keyboards("event F1 by onset, mean / worst", Measured.f1_on_keyboards),
    _on_keyboards("largest count error", Measured.largest_count_error),
    _on_boards("Cortex-M4: flash with weights / RAM with ring and stack", Measured.memory),
    _on_boards("Cortex-M4 / M55: instructions per second of sound", Measured.instructions),
)


def accuracy_table() -> str:
    """Return the table in Markdown, with a column for each configuration of which something was measured."""
    elsewhere = (SIX_LAYERS, TAUGHT)  # docs/backbone.md, docs/training-notes.md
    measured = {name: _measured(name) for name in CONFIGURATIONS if name not in elsewhere}
    columns = {name: each for name, each in measured.items() if each.rooms or each.keyboards}
    lines = [_line("", *(f"*{name}*" for name in columns), "command"), "|---" * (len(columns) + 2) + "|"]
    for figure in FIGURES:
        texts = [figure.text(each) if figure.needs(each) else NOT_MEASURED for each in columns.values()]
        lines.append(_line(figure.name, *texts, f"`{figure.command}`"))
    return "\n".join(lines)


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _measured(name: str) -> Measured:
    rooms = [row for row in _rows("accuracy") if row["configuration"] == name and row["folds"] == ALL_ROOMS]
    keyboards = [row for row in _rows("accuracy_keyboards") if row["configuration"] == name]
    return Measured(
        [row for row in rooms if row["training"] == "full"],
        [row for row in keyboards if row["training"] == "full"],
        {row["board"]: row for row in _rows("sizes") if row["size"] == name},
    )


def _rows(name: str) -> Rows:
    return list(read_rows(name)) if results_path(name).is_file() else []
