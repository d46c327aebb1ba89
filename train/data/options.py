"""How a dataset is read: how its recordings are grouped, which channel is heard, and what training has decided."""

from dataclasses import dataclass

from stapes.firmware_sim.device.folder import DetectorFolder
from stapes.firmware_sim.errors import DetectorFolderError
from stapes.runtime.audio.convert import Channel


@dataclass(frozen=True)
class DatasetOptions:
    """How a dataset is read."""

    group_pattern: str = ""  # a regular expression; recordings in whose names it matches the same text are one group
    channel: int | None = None  # of the recordings, counted from 1; None: the mean of all channels


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


def inherited_options(group_pattern: str | None, channel: Channel | None, folder: DetectorFolder) -> DatasetOptions:
    """Return the options that were given, and those of training for each that is None: the dataset is read as then."""
    if group_pattern is None:
        group_pattern = str(folder.provenance.get("group_pattern", ""))
    return DatasetOptions(group_pattern, inherited_channel(channel, folder))
