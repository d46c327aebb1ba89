"""The device's loop in Python: blocks of PCM in, scores and events out, in bounded memory.

    detector = Detector.load("pops.stapes")
    for event in detector.detect("hall.flac"):
        print(event.onset, event.offset, event.label)

Features come from the device's C frontend and events from its C event decoder. Only the engine that computes the
model's steps can be chosen, and every engine gives the same bits.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from stapes.firmware_sim.device.events import LAST_SAMPLE, Event, EventDecoder, completed
from stapes.firmware_sim.device.folder import DetectorFolder, read_folder
from stapes.firmware_sim.device.frontend import Frontend
from stapes.firmware_sim.device.tail import tail
from stapes.firmware_sim.errors import AudioError, ConfigError
from stapes.runtime.engine import Engine, choose_engine

if TYPE_CHECKING:
    from stapes.runtime.audio import AudioFile

BLOCK_SAMPLES = 1 << 16  # whole recordings are cut into blocks of this size


@dataclass(frozen=True)
class DetectorOutput:
    """What the detector made of a block of PCM; arrays without rows when the block completes no step."""

    features: NDArray[np.int8]  # [frames, bands], a whole number of steps
    scores: NDArray[np.int8]  # [steps, classes]; events.probability gives the probabilities
    events: list[Event]  # announced (offset_sample None) and completed, in the order in which that happened


class Detector:
    """A detector folder that is ready to hear one stream or recording at a time; `reset` begins another."""

    def __init__(self, folder: DetectorFolder, engine: Engine) -> None:
        self.folder = folder
        self._engine = engine
        self._frontend = Frontend(folder.tables)
        self._clock = folder.clock
        self._decoder = EventDecoder(folder.classes, folder.events, self._clock)
        self._step_samples = self._clock.step_samples
        # The number of samples that the frames of a step need; the last frame may reach into the next step.
        self._reach_samples = folder.frontend.samples_of(folder.frames_per_step)
        self._pending: NDArray[np.int16]  # samples that the next step needs, less than a window and a step
        self._recent: NDArray[np.int16]  # the samples from which a tail is made
        self._begin(0)

    @classmethod
    def load(cls, path: str | Path, engine: str = "auto") -> "Detector":
        """Read and check a detector folder and choose what computes its steps.

        engine: "litert" for LiteRT's reference kernels; "c" for C that is generated from the folder's model, compiled
        and run on this machine; "auto" for C when it was compiled on this machine before, else LiteRT.
        Raises DetectorFolderError when the folder is incomplete or belongs to another frontend, ModelError for a model
        that the compiler refuses, ConfigError for an unknown engine.
        """
        folder = read_folder(path)
        return cls(folder, choose_engine(folder, engine))

    @property
    def classes(self) -> tuple[str, ...]:
        """The labels, in the order of the columns of scores."""
        return self.folder.classes

    @property
    def sample_rate_hz(self) -> int:
        """The sample rate of the PCM that `push`, `scores` and `detect` take; runtime.audio converts to it."""
        return self.folder.frontend.sample_rate_hz

    @property
    def silent(self) -> tuple[str, ...]:
        """The classes that never give an event, whatever their sensitivity is."""
        return self._decoder.silent

    @property
    def sensitivity(self) -> Mapping[str, int]:
        """The sensitivity of each class in steps; 0 where `set_sensitivity` changed nothing."""
        return self._decoder.sensitivity

    @property
    def thresholds(self) -> tuple[tuple[int, int], ...]:
        """The scores (on_score, off_score) of each class that hold now: its operating point and its sensitivity."""
        return self._decoder.thresholds

    def set_sensitivity(self, label: str, steps: int) -> None:
        """Let a class hear more (steps > 0) or less (steps < 0) than its operating point; 0 returns to it.

        A step moves both thresholds by a quarter of a logit, in the integers of `stapes_set_sensitivity` on the
        device. It holds from the next step of the model on, also for an open event, and for later recordings.
        Raises ConfigError for an unknown class, and for steps that are no whole number.
        """
        self._decoder.set_sensitivity(label, steps)

    @property
    def position_samples(self) -> int:
        """The number of the next sample that is pushed, counted from the start of the stream, gaps included."""
        return self._position

    def scores(self, recording: "NDArray[np.int16] | AudioFile | str | Path") -> NDArray[np.int8]:
        """Return scores int8[steps, classes] of a whole recording, given as to `detect`; a stream in progress ends.

        Row k belongs to step k - `target_delay_steps` of the recording. Every whole step has its row.
        Raises AudioError when the file cannot be read.
        """
        self.reset()
        outputs = [*map(self.hear, self._blocks(recording)), self.hear_end()]
        return np.concatenate([each.scores for each in outputs])

    def detect(self, recording: "NDArray[np.int16] | AudioFile | str | Path") -> list[Event]:
        """Return the complete events of a whole recording, sorted by onset; a stream in progress ends.

        recording: int16[samples] at `sample_rate_hz`, or a file at any rate, which is read block by block.
        Raises AudioError when the file cannot be read.
        """
        return completed(self.stream(self._blocks(recording)))

    def _blocks(self, recording: "NDArray[np.int16] | AudioFile | str | Path") -> Iterator[NDArray[np.int16]]:
        if isinstance(recording, np.ndarray):
            return _cut(recording)
        if isinstance(recording, (str, Path)):
            from stapes.runtime.audio import AudioFile  # loads soundfile and soxr, which a stream of PCM does not need

            recording = AudioFile(recording, self.sample_rate_hz)
        return recording.blocks()

    def stream(self, blocks: Iterable[NDArray[np.int16]]) -> Iterator[Event]:
        """Yield events of int16 blocks of any size as they happen: announced without an offset, later complete."""
        self.reset()
        for block in blocks:
            yield from self.push(block)
        yield from self.flush()

    def push(self, block: NDArray[np.int16]) -> list[Event]:
        """Take a block int16[n] of any length and return the events that it announced or completed."""
        return self.hear(block).events

    def hear(self, block: NDArray[np.int16]) -> DetectorOutput:
        """Take a block int16[n] of any length and return features, scores and events of the steps it completed.

        Raises AudioError for another type or shape.
        """
        if block.dtype != np.int16 or block.ndim != 1:
            raise AudioError(
                f"the detector takes int16[samples] at {self.sample_rate_hz} Hz, got {block.dtype}{list(block.shape)}; "
                "runtime.audio converts files and streams"
            )
        pcm = np.concatenate([self._pending, block])
        recent = np.concatenate([self._recent, block])
        self._recent = recent[max(0, len(recent) - self._clock.tail_samples) :]
        self._position += len(block)
        n_steps = max(0, (len(pcm) - self._reach_samples) // self._step_samples + 1)
        self._pending = pcm[n_steps * self._step_samples :]
        if n_steps == 0:
            return DetectorOutput(
                np.zeros((0, self.folder.frontend.n_bands), np.int8), np.zeros((0, len(self.classes)), np.int8), []
            )
        covered = (n_steps - 1) * self._step_samples + self._reach_samples
        features = self._frontend.features(pcm[:covered])
        scores = self._engine.run(features.reshape(n_steps, self.folder.frames_per_step, -1))
        return DetectorOutput(features, scores, self._decoder.push(scores))

    def hear_end(self) -> DetectorOutput:
        """End the recording: hear its tail (see firmware_sim/device/tail.py) and complete the open events.

        The next block begins another recording.
        """
        output = self.hear(tail(self._clock, self._recent))
        output.events.extend(self._decoder.flush())
        self.reset()
        return output

    def hear_recording(self, pcm: NDArray[np.int16]) -> DetectorOutput:
        """Return features, scores and events of a whole recording int16[samples]; a stream in progress ends."""
        self.reset()
        outputs = [*map(self.hear, _cut(pcm)), self.hear_end()]
        return DetectorOutput(
            np.concatenate([each.features for each in outputs]),
            np.concatenate([each.scores for each in outputs]),
            [event for each in outputs for event in each.events],
        )

    def flush(self) -> list[Event]:
        """End the recording as `hear_end` does and return the events. The next block begins another recording."""
        return self.hear_end().events

    def gap(self, lost_samples: int) -> list[Event]:
        """Report that `lost_samples` samples never arrived, and return the open events, which end before the gap.

        The clock continues after the gap. Features, model states and event decoder start afresh there, as they do on
        the device after an overrun. Raises ConfigError for a number that is no whole number from 0 on, or too large.
        """
        most = LAST_SAMPLE - self._position
        if isinstance(lost_samples, bool) or not isinstance(lost_samples, int) or not 0 <= lost_samples <= most:
            raise ConfigError(f"{lost_samples!r} samples were lost: need a whole number from 0 to {most}")
        events = self._decoder.flush()
        self._begin(self._position + lost_samples)
        return events

    def reset(self) -> None:
        """Forget the stream so far. The next sample has number 0."""
        self._begin(0)

    def _begin(self, first_sample: int) -> None:
        self._position = first_sample
        self._pending = self._recent = np.zeros(0, np.int16)
        self._engine.reset()
        self._decoder.reset(first_sample)


def _cut(pcm: NDArray[np.int16]) -> Iterator[NDArray[np.int16]]:
    for start in range(0, len(pcm), BLOCK_SAMPLES):
        yield pcm[start : start + BLOCK_SAMPLES]
