"""The README's tables of measured numbers, made from results/*.csv: `make readme`.

Every row names the command that measures it; where a benchmark has not been run its rows are left out.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.accuracy_table import accuracy_table
from benchmarks.rows import read_rows, results_path

ROOT = Path(__file__).resolve().parents[1]
BEGIN, END = "<!-- tables -->", "<!-- /tables -->"

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
    "frontend": ("make bench-frontend", _frontend),
    "compiler": ("make bench-compiler", _compiler),
    "laptop": ("make bench-compiler", _laptop),
    "firmware": ("make demo bench-firmware", _firmware),
    "batch": ("make demo bench-batch", _batch),
    "install": ("make bench-install", _install),
}


def tables() -> str:
    """Return both tables in Markdown, that of detectors first, from the results that are there."""
    lines = ["| what | measured | command |", "|---|---|---|"]
    for name, (command, rows) in SECTIONS.items():
        if results_path(name).is_file():
            lines += [f"| {what} | {measured} | `{command}` |" for what, measured in rows()]
    return "\n".join((accuracy_table(), "", *lines))


def with_tables(text: str) -> str:
    """Return the README's text with the tables between their marks."""
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    return f"{before}{BEGIN}\n{tables()}\n{END}{after}"


if __name__ == "__main__":
    readme = ROOT / "README.md"
    readme.write_text(with_tables(readme.read_text(encoding="utf-8")), encoding="utf-8")
