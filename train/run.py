"""A training run from a dataset to a detector folder: float, fold, quantization-aware, convert, thresholds, parity."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score

from stapes.convert.tflite import Step, convert_step
from stapes.firmware_sim.errors import StapesError
from stapes.firmware_sim.events import StepClock
from stapes.firmware_sim.folder import DetectorFolder, check_output
from stapes.firmware_sim.frontend import Frontend, make_tables
from stapes.runtime.console import Progress, note
from stapes.train.augment import BatchMaker, Clock, Remixer
from stapes.train.corpus import Corpus, load_corpus
from stapes.train.dataset import Dataset, require_trainable
from stapes.train.fit import Schedule, Scorer, Trainer, batches, device, seed_everything
from stapes.train.logs import TrainingLog
from stapes.train.network import FEATURE_SCALE, FloatNetwork, Network, Shape
from stapes.train.quantize import QuantizedNetwork, StepModule
from stapes.train.settings import Settings, write_settings
from stapes.train.workspace import Workspace

SAVE_EVERY_STEPS = 50
STOPPED = "phase_is_over"  # in the saved state of a phase
CALIBRATION_BATCHES = 2


@dataclass(frozen=True)
class Material:
    """What a run works on: sounds, features of the validation part, and the frontend that made them."""

    classes: tuple[str, ...]
    frontend: Frontend
    tables: bytes
    clock: StepClock
    train: Corpus
    val: Corpus
    val_names: tuple[str, ...]
    val_groups: tuple[str, ...]
    val_features: list[NDArray[np.int8]]


@dataclass(frozen=True)
class Trained:
    """What training leads to: the two networks and the converted step."""

    float_network: FloatNetwork
    quantized_network: QuantizedNetwork
    step: Step


def train_detector(
    dataset: Dataset, out: Path, settings: Settings, *, force: bool = False, tensorboard: Path | None = None
) -> DetectorFolder:
    """Train on the part `train`, choose thresholds on `val`, and write the detector folder `out`.

    The same dataset, settings and machine give the same weights. A run that was stopped goes on when run again.
    `tensorboard` is a folder for curves that TensorBoard shows.
    Raises OutputError where `out` exists and `force` is not set, DatasetError where nothing can be learned.
    """
    from stapes.train.assemble import assemble  # needs what stands above

    check_output(out, force)
    require_trainable(dataset)
    key = "\n".join([version("stapes"), dataset.fingerprint(), write_settings(settings)])
    workspace = Workspace(out, key)
    try:
        material = gather(dataset, settings, workspace)
        trained = fit(material, settings, workspace, TrainingLog(workspace, tensorboard))
        folder = assemble(dataset, material, trained, settings, workspace, out, force=force)
    except KeyboardInterrupt:
        note(f"\nstopped; the same command goes on from here (the state lies in {workspace.path.name})")
        raise
    except StapesError:
        workspace.remove_without_state()
        raise
    workspace.remove()
    return folder


def gather(dataset: Dataset, settings: Settings, workspace: Workspace) -> Material:
    """Read the recordings and compute the validation part's features with the C of the device."""
    tables = make_tables(settings.frontend)
    frontend = Frontend(tables)
    rate = settings.frontend.sample_rate_hz
    parts = {
        part: load_corpus(part, dataset.splits[part], dataset.classes, rate, workspace.path / f"{part}.s16")
        for part in ("train", "val")
    }
    val = dataset.splits["val"]
    return Material(
        classes=dataset.classes,
        frontend=frontend,
        tables=tables,
        clock=StepClock(
            sample_rate_hz=rate,
            step_samples=settings.network.frames_per_step * settings.frontend.hop_samples,
            origin_samples=(settings.frontend.window_samples - settings.frontend.hop_samples) // 2,
            target_delay_steps=settings.network.target_delay_steps,
        ),
        train=parts["train"],
        val=parts["val"],
        val_names=tuple(recording.name for recording in val),
        val_groups=tuple(recording.group for recording in val),
        val_features=[frontend.features(parts["val"].recording(index)) for index in range(len(val))],
    )


def fit(material: Material, settings: Settings, workspace: Workspace, log: TrainingLog) -> Trained:
    """Train both forms of the network and convert the second."""
    seed_everything(settings.seed)
    shape = Shape.of(settings.network, settings.frontend.n_bands, len(material.classes))
    per_second = material.clock.sample_rate_hz / material.clock.step_samples
    note(
        f"network: {shape.parameters} parameters, {shape.macs_per_step * per_second / 1e6:.2f} M MAC per second, "
        f"a score every {1000 / per_second:.0f} ms; trained on {device()}"
    )
    maker = _batch_maker(material, settings)
    training = settings.training
    float_network = FloatNetwork(shape, training.dropout)
    schedule = Schedule(training.float_steps, training.learning_rate, 0)
    _Phase("float", float_network, schedule, material, settings, workspace, log).run(maker.batch)

    quantized = QuantizedNetwork(shape, training.dropout / 2)
    samples = [maker.batch(number)[0] for number in range(CALIBRATION_BATCHES)]
    quantized.load_folded(float_network.folded(), np.concatenate(samples).astype(np.float32) * FEATURE_SCALE)
    schedule = Schedule(training.quantized_steps, training.quantized_learning_rate, training.float_steps)
    _Phase("quantized", quantized, schedule, material, settings, workspace, log).run(maker.batch)
    note("converting to an int8 step")
    return Trained(float_network, quantized, convert_step(StepModule(quantized)))


def _batch_maker(material: Material, settings: Settings) -> BatchMaker:
    clock = material.clock
    steps = max(1, round(settings.training.sequence_s * clock.sample_rate_hz / clock.step_samples))
    frames = steps * settings.network.frames_per_step
    samples = (frames - 1) * settings.frontend.hop_samples + settings.frontend.window_samples
    remixer = Remixer(material.train, len(material.classes), samples, settings.augmentation)
    for label, runs in zip(material.classes, remixer.runs, strict=True):
        if not runs:
            note(
                f"note: no event of {label!r} is clear enough to be cut out and mixed anew; it is used where it stands"
            )
    return BatchMaker(
        remixer,
        material.frontend,
        Clock(steps, clock.step_samples, clock.origin_samples, clock.target_delay_steps),
        len(material.classes),
        settings.augmentation,
        settings.seed,
        settings.training.batch_sequences,
    )


@dataclass(frozen=True)
class _Phase:
    """Gradient steps of one form of the network, from where an earlier run left off; ends with averaged weights."""

    name: str
    network: Network
    schedule: Schedule
    material: Material
    settings: Settings
    workspace: Workspace
    log: TrainingLog

    def run(self, make: Callable[[int], tuple[NDArray[np.int8], NDArray[np.float32]]]) -> None:
        trainer = Trainer(self.network, self.settings.training, self.settings.seed, self.schedule)
        scorer = Scorer(self.network)
        state = self.workspace.load(self.name)
        if state:
            trainer.restore(state)
        if state and STOPPED in state:
            return trainer.swap_average()
        done, steps, first = trainer.done, self.schedule.steps, self.schedule.first_batch
        progress = Progress(f"{self.name} training", steps - done)
        losses, heard, best = [], "", _Best(self.workspace, f"{self.name}_best")
        try:
            for step, batch in enumerate(batches(make, first + done, first + steps), start=done):
                losses.append(trainer.step(step, batch))
                self.log.step(self.name, trainer.done, losses[-1], self.schedule.rate(step))
                if trainer.done % self.settings.training.check_every_steps == 0 or trainer.done == steps:
                    precision, heard = self._check(trainer, scorer, float(np.mean(losses)))
                    best.offer(precision, trainer)
                    losses = []
                    if trainer.done < steps and best.waited_steps(trainer) >= self.settings.training.patience_steps:
                        trainer.restore(best.state())
                        heard = f"stopped: val scored best, {best.score:.3f}, at step {best.step}"
                        break
                if trainer.done % SAVE_EVERY_STEPS == 0:
                    self.workspace.save(self.name, trainer.state())
                progress.advance(heard)
        except KeyboardInterrupt:
            self.workspace.save(self.name, trainer.state())
            raise
        self.workspace.save(self.name, trainer.state() | {STOPPED: np.array(1)})
        progress.close(heard)
        trainer.swap_average()

    def _check(self, trainer: Trainer, scorer: Scorer, loss: float) -> tuple[float, str]:
        """Score the validation part with the averaged weights; log it, and return it with what to say."""
        with trainer.averaged():
            precision = frame_precision(self.material, scorer.probabilities(self.material.val_features))
        self.log.check(self.name, trainer.done, loss, precision)
        return precision, f"loss {loss:.4f}, frame average precision on val {precision:.3f}"


class _Best:
    """The state of training that scored best on the validation part, whose sources are others than those of train."""

    def __init__(self, workspace: Workspace, name: str) -> None:
        self._workspace, self._name = workspace, name
        known = workspace.load(name) or {"score": np.array(-1.0), "step": np.array(0)}
        self.score, self.step = float(known["score"]), int(known["step"])

    def offer(self, score: float, trainer: Trainer) -> None:
        """Keep this state where it is the best so far."""
        if score > self.score:
            self.score, self.step = score, trainer.done
            figures = {"score": np.array(score), "step": np.array(self.step)}
            self._workspace.save(self._name, trainer.state() | figures)

    def waited_steps(self, trainer: Trainer) -> int:
        """Return how many steps ago that was; 0 where no score could be had."""
        return trainer.done - self.step if self.step else 0

    def state(self) -> dict[str, NDArray[Any]]:
        """Return the state that was kept."""
        return self._workspace.load(self._name) or {}


def frame_precision(material: Material, scores: list[NDArray[np.float32]]) -> float:
    """Return the mean over classes of the average precision of steps; classes without events in val are left out."""
    clock = material.clock
    truth = [
        Clock(len(each), clock.step_samples, clock.origin_samples, clock.target_delay_steps).targets(
            events, len(material.classes)
        )
        for each, events in zip(scores, material.val.events, strict=True)
    ]
    active, given = np.concatenate(truth) >= 0.5, np.concatenate(scores)
    present = [label for label in range(active.shape[1]) if active[:, label].any()]
    if not present:
        return float("nan")
    return float(np.mean([average_precision_score(active[:, label], given[:, label]) for label in present]))
