"""A recording of a dataset while it is being read, before its part is known."""

from dataclasses import dataclass, field
from pathlib import Path

from stapes.runtime.labels import Annotation
from stapes.runtime.live.clip_files import Description


@dataclass
class Entry:
    """A recording with its labels, and what keeps it together with other recordings."""

    path: Path
    name: str  # path relative to the dataset, with slashes
    split: str  # "" until the recordings are split
    group: str
    group_by: str
    sources: set[str]
    duration_s: float
    annotations: list[Annotation] = field(default_factory=list)
    ignored: list[Annotation] = field(default_factory=list)
    why: str = ""  # why it belongs to its split, as text
    channel: int | None = None  # that is heard, counted from 1; None: the mean of all
    clip: Description | None = None  # None: no clip that `stapes listen` recorded

    @property
    def marks(self) -> set[str]:
        """Its group and sources; recordings that share one must stay in the same split."""
        return {f"group {self.group}", *(f"source {each}" for each in self.sources)}
