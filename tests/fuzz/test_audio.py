"""Damaged recordings, through the one reader of recordings and through the reader of stdin."""

import os
import random
import struct
import threading
from contextlib import suppress
from functools import cache
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import soundfile
from damage import Field, damaged_bytes, damaged_fields, packed
from fuzzing import Files, Fuzzer, fuzz, inputs
from numpy.typing import NDArray

from stapes.firmware_sim.errors import StapesError
from stapes.runtime.audio import AudioFile, Converter, read_audio
from stapes.runtime.live.pipe import Pipe, RawPcm
from stapes.runtime.live.source import Gap

RATE = 16_000
PCM = (np.sin(np.arange(3000) * 0.39) * 3000).astype("<i2")
SOUND = PCM.tobytes()


def _riff(size: int = len(SOUND)) -> list[Field]:
    return [
        *[("4s", b"RIFF"), ("<I", size + 36), ("4s", b"WAVE")],
        *[("4s", b"fmt "), ("<I", 16), ("<H", 1), ("<H", 1), ("<I", RATE), ("<I", 2 * RATE), ("<H", 2), ("<H", 16)],
        *[("4s", b"data"), ("<I", size)],
    ]


def _extensible() -> list[Field]:
    header = _riff()
    guid = struct.pack("<H", 1) + bytes.fromhex("000000001000800000aa00389b71")
    form: list[Field] = [("<H", 22), ("<H", 16), ("<I", 4), ("16s", guid)]
    return [*header[:4], ("<I", 40), ("<H", 0xFFFE), *header[6:11], *form, *header[11:]]


def _rf64() -> list[Field]:
    header = _riff()
    ds64: list[Field] = [("4s", b"ds64"), ("<I", 28), ("<Q", len(SOUND) + 72), ("<Q", len(SOUND)), ("<Q", len(PCM))]
    return [("4s", b"RF64"), ("<I", 0xFFFF_FFFF), header[2], *ds64, ("<I", 0), *header[3:-1], ("<I", 0xFFFF_FFFF)]


def _two_chunks() -> list[Field]:
    half = len(SOUND) // 2
    more: list[Field] = [("4s", b"LIST"), ("<I", 5), ("6s", b"INFOx\0"), ("4s", b"data"), ("<I", half)]
    return [*_riff(half), (f"{half}s", SOUND[:half]), *more, (f"{half}s", SOUND[half:])]


def _aiff() -> list[Field]:
    return [
        *[("4s", b"FORM"), (">I", len(SOUND) + 46), ("4s", b"AIFF")],
        *[("4s", b"COMM"), (">I", 18), (">H", 1), (">I", len(PCM)), (">H", 16)],
        *[(">H", 0x400C), (">Q", 0xFA00_0000_0000_0000)],  # 16,000 as an 80-bit float: the exponent, the mantissa
        *[("4s", b"SSND"), (">I", len(SOUND) + 8), (">I", 0), (">I", 0)],
    ]


def _au() -> list[Field]:
    return [("4s", b".snd"), (">I", 24), (">I", len(SOUND)), (">I", 3), (">I", RATE), (">I", 1)]


def _flac() -> list[Field]:
    whole = _encoded("FLAC", "PCM_16")
    return [("4s", whole[:4]), (">I", 34), (">H", 4096), (">H", 4096), *((">B", byte) for byte in whole[12:42])]


HEADERS = {  # suffix and the fields, behind which the samples follow
    "riff": (".wav", _riff),
    "extensible": (".wav", _extensible),
    "rf64": (".wav", _rf64),
    "two chunks": (".wav", _two_chunks),
    "aiff": (".aiff", _aiff),
    "au": (".au", _au),
    "flac": (".flac", _flac),
}
ENCODED = {
    (format, subtype): suffix
    for format, subtype, suffix in [
        *[("WAV", each, ".wav") for each in ("PCM_U8", "PCM_24", "FLOAT", "DOUBLE", "ULAW", "GSM610", "IMA_ADPCM")],
        *[("AIFF", "FLOAT", ".aiff"), ("AU", "PCM_24", ".au"), ("W64", "PCM_16", ".w64"), ("CAF", "PCM_16", ".caf")],
        *[("RF64", "PCM_16", ".wav"), ("FLAC", "PCM_16", ".flac"), ("OGG", "VORBIS", ".ogg")],
        *[("OGG", "OPUS", ".ogg"), ("MP3", "MPEG_LAYER_III", ".mp3")],
    ]
}
LOSSY = (".mp3", ".ogg")  # their decoders go on behind damage as they can, which depends on the blocks


@cache
def _encoded(format: str, subtype: str) -> bytes:
    file = BytesIO()
    soundfile.write(file, PCM, RATE, format=format, subtype=subtype)
    return file.getvalue()


def _make(chance: random.Random) -> Files:
    if chance.random() < 0.6:
        suffix, header = HEADERS[chance.choice(sorted(HEADERS))]
        fields = header()
        behind = _encoded("FLAC", "PCM_16")[42:] if suffix == ".flac" else SOUND
        data = packed(damaged_fields(chance, fields)) + (b"" if header is _two_chunks else behind)
        if chance.random() < 0.2:
            data = damaged_bytes(chance, data, 100)
    else:
        which = chance.choice(sorted(ENCODED))
        suffix, data = ENCODED[which], damaged_bytes(chance, _encoded(*which), 200)
    return {f"recording{suffix}": data}


def _hear_file(folder: Path) -> None:
    """Read a recording in all ways; what is there twice must be equal."""
    (path,) = folder.iterdir()
    file = AudioFile(path, RATE)
    samples = np.concatenate([np.zeros((0, file.channels), np.float32), *file.samples()])
    assert np.isfinite(samples).all()
    assert len(samples) == round(file.duration_s * file.source_rate_hz), "not the length that was announced"
    assert len(samples) * file.channels <= 600 * path.stat().st_size, "more samples than the bytes can hold"
    whole = read_audio(path, RATE).pcm
    assert whole.dtype == np.int16
    assert abs(len(whole) - len(samples) * RATE / file.source_rate_hz) <= 1
    middle = file.duration_s / 2
    assert abs(len(file.excerpt(middle, file.duration_s)) - (file.duration_s - middle) * RATE) <= 2
    if len(samples) < 10_000 and path.suffix not in LOSSY:
        _require_equal(np.concatenate(list(AudioFile(path, RATE).blocks(777))), whole, "read in blocks of 777 frames")


def _require_equal(heard: NDArray[np.int16], whole: NDArray[np.int16], how: str) -> None:
    if not np.array_equal(heard, whole):
        at = np.flatnonzero(heard != whole)[:1] if len(heard) == len(whole) else "its length"
        raise AssertionError(f"the recording {how} differs from the whole recording at {at}")


def _hear_stdin(folder: Path) -> None:
    """Read a recording as stdin; where a file with the same bytes is read, too, its samples are the same.

    Not behind a chunk that follows the samples: only of a file is it known at once whether the chunk is a real one.
    """
    (path,) = folder.iterdir()
    data, parts = path.read_bytes(), []
    reading, writing = os.pipe()

    def write() -> None:
        with suppress(BrokenPipeError), os.fdopen(writing, "wb") as file:
            file.write(data)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        pipe = Pipe(reading, RawPcm(RATE))
        converter = Converter(pipe.rate_hz, RATE)
        while (block := pipe.read(1.0)) is not None:
            assert not isinstance(block, Gap)
            parts.append(converter.push(block))
    finally:
        os.close(reading)
        writer.join()
    heard = np.concatenate([*parts, converter.flush()])
    assert len(heard) <= (len(data) + 1) * RATE / pipe.rate_hz + 1, "more samples than bytes"
    with suppress(StapesError):
        if data[:4] in (b"RIFF", b"RIFX", b"RF64") and b"LIST" not in data:
            whole = read_audio(path, RATE).pcm
            both = min(len(whole), len(heard))
            _require_equal(heard[:both], whole[:both], "as stdin")


@pytest.mark.slow
def test_damaged_recordings_are_heard_rightly_or_refused_in_one_line() -> None:
    fuzz(Fuzzer("audio", _make, _hear_file), inputs(3000))


@pytest.mark.slow
def test_damaged_recordings_on_stdin_are_heard_rightly_or_refused_in_one_line() -> None:
    fuzz(Fuzzer("stdin", _make, _hear_stdin), inputs(2000))
