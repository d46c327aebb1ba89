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
from pathlib import Path

import numpy as np

from stapes.firmware_sim.device.frontend import Frontend, FrontendConfig, make_tables
from stapes.firmware_sim.outputs import Mark, new_folder, require_new_folder
from stapes.runtime.audio import read_audio
from stapes.runtime.audio.convert import Channel
from stapes.runtime.console import Progress
from stapes.runtime.detector import Detector
from stapes.runtime.labels import Annotation, write_audacity
from stapes.runtime.onsets import Proposal, proposals
from stapes.train.data.dataset import audio_files
from stapes.train.data.options import channel_number, inherited_channel
from stapes.train.text import table

logger = logging.getLogger(__name__)

GROUPS_MAX = 8
SILHOUETTE_MIN = 0.1  # below this silhouette score all sounds count as one group

MARK = Mark("suggestions.tsv")  # --force replaces only folders that hold it


@dataclass(frozen=True)
class Example:
    """A proposal as it is told to the user."""

    name: str  # of the recording
    event: Annotation
    excess_db: float


def suggest(folder: Path, out: Path, detector_path: Path | None, force: bool, channel: Channel | None = None) -> None:
    """Write a label track for every recording below `folder`; print the size and an example of each group.

    channel: that is heard; None: as in the detector's training, without a detector the mean of all.

    Raises AudioError, DatasetError (no recordings) and OutputError (`out` exists and cannot be replaced).
    """
    require_new_folder(out, force, MARK)
    detector = Detector.load(detector_path) if detector_path else None
    hear = inherited_channel(channel, detector.folder) if detector else channel_number(channel or "mean")
    frontend = Frontend(make_tables(FrontendConfig() if detector is None else detector.folder.frontend))
    files = audio_files(folder)
    progress = Progress("listening", len(files))
    found: list[list[Proposal]] = []
    known: list[list[Annotation]] = []
    for path in files:
        pcm = read_audio(path, frontend.config.sample_rate_hz, hear).pcm
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
