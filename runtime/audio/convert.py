"""Blocks of float samples at any rate, with any number of channels, to mono int16 at the detector's rate."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import soxr
from numpy.typing import NDArray

from stapes.firmware_sim.errors import AudioError

HIGHEST_RATE_HZ, MOST_CHANNELS = 10_000_000, 1024  # what is above is a damaged header; libsndfile has the same 1024
MOST_UPSAMPLING = 100  # a lower rate leaves nothing to hear, and its samples would take hours
Channel = int | Literal["mean"]  # of a recording, counted from 1, or the mean of all
AUDIBLE = 1e-6  # mean power, relative to full scale, of -60 dB
CANCELLED = 1e-3  # the mean of channels has less than this share of their power: they are in opposite phase


@dataclass(frozen=True)
class InputSettings:
    """How the samples of an input are used."""

    channel: int | None = None  # counted from 1; None: the mean of all
    gain_db: float = 0.0


def require_possible(where: str, rate_hz: int, channels: int) -> None:
    """Raise AudioError, which begins with `where`, for a sample rate or a number of channels that no audio has."""
    if not 1 <= rate_hz <= HIGHEST_RATE_HZ or not 1 <= channels <= MOST_CHANNELS:
        raise AudioError(
            f"{where}: its header says {rate_hz} Hz and {channels} channels, which cannot be right "
            f"(1 to {HIGHEST_RATE_HZ} Hz, 1 to {MOST_CHANNELS} channels); write it again or leave it out"
        )


def require_channel(where: str, channel: int | None, channels: int) -> None:
    """Raise AudioError, which begins with `where`, unless there is a channel of this number, counted from 1."""
    if channel is not None and not 1 <= channel <= channels:
        raise AudioError(f"{where} has channels 1 to {channels}, not {channel}; correct --channel")


def in_opposite_phase(where: str) -> str:
    """Return the warning about channels that cancel each other; it begins with `where`."""
    return (
        f"{where}: its channels are in opposite phase and cancel each other, so that their mean is silence; choose one "
        "with --channel 1"
    )


class Converter:
    """Converts blocks of float samples, at any rate with any number of channels, to mono int16 at the detector's rate.

    `clipped` counts the samples that were saturated so far. Raises AudioError for a rate that is far too low.
    """

    def __init__(self, source_rate_hz: int, sample_rate_hz: int, input_settings: InputSettings | None = None) -> None:
        if source_rate_hz * MOST_UPSAMPLING < sample_rate_hz:
            raise AudioError(
                f"a sample rate of {source_rate_hz} Hz is less than a hundredth of the {sample_rate_hz} Hz that the "
                "detector needs; record at a higher rate, or correct the rate in the header"
            )
        input_settings = input_settings or InputSettings()
        self._channel, self._gain = input_settings.channel, np.float32(10 ** (input_settings.gain_db / 20))
        self.source_rate_hz = source_rate_hz
        self.clipped = 0
        self._power_of_channels = self._power_of_mean = 0.0  # sums over frames, where channels are averaged
        self._frames = 0
        self._resampler = (
            soxr.ResampleStream(source_rate_hz, sample_rate_hz, 1, dtype="float32")
            if source_rate_hz != sample_rate_hz
            else None
        )

    @property
    def cancels(self) -> bool:
        """Whether sound of the channels vanishes in their mean, because they are in opposite phase."""
        audible = self._power_of_channels > AUDIBLE * self._frames
        return audible and self._power_of_mean < CANCELLED * self._power_of_channels

    def forget_phase(self) -> None:
        """Judge only what comes from here on by `cancels`."""
        self._power_of_channels = self._power_of_mean = 0.0
        self._frames = 0

    def push(self, block: NDArray[np.float32]) -> NDArray[np.int16]:
        """Convert float32[frames, channels], full scale 1.0, to int16[samples], which lag by the resampler's delay."""
        if self._channel is not None:
            mono = block[:, self._channel - 1].copy()
        else:
            mono = _mean_of_channels(block)
            if block.shape[1] > 1:
                self._frames += len(block)
                self._power_of_channels += float(np.vdot(block, block)) / block.shape[1]
                self._power_of_mean += float(np.vdot(mono, mono))
        if self._gain != 1:
            mono *= self._gain
        return self._to_int16(mono if self._resampler is None else self._resampler.resample_chunk(mono))

    def flush(self) -> NDArray[np.int16]:
        """Return the samples that the resampler still holds. Nothing can be pushed afterwards."""
        if self._resampler is None:
            return np.zeros(0, np.int16)
        return self._to_int16(self._resampler.resample_chunk(np.zeros(0, np.float32), last=True))

    def _to_int16(self, samples: NDArray[np.float32]) -> NDArray[np.int16]:
        scaled = np.rint(samples * np.float32(32768))
        saturated = np.clip(scaled, -32768, 32767)
        self.clipped += int(np.count_nonzero(scaled != saturated))
        return saturated.astype(np.int16)


def _mean_of_channels(block: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return float32[frames] for float32[frames, channels]; a fixed order of addition makes block sizes irrelevant."""
    total = block[:, 0].copy()
    for channel in range(1, block.shape[1]):
        total += block[:, channel]
    return total if block.shape[1] == 1 else total / np.float32(block.shape[1])
