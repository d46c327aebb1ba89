"""Sound whose samples are all the same, of a dead or muted microphone or of digital silence: no time to listen in."""

import logging
from collections.abc import Iterable, Sequence
from contextlib import closing

import numpy as np
from numpy.typing import NDArray

from stapes.firmware_sim.errors import DatasetError
from stapes.runtime.audio import Converter, InputSettings
from stapes.runtime.audio.convert import in_opposite_phase
from stapes.train.data.dataset import Recording
from stapes.train.text import first_names

logger = logging.getLogger(__name__)


def without_constant(recordings: Sequence[Recording]) -> list[Recording]:
    """Return the recordings that hold sound, and warn of the others.

    Raises DatasetError when there are recordings and none holds sound, AudioError for one that cannot be read.
    """
    constants = [_constant(each) for each in recordings]
    heard = [each for each, constant in zip(recordings, constants, strict=True) if constant is None]
    if recordings and not heard:
        what = "the same in each recording" if any(constants) else "zero"
        raise DatasetError(
            f"{recordings[0].path.parent}: all samples are {what}; check the microphone and how the files were made"
        )
    silent = [str(each.path) for each, constant in zip(recordings, constants, strict=True) if constant is not None]
    if silent:
        logger.warning(
            f"{len(silent)} of {len(recordings)} recordings are left out, as all of their samples are the same: "
            f"{first_names(silent)}; check the microphone, or remove them"
        )
    return heard


def _constant(recording: Recording) -> int | None:
    """Return the value of all samples of a recording, None if they differ. Only as much is read as tells.

    The samples are taken at the rate of the file, as resampling a constant value changes it at both ends.
    """
    rate_hz = recording.audio(1).source_rate_hz
    converter, value = Converter(rate_hz, rate_hz, InputSettings(recording.channel)), None
    with closing(recording.audio(rate_hz).samples()) as blocks:
        for block in map(converter.push, blocks):
            value = int(block[0]) if value is None else value
            if (block != value).any():
                return None
    if converter.cancels:
        logger.warning(in_opposite_phase(str(recording.path)))
    return value or 0


def constant_stretches(blocks: Iterable[NDArray[np.int16]], least: int) -> NDArray[np.int64]:
    """Return int64[stretches, 2]: first sample and end of each stretch of at least `least` samples of one value.

    blocks: int16[samples] of any length, which follow each other.
    """
    found, start, position, value = [np.zeros((0, 2), np.int64)], 0, 0, None
    for block in blocks:
        if len(block):
            changes = np.flatnonzero(np.diff(block, prepend=block[0] if value is None else value))
            edges = np.concatenate([[start], position + changes])
            found.append(_long_stretches(edges, least))
            start, position, value = int(edges[-1]), position + len(block), block[-1]
    return np.concatenate([*found, _long_stretches(np.array([start, position]), least)])


def _long_stretches(edges: NDArray[np.int64], least: int) -> NDArray[np.int64]:
    stretches = np.stack([edges[:-1], edges[1:]], axis=1)
    return stretches[np.diff(edges) >= least]
