"""The files of a clip: its sound, a label track and a description, which names neither a person nor a place.

    20260102T030405.678Z_bark_1600.flac   the sound
    20260102T030405.678Z_bark_1600.txt    what was heard in it, as an Audacity label track
    20260102T030405.678Z_bark_1600.json   the same with probabilities, and which detector heard it

In the track, `bark` is an event and `bark?` a near miss.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from stapes.firmware_sim.device.events import probability
from stapes.firmware_sim.outputs import new_file
from stapes.runtime.detector import Detector
from stapes.runtime.labels import Annotation, write_audacity
from stapes.runtime.live.sinks.record import Record

_FORMAT = "stapes clip 1"
SORTED = "sorted"  # key of the description: what a person said of the clip, and where it was put (train/label/inbox.py)
_LARGEST_DESCRIPTION = 1 << 20  # bytes; what is larger and lies beside a recording is something else


@dataclass(frozen=True)
class Clip:
    """The sound of one event or near miss, and all that was heard in it."""

    record: Record  # why it was cut out
    first_sample: int  # of the stream, with which it begins
    pcm: NDArray[np.int16]
    heard: Sequence[Record]  # events and near misses that overlap it, `record` among them


def clip_name(record: Record) -> str:
    """Return the file name of the clip of an event or near miss: when it was, label, first sample, `near`.

    When it was is UTC, or else seconds from the start of the stream and the first digits of the record's key: these are
    random for each stream, so that the clips of two recordings in one folder do not replace each other. Everything in
    the label but letters, digits, `_` and `-` is replaced by `_`.
    """
    moment = re.sub(r"[-:]", "", record.utc) if record.utc else f"{record.onset:010.3f}s_{record.key[:8]}"
    near = "_near" if record.kind == "near miss" else ""
    return f"{moment}_{label_in_names(record.label)}_{record.onset_sample}{near}.flac"


def label_in_names(label: str) -> str:
    """Return a label for the name of a file."""
    return re.sub(r"[^A-Za-z0-9_-]+", "_", label)


def event_in_track(label: str) -> str:
    """Return a label for a track, which holds neither tabs nor line ends."""
    return re.sub(r"[\t\r\n]", " ", label)


def near_miss_in_track(label: str, classes: Sequence[str]) -> str:
    """Return what stands in a track for a near miss of a class: a label that no class has."""
    text = event_in_track(label) + "?"
    while text in map(event_in_track, classes):
        text += "?"
    return text


def write_clip(folder: Path, detector: Detector, clip: Clip) -> None:
    """Write the three files of a clip. Raises OSError, OutputError or SoundFileError, and leaves none of them then."""
    path = folder / clip_name(clip.record)
    with (
        new_file(path.with_suffix(".json")) as description,
        new_file(path.with_suffix(".txt")) as track,
        new_file(path) as sound,  # takes its place first: a clip without a track counts as not annotated
    ):
        soundfile.write(sound, clip.pcm, detector.sample_rate_hz, format="FLAC", subtype="PCM_16")
        track.write_text(_track(detector, clip), encoding="utf-8")
        text = json.dumps(_description(detector, clip), indent=2, ensure_ascii=False)
        description.write_text(text + "\n", encoding="utf-8")


@dataclass(frozen=True)
class Description:
    """What the description beside a clip says, as it was read: `content` may lack anything but these fields."""

    content: Mapping[str, Any]
    near_miss_labels: frozenset[str]  # labels in the track that nobody has confirmed
    group: str  # clips of one group share sound or a day; "" until the clip is sorted (train/label/inbox.py)
    part: str  # "train", "judging" or "unsure"; "" until the clip is sorted


def read_description(recording: Path) -> Description | None:
    """Return the description beside a clip; None for a recording that is no clip of `stapes listen`."""
    path = recording.with_suffix(".json")
    try:
        if path.stat().st_size > _LARGEST_DESCRIPTION:
            return None
        content = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(content, dict) or content.get("format") != _FORMAT:
            return None
        near = frozenset(label for label in content["near_miss_labels"] if isinstance(label, str))
        placed = content.get(SORTED, {})
        return Description(content, near, str(placed.get("group", "")), str(placed.get("part", "")))
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None


def _track_label(detector: Detector, record: Record) -> str:
    if record.kind == "event":
        return event_in_track(record.label)
    return near_miss_in_track(record.label, detector.classes)


def _times_s(detector: Detector, clip: Clip, record: Record) -> tuple[float, float]:
    """Return onset and offset in seconds of the clip, within it."""
    samples = (min(max(0, at - clip.first_sample), len(clip.pcm)) for at in (record.onset_sample, record.offset_sample))
    onset, offset = (at / detector.sample_rate_hz for at in samples)
    return onset, offset


def _track(detector: Detector, clip: Clip) -> str:
    return write_audacity(
        Annotation(*_times_s(detector, clip, record), _track_label(detector, record)) for record in clip.heard
    )


def _description(detector: Detector, clip: Clip) -> dict[str, Any]:
    record, folder = clip.record, detector.folder
    return {
        "format": _FORMAT,
        "kind": record.kind,
        "label": record.label,
        "probability": record.confidence,
        "threshold": probability(detector.thresholds[detector.classes.index(record.label)][0]),
        "sensitivity": detector.sensitivity[record.label],
        "utc": record.utc,
        "first_sample": clip.first_sample,
        "sample_rate_hz": detector.sample_rate_hz,
        "heard": [
            {
                "kind": each.kind,
                "label": each.label,
                "onset": _times_s(detector, clip, each)[0],
                "offset": _times_s(detector, clip, each)[1],
                "probability": each.confidence,
            }
            for each in clip.heard
        ],
        "near_miss_labels": sorted({_track_label(detector, each) for each in clip.heard if each.kind == "near miss"}),
        "detector": {"model_sha256": folder.model_sha256, "frontend_hash": folder.frontend_hash},
        "stapes": version("stapes"),
    }
