"""The spectrogram of a clip, as the frontend of a detector hears it."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stapes.firmware_sim.device.frontend import Frontend
from stapes.runtime.audio import read_audio

MOST_COLUMNS = 2048  # more than a screen has pixels


def clip_spectrogram(path: Path, frontend: Frontend) -> NDArray[np.uint8]:
    """Return uint8[bands, columns] of a whole clip, 0 = quiet; a column is the maximum of equally many frames.

    Raises AudioError when it cannot be read.
    """
    features = frontend.features(read_audio(path, frontend.config.sample_rate_hz).pcm)
    frames = -(-len(features) // MOST_COLUMNS) or 1  # of each column
    padded = np.pad(features, ((0, -len(features) % frames), (0, 0)), constant_values=-128)
    columns = padded.reshape(-1, frames, features.shape[1]).max(axis=1)
    return (columns.astype(np.int16) + 128).astype(np.uint8).T
