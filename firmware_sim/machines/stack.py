"""An upper bound of the stack that C uses: the frames of GCC's -fcallgraph-info=su, summed along the deepest call path.

The bound holds only for code without recursion and without calls through pointers; other code is refused.
"""

import re
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from stapes.firmware_sim.errors import ToolchainError
from stapes.firmware_sim.machines.boards import FOLDER, Board
from stapes.firmware_sim.machines.tools import check, find_tool

_NODE = re.compile(r'^node: \{ title: "([^"]+)" label: "[^"]*?(?:\\n(\d+) bytes \((\w+)[^"]*\))?"', re.MULTILINE)
_EDGE = re.compile(r'^edge: \{ sourcename: "([^"]+)" targetname: "([^"]+)"', re.MULTILINE)


@dataclass(frozen=True)
class StackBound:
    """The most stack that a function and all that it calls can use."""

    bytes: int
    path: tuple[str, ...]  # the calls that use it, from the function down
    unknown: tuple[str, ...]  # functions whose frames are not known: those of the compiler's own library


def stack_bound(
    board: Board,
    sources: Sequence[Path],
    entry: str,
    *,
    include_dirs: Sequence[Path] = (),
    flags: Sequence[str] = ("-O2",),
) -> StackBound:
    """Return the most stack that the function `entry` uses. memcpy and memset are those of the emulated boards.

    Raises ToolchainError when the compiler fails, `entry` is missing, a frame has no fixed size, or a function calls
    itself or calls through a pointer.
    """
    frames: dict[str, int] = {}
    calls: dict[str, set[str]] = {}
    with tempfile.TemporaryDirectory(prefix="stapes-stack-") as folder:
        for source in [*sources, FOLDER / "string.c"]:
            for name, size, kind in _NODE.findall(_call_graph(board, source, include_dirs, flags, Path(folder))):
                if kind not in ("", "static"):
                    raise ToolchainError(f"{source.name}: the frame of {name} has no fixed size ({kind})")
                if size:
                    frames[_plain(name)] = int(size)
            for caller, called in _EDGE.findall((Path(folder) / "x.ci").read_text()):
                calls.setdefault(_plain(caller), set()).add(_plain(called))
    if entry not in frames:
        raise ToolchainError(f"no function {entry} in {', '.join(source.name for source in sources)}")
    size, path = _deepest(entry, frames, calls, ())
    reached = _reached(entry, calls)
    return StackBound(size, path, tuple(sorted(name for name in reached if name not in frames)))


def _plain(name: str) -> str:
    """Return a function's name without the file that GCC puts before a static one, as in file:name."""
    return name.rsplit(":", 1)[-1]


def _call_graph(board: Board, source: Path, include_dirs: Sequence[Path], flags: Sequence[str], folder: Path) -> str:
    compiler = find_tool(board.architecture.tool_prefix + "gcc")
    command = [compiler, *board.cpu_flags, "-std=c99", "-ffreestanding", "-fbuiltin", *flags, "-fcallgraph-info=su"]
    command += ["-fno-tree-loop-distribute-patterns"] if source.parent == FOLDER else []  # memset must not call itself
    command += ["-isystem", str(FOLDER / "libc"), "-I", str(FOLDER), *(f"-I{path}" for path in include_dirs)]
    command += ["-c", str(source), "-o", "x.o"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder)
    check(done, f"compiling {source.name}")
    return (folder / "x.ci").read_text()


def _deepest(
    name: str, frames: dict[str, int], calls: dict[str, set[str]], above: tuple[str, ...]
) -> tuple[int, tuple[str, ...]]:
    if name in above or name == "__indirect_call":
        raise ToolchainError(f"no bound for the stack: {' calls '.join([*above, name])}")
    below = [_deepest(called, frames, calls, (*above, name)) for called in sorted(calls.get(name, ()))]
    size, path = max(below, default=(0, ()))
    return frames.get(name, 0) + size, (name, *path)


def _reached(entry: str, calls: dict[str, set[str]]) -> set[str]:
    reached, waiting = set(), [entry]
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += calls.get(name, ())
    return reached
