"""The table of label formats: what each is called, how it is read and written, and how a file is recognized."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from stapes.firmware_sim.errors import LabelError, StapesError
from stapes.runtime.labels.annotation import Annotation, read_lines
from stapes.runtime.labels.audacity import read_audacity, write_audacity
from stapes.runtime.labels.dcase import COLUMNS, read_dcase, write_csv, write_dcase
from stapes.runtime.labels.elan import read_elan, write_elan
from stapes.runtime.labels.jams import read_jams, write_jams
from stapes.runtime.labels.labelstudio import read_labelstudio, write_labelstudio
from stapes.runtime.labels.names import is_audio, name_of_file
from stapes.runtime.labels.raven import begins_raven, read_raven, write_raven
from stapes.runtime.labels.textgrid import read_textgrid
from stapes.runtime.labels.wav_marks import read_wav_marks

Recordings = Mapping[str, Sequence[Annotation]]  # name of a recording -> its annotations, [] when it has none
Reader = Callable[[Path, list[StapesError] | None], dict[str, list[Annotation]]]


@dataclass(frozen=True)
class LabelFormat:
    """One format of label files. `write_all` or `write_one` is given for a format that is written, too.

    A file made by `write_one` has the name of its recording, with `suffix`. A file is recognized by the last part of
    `suffix`; among formats that share it, by `begins`, and the format without `begins` is the default.
    """

    title: str  # as help texts name it
    suffix: str
    read: Reader
    read_paths: Reader | None = None  # names recordings by the whole paths in the file, to match them with a folder
    write_all: Callable[[Recordings], str] | None = None  # one file for many recordings
    write_one: Callable[[Sequence[Annotation]], str] | None = None  # one file for each recording
    begins: Callable[[str], bool] | None = None  # whether a file of this format can begin with this line
    renamable: Sequence[str] = ()  # the columns whose names `--columns` may give
    read_renamed: Callable[[Mapping[str, str]], Reader] | None = None  # the reader that uses these names


def _read_audacity(path: Path, collected: list[StapesError] | None) -> dict[str, list[Annotation]]:
    return {name_of_file(path): read_audacity(path, collected)}


def _read_dcase_renamed(columns: Mapping[str, str]) -> Reader:
    return partial(read_dcase, names=columns)


def _read_raven_renamed(columns: Mapping[str, str]) -> Reader:
    return partial(read_raven, label_column=columns["event_label"], whole_paths=True)


def _read_labelstudio_renamed(columns: Mapping[str, str]) -> Reader:
    return partial(read_labelstudio, audio_key=columns["filename"], whole_paths=True)


LABEL_FORMATS = {
    "audacity": LabelFormat("Audacity", ".txt", _read_audacity, write_one=write_audacity),
    "dcase": LabelFormat(
        "DCASE", ".tsv", read_dcase, write_all=write_dcase, renamable=COLUMNS, read_renamed=_read_dcase_renamed
    ),
    "csv": LabelFormat(
        "CSV", ".csv", read_dcase, write_all=write_csv, renamable=COLUMNS, read_renamed=_read_dcase_renamed
    ),
    "raven": LabelFormat(
        "Raven",
        ".selections.txt",
        read_raven,
        partial(read_raven, whole_paths=True),
        write_one=write_raven,
        begins=begins_raven,
        renamable=("event_label",),
        read_renamed=_read_raven_renamed,
    ),
    "labelstudio": LabelFormat(
        "Label Studio",
        ".json",
        read_labelstudio,
        partial(read_labelstudio, whole_paths=True),
        write_labelstudio,
        renamable=("filename",),
        read_renamed=_read_labelstudio_renamed,
    ),
    "elan": LabelFormat("ELAN", ".eaf", read_elan, write_one=write_elan),
    "textgrid": LabelFormat("Praat TextGrid", ".TextGrid", read_textgrid),
    "jams": LabelFormat("JAMS", ".jams", read_jams, write_one=write_jams),
    "wav": LabelFormat("marks inside of WAV files", ".wav", read_wav_marks),
}


WRITTEN = tuple(name for name, form in LABEL_FORMATS.items() if form.write_all or form.write_one)


def recognize(path: Path) -> str:
    """Return the name of the format that a label file has, judged by its suffix and its first line.

    Raises LabelError when no format has this suffix.
    """
    suffix = path.suffix.lower()
    alike = {name: form for name, form in LABEL_FORMATS.items() if Path("x" + form.suffix).suffix.lower() == suffix}
    if not alike and is_audio(path.name):
        raise LabelError(
            f"{path}: is a recording, and marks inside of it are read from WAV alone: open it in the program that set "
            "them, and export them as a label track"
        )
    if not alike:
        raise LabelError(
            f"{path}: no label format has the suffix {path.suffix!r}; name one of "
            f"{', '.join(LABEL_FORMATS)} with --from"
        )
    default, *others = sorted(alike, key=lambda name: alike[name].begins is not None)
    first_line = read_lines(path)[0] if others else ""
    return next((name for name in others if alike[name].begins(first_line)), default)  # type: ignore[misc]
