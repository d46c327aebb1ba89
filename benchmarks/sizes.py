"""What a size of network takes on a device: `python -m benchmarks.sizes small=A.stapes medium=B.stapes RECORDING`.

Each detector runs over the recording on an emulated Cortex-M4 and Cortex-M55. Written to results/sizes.csv, where the
rows of other names stay; a board that detects other events than LiteRT's reference kernels ends the benchmark.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks.firmware import costs_on_boards, markdown
from benchmarks.rows import read_rows, results_path, write_rows
from stapes.firmware_sim.errors import StapesError
from stapes.runtime.console import show

BOARDS = ("cortex-m4", "cortex-m55")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure each detector; return the process's exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.sizes", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("detectors", nargs="+", metavar="NAME=DETECTOR", type=_named)
    parser.add_argument("recording", type=Path)
    chosen = parser.parse_args(arguments)
    names = {name for name, _ in chosen.detectors}
    known = read_rows("sizes") if results_path("sizes").is_file() else []
    rows = [row for row in known if row["size"] not in names]
    try:
        for name, detector in chosen.detectors:
            costs = costs_on_boards(detector, chosen.recording, BOARDS)
            print("\n".join([f"\n{name}", *markdown(costs)]))
            rows += [{"size": name} | asdict(cost) for cost in costs]
    except StapesError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    write_rows("sizes", rows)
    return 0


def _named(text: str) -> tuple[str, Path]:
    name, _, path = text.partition("=")
    if not name or not path:
        raise argparse.ArgumentTypeError(f"{text!r}: need NAME=DETECTOR, such as small=small.stapes")
    return name, Path(path)


if __name__ == "__main__":
    show()
    sys.exit(main())
