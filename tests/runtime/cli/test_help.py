"""Help texts are made from the tables that the commands use, and building the parser loads nothing heavy."""

import subprocess
import sys
from pathlib import Path

import pytest

from stapes.firmware_sim.machines.boards import BOARDS
from stapes.runtime.batch.tracks import TRACK_FORMATS
from stapes.runtime.engine import ENGINE_CHOICES
from stapes.runtime.labels import EVENT_FORMATS
from stapes.runtime.labels.formats import LABEL_FORMATS
from stapes.runtime.live.sinks.targets import TARGETS
from stapes.runtime.main import main


@pytest.mark.parametrize(
    ("command", "names"),
    [
        ("labels", [*LABEL_FORMATS, *(form.title for form in LABEL_FORMATS.values())]),
        ("detect", [*EVENT_FORMATS, *TRACK_FORMATS, *ENGINE_CHOICES]),
        ("listen", [*EVENT_FORMATS, *ENGINE_CHOICES, *(kind.form for kind in TARGETS.values())]),
        ("simulate", [*BOARDS]),
        ("size", [*BOARDS]),
    ],
)
def test_help_names_every_entry_of_the_tables(
    command: str, names: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "10000")
    with pytest.raises(SystemExit):
        main([command, "--help"])
    text = capsys.readouterr().out
    assert [name for name in names if name not in text] == []


def test_building_the_parser_loads_no_numpy_no_audio_and_no_engine() -> None:
    code = (
        "import sys\nfrom stapes.runtime.main import build_parser\nbuild_parser()\n"
        "print({'numpy', 'cffi', 'soundfile', 'soxr', 'ai_edge_litert', 'sqlite3', 'httpx', 'paho'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_python_m_stapes_is_the_command() -> None:
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run([sys.executable, "-m", "stapes", "--version"], cwd=root, capture_output=True, text=True)
    assert done.stdout.startswith("stapes "), done.stderr
