"""Write scores and events in the formats of other evaluation libraries (sed_scores_eval, psds_eval, sed_eval).

OUT/
  scores/ID.tsv      per step: onset, offset, and the probability of each class, smoothed as in the detector
  ground_truth.tsv   filename, onset, offset, event_label; recordings without events have a row without times
  detected.tsv       the same for the events that the detector found
  durations.tsv      filename, duration
The ID of a recording is its name without suffix, with `__` in place of every slash. Where that is the ID of another one
already, `-2`, `-3` and so on is added.
"""

import csv
import io
import logging
from collections.abc import Sequence
from pathlib import Path

from stapes.firmware_sim.device.events import probability
from stapes.firmware_sim.outputs import Mark, new_folder
from stapes.runtime.detector import Detector
from stapes.runtime.labels import write_dcase
from stapes.train.judge.evaluate import timed_scores
from stapes.train.judge.judged import JudgedRecording

logger = logging.getLogger(__name__)

MARK = Mark("durations.tsv")  # --force replaces only folders that hold it


def export_scores(out: Path, detector: Detector, judged: Sequence[JudgedRecording], force: bool) -> None:
    """Write the folder in one go. Raises OutputError when `out` exists and cannot be replaced.

    Warns of each recording whose ID had to be changed, as its files do not have the name that is to be expected.
    """
    ids = _distinct_ids([each.recording.name for each in judged])
    with new_folder(out, force=force, mark=MARK) as draft:
        (draft / "scores").mkdir()
        for name, each in zip(ids, judged, strict=True):
            (draft / "scores" / f"{name}.tsv").write_text(_scores(detector, each), encoding="utf-8")
        files = {f"{name}.wav": each for name, each in zip(ids, judged, strict=True)}
        truth = {name: each.recording.annotations for name, each in files.items()}
        (draft / "ground_truth.tsv").write_text(write_dcase(truth), encoding="utf-8")
        found = {name: each.detected for name, each in files.items()}
        (draft / "detected.tsv").write_text(write_dcase(found), encoding="utf-8")
        rows = [f"{name}\t{each.recording.duration_s:.6f}\n" for name, each in files.items()]
        (draft / MARK.file).write_text("filename\tduration\n" + "".join(rows), encoding="utf-8")


def _distinct_ids(names: Sequence[str]) -> list[str]:
    """Return the IDs under which the recordings of these names are exported, in the same order."""
    plain = [str(Path(name).with_suffix("")).replace("/", "__") for name in names]
    taken: dict[str, str] = {}  # ID -> name of its recording
    for own, name in zip(plain, names, strict=True):
        number, distinct = 1, own
        while distinct in taken or (number > 1 and distinct in plain):
            number += 1
            distinct = f"{own}-{number}"
        if number > 1:
            logger.warning(f"{name} is exported as {distinct}, because {own} is {taken[own]}")
        taken[distinct] = name
    return list(taken)


def _scores(detector: Detector, judged: JudgedRecording) -> str:
    """Return the table of scores; steps whose scores are for the time before the recording are left out."""
    scored = timed_scores(detector, judged)
    text = io.StringIO()
    table = csv.writer(text, delimiter="\t", lineterminator="\n")
    table.writerow(["onset", "offset", *detector.classes])
    probabilities = probability(scored.scores)
    for begin, end, row in zip(scored.edges_s[:-1], scored.edges_s[1:], probabilities, strict=True):
        if end > begin:
            table.writerow([f"{begin:.6f}", f"{end:.6f}", *(f"{each:.8f}" for each in row)])
    return text.getvalue()
