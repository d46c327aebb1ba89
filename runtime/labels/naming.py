"""Decides which recording the labels of a file belong to when label files are converted."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from stapes.firmware_sim.errors import ConfigError, LabelError
from stapes.runtime.labels.annotation import Annotation
from stapes.runtime.labels.names import RecordingNames, is_audio, name_of_file
from stapes.runtime.walk import hidden, walk_files

logger = logging.getLogger(__name__)


@dataclass
class Naming:
    """Names recordings as they are on disk, below the folder `audio` or else beside the label file."""

    audio: Path | None  # names are relative to it; None: names stay as they are in the label files
    recording: str | None = None  # the name of the one recording whose labels are read
    elsewhere: list[str] = field(default_factory=list)  # name and recording of each that was found in another folder
    _folders: dict[Path, RecordingNames] = field(default_factory=dict)
    _came_from: dict[str, Path] = field(default_factory=dict)  # folder of the label file that named a recording first

    def recording_of(self, name: str, file: Path, events: Sequence[Annotation]) -> str:
        """Return the name of the recording that the label file `file` calls `name`.

        Raises LabelError, with file and line, when no or several recordings have the name, and when labels of two
        recordings would be merged.
        """
        place = events[0].place if events and is_audio(name) else file
        try:
            found = self._found(name, file)
        except LabelError as error:
            raise LabelError(f"{place}: {error}") from None
        first = self._came_from.setdefault(found, file.parent)
        if self.audio is None and first.absolute() != file.parent.absolute():
            raise LabelError(
                f"{place}: labels of {found!r} were read from {first} already, and this may be another recording; name "
                "the folder of the recordings with --audio, or convert the folders one by one"
            )
        return found

    def _found(self, name: str, file: Path) -> str:
        if self.recording is not None:
            return self._by_name(self.recording, file) if self.audio else self.recording
        if self.audio is None:
            return name if name != name_of_file(file) else self._beside(name, file)
        if name == name_of_file(file):
            recordings = self._in(self.audio)
            found = recordings.relative(recordings.find_for(file))
            if Path(found).stem not in (name, file.stem):
                logger.warning(f"{file}: taken for the labels of {found}, with whose name it begins")
            return found
        return self._by_name(name, file)

    def _by_name(self, name: str, file: Path) -> str:
        assert self.audio is not None
        recordings = self._in(self.audio)
        found = recordings.find(name, file.parent)
        if recordings.differs_in_folders(name, found):
            self.elsewhere.append(f"{name} is {recordings.relative(found)}")
        return recordings.relative(found)

    def _beside(self, name: str, file: Path) -> str:
        """Return the name with the suffix of the recording beside the label file; unchanged when there is none."""
        if file.parent not in self._folders:
            files = [each for each in file.parent.iterdir() if is_audio(each.name) and not each.name.startswith(".")]
            self._folders[file.parent] = RecordingNames(file.parent, files)
        recordings = self._folders[file.parent]
        return recordings.relative(recordings.find_for(file)) if recordings.has_name_of(file) else name

    def _in(self, folder: Path) -> RecordingNames:
        """Return the recordings below a folder, which is walked through once."""
        if folder not in self._folders:
            if not folder.is_dir():
                raise ConfigError(f"{folder}: no such folder; give the folder of the recordings with --audio")
            files = [each for each in walk_files(folder) if is_audio(each.name) and not hidden(each, folder)]
            self._folders[folder] = RecordingNames(folder, files)
        return self._folders[folder]

    def log_elsewhere(self) -> None:
        """Log the names that were matched by their file name alone, although the recording lies in other folders."""
        if self.elsewhere:
            count = len(self.elsewhere)
            logger.warning(f"{count} names match by file name only, in another folder; check: {self.elsewhere[0]}")
