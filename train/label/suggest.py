"""`stapes suggest`: proposals of labels for recordings that have none, for a person to correct in Audacity.

Wherever the sound rises above what is usual there, an event begins; events that sound alike get one label (group1 is
the largest group), or the class of a trained detector where there is one.

OUT/
  *.txt             a label track per recording, named after it
  suggestions.tsv   every proposal with how far it stands out
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d

from stapes.firmware_sim.device.clock import StepClock
from stapes.firmware_sim.device.frontend import Frontend, FrontendConfig, make_tables
from stapes.firmware_sim.outputs import Mark, new_folder, require_new_folder
from stapes.runtime.audio import read_audio
from stapes.runtime.console import Progress
from stapes.runtime.detector import Detector
from stapes.runtime.labels import Annotation, write_audacity
from stapes.train.data.dataset import audio_files

logger = logging.getLogger(__name__)

USUAL_S = 30.0  # what is usual is the median over so much sound around
LEAST_SPREAD_DB = 3.0  # and how far a band falls below it: the median less the 16 % quantile, at least this
FROM, UP_TO = 0.5, 3.5  # a band counts by how many spreads it lies above the usual, between these
RISE_S = 0.08  # an event begins where there is more after than before, over so long,
LEAST_RISE = 0.25  # mean over bands: by so much more than in the middle of all rises
APART_S = 0.1  # of two beginnings this close the weaker is left out
END_SHARE, HELD_S = 0.3, 0.064  # it ends where less than this share of its rise is left, for so long
MOST_GROUPS = 8
CLEAR = 0.1  # silhouette below which the sounds are of one kind

MARK = Mark("suggestions.tsv")  # --force replaces only folders that hold it


@dataclass(frozen=True)
class Proposal:
    """A stretch of sound that stands out of the background."""

    onset: float
    offset: float
    excess_db: float  # mean over bands and time of what lies above the usual
    timbre: NDArray[np.float64]  # [bands + 2]: shape of the spectrum, log duration, where in it the loudest moment is


def suggest(folder: Path, out: Path, detector_path: Path | None, force: bool) -> None:
    """Write label tracks for every recording below `folder`. Raises AudioError, DatasetError, OutputError."""
    require_new_folder(out, force, MARK)
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
    with new_folder(out, force=force, mark=MARK) as draft:
        for path, new, old in zip(files, found, known, strict=True):
            named = [(Annotation(each.onset, each.offset, next(groups)), f"{each.excess_db:.1f}") for each in new]
            both = sorted([*named, *((each, "") for each in old)], key=lambda each: each[0].onset)
            name = path.relative_to(folder)
            track = (draft / name).with_suffix(".txt")
            track.parent.mkdir(parents=True, exist_ok=True)
            track.write_text(write_audacity(each for each, _ in both), encoding="utf-8")
            rows += [f"{name}\t{e.onset:.3f}\t{e.offset:.3f}\t{e.label}\t{excess}" for e, excess in both]
        (draft / MARK.file).write_text("\n".join(rows) + "\n", encoding="utf-8")
    progress.close(f"{len(rows) - 1} proposals in {len(files)} recordings")
    logger.info(
        f"open a recording in Audacity, import its track from {out}, correct it and export it beside the recording"
    )


def _overlaps(proposal: Proposal, events: Sequence[Annotation]) -> bool:
    return any(each.onset < proposal.offset and each.offset > proposal.onset for each in events)


def proposals(frontend: Frontend, pcm: NDArray[np.int16]) -> list[Proposal]:
    """Return what stands out of int16[samples], in time order."""
    config = frontend.config
    clock = StepClock.of(config)  # of frames
    frame_s = clock.step_s
    level_db = frontend.features(pcm) * np.float32(config.int8_step_db)  # [frames, bands]
    usual_db, spread_db = _usual(level_db, round(USUAL_S / frame_s))
    unusual = np.clip((level_db - usual_db) / spread_db, FROM, UP_TO) - np.float32(FROM)
    begins = _beginnings(unusual, frame_s)
    loudness, held = unusual.mean(axis=1), max(1, round(HELD_S / frame_s))
    found = []
    for begin, following in pairwise([*begins, len(unusual)]):
        end = _end(loudness, begin, following, held)
        onset, offset = clock.begin_s(begin), clock.begin_s(end)
        excess_db = np.maximum(level_db[begin:end] - usual_db[begin:end], np.float32(0))
        found.append(Proposal(onset, offset, float(excess_db.mean()), _timbre(excess_db, offset - onset)))
    return found


def _usual(level_db: NDArray[np.float32], frames: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the median of each band over the frames around, and the spread below it: [frames, bands] both."""
    usual, spread = np.empty_like(level_db), np.empty_like(level_db)
    stride = max(1, frames // 8)
    for start in range(0, len(level_db), stride):
        around = level_db[max(0, start - frames // 2) : start + stride + frames // 2]
        low, middle = np.quantile(around, [0.16, 0.5], axis=0)
        usual[start : start + stride] = middle
        spread[start : start + stride] = np.maximum(middle - low, LEAST_SPREAD_DB)
    return usual, spread


def _beginnings(unusual: NDArray[np.float32], frame_s: float) -> list[int]:
    """Return the frames at which much more begins than ends, the strongest of those close together."""
    if not len(unusual):
        return []
    n = max(1, round(RISE_S / frame_s))
    padded = np.concatenate([np.zeros((n + 1, unusual.shape[1])), unusual, np.repeat(unusual[-1:], 2 * n, axis=0)])
    total = np.cumsum(padded, axis=0)
    mean = (total[n:] - total[:-n]) / n  # row t: of the n frames before frame t
    before, after, later = (mean[start : start + len(unusual)] for start in (0, n, 2 * n))
    rise = np.maximum(after - before, 0).mean(axis=1)
    ending = rise < (before - later).mean(axis=1)  # an abrupt end rings in other bands
    rise = np.where(ending, 0, rise - np.median(rise))
    highest = maximum_filter1d(rise, 2 * round(APART_S / frame_s) + 1)
    return np.flatnonzero((rise >= highest) & (rise >= LEAST_RISE)).tolist()


def _end(loudness: NDArray[np.float32], begin: int, following: int, held: int) -> int:
    """Return the frame after the last of an event: the next one's beginning, unless it has died away before."""
    top = begin + int(np.argmax(loudness[begin : min(following, begin + 2 * held)]))
    before = min(loudness[max(0, begin - held) : begin].mean() if begin else 0.0, loudness[top])
    left = loudness[top:following] >= before + END_SHARE * (loudness[top] - before)
    over = np.flatnonzero(np.convolve(left, np.ones(held))[held - 1 :] == 0)  # for `held` frames nothing is left
    return top + int(over[0]) if len(over) else following


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
