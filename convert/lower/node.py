"""One operator in its graph, as the files of layers/ see it: typed access, and errors that name operator and tensor."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NoReturn

import numpy as np

from stapes.convert.lower.arithmetic import activation_range
from stapes.convert.lower.packing import Layout
from stapes.convert.lower.refusals import LONGEST_FINDING, Refusal, RefusedOperatorError
from stapes.firmware_sim.tflite.graph import SCALE_OF_ZEROS, Graph, Operator, Tensor
from stapes.firmware_sim.tflite.schema import ACTIVATIONS

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Node:
    """An operator in its graph; `name` is the C name of its layer."""

    graph: Graph
    operator: Operator
    name: str
    layouts: tuple[Layout, ...]
    options: Mapping[str, float]  # attributes by the names in OPTIONS of the operator's file

    def refuse(self, found: str, supported: str) -> NoReturn:
        """Raise ModelError, which says which operator it is, what was found, and what is supported."""
        shown = found if len(found) < LONGEST_FINDING else found[:LONGEST_FINDING] + "…"
        raise RefusedOperatorError(Refusal(self.operator, self.name, shown, supported))

    def warn(self, text: str) -> None:
        """Tell whoever compiles the model about this operator."""
        logger.warning("operator %d (%s, %s): %s", self.operator.number, self.operator.kind, self.name, text)

    def expect(self, inputs: tuple[int, ...], outputs: int = 1) -> None:
        """Refuse another number of inputs than these, or another number of outputs."""
        counts = len(self.operator.inputs), len(self.operator.outputs)
        if counts[0] not in inputs or counts[1] != outputs:
            self.refuse(
                f"{counts[0]} inputs and {counts[1]} outputs",
                f"{' or '.join(map(str, inputs))} inputs, {outputs} outputs",
            )

    def expect_values(self, outputs: bool = True) -> None:
        """Refuse quantized tensors without elements; outputs: whether they are looked at, too.

        An output that nothing needs may be empty: TensorFlow splits the products of a GRU into parts of which some are.
        """
        for number in (*self.operator.inputs, *self.operator.outputs * outputs):
            tensor = self.graph.tensors[number]
            empty = number >= 0 and tensor.dtype in ("int8", "uint8", "int16") and not tensor.count
            if empty and self._is_needed(number):
                self.refuse(f"tensor {tensor.name} has shape {list(tensor.shape)}", "sizes of at least 1")

    def expect_scales(self) -> None:
        """Refuse constants with the scale 0, at which LiteRT ends the process in some operators."""
        for number in self.operator.inputs:
            quantization = self.graph.tensors[number].quantization if number >= 0 else None
            if quantization is not None and (quantization.scales == SCALE_OF_ZEROS).any():
                self.refuse(
                    f"tensor {self.graph.tensors[number].name} has the scale 0", "a scale above 0, except in MUL"
                )

    def _is_needed(self, number: int) -> bool:
        graph = self.graph
        needed = {*graph.outputs, *(state.next for state in graph.states)}
        return number in needed or any(number in operator.inputs for operator in graph.operators)

    def number(self, position: int) -> int:
        """Return the tensor number of an input; refuses the operator where it is absent."""
        number = self.operator.inputs[position] if position < len(self.operator.inputs) else -1
        if number < 0:
            self.refuse(f"input {position} is absent", f"an input {position}")
        return number

    def tensor(self, position: int) -> Tensor:
        """Return an input; refuses the operator where it is absent."""
        return self.graph.tensors[self.number(position)]

    def output(self, position: int = 0) -> Tensor:
        """Return an output."""
        return self.graph.tensors[self.operator.outputs[position]]

    def option(self, name: str) -> int:
        """Return an attribute that is an integer."""
        return int(self.options[name])

    def values(self, position: int) -> list[int]:
        """Return the constant integers of an input: a shape, a list of axes or of sizes."""
        tensor = self.tensor(position)
        if tensor.dtype not in ("int32", "int64"):
            self.refuse(f"input {position} ({tensor.name}) is {tensor.dtype}", "sizes and axes of int32")
        if tensor.data is None:
            self.refuse(
                f"the shape of {self.output().name} depends on the values of {self.origin(self.number(position))}",
                "shapes and sizes that are constant, or follow from the shapes of the inputs",
            )
        return [int(value) for value in tensor.data.reshape(-1)]

    def origin(self, number: int) -> str:
        """Return the name of the tensor from whose values a computed tensor follows: an input of the model, mostly."""
        makers = {made: operator for operator in self.graph.operators for made in operator.outputs}
        for _ in self.graph.operators:  # no tensor has more operators behind it
            given = [] if number not in makers else [one for one in makers[number].inputs if one >= 0]
            number = next((one for one in given if self.graph.tensors[one].data is None), number)
        return self.graph.tensors[number].name

    def axis(self, axis: int, rank: int) -> int:
        """Return an axis counted from the front; the given one may be negative, counted from the end."""
        if not -rank <= axis < rank:
            self.refuse(f"axis {axis} of a tensor with {rank} axes", f"axes {-rank} to {rank - 1}")
        return axis % rank

    def expect_shape(self, shape: tuple[int, ...], position: int = 0) -> None:
        """Refuse an output whose shape in the file differs from this one."""
        if self.output(position).shape != shape:
            self.refuse(
                f"output shape {list(self.output(position).shape)}", f"{list(shape)}, which follows from the inputs"
            )

    def scale(self, tensor: Tensor, dtypes: tuple[str, ...] = ("int8",)) -> tuple[np.float32, int]:
        """Return scale and zero point of an activation tensor; refuses other types, and several scales."""
        if tensor.dtype not in dtypes:
            advice = (
                ", inputs and outputs of the model included: convert with inference_input_type and "
                "inference_output_type int8"
            )
            self.refuse(
                f"tensor {tensor.name} is {tensor.dtype}",
                " or ".join(dtypes) + (advice if tensor.dtype == "float32" else ""),
            )
        if tensor.quantization is None or tensor.quantization.scales.size != 1:
            self.refuse(f"tensor {tensor.name} has no single scale", "activations with one scale and zero point")
        return np.float32(tensor.quantization.scales[0]), int(tensor.quantization.zero_points[0])

    def same_scale(self, a: Tensor, b: Tensor) -> bool:
        """Whether two activation tensors have the same scale and zero point, or both have none."""
        given = [
            () if t.quantization is None else (*t.quantization.scales.tolist(), *t.quantization.zero_points.tolist())
            for t in (a, b)
        ]
        return given[0] == given[1]

    def clamp_range(self) -> tuple[int, int]:
        """Return the lowest and the highest code that the fused activation lets through."""
        activation = self.option("activation")
        if activation not in ACTIVATIONS:
            self.refuse(f"the fused activation {activation}", ", ".join(ACTIVATIONS.values()))
        dtype = "int16" if self.output().dtype == "int16" else "int8"
        low, high = activation_range(activation, *self.scale(self.output(), (dtype,)), dtype)
        if low > high:
            self.refuse(
                f"the activation leaves no value between {low} and {high}",
                "an output range that holds the activation's",
            )
        return low, high
