"""The microphone, played by a private PulseAudio; a missing device or package is an error of one line."""

import sys
import threading

import numpy as np
import pytest
from virtual_microphone import VirtualMicrophone

from stapes.firmware_sim.errors import AudioError
from stapes.runtime.audio import Converter
from stapes.runtime.live import microphone
from stapes.runtime.live.microphone import InputDevice, Microphone, list_devices
from stapes.runtime.live.source import Gap
from stapes.runtime.main import main


def test_what_is_played_arrives_bit_for_bit(pulse: VirtualMicrophone) -> None:
    pcm = np.random.default_rng(4).integers(1, 30_000, 2 * 16_000, dtype=np.int16)
    heard, hearing = np.zeros(0, np.int16), threading.Event()
    with Microphone("pulse", 16_000) as source:
        assert (source.rate_hz, source.channels) == (16_000, 2), "the server gives a single channel twice"
        converter = Converter(source.rate_hz, 16_000)
        player = pulse.play(pcm, hearing)
        while np.count_nonzero(heard) < len(pcm):
            item = source.read(5.0)
            assert not isinstance(item, Gap)
            assert len(item), "no audio for 5 s"
            heard = np.concatenate([heard, converter.push(item)])
            hearing.set()
        player.join()
    start = int(np.flatnonzero(heard)[0])
    assert np.array_equal(heard[start : start + len(pcm)], pcm)


def test_the_pulse_device_is_listed(pulse: VirtualMicrophone) -> None:
    assert "pulse" in [device.name for device in list_devices()]


DEVICES = [
    InputDevice(index=0, name="HDA Intel: ALC (hw:0,0)", channels=2, default_rate_hz=44_100, is_default=False),
    InputDevice(index=3, name="USB Audio (hw:1,0)", channels=1, default_rate_hz=48_000, is_default=True),
    InputDevice(index=4, name="default", channels=32, default_rate_hz=44_100, is_default=False),
]


@pytest.mark.parametrize(("wanted", "index"), [(None, 3), ("usb", 3), ("0", 0), ("default", 4)])
def test_a_device_is_chosen_by_number_or_part_of_its_name(wanted: str | None, index: int) -> None:
    assert microphone._choose(DEVICES, wanted).index == index


def test_an_unknown_or_ambiguous_device_names_those_there_are() -> None:
    with pytest.raises(AudioError, match=r"'Zoom' is not a microphone of this machine; choose one of 'HDA Intel"):
        microphone._choose(DEVICES, "Zoom")
    with pytest.raises(
        AudioError, match=r"'hw:' is part of the names of several microphones; choose one of 'HDA.*', 'USB"
    ):
        microphone._choose(DEVICES, "hw:")


def test_a_missing_microphone_is_an_error_of_one_line() -> None:
    with pytest.raises(AudioError, match="no microphone found; plug one in"):
        microphone._choose([], None)


def test_missing_pyaudio_is_one_line_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "pyaudio", None)
    assert main(["listen", "--list-devices"]) == 1
    assert capsys.readouterr().err == "error: this needs pyaudio, which is not installed: pip install 'stapes[mic]'\n"


def test_alsa_converts_badly_so_there_the_devices_own_rate_is_tried_first() -> None:
    assert microphone._rates(DEVICES[1], 16_000)[:2] == [16_000, 48_000]
    assert microphone._rates(DEVICES[2], 16_000)[:2] == [44_100, 16_000]


def test_a_microphone_that_knows_one_rate_only_is_opened_at_it(monkeypatch: pytest.MonkeyPatch) -> None:
    class OneRate:
        def open(self, rate: int, **_: object) -> object:
            if rate != 48_000:
                raise OSError(-9997, "Invalid sample rate")
            return object()

    source = Microphone.__new__(Microphone)
    monkeypatch.setattr(source, "_portaudio", OneRate(), raising=False)
    source._open(DEVICES[0], 16_000, (1, 2))
    assert (source.rate_hz, source.channels) == (48_000, 1)


def test_two_channels_are_opened_where_there_are_two_so_that_it_is_seen_when_they_cancel() -> None:
    assert [microphone._channel_counts(device, None) for device in DEVICES] == [(2, 1), (1,), (2, 1, 32)]
    assert [microphone._channel_counts(device, 1) for device in DEVICES] == [(2,), (1,), (32,)]


def test_a_number_is_a_number_and_no_part_of_a_name() -> None:
    with pytest.raises(AudioError, match=r"number 1 is not a microphone of this machine; choose one of 0 \(HDA"):
        microphone._choose(DEVICES, "1")
