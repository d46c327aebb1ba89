"""What all handlers of the page share."""

from dataclasses import dataclass, field
from pathlib import Path

from stapes.firmware_sim.device.folder import DetectorFolder, read_folder
from stapes.firmware_sim.device.frontend import Frontend, FrontendConfig, make_tables
from stapes.firmware_sim.errors import ConfigError, DatasetError
from stapes.train.data.options import inherited_channel
from stapes.train.label.label_store import LabelStore
from stapes.train.label.states import States
from stapes.train.studio.changes import Changes


@dataclass(frozen=True)
class Studio:
    """A dataset to label, and what helps with it. Raises DatasetError or ConfigError for what does not exist."""

    dataset: Path  # folder; it may be empty
    detector: Path | None = None  # folder
    clips: Path | None = None  # folder of `stapes listen --record`
    changes: Changes = field(default_factory=Changes)
    labels: LabelStore = field(init=False)
    states: States = field(init=False)

    def __post_init__(self) -> None:
        if not self.dataset.is_dir():
            raise DatasetError(f"{self.dataset}: no such folder; make it; it may be empty")
        if self.detector is not None and not self.detector.is_dir():
            raise ConfigError(f"--detector {self.detector}: no such folder; give the folder of a detector")
        if self.clips is not None and not self.clips.is_dir():
            raise ConfigError(f"--clips {self.clips}: no such folder; give the folder of `stapes listen --record`")
        object.__setattr__(self, "labels", LabelStore(self.dataset))
        object.__setattr__(self, "states", States(self.dataset))
        self.detector_folder()  # a damaged detector is an error before anything is served

    def detector_folder(self) -> DetectorFolder | None:
        """Return the detector as it is on disk now. Raises DetectorFolderError when it cannot be used."""
        return read_folder(self.detector) if self.detector else None

    def frontend(self) -> Frontend:
        """Return the frontend with which the detector hears, or the default one."""
        folder = self.detector_folder()
        return Frontend(folder.tables if folder else make_tables(FrontendConfig()))

    def channel(self) -> int | None:
        """Return the channel that the detector hears, counted from 1; None: the mean of all."""
        folder = self.detector_folder()
        return inherited_channel(None, folder) if folder else None

    def classes(self) -> list[str]:
        """Return the classes of the detector in its order, then other labels of the dataset."""
        folder = self.detector_folder()
        known = list(folder.classes) if folder else []
        return [*known, *(label for label in self.labels.classes() if label not in known)]
