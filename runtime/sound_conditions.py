"""How loud and how coloured the sound was that a detector was trained on, and how other sound differs from it.

All of it is taken from the features, so it is what the network sees: the level of each band of the frontend in the
background, which is the median over the frames of a recording.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stapes.firmware_sim.device.frontend import FrontendConfig, band_edges_hz

Levels = NDArray[np.float64]  # [bands], in dB

NOTABLE_DB = 6.0  # a difference in colour below this is not worth a sentence
RANGES = 4  # of neighbouring bands, in which colours are compared


@dataclass(frozen=True)
class SoundConditions:
    """The range of levels and spectra of the recordings that a detector was trained on, changes in training included.

    level_db: lowest, median and highest mean level of the bands; colour_db: float64[3, bands], lowest, median and
    highest level of each band above the mean of all bands. In dB of the frontend's band power.
    """

    level_db: tuple[float, float, float]
    colour_db: NDArray[np.float64]

    @classmethod
    def of(cls, recordings: Iterable[Levels], gain_db: tuple[float, float], filter_db: float) -> "SoundConditions":
        """Return the range of the backgrounds of some recordings.

        recordings: `BackgroundLevels.levels` of each, at least one. gain_db: the least and the largest gain at which
        they were heard in training. filter_db: standard deviation of the random filters that they went through.
        """
        levels = np.stack(list(recordings))
        means = levels.mean(axis=1)
        colours = levels - means[:, None]
        return cls(
            (float(means.min() + gain_db[0]), float(np.median(means)), float(means.max() + gain_db[1])),
            np.stack([colours.min(axis=0) - filter_db, np.median(colours, axis=0), colours.max(axis=0) + filter_db]),
        )

    @classmethod
    def from_dict(cls, content: Any) -> "SoundConditions | None":
        """Return what `as_dict` wrote; None for anything else, as detectors of earlier versions hold nothing."""
        try:
            low, median, high = (float(value) for value in content["level_db"])
            colour = np.array(content["colour_db"], np.float64)
        except (KeyError, TypeError, ValueError):
            return None
        return cls((low, median, high), colour) if colour.ndim == 2 and len(colour) == 3 else None

    def joined(self, former: "SoundConditions") -> "SoundConditions":
        """Return the range of these and those of a former training; the middle stays that of these.

        Former ones of another number of bands are left out.
        """
        if former.colour_db.shape != self.colour_db.shape:
            return self
        (low, middle, high), (former_low, _, former_high) = self.level_db, former.level_db
        colours = [
            np.minimum(self.colour_db[0], former.colour_db[0]),
            self.colour_db[1],
            np.maximum(self.colour_db[2], former.colour_db[2]),
        ]
        return SoundConditions((min(low, former_low), middle, max(high, former_high)), np.stack(colours))

    def as_dict(self) -> dict[str, Any]:
        """Return plain numbers for JSON."""
        return {"level_db": [round(each, 1) for each in self.level_db], "colour_db": self.colour_db.round(1).tolist()}

    def differences(self, background: Levels, frontend: FrontendConfig) -> list[str]:
        """Return a sentence for each way in which a background differs from the training's; at least one sentence.

        background: `BackgroundLevels.levels`, by the frontend of the detector.
        """
        return [self._level(float(background.mean())), *self._colours(background - background.mean(), frontend)]

    def _level(self, level_db: float) -> str:
        low, median, high = self.level_db
        if level_db < low:
            return f"{low - level_db:.0f} dB quieter than anything that the detector was trained on"
        if level_db > high:
            return f"{level_db - high:.0f} dB louder than anything that the detector was trained on"
        where = "above" if level_db > median else "below"
        return f"within the levels of its training, {abs(level_db - median):.0f} dB {where} their middle"

    def _colours(self, colour_db: Levels, frontend: FrontendConfig) -> Iterable[str]:
        low, _, high = self.colour_db
        edges_hz = band_edges_hz(frontend)
        for bands in np.array_split(np.arange(len(colour_db)), min(RANGES, len(colour_db))):
            below = float((low - colour_db)[bands].mean())
            above = float((colour_db - high)[bands].mean())
            outside = max(below, above)
            if outside >= NOTABLE_DB:
                range_hz = f"{edges_hz[bands[0]]:.0f} to {edges_hz[bands[-1] + 2]:.0f} Hz"
                how = "weaker" if below > above else "stronger"
                yield f"{range_hz} is {outside:.0f} dB {how}, beside the other bands, than in any of its training"


class BackgroundLevels:
    """The level of each band in the background of sound of any length, in constant memory."""

    def __init__(self, frontend: FrontendConfig) -> None:
        self._frontend = frontend
        self._counts = np.zeros((frontend.n_bands, 256), np.int64)  # how often each feature occurred

    def add(self, features: NDArray[np.int8]) -> None:
        """Add frames, int8[frames, bands]."""
        places = features.astype(np.int64) + 128 + 256 * np.arange(self._frontend.n_bands)
        self._counts += np.bincount(places.ravel(), minlength=self._counts.size).reshape(self._counts.shape)

    @property
    def frames(self) -> int:
        """Number of frames so far."""
        return int(self._counts[0].sum())

    @property
    def levels(self) -> Levels:
        """The median of each band over all frames, float64[bands] in dB of the frontend's band power."""
        reached = self._counts.cumsum(axis=1) * 2 >= max(1, self.frames)
        return (reached.argmax(axis=1) - 128) * self._frontend.int8_step_db + self._frontend.int8_zero_db
