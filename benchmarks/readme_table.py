"""The README's table of measured numbers, made from results/*.csv: `make readme`.

Every row names the command that measures it; where a benchmark has not been run its rows are left out.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.configurations import CONFIGURATIONS, TAUGHT
from benchmarks.rows import read_rows, results_path

ROOT = Path(__file__).resolve().parents[1]
BEGIN, END = "<!-- table -->", "<!-- /table -->"

Row = tuple[str, str]  # what, measured


def _frontend() -> Iterator[Row]:
    value = {(row["subject"], row["figure"]): float(row["value"]) for row in read_rows("frontend")}
    yield (
        "frontend on Cortex-M4, instructions per frame (512-point, 40 bands)",
        f"{value['cortex-m4', 'instructions/frame, 25/10 ms']:,.0f} at 25/10 ms, "
        f"{value['cortex-m4', 'instructions/frame, 32/16 ms']:,.0f} at 32/16 ms",
    )
    hum = "100 Hz hum -6 + white noise -70"
    yield (
        "frontend error, quiet bands beside a loud hum (p95 / max, against float64)",
        f"{value[hum, 'p95']:.3f} / {value[hum, 'max']:.2f} dB",
    )
    widths = [subject for subject, figure in value if figure == "x librosa" and subject.startswith("stapes, ")]

    def times(peer: str) -> str:
        return " / ".join(f"{value[width, f'x {peer}']:.1f}" for width in widths) + f" x {peer}"

    yield (
        f"frontend for training, one core: {' / '.join(width.removeprefix('stapes, ') for width in widths)}",
        f"{times('librosa')}; {times('pymicro-features')}",
    )


def _compiler() -> Iterator[Row]:
    steps = {(row["model"], row["board"]): row for row in read_rows("compiler") if row["layer"] == "step"}
    for model, name in (
        ("ds_cnn", "DS-CNN, MLPerf Tiny keyword shape, 2.66 M MAC"),
        ("cnn_gru_step", "one step of a CNN + GRU, 51 k MAC"),
        ("dense_stack", "dense 128-64-32-8"),
    ):
        m4, m55 = (steps[model, board] for board in ("cortex-m4", "cortex-m55"))
        yield (
            f"{name}: instructions on Cortex-M4 / M55",
            f"{int(m4['instructions']):,} / {int(m55['instructions']):,}; "
            f"{int(m4['code_bytes']) / 1024:.1f} KB code, {int(m4['activation_bytes']) / 1024:.1f} KB activations",
        )


def _laptop() -> Iterator[Row]:
    of_litert = {(row["model"], row["way"]): float(row["of_litert"]) for row in read_rows("laptop")}
    yield (
        "one step of the default network on a laptop, compiled C through cffi: a call per step / blocks of 50",
        f"{of_litert['default_network', 'run']:.2f} / {of_litert['default_network', 'run_steps']:.2f} "
        "of the time of LiteRT from Python",
    )


def _firmware() -> Iterator[Row]:
    boards = {row["board"]: row for row in read_rows("firmware")}
    m4, m55 = boards["cortex-m4"], boards["cortex-m55"]
    yield (
        "the demo's whole detector, instructions per second of audio on Cortex-M4 / M55",
        f"{int(m4['instructions_per_second']) / 1e6:.2f} M / {int(m55['instructions_per_second']) / 1e6:.2f} M",
    )
    yield (
        "its flash with weights / RAM with audio ring and stack on Cortex-M4",
        f"{int(m4['flash_bytes']) / 1024:.1f} KB / {int(m4['ram_bytes']) / 1024:.1f} KB",
    )


def _sizes() -> Iterator[Row]:
    boards = {(row["size"], row["board"]): row for row in read_rows("sizes")}
    for size in dict.fromkeys(size for size, _ in boards):
        m4, m55 = boards[size, "cortex-m4"], boards[size, "cortex-m55"]
        yield (
            f"*{size}* on Cortex-M4 / M55: instructions per second; on M4 flash with weights / RAM with ring and stack",
            f"{int(m4['instructions_per_second']) / 1e6:.1f} M / {int(m55['instructions_per_second']) / 1e6:.1f} M; "
            f"{int(m4['flash_bytes']) / 1024:.0f} KB / {int(m4['ram_bytes']) / 1024:.0f} KB",
        )


def _accuracy() -> Iterator[Row]:
    rows = [row for row in read_rows("accuracy") if (row["training"], row["folds"]) == ("full", "1 2 3 4")]
    measured = read_rows("accuracy_keyboards") if results_path("accuracy_keyboards").is_file() else []
    keyboards = [row for row in measured if row["training"] == "full"]
    for name in CONFIGURATIONS:
        seeds = [row for row in rows if row["configuration"] == name]
        if seeds and name != TAUGHT:  # an experiment; docs/training-notes.md has it
            yield from _accuracy_in_rooms(name, seeds)
        if own := [row for row in keyboards if row["configuration"] == name]:
            yield _accuracy_on_keyboards(name, own)


def _accuracy_on_keyboards(name: str, rows: list[dict[str, str]]) -> Row:
    f1, errors = ([float(row[column]) for row in rows] for column in ("f1_onset", "count_error"))
    return (
        f"*{name}* on keyboards it never heard ({_seeds(rows)}): F1 by onset, mean / worst of "
        f"{len({row['keyboard'] for row in rows})}; worst count error",
        f"{sum(f1) / len(f1):.3f} / {min(f1):.3f}; {max(errors, key=lambda error: abs(error)):+.0%}",
    )


def _seeds(rows: list[dict[str, str]]) -> str:
    seeds = len({row["seed"] for row in rows})
    return f"{seeds} seed{'s' if seeds > 1 else ''}"


def _accuracy_in_rooms(name: str, seeds: list[dict[str, str]]) -> Iterator[Row]:
    """Yield the rows of one configuration: means over its seeds, of the limits of intervals as well."""

    def mean(column: str) -> float:
        return sum(float(row[column]) for row in seeds) / len(seeds)

    def interval(column: str, spec: str) -> str:
        return f"{mean(column):{spec}} ({mean(column + '_low'):{spec}} to {mean(column + '_high'):{spec}})"

    yield (
        f"*{name}* in rooms it never heard ({_seeds(seeds)}): frame AP; event F1 by onset / onset and offset",
        f"{interval('frame_precision', '.3f')}; {interval('f1_onset', '.3f')} / {mean('f1_onset_offset'):.3f}",
    )
    yield (
        f"*{name}* there: recall at 10 / 40 / 100 alarms per hour and class",
        f"{mean('recall_at_10'):.2f} / {interval('recall_at_40', '.2f')} / {mean('recall_at_100'):.2f}",
    )
    yield (
        f"*{name}* there: alarms per hour, away from distractors / during them; away, at the baseline's recall",
        f"{interval('alarms_away', '.0f')} / {mean('alarms_during_distractors'):.0f}; "
        f"{interval('alarms_away_at_baseline_recall', '.0f')}",
    )
    yield (
        f"*{name}* there, chosen for at most 10 false alarms per hour and class: those of the worst class; recall",
        f"{interval('budget_alarms_of_worst_class', '.0f')} per hour; {interval('budget_recall', '.2f')}",
    )
    yield f"*{name}*: int8 minus float, F1 by onset", f"{mean('int8_minus_float'):+.3f}"


def _batch() -> Iterator[Row]:
    speed: dict[str, float] = {}
    for row in read_rows("batch"):
        if row["what"] == "run" and row["processes"] == "1":  # the longest run of an engine comes last
            speed[row["engine"]] = float(row["hours"]) * 3600 / float(row["processor_s"])
    yield (
        "archives, FLAC to events, per core: compiled C / LiteRT reference kernels",
        f"{speed['c']:,.0f} x / {speed['litert']:,.0f} x real time",
    )


def _install() -> Iterator[Row]:
    megabytes = {row["package"]: float(row["megabytes"]) for row in read_rows("install")}
    yield (
        "an installation that detects, compiles and exports, without training: all packages / NumPy and LiteRT alone",
        f"{sum(megabytes.values()):.0f} MB / {megabytes['numpy'] + megabytes['ai-edge-litert']:.0f} MB",
    )


SECTIONS: dict[str, tuple[str, Callable[[], Iterator[Row]]]] = {
    "accuracy": ("make bench-accuracy", _accuracy),
    "frontend": ("make bench-frontend", _frontend),
    "compiler": ("make bench-compiler", _compiler),
    "laptop": ("make bench-compiler", _laptop),
    "sizes": ("python -m benchmarks.sizes", _sizes),
    "firmware": ("make demo bench-firmware", _firmware),
    "batch": ("make demo bench-batch", _batch),
    "install": ("make bench-install", _install),
}


def table() -> str:
    """Return the table in Markdown, from the results that are there."""
    lines = ["| what | measured | command |", "|---|---|---|"]
    for name, (command, rows) in SECTIONS.items():
        if results_path(name).is_file():
            lines += [f"| {what} | {measured} | `{command}` |" for what, measured in rows()]
    return "\n".join(lines)


def with_table(text: str) -> str:
    """Return the README's text with the table between its marks."""
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


if __name__ == "__main__":
    readme = ROOT / "README.md"
    readme.write_text(with_table(readme.read_text(encoding="utf-8")), encoding="utf-8")
