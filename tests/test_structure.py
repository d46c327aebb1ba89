"""The house: imports point toward the device, and what a Pi imports stays light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
DOWNWARD = [
    "benchmarks",
    "train",
    "convert",
    "runtime",
    "firmware_sim",
]  # each may import itself and what stands to its right


def _stapes_folders_named_in(source: str) -> set[str]:
    """Folders of stapes that a module imports, at the top or inside functions, or names in a string (importlib)."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and " " not in node.value:
            names.add(node.value.split(":")[0])
    tops = [name.removeprefix("stapes.").split(".")[0] for name in names if name.startswith(("stapes.", "benchmarks"))]
    return set(tops) & set(DOWNWARD)


@pytest.mark.parametrize("folder", DOWNWARD)
def test_imports_point_toward_the_device(folder: str) -> None:
    allowed = set(DOWNWARD[DOWNWARD.index(folder) :])
    for path in (ROOT / folder).rglob("*.py"):
        upward = _stapes_folders_named_in(path.read_text()) & set(DOWNWARD) - allowed
        assert not upward, f"{path.relative_to(ROOT)} imports {sorted(upward)}, which stands above {folder}"


def test_a_string_import_is_seen() -> None:
    assert _stapes_folders_named_in("def f():\n    importlib.import_module('stapes.train.learn.fit')") == {"train"}
    assert _stapes_folders_named_in("def f():\n    from stapes import convert") == {"convert"}


def test_importing_the_runtime_loads_no_training_stack() -> None:
    code = (
        "import sys, stapes.runtime, stapes.runtime.main as m, stapes.firmware_sim\n"
        "m.build_parser()\n"
        "heavy = {'tensorflow', 'tf_keras', 'keras', 'librosa', 'ai_edge_litert', 'sklearn', 'scipy', 'matplotlib'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
