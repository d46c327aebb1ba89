"""Labels for clips that are sorted into a folder per class, the commonest form of public datasets.

CLIPS/
  cough/ dog/ …    clips of a class; a folder in it, such as one per speaker, is a group
  noise/ …         clips without any event: the folders named with --event-free

Within a clip, events begin and end where its sound rises above its own background; a clip in which nothing rises is an
event from its beginning to its end. Clips of one speaker or source are one group, so that they stay in one split.
"""

import logging
import re
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from stapes.firmware_sim.device.frontend import Frontend, FrontendConfig, make_tables
from stapes.firmware_sim.errors import AudioError, ConfigError, LabelError, StapesError
from stapes.firmware_sim.outputs import require_new, write_whole
from stapes.runtime.audio import read_audio
from stapes.runtime.console import Progress
from stapes.runtime.labels.annotation import Annotation, Problems
from stapes.runtime.labels.dcase import write_grouped
from stapes.runtime.labels.names import is_audio
from stapes.runtime.onsets import Proposal, proposals
from stapes.runtime.walk import hidden, is_utf8, walk_files

logger = logging.getLogger(__name__)

# Chosen on 337 clips that were cut around events of the train split of the soundscapes, with 0 to 1 s on either side:
# 90 % of the onsets are found within 200 ms, with 1.4 events per clip; on 221 clips of the val split 95 % and 1.4.
BACKGROUND_SHARE = 0.3  # of a clip that is taken for its background
FAINT_SHARE = 0.5  # of the level of the loudest event in a clip: what rises less is not what the clip is named after
TOUCHING_S = 0.15  # events closer than this are one, because the sound did not fade between them
EVENT_FREE = ("noise", "background", "background_noise", "_background_noise_", "silence")
SPLITS = {"train", "training", "val", "valid", "validation", "dev", "test", "testing", "eval"}
# Names of files in public datasets -> the part that clips of one speaker or source share.
NAMES = {
    "Speech Commands, by speaker": r"^([0-9a-f]{8})_nohash_\d+$",
    "ESC-50, by original recording": r"^\d-(\d+)-[A-Z]-\d+$",
    "UrbanSound8K, by original recording": r"^(\d+)-\d+-\d+-\d+$",
    "Freesound, by original recording": r"^(\d+)__.+$",
}
USUAL_SHARE = 0.8  # of all clips must have such a name


@dataclass(frozen=True)
class Clips:
    """The clips to label."""

    folder: Path
    event_free: Sequence[str] | None = None  # names of folders of clips without events; None: those of EVENT_FREE
    group_pattern: str = ""  # what it matches in the path of a clip below its class is the clip's group
    channel: int | None = None  # counted from 1; None: the mean of all channels


@dataclass(frozen=True)
class LabelledClips:
    """Labels and groups of clips, by their names relative to the folder of the clips."""

    labels: dict[str, list[Annotation]]  # [] for clips without events
    groups: dict[str, str]


def write_clip_labels(clips: Clips, out: Path | None, force: bool, skip_bad: bool) -> None:
    """Write the table of labels and groups to `out`, or print it; with `skip_bad` bad clips are counted and left out.

    Raises what `label_clips` raises, and OutputError when `out` exists and `force` is not set.
    """
    if out is not None and out.exists():
        require_new(out, force)
    bad: list[StapesError] = []
    found = label_clips(clips, bad if skip_bad else None)
    if bad:
        logger.warning(f"{len(bad)} clips cannot be read and are left out; the first is {bad[0]}")
    text = write_grouped(found.labels, found.groups)
    if out is None:
        sys.stdout.write(text)
    else:
        out.parent.mkdir(parents=True, exist_ok=True)
        write_whole(out, text)
    logger.info(_described(found))


def label_clips(clips: Clips, collected: list[StapesError] | None = None) -> LabelledClips:
    """Return the labels of all clips.

    Raises LabelError for a folder that is not one of clips, AudioError for a clip that cannot be read (or puts it into
    `collected` and leaves it out), and ConfigError for a bad pattern or a folder that is not there.
    """
    files = _files(clips.folder)
    free = _event_free(clips, {name.split("/")[0] for name in files})
    groups = _groups(clips, list(files))
    frontend = Frontend(make_tables(FrontendConfig()))
    labels: dict[str, list[Annotation]] = {}
    whole: list[str] = []
    progress = Progress("listening", len(files))
    for name, path in files.items():
        label = name.split("/")[0]
        try:
            events = [] if label in free else _events(frontend, path, clips.channel, label)
        except AudioError as error:
            Problems(collected).keep(error)
            continue
        finally:
            progress.advance(name)
        labels[name] = events
        if label not in free and events[0].columns.get("whole"):
            whole.append(name)
    progress.close(f"{len(files)} clips")
    if whole:
        logger.warning(
            f"{len(whole)} clips in which no sound begins are labelled from beginning to end; listen to one: {whole[0]}"
        )
    return LabelledClips(labels, {name: groups[name] for name in labels})


def _files(folder: Path) -> dict[str, Path]:
    """Return name -> file of every clip, sorted. Raises LabelError unless each lies in a folder of a class."""
    found = [each for each in walk_files(folder) if is_audio(each.name) and not hidden(each, folder)]
    if strange := [each for each in found if not is_utf8(each)]:
        raise LabelError(f"{str(strange[0])!r}: the name is not UTF-8, so no table can hold it; rename it")
    files = {each.relative_to(folder).as_posix(): each for each in sorted(found)}
    if not files:
        raise LabelError(f"{folder}: there are no clips in it; give the folder that holds a folder of clips per class")
    if lone := [name for name in files if "/" not in name]:
        raise LabelError(f"{folder / lone[0]}: lies in no folder of a class; move it into one ({len(lone)} such files)")
    if splits := sorted({name.split("/")[0] for name in files if name.split("/")[0].lower() in SPLITS}):
        raise LabelError(
            f"{folder / splits[0]}: is the name of a part of a dataset, not of a class; give each part on its own, as "
            f"{folder / splits[0]} --out {folder / splits[0] / 'labels.tsv'}"
        )
    return files


def _event_free(clips: Clips, classes: set[str]) -> set[str]:
    if clips.event_free is not None:
        if missing := [name for name in clips.event_free if name not in classes]:
            raise ConfigError(
                f"--event-free {missing[0]}: there is no such folder with clips in {clips.folder}; its folders are "
                f"{', '.join(sorted(classes))}"
            )
        return set(clips.event_free)
    free = {name for name in classes if name.lower() in EVENT_FREE}
    if free:
        logger.warning(
            f"clips in {', '.join(sorted(free))} are taken as free of events; --event-free '' makes them a class"
        )
    return free


def _groups(clips: Clips, names: Sequence[str]) -> dict[str, str]:
    """Return the group of each clip, never the class: by pattern, by folder in that of the class, or by file name."""
    if clips.group_pattern:
        try:
            pattern = re.compile(clips.group_pattern)
        except re.error as error:
            raise ConfigError(
                f"--group-pattern {clips.group_pattern!r} is not a regular expression: {error}"
            ) from error
        groups = {name: _matched(pattern, name.partition("/")[2]) for name in names}
        if without := [name for name, group in groups.items() if not group]:
            logger.warning(f"{len(without)} clips do not match --group-pattern, as {without[0]}: each is its own group")
        return {name: group or name for name, group in groups.items()}
    inner = {name: name.partition("/")[2].rpartition("/")[0] for name in names}
    if any(inner.values()):
        logger.info("clips are grouped by the folders within those of the classes")
        return {name: folder or name for name, folder in inner.items()}
    for title, text in NAMES.items():
        matched = {name: _matched(re.compile(text), PurePosixPath(name).stem) for name in names}
        if sum(map(bool, matched.values())) >= USUAL_SHARE * len(names):
            logger.info(f"clips are named as in {title}, and grouped so")
            return {name: group or name for name, group in matched.items()}
    logger.warning(
        "each clip is a group of its own: clips of one speaker or source may be in different splits, so that scores "
        "are too good; name the part of the file names that such clips share with --group-pattern, as '^[^_]+'"
    )
    return {name: name for name in names}


def _matched(pattern: "re.Pattern[str]", text: str) -> str:
    match = pattern.search(text)
    return (" ".join(filter(None, match.groups())) or match.group()) if match else ""


def _events(frontend: Frontend, path: Path, channel: int | None, label: str) -> list[Annotation]:
    """Return the events of a clip of a class; one with the column `whole` when nothing rises in it."""
    pcm = _samples(path, frontend.config.sample_rate_hz, channel)
    duration_s = len(pcm) / frontend.config.sample_rate_hz
    found = proposals(frontend, pcm, BACKGROUND_SHARE)
    loudest = max((each.excess_db for each in found), default=0.0)
    events = _joined(each for each in found if each.excess_db >= FAINT_SHARE * loudest)
    inside = [(max(0.0, onset), min(offset, duration_s)) for onset, offset in events]
    place = str(path)
    kept = [Annotation(onset, offset, label, place=place) for onset, offset in inside if onset < offset]
    return kept or [Annotation(0.0, duration_s, label, columns={"whole": "yes"}, place=place)]


def _samples(path: Path, rate_hz: int, channel: int | None) -> NDArray[np.int16]:
    try:
        pcm = read_audio(path, rate_hz, channel).pcm
    except ValueError as error:
        raise AudioError(f"{path}: contains no samples; replace or remove the file") from error
    if not len(pcm):
        raise AudioError(f"{path}: contains no samples; replace or remove the file")
    return pcm


def _joined(found: Iterable[Proposal]) -> list[tuple[float, float]]:
    """Return (onset, offset) of the proposals, in which those that touch are one."""
    events: list[tuple[float, float]] = []
    for each in found:
        if events and each.onset - events[-1][1] < TOUCHING_S:
            events[-1] = events[-1][0], max(events[-1][1], each.offset)
        else:
            events.append((each.onset, each.offset))
    return events


def _described(clips: LabelledClips) -> str:
    """Return how many clips and events of each class there are, and how many groups."""
    count = Counter(event.label for events in clips.labels.values() for event in events)
    free = sum(not events for events in clips.labels.values())
    classes = ", ".join(f"{count[label]} events of {label}" for label in sorted(count))
    return (
        f"{len(clips.labels)} clips in {len(set(clips.groups.values()))} groups: {classes or 'no events'}; {free} "
        "clips without events"
    )
