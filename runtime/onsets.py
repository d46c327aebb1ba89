"""Finds where sounds rise above their background, and where they have faded, without any training."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from stapes.firmware_sim.device.clock import StepClock
from stapes.firmware_sim.device.frontend import Frontend

BACKGROUND_S = 30.0  # the background of a band is its median level over this much sound around it
SPREAD_MIN_DB = 3.0  # the spread of a band is its median level minus its 16 % quantile, at least this
EXCESS_FROM, EXCESS_TO = 0.5, 3.5  # levels above the background count between these multiples of the spread
RISE_S = 0.08  # a rise is the difference of the mean excess over this long after and before a moment
RISE_MIN = 0.25  # an event begins where the rise exceeds the median of all rises by this; mean over bands
ONSET_DISTANCE_S = 0.1  # of two onsets closer than this, only the one with the larger rise is kept
POINT_MAX_S = 1.0  # a point label stands for at most this much sound
END_SHARE, END_HOLD_S = 0.3, 0.064  # an event ends when less than this share of its rise is left for this long


@dataclass(frozen=True)
class Proposal:
    """A proposed event: sound that rises above its background. Times are in seconds."""

    onset: float
    offset: float
    excess_db: float  # level above the background, mean over bands and time
    timbre: NDArray[np.float64]  # [bands + 2]: unit spectrum of the excess, log2 of seconds, position of its peak


@dataclass(frozen=True)
class Levels:
    """The level of every band in every frame of a recording, and the background that it stands out from."""

    clock: StepClock  # of frames
    level_db: NDArray[np.float32]  # [frames, bands]
    background_db: NDArray[np.float32]  # [frames, bands]
    spread_db: NDArray[np.float32]  # [frames, bands], of the background

    @classmethod
    def of(cls, frontend: Frontend, pcm: NDArray[np.int16], background_share: float = 0.5) -> "Levels":
        """Return the levels in a recording, int16[samples].

        The background of a band is the level that it stays below for `background_share` of the time: the median suits
        long recordings, and a smaller share clips in which an event takes most of the time.
        """
        clock = StepClock.of(frontend.config)
        level_db = frontend.features(pcm) * np.float32(frontend.config.int8_step_db)
        return cls(clock, level_db, *_background(level_db, round(BACKGROUND_S / clock.step_s), background_share))

    @property
    def excess(self) -> NDArray[np.float32]:
        """The excess above the background in spreads, within the limits that count, [frames, bands]."""
        limited = np.clip((self.level_db - self.background_db) / self.spread_db, EXCESS_FROM, EXCESS_TO)
        return limited - np.float32(EXCESS_FROM)

    def proposal(self, begin: int, end: int) -> Proposal:
        """Return the frames from `begin` to before `end`, at least one, as a proposal."""
        onset, offset = self.clock.begin_s(begin), self.clock.begin_s(end)
        excess_db = np.maximum(self.level_db[begin:end] - self.background_db[begin:end], np.float32(0))
        return Proposal(onset, offset, float(excess_db.mean()), _timbre(excess_db, offset - onset))


def proposals(frontend: Frontend, pcm: NDArray[np.int16], background_share: float = 0.5) -> list[Proposal]:
    """Return the proposals for a recording, int16[samples], in order of time; `background_share` as in `Levels.of`."""
    return proposals_in(Levels.of(frontend, pcm, background_share))


def proposals_in(levels: Levels) -> list[Proposal]:
    """Return the proposals for a recording, in order of time."""
    frame_s, excess = levels.clock.step_s, levels.excess
    onsets = _onsets(excess, frame_s)
    loudness, hold = excess.mean(axis=1), max(1, round(END_HOLD_S / frame_s))
    return [
        levels.proposal(begin, _end(loudness, begin, following, hold))
        for begin, following in pairwise([*onsets, len(excess)])
    ]


def stretch_in(levels: Levels, onset: float, offset: float) -> Proposal | None:
    """Return how a labelled stretch, in seconds, sounds; a point (onset == offset) lasts until its sound has faded.

    None where the recording has no whole frame.
    """
    if not len(levels.level_db):
        return None
    first, frame_s = levels.clock.begin_s(0), levels.clock.step_s
    begin = min(max(0, round((onset - first) / frame_s)), len(levels.level_db) - 1)
    if offset > onset:
        end = round((offset - first) / frame_s)
    else:
        following = min(begin + round(POINT_MAX_S / frame_s) + 1, len(levels.level_db))
        end = _end(levels.excess.mean(axis=1), begin, following, max(1, round(END_HOLD_S / frame_s)))
    return levels.proposal(begin, min(max(end, begin + 1), len(levels.level_db)))


def _background(
    level_db: NDArray[np.float32], frames: int, share: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the background of each band and its spread below the background, both in dB, [frames, bands]."""
    background, spread = np.empty_like(level_db), np.empty_like(level_db)
    stride = max(1, frames // 8)
    for start in range(0, len(level_db), stride):
        around = level_db[max(0, start - frames // 2) : start + stride + frames // 2]
        low, middle = np.quantile(around, [0.32 * share, share], axis=0)
        background[start : start + stride] = middle
        spread[start : start + stride] = np.maximum(middle - low, SPREAD_MIN_DB)
    return background, spread


def _onsets(excess: NDArray[np.float32], frame_s: float) -> list[int]:
    """Return the frames where events begin, given the excess above the background in spreads, [frames, bands]."""
    if not len(excess):
        return []
    n = max(1, round(RISE_S / frame_s))
    padded = np.concatenate([np.zeros((n + 1, excess.shape[1])), excess, np.repeat(excess[-1:], 2 * n, axis=0)])
    total = np.cumsum(padded, axis=0)
    mean = (total[n:] - total[:-n]) / n  # row t: of the n frames before frame t
    before, after, later = (mean[start : start + len(excess)] for start in (0, n, 2 * n))
    rise = np.maximum(after - before, 0).mean(axis=1)
    ending = rise < (before - later).mean(axis=1)  # an abrupt end spreads into other bands
    rise = np.where(ending, 0, rise - np.median(rise))
    highest = _highest_around(rise, round(ONSET_DISTANCE_S / frame_s))
    return np.flatnonzero((rise >= highest) & (rise >= RISE_MIN)).tolist()


def _highest_around(values: NDArray[np.float64], distance: int) -> NDArray[np.float64]:
    """Return, for each value, the highest one at most `distance` places away."""
    padded = np.pad(values, distance, constant_values=-np.inf)
    return np.lib.stride_tricks.sliding_window_view(padded, 2 * distance + 1).max(axis=1)


def _end(loudness: NDArray[np.float32], begin: int, following: int, hold: int) -> int:
    """Return the frame after the last frame of an event: where it has faded, at the latest where the next begins."""
    top = begin + int(np.argmax(loudness[begin : min(following, begin + 2 * hold)]))
    before = min(loudness[max(0, begin - hold) : begin].mean() if begin else 0.0, loudness[top])
    left = loudness[top:following] >= before + END_SHARE * (loudness[top] - before)
    over = np.flatnonzero(np.convolve(left, np.ones(hold))[hold - 1 :] == 0)  # nothing is left for `hold` frames
    return top + int(over[0]) if len(over) else following


def _timbre(excess: NDArray[np.float32], length_s: float) -> NDArray[np.float64]:
    spectrum = excess.mean(axis=0)
    loudest = float(np.argmax(excess.mean(axis=1)) / len(excess))
    return np.array([*(spectrum / max(np.linalg.norm(spectrum), 1e-9)), np.log2(length_s), loudest])
