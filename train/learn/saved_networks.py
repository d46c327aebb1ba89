"""What a detector folder keeps of its training: the float network, and the settings to go on from it."""

from dataclasses import replace

import numpy as np

from stapes.firmware_sim.device.folder import DetectorFolder
from stapes.firmware_sim.errors import DetectorFolderError
from stapes.train.learn.network import FloatNetwork, Shape
from stapes.train.settings import read_settings


def load_float(folder: DetectorFolder, dropout: float = 0.0) -> FloatNetwork:
    """Return the float network of a detector. Raises DetectorFolderError without its `training` folder."""
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
    with np.load(training / "float.npz") as arrays:
        if len(arrays.files) != len(network.variables):
            raise DetectorFolderError(f"{training}/float.npz does not fit settings.toml beside it; train again")
        for index, variable in enumerate(network.variables):
            variable.assign(arrays[f"variable_{index:03}"])
    return network
