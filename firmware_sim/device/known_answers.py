"""What a detector must answer to the self-test's sound and scores; the twin of csrc/detector/stapes_selftest.c."""

import json
import struct
import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stapes.firmware_sim.device.events import Event, EventDecoder
from stapes.firmware_sim.device.folder import DetectorFolder
from stapes.firmware_sim.device.plain_json import shortened
from stapes.firmware_sim.errors import DetectorFolderError

SOUND_STEPS = 64  # of the model, in the self-test's sound
LONGEST_SOUND_STEPS = 1024  # of the sound whose answers are stored in a folder
SCORE_STEPS = 1024  # of made-up scores, which test the event decoder
_MOST_CRC32 = 2**32 - 1
_STEPS_PER_SCORE = 4  # a made-up score stays the same for so many steps


@dataclass(frozen=True)
class KnownAnswers:
    """Checksums (CRC-32) of the features and scores of the self-test's sound, and of the events of made-up scores."""

    features_crc32: int
    scores_crc32: int
    events_crc32: int


@dataclass(frozen=True)
class StoredAnswers:
    """The known answers in a detector folder. `stapes tune` may change the event settings, so events are not stored."""

    samples: int  # of the self-test's sound
    features_crc32: int
    scores_crc32: int


def sound_samples(folder: DetectorFolder) -> int:
    """Return how many samples make SOUND_STEPS whole steps and not one frame more."""
    return folder.frontend.samples_of(SOUND_STEPS * folder.frames_per_step)


def made_up_scores(classes: int) -> NDArray[np.int8]:
    """Return int8[SCORE_STEPS, classes]. Each score stays for a few steps, so that there are events of many lengths."""
    state, rows = 2, []
    for _ in range(SCORE_STEPS // _STEPS_PER_SCORE):
        row = []
        for _ in range(classes):
            state = (1664525 * state + 1013904223) & 0xFFFFFFFF
            row.append((state >> 24) - 128)
        rows.append(row)
    return np.repeat(np.array(rows, np.int8), _STEPS_PER_SCORE, axis=0)


def known_answers(folder: DetectorFolder, features: NDArray[np.int8], scores: NDArray[np.int8]) -> KnownAnswers:
    """Return the answers of a detector that computes these features and scores from the self-test's sound.

    features: int8[frames, bands]; scores: int8[steps, classes]. The events follow from the folder's event settings.
    """
    decoder = EventDecoder(folder.classes, folder.events, folder.clock)
    events = decoder.push(made_up_scores(len(folder.classes))) + decoder.flush()
    packed = b"".join(_packed(folder, event) for event in events)
    return KnownAnswers(zlib.crc32(features.tobytes()), zlib.crc32(scores.tobytes()), zlib.crc32(packed))


def stored_answers(folder: DetectorFolder) -> StoredAnswers | None:
    """Read vectors/answers.json; return None when there is none. Raises DetectorFolderError when it is damaged."""
    path = folder.path / "vectors" / "answers.json"
    if not path.is_file():
        return None
    longest = folder.frontend.samples_of(LONGEST_SOUND_STEPS * folder.frames_per_step)
    most = {"samples": longest, "features_crc32": _MOST_CRC32, "scores_crc32": _MOST_CRC32}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        for name in most:
            if type(content[name]) is not int or not 0 <= content[name] <= most[name]:
                raise ValueError(f"{name} is {shortened(content[name])}: need a whole number from 0 to {most[name]}")
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise DetectorFolderError(
            f"{path}: no known answers in it ({error}); delete it, or train or copy the detector again"
        ) from error
    return StoredAnswers(*(content[name] for name in most))


def _packed(folder: DetectorFolder, event: Event) -> bytes:
    offset = -1 if event.offset_sample is None else event.offset_sample
    peak = round(event.confidence * 256) - 128
    return struct.pack("<4q", event.onset_sample, offset, folder.classes.index(event.label), peak)
