"""The engine that runs the C which `stapes compile` generated, compiled for this machine."""

import numpy as np
from numpy.typing import NDArray

from stapes.firmware_sim.device.folder import DetectorFolder
from stapes.firmware_sim.device.host import CompiledModel, is_built
from stapes.firmware_sim.errors import DetectorFolderError, ToolchainError


def is_compiled_here(folder: DetectorFolder) -> bool:
    """Return whether exactly the C sources of this folder were compiled on this machine before."""
    try:
        folder.model_description()
        return is_built(folder.path / "c")
    except (ToolchainError, DetectorFolderError):
        return False


class CompiledEngine:
    """Runs the folder's compiled C.

    Raises DetectorFolderError when the folder has no C or its C was made from another model, and ToolchainError when
    no C compiler is installed.
    """

    def __init__(self, folder: DetectorFolder) -> None:
        folder.model_description()
        self._model = CompiledModel(folder.path / "c")
        self._features_shape = self._model.inputs[0].shape
        self._n_classes = len(folder.classes)

    def run(self, features: NDArray[np.int8]) -> NDArray[np.int8]:
        """Return scores int8[steps, classes] for features int8[steps, frames_per_step, bands]."""
        (scores,) = self._model.run_steps(features.reshape(-1, *self._features_shape))
        return scores.reshape(len(features), self._n_classes)

    def reset(self) -> None:
        """Set every state to its zero point."""
        self._model.reset()
