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
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any

from stapes.firmware_sim.device.clock import StepClock
from stapes.firmware_sim.device.events import EventConfig
from stapes.firmware_sim.device.frontend import Frontend, FrontendConfig
from stapes.firmware_sim.device.model_description import TensorSpec, tensor_from
from stapes.firmware_sim.device.plain_json import one_line, require_plain, shortened
from stapes.firmware_sim.device.recorded_fields import require_recorded
from stapes.firmware_sim.device.step_tensors import step_tensors
from stapes.firmware_sim.errors import ConfigError, DetectorFolderError, ModelError
from stapes.firmware_sim.outputs import Mark, interrupted, new_folder, write_whole

SCHEMA = 1
REQUIRED = ("detector.json", "frontend.bin", "model.tflite")
LARGEST_FILE = 1 << 28  # bytes of each of them
MOST_CLASSES = 1024
LONGEST_STEP_SAMPLES = 1 << 20  # a minute at 16 kHz
LONGEST_DELAY_SAMPLES = 1 << 22
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
            # A link stays a link: what it leads to may be private, and the copy may be sent to others.
            shutil.copytree(self.path, draft, symlinks=True, dirs_exist_ok=True)
            (draft / "detector.json").unlink()
            dataclasses.replace(self, path=draft).write()


def read_folder(path: Path | str) -> DetectorFolder:
    """Read and check a detector folder.

    Raises DetectorFolderError when it is incomplete, of a newer schema, or when its frontend or model is not the one
    that detector.json names; the message says which part differs.
    """
    path = Path(path)
    if aside := interrupted(path):
        raise DetectorFolderError(f"{path}: a command that replaced it was killed; move {aside} back to this name")
    if path.is_file():
        raise DetectorFolderError(f"{path}: is a file; name the detector's folder")
    if not path.is_dir():
        raise DetectorFolderError(f"{path}: no such detector folder; `stapes train DATASET --out {path}` makes one")
    missing = [name for name in REQUIRED if not (path / name).is_file()]
    if missing:
        raise DetectorFolderError(
            f"{path}: incomplete detector folder, {', '.join(missing)} missing; train or copy the detector again"
        )
    for name in REQUIRED:
        if (size := (path / name).stat().st_size) > LARGEST_FILE:
            raise DetectorFolderError(f"{path / name} has {size} bytes, more than the {LARGEST_FILE} that are read")
    folder = _parse(path)
    _check_frontend(folder)
    _check_model(folder)
    return folder


def _parse(path: Path) -> DetectorFolder:
    source = path / "detector.json"
    try:
        content = json.loads(source.read_text(encoding="utf-8"))
        require_plain(content)
    except (ValueError, RecursionError) as error:  # ValueError: of JSON, of UTF-8, of numbers with too many digits
        raise DetectorFolderError(f"{source}: not JSON ({error}); train or copy the detector again") from error
    schema = content.pop("schema", None) if isinstance(content, dict) else None
    if not isinstance(schema, int) or schema < 1:
        raise DetectorFolderError(f"{source}: no schema version in it; this is not a detector of stapes")
    if schema > SCHEMA:
        raise DetectorFolderError(
            f"{source}: schema {shortened(schema)}, this stapes reads up to {SCHEMA}; "
            "install a newer stapes to use this detector"
        )
    try:
        return _from_content(path, content)
    except (KeyError, TypeError, AttributeError, ConfigError) as error:
        reason = f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else str(error)
        raise DetectorFolderError(f"{source}: {one_line(reason)}; train or copy the detector again") from error


def _from_content(path: Path, content: dict[str, Any]) -> DetectorFolder:
    classes, events = content.pop("classes"), content.pop("events")
    if not isinstance(classes, list) or not all(isinstance(label, str) and label for label in classes):
        raise TypeError(f"classes are {shortened(classes)}: need a list of texts")
    if not 1 <= len(classes) <= MOST_CLASSES or len(set(classes)) < len(classes):
        raise TypeError(f"classes are {shortened(classes)}: need 1 to {MOST_CLASSES}, each named once")
    if not isinstance(events, dict) or set(events) != set(classes):
        raise TypeError(f"events are set for {shortened(sorted(events))}, the classes are {shortened(sorted(classes))}")
    for name in ("frontend_hash", "model_sha256"):
        if re.fullmatch("[0-9a-f]{64}", str(content.get(name))) is None:
            raise TypeError(f"{name} is {shortened(content.get(name))}: need 64 hexadecimal digits")
    folder = DetectorFolder(
        path=path,
        classes=tuple(classes),
        frontend=FrontendConfig(**content.pop("frontend")),
        events=tuple(EventConfig(**events[label]) for label in classes),
        model_inputs=tuple(map(tensor_from, content.pop("model_inputs"))),
        model_outputs=tuple(map(tensor_from, content.pop("model_outputs"))),
        **content,
    )
    require_recorded(content, folder.frontend.n_bands)
    _check_times(folder)
    _check_tensors(folder)
    return folder


def _check_times(folder: DetectorFolder) -> None:
    """Refuse a step or a delay for which a computer needs more memory than for any detector that was trained."""
    clock = folder.clock  # raises ConfigError for frames and steps that no clock has
    for what, samples, most in (
        (f"frames_per_step is {folder.frames_per_step}: a step", clock.step_samples, LONGEST_STEP_SAMPLES),
        (f"target_delay_steps is {folder.target_delay_steps}: the delay", clock.tail_samples, LONGEST_DELAY_SAMPLES),
    ):
        if samples > most:
            raise ConfigError(f"{what} has {samples} samples; need at most {most}")


def _check_tensors(folder: DetectorFolder) -> None:
    """Refuse inputs and outputs that are not those of a step with this frontend and these classes."""
    inputs = {tensor.name: tensor for tensor in folder.model_inputs}
    outputs = {tensor.name: tensor for tensor in folder.model_outputs}
    if len(inputs) < len(folder.model_inputs) or len(outputs) < len(folder.model_outputs):
        raise ConfigError("model_inputs or model_outputs name a tensor twice")
    if wide := [tensor.name for tensor in (*inputs.values(), *outputs.values()) if tensor.width != 1]:
        raise ConfigError(f"{shortened(wide)} in model_inputs or model_outputs are wider than 8 bits: need int8")
    features, scores = inputs.pop("features"), outputs.pop("scores")
    if features.count != folder.frames_per_step * folder.frontend.n_bands or features.zero_point != 0:
        raise ConfigError(
            f"features have shape {list(features.shape)} and zero point {features.zero_point}: need "
            f"{folder.frames_per_step} frames of {folder.frontend.n_bands} bands and 0"
        )
    if scores.count != len(folder.classes) or (scores.scale, scores.zero_point) != (1 / 256, -128):
        raise ConfigError(
            f"scores have shape {list(scores.shape)}, scale {scores.scale} and zero point {scores.zero_point}: need "
            f"one for each of {len(folder.classes)} classes, 1/256 and -128"
        )
    if inputs != outputs or not all(name.startswith("state_") for name in inputs):
        raise ConfigError(
            f"the states are {shortened(sorted(inputs))} before a step and {shortened(sorted(outputs))} after it: "
            "need the same names, which begin with state_, shapes, scales and zero points"
        )
    if any(tensor.zero_point is None for tensor in inputs.values()):
        raise ConfigError(f"a state among {shortened(sorted(inputs))} has no scale and zero point")


def _check_model(folder: DetectorFolder) -> None:
    """Refuse a model that is damaged or is another one than detector.json describes, before any engine is shown it."""
    source, model = folder.path / "model.tflite", folder.model
    if hashlib.sha256(model).hexdigest() != folder.model_sha256:
        raise DetectorFolderError(
            f"{source} is not the model that detector.json describes; train or copy the detector again"
        )
    try:
        inputs, outputs = step_tensors(model)
    except (ModelError, ConfigError) as error:
        raise DetectorFolderError(f"{source}: {error}; train or copy the detector again") from error
    for side, described, found in (("input", folder.model_inputs, inputs), ("output", folder.model_outputs, outputs)):
        if described != found:
            pairs = zip_longest(described, found)
            one, other = next((a, b) for a, b in pairs if a != b)
            raise DetectorFolderError(
                f"{source}: detector.json describes the {side} {_shown(one)}, the model has {_shown(other)}; "
                "train or copy the detector again"
            )


def _shown(tensor: TensorSpec | None) -> str:
    if tensor is None:
        return "none"
    quantized = f"scale {tensor.scale}, zero point {tensor.zero_point}"
    return f"{shortened(tensor.name)} {tensor.dtype} {list(tensor.shape)} ({quantized})"


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
