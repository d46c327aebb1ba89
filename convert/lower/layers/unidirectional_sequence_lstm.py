"""UNIDIRECTIONAL_SEQUENCE_LSTM: int8 input, weights and output, int16 cell; four full gates.

This is what a converter makes of a Keras LSTM with full-integer quantization: any number of time steps and batches,
time first or batch first. Its state is kept from one inference to the next, as in LiteRT: NAME_reset begins a new
sequence. Refused by name: an input gate coupled to the forget gate, peepholes, a projection, layer normalization,
weights per channel.

LiteRT forms, per gate, the sum with the input and the sum with the hidden state, and rounds each twice with
s_w * s / 2^-12, formed in float32. The first is saturated to int16, then their sum is: Q3.12. Sigmoid and tanh are
computed in 16-bit fixed point to Q0.15: exp as a polynomial, a reciprocal by Newton's method, products with halves up.
The scale of the cell is a power of two: forget * cell / 2^15 and input * candidate / 2^(30 + log2 s_cell), each with
halves away from zero; their sum is saturated, then clipped at cell_clip / s_cell, truncated. Output gate * tanh(cell)
is rounded twice with 2^-30 / s, formed in double and kept in float32; s and its zero point are those of the fifth
intermediate tensor.
"""

import math
from dataclasses import dataclass

import numpy as np

from stapes.convert.lower.arithmetic import quantize_multiplier
from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Call, Constant, Field, Operation
from stapes.firmware_sim.tflite.graph import Tensor
from stapes.firmware_sim.tflite.schema import Option

OPTIONS = {"cell_clip": Option(1, "f"), "time_major": Option(3, "?")}

GATES = 4  # input, forget, cell, output
INPUT_WEIGHTS, RECURRENT_WEIGHTS, BIASES, HIDDEN, CELL = 1, 5, 12, 18, 19  # inputs of the operator
REFUSED = {
    "a peephole": (9, 10, 11),
    "a projection": (16, 17),
    "layer normalization": (20, 21, 22, 23),
}
HIDDEN_SCALE = 4  # among the intermediate tensors
LARGEST_SUM = 1 << 30  # see stapes_nn_round_twice


def lower(node: Node) -> list[Operation]:
    """Check one UNIDIRECTIONAL_SEQUENCE_LSTM and return its kernel call."""
    node.expect((20, 24))
    _expect_plain_gates(node)
    sizes = _sizes(node)
    from_input = [
        _gate(node, INPUT_WEIGHTS + gate, node.tensor(0), _bias(node, BIASES + gate, sizes.units), sizes.in_size)
        for gate in range(GATES)
    ]
    from_hidden = [
        _gate(node, RECURRENT_WEIGHTS + gate, node.tensor(HIDDEN), np.zeros(sizes.units, np.int64), sizes.units)
        for gate in range(GATES)
    ]
    biases = [np.stack([gate.bias for gate in side], axis=1) for side in (from_input, from_hidden)]
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
                "time_steps": sizes.time_steps,
                "batch_stride": 1 if node.option("time_major") else sizes.time_steps,
                "time_stride": sizes.batches if node.option("time_major") else 1,
                "in_size": sizes.in_size,
                "units": sizes.units,
                "in_multiplier": tuple(gate.multiplier for gate in from_input),
                "hidden_multiplier": tuple(gate.multiplier for gate in from_hidden),
                "in_shift": tuple(gate.shift for gate in from_input),
                "hidden_shift": tuple(gate.shift for gate in from_hidden),
                **_cell(node),
                **_output(node),
                "weights": Constant(
                    "weights", {"": np.concatenate([_packed(from_input), _packed(from_hidden)], axis=1)}
                ),
                "bias": Constant("bias", {"": np.stack(biases, axis=1).astype(np.int32)}),
            },
            overlap=(None, None, None),
            macs=sizes.batches * sizes.time_steps * GATES * sizes.units * (sizes.in_size + sizes.units),
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
    time_steps: int
    in_size: int
    units: int


def _sizes(node: Node) -> _Sizes:
    shape = node.tensor(0).shape
    weights = node.tensor(INPUT_WEIGHTS).shape
    if len(shape) != 3 or len(weights) != 2 or not weights[0]:
        node.refuse(f"input {list(shape)} with weights {list(weights)}", "three and two axes, at least one unit")
    time_steps, batches = shape[:2] if node.option("time_major") else (shape[1], shape[0])
    node.expect_shape((*shape[:2], weights[0]))
    for position, dtype in ((HIDDEN, "int8"), (CELL, "int16")):
        state = node.tensor(position)
        if not state.variable or state.dtype != dtype or state.count != batches * weights[0]:
            node.refuse(
                f"state {state.name} is {state.dtype} {list(state.shape)}"
                f"{'' if state.variable else ', no variable tensor'}",
                f"a variable tensor of {batches * weights[0]} {dtype}",
            )
    return _Sizes(batches, time_steps, shape[2], weights[0])


@dataclass(frozen=True)
class _Gate:
    """Weights of one gate for the input, or for the hidden state, and how their sum becomes Q3.12."""

    weights: np.ndarray  # int8 [units, size]
    bias: np.ndarray  # int64 [units], the zero point folded in
    multiplier: int
    shift: int


def _gate(node: Node, weights_at: int, given: Tensor, bias: np.ndarray, size: int) -> _Gate:
    tensor = node.tensor(weights_at)
    weights = _weights(node, tensor, (bias.size, size))
    scale, zero = node.scale(given)
    factor = np.float32(node.scale(tensor)[0] * scale) / np.float32(2**-12)
    multiplier, shift = quantize_multiplier(float(factor)) if np.isfinite(factor) else (0, 31)
    reach = int((np.abs(bias) + 255 * np.abs(weights.astype(np.int64)).sum(axis=1)).max())
    if shift > 30 or reach << max(shift, 0) >= LARGEST_SUM:
        node.refuse(
            f"sums up to {reach} of {tensor.name}, scale {node.scale(tensor)[0]}, with {given.name}, scale {scale}",
            "sums below 2^30 and 2^17 / (product of the scales)",
        )
    return _Gate(weights, bias - zero * weights.sum(axis=1, dtype=np.int64), multiplier, shift)


def _packed(gates: list[_Gate]) -> np.ndarray:
    """Return int8 [units, groups of 4 taps, gates, 4], padded with zeros."""
    rows = np.stack([gate.weights for gate in gates], axis=1)
    padded = np.pad(rows, ((0, 0), (0, 0), (0, -rows.shape[2] % 4)))
    return padded.reshape(*rows.shape[:2], -1, 4).transpose(0, 2, 1, 3)


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
    """Return the integer bits of the cell state, and its limits."""
    tensor = node.tensor(CELL)
    scale, _ = node.scale(tensor, ("int16",))
    fraction, exponent = math.frexp(scale)
    bits = 14 + exponent
    if fraction != 0.5 or not 0 <= bits <= 6:
        node.refuse(f"cell state {tensor.name} with scale {scale}", "a power of two from 2^-15 to 2^-9")
    clip = np.float32(node.options["cell_clip"])
    if not clip >= 0:
        node.refuse(f"cell_clip {clip}", "0 (none) or more")
    quantized = 32767 if clip > 32767 * float(scale) else int(clip / scale)
    low, high = (-quantized, quantized) if quantized else (-32768, 32767)
    return {"cell_bits": bits, "cell_min": low, "cell_max": high}


def _output(node: Node) -> dict[str, Field]:
    """Return how the hidden state is rounded; an intermediate tensor states its scale and zero point."""
    node.scale(node.output())
    inside = node.operator.intermediates
    if len(inside) != 5:
        node.refuse(f"{len(inside)} intermediate tensors", "5, of which the last has the output's scale")
    scale, zero = node.scale(node.graph.tensors[inside[HIDDEN_SCALE]])
    multiplier, shift = quantize_multiplier(float(np.float32(2.0**-15 / float(scale) * 2.0**-15)))
    if shift > 0:
        node.refuse(f"an output scale of {scale}", "scales above 2^-30")
    return {"out_multiplier": multiplier, "out_shift": shift, "out_zero": zero}
