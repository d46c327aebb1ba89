"""A microphone, read through PyAudio (PortAudio). Its callback only queues samples, since it must not wait."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from stapes.firmware_sim.errors import AudioError
from stapes.runtime.console import silent_stderr
from stapes.runtime.live.source import Block, BlockQueue, Gap

logger = logging.getLogger(__name__)

QUEUE_S = 10.0
BLOCK_S = 0.02
# Sound servers resample well. ALSA itself (default, plughw) does not, so there the device's own rate is tried first.
_SOUND_SERVERS = ("pulse", "pipewire")
# Some microphones know one rate only, and PortAudio does not say which; these are tried last.
_COMMON_RATES_HZ = (48_000, 44_100, 96_000, 32_000, 16_000, 8_000)


@dataclass(frozen=True)
class InputDevice:
    """An audio input, as PortAudio lists it."""

    index: int
    name: str
    channels: int
    default_rate_hz: int  # the rate that PortAudio suggests
    is_default: bool


def list_devices() -> list[InputDevice]:
    """Return the audio inputs of this machine."""
    with _portaudio() as portaudio:
        return _devices(portaudio)


class Microphone:
    """An open audio input; a context manager.

    device: part of its name, or its number; None for the system's default.
    sample_rate_hz: the detector's rate; the device is opened at this rate if it resamples well, else at its own rate.
    channel: counted from 1; all channels are opened then. None: two channels are opened if possible, as a sound system
        that mixes them itself does not tell when they cancel each other; else a single one, else all.
    Raises AudioError when there is no such device or no microphone at all, and when it cannot be opened.
    """

    is_live = True

    def __init__(self, device: str | None, sample_rate_hz: int, channel: int | None = None) -> None:
        self._context = _portaudio()
        self._portaudio = self._context.__enter__()
        try:
            chosen = _choose(_devices(self._portaudio), device)
            if channel is not None and not 1 <= channel <= chosen.channels:
                raise AudioError(
                    f"microphone {chosen.name!r} has channels 1 to {chosen.channels}, not {channel}; correct --channel"
                )
            self._open(chosen, sample_rate_hz, _channel_counts(chosen, channel))
        except BaseException:
            self._context.__exit__(None, None, None)
            raise

    def read(self, timeout_s: float) -> Block | Gap:
        """Return the next block or gap, or an empty block when none came for `timeout_s` seconds."""
        return self.queue.get(timeout_s)

    @property
    def lag_s(self) -> float:
        """Seconds by which reading is behind the sound: audio and gaps that wait to be read, and audio that is late."""
        waiting = self.queue.queued_frames + self.queue.untold_frames
        return waiting / self.rate_hz + max(0.0, self.queue.shortfall_s)

    @property
    def dropped_s(self) -> float:
        """Seconds of audio that were dropped because reading was too slow, or that never arrived."""
        return (self.queue.dropped_frames + self.queue.missing_frames) / self.rate_hz

    @property
    def active(self) -> bool:
        """Whether PortAudio regards the stream as running."""
        return bool(self._stream.is_active())

    def close(self) -> None:
        """Stop and release the device."""
        if self.overflows:
            logger.warning(f"the sound system reported {self.overflows} overflows of {self.name!r}")
        try:
            self._stream.close()
        finally:
            self._context.__exit__(None, None, None)

    def __enter__(self) -> "Microphone":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self, device: InputDevice, sample_rate_hz: int, channel_counts: tuple[int, ...]) -> None:
        import pyaudio

        self.name = device.name
        self.overflows = 0  # reported by PortAudio; never with PulseAudio
        refusals = []
        for rate_hz in _rates(device, sample_rate_hz):
            for channels in channel_counts:
                self.rate_hz, self.channels = rate_hz, channels
                self.queue = BlockQueue(rate_hz, QUEUE_S)
                try:
                    self._stream = self._portaudio.open(
                        rate=rate_hz,
                        channels=channels,
                        format=pyaudio.paInt16,
                        input=True,
                        input_device_index=device.index,
                        frames_per_buffer=int(rate_hz * BLOCK_S),
                        stream_callback=self._take,
                    )
                    return
                except (OSError, ValueError) as error:
                    refusals.append(f"{rate_hz} Hz x {channels}: {error.args[-1] if error.args else error}")
        raise AudioError(
            f"microphone {device.name!r} cannot be opened ({'; '.join(dict.fromkeys(refusals[:2]))}); "
            "end the program that uses it, or choose another with --device"
        )

    def _take(self, data: bytes, _frames: int, _time: Mapping[str, float], status: int) -> tuple[None, int]:
        import pyaudio

        if status & pyaudio.paInputOverflow:
            self.overflows += 1
        samples = np.frombuffer(data, np.int16).reshape(-1, self.channels)
        self.queue.put(samples.astype(np.float32) * np.float32(1 / 32768))
        return None, pyaudio.paContinue


def _channel_counts(device: InputDevice, channel: int | None) -> tuple[int, ...]:
    """Return the numbers of channels with which a device is opened, the best first."""
    counts = (2, 1, device.channels) if channel is None else (device.channels,)
    return tuple(dict.fromkeys(count for count in counts if count <= device.channels))


def _rates(device: InputDevice, sample_rate_hz: int) -> list[int]:
    native = any(word in device.name for word in (*_SOUND_SERVERS, "(hw:"))
    order = [sample_rate_hz, device.default_rate_hz] if native else [device.default_rate_hz, sample_rate_hz]
    return list(dict.fromkeys([*order, *_COMMON_RATES_HZ]))


def _choose(devices: list[InputDevice], wanted: str | None) -> InputDevice:
    if not devices:
        raise AudioError("no microphone found; plug one in, or give a file to `stapes detect`")
    if wanted is None:
        return next((device for device in devices if device.is_default), devices[0])
    for device in devices:
        if wanted == device.name:
            return device
    if wanted.isdecimal():  # a number is no part of a name, however many names have it in them
        numbered = {device.index: device for device in devices}
        if int(wanted) not in numbered:
            there = ", ".join(f"{device.index} ({device.name})" for device in devices)
            raise AudioError(f"number {wanted} is not a microphone of this machine; choose one of {there}")
        return numbered[int(wanted)]
    matches = [device for device in devices if wanted.lower() in device.name.lower()]
    if len(matches) != 1:
        names = ", ".join(repr(device.name) for device in matches or devices)
        fault = "is part of the names of several microphones" if matches else "is not a microphone of this machine"
        raise AudioError(f"{wanted!r} {fault}; choose one of {names}")
    return matches[0]


def _devices(portaudio: Any) -> list[InputDevice]:
    try:
        default = portaudio.get_default_input_device_info()["index"]
    except OSError:
        default = None
    infos = [portaudio.get_device_info_by_index(index) for index in range(portaudio.get_device_count())]
    return [
        InputDevice(
            index=info["index"],
            name=info["name"],
            channels=info["maxInputChannels"],
            default_rate_hz=int(info["defaultSampleRate"]),
            is_default=info["index"] == default,
        )
        for info in infos
        if info["maxInputChannels"] > 0
    ]


@contextmanager
def _portaudio() -> Iterator[Any]:
    import pyaudio

    # ALSA and JACK print dozens of lines about missing devices while PortAudio looks for devices.
    with silent_stderr():
        portaudio = pyaudio.PyAudio()
    try:
        yield portaudio
    finally:
        portaudio.terminate()
