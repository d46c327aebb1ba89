"""Write scores and events in the formats of other evaluation libraries (sed_scores_eval, psds_eval, sed_eval).

OUT/
  scores/ID.tsv      per step: onset, offset, and the probability of each class, smoothed as in the detector
  ground_truth.tsv   filename, onset, offset, event_label; recordings without events have a row without times
  detected.tsv       the same for the events that the detector found
  durations.tsv      filename, duration
The ID of a recording is its name without suffix, with `__` in place of every slash.
"""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from stapes.firmware_sim.device.events import probability
from stapes.firmware_sim.outputs import Mark, new_folder
from stapes.runtime.detector import Detector
from stapes.runtime.labels import write_dcase
from stapes.train.judge.evaluate import timed_scores
from stapes.train.judge.judged import JudgedRecording

MARK = Mark("durations.tsv")  # --force replaces only folders that hold it


def export_scores(out: Path, detector: Detector, judged: Sequence[JudgedRecording], force: bool) -> None:
    """Write the folder in one go. Raises OutputError when `out` exists and cannot be replaced."""
    with new_folder(out, force=force, mark=MARK) as draft:
        (draft / "scores").mkdir()
        for each in judged:
            (draft / "scores" / f"{recording_id(each)}.tsv").write_text(_scores(detector, each), encoding="utf-8")
        files = {f"{recording_id(each)}.wav": each for each in judged}
        truth = {name: each.recording.annotations for name, each in files.items()}
        (draft / "ground_truth.tsv").write_text(write_dcase(truth), encoding="utf-8")
        found = {name: each.detected for name, each in files.items()}
        (draft / "detected.tsv").write_text(write_dcase(found), encoding="utf-8")
        rows = [f"{name}\t{each.recording.duration_s:.6f}\n" for name, each in files.items()]
        (draft / MARK.file).write_text("filename\tduration\n" + "".join(rows), encoding="utf-8")


def recording_id(judged: JudgedRecording) -> str:
    """Return the ID under which a recording is exported."""
    return str(Path(judged.recording.name).with_suffix("")).replace("/", "__")


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
