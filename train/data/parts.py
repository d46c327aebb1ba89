"""Decide which recordings are for training, for choosing and for judging: train, val and test.

What the user decided comes first: the folders train/, val/ and test/, then split.tsv, which may not contradict them.
Material from `stapes mine` and clips from `stapes listen --record` are always for training, except those that `stapes
inbox` set aside. Where a detector is given, the recordings that it was made with keep the split that they had then, so
that none that it was trained on is judged. What is left is split by group, in proportion to the fractions; a hash of
each group's name would not depend on what else is there, but of five or ten groups, which is what most people have, it
often puts none into val. Whoever adds recordings and wants the parts to stay writes them down: `stapes check
--write-split`.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from stapes.firmware_sim.errors import DatasetError, LabelError
from stapes.runtime.labels import Annotation
from stapes.runtime.labels.annotation import Problems
from stapes.runtime.labels.names import same_form
from stapes.runtime.labels.table import read_table
from stapes.train.data.content import content_id
from stapes.train.data.entry import Entry
from stapes.train.data.findings import Findings
from stapes.train.data.split import FRACTIONS, HELD_OUT, connected, split_groups

SPLITS = ("train", "val", "test")
GROUP_COLUMN, SOURCE_COLUMN, PATTERN = "column `group`", "column `source`", "group pattern"
CLIP_GROUP = "day of the clips"
JUDGING = "judging"  # the part of clips that `stapes inbox` set aside
SAVED = "split.tsv"  # in the dataset: filename, split
TRAINED = "of the training"
IN_PROPORTION = ", in proportion"
MINED = "mined.tsv"  # in a folder that `stapes mine` wrote


@dataclass(frozen=True)
class Decision:
    """The split of a recording, and what decided it."""

    split: str
    by: str  # SAVED or TRAINED


@dataclass(frozen=True)
class Parts:
    """What decides which recordings are for training, for choosing and for judging."""

    folder: Path  # of the dataset
    fixed: Sequence[str]  # the splits that are folders; the entries in them have a split already
    trained: Mapping[str, str]  # content of a recording -> its split in the training of a detector


def assign_parts(parts: Parts, entries: list[Entry], found: Findings) -> str:
    """Set the split of every entry, and why it belongs there; return a description of how this was done.

    A split.tsv that is unusable, or contradicts the folders, is kept as an error.
    """
    folder, fixed = parts.folder, parts.fixed
    _place_chosen(folder, entries, found)
    saved = _read_saved(parts, entries, found)
    held_out = "train" in fixed and "val" not in fixed
    if held_out:
        for entry in entries:
            entry.split = "" if entry.split == "train" and entry.why == _in_folder("train") else entry.split
    loose = [each for each in entries if not each.split]
    fractions = FRACTIONS if not fixed else HELD_OUT if "val" not in fixed else {"train": 1.0}
    trained = _trained(loose, parts.trained)
    if held_out:  # what was judged on then and lies in train/ now may be trained on
        trained = {name: decision for name, decision in trained.items() if decision.split in fractions}
    decided = trained | {name: Decision(split, SAVED) for name, split in saved.items()}
    remark = _assign(loose, fractions, decided) if loose else ""
    described = [*([f"folders {', '.join(f'{split}/' for split in fixed)}"] if fixed else [])]
    by = sorted({each.group_by for each in loose} | {SOURCE_COLUMN for each in loose if each.sources})
    if held_out:
        described.append(f"val held out of train/ by {', '.join(by)}{remark}")
    elif loose and fixed:
        described.append(f"the rest is {' and '.join(fractions)} by {', '.join(by)}{remark}")
    elif loose or not fixed:
        described.append(f"split by {', '.join(by)}{remark}")
    if any(each.name in saved for each in loose):
        described.append(f"{SAVED} decides")
    if any(each.why == TRAINED for each in loose):
        described.append("recordings of the training keep their split")
    return "; ".join(described)


def _in_folder(split: str) -> str:
    return f"folder {split}/"


def _left_open(entry: Entry, fixed: Sequence[str]) -> Sequence[str]:
    """Return the splits that an entry may be in, given the folder that it lies in."""
    if not entry.split or entry.why != _in_folder(entry.split):
        return SPLITS
    return tuple(HELD_OUT) if entry.split == "train" and "val" not in fixed else (entry.split,)


def enter_folder(entry: Entry, split: str) -> None:
    """Put an entry into the split whose folder it lies in."""
    entry.split, entry.why = split, _in_folder(split)


def saved_split(recordings: Mapping[str, str]) -> str:
    """Return the text of a split.tsv for name of recording -> split."""
    return "filename\tsplit\n" + "".join(f"{name}\t{split}\n" for name, split in sorted(recordings.items()))


class MinedFolders:
    """The folders that `stapes mine` wrote, each looked at once."""

    def __init__(self) -> None:
        self._mined: dict[Path, bool] = {}

    def hold(self, file: Path, top: Path) -> bool:
        """Return whether a file lies in such a folder, which is `top` or lies below it."""
        above = [each for each in file.parents if each == top or top in each.parents]
        return any(self._is_mined(each) for each in above)

    def _is_mined(self, folder: Path) -> bool:
        if folder not in self._mined:
            self._mined[folder] = (folder / MINED).is_file()
        return self._mined[folder]


def _place_chosen(folder: Path, entries: Sequence[Entry], found: Findings) -> None:
    """Put recordings that a detector chose, because it failed or heard something there, into train."""
    mined = MinedFolders()
    for entry in entries:
        if entry.clip and entry.clip.part == JUDGING:
            _place_judging(entry, found)
            continue
        if entry.clip:
            kind, why = "recorded clips", "clip of `stapes listen`: always train"
        elif mined.hold(entry.path, folder):
            kind, why = "mined recordings", f"mined ({MINED}): always train"
        else:
            continue
        if entry.split in ("val", "test"):
            found.note(f"{kind} are in {entry.split}/: they flatter or spoil its figures", entry.path)
        else:
            entry.split, entry.why = "train", why


def _place_judging(entry: Entry, found: Findings) -> None:
    """Put a clip that was set aside for judging into test, unless it lies in the folder of a split."""
    if entry.split in ("train", "val"):
        kind = f"clips set aside for judging are in {entry.split}/: no detector that is made with them can be judged"
        found.note(f"{kind} on the others of their days", entry.path)
    elif not entry.split:
        entry.split, entry.why = "test", "clip that `stapes inbox` set aside: always test"


def _read_saved(parts: Parts, entries: Sequence[Entry], found: Findings) -> dict[str, str]:
    """Return name of recording -> split from the dataset's split.tsv; {} when there is none."""
    path = parts.folder / SAVED
    if not path.is_file():
        return {}
    saved: dict[str, str] = {}
    named = {same_form(each.name): each for each in entries}
    for place, row in read_table(path, ["filename", "split"], Problems(found.errors)):
        entry, split = named.get(same_form(row["filename"])), row["split"]
        if split not in SPLITS:
            found.error(LabelError(f"{place}: split {split!r} is none of {', '.join(SPLITS)}; correct the row"))
        elif entry is None:
            found.note(f"rows of {SAVED} name no recording: not used", place, row["filename"])
        elif split not in (left_open := _left_open(entry, parts.fixed)):
            found.error(
                DatasetError(
                    f"{place}: {entry.name} is in {split} here, but lies in {entry.split}/, which makes it "
                    f"{' or '.join(left_open)}; move it to {split}/, or delete the row"
                )
            )
        elif saved.setdefault(entry.name, split) != split:
            found.error(
                DatasetError(f"{place}: {entry.name} is in {split} here and in {saved[entry.name]} above; keep one row")
            )
    return saved


def _trained(entries: Sequence[Entry], trained: Mapping[str, str]) -> dict[str, Decision]:
    """Return name of recording -> the split that it had in the training of a detector, for those that were in it."""
    contents = {entry.name: content_id(entry.path) for entry in entries} if trained else {}
    return {name: Decision(trained[content], TRAINED) for name, content in contents.items() if content in trained}


def _assign(entries: Sequence[Entry], fractions: Mapping[str, float], decided: Mapping[str, Decision]) -> str:
    """Assign entries to splits, keeping together those that share a group or source.

    Returns a remark if there are fewer independent sets of recordings than splits, otherwise "".
    """
    together: dict[str, list[Entry]] = defaultdict(list)
    numbers = connected([each.marks for each in entries])
    first: dict[int, str] = {}
    for number, entry in zip(numbers, entries, strict=True):
        together[first.setdefault(number, entry.path.as_posix())].append(entry)
    tied = {name: [decided[each.name] for each in tie if each.name in decided] for name, tie in together.items()}
    # When recordings that belong together are in several, train comes before val before test.
    first_of = {name: min(some, key=lambda each: SPLITS.index(each.split)) for name, some in tied.items() if some}
    placed = {name: decision.split for name, decision in first_of.items()}
    amounts = {name: (sum(e.duration_s for e in tie), _events(tie)) for name, tie in together.items()}
    chosen = split_groups(amounts, fractions, placed)
    for name, tie in together.items():
        for entry in tie:
            own = decided.get(entry.name)
            entry.split = own.split if own else chosen[name]
            entry.why = own.by if own else _why(entry, first_of.get(name), fractions)
    if len(together) < min(len(entries), len(fractions)):
        count = "1 set that cannot" if len(together) == 1 else f"{len(together)} sets that cannot"
        return f"; shared groups and sources tie the {len(entries)} recordings into {count} be split"
    return ""


def _why(entry: Entry, placed: Decision | None, fractions: Mapping[str, float]) -> str:
    if placed:
        return f"belongs to a recording {'in ' if placed.by == SAVED else ''}{placed.by}"
    if len(fractions) == 1:
        return "not in val/ or test/"
    return f"by {entry.group_by}{', source' if entry.sources else ''}{IN_PROPORTION}"


def _events(entries: Iterable[Entry]) -> list[Annotation]:
    return [event for entry in entries for event in entry.annotations]


def note_leaks(entries: Sequence[Entry], found: Findings, ungrouped: str) -> None:
    """Add a note for every group and source in more than one split, and for recordings that have neither."""
    if len({each.split for each in entries}) < 2:
        return
    if all(each.group_by == "recording" and not each.sources for each in entries):
        for entry in entries:
            found.note(ungrouped, entry.path)
    splits: dict[tuple[str, str], set[str]] = defaultdict(set)
    for entry in entries:
        if entry.group_by in (GROUP_COLUMN, PATTERN, CLIP_GROUP):
            splits["groups", entry.group].add(entry.split)
        for source in entry.sources:
            splits["sources", source].add(entry.split)
    for (kind, name), parts in sorted(splits.items()):
        if len(parts) > 1:
            found.note(f"{kind} are in more than one split: scores will be too good", name, ", ".join(sorted(parts)))
