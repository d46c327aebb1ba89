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

from stapes.firmware_sim.outputs import Mark, new_folder, require_new_folder
from stapes.runtime.audio.convert import Channel
from stapes.runtime.console import Progress
from stapes.runtime.labels import Annotation, write_audacity
from stapes.runtime.onsets import Proposal
from stapes.train.data.dataset import audio_files
from stapes.train.label.alike import comparable
from stapes.train.label.proposals import Heard, Listener
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
    listener = Listener(detector_path, channel)
    files = audio_files(folder)
    progress = Progress("listening", len(files))
    heard: list[Heard] = []
    for path in files:
        heard.append(listener.hear(path))
        progress.advance(path.name)
    groups = iter(group_similar([each for one in heard for each in one.sounds]))
    rows = ["filename\tonset\toffset\tevent_label\texcess_db"]
    examples: dict[str, list[Example]] = defaultdict(list)
    with new_folder(out, force=force, mark=MARK) as draft:
        for path, one in zip(files, heard, strict=True):
            named = [
                (Annotation(each.onset, each.offset, next(groups)), f"{each.excess_db:.1f}") for each in one.sounds
            ]
            both = sorted([*named, *((each, "") for each in one.events)], key=lambda each: each[0].onset)
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


def group_similar(found: Sequence[Proposal]) -> list[str]:
    """Return a label for each proposal: `group1` for the largest group of similar sounds, and so on.

    The number of groups, up to GROUPS_MAX, is the one with the best silhouette score. The result is deterministic.
    """
    from sklearn.cluster import KMeans
    from sklearn.metrics import silhouette_score

    if len(found) < 4:
        return ["group1"] * len(found)
    weighted = comparable(np.array([each.timbre for each in found]))
    best, best_score = np.zeros(len(found), np.int64), SILHOUETTE_MIN
    for count in range(2, min(GROUPS_MAX, len(found) - 1) + 1):
        members = KMeans(count, n_init=4, random_state=0).fit_predict(weighted)
        score = silhouette_score(weighted, members, sample_size=min(2000, len(found)), random_state=0)
        if score > best_score:
            best, best_score = members, score
    order = sorted(set(best.tolist()), key=lambda member: (-int((best == member).sum()), member))
    return [f"group{order.index(member) + 1}" for member in best.tolist()]
