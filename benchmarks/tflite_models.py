"""Small .tflite files made directly from the schema, without TensorFlow: hundreds per second.

`Builder` puts operators together; `ds_cnn`, `cnn_gru_step` and `dense_stack` are the models of the compiler's
benchmark, with seeded random weights.
"""

from collections.abc import Sequence
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from stapes.firmware_sim.device.frontend import FrontendConfig

Scale = tuple[float, int]  # scale, zero point

# Versions of operators, where LiteRT has no kernel of version 1.
_VERSIONS = {"BROADCAST_TO": 2}


class Builder:
    """Builds the graph of a .tflite file; its methods return and take tensors by their index in the graph.

    >>> b = Builder()
    >>> x = b.input("x", (1, 4), (0.1, 0))
    >>> y = b.operator("LOGISTIC", [x], [b.tensor("y", (1, 4), (1 / 256, -128))])
    >>> tflite = b.finish([y])
    """

    def __init__(self) -> None:
        self._model = schema.ModelT()
        self._model.version = 3
        self._model.buffers = [schema.BufferT()]
        self._model.operatorCodes = []
        self._model.subgraphs = [schema.SubGraphT()]
        self._graph = self._model.subgraphs[0]
        self._graph.tensors, self._graph.operators, self._graph.inputs = [], [], []
        self._signature: tuple[dict[str, int], dict[str, int]] | None = None

    def tensor(
        self, name: str, shape: Sequence[int], scale: Scale | None, dtype: str = "int8", data: np.ndarray | None = None
    ) -> int:
        """Add a tensor and return its index; `data` makes it a constant."""
        tensor = schema.TensorT()
        tensor.name, tensor.shape = name, list(shape)
        tensor.type = getattr(schema.TensorType, dtype.upper())
        if scale is not None:
            tensor.quantization = _quantization([scale[0]], [scale[1]], 0)
        tensor.buffer = 0
        if data is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(np.ascontiguousarray(data, dtype).tobytes(), np.uint8)
            self._model.buffers.append(buffer)
            tensor.buffer = len(self._model.buffers) - 1
        self._graph.tensors.append(tensor)
        return len(self._graph.tensors) - 1

    def scale_of(self, number: int) -> float:
        """Return the scale of a tensor."""
        return float(self._graph.tensors[number].quantization.scale[0])

    def input(self, name: str, shape: Sequence[int], scale: Scale | None, dtype: str = "int8") -> int:
        """Add an input of the model."""
        number = self.tensor(name, shape, scale, dtype)
        self._graph.inputs.append(number)
        return number

    def variable(self, name: str, shape: Sequence[int], scale: Scale, dtype: str = "int8") -> int:
        """Add a tensor that an operator keeps from step to step."""
        number = self.tensor(name, shape, scale, dtype)
        self._graph.tensors[number].isVariable = True
        return number

    def constant(self, name: str, values: Any, dtype: str = "int32", scale: Scale | None = None) -> int:
        """Add a constant."""
        array = np.asarray(values, dtype)
        return self.tensor(name, array.shape, scale, dtype, array)

    def weights(self, name: str, values: np.ndarray, scales: Sequence[float], axis: int) -> int:
        """Add int8 weights, quantized symmetrically, along an axis when there are several scales."""
        number = self.constant(name, values, "int8")
        self._graph.tensors[number].quantization = _quantization(list(scales), [0] * len(scales), axis)
        return number

    def bias(self, name: str, values: np.ndarray, scales: Sequence[float]) -> int:
        """Add an int32 bias with the scales that LiteRT checks: input scale times weight scale."""
        number = self.constant(name, values)
        self._graph.tensors[number].quantization = _quantization(list(scales), [0] * len(scales), 0)
        return number

    def operator(
        self,
        kind: str,
        inputs: Sequence[int],
        outputs: Sequence[int],
        options: str = "",
        intermediates: Sequence[int] = (),
        **fields: Any,
    ) -> int:
        """Add an operator; `options` names its options table, whose fields are `fields`. Returns the first output."""
        node = schema.OperatorT()
        node.opcodeIndex = self._code(getattr(schema.BuiltinOperator, kind), _VERSIONS.get(kind, 1))
        node.inputs, node.outputs = list(inputs), list(outputs)
        node.intermediates = list(intermediates) or None
        if options:
            node.builtinOptions = getattr(schema, options + "T")()
            node.builtinOptionsType = getattr(schema.BuiltinOptions, options)
            for name, value in fields.items():
                if not hasattr(node.builtinOptions, name):
                    raise AttributeError(f"{options} has no {name}")
                setattr(node.builtinOptions, name, value)
        self._graph.operators.append(node)
        return outputs[0] if outputs else -1

    def _code(self, number: int, version: int) -> int:
        for index, code in enumerate(self._model.operatorCodes):
            if code.builtinCode == number:
                return index
        code = schema.OperatorCodeT()
        code.builtinCode, code.deprecatedBuiltinCode, code.version = number, min(number, 127), version
        self._model.operatorCodes.append(code)
        return len(self._model.operatorCodes) - 1

    def sign(self, inputs: dict[str, int], outputs: dict[str, int]) -> None:
        """Add a signature, which names the tensors of inputs and outputs."""
        self._signature = (inputs, outputs)

    def finish(self, outputs: Sequence[int]) -> bytes:
        """Return the file."""
        self._graph.outputs = list(outputs)
        if self._signature:
            entry = schema.SignatureDefT()
            entry.signatureKey, entry.subgraphIndex = "step", 0
            entry.inputs, entry.outputs = (_tensor_map(names) for names in self._signature)
            self._model.signatureDefs = [entry]
        builder = flatbuffers.Builder(1024)
        builder.Finish(self._model.Pack(builder), b"TFL3")
        return bytes(builder.Output())


def _tensor_map(names: dict[str, int]) -> list[Any]:
    entries = []
    for name, number in names.items():
        entry = schema.TensorMapT()
        entry.name, entry.tensorIndex = name, number
        entries.append(entry)
    return entries


def _quantization(scales: list[float], zero_points: list[int], axis: int) -> Any:
    table = schema.QuantizationParametersT()
    table.scale = np.array(scales, np.float32)
    table.zeroPoint = np.array(zero_points, np.int64)
    table.quantizedDimension = axis
    return table


class Layers:
    """Layers with random weights whose outputs use the whole int8 range; `scale_of` remembers each tensor's scale."""

    def __init__(self, seed: int) -> None:
        self.builder, self._rng = Builder(), np.random.default_rng(seed)
        self.scale_of: dict[int, Scale] = {}
        self.shape_of: dict[int, tuple[int, ...]] = {}

    def input(self, name: str, shape: tuple[int, ...], scale: Scale) -> int:
        """Add an input."""
        return self.remember(self.builder.input(name, shape, scale), shape, scale)

    def remember(self, number: int, shape: tuple[int, ...], scale: Scale) -> int:
        """Record the shape and scale of a tensor for later layers; return its index."""
        self.shape_of[number], self.scale_of[number] = shape, scale
        return number

    def tensor(self, name: str, shape: tuple[int, ...], scale: Scale) -> int:
        """Add a tensor that an operator will write."""
        return self.remember(self.builder.tensor(name, shape, scale), shape, scale)

    def weighted(
        self,
        kind: str,
        name: str,
        given: int,
        weights: tuple[int, ...],
        axis: int,
        out: tuple[int, ...],
        scale: Scale,
        options: str,
        multiple: int = 1,
        **fields: Any,
    ) -> int:
        """Add a CONV_2D, DEPTHWISE_CONV_2D or FULLY_CONNECTED, quantized per channel along `axis` of the weights.

        multiple: the weights are multiples of it.
        """
        channels = weights[axis]
        values = multiple * self._rng.integers(-(127 // multiple), 127 // multiple + 1, weights)
        taps = values.size // channels
        scale_in = self.scale_of[given][0]
        spread = scale[0] * 40 / (scale_in * 74 * 74 * np.sqrt(taps))  # outputs spread over about 40 codes
        scales = (spread * self._rng.uniform(0.7, 1.4, channels)).astype(np.float32)
        bias = self._rng.integers(-2000, 2000, channels)
        inputs = [
            given,
            self.builder.weights(f"{name}_weights", values, scales.tolist(), axis),
            self.builder.bias(f"{name}_bias", bias, [scale_in * float(s) for s in scales]),
        ]
        return self.builder.operator(kind, inputs, [self.tensor(name, out, scale)], options, **fields)

    def conv(
        self,
        name: str,
        given: int,
        kernel: tuple[int, int],
        channels: int,
        stride: tuple[int, int] = (1, 1),
        same: bool = True,
        relu: bool = True,
        multiple: int = 1,
    ) -> int:
        """Add a CONV_2D whose weights are multiples of a number."""
        out = self._windowed(given, kernel, stride, same, channels)
        weights = (channels, *kernel, self.shape_of[given][3])
        fields = {
            "padding": 0 if same else 1,
            "strideH": stride[0],
            "strideW": stride[1],
            "fusedActivationFunction": int(relu),
        }
        return self.weighted(
            "CONV_2D",
            name,
            given,
            weights,
            0,
            out,
            (0.05, -128 if relu else 3),
            "Conv2DOptions",
            multiple,
            **fields,
            dilationHFactor=1,
            dilationWFactor=1,
        )

    def depthwise(
        self, name: str, given: int, kernel: tuple[int, int], stride: tuple[int, int] = (1, 1), same: bool = True
    ) -> int:
        """Add a DEPTHWISE_CONV_2D with multiplier 1 and ReLU."""
        channels = self.shape_of[given][3]
        out = self._windowed(given, kernel, stride, same, channels)
        fields = {
            "padding": 0 if same else 1,
            "strideH": stride[0],
            "strideW": stride[1],
            "fusedActivationFunction": 1,
            "depthMultiplier": 1,
        }
        return self.weighted(
            "DEPTHWISE_CONV_2D",
            name,
            given,
            (1, *kernel, channels),
            3,
            out,
            (0.05, -128),
            "DepthwiseConv2DOptions",
            **fields,
            dilationHFactor=1,
            dilationWFactor=1,
        )

    def dense(self, name: str, given: int, size: int, scale: Scale = (0.05, -128), relu: bool = True) -> int:
        """Add a FULLY_CONNECTED over all elements."""
        count = int(np.prod(self.shape_of[given]))
        return self.weighted(
            "FULLY_CONNECTED",
            name,
            given,
            (size, count),
            0,
            (1, size),
            scale,
            "FullyConnectedOptions",
            fusedActivationFunction=int(relu),
        )

    def _windowed(
        self, given: int, kernel: tuple[int, int], stride: tuple[int, int], same: bool, channels: int
    ) -> tuple[int, ...]:
        sizes = self.shape_of[given][1:3]
        pairs = zip(sizes, kernel, stride, strict=True)
        return (1, *(-(-n // s) if same else (n - k) // s + 1 for n, k, s in pairs), channels)

    def simple(
        self,
        kind: str,
        name: str,
        inputs: Sequence[int],
        shape: tuple[int, ...],
        scale: Scale,
        options: str = "",
        **fields: Any,
    ) -> int:
        """Add an operator without weights."""
        return self.builder.operator(kind, inputs, [self.tensor(name, shape, scale)], options, **fields)


def dense_stack(seed: int = 1) -> bytes:
    """128-64-32-8 with softmax, 10,496 MAC."""
    net = Layers(seed)
    x = net.input("x", (1, 128), (0.05, -3))
    y = net.dense("logits", net.dense("hidden2", net.dense("hidden1", x, 64), 32), 8, (0.1, 5), relu=False)
    return net.builder.finish(
        [net.simple("SOFTMAX", "probabilities", [y], (1, 8), (1 / 256, -128), "SoftmaxOptions", beta=1.0)]
    )


def ds_cnn(seed: int = 2) -> bytes:
    """The shape of MLPerf Tiny's keyword spotting: conv 10x4 /2, four separable blocks of 64; 2,656,768 MAC."""
    net = Layers(seed)
    y = net.conv("conv1", net.input("features", (1, 49, 10, 1), (0.5, 83)), (10, 4), 64, (2, 2))
    for block in range(1, 5):
        y = net.conv(f"pointwise{block}", net.depthwise(f"depthwise{block}", y, (3, 3)), (1, 1), 64)
    y = net.simple(
        "AVERAGE_POOL_2D",
        "pool",
        [y],
        (1, 1, 1, 64),
        (0.05, -128),
        "Pool2DOptions",
        padding=1,
        strideH=25,
        strideW=5,
        filterHeight=25,
        filterWidth=5,
    )
    shape = net.builder.constant("shape", [1, 64])
    y = net.simple("RESHAPE", "flat", [y, shape], (1, 64), (0.05, -128), "ReshapeOptions", newShape=[1, 64])
    y = net.dense("logits", y, 12, (0.1, 5), relu=False)
    return net.builder.finish(
        [net.simple("SOFTMAX", "scores", [y], (1, 12), (1 / 256, -128), "SoftmaxOptions", beta=1.0)]
    )


FEATURES: Scale = (FrontendConfig().feature_scale, 0)
STATE: Scale = (1 / 128, 0)


def cnn_gru_step(seed: int = 3) -> bytes:
    """One hop of a CNN and a GRU of six matrices: 7x40 in, 32 units, 3 classes; 51,384 MAC."""
    net = Layers(seed)
    x, h = net.input("features", (1, 7, 40, 1), FEATURES), net.input("state_h", (1, 32), STATE)
    y = net.depthwise("depthwise1", net.conv("conv1", x, (3, 3), 16, (2, 2), same=False), (3, 3), same=False)
    y = net.depthwise("depthwise2", net.conv("pointwise1", y, (1, 1), 24), (1, 3), same=False)
    y = net.conv("pointwise2", y, (1, 1), 32)
    count = int(np.prod(net.shape_of[y]))
    y = net.simple(
        "RESHAPE",
        "flat",
        [y, net.builder.constant("shape", [1, count])],
        (1, count),
        net.scale_of[y],
        "ReshapeOptions",
        newShape=[1, count],
    )
    y = net.dense("embedding", y, 32, STATE, relu=False)
    hidden = gru(net, y, h)
    logits = net.dense("logits", hidden, 3, (0.05, 0), relu=False)
    scores = net.simple("LOGISTIC", "scores", [logits], (1, 3), (1 / 256, -128))
    net.builder.sign({"features": x, "state_h": h}, {"scores": scores, "state_h": hidden})
    return net.builder.finish([scores, hidden])


def gru(net: Layers, x: int, h: int) -> int:
    """h' = z h + (1 - z) n, with n = tanh(W x + U (r h)); each gate is two FULLY_CONNECTED and an ADD."""
    units = net.shape_of[h][1]
    gate: Scale = (0.05, 0)

    def summed(name: str, state: int) -> int:
        parts = [
            net.dense(f"{name}_x", x, units, gate, relu=False),
            net.dense(f"{name}_h", state, units, gate, relu=False),
        ]
        return net.simple("ADD", f"{name}_sum", parts, (1, units), gate, "AddOptions")

    def product(name: str, a: int, b: int) -> int:
        return net.simple("MUL", name, [a, b], (1, units), STATE, "MulOptions")

    update = net.simple("LOGISTIC", "update", [summed("update", h)], (1, units), (1 / 256, -128))
    reset = net.simple("LOGISTIC", "reset", [summed("reset", h)], (1, units), (1 / 256, -128))
    candidate = net.simple("TANH", "candidate", [summed("candidate", product("reset_h", reset, h))], (1, units), STATE)
    one = net.builder.constant("one", [127], "int8", (1 / 255, -128))
    net.remember(one, (1,), (1 / 255, -128))
    rest = net.simple("SUB", "rest", [one, update], (1, units), (1 / 256, -128), "SubOptions")
    return net.simple(
        "ADD", "h_next", [product("kept", update, h), product("new", rest, candidate)], (1, units), STATE, "AddOptions"
    )
