"""The detector folder: what training, the runtime, the compiler and the device pass to each other.

pops.stapes/
  detector.json   classes, frontend settings, step, tensors, event settings, operating point, provenance
  frontend.bin    the frontend's tables
  model.tflite    the int8 step
  c/ vectors/ training/   optional: generated C, known answers, what training needs to go on; see ARCHITECTURE.md
"""

import dataclasses
import hashlib
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stapes.firmware_sim.device.clock import StepClock
from stapes.firmware_sim.device.events import EventConfig
from stapes.firmware_sim.device.frontend import Frontend, FrontendConfig
from stapes.firmware_sim.device.model_description import (
    MODEL_JSON,
    ModelDescription,
    TensorSpec,
    compile_command,
    read_model_description,
    tensor_from,
)
from stapes.firmware_sim.errors import ConfigError, DetectorFolderError
from stapes.firmware_sim.outputs import Mark, interrupted, new_folder, write_whole

SCHEMA = 1
REQUIRED = ("detector.json", "frontend.bin", "model.tflite")
MARK = Mark("detector.json")  # --force replaces only folders that hold it


@dataclass(frozen=True, kw_only=True)
class DetectorFolder:
    """The content of a detector folder. `read_folder` returns one that was checked."""

    path: Path
    classes: tuple[str, ...]  # labels, in the order of the scores
    frontend: FrontendConfig
    frontend_hash: str  # of frontend.bin and the version of the arithmetic
    frames_per_step: int
    target_delay_steps: int  # a score stands for the sound of this many steps before
    model_sha256: str  # of model.tflite
    model_inputs: tuple[TensorSpec, ...]  # `features` and `state_*`, in the order of the .tflite
    model_outputs: tuple[TensorSpec, ...]  # `scores` and the same `state_*`, in the order of the .tflite
    events: tuple[EventConfig, ...]  # one per class, in the order of `classes`
    operating_point: dict[str, Any] = field(default_factory=dict)  # how and on which data thresholds were chosen
    provenance: dict[str, Any] = field(default_factory=dict)  # data hash, package versions, seed
    scores: dict[str, Any] = field(default_factory=dict)  # what the detector reached on the validation part

    @property
    def tables(self) -> bytes:
        """Return frontend.bin, the tables that the frontend of the device reads."""
        return (self.path / "frontend.bin").read_bytes()

    @property
    def model(self) -> bytes:
        """Return model.tflite, which computes one step in int8."""
        return (self.path / "model.tflite").read_bytes()

    def model_description(self) -> ModelDescription:
        """Read c/model.json, which describes the generated C.

        Raises DetectorFolderError when there is no generated C, or it was generated from another model.tflite.
        """
        generated, tflite = self.path / "c", self.path / "model.tflite"
        description = read_model_description(generated, tflite)
        if description.sha256 != self.model_sha256:
            raise DetectorFolderError(
                f"{generated / MODEL_JSON}: generated from another model.tflite; write it again: "
                f"{compile_command(tflite, generated)}"
            )
        return description

    @property
    def clock(self) -> StepClock:
        """Return the time axis of the scores: which samples of a recording each of them stands for."""
        return StepClock.of(self.frontend, self.frames_per_step, self.target_delay_steps)

    def write(self) -> None:
        """Write detector.json and no other file of the folder. An older one is kept until the new one is whole.

        Raises OutputError when it cannot be written.
        """
        content = {"schema": SCHEMA} | {
            name: value for name, value in dataclasses.asdict(self).items() if name not in ("path", "events")
        }
        content["events"] = {
            label: dataclasses.asdict(events) for label, events in zip(self.classes, self.events, strict=True)
        }
        for tensor in content["model_inputs"] + content["model_outputs"]:
            del tensor["dtype"]  # always int8; versions up to 0.1 know no such field
        write_whole(self.path / "detector.json", json.dumps(content, indent=2) + "\n")

    def write_copy(self, out: Path, *, force: bool = False) -> None:
        """Write a copy of the folder, with this detector.json.

        Raises OutputError when `out` exists and `force` is not set, or when it cannot be written.
        """
        with new_detector_folder(out, force=force) as draft:
            shutil.copytree(self.path, draft, dirs_exist_ok=True)
            dataclasses.replace(self, path=draft).write()


def read_folder(path: Path | str) -> DetectorFolder:
    """Read and check a detector folder.

    Raises DetectorFolderError when it is incomplete, of a newer schema, or when its frontend or model is not the one
    that detector.json names; the message says which part differs.
    """
    path = Path(path)
    if aside := interrupted(path):
        raise DetectorFolderError(f"{path}: a command that replaced it was killed; move {aside} back to this name")
    if not path.is_dir():
        raise DetectorFolderError(f"{path}: no such detector folder; `stapes train DATASET --out {path}` makes one")
    missing = [name for name in REQUIRED if not (path / name).is_file()]
    if missing:
        raise DetectorFolderError(
            f"{path}: incomplete detector folder, {', '.join(missing)} missing; train or copy the detector again"
        )
    folder = _parse(path)
    _check_frontend(folder)
    if hashlib.sha256(folder.model).hexdigest() != folder.model_sha256:
        raise DetectorFolderError(
            f"{path}/model.tflite is not the model that detector.json describes; train or copy the detector again"
        )
    return folder


def _parse(path: Path) -> DetectorFolder:
    source = path / "detector.json"
    try:
        content = json.loads(source.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:  # ValueError: of JSON, of UTF-8, of numbers with too many digits
        raise DetectorFolderError(f"{source}: not JSON ({error}); train or copy the detector again") from error
    schema = content.pop("schema", None) if isinstance(content, dict) else None
    if not isinstance(schema, int) or schema < 1:
        raise DetectorFolderError(f"{source}: no schema version in it; this is not a detector of stapes")
    if schema > SCHEMA:
        raise DetectorFolderError(
            f"{source}: schema {schema}, this stapes reads up to {SCHEMA}; install a newer stapes to use this detector"
        )
    try:
        return _from_content(path, content)
    except (KeyError, TypeError, AttributeError, ConfigError) as error:
        reason = f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else str(error)
        raise DetectorFolderError(f"{source}: {reason}; train or copy the detector again") from error


def _from_content(path: Path, content: dict[str, Any]) -> DetectorFolder:
    classes, events = tuple(content.pop("classes")), content.pop("events")
    if not classes or set(events) != set(classes):
        raise TypeError(f"events are set for {sorted(events)}, the classes are {sorted(classes)}")
    for name in ("frontend_hash", "model_sha256"):
        if not isinstance(content.get(name, ""), str):
            raise TypeError(f"{name} is {content[name]!r}: need a text")
    folder = DetectorFolder(
        path=path,
        classes=classes,
        frontend=FrontendConfig(**content.pop("frontend")),
        events=tuple(EventConfig(**events[label]) for label in classes),
        model_inputs=tuple(map(tensor_from, content.pop("model_inputs"))),
        model_outputs=tuple(map(tensor_from, content.pop("model_outputs"))),
        **content,
    )
    _ = folder.clock  # raises ConfigError for frames and steps that no clock has
    return folder


def _check_frontend(folder: DetectorFolder) -> None:
    try:
        frontend = Frontend(folder.tables)
    except DetectorFolderError as error:
        raise DetectorFolderError(f"{folder.path / 'frontend.bin'}: {error}") from error
    for setting in dataclasses.fields(FrontendConfig):
        described, tabled = (getattr(config, setting.name) for config in (folder.frontend, frontend.config))
        if described != tabled:
            raise DetectorFolderError(
                f"{folder.path}: detector.json says {setting.name} = {described}, frontend.bin was made for {tabled}; "
                "train or copy the detector again"
            )
    if frontend.hash != folder.frontend_hash:
        raise DetectorFolderError(
            f"{folder.path}: made by another frontend: its hash is {folder.frontend_hash[:12]}, frontend.bin with this "
            f"stapes' arithmetic gives {frontend.hash[:12]}; train again, or install the stapes that made it"
        )


@contextmanager
def new_detector_folder(path: Path, *, force: bool = False) -> Iterator[Path]:
    """Yield a draft folder; after the block it is read and checked, and then takes the place of `path`.

    Raises OutputError as `new_folder` does, DetectorFolderError as `read_folder` does for the draft. After any
    exception `path` is as before.
    """
    with new_folder(path, force=force, mark=MARK) as draft:
        yield draft
        read_folder(draft)
