"""`stapes inbox`: sort what woke a device, the clips of `stapes listen --record`, into material for the next training.

A person says of each clip whether its event happened ("right"), did not ("wrong"), was of another class ("other"), or
cannot be told ("unsure"). The track of the clip says so from then on, and its three files go to

    DATASET/train/clips/   (DATASET/clips/ where there is no train/) to be trained on: right ones are labelled events,
                           wrong ones are free of events
    CLIPS/judging/         set aside: never trained on, to compare detectors with
    CLIPS/unsure/          left out

A verdict is about the class that the clip was made for. What else the detector heard in it has a clip of its own, and
stays here as something that nobody has confirmed: labels such as `bark?`, which training ignores.

Which clips are set aside is decided by their group, and a group is a day: the sounds of a day share rooms, animals and
machines. A hash of its date takes one day in JUDGED_ONE_IN, whatever the clips of the day are and what is said of them.
Clips that share sound stay in one group over midnight. Clips that do not say when they were recorded are trained on.
"""

import hashlib
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Lock
from typing import Any, Literal

from stapes.firmware_sim.errors import AudioError, ConfigError, DatasetError
from stapes.runtime.audio import AudioFile
from stapes.runtime.labels import Annotation, read_audacity, write_audacity
from stapes.runtime.labels.names import is_audio
from stapes.runtime.live.clip_files import SORTED, event_in_track, near_miss_in_track, read_description
from stapes.train.label.clip_moves import ClipMoves, Move

Verdict = Literal["right", "wrong", "other", "unsure", "undo"]
VERDICTS: tuple[Verdict, ...] = ("right", "wrong", "other", "unsure", "undo")
JUDGED_ONE_IN = 5
WITHOUT_TIME = "without a time"  # the group of clips that do not say when they were recorded
WAITING, TRAIN, JUDGING, UNSURE = "waiting", "train", "judging", "unsure"


@dataclass(frozen=True)
class HeardEvent:
    """An event or a near miss in a clip; times in seconds of the clip."""

    kind: str  # "event" or "near miss"
    label: str
    onset: float
    offset: float
    probability: float | None


@dataclass(frozen=True)
class ClipInfo:
    """A clip, as its description tells of it."""

    name: str  # file name of its sound
    kind: str  # "event" or "near miss"
    label: str
    probability: float | None
    threshold: float | None
    begins: datetime | None  # UTC
    seconds: float
    events: Sequence[HeardEvent]  # in order of time, with the one that it was made for

    @property
    def ends(self) -> datetime | None:
        """UTC of its last sample."""
        return self.begins + timedelta(seconds=self.seconds) if self.begins else None


class Inbox:
    """The clips that wait to be sorted, and those that were. May be used by several threads and programs.

    Raises DatasetError for a folder that does not exist, and ConfigError when one lies in the other: a clip in the
    dataset is trained on before anybody has listened to it.
    """

    def __init__(self, clips: Path, dataset: Path) -> None:
        for folder, what in ((clips, "clips"), (dataset, "the dataset")):
            if not folder.is_dir():
                raise DatasetError(f"{folder}: no such folder; give the folder of {what}")
        if clips.resolve().is_relative_to(dataset.resolve()) or dataset.resolve().is_relative_to(clips.resolve()):
            raise ConfigError(
                f"{clips} and {dataset} lie in each other, so that clips are trained on before anybody has sorted "
                "them; move the folder of clips out of the dataset"
            )
        train = dataset / "train" if (dataset / "train").is_dir() else dataset
        self.places = {
            WAITING: clips,
            TRAIN: train / "clips",
            JUDGING: clips / "judging",
            UNSURE: clips / "unsure",
        }
        self._moves = ClipMoves(clips, self.places)
        self._infos: dict[str, ClipInfo] = {}  # of every clip seen so far: moves change nothing in it
        self._lock = Lock()

    def waiting(self) -> list[ClipInfo]:
        """Return the clips that nobody has sorted, the oldest first. Finishes a move that was broken off."""
        with self._lock, self._moves.alone():
            paths = [path for path in self._sounds(WAITING) if _is_clip(path) and not _placed(path)]
            return sorted(map(self.info, paths), key=_order)

    def counts(self) -> dict[str, int]:
        """Return the number of sorted clips in each place, and under each verdict."""
        counts = dict.fromkeys((TRAIN, JUDGING, UNSURE, "right", "wrong", "other"), 0)
        for place in (TRAIN, JUDGING, UNSURE):
            for path in self._sounds(place):
                placed = _placed(path)
                if placed:
                    counts[place] += 1
                    counts[placed["verdict"]] += placed["verdict"] != UNSURE
        return counts

    def sound(self, clip: str) -> Path:
        """Return the sound of a clip that waits. Raises DatasetError when there is no such clip."""
        path = self.places[WAITING] / clip
        if Path(clip).name != clip or not path.is_file() or read_description(path) is None:
            raise DatasetError(f"{clip}: no such clip waits in {self.places[WAITING]}; it may have been sorted already")
        return path

    def sort(self, clip: str, verdict: Verdict, label: str = "") -> Path:
        """Say what a clip is, and move it; return where its sound is now. `undo` brings a sorted clip back.

        label: the class, for the verdict "other".
        Raises DatasetError (no such clip, or labels that were changed after it was sorted), ConfigError (a verdict that
        does not exist, a class that is missing) and OutputError.
        """
        require_verdict(clip, verdict, label)
        with self._lock, self._moves.alone():
            return self._undo(clip) if verdict == "undo" else self._sort(clip, verdict, label.strip())

    def _sort(self, clip: str, verdict: Verdict, label: str) -> Path:
        path = self.sound(clip)
        info, content = self.info(path), _content(path)
        text = path.with_suffix(".txt").read_text(encoding="utf-8") if path.with_suffix(".txt").exists() else ""
        group = self._group(info)
        part = UNSURE if verdict == "unsure" else JUDGING if is_judged(group) else TRAIN
        track, unconfirmed = judged_track(path, info, verdict, label)
        content[SORTED] = {
            "verdict": verdict,
            "label": label or info.label,
            "part": part,
            "group": f"clips {group}",
            "track_before": text,
            "near_miss_labels_before": content["near_miss_labels"],
            "track": track,
        }
        content["near_miss_labels"] = unconfirmed
        return self._moves.move(Move(clip, WAITING, part, track, _text(content)))

    def _undo(self, clip: str) -> Path:
        for place in (TRAIN, JUDGING, UNSURE):
            path = self.places[place] / clip
            if Path(clip).name == clip and path.is_file() and (placed := _placed(path)):
                if path.with_suffix(".txt").read_text(encoding="utf-8") != placed["track"]:
                    raise DatasetError(
                        f"{path.with_suffix('.txt')}: its labels were changed after the clip was sorted; undo those "
                        "changes first, or leave the clip where it is"
                    )
                content = _content(path)
                content["near_miss_labels"] = placed["near_miss_labels_before"]
                del content[SORTED]
                return self._moves.move(Move(clip, place, WAITING, placed["track_before"], _text(content)))
        raise DatasetError(f"{clip}: no such clip was sorted into {self.places[TRAIN]} or set aside; nothing to undo")

    def _sounds(self, place: str) -> list[Path]:
        folder = self.places[place]
        return sorted(path for path in folder.iterdir() if is_audio(path.name)) if folder.is_dir() else []

    def info(self, path: Path) -> ClipInfo:
        """Return what is known of a clip in one of the places. Raises as `clip_info` does."""
        if path.name not in self._infos:
            self._infos[path.name] = clip_info(path)
        return self._infos[path.name]

    def _group(self, clip: ClipInfo) -> str:
        """Return the day on which the first of the clips began that share sound, directly or through others."""
        paths = [path for place in self.places for path in self._sounds(place)]
        others = [self.info(path) for path in paths if path.name in self._infos or _is_clip(path)]
        begins = first_of_chain(clip, others)
        return begins.date().isoformat() if begins else WITHOUT_TIME


def require_verdict(clip: str, verdict: str, label: str) -> None:
    """Raise ConfigError for a verdict that does not exist, or one that lacks its class."""
    if verdict not in VERDICTS:
        raise ConfigError(f"{clip}: verdict {verdict!r} is none of {', '.join(VERDICTS)}")
    if verdict == "other" and not label.strip():
        raise ConfigError(f"{clip}: the verdict `other` needs the class that was heard")
    if "\t" in label or "\n" in label or "\r" in label:
        raise ConfigError(f"{clip}: class {label!r} holds a tab or a line end, which no label track can hold")


def is_judged(group: str) -> bool:
    """Return whether the clips of a group are set aside for judging: for a day, a hash of its date decides."""
    digest = hashlib.sha256(f"clips for judging: {group}".encode()).digest()
    return group != WITHOUT_TIME and int.from_bytes(digest[:8]) % JUDGED_ONE_IN == 0


def first_of_chain(clip: ClipInfo, others: Iterable[ClipInfo]) -> datetime | None:
    """Return when the first of the clips began that share sound with a clip, directly or through others; UTC."""
    first = clip.begins
    for each in sorted((each for each in others if each.begins), key=_order, reverse=True):
        if first and each.begins and each.ends and each.begins < first <= each.ends:
            first = each.begins
    return first


def judged_track(path: Path, clip: ClipInfo, verdict: Verdict, label: str) -> tuple[str, list[str]]:
    """Return the text of the track of a waiting clip after a verdict, and the labels in it that nobody has confirmed.

    Raises LabelError when the track cannot be read.
    """
    description = read_description(path)
    near = description.near_miss_labels if description else frozenset()
    own = event_in_track(clip.label)
    meant = {each for each in near if each.rstrip("?") == own.rstrip("?") and each.startswith(own)}
    meant = meant if clip.kind == "near miss" else {own}
    heard = {event_in_track(each.label) for each in clip.events if each.kind == "event"} - meant
    classes = [each.label for each in clip.events]
    unconfirmed = {each: near_miss_in_track(each, classes) for each in heard if verdict != "unsure"}
    events = [
        replace(each, label=unconfirmed.get(each.label, each.label))
        for each in (read_audacity(path.with_suffix(".txt")) if path.with_suffix(".txt").exists() else ())
    ]
    if verdict in ("right", "other"):
        name = event_in_track(clip.label if verdict == "right" else label)
        made_for = _made_for(clip)
        if not any(each.label in {*meant, name} for each in events) and made_for:
            events.append(Annotation(made_for.onset, made_for.offset, name))
        events = [replace(each, label=name) if each.label in meant else each for each in events]
    elif verdict == "wrong":
        events = [each for each in events if each.label not in meant]
    left = {each.label for each in events}
    return write_audacity(events), sorted((near | set(unconfirmed.values())) & left)


def clip_info(path: Path) -> ClipInfo:
    """Return what the description of a clip tells. Raises DatasetError when it is damaged, AudioError for its sound."""
    content = _content(path)
    try:
        events = [_heard_event(each) for each in content["heard"]]
        clip = ClipInfo(
            path.name,
            str(content["kind"]),
            str(content["label"]),
            _number(content.get("probability")),
            _number(content.get("threshold")),
            None,
            AudioFile(path, 1).duration_s,
            sorted(events, key=lambda each: (each.onset, each.label)),
        )
        made_for = _made_for(clip)
        if not content.get("utc"):
            return clip
        utc = datetime.fromisoformat(content["utc"])
        utc = utc.astimezone(UTC) if utc.tzinfo else utc.replace(tzinfo=UTC)
        return replace(clip, begins=utc - timedelta(seconds=made_for.onset if made_for else 0.0))
    except AudioError:
        raise
    except (LookupError, TypeError, ValueError, OverflowError) as error:
        raise DatasetError(
            f"{path.with_suffix('.json')}: is no description of a clip ({error!r}); copy the clip again, or remove it"
        ) from error


def _heard_event(entry: dict[str, Any]) -> HeardEvent:
    onset, offset = float(entry["onset"]), float(entry["offset"])
    return HeardEvent(str(entry["kind"]), str(entry["label"]), onset, offset, _number(entry.get("probability")))


def _number(value: object) -> float | None:
    """Return a finite number of a description, or None where it says none."""
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def _made_for(clip: ClipInfo) -> HeardEvent | None:
    """Return the event or near miss that a clip was made for: of its class, kind and probability, where it says so."""
    same = [each for each in clip.events if (each.kind, each.label) == (clip.kind, clip.label)]
    exact = [each for each in same if each.probability == clip.probability]
    return next(iter([*exact, *same]), None)


def _order(clip: ClipInfo) -> tuple[float, str]:
    return clip.begins.timestamp() if clip.begins else 0.0, clip.name


def _is_clip(path: Path) -> bool:
    return read_description(path) is not None


def _content(path: Path) -> dict[str, Any]:
    description = read_description(path)
    if description is None:
        raise DatasetError(f"{path.with_suffix('.json')}: is no description of a clip; copy the clip again")
    return dict(description.content)


def _placed(path: Path) -> dict[str, Any]:
    """Return what was said of a clip when it was sorted; {} for one that waits, or whose description is damaged."""
    description = read_description(path)
    placed = description.content.get(SORTED) if description else None
    if not isinstance(placed, dict) or placed.get("verdict") not in VERDICTS:
        return {}
    texts = all(isinstance(placed.get(name), str) for name in ("track", "track_before"))
    return placed if texts and isinstance(placed.get("near_miss_labels_before"), list) else {}


def _text(content: dict[str, Any]) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"
