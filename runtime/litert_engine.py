"""The engine that runs the detector's .tflite with LiteRT's reference kernels."""

from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from numpy.typing import NDArray

from stapes.firmware_sim.device.folder import DetectorFolder
from stapes.firmware_sim.device.generated_c import generated_c
from stapes.firmware_sim.errors import ModelError
from stapes.firmware_sim.tflite.graph import read_model
from stapes.firmware_sim.tflite.litert import unknown_to_litert


class LitertEngine:
    """LiteRT with its `BUILTIN_REF` kernels, whose results the compiled model must equal bit for bit.

    LiteRT crashes on some models that the compiler refuses, and on a form that the compiler alone knows, so the model
    is looked at first. Raises ModelError where one of the two refuses it.
    """

    def __init__(self, folder: DetectorFolder) -> None:
        states = generated_c(folder).description.states
        unknown = unknown_to_litert(read_model(folder.model).main)
        if unknown is not None:
            raise ModelError(f"{folder.path / 'model.tflite'}: LiteRT cannot run {unknown}; choose the engine c")
        self._folder = folder
        self._interpreter, input_details, output_details = self._new_interpreter()
        # The folder lists the tensors in the subgraph's order, which is LiteRT's.
        inputs = {spec.name: each["index"] for spec, each in zip(folder.model_inputs, input_details, strict=True)}
        outputs = {spec.name: each["index"] for spec, each in zip(folder.model_outputs, output_details, strict=True)}
        self._features, self._scores = inputs.pop("features"), outputs.pop("scores")
        self._states = [(inputs[name], outputs[name]) for name in inputs]
        shapes = {spec.name: spec.shape for spec in folder.model_inputs}
        self._features_shape = shapes["features"]
        self._start = [
            (inputs[spec.name], np.full(spec.shape, spec.zero_point, np.int8))
            for spec in folder.model_inputs
            if spec.name in inputs
        ]
        self._keeps_states_inside = len(states) > len(self._states)
        self._n_classes = len(folder.classes)
        self.reset()

    def run(self, features: NDArray[np.int8]) -> NDArray[np.int8]:
        """Return scores int8[steps, classes] for features int8[steps, frames_per_step, bands]."""
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
        """Set every state to what it is before the first step."""
        if self._keeps_states_inside:  # variables: LiteRT's reset_all_variables leaves resource variables as they are
            self._interpreter, _, _ = self._new_interpreter()
        for state, start in self._start:
            self._interpreter.set_tensor(state, start)

    def _new_interpreter(self) -> tuple[Interpreter, list[dict[str, Any]], list[dict[str, Any]]]:
        """Return an interpreter of the model, and what it says of its inputs and outputs."""
        try:
            model = Interpreter(
                model_content=self._folder.model,
                experimental_op_resolver_type=OpResolverType.BUILTIN_REF,
                num_threads=1,
            )
            model.allocate_tensors()
            return model, model.get_input_details(), model.get_output_details()
        except (RuntimeError, ValueError) as error:  # what LiteRT raises for a model that it refuses
            raise ModelError(
                f"{self._folder.path / 'model.tflite'}: LiteRT refuses it ({error}); train or copy the detector again"
            ) from error
