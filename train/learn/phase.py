"""A phase of training: gradient steps of one form of the network, resumable, over early where they no longer help."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score

from stapes.firmware_sim.errors import StapesError
from stapes.runtime.console import Progress
from stapes.train.learn.fit import Batch, Schedule, Scorer, Trainer, batches
from stapes.train.learn.logs import TrainingLog
from stapes.train.learn.material import Material
from stapes.train.learn.network import Network
from stapes.train.learn.targets import step_targets
from stapes.train.learn.workspace import Workspace
from stapes.train.settings import Settings

SAVE_EVERY_STEPS = 50
STOPPED = "phase_is_over"  # in the saved state of a phase


@dataclass(frozen=True)
class Phase:
    """Gradient steps of one form of the network, from where an earlier run left off; ends with averaged weights."""

    name: str
    network: Network
    schedule: Schedule
    material: Material
    settings: Settings
    workspace: Workspace
    log: TrainingLog

    def run(self, make: Callable[[int], Batch]) -> None:
        """Train on batches by number."""
        trainer = Trainer(self.network, self.settings.training, self.settings.seed, self.schedule)
        state = self.workspace.load(self.name)
        if state:
            trainer.restore(state)
        self.workspace.forget(self.name, trainer.done)
        if not state or STOPPED not in state:
            try:
                self._steps(trainer, make)
            except KeyboardInterrupt:
                self.workspace.save(self.name, trainer.state())
                raise
            self.workspace.save(self.name, trainer.state() | {STOPPED: np.array(1)})
        trainer.swap_average()

    def _steps(self, trainer: Trainer, make: Callable[[int], Batch]) -> None:
        """Do the steps that are left, and check now and then."""
        done, steps, first = trainer.done, self.schedule.steps, self.schedule.first_batch
        progress, scorer = Progress(f"{self.name} training", steps - done), Scorer(self.network)
        losses, heard, best = [], "", _Best(self.workspace, f"{self.name}_best")
        for step, batch in enumerate(batches(make, first + done, first + steps), start=done):
            losses.append(trainer.step(step, batch))
            self._require_numbers(trainer, "loss", np.array(losses[-1]))
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
        progress.close(heard)

    def _check(self, trainer: Trainer, scorer: Scorer, loss: float) -> tuple[float, str]:
        """Score the validation part with the averaged weights; log it, and return it with what to say."""
        with trainer.averaged():
            scores = scorer.probabilities(self.material.val_features)
        self._require_numbers(trainer, "scores on val", *scores)
        precision = frame_precision(self.material, scores)
        self.log.check(self.name, trainer.done, loss, precision)
        return precision, f"loss {loss:.4f}, frame average precision on val {precision:.3f}"

    def _require_numbers(self, trainer: Trainer, what: str, *values: NDArray[Any]) -> None:
        if not all(np.isfinite(each).all() for each in values):
            rate = "learning_rate" if self.name == "float" else "quantized_learning_rate"
            raise StapesError(
                f"{self.name} training: at step {trainer.done} of {self.schedule.steps} the {what} became nan or "
                f"infinite; lower {rate} ({self.schedule.learning_rate:g}) in the settings"
            )


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
    truth = [
        step_targets(material.clock, len(each), events, len(material.classes))
        for each, events in zip(scores, material.val.events, strict=True)
    ]
    active, given = np.concatenate(truth) >= 0.5, np.concatenate(scores)
    present = [label for label in range(active.shape[1]) if active[:, label].any()]
    if not present:
        return float("nan")
    return float(np.mean([average_precision_score(active[:, label], given[:, label]) for label in present]))
