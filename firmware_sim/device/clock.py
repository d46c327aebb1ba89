"""Which samples and seconds of a recording a score stands for."""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from stapes.firmware_sim.device.frontend import FrontendConfig
from stapes.firmware_sim.errors import ConfigError

_LARGEST = 2**31 - 1  # the C of the device holds each of these in 32 bits


@dataclass(frozen=True)
class StepClock:
    """The time axis of scores. Score k comes from step k, and stands for the step_samples samples from begin_sample(k).

    Step k takes the frames whose windows begin at k * step_samples and after. It stands for the hop-wide middles of
    those windows, origin_samples later, and it answers for the sound of target_delay_steps steps before.

    Raises ConfigError for a setting outside its range.
    """

    sample_rate_hz: int
    step_samples: int  # frames per step times hop
    origin_samples: int  # half of what a window is longer than a hop
    target_delay_steps: int  # how many steps later than the sound the network was trained to answer

    def __post_init__(self) -> None:
        least = {"sample_rate_hz": 1, "step_samples": 1, "origin_samples": 0, "target_delay_steps": 0}
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, bool) or not isinstance(value, int):
                raise ConfigError(f"{field.name} is {value!r}: need an int")
            if not least[field.name] <= value <= _LARGEST:
                raise ConfigError(f"{field.name} is {value}: need {least[field.name]} to {_LARGEST}")

    @classmethod
    def of(cls, frontend: FrontendConfig, frames_per_step: int = 1, target_delay_steps: int = 0) -> "StepClock":
        """Return the clock of a detector with this frontend; with the defaults, the time axis of its frames."""
        return cls(
            sample_rate_hz=frontend.sample_rate_hz,
            step_samples=frames_per_step * frontend.hop_samples,
            origin_samples=(frontend.window_samples - frontend.hop_samples) // 2,
            target_delay_steps=target_delay_steps,
        )

    @property
    def step_s(self) -> float:
        """Seconds from one step to the next."""
        return self.step_samples / self.sample_rate_hz

    @property
    def tail_samples(self) -> int:
        """Samples to append to a recording so that each of its whole steps gets a score, and not one score more."""
        return self.target_delay_steps * self.step_samples + self.origin_samples

    def begin_sample(self, score: int) -> int:
        """Return the first sample that score number `score` stands for; negative before the recording begins."""
        return (score - self.target_delay_steps) * self.step_samples + self.origin_samples

    def begin_s(self, score: int) -> float:
        """Return `begin_sample` in seconds."""
        return self.begin_sample(score) / self.sample_rate_hz

    def edges_samples(self, n_scores: int) -> NDArray[np.int64]:
        """Return int64[n_scores + 1]: score k stands for samples edges[k] up to but not including edges[k + 1].

        Edges before the recording are moved to its beginning: a score that stands for nothing in it has edges 0 and 0.
        """
        first = self.begin_sample(0)
        return np.maximum(first + self.step_samples * np.arange(n_scores + 1, dtype=np.int64), 0)

    def edges_s(self, n_scores: int) -> NDArray[np.float64]:
        """Return `edges_samples` in seconds, float64[n_scores + 1]."""
        return self.edges_samples(n_scores) / self.sample_rate_hz

    def recorded_s(self, n_scores: int) -> float:
        """Return how many seconds the scores of a recording with its tail stand for; the first few are too early."""
        return max(0, n_scores - self.target_delay_steps) * self.step_s
