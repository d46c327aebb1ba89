"""The page of measured figures, made from benchmarks/results/*.csv; its first two tables are those of the README."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from benchmarks.batch import day_table, hours_table, read_csv
from benchmarks.readme_table import tables
from benchmarks.rows import read_rows, results_path

ResultRow = Mapping[str, str]  # column of a results file -> text
Column = tuple[str, Callable[[ResultRow], str]]  # heading, text of the cell

INTRODUCTION = """# What is measured

Every figure on this page comes from a file in `benchmarks/results/`, which the command in the same section or row
writes. Instructions are exact counts under QEMU. They are not cycles, which [a model of each core](timing.md)
predicts and [wait states of the flash](parts.md) lengthen.
"""


def measured_page() -> str:
    """Return the page in Markdown."""
    return "\n\n".join([INTRODUCTION + "\n" + tables(), *_sections(), ""])


def _sections() -> Iterable[str]:
    yield _section("A whole detector on each board", "make demo bench-firmware", _FIRMWARE_TEXT, _firmware())
    yield _section("Compiled models on each board", "make bench-compiler", _COMPILER_TEXT, _compiler())
    yield _section("One step on a laptop", "make bench-compiler", _LAPTOP_TEXT, _laptop())
    yield _section("The frontend on each board", "make bench-frontend", _FRONTEND_TEXT, _frontend_boards())
    yield _section("Error of the frontend", "make bench-frontend", _ERROR_TEXT, _frontend_error())
    yield from (_section(title, "make bench-accuracy", text, rows()) for title, text, rows in _accuracy_sections())
    yield _section("What int8 costs", "make bench-quantization", _QUANTIZATION_TEXT, _quantization())
    yield _section("Months of recordings", "make demo bench-batch", _BATCH_TEXT, day_table(read_csv()))
    yield hours_table(read_csv())


_FIRMWARE_TEXT = (
    "The demo's detector with its frontend, model, event decoder and loop, built with `gcc -O2`. RAM includes the"
    " ring for audio and the stack."
)
_COMPILER_TEXT = (
    "Instructions, code and activations of one step. Weights, which depend only on the model, are not in the table."
)
_LAPTOP_TEXT = (
    "Microseconds of one step, and their ratio to LiteRT with its default kernels, called from Python. `run` is "
    "one call per step, `run_steps` is one call for 50 steps."
)
_FRONTEND_TEXT = "Instructions per frame with 40 bands, and bytes of code and stack."
_ERROR_TEXT = "Difference from a float64 computation, in dB, over all bands and frames of each signal."
_ACCURACY_TEXT = (
    "A row per configuration and seed, in rooms that the detector never heard; the text in parentheses is a 95 % "
    "interval over sources and recordings. [Accuracy in rooms and on devices never heard](accuracy.md) says what is "
    "held out and what each figure means. *Quick* training has a third of the updates."
)
_FOLDS_TEXT = "The same by fold and class."
_KEYBOARDS_TEXT = "Each keyboard held out in turn."
_QUANTIZATION_TEXT = (
    "The same network in float, quantized after training (PTQ) and trained with quantization (QAT), after equally"
    " many steps."
)
_BATCH_TEXT = (
    "FLAC files at 16 kHz, from the start of the processes to the last table. Figures for 16 and 256 cores are "
    "computed, not measured."
)


def _section(title: str, command: str, text: str, rows: str) -> str:
    return f"## {title}\n\n{text} Command: `{command}`.\n\n{rows}"


def _accuracy_sections() -> Iterable[tuple[str, str, Callable[[], str]]]:
    """Yield title, text and table of what has been measured: rooms and keyboards can be run by themselves."""
    if results_path("accuracy").is_file():
        yield "Accuracy in rooms never heard", _ACCURACY_TEXT, _accuracy
        yield "Accuracy by fold and class", _FOLDS_TEXT, _accuracy_folds
    if results_path("accuracy_keyboards").is_file():
        yield "Accuracy on keyboards never heard", _KEYBOARDS_TEXT, _accuracy_keyboards


def _table(rows: Sequence[ResultRow], columns: Sequence[Column]) -> str:
    lines = ["| " + " | ".join(name for name, _ in columns) + " |", "|" + "---|" * len(columns)]
    return "\n".join(lines + ["| " + " | ".join(show(row) for _, show in columns) + " |" for row in rows])


def _text(name: str) -> Callable[[ResultRow], str]:
    return lambda row: row[name]


def _whole(name: str) -> Callable[[ResultRow], str]:
    return lambda row: f"{round(float(row[name])):,}" if row[name] else "-"


def _number(name: str, digits: int) -> Callable[[ResultRow], str]:
    return lambda row: f"{float(row[name]):.{digits}f}" if row[name] else "-"


def _firmware() -> str:
    columns = [
        ("core", _text("core")),
        ("instructions per hop", _whole("instructions")),
        ("worst hop", _whole("worst_hop_instructions")),
        ("million instructions/s", lambda row: f"{float(row['instructions_per_second']) / 1e6:.2f}"),
        ("flash, bytes", _whole("flash_bytes")),
        ("RAM, bytes", _whole("ram_bytes")),
        ("stack, bytes", _whole("stack_bytes")),
    ]
    return _table(read_rows("firmware"), columns)


def _compiler() -> str:
    columns = [
        ("model", _text("model")),
        ("board", _text("board")),
        ("MACs", _whole("macs")),
        ("instructions", _whole("instructions")),
        ("code, bytes", _whole("code_bytes")),
        ("activations, bytes", _whole("activation_bytes")),
        ("stack, bytes", _whole("stack_bytes")),
    ]
    return _table([row for row in read_rows("compiler") if row["layer"] == "step"], columns)


def _laptop() -> str:
    columns = [
        ("model", _text("model")),
        ("way", _text("way")),
        ("µs", _number("us", 2)),
        ("ratio to LiteRT", _number("of_litert", 2)),
    ]
    return _table(read_rows("laptop"), columns)


def _frontend_boards() -> str:
    return _by_subject("on a board", "board", ",.0f")


def _frontend_error() -> str:
    return _by_subject("error, dB", "signal", ".4f")


def _by_subject(group: str, subject: str, form: str) -> str:
    """One group of the frontend's figures: a row per subject, a column per figure."""
    rows = [row for row in read_rows("frontend") if row["group"] == group]
    values = {(row["subject"], row["figure"]): format(float(row["value"]), form) for row in rows}
    subjects, figures = (list(dict.fromkeys(row[name] for row in rows)) for name in ("subject", "figure"))
    table = [{subject: one} | {figure: values.get((one, figure), "") for figure in figures} for one in subjects]
    return _table(table, [(name, _text(name)) for name in (subject, *figures)])


def _interval(name: str, form: str) -> Callable[[ResultRow], str]:
    def show(row: ResultRow) -> str:
        if not row[name]:
            return "-"
        value, low, high = (format(float(row[name + suffix]), form) for suffix in ("", "_low", "_high"))
        return f"{value} ({low} to {high})"

    return show


_RUN: list[Column] = [
    ("configuration", _text("configuration")),
    ("seed", _text("seed")),
    ("training", _text("training")),
]


def _accuracy() -> str:
    columns = [
        *_RUN,
        ("folds", _text("folds")),
        ("frame AP", _interval("frame_precision", ".3f")),
        ("F1 by onset", _interval("f1_onset", ".3f")),
        ("F1 by onset and offset", _interval("f1_onset_offset", ".3f")),
        ("recall at 10/h", _interval("recall_at_10", ".2f")),
        ("at 40/h", _interval("recall_at_40", ".2f")),
        ("at 100/h", _interval("recall_at_100", ".2f")),
        ("alarms/h away from distractors", _interval("alarms_away", ".0f")),
        ("during them", _interval("alarms_during_distractors", ".0f")),
        ("away, at the baseline's recall", _interval("alarms_away_at_baseline_recall", ".0f")),
        ("budget: alarms/h of the worst class", _interval("budget_alarms_of_worst_class", ".0f")),
        ("budget: recall", _interval("budget_recall", ".2f")),
        ("int8 minus float", _number("int8_minus_float", 3)),
    ]
    return _table(read_rows("accuracy"), columns)


def _accuracy_folds() -> str:
    columns = [
        *_RUN,
        ("fold", _text("fold")),
        ("class", _text("class")),
        ("events", _text("annotated")),
        ("frame AP", _number("frame_precision", 2)),
        ("F1 by onset", _number("f1_onset", 2)),
        ("recall at 10/h", _number("recall_at_10", 2)),
        ("at 40/h", _number("recall_at_40", 2)),
        ("at 100/h", _number("recall_at_100", 2)),
        ("alarms away from distractors", _text("alarms_away")),
        ("in hours", _number("hours_away", 2)),
        ("budget: alarms/h", _whole("budget_alarms_per_hour")),
        ("budget: recall", _number("budget_recall", 2)),
    ]
    return _table(read_rows("accuracy_folds"), columns)


def _accuracy_keyboards() -> str:
    columns = [
        *_RUN,
        ("keyboard", _text("keyboard")),
        ("keystrokes", _text("annotated")),
        ("detected", _text("detected")),
        ("F1 by onset", _interval("f1_onset", ".3f")),
        ("count error", _interval("count_error", "+.0%")),
    ]
    return _table(read_rows("accuracy_keyboards"), columns)


def _quantization() -> str:
    columns = [
        ("seed", _text("seed")),
        ("form", _text("form")),
        ("F1 by onset", _number("f1_onset", 3)),
        ("F1 by onset and offset", _number("f1_onset_offset", 3)),
        ("held-out sources, F1 by onset", _number("folds_f1_onset", 3)),
        ("change from float", _number("change", 3)),
    ]
    return _table(read_rows("quantization"), columns)
