"""WAV headers that are wrong: a file and a pipe give the same samples, to the real end, with a note."""

import logging
import os
import struct
import threading
import tracemalloc
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from stapes.firmware_sim.errors import AudioError
from stapes.runtime.audio import AudioFile, Converter, read_audio
from stapes.runtime.audio.wav import WavFile
from stapes.runtime.live.pipe import Pipe, RawPcm
from stapes.runtime.live.source import Gap

RATE = 16_000
PCM = (np.sin(np.arange(RATE) * 0.39) * 3000).astype(np.int16)


def wav(
    data: bytes = PCM.tobytes(), stated: int | None = None, before: bytes = b"", behind: bytes = b"", riff: int = 0
) -> bytes:
    """Return a WAV whose header claims `stated` bytes of samples, with chunks before and bytes behind the samples."""
    size = len(data) if stated is None else stated
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, RATE, 2 * RATE, 2, 16)
    return (
        b"RIFF" + struct.pack("<I", riff) + b"WAVE" + form + before + struct.pack("<4sI", b"data", size) + data + behind
    )


def from_file(path: Path, content: bytes) -> NDArray[np.int16]:
    path.write_bytes(content)
    return read_audio(path, RATE).pcm


def from_pipe(content: bytes) -> NDArray[np.int16]:
    reading, writing = os.pipe()

    def write() -> None:
        with suppress(BrokenPipeError), os.fdopen(writing, "wb") as file:
            file.write(content)

    threading.Thread(target=write, daemon=True).start()
    pipe = Pipe(reading, RawPcm(RATE))
    converter, parts = Converter(pipe.rate_hz, RATE), []
    while (block := pipe.read(1.0)) is not None:
        assert not isinstance(block, Gap)
        parts.append(converter.push(block))
    os.close(reading)
    return np.concatenate([*parts, converter.flush()])


LIST = b"LIST" + struct.pack("<I", 4) + b"INFO"
ODD = b"junk" + struct.pack("<I", 3) + b"abc"
WRONG = {
    "no length: sox": wav(stated=0x7FFF_F000),
    "no length: arecord": wav(stated=0x8000_0000),
    "no length: ffmpeg": wav(stated=0xFFFF_FFFF),
    "a recorder that died": wav(stated=0),
    "a length that was never brought up to date": wav(stated=2000),
    "a length that ends in the middle of a sample": wav(stated=2001),
    "zeros behind the sound": wav(behind=bytes(100_000)),
    "two chunks of samples": wav(
        PCM[:8000].tobytes(), behind=struct.pack("<4sI", b"data", 16_000) + PCM[8000:].tobytes()
    ),
    "a chunk behind": wav(behind=LIST),
    "a chunk of odd length before": wav(before=ODD + b"\0"),
    "the same without its padding": wav(before=ODD),
    "a RIFF length of nothing": wav(riff=0),
    "a RIFF length of too much": wav(riff=0x1234_5678),
    "a tag of a music player": wav(behind=b"TAG" + bytes(125)),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wav_is_heard_to_its_real_end_from_a_file_and_from_a_pipe(tmp_path: Path, case: str) -> None:
    assert np.array_equal(from_file(tmp_path / "a.wav", WRONG[case]), PCM)
    assert np.array_equal(from_pipe(WRONG[case]), PCM)


@pytest.mark.parametrize("case", ["a recorder that died", "no length: ffmpeg", "zeros behind the sound"])
def test_one_note_says_that_the_header_is_wrong(tmp_path: Path, caplog: pytest.LogCaptureFixture, case: str) -> None:
    from_file(tmp_path / "a.wav", WRONG[case])
    (note,) = [each for each in caplog.records if each.levelno == logging.WARNING]
    assert note.getMessage().startswith(f"{tmp_path / 'a.wav'}: ")


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW"])
@pytest.mark.parametrize("endian", ["LITTLE", "BIG"])
def test_samples_vs_libsndfile_from_a_file_and_from_a_pipe(tmp_path: Path, subtype: str, endian: str) -> None:
    path = tmp_path / "a.wav"
    pcm = np.random.default_rng(3).uniform(-0.9, 0.9, (4001, 3))
    soundfile.write(path, pcm, 44_100, subtype=subtype, endian=endian)
    expected, _ = soundfile.read(path, dtype="float32")
    assert np.array_equal(np.concatenate(list(AudioFile(path, RATE).samples())), expected)
    assert np.array_equal(from_pipe(path.read_bytes()), read_audio(path, RATE).pcm)


def test_a_codec_that_cannot_be_sought_is_heard_and_excerpts_of_it_too(tmp_path: Path) -> None:
    path = tmp_path / "voicemail.wav"
    soundfile.write(path, PCM, RATE, subtype="GSM610")
    expected, _ = soundfile.read(path, dtype="int16")
    file = AudioFile(path, RATE)
    assert np.array_equal(read_audio(path, RATE).pcm, expected)
    assert np.array_equal(file.excerpt(0.25, 0.5), expected[4000:8000])


def test_sound_beyond_4_gib_is_not_lost(tmp_path: Path) -> None:
    """The header of such a file states its length without the upper bits. The file has holes, so it takes no room."""
    path = tmp_path / "long.wav"
    stated = 1 << 20
    path.write_bytes(wav(stated=stated))
    os.truncate(path, 44 + stated + (1 << 32))
    with path.open("rb") as file:
        samples = WavFile("long.wav", file)
    assert samples.frames == (stated + (1 << 32)) // 2
    assert "longer than the 4 GiB" in samples.note


def test_gigabytes_of_zeros_behind_the_sound_are_passed_over_at_once(tmp_path: Path) -> None:
    path = tmp_path / "reserved.wav"
    path.write_bytes(wav())
    os.truncate(path, 8 << 30)
    assert np.array_equal(read_audio(path, RATE).pcm, PCM)


def test_a_chunk_that_claims_4_gib_takes_no_memory(tmp_path: Path) -> None:
    content = wav()[:36] + b"junk" + struct.pack("<I", 0xFFFF_FFF0) + bytes(1 << 20)
    tracemalloc.start()
    with pytest.raises(AudioError, match="ends before its samples begin"):
        from_pipe(content)
    assert tracemalloc.get_traced_memory()[1] < 8 << 20
    tracemalloc.stop()
    with pytest.raises(AudioError, match="ends before its samples begin"):
        from_file(tmp_path / "a.wav", content)


@pytest.mark.parametrize(
    ("at", "field"), [(24, struct.pack("<I", 0)), (24, b"\xff" * 4), (22, struct.pack("<H", 0)), (22, b"\xff" * 2)]
)
def test_absurd_rates_and_channels_are_errors_of_one_line(tmp_path: Path, at: int, field: bytes) -> None:
    content = bytearray(wav())
    content[at : at + len(field)] = field
    with pytest.raises(AudioError, match="which cannot be right") as of_file:
        from_file(tmp_path / "a.wav", bytes(content))
    with pytest.raises(AudioError, match="which cannot be right") as of_pipe:
        from_pipe(bytes(content))
    assert "\n" not in f"{of_file.value}{of_pipe.value}"


def test_a_rate_that_is_far_too_low_is_an_error() -> None:
    with pytest.raises(AudioError, match="less than a hundredth"):
        Converter(1, RATE)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    stated=st.integers(0, 4000) | st.integers(0, 0xFFFF_FFFF),
    frames=st.integers(0, 1000),
    behind=st.binary(max_size=40),
)
def test_whatever_length_is_stated_no_sample_is_lost_in_silence(
    tmp_path: Path, stated: int, frames: int, behind: bytes
) -> None:
    """Property: all samples in front of the stated end are heard, or the error says that some are missing."""
    data = PCM[1 : 1 + frames].tobytes()
    content, there = wav(data, stated, behind=behind), len(data) + len(behind)
    if there + 44 < stated < 0x7FFF_0000 or 0x8001_0000 < stated < 0xFFFF_0000:
        with pytest.raises(AudioError, match="cut off"):
            from_file(tmp_path / "a.wav", content)
        return
    heard = from_file(tmp_path / "a.wav", content)
    sure = min(stated // 2, frames)
    assert np.array_equal(heard[:sure], PCM[1 : 1 + sure])
