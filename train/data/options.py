"""How a dataset is read: how its recordings are grouped, which channel is heard, and what training has decided."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from stapes.firmware_sim.device.folder import DetectorFolder
from stapes.firmware_sim.errors import DetectorFolderError
from stapes.runtime.audio.convert import Channel


@dataclass(frozen=True)
class DatasetOptions:
    """How a dataset is read."""

    group_pattern: str = ""  # a regular expression; recordings in whose names it matches the same text are one group
    channel: int | None = None  # of the recordings, counted from 1; None: the mean of all channels
    trained: Mapping[str, str] = field(default_factory=dict)  # content of a recording -> its split in a training


AS_THEY_ARE = DatasetOptions()


def channel_number(channel: Channel) -> int | None:
    """Return the number of a channel, or None for the mean of all."""
    return None if channel == "mean" else channel


def inherited_channel(given: Channel | None, folder: DetectorFolder) -> int | None:
    """Return the channel that was given, or else that of training. Raises DetectorFolderError if that is none."""
    if given is None:
        given = folder.provenance.get("channel", "mean")
        if given != "mean" and (not isinstance(given, int) or given < 1):
            raise DetectorFolderError(
                f'{folder.path / "detector.json"}: channel is {given!r}, neither a number from 1 nor "mean"; '
                "give --channel"
            )
    return channel_number(given)
