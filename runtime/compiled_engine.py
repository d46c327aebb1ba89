"""The engine that runs the C that is generated from a detector's model, compiled for this machine."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stapes.firmware_sim.device.folder import DetectorFolder
from stapes.firmware_sim.device.generated_c import generated_c
from stapes.firmware_sim.device.host import CompiledModel, is_built
from stapes.firmware_sim.errors import ToolchainError


def is_compiled_here(folder: DetectorFolder) -> bool:
    """Return whether the C of this model was compiled on this machine before. Raises ModelError as `generated_c`."""
    try:
        with _written(folder) as sources:
            return is_built(sources)
    except ToolchainError:
        return False


class CompiledEngine:
    """Runs the model as compiled C, which is generated anew from the folder's .tflite.

    Raises ModelError for a model that the compiler refuses, and ToolchainError when no C compiler is installed.
    """

    def __init__(self, folder: DetectorFolder) -> None:
        with _written(folder) as sources:
            self._model = CompiledModel(sources)
        self._features_shape = self._model.inputs[0].shape
        self._n_classes = len(folder.classes)

    def run(self, features: NDArray[np.int8]) -> NDArray[np.int8]:
        """Return scores int8[steps, classes] for features int8[steps, frames_per_step, bands]."""
        (scores,) = self._model.run_steps(features.reshape(-1, *self._features_shape))
        return scores.reshape(len(features), self._n_classes)

    def reset(self) -> None:
        """Set every state to its zero point."""
        self._model.reset()


@contextmanager
def _written(folder: DetectorFolder) -> Iterator[Path]:
    """Yield a new folder with the C, which nobody else can write to."""
    with tempfile.TemporaryDirectory(prefix="stapes-c-") as sources:
        generated_c(folder).write(Path(sources))
        yield Path(sources)
