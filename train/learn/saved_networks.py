"""What a detector folder keeps of its training: the float network, and the settings to go on from it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stapes.firmware_sim.device.folder import DetectorFolder
from stapes.firmware_sim.errors import DetectorFolderError
from stapes.train.learn.network import FloatNetwork, Shape
from stapes.train.settings import read_settings


def load_float(folder: DetectorFolder, dropout: float = 0.0) -> FloatNetwork:
    """Return the float network of a detector.

    Raises DetectorFolderError without its `training` folder, and for weights that are damaged or of another network.
    """
    training = folder.path / "training"
    for name in ("settings.toml", "float.npz"):
        if not (training / name).is_file():
            raise DetectorFolderError(
                f"{training} holds no {name}, so its float network is not there; train the detector again"
            )
    shape = Shape.of(read_settings(training / "settings.toml").network, folder.frontend, len(folder.classes))
    for port in folder.model_inputs:  # the scale of training, which other versions may have chosen otherwise
        if port.name == "features" and port.scale is not None:
            shape = replace(shape, feature_scale=port.scale)
    network = FloatNetwork(shape, dropout)
    values = _arrays(training / "float.npz")
    expected = [(tuple(variable.shape), variable.dtype.as_numpy_dtype) for variable in network.variables]
    if [(value.shape, value.dtype) for value in values] != expected:
        raise DetectorFolderError(
            f"{training}/float.npz does not fit settings.toml beside it; copy the detector again, or train it again"
        )
    for variable, value in zip(network.variables, values, strict=True):
        variable.assign(value)
    return network


def _arrays(path: Path) -> list[NDArray[Any]]:
    """Return the arrays of a file in their order. Raises DetectorFolderError for a damaged one and for other names."""
    try:
        with np.load(path) as arrays:
            return [arrays[f"variable_{index:03}"] for index in range(len(arrays.files))]
    except Exception as error:  # numpy raises what its reading of a damaged file runs into, of a dozen types
        reason = " ".join(str(error).split())
        raise DetectorFolderError(
            f"{path}: is truncated or damaged ({reason}); copy the detector again, or train it again"
        ) from error
