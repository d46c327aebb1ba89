"""What a detector learns from beside the recordings of its dataset: other recordings, and other detectors."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from stapes.firmware_sim.device.folder import DetectorFolder
from stapes.firmware_sim.errors import ConfigError, DatasetError
from stapes.train.data.background import Background, require_not_labelled
from stapes.train.data.content import content_id
from stapes.train.data.dataset import Dataset, Recording
from stapes.train.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Sources:
    """Recordings from outside of a dataset, and detectors, that a training learns from."""

    background: Background = field(default_factory=Background)  # recordings that are free of events
    start: DetectorFolder | None = None  # whose weights training goes on from
    teacher: DetectorFolder | None = None  # whose scores are targets beside the labels
    unlabelled: tuple[Recording, ...] = ()  # recordings whose only targets are the teacher's scores

    @property
    def former(self) -> DetectorFolder | None:
        """The detector whose split of the recordings is kept, so that nothing it was trained on is judged."""
        return self.start or self.teacher

    def require_suitable(self, dataset: Dataset, settings: Settings) -> None:
        """Raise DatasetError or ConfigError when these sources do not suit the dataset or the settings."""
        if self.start and self.start.classes != dataset.classes:
            raise DatasetError(
                f"{dataset.path}: its classes are {', '.join(dataset.classes)}, but those of {self.start.path} are "
                f"{', '.join(self.start.classes)}: training goes on with the same classes only"
            )
        if self.unlabelled and not self.teacher:
            raise ConfigError(
                f"{self.unlabelled[0].path}: recordings without labels need a teacher, whose scores are learned "
                "there; name a detector with --teacher, or give recordings without any event as --background"
            )
        if self.teacher:
            _require_same_task(self.teacher, dataset, settings)
        require_not_labelled([*self.background.train, *self.background.val], dataset)
        self._require_not_judged(dataset)

    def _require_not_judged(self, dataset: Dataset) -> None:
        """Raise DatasetError for a recording that the detector would both learn from and be judged on."""
        trained, judged = _places(dataset, "train"), _places(dataset, "val", "test")
        quiet = {content_id(each.path): f"{each.path} in its background" for each in self.background.val}
        for option, recordings, places, use in (
            ("--background", self.background.train, judged, "on which the detector is judged"),
            ("--background", self.background.val, trained, "which is trained on, so it cannot count false alarms"),
            ("--unlabelled", self.unlabelled, quiet | judged, "on which the detector is judged"),
        ):
            for each in recordings:
                if place := places.get(content_id(each.path)):
                    raise DatasetError(
                        f"{each.path}: is the same recording as {place}, {use}; leave it out of {option}"
                    )

    def warnings(self, dataset: Dataset) -> Iterator[str]:
        """Yield why the detector's figures on val will say little."""
        val = [content_id(each.path) for each in dataset.splits["val"]]
        for folder, name, remedy in (
            (self.teacher, "the teacher", "train the teacher without them"),
            (self.start, "the detector that training goes on from", "have other recordings in val"),
        ):
            known = set(folder.provenance.get("trained_on", ())) if folder else set()
            if seen := sum(content in known for content in val):
                yield (
                    f"{name} was trained on {seen} of the {len(val)} recordings of val: scores there will be too "
                    f"good, and thresholds chosen on them too high; {remedy}"
                )

    def identity(self) -> list[str]:
        """Return lines of text that are the same only for the same sources."""
        named = {
            "background": [*self.background.train, *self.background.val],
            "unlabelled": self.unlabelled,
        }
        return [
            f"start {self.start.model_sha256 if self.start else ''}",
            f"teacher {self.teacher.model_sha256 if self.teacher else ''}",
            *(f"{name} {content_id(each.path)}" for name, recordings in named.items() for each in recordings),
        ]

    def learned_contents(self) -> set[str]:
        """Return the identities of all recordings that the weights learn from through these sources."""
        formers = [each for each in (self.start, self.teacher) if each]
        own = {content_id(each.path) for each in (*self.background.train, *self.unlabelled)}
        return own.union(*(each.provenance.get("trained_on", ()) for each in formers))


def _places(dataset: Dataset, *splits: str) -> dict[str, str]:
    """Return where the recordings of these splits are, by their content."""
    return {
        content_id(each.path): f"{each.name} in the split {split} of {dataset.path}"
        for split in splits
        for each in dataset.splits.get(split, ())
    }


def _require_same_task(teacher: DetectorFolder, dataset: Dataset, settings: Settings) -> None:
    if set(teacher.classes) != set(dataset.classes):
        raise DatasetError(
            f"{dataset.path}: its classes are {', '.join(dataset.classes)}, but those of the teacher {teacher.path} "
            f"are {', '.join(teacher.classes)}: a teacher needs the same classes"
        )
    own, given = settings.frontend.sample_rate_hz, teacher.frontend.sample_rate_hz
    if own != given:
        # Resampled sound lacks what lies above half of the lower rate, which the teacher was trained to hear.
        raise ConfigError(
            f"{teacher.path} hears {given} samples per second, but this training {own}: a teacher must hear the same; "
            "set sample_rate_hz in the table [frontend] of a --config, or train the teacher at that rate"
        )
    if teacher.clock.step_s > settings.training.sequence_s:
        raise ConfigError(
            f"{teacher.path} has a score every {teacher.clock.step_s:g} s, but a training sequence is only "
            f"{settings.training.sequence_s:g} s long; raise sequence_s in the table [training] of a --config"
        )
