"""The C of a detector's model: generated on this machine from the .tflite that was checked.

What lies in a folder's c/ is for people who build firmware. No command compiles or believes it, so a detector folder
from anywhere is data. The compiler is in convert/, from which this folder imports nothing: it registers itself through
the entry-point group `stapes.compiler`, as commands do through `stapes.commands`.
"""

from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import entry_points
from pathlib import Path

from stapes.firmware_sim.device.folder import DetectorFolder
from stapes.firmware_sim.device.model_description import ModelDescription
from stapes.firmware_sim.errors import ModelError, ToolchainError


@dataclass(frozen=True)
class ModelConstants:
    """The constants of a loadable model by layout, which is the name of a macro such as STAPES_NN_ROWS."""

    contents: dict[str, bytes]
    big_endian: bytes  # the contents of STAPES_NN_ROWS for a big-endian processor
    shapes: dict[str, str]  # a description of all that must be equal in two models that can replace each other


@dataclass(frozen=True)
class GeneratedC:
    """A model as C, made on this machine."""

    description: ModelDescription
    texts: dict[str, str]  # of NAME.h, NAME.c, the kernels and model.json, by file name
    constants: ModelConstants | None = None  # of a loadable model, whose C takes them from a blob

    def write(self, out: Path) -> None:
        """Write all files into a folder, which is made where it is missing."""
        out.mkdir(parents=True, exist_ok=True)
        for name, text in self.texts.items():
            (out / name).write_text(text, encoding="utf-8")


def generated_c(folder: DetectorFolder, *, loadable: bool = False) -> GeneratedC:
    """Generate the C of a detector's model under the name "detector", which does not depend on where the folder lies.

    loadable: the C takes its constants from a blob. Raises ModelError for a model that the compiler refuses, or that
    cannot be loadable, and ToolchainError where the compiler is not installed.
    """
    try:
        generated = _generate(folder.model, loadable)
        _expect_same_sizes(folder, generated.description)
        return generated
    except ModelError as error:
        raise error.in_file(folder.path / "model.tflite") from error


def _expect_same_sizes(folder: DetectorFolder, made: ModelDescription) -> None:
    """Refuse a model whose C takes or gives other shapes than the file states, after which memory is laid out."""
    stated = {spec.name: spec.shape for spec in (*folder.model_inputs, *folder.model_outputs)}
    for spec in (*made.inputs, *made.outputs):
        if stated.get(spec.name) != spec.shape:
            raise ModelError(
                f"{spec.name} has shape {list(spec.shape)}, but the file states {list(stated.get(spec.name, ()))}; "
                "train or copy the detector again"
            )


@lru_cache(maxsize=1)
def _generate(tflite: bytes, loadable: bool) -> GeneratedC:
    registered = list(entry_points(group="stapes.compiler"))
    if not registered:
        raise ToolchainError("the compiler of stapes is not installed: install stapes again (pip install stapes)")
    generated: GeneratedC = registered[0].load()(tflite, "detector", loadable=loadable)
    return generated
