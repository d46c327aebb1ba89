"""What a detector must answer to the self-test's sound and scores; the twin of csrc/stapes_selftest.c."""

import json
import struct
import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stapes.firmware_sim.device.events import Event, EventDecoder
from stapes.firmware_sim.device.folder import DetectorFolder
from stapes.firmware_sim.errors import DetectorFolderError

SOUND_STEPS = 64
SCORE_STEPS = 1024
_SCORE_STAYS = 4


@dataclass(frozen=True)
class KnownAnswers:
    """Checksums (CRC-32) of features and scores of the self-test's sound, and of the events of made-up scores."""

    features_crc32: int
    scores_crc32: int
    events_crc32: int


@dataclass(frozen=True)
class StoredAnswers:
    """What the folder holds; events hang on settings that `tune` may change, so they are not in it."""

    samples: int
    features_crc32: int
    scores_crc32: int


def sound_samples(folder: DetectorFolder) -> int:
    """Samples that make SOUND_STEPS whole steps and not one frame more."""
    return folder.frontend.samples_of(SOUND_STEPS * folder.frames_per_step)


def made_up_scores(classes: int) -> NDArray[np.int8]:
    """int8[SCORE_STEPS, classes]; each stays for a few steps, so that events of all lengths come about."""
    state, rows = 2, []
    for _ in range(SCORE_STEPS // _SCORE_STAYS):
        row = []
        for _ in range(classes):
            state = (1664525 * state + 1013904223) & 0xFFFFFFFF
            row.append((state >> 24) - 128)
        rows.append(row)
    return np.repeat(np.array(rows, np.int8), _SCORE_STAYS, axis=0)


def known_answers(folder: DetectorFolder, features: NDArray[np.int8], scores: NDArray[np.int8]) -> KnownAnswers:
    """Answers that belong to these features and scores of the sound, and to the folder's event settings."""
    decoder = EventDecoder(folder.classes, folder.events, folder.clock)
    events = decoder.push(made_up_scores(len(folder.classes))) + decoder.flush()
    packed = b"".join(_packed(folder, event) for event in events)
    return KnownAnswers(zlib.crc32(features.tobytes()), zlib.crc32(scores.tobytes()), zlib.crc32(packed))


def stored_answers(folder: DetectorFolder) -> StoredAnswers | None:
    """What vectors/answers.json says; None where there is none. Raises DetectorFolderError for a damaged one."""
    path = folder.path / "vectors" / "answers.json"
    if not path.exists():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return StoredAnswers(*(int(content[name]) for name in ("samples", "features_crc32", "scores_crc32")))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DetectorFolderError(
            f"{path}: no known answers ({error}); delete it, or train or copy it again"
        ) from error


def _packed(folder: DetectorFolder, event: Event) -> bytes:
    offset = -1 if event.offset_sample is None else event.offset_sample
    peak = round(event.confidence * 256) - 128
    return struct.pack("<4q", event.onset_sample, offset, folder.classes.index(event.label), peak)
