"""`stapes suggest`: propose labels for recordings that have none, to be corrected in Audacity.

An event begins wherever the sound rises above its background. Events that sound similar get the same label (group1 is
the largest group); events that a trained detector finds get its class.

OUT/
  *.txt             a label track per recording, with the name of the recording
  suggestions.tsv   all proposals, and by how many dB each rises above the background
"""

import logging
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
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
from stapes.train.text import table

logger = logging.getLogger(__name__)

BACKGROUND_S = 30.0  # the background of a band is its median level over this much sound around it
SPREAD_MIN_DB = 3.0  # the spread of a band is its median level minus its 16 % quantile, at least this
EXCESS_FROM, EXCESS_TO = 0.5, 3.5  # levels above the background count between these multiples of the spread
RISE_S = 0.08  # a rise is the difference of the mean excess over this long after and before a moment
RISE_MIN = 0.25  # an event begins where the rise exceeds the median of all rises by this; mean over bands
ONSET_DISTANCE_S = 0.1  # of two onsets closer than this, only the one with the larger rise is kept
END_SHARE, END_HOLD_S = 0.3, 0.064  # an event ends when less than this share of its rise is left for this long
GROUPS_MAX = 8
SILHOUETTE_MIN = 0.1  # below this silhouette score all sounds count as one group

MARK = Mark("suggestions.tsv")  # --force replaces only folders that hold it


@dataclass(frozen=True)
class Proposal:
    """A proposed event: sound that rises above its background. Times are in seconds."""

    onset: float
    offset: float
    excess_db: float  # level above the background, mean over bands and time
    timbre: NDArray[np.float64]  # [bands + 2]: unit spectrum of the excess, log2 of seconds, position of its peak


@dataclass(frozen=True)
class Example:
    """A proposal as it is told to the user."""

    name: str  # of the recording
    event: Annotation
    excess_db: float


def suggest(folder: Path, out: Path, detector_path: Path | None, force: bool) -> None:
    """Write a label track for every recording below `folder`; print the size and an example of each group.

    Raises AudioError, DatasetError (no recordings) and OutputError (`out` exists and cannot be replaced).
    """
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
    groups = iter(group_similar([each for one in found for each in one]))
    rows = ["filename\tonset\toffset\tevent_label\texcess_db"]
    examples: dict[str, list[Example]] = defaultdict(list)
    with new_folder(out, force=force, mark=MARK) as draft:
        for path, new, old in zip(files, found, known, strict=True):
            named = [(Annotation(each.onset, each.offset, next(groups)), f"{each.excess_db:.1f}") for each in new]
            both = sorted([*named, *((each, "") for each in old)], key=lambda each: each[0].onset)
            name = path.relative_to(folder)
            for each, excess in named:
                examples[each.label].append(Example(name.as_posix(), each, float(excess)))
            track = (draft / name).with_suffix(".txt")
            track.parent.mkdir(parents=True, exist_ok=True)
            track.write_text(write_audacity(each for each, _ in both), encoding="utf-8")
            rows += [f"{name}\t{e.onset:.3f}\t{e.offset:.3f}\t{e.label}\t{excess}" for e, excess in both]
        (draft / MARK.file).write_text("\n".join(rows) + "\n", encoding="utf-8")
    progress.close(f"{len(rows) - 1} proposals in {len(files)} recordings")
    for line in _groups(examples):
        print(line)
    logger.info(
        f"open a recording in Audacity, import its label track from {out}, correct it, and export it beside the "
        "recording"
    )


def _groups(examples: Mapping[str, Sequence[Example]]) -> Iterator[str]:
    """Yield the lines of a table: how many proposals each group has, and the loudest one to listen to."""
    if not examples:
        return
    rows = []
    for label in sorted(examples, key=lambda each: (-len(examples[each]), each)):
        loudest = max(examples[label], key=lambda each: each.excess_db)
        lengths = [each.event.offset - each.event.onset for each in examples[label]]
        times = f"{loudest.event.onset:.2f} to {loudest.event.offset:.2f} s"
        rows.append([label, str(len(lengths)), f"{np.median(lengths):.2f}", times, loudest.name])
    yield from table(["group", "proposals", "median s", "for example", "in"], rows)


def _overlaps(proposal: Proposal, events: Sequence[Annotation]) -> bool:
    return any(each.onset < proposal.offset and each.offset > proposal.onset for each in events)


def proposals(frontend: Frontend, pcm: NDArray[np.int16]) -> list[Proposal]:
    """Return the proposals for a recording, int16[samples], in order of time."""
    config = frontend.config
    clock = StepClock.of(config)  # of frames
    frame_s = clock.step_s
    level_db = frontend.features(pcm) * np.float32(config.int8_step_db)  # [frames, bands]
    background_db, spread_db = _background(level_db, round(BACKGROUND_S / frame_s))
    excess = np.clip((level_db - background_db) / spread_db, EXCESS_FROM, EXCESS_TO) - np.float32(EXCESS_FROM)
    onsets = _onsets(excess, frame_s)
    loudness, hold = excess.mean(axis=1), max(1, round(END_HOLD_S / frame_s))
    found = []
    for begin, following in pairwise([*onsets, len(excess)]):
        end = _end(loudness, begin, following, hold)
        onset, offset = clock.begin_s(begin), clock.begin_s(end)
        excess_db = np.maximum(level_db[begin:end] - background_db[begin:end], np.float32(0))
        found.append(Proposal(onset, offset, float(excess_db.mean()), _timbre(excess_db, offset - onset)))
    return found


def _background(level_db: NDArray[np.float32], frames: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the background of each band and its spread below the background, both in dB, [frames, bands]."""
    background, spread = np.empty_like(level_db), np.empty_like(level_db)
    stride = max(1, frames // 8)
    for start in range(0, len(level_db), stride):
        around = level_db[max(0, start - frames // 2) : start + stride + frames // 2]
        low, middle = np.quantile(around, [0.16, 0.5], axis=0)
        background[start : start + stride] = middle
        spread[start : start + stride] = np.maximum(middle - low, SPREAD_MIN_DB)
    return background, spread


def _onsets(excess: NDArray[np.float32], frame_s: float) -> list[int]:
    """Return the frames where events begin, given the excess above the background in spreads, [frames, bands]."""
    if not len(excess):
        return []
    n = max(1, round(RISE_S / frame_s))
    padded = np.concatenate([np.zeros((n + 1, excess.shape[1])), excess, np.repeat(excess[-1:], 2 * n, axis=0)])
    total = np.cumsum(padded, axis=0)
    mean = (total[n:] - total[:-n]) / n  # row t: of the n frames before frame t
    before, after, later = (mean[start : start + len(excess)] for start in (0, n, 2 * n))
    rise = np.maximum(after - before, 0).mean(axis=1)
    ending = rise < (before - later).mean(axis=1)  # an abrupt end spreads into other bands
    rise = np.where(ending, 0, rise - np.median(rise))
    highest = maximum_filter1d(rise, 2 * round(ONSET_DISTANCE_S / frame_s) + 1)
    return np.flatnonzero((rise >= highest) & (rise >= RISE_MIN)).tolist()


def _end(loudness: NDArray[np.float32], begin: int, following: int, hold: int) -> int:
    """Return the frame after the last frame of an event: where it has faded, at the latest where the next begins."""
    top = begin + int(np.argmax(loudness[begin : min(following, begin + 2 * hold)]))
    before = min(loudness[max(0, begin - hold) : begin].mean() if begin else 0.0, loudness[top])
    left = loudness[top:following] >= before + END_SHARE * (loudness[top] - before)
    over = np.flatnonzero(np.convolve(left, np.ones(hold))[hold - 1 :] == 0)  # nothing is left for `hold` frames
    return top + int(over[0]) if len(over) else following


def _timbre(excess: NDArray[np.float32], length_s: float) -> NDArray[np.float64]:
    spectrum = excess.mean(axis=0)
    loudest = float(np.argmax(excess.mean(axis=1)) / len(excess))
    return np.array([*(spectrum / max(np.linalg.norm(spectrum), 1e-9)), np.log2(length_s), loudest])


def group_similar(found: Sequence[Proposal]) -> list[str]:
    """Return a label for each proposal: `group1` for the largest group of similar sounds, and so on.

    The number of groups, up to GROUPS_MAX, is the one with the best silhouette score. The result is deterministic.
    """
    from sklearn.cluster import KMeans
    from sklearn.metrics import silhouette_score

    if len(found) < 4:
        return ["group1"] * len(found)
    timbre = np.array([each.timbre for each in found])
    weighted = timbre * np.array([1.0] * (timbre.shape[1] - 2) + [0.25, 0.25])  # the norm of the spectrum is 1
    best, best_score = np.zeros(len(found), np.int64), SILHOUETTE_MIN
    for count in range(2, min(GROUPS_MAX, len(found) - 1) + 1):
        members = KMeans(count, n_init=4, random_state=0).fit_predict(weighted)
        score = silhouette_score(weighted, members, sample_size=min(2000, len(found)), random_state=0)
        if score > best_score:
            best, best_score = members, score
    order = sorted(set(best.tolist()), key=lambda member: (-int((best == member).sum()), member))
    return [f"group{order.index(member) + 1}" for member in best.tolist()]
