"""What people have beside good recordings: each is heard, or named in one line with what to do."""

import logging
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from stapes.firmware_sim.errors import AudioError
from stapes.runtime.audio import AudioFile, read_audio
from stapes.runtime.audio.kinds import is_text, kind_of

RATE = 16_000
PCM = (np.sin(np.arange(RATE) * 0.39) * 3000).astype(np.int16)
HOSTILE = Path(__file__).resolve().parents[4] / "shared" / "cases" / "hostile"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "the file is empty"),
        (b"<!DOCTYPE html>\n<html><head>", "it is a text that begins with '<!DOCTYPE html> <html><head>'"),
        (b"\0\0\0\x20ftypM4A " + bytes(99), "it is MP4 or M4A.*ffmpeg -i 'a b.wav' 'a b.flac'"),
        (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11" + bytes(99), "it is WMA"),
        (bytes(range(1, 256)) * 9, "format not recognised.*convert it"),
    ],
)
def test_what_is_no_audio_is_named_with_what_to_do(tmp_path: Path, content: bytes, complaint: str) -> None:
    (tmp_path / "a b.wav").write_bytes(content)
    with pytest.raises(AudioError, match=complaint) as caught:
        read_audio(tmp_path / "a b.wav", RATE)
    assert "\n" not in str(caught.value)


def test_a_pipe_or_device_is_no_recording(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.wav")
    for path in (tmp_path / "fifo.wav", Path("/dev/zero")):
        with pytest.raises(AudioError, match="this is a pipe, socket or device"):
            AudioFile(path, RATE)


def test_a_name_that_is_not_utf8_is_named_escaped(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.wav"))
    with pytest.raises(AudioError, match=r"caf\\udce9.wav': the name is not UTF-8; rename the file") as caught:
        AudioFile(path, RATE)
    assert str(caught.value).isascii()


@pytest.mark.skipif(not HOSTILE.is_dir(), reason="needs ../shared/cases/hostile beside the project")
@pytest.mark.parametrize("name", ["zero.au", "rf64a.wav"])
def test_a_damaged_header_is_an_error_of_one_line(name: str) -> None:
    with pytest.raises(AudioError, match=r"which cannot be right|cut off"):
        read_audio(HOSTILE / name, RATE)


def test_an_mp3_whose_length_is_wrong_makes_no_line_without_a_file_name(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    soundfile.write(tmp_path / "a.mp3", np.tile(PCM, 4), RATE)
    content = (tmp_path / "a.mp3").read_bytes()
    (tmp_path / "a.mp3").write_bytes(content + bytes(3000))
    assert len(read_audio(tmp_path / "a.mp3", RATE).pcm) > 0
    assert capfd.readouterr().err == ""


def test_channels_in_opposite_phase_are_told_and_one_can_be_chosen(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "balanced.wav"
    soundfile.write(path, np.stack([PCM, -PCM], axis=1), RATE)
    assert not read_audio(path, RATE).pcm.any()
    assert f"{path}: its channels are in opposite phase and cancel each other" in caplog.text
    assert np.array_equal(read_audio(path, RATE, channel=1).pcm, PCM)
    assert np.array_equal(read_audio(path, RATE, channel=2).pcm, -PCM)
    with pytest.raises(AudioError, match=r"balanced\.wav has channels 1 to 2, not 3; correct --channel"):
        AudioFile(path, RATE, channel=3)


def test_a_lower_rate_is_told_with_the_band_that_is_missing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO, logger="stapes")
    monkeypatch.setattr("stapes.runtime.audio.file._said", set())
    soundfile.write(tmp_path / "phone.wav", PCM, 8000)
    read_audio(tmp_path / "phone.wav", RATE)
    assert "8000 Hz resampled to 16000 Hz" in caplog.messages[0]
    assert "hold nothing above 4000 Hz" in caplog.messages[1]


def test_raw_pcm_is_neither_text_nor_mp3() -> None:
    """Samples of small magnitude begin with bytes as MP3 does; only a chain of frames is MP3."""
    rng = np.random.default_rng(5)
    for scale in (0, 1, 30, 3000):
        pcm = (rng.standard_normal(2048) * scale).astype("<i2").tobytes()
        assert kind_of(pcm) == ""
    assert kind_of(b"\xff\xfb\x90\x00" + bytes(4092)) == ""
    assert is_text("événement 12:30\n".encode())
