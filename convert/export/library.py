"""The C of a whole detector, and what it costs: what every layout is made from."""

import re
import tempfile
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from stapes.convert.compile import detector_name, generate
from stapes.convert.export.selftest import selftest_files
from stapes.firmware_sim.device.folder import DetectorFolder, read_folder
from stapes.firmware_sim.errors import ToolchainError
from stapes.firmware_sim.machines.boards import BOARDS
from stapes.firmware_sim.machines.detector_c import detector_c
from stapes.firmware_sim.machines.tools import find_tool
from stapes.firmware_sim.sources import INCLUDE_DIRS
from stapes.runtime.device.firmware_cost import FirmwareCost, measured_cost

TEMPLATES = Path(__file__).parent / "templates"
MEASURED_BOARDS = ("cortex-m0-large", "cortex-m4", "riscv32")
OWN_INCLUDE = re.compile(r'^[ \t]*#include "([^"]+)"\n', re.MULTILINE)


@dataclass(frozen=True)
class Library:
    """The C of a detector, as texts by file name. All files may lie in one folder."""

    name: str
    version: str
    folder: DetectorFolder
    sources: dict[str, str]
    headers: dict[str, str]
    costs: dict[str, FirmwareCost]  # by board; empty where no cross compiler or emulator is installed
    loadable: bool  # its model can be replaced by a blob

    @property
    def upper(self) -> str:
        """The prefix of the detector's macros."""
        return self.name.upper()

    @property
    def classes(self) -> str:
        """The classes, separated by commas, for people."""
        return ", ".join(" ".join(label.split()) for label in self.folder.classes)

    def program(self, file: str) -> str:
        """Return an example program of templates/, whose detector is called "example", with this detector's names."""
        text = (TEMPLATES / file).read_text(encoding="utf-8")
        text = re.sub(r"\bexample_", f"{self.name}_", text)
        text = re.sub(r"\bEXAMPLE_", f"{self.upper}_", text)
        if self.loadable:  # names of classes are those of the blob in use, and there is no array of them
            text = re.sub(
                rf"\b{self.name}_labels\[([\w\[\].>-]+?)\](?=[,)])", rf"{self.name}_label(&detector, \1)", text
            )
        return text.replace("@SAMPLE_RATE_HZ@", str(self.folder.frontend.sample_rate_hz))


def gather(path: Path, *, single_file: bool = False, loadable: bool = False) -> Library:
    """Generate the C of a detector and measure it; single_file: the model's kernels stand inside of its source, static.

    loadable: its model can be replaced by a blob. Raises ModelError for a model that the compiler refuses, or that
    cannot be loadable, and DetectorFolderError as read_folder does.
    """
    folder = read_folder(path)
    name = detector_name(path)
    model = generate(folder.model, name, single_file=single_file, loadable=loadable)
    with tempfile.TemporaryDirectory(prefix="stapes-export-") as scratch:
        code = detector_c(folder, model, Path(scratch))
        texts = {source.name: source.read_text() for source in code.sources} | selftest_files(folder, name)
        texts |= _headers(texts, [*code.own_dirs, *INCLUDE_DIRS])
        costs = _costs(folder, Path(scratch), loadable)
    return Library(
        name=name,
        version=version("stapes"),
        folder=folder,
        sources={file: text for file, text in sorted(texts.items()) if file.endswith(".c")},
        headers={file: text for file, text in sorted(texts.items()) if file.endswith(".h")},
        costs=costs,
        loadable=loadable,
    )


def _headers(texts: dict[str, str], folders: list[Path]) -> dict[str, str]:
    """Return the headers that the texts include, directly or not, each from the first folder that has it."""
    found: dict[str, str] = {}
    waiting = [name for text in texts.values() for name in OWN_INCLUDE.findall(text)]
    while waiting:
        name = waiting.pop()
        if name not in texts and name not in found and name != "stapes_board.h":
            found[name] = next(folder / name for folder in folders if (folder / name).exists()).read_text()
            waiting += OWN_INCLUDE.findall(found[name])
    return found


def _costs(folder: DetectorFolder, out: Path, loadable: bool) -> dict[str, FirmwareCost]:
    costs = {}
    for name in MEASURED_BOARDS:
        board = BOARDS[name]
        try:
            for tool in (board.architecture.emulator, f"{board.architecture.tool_prefix}gcc"):
                find_tool(tool)
        except ToolchainError:
            continue
        costs[name] = measured_cost(folder, board, out, loadable=loadable)
    return costs
