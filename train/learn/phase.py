"""A phase of training: one form of the network is trained. It can be resumed, and ends when val stops improving."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score

from stapes.firmware_sim.errors import StapesError
from stapes.runtime.console import Progress
from stapes.train.learn.fit import Batch, Schedule, Scorer, Trainer, batches
from stapes.train.learn.logs import TrainingLog
from stapes.train.learn.mining import Mining
from stapes.train.learn.network import Network
from stapes.train.learn.targets import step_targets
from stapes.train.learn.time_left import check_cost, training_task
from stapes.train.learn.training_data import TrainingData
from stapes.train.learn.workspace import Workspace
from stapes.train.settings import Settings

SAVE_EVERY_UPDATES = 50
FINISHED = "phase_is_over"  # a key of the saved state of a phase
UNCHECKED = "unchecked_losses"  # the same: the losses of the updates since val was scored last


@dataclass(frozen=True)
class Phase:
    """Training of one form of the network, resumed where an earlier run stopped. It leaves the averaged weights."""

    name: str
    network: Network
    schedule: Schedule
    data: TrainingData
    mining: Mining
    settings: Settings
    workspace: Workspace
    log: TrainingLog

    def run(self, make: Callable[[int], Batch]) -> None:
        """Train on the batches `make(number)`."""
        trainer = Trainer(self.network, self.settings.training, self.settings.seed, self.schedule)
        state = self.workspace.load(self.name) or {}
        if state:
            trainer.restore(state)
            self.mining.restore(state)
        losses = state.get(UNCHECKED, np.zeros(0)).tolist()
        self.workspace.forget(self.name, trainer.done - self._is_due(trainer, losses))
        if FINISHED not in state:
            try:
                self._train(trainer, losses, make)
            except KeyboardInterrupt:
                self._save(trainer, {UNCHECKED: np.array(losses)})
                raise
            self._save(trainer, {FINISHED: np.array(1)})
        trainer.swap_average()

    def _save(self, trainer: Trainer, more: dict[str, NDArray[Any]]) -> None:
        self.workspace.save(self.name, trainer.state() | self.mining.state() | more)

    def _is_due(self, trainer: Trainer, losses: Sequence[float]) -> bool:
        """Return whether val is to be scored now. `losses`: of the updates since it was scored last."""
        at_interval = trainer.done % self.settings.training.check_every_steps == 0
        return bool(losses) and (at_interval or trainer.done == self.schedule.updates)

    def _train(self, trainer: Trainer, losses: list[float], make: Callable[[int], Batch]) -> None:
        """Do the updates that are left, and score val at regular intervals.

        `losses` holds those of the updates since val was scored last, also after an interruption.
        """
        done, updates = trainer.done, self.schedule.updates
        every, scorer = self.settings.training.check_every_steps, Scorer(self.network)
        val_s = len(self.data.val.pcm) / self.data.val.sample_rate_hz
        cost = check_cost(self.settings, val_s + self.mining.heard_s)
        best = _Best(self.workspace, f"{self.name}_best")
        ended, status = self._checked(trainer, scorer, best, losses) if self._is_due(trainer, losses) else (False, "")
        task, checks = training_task(self.name), -(-updates // every) - done // every
        progress = Progress(task, updates - done, updates - done + checks * cost, warm_up=True)
        made = self._batches(make, done) if not ended else ()
        for update, batch in enumerate(made, start=done):
            losses.append(trainer.update(update, batch))
            self._require_finite(trainer, "loss", np.array(losses[-1]))
            self.log.update(self.name, trainer.done, losses[-1], self.schedule.rate(update))
            due = self._is_due(trainer, losses)
            if due:
                ended, status = self._checked(trainer, scorer, best, losses)
            if ended:
                break
            if trainer.done % SAVE_EVERY_UPDATES == 0:
                self._save(trainer, {UNCHECKED: np.array(losses)})
            progress.advance(status, 1 + cost * due)
        progress.close(status)

    def _batches(self, make: Callable[[int], Batch], done: int) -> Iterator[Batch]:
        """Yield the batches of the updates that are left.

        None is made before a check that it comes after, as the check decides which negatives are hard.
        """
        first, every = self.schedule.first_batch, self.settings.training.check_every_steps
        while done < self.schedule.updates:
            following = min((done // every + 1) * every, self.schedule.updates)
            yield from batches(make, first + done, first + following)
            done = following

    def _checked(self, trainer: Trainer, scorer: Scorer, best: "_Best", losses: list[float]) -> tuple[bool, str]:
        """Score val and keep the best state; return whether the phase ends here, with that state, and a line of text.

        The losses are emptied last, so that a check that is interrupted is made again.
        """
        precision, status = self._check(trainer, scorer, float(np.mean(losses)))
        best.offer(precision, trainer)
        waited_enough = best.waited(trainer) >= self.settings.training.patience_steps
        ended = waited_enough and trainer.done != self.schedule.updates
        if ended:
            trainer.restore(best.state())
            status = f"ended early: best score on val {best.score:.3f} at gradient step {best.update}"
        losses.clear()
        return ended, status

    def _check(self, trainer: Trainer, scorer: Scorer, loss: float) -> tuple[float, str]:
        """Score val with the averaged weights and log the result; return the average precision and a line of text.

        The same weights decide which negatives are hard from here on.
        """
        with trainer.averaged():
            scores = scorer.probabilities(self.data.val_features)
            self._require_finite(trainer, "scores on val", *scores)
            checks = -(-(self.schedule.first_batch + trainer.done) // self.settings.training.check_every_steps)
            self.mining.hear(scorer.probabilities, checks)
        precision = frame_precision(self.data, scores)
        self.log.check(self.name, trainer.done, loss, precision)
        return precision, f"loss {loss:.4f}, frame average precision on val {precision:.3f}"

    def _require_finite(self, trainer: Trainer, what: str, *values: NDArray[Any]) -> None:
        if not all(np.isfinite(each).all() for each in values):
            rate = "learning_rate" if self.name == "float" else f"{self.name}_learning_rate"
            raise StapesError(
                f"{self.name} training: at gradient step {trainer.done} of {self.schedule.updates} the {what} became "
                f"nan or infinite; lower {rate} ({self.schedule.learning_rate:g}) in the settings"
            )


class _Best:
    """The state of training with the best score on val, whose sources are not those of train."""

    def __init__(self, workspace: Workspace, name: str) -> None:
        self._workspace, self._name = workspace, name
        known = workspace.load(name) or {"score": np.array(-1.0), "step": np.array(0)}
        self.score, self.update = float(known["score"]), int(known["step"])

    def offer(self, score: float, trainer: Trainer) -> None:
        """Keep this state if its score is the best so far."""
        if score > self.score:
            self.score, self.update = score, trainer.done
            figures = {"score": np.array(score), "step": np.array(self.update)}
            self._workspace.save(self._name, trainer.state() | figures)

    def waited(self, trainer: Trainer) -> int:
        """Return the number of updates since the best score; 0 if val could not be scored."""
        return trainer.done - self.update if self.update else 0

    def state(self) -> dict[str, NDArray[Any]]:
        """Return the state that was kept."""
        return self._workspace.load(self._name) or {}


def frame_precision(data: TrainingData, scores: list[NDArray[np.float32]]) -> float:
    """Return the average precision over the steps of val, as the mean over the classes that have events there."""
    truth = [
        step_targets(data.clock, len(each), events, len(data.classes))
        for each, events in zip(scores, data.val.events, strict=True)
    ]
    active, given = np.concatenate(truth) >= 0.5, np.concatenate(scores)
    present = [label for label in range(active.shape[1]) if active[:, label].any()]
    if not present:
        return float("nan")
    return float(np.mean([average_precision_score(active[:, label], given[:, label]) for label in present]))
