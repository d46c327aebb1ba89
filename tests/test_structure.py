"""The structure of the code: imports point toward the device, down within each folder, and what a Pi imports is light.

Every import counts: those inside functions, those for type checkers, and module names in a string (importlib).
"""

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

FOLDERS = ("benchmarks", "train", "convert", "runtime", "firmware_sim")  # each imports itself and what stands behind it

# The rooms of each folder (its sub-folders and its own modules) from top to bottom. A room imports only rooms on lines
# below its own, and itself.
ROOMS = {
    "train": (
        ("__init__", "cli"),
        ("studio",),
        ("run",),
        ("assemble",),
        ("report",),
        ("label",),
        ("judge",),
        ("learn",),
        ("data",),
        ("settings", "text"),
    ),
    "convert": (
        ("__init__", "cli"),
        ("export", "verify"),
        ("compile",),
        ("emit",),
        ("plan",),
        ("passes",),
        ("supported",),
        ("lower",),
        ("quantize", "tflite"),
        ("tensorflow",),
    ),
    "runtime": (
        ("__init__", "main", "cli"),
        ("live", "batch", "device"),
        ("sensitivity",),
        ("detector", "labels"),
        ("engine", "audio"),
        ("litert_engine", "compiled_engine"),
        ("console", "extras", "onsets", "signals", "sound_conditions", "utc", "walk", "web"),
    ),
    "firmware_sim": (
        ("__init__", "_build_ffi"),
        ("machines",),
        ("device",),
        ("tflite",),
        ("locks", "outputs", "sources"),
        ("errors",),
    ),
}


@cache
def modules() -> dict[str, Path]:
    """Return the file of every module by the name under which it is imported."""
    found = {}
    for folder in FOLDERS:
        for path in (ROOT / folder).rglob("*.py"):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
            found[name if folder == "benchmarks" else f"stapes.{name}"] = path
    return found


def named_in(source: str) -> set[str]:
    """Return the dotted names that a module imports, at the top or inside functions, or names in a string."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports are not used here"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and " " not in node.value:
            names.add(node.value.split(":")[0])
    return {name for name in names if name.startswith(("stapes.", "benchmarks."))}


@cache
def imports() -> dict[str, set[str]]:
    """Return, for every module, the modules of the project that it imports."""
    return {name: _known(named_in(path.read_text())) - {name} for name, path in modules().items()}


def _known(names: set[str]) -> set[str]:
    """Return the modules that these names stand for: `stapes.a.b.Class` stands for the module `stapes.a.b`."""
    in_python = {name for name in names if not name.startswith("stapes.firmware_sim._native")}
    known = {name if name in modules() else name.rpartition(".")[0] for name in in_python}
    return known & set(modules())


def folder_and_room(module: str) -> tuple[str, str]:
    """Return the top-level folder of a module and its room there."""
    parts = module.removeprefix("stapes.").split(".")
    return parts[0], parts[1] if len(parts) > 1 else "__init__"


def floor(folder: str, room: str) -> int:
    """Return the line of ROOMS that a room stands on; the lowest line has the largest number."""
    lines = [line for line, rooms in enumerate(ROOMS[folder]) if room in rooms]
    assert lines, f"{folder}/{room} has no place in ROOMS; put it on the lowest line that is above all that it imports"
    return lines[0]


@pytest.mark.parametrize("folder", FOLDERS)
def test_imports_point_toward_the_device(folder: str) -> None:
    above = set(FOLDERS[: FOLDERS.index(folder)])
    for module, imported in imports().items():
        if folder_and_room(module)[0] == folder:
            upward = sorted(name for name in imported if folder_and_room(name)[0] in above)
            assert not upward, f"{module} imports {upward}, which stand above {folder}"


@pytest.mark.parametrize("folder", ROOMS)
def test_imports_point_down_within_a_folder(folder: str) -> None:
    for module, imported in imports().items():
        own, room = folder_and_room(module)
        for name in imported:
            other, target = folder_and_room(name)
            if own == other == folder and target != room:
                assert floor(folder, room) < floor(folder, target), f"{module} imports {name}, which is not below it"


def test_every_room_has_its_place() -> None:
    for folder, lines in ROOMS.items():
        listed = [room for line in lines for room in line]
        found = {folder_and_room(module)[1] for module in modules() if folder_and_room(module)[0] == folder}
        assert sorted(listed) == sorted(found), f"the rooms of {folder} and its lines in ROOMS differ"


def test_no_modules_import_each_other_in_a_circle() -> None:
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " imports ".join([*path[path.index(module) :], module])
        if module not in done:
            for name in sorted(imports()[module]):
                visit(name, (*path, module))
            done.add(module)

    for module in modules():
        visit(module, ())


def test_every_kind_of_import_is_seen() -> None:
    assert named_in("def f():\n    importlib.import_module('stapes.train.learn.fit')") == {"stapes.train.learn.fit"}
    assert named_in("def f():\n    from stapes import convert") == {"stapes.convert"}
    assert named_in("if TYPE_CHECKING:\n    import stapes.runtime.audio as a") == {"stapes.runtime.audio"}
    assert _known({"stapes.runtime.audio.AudioFile", "stapes.train"}) == {"stapes.runtime.audio", "stapes.train"}
    assert len([pair for imported in imports().values() for pair in imported]) > 300


def test_importing_the_runtime_loads_no_training_stack() -> None:
    code = (
        "import sys, stapes.runtime, stapes.runtime.main as m, stapes.firmware_sim\n"
        "m.build_parser()\n"
        "heavy = {'tensorflow', 'tf_keras', 'keras', 'librosa', 'ai_edge_litert', 'sklearn', 'scipy', 'matplotlib'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
