"""Marks inside of WAV files are labels of that recording, or the file is named with the way out.

Referees: libsndfile, which writes cue points with their names, and the layout of the chunks in the RIFF specification.
"""

import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stapes.firmware_sim.errors import LabelError, StapesError
from stapes.runtime.labels import Annotation
from stapes.runtime.labels.wav_marks import has_wav_marks, read_wav_marks
from stapes.runtime.main import main

GET_CUE, SET_CUE = 0x10CE, 0x10CF  # SFC_GET_CUE and SFC_SET_CUE of sndfile.h
CUE_POINT = struct.Struct("<iI4siiI256s")  # SF_CUE_POINT
RATE = 8000


def chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def cue(*points: tuple[int, int, int]) -> bytes:
    """Return a cue chunk of points (number, position, sample offset)."""
    rows = [struct.pack("<II4sIII", number, position, b"data", 0, 0, offset) for number, position, offset in points]
    return chunk(b"cue ", struct.pack("<I", len(points)) + b"".join(rows))


def texts(*parts: bytes) -> bytes:
    return chunk(b"LIST", b"adtl" + b"".join(parts))


def label(number: int, text: bytes) -> bytes:
    return chunk(b"labl", struct.pack("<I", number) + text + b"\0")


def region(number: int, length: int, text: bytes = b"") -> bytes:
    return chunk(b"ltxt", struct.pack("<II4sHHHH", number, length, b"rgn ", 0, 0, 0, 0) + text)


def wav(path: Path, *chunks: bytes, seconds: float = 2.0) -> Path:
    """Write a WAV of 8 kHz, 16 bits, mono with these chunks behind the sound."""
    form = struct.pack("<HHIIHH", 1, 1, RATE, 2 * RATE, 2, 16)
    body = b"WAVE" + chunk(b"fmt ", form) + chunk(b"data", bytes(2 * round(seconds * RATE))) + b"".join(chunks)
    path.write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)
    return path


def test_cue_points_that_libsndfile_writes_lie_at_their_samples(tmp_path: Path) -> None:
    samples = [400, 8000, 12_345]
    with soundfile.SoundFile(tmp_path / "a.wav", "w", RATE, 1, "PCM_16") as file:
        points = [CUE_POINT.pack(number, at, b"data", 0, 0, at, b"") for number, at in enumerate(samples)]
        cues = struct.pack("<I", len(samples)) + b"".join(points) + bytes(CUE_POINT.size * (100 - len(points)))
        assert soundfile._snd.sf_command(file._file, SET_CUE, cues, len(cues)) == 1
        file.write(np.zeros(2 * RATE))
    assert read_wav_marks(tmp_path / "a.wav") == {"a.wav": [Annotation(at / RATE, at / RATE, "") for at in samples]}


def test_labels_of_cue_points_are_those_that_libsndfile_reads(tmp_path: Path) -> None:
    named = texts(label(1, b"dog"), label(3, "Käuzchen ruft".encode()))
    path = wav(tmp_path / "a.wav", cue((1, 400, 400), (2, 8000, 8000), (3, 12_345, 12_345)), named)
    cues = soundfile._ffi.new("char[]", 4 + 100 * CUE_POINT.size)
    with soundfile.SoundFile(path) as file:
        assert soundfile._snd.sf_command(file._file, GET_CUE, cues, len(cues)) == 1
    points = [CUE_POINT.unpack_from(bytes(soundfile._ffi.buffer(cues)), 4 + at * CUE_POINT.size) for at in range(3)]
    expected = [Annotation(p[5] / RATE, p[5] / RATE, p[6].split(b"\0")[0].decode()) for p in points]
    assert [each.label for each in expected] == ["dog", "", "Käuzchen ruft"]
    assert read_wav_marks(path) == {"a.wav": expected}


def test_a_region_has_a_length_and_its_text_may_stand_in_either_chunk(tmp_path: Path) -> None:
    parts = texts(label(2, b"dog"), region(2, 4000), region(3, 800, b"owl\0"), label(7, b"cut"))
    path = wav(tmp_path / "a.wav", parts, cue((2, 8000, 8000), (3, 800, 0), (7, 0, 1600)))
    assert read_wav_marks(path) == {
        "a.wav": [Annotation(0.1, 0.2, "owl"), Annotation(0.2, 0.2, "cut"), Annotation(1.0, 1.5, "dog")]
    }


def test_labels_makes_a_table_of_the_marks_of_many_recordings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("b.wav", "a.WAV"):
        wav(tmp_path / name, cue((1, 800, 800)), texts(label(1, b"dog"), region(1, 800)))
    assert main(["labels", str(tmp_path / "b.wav"), str(tmp_path / "a.WAV")]) == 0
    assert capsys.readouterr().out.splitlines()[1:] == [
        "b.wav\t0.100000\t0.200000\tdog",
        "a.WAV\t0.100000\t0.200000\tdog",
    ]
    silent = wav(tmp_path / "c.wav")
    assert main(["labels", str(tmp_path / "b.wav"), str(silent)]) == 1
    assert "c.wav: holds no marks (cue chunk), which does not mean that it has no events" in capsys.readouterr().err
    assert main(["labels", str(tmp_path / "b.wav"), str(silent), "--skip-bad"]) == 0
    assert "c.wav" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("chunks", "message"),
    [
        ((cue((1, 800, 900)),), "mark 1 lies at sample 800 or at 900, which is not clear"),
        ((cue((1, 800, 800)), texts(label(1, "Käuzchen".encode("latin1")))), "the text of mark 1 is not UTF-8"),
        ((cue((1, 800, 800))[:-4],), "its chunk 'cue ' is cut off"),
    ],
)
def test_marks_that_are_not_clear_are_named_with_the_way_out(
    tmp_path: Path, chunks: tuple[bytes, ...], message: str
) -> None:
    path = wav(tmp_path / "a.wav", *chunks)
    with pytest.raises(LabelError, match=message):
        read_wav_marks(path)
    assert read_wav_marks(path, collected := []) == {}
    assert len(collected) == 1
    assert not has_wav_marks(path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.wav", b"fLaC", "is not a WAV"),
        ("a.wav", b"", "is not a WAV"),
        ("a.flac", b"fLaC", "marks inside of it are read from WAV alone"),
    ],
)
def test_other_recordings_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, content: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(content)
    assert main(["labels", str(tmp_path / name)]) == 1
    assert message in capsys.readouterr().err


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_damaged_file_gives_marks_or_one_error(tmp_path: Path, data: st.DataObject) -> None:
    path = wav(tmp_path / "a.wav", cue((1, 8, 8)), texts(label(1, b"dog"), region(1, 80)), seconds=0.01)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    collected: list[StapesError] = []
    found = read_wav_marks(path, collected)
    assert bool(found) != bool(collected)
    assert all(found.values())
    assert all(str(error).startswith(str(path)) for error in collected)
