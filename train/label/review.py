"""`stapes review`: write a detector's mistakes as Audacity label tracks and sound clips, to listen to and correct.

OUT/
  reference/ detected/ missed/ false/   in each, one label track per recording with the name of the recording
  clips/                                the worst mistakes as WAV, named kind_class_probability_recording_time
  review.tsv                            every mistake, the worst first
"""

import logging
from collections.abc import Sequence
from pathlib import Path

import soundfile

from stapes.firmware_sim.outputs import Mark, new_folder, require_new_folder
from stapes.runtime.audio.convert import Channel
from stapes.runtime.detector import Detector
from stapes.runtime.labels import write_audacity
from stapes.train.judge.evaluate import Judgement, evaluate
from stapes.train.judge.judged import JudgedRecording
from stapes.train.label.mistakes import Mistake, excerpt, outcomes, worst_mistakes

logger = logging.getLogger(__name__)

MARK = Mark("review.tsv")  # --force replaces only folders that hold it
AROUND_S = 1.0  # sound before and after the event in a clip


def review(
    detector_path: Path,
    dataset_path: Path,
    split: str | None,
    out: Path,
    n_clips: int,
    force: bool,
    channel: Channel | None = None,
) -> None:
    """Evaluate a detector and write its mistakes.

    channel: that is heard; None: as in training.

    Raises OutputError, before any work, when `out` exists and cannot be replaced.
    """
    require_new_folder(out, force, MARK)
    evaluation, heard = evaluate(detector_path, dataset_path, split, Judgement(channel=channel))
    judged = heard.judged
    detector = Detector.load(detector_path)
    worst = worst_mistakes(detector, judged)
    with new_folder(out, force=force, mark=MARK) as draft:
        for each in judged:
            _write_tracks(draft, each)
        clips = {id(each): _write_clip(draft, detector, each) for each in worst[:n_clips]}
        (draft / MARK.file).write_text(_table(worst, clips), encoding="utf-8")
    missed = sum(each.kind == "missed" for each in worst)
    logger.info(
        f"{missed} missed events and {len(worst) - missed} false alarms in {len(judged)} recordings of "
        f"{evaluation.split} were written to {out}"
    )


def _write_tracks(folder: Path, judged: JudgedRecording) -> None:
    kinds = outcomes(judged)
    kinds["reference"] += judged.recording.ignored  # because the corrected track replaces the labels of the recording
    for kind, events in kinds.items():
        track = (folder / kind / judged.recording.name).with_suffix(".txt")
        track.parent.mkdir(parents=True, exist_ok=True)
        track.write_text(write_audacity(sorted(events, key=lambda event: event.onset)), encoding="utf-8")


def _write_clip(folder: Path, detector: Detector, mistake: Mistake) -> str:
    """Write the sound around a mistake; return the path of the file relative to `folder`."""
    stem = Path(mistake.judged.recording.name).stem
    label = "".join(each if each.isalnum() else "_" for each in mistake.event.label)
    name = f"{mistake.kind}_{label}_{100 * mistake.probability:02.0f}_{stem}_{mistake.event.onset:.2f}s.wav"
    path = folder / "clips" / name
    path.parent.mkdir(exist_ok=True)
    rate = detector.sample_rate_hz
    soundfile.write(path, excerpt(mistake, rate, AROUND_S).pcm, rate, subtype="PCM_16")
    return str(path.relative_to(folder))


def _table(worst: Sequence[Mistake], clips: dict[int, str]) -> str:
    rows = ["filename\tonset\toffset\tevent_label\tmistake\tprobability\tclip"]
    for each in worst:
        event = each.event
        times = f"{event.onset:.3f}\t{event.offset:.3f}"
        clip = clips.get(id(each), "")
        rows.append(
            f"{each.judged.recording.name}\t{times}\t{event.label}\t{each.kind}\t{each.probability:.3f}\t{clip}"
        )
    return "\n".join(rows) + "\n"
