"""`stapes suggest`: proposals of labels for recordings that have none, for a person to correct in Audacity.

What stands out of the background is an event; events that sound alike get one label (group1 is the largest group), or
the class of a trained detector where there is one.

OUT/
  *.txt             a label track per recording, named after it
  suggestions.tsv   every proposal with how far it stands out
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stapes.firmware_sim.frontend import Frontend, FrontendConfig, make_tables
from stapes.runtime.audio import read_audio
from stapes.runtime.console import Progress, note
from stapes.runtime.detector import Detector
from stapes.runtime.labels import Annotation, write_audacity
from stapes.runtime.outputs import new_folder, require_new
from stapes.train.dataset import audio_files

FLOOR_S = 30.0  # the background is the quieter part of so much sound
FLOOR_SHARE = 0.3
MARGIN_DB = 6.0  # a band stands out by what exceeds the background by more than this
ON_DB, OFF_DB = 1.5, 0.7  # mean over bands of what stands out, where an event begins and ends
GAP_S, SHORTEST_S = 0.064, 0.032
MOST_GROUPS = 8
CLEAR = 0.1  # silhouette below which the sounds are of one kind


@dataclass(frozen=True)
class Proposal:
    """A stretch of sound that stands out of the background."""

    onset: float
    offset: float
    excess_db: float  # mean over bands and time of what stands out
    timbre: NDArray[np.float64]  # [bands + 2]: shape of the spectrum, log duration, where in it the loudest moment is


def suggest(folder: Path, out: Path, detector_path: Path | None, force: bool) -> None:
    """Write label tracks for every recording below `folder`. Raises AudioError, DatasetError, OutputError."""
    require_new(out, force)
    detector = Detector.load(detector_path) if detector_path else None
    frontend = Frontend(make_tables(FrontendConfig() if detector is None else detector.folder.frontend))
    files = audio_files(folder)
    progress = Progress("listening", len(files))
    found: list[list[Proposal]] = []
    known: list[list[Annotation]] = []
    for path in files:
        pcm = read_audio(path, frontend.config.sample_rate_hz).pcm
        events = detector.detect(pcm) if detector else []
        known.append([Annotation(each.onset, each.offset, each.label, each.confidence) for each in events])
        found.append([each for each in proposals(frontend, pcm) if not _overlaps(each, known[-1])])
        progress.advance(path.name)
    groups = iter(group_alike([each for one in found for each in one]))
    rows = ["filename\tonset\toffset\tevent_label\texcess_db"]
    with new_folder(out, force, "suggestions.tsv") as draft:
        for path, new, old in zip(files, found, known, strict=True):
            named = [(Annotation(each.onset, each.offset, next(groups)), f"{each.excess_db:.1f}") for each in new]
            both = sorted([*named, *((each, "") for each in old)], key=lambda each: each[0].onset)
            name = path.relative_to(folder)
            track = (draft / name).with_suffix(".txt")
            track.parent.mkdir(parents=True, exist_ok=True)
            track.write_text(write_audacity(each for each, _ in both), encoding="utf-8")
            rows += [f"{name}\t{e.onset:.3f}\t{e.offset:.3f}\t{e.label}\t{excess}" for e, excess in both]
        (draft / "suggestions.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    progress.close(f"{len(rows) - 1} proposals in {len(files)} recordings")
    note(f"open a recording in Audacity, import its track from {out}, correct it and export it beside the recording")


def _overlaps(proposal: Proposal, events: Sequence[Annotation]) -> bool:
    return any(each.onset < proposal.offset and each.offset > proposal.onset for each in events)


def proposals(frontend: Frontend, pcm: NDArray[np.int16]) -> list[Proposal]:
    """Return what stands out of int16[samples], in time order."""
    config = frontend.config
    frame_s = config.hop_samples / config.sample_rate_hz
    level_db = frontend.features(pcm) * np.float32(config.int8_step_db)  # [frames, bands]
    background_db = _background(level_db, round(FLOOR_S / frame_s)) + np.float32(MARGIN_DB)
    excess = np.maximum(level_db - background_db, np.float32(0))
    active = _hysteresis(excess.mean(axis=1))
    center_s = (config.window_samples - config.hop_samples) / 2 / config.sample_rate_hz
    found = []
    for begin, end in _runs(active, round(GAP_S / frame_s), round(SHORTEST_S / frame_s)):
        onset, offset = begin * frame_s + center_s, end * frame_s + center_s
        part = excess[begin:end]
        found.append(Proposal(onset, offset, float(part.mean()), _timbre(part, offset - onset)))
    return found


def _background(level_db: NDArray[np.float32], frames: int) -> NDArray[np.float32]:
    """Return [frames, bands]: a low quantile of each band over the stretch of sound around."""
    floor = np.empty_like(level_db)
    for start in range(0, len(level_db), frames):
        around = level_db[max(0, start - frames // 2) : start + frames + frames // 2]
        floor[start : start + frames] = np.quantile(around, FLOOR_SHARE, axis=0)
    return floor


def _hysteresis(loudness: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Active wherever the loudness stays above OFF_DB around a frame that reaches ON_DB."""
    above = np.concatenate([[False], loudness > OFF_DB, [False]])
    edges = np.flatnonzero(above[1:] != above[:-1])
    active = np.zeros(len(loudness), np.bool_)
    for begin, end in edges.reshape(-1, 2):
        active[begin:end] = loudness[begin:end].max() >= ON_DB
    return active


def _runs(active: NDArray[np.bool_], gap: int, shortest: int) -> list[tuple[int, int]]:
    """Return (first, one past the last) frame of each run, short gaps bridged and short runs left out."""
    edges = np.flatnonzero(np.diff(active, prepend=False, append=False)).reshape(-1, 2)
    joined: list[tuple[int, int]] = []
    for begin, end in edges.tolist():
        if joined and begin - joined[-1][1] <= gap:
            joined[-1] = joined[-1][0], end
        else:
            joined.append((begin, end))
    return [(begin, end) for begin, end in joined if end - begin >= shortest]


def _timbre(excess: NDArray[np.float32], length_s: float) -> NDArray[np.float64]:
    spectrum = excess.mean(axis=0)
    loudest = float(np.argmax(excess.mean(axis=1)) / len(excess))
    return np.array([*(spectrum / max(np.linalg.norm(spectrum), 1e-9)), np.log2(length_s), loudest])


def group_alike(found: Sequence[Proposal]) -> list[str]:
    """Return a label per proposal: `group1` for the largest group of alike ones, and so on.

    The number of groups is the one with the clearest borders (silhouette), up to MOST_GROUPS; no chance is involved.
    """
    from sklearn.cluster import KMeans
    from sklearn.metrics import silhouette_score

    if len(found) < 4:
        return ["group1"] * len(found)
    timbre = np.array([each.timbre for each in found])
    weighted = timbre * np.array([1.0] * (timbre.shape[1] - 2) + [0.25, 0.25])  # the spectrum has length 1
    best, best_score = np.zeros(len(found), np.int64), CLEAR
    for count in range(2, min(MOST_GROUPS, len(found) - 1) + 1):
        members = KMeans(count, n_init=4, random_state=0).fit_predict(weighted)
        score = silhouette_score(weighted, members, sample_size=min(2000, len(found)), random_state=0)
        if score > best_score:
            best, best_score = members, score
    order = sorted(set(best.tolist()), key=lambda member: (-int((best == member).sum()), member))
    return [f"group{order.index(member) + 1}" for member in best.tolist()]
