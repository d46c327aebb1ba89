"""`stapes labels`: label files of one format as another."""

import logging
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from glob import escape
from pathlib import Path

from stapes.firmware_sim.errors import ConfigError, LabelError, OutputError, StapesError
from stapes.firmware_sim.outputs import require_new, write_whole
from stapes.runtime.audio import FILE_SUFFIXES
from stapes.runtime.labels.annotation import Annotation, Problems, duplicates, overlapping
from stapes.runtime.labels.dcase import COLUMNS, replace_rows
from stapes.runtime.labels.formats import LABEL_FORMATS, Reader, recognize

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Conversion:
    """What to read and what to write."""

    files: Sequence[Path]
    source: str | None  # name of the format; None: as each file looks
    target: str
    out: Path | None  # a file, or a folder for formats with one file per recording; None: stdout
    audio: Path | None  # folder of the recordings, to which names in the result are relative
    columns: Mapping[str, str]  # what filename, onset, offset and event_label are called in the files
    force: bool = False
    update: bool = False  # `out` is a table: replace the rows of these recordings and keep the others
    skip_bad: bool = False  # leave bad and repeated rows out and count them, instead of stopping at the first bad one


def convert_labels(conversion: Conversion) -> None:
    """Read every file, then write; nothing after an error. Raises LabelError (file and line) and OutputError."""
    bad: list[StapesError] = []
    recordings: dict[str, list[Annotation]] = {}
    for path in conversion.files:
        for name, events in _read(path, conversion, bad).items():
            recordings.setdefault(name, []).extend(events)
    if bad:
        logger.warning(f"{len(bad)} bad rows or names left out, the first: {bad[0]}")
    _note_alike(recordings, conversion.skip_bad)
    if conversion.update:
        _update(recordings, conversion)
        return
    texts = _texts(recordings, conversion)
    if conversion.out is None:
        sys.stdout.write("".join(text for _, text in texts))
        return
    _require_new([target for target, _ in texts], conversion.force)
    for target, text in texts:
        target.parent.mkdir(parents=True, exist_ok=True)
        write_whole(target, text)
    logger.info(f"{sum(map(len, recordings.values()))} labels of {len(recordings)} recordings in {conversion.out}")


def _update(recordings: Mapping[str, Sequence[Annotation]], conversion: Conversion) -> None:
    if conversion.out is None or conversion.target != "dcase" or not conversion.out.is_file():
        raise ConfigError("--update changes a table that exists: name it with --out, and no other --to than dcase")
    write_whole(conversion.out, replace_rows(conversion.out, recordings))
    logger.info(f"rows of {len(recordings)} recordings replaced in {conversion.out}")


def parse_columns(text: str) -> dict[str, str]:
    """Return {"onset": "start", ...} for `onset=start,...`; ConfigError for another name or a missing `=`."""
    columns = {}
    for part in filter(None, text.split(",")):
        name, equals, column = part.partition("=")
        if not equals or name.strip() not in COLUMNS:
            raise ConfigError(f"--columns {part!r}: write NAME=COLUMN with NAME one of {', '.join(COLUMNS)}")
        columns[name.strip()] = column.strip()
    return columns


def _read(path: Path, conversion: Conversion, bad: list[StapesError]) -> dict[str, list[Annotation]]:
    """Return the annotations by the names of their recordings; bad rows and names are raised or put into `bad`."""
    collected = bad if conversion.skip_bad else None
    problems, before = Problems(collected), len(bad)
    recordings: dict[str, list[Annotation]] = {}
    try:
        found = _reader(path, conversion)(path, collected)
    except LabelError as error:  # what it is could not be read
        problems.keep(error)
        return recordings
    for name, events in found.items():
        if len(bad) > before and not events:
            continue  # nothing of it could be read: that does not say that it is free of events
        try:
            recordings.setdefault(_recording(name, path, events, conversion.audio), []).extend(events)
        except LabelError as error:
            problems.keep(error)
    return recordings


def _reader(path: Path, conversion: Conversion) -> Reader:
    source, columns = conversion.source or recognize(path), conversion.columns
    form = LABEL_FORMATS[source]
    if not columns:
        return form.read
    if form.read_renamed is not None and set(columns) <= set(form.renamable):
        return form.read_renamed(columns)
    instead = f"name only {' and '.join(form.renamable)}" if form.renamable else "leave it out"
    raise ConfigError(
        f"--columns names the columns of a table, but {path} is read as {form.title}, where "
        f"{'other' if form.renamable else 'all'} columns have fixed names; {instead}"
    )


def _note_alike(recordings: Mapping[str, list[Annotation]], skip: bool) -> None:
    """Say which rows repeat another or overlap one of their class; take repeated ones out where that was asked for."""
    repeated, overlaps = [], []
    for name, events in recordings.items():
        again = duplicates(events)
        repeated += again
        overlaps += [later for _, later in overlapping(_others(events, again))]
        if skip:
            recordings[name][:] = _others(events, again)
    if repeated:
        logger.warning(f"rows that repeat another: {_places(repeated)}{'' if skip else '; --skip-bad leaves them out'}")
    if overlaps:
        logger.warning(f"events that begin before another of their class ends: {_places(overlaps)}")


def _others(events: Sequence[Annotation], left_out: Sequence[Annotation]) -> list[Annotation]:
    rows = {id(each) for each in left_out}
    return [each for each in events if id(each) not in rows]


def _places(events: Sequence[Annotation], shown: int = 3) -> str:
    more = ", …" if len(events) > shown else ""
    return f"{len(events)} ({', '.join(each.place for each in events[:shown])}{more})"


def _recording(name: str, path: Path, events: Sequence[Annotation], audio: Path | None) -> str:
    """Return the recording's name: a label file that is named after its recording does not say how that ends."""
    whole = Path(name).suffix.lower() in FILE_SUFFIXES
    if audio is None:
        beside = [name + suffix for suffix in FILE_SUFFIXES if (path.parent / (name + suffix)).is_file()]
        return beside[0] if len(beside) == 1 and not whole else name
    if whole and (audio / name).is_file():
        return name
    files = audio.rglob(escape(Path(name).name) + ("" if whole else ".*"))
    called = [each.relative_to(audio) for each in files if each.suffix.lower() in FILE_SUFFIXES]
    lying_alike = [each for each in called if path.parts[-len(each.parts) : -1] == each.parts[:-1]]
    found = lying_alike if len(called) > 1 else called
    if len(found) != 1:
        place = events[0].place if whole and events else path
        raise LabelError(f"{place}: {len(called)} recordings below {audio} are called {name!r}; one is needed")
    return found[0].as_posix()


def _texts(recordings: Mapping[str, Sequence[Annotation]], conversion: Conversion) -> list[tuple[Path, str]]:
    """Return what goes into which file; on stdout the file does not matter."""
    form = LABEL_FORMATS[conversion.target]
    if form.write_all is not None:
        return [(conversion.out or Path("-"), form.write_all(recordings))]
    assert form.write_one is not None
    if conversion.out is None or (conversion.out.suffix and not conversion.out.is_dir()):
        if len(recordings) != 1:
            raise ConfigError(
                f"{conversion.target} keeps one file per recording, and these are {len(recordings)}; "
                "name a folder with --out"
            )
        return [(conversion.out or Path("-"), form.write_one(next(iter(recordings.values()))))]
    folder = conversion.out
    for name, events in recordings.items():
        if Path(name).is_absolute() or ".." in Path(name).parts:
            place = events[0].place if events else name
            raise LabelError(f"{place}: {name!r} leads out of {folder}; write names relative to the recordings' folder")
    return [((folder / name).with_suffix(form.suffix), form.write_one(each)) for name, each in recordings.items()]


def _require_new(targets: Sequence[Path], force: bool) -> None:
    if len(set(targets)) < len(targets):
        twice = next(target for target in targets if targets.count(target) > 1)
        raise OutputError(f"two recordings would be written to {twice}, as only their endings differ; rename one")
    for target in filter(Path.exists, targets):
        require_new(target, force)
