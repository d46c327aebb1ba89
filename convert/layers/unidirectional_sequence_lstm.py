"""UNIDIRECTIONAL_SEQUENCE_LSTM: int8 input, weights and output, int16 cell; four full gates.

What a converter makes of a Keras LSTM with full-integer quantization: any number of time steps and batches, time first
or batch first. Refused by name: an input gate coupled to the forget gate, peepholes, a projection, layer
normalization, weights per channel.
"""

import math
from dataclasses import dataclass

import numpy as np

from stapes.convert.arithmetic import quantize_multiplier
from stapes.convert.graph import Tensor
from stapes.convert.node import Node
from stapes.convert.steps import Call, Constant, Field, Step

GATES = ("input", "forget", "cell", "output")
INPUT_WEIGHTS, RECURRENT_WEIGHTS, BIASES, HIDDEN, CELL = 1, 5, 12, 18, 19  # inputs of the operator
REFUSED = {
    "a peephole": (9, 10, 11),
    "a projection": (16, 17),
    "layer normalization": (20, 21, 22, 23),
}
HIDDEN_SCALE = 4  # among the intermediate tensors
LARGEST_SUM = 1 << 30  # see stapes_nn_round_twice


def lower(node: Node) -> list[Step]:
    """Check one UNIDIRECTIONAL_SEQUENCE_LSTM and return its kernel call."""
    node.expect((20, 24))
    _expect_plain_gates(node)
    sizes = _sizes(node)
    given, hidden = (_Side(node, *side, sizes) for side in ((0, INPUT_WEIGHTS), (HIDDEN, RECURRENT_WEIGHTS)))
    products = sizes.units * (sizes.in_size + sizes.units) * len(GATES)
    return [
        Call(
            name=node.name,
            kernel="stapes_nn_lstm",
            form="stapes_nn_lstm(&{name}, {in0}, {in1}, {in2}, {out});",
            inputs=(node.number(0), node.number(HIDDEN), node.number(CELL)),
            output=node.operator.outputs[0],
            struct="stapes_nn_lstm_layer",
            fields={
                "batches": sizes.batches,
                "steps": sizes.steps,
                "batch_rows": 1 if node.option("time_major") else sizes.steps,
                "step_rows": sizes.batches if node.option("time_major") else 1,
                "in_size": sizes.in_size,
                "units": sizes.units,
                "in_multiplier": given.multipliers,
                "hidden_multiplier": hidden.multipliers,
                "in_shift": given.shifts,
                "hidden_shift": hidden.shifts,
                **_cell(node),
                **_output(node),
                "weights": Constant("weights", {"": np.concatenate([given.weights, hidden.weights], axis=2)}),
                "bias": Constant("bias", {"": np.stack([given.bias, hidden.bias], axis=2).astype(np.int32)}),
            },
            overlap=(None, None, None),
            macs=sizes.batches * sizes.steps * products,
        )
    ]


def _expect_plain_gates(node: Node) -> None:
    inputs = node.operator.inputs
    if inputs[INPUT_WEIGHTS] < 0 or inputs[RECURRENT_WEIGHTS] < 0:
        node.refuse("no weights of the input gate, which is coupled to the forget gate", "four gates with weights")
    for what, positions in REFUSED.items():
        for position in positions:
            if position < len(inputs) and inputs[position] >= 0:
                node.refuse(f"{what} (input {position}, {node.tensor(position).name})", "LSTMs without one")


@dataclass(frozen=True)
class _Sizes:
    batches: int
    steps: int
    in_size: int
    units: int


def _sizes(node: Node) -> _Sizes:
    shape = node.tensor(0).shape
    weights = node.tensor(INPUT_WEIGHTS).shape
    if len(shape) != 3 or len(weights) != 2 or not weights[0]:
        node.refuse(f"input {list(shape)} with weights {list(weights)}", "three and two axes, at least one unit")
    steps, batches = shape[:2] if node.option("time_major") else (shape[1], shape[0])
    node.expect_shape((*shape[:2], weights[0]))
    for position, dtype in ((HIDDEN, "int8"), (CELL, "int16")):
        state = node.tensor(position)
        if not state.variable or state.dtype != dtype or state.count != batches * weights[0]:
            node.refuse(
                f"state {state.name} is {state.dtype} {list(state.shape)}"
                f"{'' if state.variable else ', no variable tensor'}",
                f"a variable tensor of {batches * weights[0]} {dtype}",
            )
    return _Sizes(batches, steps, shape[2], weights[0])


class _Side:
    """The products of the four gates with the input, or with the hidden state.

    weights int8 [units, gates, size]; bias int64 [units, gates] with the zero point folded in; a multiplier per gate.
    """

    def __init__(self, node: Node, position: int, first: int, sizes: _Sizes) -> None:
        size = node.tensor(position).shape[-1] if position == 0 else sizes.units
        scale, zero = node.scale(node.tensor(position))
        factors, weights, biases = [], [], []
        for gate, name in enumerate(GATES):
            tensor = node.tensor(first + gate)
            weights.append(_weights(node, tensor, (sizes.units, size)))
            bias = _bias(node, BIASES + gate, sizes.units) if position == 0 else np.zeros(sizes.units, np.int64)
            biases.append(bias - zero * weights[-1].sum(axis=1, dtype=np.int64))
            scaled = np.float32(node.scale(tensor)[0] * scale) / np.float32(2**-12)
            factors.append(quantize_multiplier(float(scaled)) if np.isfinite(scaled) else (0, 31))
            reach = np.abs(bias) + 255 * np.abs(weights[-1].astype(np.int64)).sum(axis=1)
            if int(reach.max()) << max(factors[-1][1], 0) >= LARGEST_SUM:
                node.refuse(
                    f"{name} gate: sums up to {reach.max()} with weights {tensor.name} of scale "
                    f"{node.scale(tensor)[0]} and an input of scale {scale}",
                    f"sums below {LARGEST_SUM >> max(factors[-1][1], 0)} at these scales",
                )
        self.weights = np.stack(weights, axis=1)
        self.bias = np.stack(biases, axis=1)
        self.multipliers = tuple(multiplier for multiplier, _ in factors)
        self.shifts = tuple(shift for _, shift in factors)


def _weights(node: Node, tensor: Tensor, shape: tuple[int, int]) -> np.ndarray:
    if tensor.data is None or tensor.dtype != "int8" or tensor.shape != shape:
        node.refuse(
            f"weights {tensor.name} are {tensor.dtype} {list(tensor.shape)}"
            f"{'' if tensor.data is not None else ', computed'}",
            f"constant int8 weights {list(shape)}",
        )
    if node.scale(tensor)[1]:
        node.refuse(f"weights {tensor.name} with a zero point", "symmetric weights")
    return tensor.data


def _bias(node: Node, position: int, units: int) -> np.ndarray:
    tensor = node.tensor(position)
    if tensor.data is None or tensor.dtype != "int32" or tensor.shape != (units,):
        node.refuse(f"bias {tensor.name} is {tensor.dtype} {list(tensor.shape)}", f"a constant int32 bias of {units}")
    return tensor.data.astype(np.int64)


def _cell(node: Node) -> dict[str, Field]:
    """Integer bits of the cell state, and its limits."""
    tensor = node.tensor(CELL)
    scale, _ = node.scale(tensor, ("int16",))
    exponent = math.log2(float(scale))
    bits = 15 + round(exponent)
    if abs(exponent - round(exponent)) > 9e-4 or not 0 <= bits <= 6:
        node.refuse(f"cell state {tensor.name} with scale {scale}", "a power of two from 2^-15 to 2^-9")
    clip = np.float32(node.operator.options["cell_clip"])
    if not clip >= 0:
        node.refuse(f"cell_clip {clip}", "0 (none) or more")
    quantized = 32767 if clip > 32767 * float(scale) else int(clip / scale)
    low, high = (-quantized, quantized) if quantized else (-32768, 32767)
    return {"cell_bits": bits, "cell_min": low, "cell_max": high}


def _output(node: Node) -> dict[str, Field]:
    """How the hidden state is rounded: scale and zero point stand in an intermediate tensor."""
    node.scale(node.output())
    if len(node.operator.intermediates) != 5:
        node.refuse(
            f"{len(node.operator.intermediates)} intermediate tensors", "5, of which the last scales the output"
        )
    scale, zero = node.scale(node.graph.tensors[node.operator.intermediates[HIDDEN_SCALE]])
    multiplier, shift = quantize_multiplier(float(np.float32(2.0**-15 / float(scale) * 2.0**-15)))
    if shift > 0:
        node.refuse(f"an output scale of {scale}", "scales above 2^-30")
    return {"out_multiplier": multiplier, "out_shift": shift, "out_zero": zero}
