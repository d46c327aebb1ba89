"""`stapes mine`: cut out the false alarms in recordings without events, as hard negatives for the next training.

OUT/
  *.wav *.txt   each false alarm with the sound around it, and an empty label track that says that it has no events
  mined.tsv     the recording and the time that each of them comes from
"""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from stapes.firmware_sim.errors import DatasetError
from stapes.firmware_sim.outputs import Mark, new_folder, require_new_folder
from stapes.runtime.audio import read_audio
from stapes.runtime.audio.convert import Channel
from stapes.runtime.console import Progress
from stapes.runtime.detector import Detector
from stapes.train.data.dataset import audio_files
from stapes.train.data.options import inherited_channel
from stapes.train.text import table

logger = logging.getLogger(__name__)

AROUND_S = 2.0  # sound kept before and after each false alarm; stretches that overlap are merged
MARK = Mark("mined.tsv")  # --force replaces only folders that hold it


def mine(detector_path: Path, folder: Path, out: Path, force: bool, channel: Channel | None = None) -> None:
    """Write the false alarms in all recordings below `folder` to `out`, and print their number per class and per hour.

    channel: that is heard; None: as in training.

    Raises DatasetError when there is no recording or no sample in any of them, AudioError for one that cannot be read,
    and OutputError when `out` exists and cannot be replaced.
    """
    require_new_folder(out, force, MARK)
    detector = Detector.load(detector_path)
    hear = inherited_channel(channel, detector.folder)
    files = audio_files(folder)
    progress = Progress("mining", len(files))
    rows = ["filename\tsource\tbegin\tend\tevent_labels"]
    counts, seconds = dict.fromkeys(detector.classes, 0), 0.0
    with new_folder(out, force=force, mark=MARK) as draft:
        for number, path in enumerate(files):
            pcm = read_audio(path, detector.sample_rate_hz, hear).pcm
            seconds += len(pcm) / detector.sample_rate_hz
            alarms = detector.detect(pcm)
            for each in alarms:
                counts[each.label] += 1
            spans = stretches([(each.onset, each.offset) for each in alarms], len(pcm) / detector.sample_rate_hz)
            for begin, end in spans:
                name = f"{number:04}_{path.stem}_{begin:.2f}s.wav"
                _write(draft / name, pcm, begin, end, detector.sample_rate_hz)
                labels = sorted({each.label for each in alarms if each.onset < end and each.offset > begin})
                rows.append(f"{name}\t{path.relative_to(folder)}\t{begin:.3f}\t{end:.3f}\t{','.join(labels)}")
            progress.advance(path.name)
        (draft / MARK.file).write_text("\n".join(rows) + "\n", encoding="utf-8")
        if not seconds:
            raise DatasetError(f"{folder}: its {len(files)} recordings hold no samples; record some without any event")
    progress.close(f"{seconds / 3600:.2f} h")
    per_hour = [[label, str(count), f"{count / seconds * 3600:.1f}"] for label, count in counts.items()]
    for line in table(["class", "false alarms", "per hour"], per_hour):
        print(line)
    logger.info(f"{len(rows) - 1} stretches were written to {out}; move this folder into the train split of a dataset")


def stretches(events: Sequence[tuple[float, float]], duration_s: float) -> list[tuple[float, float]]:
    """Return (begin, end) in seconds of events, given as (onset, offset), with AROUND_S of sound around them.

    Stretches that overlap are merged; none reaches outside of the recording.
    """
    joined: list[tuple[float, float]] = []
    for onset, offset in sorted(events):
        begin, end = max(0.0, onset - AROUND_S), min(duration_s, offset + AROUND_S)
        if joined and begin <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(end, joined[-1][1])
        else:
            joined.append((begin, end))
    return joined


def _write(path: Path, pcm: NDArray[np.int16], begin_s: float, end_s: float, rate_hz: int) -> None:
    soundfile.write(path, pcm[round(begin_s * rate_hz) : round(end_s * rate_hz)], rate_hz, subtype="PCM_16")
    path.with_suffix(".txt").write_text("", encoding="utf-8")
