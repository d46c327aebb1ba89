"""How many models of others compile, and whether they equal LiteRT: `make bench-models DIR`.

Every .tflite below a folder is compiled in a process of its own, with a limit of time and memory, and every int8 and
uint8 tensor is compared with LiteRT's `BUILTIN_REF` on random inputs. A file is data only. Printed, and written to
results/models.csv, is a row per file; its verdict is one of

equal         no bit differs
differs       in the tensors that are named
refused       by the compiler, for the reasons that are listed
no reference  LiteRT's reference kernels do not run it
failed        an error that is no refusal, a crash, or too much time or memory: a defect
"""

import argparse
import json
import subprocess
import sys
import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

from benchmarks.one_model import Verdict
from benchmarks.rows import results_path, write_rows
from stapes.convert.emit.describe import table
from stapes.firmware_sim.errors import ConfigError, StapesError
from stapes.runtime.console import harmless

SECONDS = 300.0  # for one file
ROOT = Path(__file__).resolve().parents[1]


def verdict_of(file: Path, seconds: float = SECONDS) -> Verdict:
    """Return what became of a file, which a child process examines."""
    command = [sys.executable, "-m", "benchmarks.one_model", str(file.absolute())]
    try:
        done = subprocess.run(command, capture_output=True, cwd=ROOT, timeout=seconds, check=False)
        lines, status, said = done.stdout.splitlines(), done.returncode, done.stderr
        reason = f"exit status {status}: {_last_line(said)}"
    except subprocess.TimeoutExpired as late:
        lines, status, reason = (late.stdout or b"").splitlines(), 1, f"took more than {seconds:g} seconds"
    last = Verdict(**json.loads(lines[-1])) if lines else Verdict(file.name)
    return last if status == 0 else replace(last, verdict="failed", reasons=f"{last.reasons} ({reason})".lstrip())


def _last_line(text: bytes) -> str:
    lines = [line for line in text.decode(errors="replace").splitlines() if line.strip()]
    return lines[-1] if lines else "nothing was said"


def verdicts(folder: Path, jobs: int) -> Iterator[Verdict]:
    """Yield a verdict per .tflite below a folder, in the order of their paths. Raises ConfigError where there is none.

    jobs: so many are examined at the same time.
    """
    files = sorted(path for path in folder.rglob("*.tflite") if path.is_file())
    if not files:
        raise ConfigError(f"{folder}: no .tflite below this folder; name one that holds some")
    with ThreadPoolExecutor(jobs) as pool:
        for file, verdict in zip(files, pool.map(verdict_of, files), strict=True):
            yield replace(verdict, file=str(file.relative_to(folder)))


def show(verdict: Verdict) -> str:
    """Return what is printed about a file: a line, and its reasons below it."""
    size = f", flash {verdict.flash} bytes, RAM {verdict.ram} bytes" if verdict.ram else ""
    compared = f" in {verdict.tensors} tensor{'s' * (verdict.tensors > 1)}" if verdict.tensors else ""
    line = f"{verdict.file}: {verdict.form or 'unreadable'}: {verdict.verdict}{compared}{size}"
    below = [verdict.operators, *verdict.reasons.splitlines()]
    wrap = partial(textwrap.fill, width=116, initial_indent="    ", subsequent_indent="      ")
    return harmless("\n".join([line, *(wrap(text) for text in below if text)]))


def main(arguments: Sequence[str] | None = None) -> int:
    """Examine, print and write the CSV; return 0, or 1 with one line on stderr."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.models", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="folder with .tflite files, below it at any depth")
    parser.add_argument("--jobs", type=int, default=1, help="files that are examined at a time (default: %(default)s)")
    options = parser.parse_args(arguments)
    found = []
    try:
        for verdict in verdicts(options.folder, options.jobs):
            found.append(verdict)
            print(show(verdict), flush=True)
    except StapesError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    write_rows("models", [asdict(verdict) for verdict in found])
    counts = Counter((verdict.form, verdict.verdict) for verdict in found)
    rows = [("form", "verdict", "files"), *((*key, str(count)) for key, count in sorted(counts.items()))]
    totals = Counter(verdict.verdict for verdict in found)
    rows += [("all", verdict, str(count)) for verdict, count in sorted(totals.items())]
    print("\n" + "\n".join(table(rows)) + f"\n\nwrote {results_path('models')}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
