"""Clips as `stapes listen --record` writes them, of a burst of noise that the tiny detector hears, at any time."""

from pathlib import Path

from tiny_detector import RATE, noise_bursts

from stapes.runtime.detector import Detector
from stapes.runtime.live.clip_files import Clip, clip_name, write_clip
from stapes.runtime.live.sinks.record import Kind, Record


def make_clip(
    folder: Path,
    detector: Path,
    utc: str | None = "2026-01-02T03:04:05.678Z",
    *,
    label: str = "hiss",
    kind: Kind = "event",
    also: tuple[Record, ...] = (),
) -> str:
    """Write a clip of 3 s whose event lasts from 1.0 s to 1.5 s of it, and return the name of its sound."""
    folder.mkdir(parents=True, exist_ok=True)
    made_for = heard(label, kind, 1.0, 1.5, utc)
    pcm = noise_bursts(3.0, [(1.0, 1.5, label)])
    write_clip(folder, Detector.load(detector), Clip(made_for, 0, pcm, [made_for, *also]))
    return clip_name(made_for)


def heard(label: str, kind: Kind, onset: float, offset: float, utc: str | None = None) -> Record:
    """Return a record of what was heard, in seconds of the clip."""
    return Record(
        kind=kind,
        key="k",
        source="s",
        label=label,
        onset=onset,
        offset=offset,
        onset_sample=round(onset * RATE),
        offset_sample=round(offset * RATE),
        utc=utc,
        confidence=0.8 if kind == "event" else 0.4,
    )
