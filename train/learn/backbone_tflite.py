"""Read a backbone from an int8 .tflite: its weights are dequantized, BatchNorm is already folded into them."""

import math

import numpy as np

from stapes.convert.lower.layers import conv_2d, depthwise_conv_2d
from stapes.firmware_sim.errors import ModelError
from stapes.firmware_sim.tflite.graph import Graph, Operator, Tensor, read_model
from stapes.firmware_sim.tflite.schema import ACTIVATIONS, RELU, RELU6, SAME
from stapes.train.learn.backbone_convolution import YAMNET_LAYOUT, BackboneConvolution, Floats, Kind

_OPTIONS = {"CONV_2D": conv_2d.OPTIONS, "DEPTHWISE_CONV_2D": depthwise_conv_2d.OPTIONS}


def read_tflite_convolutions(data: bytes, source: str) -> list[BackboneConvolution]:
    """Return the convolutions of the bytes of a .tflite, from the first as far as each reads the one before it.

    Raises ModelError for a damaged file and for one of another layout. `source` names the file in messages.
    """
    try:
        graph = read_model(data).main
    except ModelError as error:
        raise ModelError(f"{source}: {error}") from error
    chain: list[Operator] = []
    for operator in graph.operators:
        if operator.kind in _OPTIONS and (not chain or operator.inputs[:1] == chain[-1].outputs):
            chain.append(operator)
    if not chain:
        found = ", ".join(dict.fromkeys(operator.kind for operator in graph.operators)) or "none"
        raise ModelError(f"{source}: has no convolution; its operators are: {found}; supported is {YAMNET_LAYOUT}")
    return [_convolution(graph, operator, source) for operator in chain]


def _convolution(graph: Graph, operator: Operator, source: str) -> BackboneConvolution:
    where = f"{source}: operator {operator.number} ({operator.kind})"
    option = {name: option.read(operator.options) for name, option in _OPTIONS[operator.kind].items()}
    strides, dilation = ((option[f"{what}_height"], option[f"{what}_width"]) for what in ("stride", "dilation"))
    activation = int(option["activation"])
    padding = "SAME" if option["padding"] == SAME else "VALID"
    if strides not in ((1, 1), (2, 2)) or dilation != (1, 1) or padding != "SAME":
        raise ModelError(
            f"{where} has strides {strides}, dilation {dilation}, padding {padding}; supported are strides of 1 or 2, "
            "the same in both directions, no dilation and SAME padding"
        )
    if activation not in (RELU, RELU6):
        raise ModelError(f"{where} has the activation {ACTIVATIONS.get(activation, activation)}; need relu or relu6")
    kernel, bias = _weights(graph, operator, where)
    kind: Kind = "depthwise" if operator.kind == "DEPTHWISE_CONV_2D" else "convolution"
    if kind == "convolution" and kernel.shape[1:3] == (1, 1):
        kind = "pointwise"
    # CONV_2D keeps [channels out, rows, columns, channels in], DEPTHWISE_CONV_2D [1, rows, columns, channels].
    return BackboneConvolution(
        kind=kind,
        kernel=np.ascontiguousarray(kernel.transpose(1, 2, 3, 0)),
        bias=bias,
        stride=int(strides[0]),
        activation_max=6.0 if activation == RELU6 else math.inf,
    )


def _weights(graph: Graph, operator: Operator, where: str) -> tuple[Floats, Floats]:
    """Return the kernel as the file orders its axes, and the bias, both in real numbers."""
    if len(operator.inputs) not in (2, 3) or min(operator.inputs[:2]) < 0:
        raise ModelError(f"{where} has the inputs {operator.inputs}; need input, weights and perhaps bias")
    data, weights = (graph.tensors[number] for number in operator.inputs[:2])
    if data.quantization is None or weights.quantization is None or weights.data is None or weights.dtype != "int8":
        raise ModelError(
            f"{where} computes with {data.dtype} inputs and {weights.dtype} weights; need a model quantized to int8"
        )
    if len(weights.shape) != 4 or 0 in weights.shape:
        raise ModelError(f"{where} has weights of shape {list(weights.shape)}; need four axes, none empty")
    axis = 3 if operator.kind == "DEPTHWISE_CONV_2D" else 0
    channels = weights.shape[axis]
    scales, zero_points = _per_channel(weights, axis, where)
    along = [-1 if i == axis else 1 for i in range(4)]
    kernel = (weights.data.astype(np.float64) - zero_points.reshape(along)) * scales.reshape(along)
    number = operator.inputs[2] if len(operator.inputs) == 3 else -1
    bias = graph.tensors[number].data if number >= 0 else np.zeros(channels)
    if bias is None or bias.shape != (channels,):
        raise ModelError(f"{where} has no constant bias of shape [{channels}]")
    # The bias has the scale of the sums: the input's scale times that of the channel's weights.
    real_bias = bias * (float(data.quantization.scales[0]) * scales)
    with np.errstate(over="ignore"):  # scales that no model has; check_convolutions refuses the infinities
        return kernel.astype(np.float32), real_bias.astype(np.float32)


def _per_channel(weights: Tensor, axis: int, where: str) -> tuple[np.ndarray, np.ndarray]:
    quantization = weights.quantization
    assert quantization is not None
    if quantization.scales.size > 1 and quantization.axis != axis:
        raise ModelError(f"{where} has a scale for each slice along axis {quantization.axis}; need axis {axis}")
    channels = (weights.shape[axis],)
    return (
        np.broadcast_to(quantization.scales.astype(np.float64), channels),
        np.broadcast_to(quantization.zero_points, channels),
    )
