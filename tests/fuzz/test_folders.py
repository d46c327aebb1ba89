"""Damaged detector folders, some of them with the hashes that fit: refused in one line, or a detector that works."""

import hashlib
import json
import random
import tempfile
import zlib
from contextlib import suppress
from copy import deepcopy
from functools import cache
from pathlib import Path

import pytest
from damage import TEXTS, damaged_bytes, damaged_text
from fuzzing import Files, Fuzzer, fuzz, inputs
from tiny_detector import noise_bursts, write_tiny_detector

from stapes.firmware_sim.device.frontend import Frontend
from stapes.firmware_sim.errors import StapesError
from stapes.runtime.detector import Detector

CRC_AT = 12  # of frontend.bin: behind the magic, the arithmetic and the size
VALUES = [None, True, 0, -1, 1, 2, 255, 10**6, 2**31 - 1, 2**31, 2**63, 1e308, -0.5, "", [], {}, [1], {"a": 1}]


@cache
def _whole() -> tuple[Files, Path]:
    folder = Path(tempfile.mkdtemp()) / "tiny.stapes"
    write_tiny_detector(folder)
    return {path.name: path.read_bytes() for path in folder.iterdir()}, folder


def _make(chance: random.Random) -> Files:
    files = dict(_whole()[0])
    which = chance.choice(("text", "value", "frontend.bin", "model.tflite"))
    if which == "text":
        files["detector.json"] = damaged_text(chance, files["detector.json"].decode())
    elif which == "value":
        files["detector.json"] = _with_other_values(chance, json.loads(files["detector.json"]))
    elif which == "frontend.bin":
        files[which] = damaged_bytes(chance, files[which], 200)
        if chance.random() < 0.7:
            files = _with_hashes(files)
    else:
        files[which] = damaged_bytes(chance, files[which])
        if chance.random() < 0.9:
            files = _with_hashes(files)
    return files


def _with_other_values(chance: random.Random, content: dict[str, object]) -> bytes:
    """Return the description with 1 to 3 values replaced, wherever they stand in it."""
    for _ in range(chance.randint(1, 3)):
        inner: object = content
        while isinstance(inner, dict | list) and inner:
            outer, key = inner, chance.choice(sorted(inner) if isinstance(inner, dict) else range(len(inner)))
            inner = outer[key]  # type: ignore[index, call-overload]
            if chance.random() < 0.2:
                break
        outer[key] = deepcopy(chance.choice([*VALUES, chance.choice(TEXTS)]))  # type: ignore[index, call-overload]
    return json.dumps(content).encode()


def _with_hashes(files: Files) -> Files:
    """Return the files with the checksums that make them look whole, as an attacker sends them."""
    content, tables = json.loads(files["detector.json"]), files["frontend.bin"]
    tables = tables[:CRC_AT] + zlib.crc32(tables[CRC_AT + 4 :]).to_bytes(4, "little") + tables[CRC_AT + 4 :]
    content["model_sha256"] = hashlib.sha256(files["model.tflite"]).hexdigest()
    with suppress(StapesError):  # tables that are refused need no hash
        content["frontend_hash"] = Frontend(tables).hash
    return files | {"detector.json": json.dumps(content).encode(), "frontend.bin": tables}


def _hear(folder: Path) -> None:
    """Load a detector and let it hear two seconds; what it finds lies within them."""
    detector = Detector.load(folder, "litert")
    pcm = noise_bursts(2.0, [(0.5, 1.0, "hiss")])
    rate = detector.sample_rate_hz
    for event in detector.detect(pcm):
        assert event.label in detector.classes
        assert 0 <= event.onset_sample <= (event.offset_sample or 0) <= len(pcm), event
        assert event.onset == pytest.approx(event.onset_sample / rate)
    scores = detector.scores(pcm)
    assert scores.shape[1] == len(detector.classes)


@pytest.mark.slow
def test_damaged_detector_folders_work_or_are_refused_in_one_line() -> None:
    fuzz(Fuzzer("folders", _make, _hear), inputs(1500))
