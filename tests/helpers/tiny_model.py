"""A step model made byte by byte with the flatbuffer schema: fast to make, no TensorFlow, and what it hears is plain.

Class c hears loudness in the c-th share of the bands, averaged over the frames of a step and the two before it; that
step is this one, or one so many frames back as more than two are kept:

    features [1, S, bands, 1] --+
                                 +-- CONCATENATION [1, K + S, bands, 1] --+-- CONV_2D -- LOGISTIC -- RESHAPE --> scores
    state_frames [1, K, bands, 1]+                                         +-- STRIDED_SLICE (newest K) --> state_frames
"""

from dataclasses import dataclass, field

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from stapes.firmware_sim.device.frontend import FrontendConfig

BEFORE_FRAMES = 2
FEATURE_SCALE = FrontendConfig().feature_scale
STEEPNESS, MIDDLE = 2.0, -0.5  # logit = STEEPNESS * (mean feature - MIDDLE); silence is -4, loud noise above 1


@dataclass
class _Graph:
    """One subgraph in the making."""

    model: schema.ModelT = field(default_factory=schema.ModelT)
    graph: schema.SubGraphT = field(default_factory=schema.SubGraphT)

    def __post_init__(self) -> None:
        self.model.version, self.model.description = 3, "tiny step"
        self.model.buffers, self.model.operatorCodes, self.model.subgraphs = [schema.BufferT()], [], [self.graph]
        self.graph.tensors, self.graph.operators = [], []

    def tensor(
        self,
        name: str,
        shape: list[int],
        quantization: tuple[list[float], int],
        data: NDArray[np.generic] | None = None,
    ) -> int:
        """Add a tensor (int8, or the constant's own type) and return its index; scales per last-but-three axis 0."""
        tensor = schema.TensorT()
        tensor.name, tensor.shape = name, shape
        kinds = {"int8": schema.TensorType.INT8, "int32": schema.TensorType.INT32}
        tensor.type = kinds[data.dtype.name if data is not None else "int8"]
        tensor.buffer = 0
        if data is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(data.tobytes(), np.uint8)
            tensor.buffer = len(self.model.buffers)
            self.model.buffers.append(buffer)
        scales, zero_point = quantization
        if scales:
            tensor.quantization = schema.QuantizationParametersT()
            tensor.quantization.scale, tensor.quantization.zeroPoint = scales, [zero_point] * len(scales)
            tensor.quantization.quantizedDimension = 0
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def operator(self, name: str, inputs: list[int], outputs: list[int], options: object = None) -> None:
        """Add an operator; `options` is an instance of the schema's `<Something>OptionsT`."""
        code = schema.OperatorCodeT()
        code.builtinCode = getattr(schema.BuiltinOperator, name)
        code.deprecatedBuiltinCode, code.version = code.builtinCode, {"CONV_2D": 3, "RESHAPE": 1}.get(name, 2)
        operator = schema.OperatorT()
        operator.opcodeIndex, operator.inputs, operator.outputs = len(self.model.operatorCodes), inputs, outputs
        if options is not None:
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, type(options).__name__.removesuffix("T"))
            operator.builtinOptions = options
        self.model.operatorCodes.append(code)
        self.graph.operators.append(operator)

    def constant(self, name: str, values: list[int]) -> int:
        return self.tensor(name, [len(values)], ([], 0), np.array(values, np.int32))

    def finish(self, inputs: dict[str, int], outputs: dict[str, int]) -> bytes:
        """Name inputs and outputs in the signature `step` and serialize."""
        self.graph.inputs, self.graph.outputs = list(inputs.values()), list(outputs.values())
        signature = schema.SignatureDefT()
        signature.signatureKey, signature.subgraphIndex = "step", 0
        signature.inputs, signature.outputs = _tensor_map(inputs), _tensor_map(outputs)
        self.model.signatureDefs = [signature]
        builder = flatbuffers.Builder(1 << 14)
        builder.Finish(self.model.Pack(builder), file_identifier=b"TFL3")
        return bytes(builder.Output())


def _tensor_map(names: dict[str, int]) -> list[schema.TensorMapT]:
    maps = []
    for name, index in names.items():
        entry = schema.TensorMapT()
        entry.name, entry.tensorIndex = name, index
        maps.append(entry)
    return maps


def _loudness_filters(
    n_frames: int, n_heard: int, n_bands: int, n_classes: int
) -> tuple[NDArray[np.int8], list[float]]:
    """int8[classes, frames, bands, 1] and one scale per class: class c averages its share of the bands."""
    filters = np.zeros((n_classes, n_frames, n_bands, 1), np.int8)
    scales = []
    for label, bands in enumerate(np.array_split(np.arange(n_bands), n_classes)):
        filters[label, :n_heard, bands] = 127
        scales.append(STEEPNESS / (n_heard * len(bands)) / 127)
    return filters, scales


def tiny_step_model(n_bands: int, frames_per_step: int, n_classes: int, kept_frames: int = BEFORE_FRAMES) -> bytes:
    """Return the .tflite; the drawing at the head of this file says what it computes."""
    g = _Graph()
    n_frames = kept_frames + frames_per_step
    frames = ([FEATURE_SCALE], 0)
    features = g.tensor("features", [1, frames_per_step, n_bands, 1], frames)
    state = g.tensor("state_frames", [1, kept_frames, n_bands, 1], frames)
    joined = g.tensor("joined", [1, n_frames, n_bands, 1], frames)
    concatenation = schema.ConcatenationOptionsT()
    concatenation.axis = 1
    g.operator("CONCATENATION", [state, features], [joined], concatenation)

    newest = g.tensor("state_frames_out", [1, kept_frames, n_bands, 1], frames)
    corners = [
        g.constant("begin", [0, frames_per_step, 0, 0]),
        g.constant("end", [1, n_frames, n_bands, 1]),
        g.constant("strides", [1, 1, 1, 1]),
    ]
    g.operator("STRIDED_SLICE", [joined, *corners], [newest], schema.StridedSliceOptionsT())

    filters, scales = _loudness_filters(n_frames, BEFORE_FRAMES + frames_per_step, n_bands, n_classes)
    bias_scales = [FEATURE_SCALE * scale for scale in scales]
    bias = np.array([round(-STEEPNESS * MIDDLE / scale) for scale in bias_scales], np.int32)
    logits = g.tensor("logits", [1, 1, 1, n_classes], ([1 / 16], 0))
    convolution = schema.Conv2DOptionsT()
    convolution.padding, convolution.strideH, convolution.strideW = schema.Padding.VALID, 1, 1
    g.operator(
        "CONV_2D",
        [
            joined,
            g.tensor("filters", list(filters.shape), (scales, 0), filters),
            g.tensor("bias", [n_classes], (bias_scales, 0), bias),
        ],
        [logits],
        convolution,
    )
    probabilities = g.tensor("probabilities", [1, 1, 1, n_classes], ([1 / 256], -128))
    g.operator("LOGISTIC", [logits], [probabilities])
    scores = g.tensor("scores", [1, n_classes], ([1 / 256], -128))
    reshape = schema.ReshapeOptionsT()
    reshape.newShape = [1, n_classes]
    g.operator("RESHAPE", [probabilities, g.constant("shape", [1, n_classes])], [scores], reshape)
    return g.finish({"features": features, "state_frames": state}, {"scores": scores, "state_frames": newest})
