"""What computes the model's step: LiteRT's reference kernels, or the detector's compiled C; the same bits."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from stapes.firmware_sim.device.folder import DetectorFolder
from stapes.firmware_sim.errors import ConfigError, DetectorFolderError, ToolchainError

ENGINES = ("auto", "litert", "c")


class Engine(Protocol):
    """Runs steps one after the other and keeps the states between them."""

    def run(self, features: NDArray[np.int8]) -> NDArray[np.int8]:
        """int8[steps, frames_per_step, bands] -> scores int8[steps, classes]."""

    def reset(self) -> None:
        """Put every state at its zero point."""


def choose_engine(folder: DetectorFolder, name: str) -> Engine:
    """Return the engine `name`.

    "c" builds and runs the C that lies in the folder, so ask for it only where you trust the folder's maker. "auto" is
    the compiled C when exactly this C was built on this machine before, else LiteRT. ConfigError for another name.
    """
    if name == "c" or (name == "auto" and _built_here(folder)):
        return CompiledEngine(folder)
    if name in ENGINES:
        return LitertEngine(folder)
    raise ConfigError(f"engine {name!r} is not known; use one of {', '.join(ENGINES)}")


def _built_here(folder: DetectorFolder) -> bool:
    from stapes.firmware_sim.device.host import is_built

    try:
        folder.model_description()
        return is_built(folder.path / "c")
    except (ToolchainError, DetectorFolderError):
        return False


class CompiledEngine:
    """The C that `stapes compile` generated, built for this machine.

    DetectorFolderError when there is none or it was made from another model, ToolchainError without a C compiler.
    """

    def __init__(self, folder: DetectorFolder) -> None:
        from stapes.firmware_sim.device.host import CompiledModel

        folder.model_description()
        self._model = CompiledModel(folder.path / "c")
        self._features_shape = self._model.inputs[0].shape
        self._n_classes = len(folder.classes)

    def run(self, features: NDArray[np.int8]) -> NDArray[np.int8]:
        """int8[steps, frames_per_step, bands] -> scores int8[steps, classes]."""
        (scores,) = self._model.run_steps(features.reshape(-1, *self._features_shape))
        return scores.reshape(len(features), self._n_classes)

    def reset(self) -> None:
        """Put every state at its zero point."""
        self._model.reset()


class LitertEngine:
    """LiteRT with the `BUILTIN_REF` kernels: the contract that the compiled model is held to."""

    def __init__(self, folder: DetectorFolder) -> None:
        from ai_edge_litert.interpreter import Interpreter, OpResolverType

        self._interpreter = Interpreter(
            model_content=folder.model, experimental_op_resolver_type=OpResolverType.BUILTIN_REF, num_threads=1
        )
        self._interpreter.allocate_tensors()
        # The folder lists the tensors in the subgraph's order, which is LiteRT's.
        details = self._interpreter.get_input_details()
        inputs = {spec.name: tensor["index"] for spec, tensor in zip(folder.model_inputs, details, strict=True)}
        details = self._interpreter.get_output_details()
        outputs = {spec.name: tensor["index"] for spec, tensor in zip(folder.model_outputs, details, strict=True)}
        self._features, self._scores = inputs.pop("features"), outputs.pop("scores")
        self._states = [(inputs[name], outputs[name]) for name in inputs]
        shapes = {spec.name: spec.shape for spec in folder.model_inputs}
        self._features_shape = shapes["features"]
        self._start = [
            (inputs[spec.name], np.full(spec.shape, spec.zero_point, np.int8))
            for spec in folder.model_inputs
            if spec.name in inputs
        ]
        self._n_classes = len(folder.classes)
        self.reset()

    def run(self, features: NDArray[np.int8]) -> NDArray[np.int8]:
        """int8[steps, frames_per_step, bands] -> scores int8[steps, classes]."""
        model = self._interpreter
        scores = np.empty((len(features), self._n_classes), np.int8)
        for step, frames in enumerate(features):
            model.set_tensor(self._features, frames.reshape(self._features_shape))
            model.invoke()
            scores[step] = model.get_tensor(self._scores).reshape(-1)
            for state, new_state in self._states:
                model.set_tensor(state, model.get_tensor(new_state))
        return scores

    def reset(self) -> None:
        """Put every state at its zero point."""
        for state, start in self._start:
            self._interpreter.set_tensor(state, start)
