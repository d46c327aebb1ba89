"""Audio input: any file becomes int16 at the detector's rate, the same bits for any block size."""

import logging
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from numpy.typing import NDArray

from stapes.firmware_sim.errors import AudioError
from stapes.runtime.audio import AudioFile, Converter, read_audio


def _noise(seconds: float, rate: int, channels: int = 1) -> NDArray[np.float32]:
    return (np.random.default_rng(1).standard_normal((int(seconds * rate), channels)) * 0.2).astype(np.float32)


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 44_100, 48_000, 96_000])
@pytest.mark.parametrize("chunk", [1, 17, 160, 4_096])
def test_streaming_equals_soxr_in_one_call(rate: int, chunk: int) -> None:
    block = _noise(0.3, rate, channels=3)
    mono = (block[:, 0] + block[:, 1] + block[:, 2]) / np.float32(3)
    one_shot = np.clip(np.rint(soxr.resample(mono, rate, 16_000) * 32768), -32768, 32767).astype(np.int16)
    converter = Converter(rate, 16_000)
    parts = [converter.push(block[at : at + chunk]) for at in range(0, len(block), chunk)]
    assert np.array_equal(np.concatenate([*parts, converter.flush()]), one_shot)


def test_int16_at_the_detectors_own_rate_passes_unchanged(tmp_path: Path) -> None:
    pcm = np.arange(-32768, 32768, dtype=np.int16)
    soundfile.write(tmp_path / "all_values.wav", pcm, 16_000)
    read = read_audio(tmp_path / "all_values.wav", 16_000)
    assert np.array_equal(read.pcm, pcm)
    assert read.clipped == 0


def test_saturated_samples_are_counted(tmp_path: Path) -> None:
    samples = np.array([0.5, 1.0, 1.5, -1.0, -1.5], np.float32)
    soundfile.write(tmp_path / "loud.wav", samples, 16_000, subtype="FLOAT")
    read = read_audio(tmp_path / "loud.wav", 16_000)
    assert read.pcm.tolist() == [16384, 32767, 32767, -32768, -32768]
    assert read.clipped == 3


@pytest.mark.parametrize("frames", [1, 777, 1 << 16])
def test_a_file_read_in_blocks_equals_the_file_read_at_once(tmp_path: Path, frames: int) -> None:
    soundfile.write(tmp_path / "hall.flac", _noise(0.2, 44_100, channels=2), 44_100)
    blocks = AudioFile(tmp_path / "hall.flac", 16_000).blocks(frames)
    assert np.array_equal(np.concatenate(list(blocks)), read_audio(tmp_path / "hall.flac", 16_000).pcm)


def test_a_conversion_is_logged_once_for_all_files_that_need_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO, logger="stapes")
    monkeypatch.setattr("stapes.runtime.audio.file._said", set())
    for name in ("first.wav", "second.wav"):
        soundfile.write(tmp_path / name, _noise(0.1, 48_000, channels=2), 48_000)
        read_audio(tmp_path / name, 16_000)
    assert caplog.messages == ["2 channels averaged, 48000 Hz resampled to 16000 Hz (first in first.wav)"]


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
@pytest.mark.parametrize(
    ("kept", "complaint"), [(0.0, "cannot be read as audio"), (0.5, "is cut off|cannot be read beyond")]
)
def test_a_truncated_file_is_an_error_of_one_line_that_names_it(
    tmp_path: Path, suffix: str, kept: float, complaint: str
) -> None:
    path = tmp_path / f"hall.{suffix}"
    soundfile.write(path, _noise(2, 16_000), 16_000)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * kept)])
    with pytest.raises(AudioError, match=complaint) as caught:
        read_audio(path, 16_000)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", ["RF64", "W64", "AIFF", "AU"])
def test_other_kinds_are_read_whole_and_refused_when_cut_off(tmp_path: Path, kind: str) -> None:
    path, cut = tmp_path / "whole.wav", tmp_path / "cut.wav"
    soundfile.write(path, _noise(2, 16_000), 16_000, format=kind, subtype="PCM_16")
    assert len(read_audio(path, 16_000).pcm) == 32_000
    cut.write_bytes(path.read_bytes()[:40_000])
    with pytest.raises(AudioError, match=r"is cut off: 199\d\d of 3\d{4} samples are there"):
        read_audio(cut, 16_000)


def test_a_flac_that_does_not_state_its_length_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "pipe.flac"
    soundfile.write(path, _noise(2, 16_000), 16_000)
    head = bytearray(path.read_bytes())
    head[21] &= 0xF0  # the last 36 bits of STREAMINFO before its checksum count the samples
    head[22:26] = bytes(4)
    path.write_bytes(head)
    with pytest.raises(AudioError, match="does not say how long it is"):
        read_audio(path, 16_000)


def test_a_file_that_is_not_audio_is_refused(tmp_path: Path) -> None:
    (tmp_path / "letter.wav").write_text("dear all, " * 1000)
    with pytest.raises(AudioError, match=r"letter\.wav: cannot be read as audio"):
        read_audio(tmp_path / "letter.wav", 16_000)
    with pytest.raises(AudioError, match="no such recording; correct the name"):
        read_audio(tmp_path / "nowhere.wav", 16_000)
    with pytest.raises(AudioError, match="is a folder"):
        read_audio(tmp_path, 16_000)


def test_values_that_are_not_numbers_are_refused(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "nan.wav", np.array([0.1, np.nan], np.float32), 16_000, subtype="FLOAT")
    with pytest.raises(AudioError, match=r"not numbers after 0\.00 s; write it again or leave it out"):
        read_audio(tmp_path / "nan.wav", 16_000)


def test_a_wav_written_into_a_pipe_has_no_true_length_and_is_read(tmp_path: Path) -> None:
    pcm = (np.random.default_rng(2).standard_normal(16_000) * 3000).astype(np.int16)
    soundfile.write(tmp_path / "pipe.wav", pcm, 16_000)
    data = bytearray((tmp_path / "pipe.wav").read_bytes())
    data[4:8] = data[40:44] = b"\xff" * 4
    (tmp_path / "pipe.wav").write_bytes(data)
    assert np.array_equal(read_audio(tmp_path / "pipe.wav", 16_000).pcm, pcm)


def test_a_file_without_samples_is_an_empty_recording(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "empty.wav", np.zeros(0, np.int16), 48_000)
    assert read_audio(tmp_path / "empty.wav", 16_000).pcm.shape == (0,)


def test_an_au_file_without_its_header_is_refused_and_not_heard_as_noise(tmp_path: Path) -> None:
    """libsndfile takes every file with this suffix that has no header for µ-law at 8000 Hz."""
    path = tmp_path / "a.au"
    path.write_bytes(b"\x9e\xcd\xa4A" + bytes(range(256)) * 20)
    with pytest.raises(AudioError, match=r"a.au: cannot be read as audio \(it has no header\); copy it again"):
        read_audio(path, 16_000)


def test_an_au_file_whose_samples_begin_inside_of_its_header_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.au"
    path.write_bytes(b".snd" + struct.pack(">5I", 7, 6000, 3, 16_000, 1) + bytes(6000))
    with pytest.raises(AudioError, match="the samples begin at byte 7, inside of the header of 24 bytes"):
        read_audio(path, 16_000)
