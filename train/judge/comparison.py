"""A detector beside the one before it, on recordings that neither was trained on, with a verdict in plain sentences."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from stapes.firmware_sim.errors import DatasetError
from stapes.runtime.audio import AudioFile
from stapes.runtime.audio.convert import Channel
from stapes.runtime.detector import Detector
from stapes.train.data.dataset import Recording
from stapes.train.data.options import inherited_channel
from stapes.train.judge.differences import Change, ClassComparison, Differences, Heard, Verdict, differences
from stapes.train.judge.judged import JudgedRecording, judge_recordings
from stapes.train.judge.metrics import ONSET, Collar, plain
from stapes.train.judge.overlap import content_ids, overlap_warning
from stapes.train.text import first_names

CLAIMS: tuple[Verdict, Verdict] = ("better", "worse")


@dataclass(frozen=True)
class Comparison:
    """A new detector beside another one, which is called the one before."""

    before: str  # path of the detector
    n_recordings: int  # that were compared
    left_out: tuple[str, ...]  # names of recordings that one of the two was trained on
    warning: str  # why the figures of the one before are too good; empty without a reason
    only_now: tuple[str, ...]  # classes that only the new detector knows; nothing is compared for them
    only_before: tuple[str, ...]
    differences: Differences
    summary: str  # what they mean, in plain sentences

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; figures that are not defined are None."""
        return dict(plain(asdict(self)))


def compare(
    before_path: Path, detector: Detector, heard: Heard, onset: Collar = ONSET, channel: Channel | None = None
) -> Comparison:
    """Run the detector before on the recordings that `detector` was judged on, and compare the two.

    channel: that both hear; None: each hears the channel of its own training.
    Recordings that one of them was trained on are left out, because they would favour it. Raises DetectorFolderError,
    AudioError, and DatasetError when no recording or no class is left to compare.
    """
    before = Detector.load(before_path)
    classes = [label for label in detector.classes if label in before.classes]
    if not classes:
        raise DatasetError(
            f"{before_path}: its classes are {', '.join(before.classes)}, none of which {detector.folder.path} knows "
            f"({', '.join(detector.classes)}); compare detectors of the same sounds"
        )
    judged, background = (_not_trained_on((before, detector), each) for each in (heard.judged, heard.background))
    kept = [each.recording for each in (*judged, *background)]
    left_out = [each.recording.name for each in (*heard.judged, *heard.background) if each.recording not in kept]
    if not judged:
        raise DatasetError(
            f"{before_path} cannot be compared with {detector.folder.path}: one of them was trained on every recording "
            f"that is judged ({first_names(left_out)}); name recordings that are new to both"
        )
    own = inherited_channel(channel, before.folder)
    former = Heard(
        *(judge_recordings(before, [_heard_by(own, one.recording) for one in each]) for each in (judged, background))
    )
    found = differences(former, Heard(judged, background), classes, onset)
    return Comparison(
        before=str(before_path),
        n_recordings=len(judged),
        left_out=tuple(left_out),
        warning=overlap_warning(before.folder, kept),
        only_now=tuple(label for label in detector.classes if label not in classes),
        only_before=tuple(label for label in before.classes if label not in classes),
        differences=found,
        summary=_summary(found),
    )


def _heard_by(channel: int | None, recording: Recording) -> Recording:
    """Return the recording with this channel; one that has a single channel, as clips have, is heard as it is."""
    if recording.channel == channel or AudioFile(recording.path, 1).channels == 1:
        return recording
    return replace(recording, channel=channel)


def _not_trained_on(detectors: Sequence[Detector], judged: Sequence[JudgedRecording]) -> list[JudgedRecording]:
    trained_on = {content for each in detectors for content in each.folder.provenance.get("trained_on", [])}
    contents = content_ids([each.recording for each in judged])
    return [each for each, content in zip(judged, contents, strict=True) if content not in trained_on]


def _summary(found: Differences) -> str:
    return f"{_of_classes(found.classes)} {_of_alarms(found.false_alarms_per_hour)}"


def _of_classes(classes: dict[str, ClassComparison]) -> str:
    labels: dict[Verdict, list[str]] = {"better": [], "worse": [], "equal": [], "unclear": []}
    for label, each in classes.items():
        verdict, one = each.f1_onset.verdict, each.f1_onset.difference
        shown = f" {verdict} (F1 {one.value:+.2f}, {one.low:+.2f} to {one.high:+.2f})" * (verdict in CLAIMS)
        labels[verdict].append(label + shown)
    said = []
    if claims := labels["better"] + labels["worse"]:
        said.append(f"the new detector hears {words(claims)}")
    if labels["equal"]:
        said.append(f"both detectors do equally well on {words(labels['equal'])}")
    if labels["unclear"]:
        said.append(f"for {words(labels['unclear'])} these recordings cannot tell which one is better")
    text = "; ".join(said)
    return f"{text[0].upper()}{text[1:]}."


def _of_alarms(change: Change) -> str:
    if change.verdict == "equal":
        return "Both raise the same number of false alarms."
    if change.verdict == "unclear":
        return "Whether it raises fewer false alarms, these recordings cannot tell."
    one = change.difference
    fewer = "fewer" if change.verdict == "better" else "more"
    least, most = sorted((abs(one.low), abs(one.high)))
    return f"It raises {abs(one.value):.1f} {fewer} false alarms per hour ({least:.1f} to {most:.1f})."


def words(names: Sequence[str]) -> str:
    """Return for example `a, b and c`."""
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
