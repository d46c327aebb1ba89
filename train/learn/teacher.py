"""A detector as teacher of another one: its scores become targets, mapped to the steps of the other by their times."""

import logging
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stapes.firmware_sim.device.clock import StepClock
from stapes.firmware_sim.device.folder import DetectorFolder
from stapes.firmware_sim.device.frontend import Frontend
from stapes.firmware_sim.device.tail import with_tail
from stapes.firmware_sim.errors import ToolchainError
from stapes.runtime.engine import Engine, choose_engine
from stapes.train.learn.excerpts import Excerpts

logger = logging.getLogger(__name__)

Probabilities = NDArray[np.float32]


class Teacher:
    """A detector that is asked for the probabilities of each step of another clock, the student's.

    It hears as it does in the runtime: the C frontend, the int8 model, and the tail at the end of the sound. Both
    clocks have the same sample rate. `classes` are the teacher's in the student's order. One thread may use it at a
    time. Raises what loading an engine raises.
    """

    def __init__(self, folder: DetectorFolder, classes: tuple[str, ...], student: StepClock) -> None:
        self._own, self._student = folder.clock, student
        self._frontend = Frontend(folder.tables)
        self._frames_per_step = folder.frames_per_step
        self._columns = [folder.classes.index(label) for label in classes]
        self._engine = _fast_engine(folder)

    def probabilities(self, pcm: NDArray[np.int16], n_steps: int) -> Probabilities:
        """Return float32[n_steps, classes] for int16[samples] that a student hears from its beginning.

        The student's step k gets the teacher's probability at the middle of the time that step k stands for, linear
        between the middles of the teacher's own steps, and as at the nearest one before the first and after the last.
        Steps that stand for the time before the sound get 0, as in the targets made of labels. A teacher that answers
        later than the student hears the tail of a recording behind the sound, as it does wherever sound ends.
        """
        scores = self._scores(pcm)[:, self._columns]
        heard = (scores[self._own.target_delay_steps :].astype(np.float32) + 128) / 256
        given_at = _middles(self._own, len(scores))[self._own.target_delay_steps :]
        wanted_at = _middles(self._student, n_steps)
        mapped = np.stack([np.interp(wanted_at, given_at, column) for column in heard.T], axis=1)
        mapped[: self._student.target_delay_steps] = 0
        return mapped.astype(np.float32)

    def _scores(self, pcm: NDArray[np.int16]) -> NDArray[np.int8]:
        """Return int8[steps, classes] of a sound and its tail."""
        features = self._frontend.features(with_tail(self._own, pcm))
        steps = len(features) // self._frames_per_step
        whole = features[: steps * self._frames_per_step]
        self._engine.reset()
        return self._engine.run(whole.reshape(steps, self._frames_per_step, -1))


def _middles(clock: StepClock, n_scores: int) -> NDArray[np.float64]:
    """Return the sample in the middle of what each score stands for, float64[n_scores]."""
    return clock.begin_sample(0) + clock.step_samples * (np.arange(n_scores, dtype=np.float64) + 0.5)


def _fast_engine(folder: DetectorFolder) -> Engine:
    """Return the compiled C, or without a C compiler LiteRT: the bits are the same."""
    logger.info(f"compiling the teacher {folder.path}")
    try:
        return choose_engine(folder, "c")
    except ToolchainError as error:
        logger.warning(f"the teacher runs on LiteRT, which takes about ten times as long: {error}")
        return choose_engine(folder, "litert")


@dataclass(frozen=True)
class Lessons:
    """What a teacher adds to training: targets beside the labels, and sequences of recordings without labels."""

    teacher: Teacher
    share: float  # of the teacher's probability in a target of labelled sound; the rest is the label's
    unlabelled: Excerpts | None = None
    unlabelled_share: float = 0.0  # of sequences
