"""Converts label files from one format to another."""

import logging
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from stapes.firmware_sim.errors import ConfigError, LabelError, OutputError, StapesError
from stapes.firmware_sim.outputs import require_new, write_whole
from stapes.runtime.labels.annotation import Annotation, Problems, duplicates, overlapping
from stapes.runtime.labels.dcase import COLUMNS, replace_rows
from stapes.runtime.labels.formats import LABEL_FORMATS, Reader, recognize
from stapes.runtime.labels.naming import Naming

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Conversion:
    """What to read and what to write."""

    files: Sequence[Path]
    source: str | None  # one of LABEL_FORMATS; None: recognized for each file
    target: str  # one of LABEL_FORMATS
    out: Path | None  # a file, or a folder for formats with one file per recording; None: stdout
    audio: Path | None  # folder of the recordings; names in the result are relative to it
    columns: Mapping[str, str]  # filename, onset, offset or event_label -> its name in the files
    force: bool = False  # replace existing files
    update: bool = False  # replace only the rows of these recordings in the existing table `out`
    recording: str | None = None  # the recording of the one label file, whatever the file names
    skip_bad: bool = False  # leave out and count bad and repeated rows instead of stopping at the first bad one


def convert_labels(conversion: Conversion) -> None:
    """Read every file, then write the result. After an error nothing is written.

    Raises LabelError, which names file and line, ConfigError and OutputError.
    """
    if conversion.recording is not None and len(conversion.files) != 1:
        raise ConfigError(
            f"--recording names the recording of one label file, not of {len(conversion.files)}; give one"
        )
    bad: list[StapesError] = []
    naming = Naming(conversion.audio, conversion.recording)
    recordings: dict[str, list[Annotation]] = {}
    for path in conversion.files:
        for name, events in _read(path, conversion, naming, bad).items():
            recordings.setdefault(name, []).extend(events)
    naming.log_elsewhere()
    if bad:
        logger.warning(f"{len(bad)} bad rows or names are left out; the first is {bad[0]}")
    _note_repeated_and_overlapping(recordings, conversion.skip_bad)
    if conversion.update:
        _update(recordings, conversion)
        return
    texts = _texts(recordings, conversion)
    if conversion.out is None:
        sys.stdout.write("".join(text for _, text in texts))
        return
    try:
        _require_new([target for target, _ in texts], conversion.force)
        for target, text in texts:
            target.parent.mkdir(parents=True, exist_ok=True)
            write_whole(target, text)
    except OSError as error:
        name = error.filename if len(str(error.filename)) < 200 else f"{str(error.filename)[:200]}…"
        raise OutputError(
            f"{name}: cannot be written ({error.strerror}); choose another --out, or rename the recording"
        ) from error
    logger.info(f"{sum(map(len, recordings.values()))} labels of {len(recordings)} recordings are in {conversion.out}")


def _update(recordings: Mapping[str, Sequence[Annotation]], conversion: Conversion) -> None:
    if conversion.out is None or conversion.target != "dcase" or not conversion.out.is_file():
        raise ConfigError("--update changes an existing table: name the table with --out, and leave out --to")
    write_whole(conversion.out, replace_rows(conversion.out, recordings))
    logger.info(f"rows of {len(recordings)} recordings are replaced in {conversion.out}")


def parse_columns(text: str) -> dict[str, str]:
    """Return {"onset": "start", ...} for `onset=start,...`. Raises ConfigError for another name or a missing `=`."""
    columns = {}
    for part in filter(None, text.split(",")):
        name, equals, column = part.partition("=")
        if not equals or name.strip() not in COLUMNS:
            raise ConfigError(f"--columns {part!r}: write NAME=COLUMN with NAME one of {', '.join(COLUMNS)}")
        columns[name.strip()] = column.strip()
    return columns


def _read(path: Path, conversion: Conversion, naming: Naming, bad: list[StapesError]) -> dict[str, list[Annotation]]:
    """Return recording name -> annotations of one file; bad rows and names are raised or put into `bad`."""
    collected = bad if conversion.skip_bad else None
    problems, before = Problems(collected), len(bad)
    recordings: dict[str, list[Annotation]] = {}
    try:
        found = _reader(path, conversion)(path, collected)
    except LabelError as error:  # the format could not be recognized
        problems.keep(error)
        return recordings
    if conversion.recording is not None and len(found) > 1:
        raise LabelError(
            f"{path}: has labels of {len(found)} recordings ({', '.join(sorted(found)[:3])}), but --recording names "
            "one; leave the option out"
        )
    for name, events in found.items():
        if len(bad) > before and not events:
            continue  # no row could be read, which does not mean that the recording has no events
        try:
            recordings.setdefault(naming.recording_of(name, path, events), []).extend(events)
        except LabelError as error:
            problems.keep(error)
    return recordings


def _reader(path: Path, conversion: Conversion) -> Reader:
    if path.is_dir():
        raise ConfigError(f"{path} is a folder; if it holds a folder of clips per class, read it with --from folders")
    source, columns = conversion.source or recognize(path), conversion.columns
    form = LABEL_FORMATS[source]
    if not columns:
        return form.read if conversion.audio is None or form.read_paths is None else form.read_paths
    if form.read_renamed is not None and set(columns) <= set(form.renamable):
        return form.read_renamed(columns)
    instead = f"name only {' and '.join(form.renamable)}" if form.renamable else "leave it out"
    raise ConfigError(
        f"--columns names the columns of a table, but {path} is read as {form.title}, where "
        f"{'other' if form.renamable else 'all'} columns have fixed names; {instead}"
    )


def _note_repeated_and_overlapping(recordings: Mapping[str, list[Annotation]], skip: bool) -> None:
    """Log which rows repeat another or overlap one of their class; with `skip`, remove repeated ones."""
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


def _texts(recordings: Mapping[str, Sequence[Annotation]], conversion: Conversion) -> list[tuple[Path, str]]:
    """Return (file, text) of every file to write; on stdout the file has no meaning."""
    form = LABEL_FORMATS[conversion.target]
    if form.write_all is not None:
        return [(conversion.out or Path("-"), form.write_all(recordings))]
    assert form.write_one is not None
    if conversion.out is None or (conversion.out.suffix and not conversion.out.is_dir()):
        if len(recordings) != 1:
            raise ConfigError(
                f"{conversion.target} has one file per recording, and there are {len(recordings)} recordings; "
                "name a folder with --out"
            )
        return [(conversion.out or Path("-"), form.write_one(next(iter(recordings.values()))))]
    folder = conversion.out
    for name, events in recordings.items():
        if Path(name).is_absolute() or ".." in Path(name).parts or not Path(name).name:
            place = events[0].place if events else name
            raise LabelError(
                f"{place}: {name!r} leads out of {folder}; write names relative to the folder of the recordings"
            )
    return [((folder / name).with_suffix(form.suffix), form.write_one(each)) for name, each in recordings.items()]


def _require_new(targets: Sequence[Path], force: bool) -> None:
    if len(set(targets)) < len(targets):
        twice = next(target for target in targets if targets.count(target) > 1)
        raise OutputError(
            f"two recordings whose names differ only in their suffix would be written to {twice}; rename one"
        )
    for target in filter(Path.exists, targets):
        require_new(target, force)
