"""`stapes labels`: label files of one format as another."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from glob import escape
from pathlib import Path

from stapes.firmware_sim.errors import ConfigError, LabelError, OutputError, StapesError
from stapes.runtime.audio import FILE_SUFFIXES
from stapes.runtime.console import note
from stapes.runtime.labels.annotation import Annotation
from stapes.runtime.labels.dcase import COLUMNS, read_dcase, replace_rows
from stapes.runtime.labels.formats import LABEL_FORMATS, recognize
from stapes.runtime.outputs import require_new, write_whole


@dataclass(frozen=True)
class Conversion:
    """What to read and what to write."""

    files: Sequence[Path]
    source: str | None  # name of the format; None: as each file looks
    target: str
    out: Path | None  # a file, or a folder for formats with one file per recording; None: stdout
    audio: Path | None  # folder of the recordings, to which names in the result are relative
    columns: Mapping[str, str]  # what filename, onset, offset and event_label are called in CSV files
    force: bool = False
    update: bool = False  # `out` is a table: replace the rows of these recordings and keep the others
    skip_bad: bool = False  # leave bad rows out and count them, instead of stopping at the first


def convert_labels(conversion: Conversion) -> None:
    """Read every file, then write; nothing after an error. Raises LabelError (file and line) and OutputError."""
    bad: list[StapesError] | None = [] if conversion.skip_bad else None
    recordings: dict[str, list[Annotation]] = {}
    for path in conversion.files:
        for name, events in _read(path, conversion, bad).items():
            recordings.setdefault(_recording(name, path, conversion.audio), []).extend(events)
    if bad:
        note(f"note: {len(bad)} bad rows left out, the first: {bad[0]}")
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
    note(f"{sum(map(len, recordings.values()))} labels of {len(recordings)} recordings in {conversion.out}")


def _update(recordings: Mapping[str, Sequence[Annotation]], conversion: Conversion) -> None:
    if conversion.out is None or conversion.target != "dcase" or not conversion.out.is_file():
        raise ConfigError("--update changes a table that exists: name it with --out, and no other --to than dcase")
    write_whole(conversion.out, replace_rows(conversion.out, recordings))
    note(f"rows of {len(recordings)} recordings replaced in {conversion.out}")


def parse_columns(text: str) -> dict[str, str]:
    """Return {"onset": "start", ...} for `onset=start,...`; ConfigError for another name or a missing `=`."""
    columns = {}
    for part in filter(None, text.split(",")):
        name, equals, column = part.partition("=")
        if not equals or name.strip() not in COLUMNS:
            raise ConfigError(f"--columns {part!r}: write NAME=COLUMN with NAME one of {', '.join(COLUMNS)}")
        columns[name.strip()] = column.strip()
    return columns


def _read(path: Path, conversion: Conversion, bad: list[StapesError] | None) -> dict[str, list[Annotation]]:
    source = conversion.source or recognize(path)
    if conversion.columns and source not in ("csv", "dcase"):
        raise ConfigError(f"--columns names the columns of a table, and {path} is read as {source}; leave it out")
    read = partial(read_dcase, names=conversion.columns) if conversion.columns else LABEL_FORMATS[source].read
    return read(path, bad)


def _recording(name: str, path: Path, audio: Path | None) -> str:
    """Return the recording's name: a label file that is named after its recording does not say how that ends."""
    if Path(name).suffix.lower() in FILE_SUFFIXES:
        return name
    if audio is None:
        beside = [name + suffix for suffix in FILE_SUFFIXES if (path.parent / (name + suffix)).is_file()]
        return beside[0] if len(beside) == 1 else name
    files = audio.rglob(f"{escape(Path(name).name)}.*")
    called = [each.relative_to(audio) for each in files if each.suffix.lower() in FILE_SUFFIXES]
    lying_alike = [each for each in called if path.parts[-len(each.parts) : -1] == each.parts[:-1]]
    found = lying_alike if len(called) > 1 else called
    if len(found) != 1:
        raise LabelError(f"{path}: {len(called)} recordings below {audio} are called {name!r}; one is needed")
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
