"""Say what a model that cannot be compiled was made for, and what its owner can do."""

import re

from stapes.firmware_sim.tflite.graph import Graph, Operator

# How the name of a custom operator begins -> what it was made for, and what to do.
_CUSTOM = {
    "ethos-u": "compiled for an Arm Ethos-U; give the .tflite from before vela",
    "edgetpu-custom-op": "compiled for a Coral Edge TPU; give the .tflite from before edgetpu_compiler",
    "XC_": "compiled for an XMOS xcore; give the .tflite from before xcore-opt",
    "NeutronGraph": "compiled for an NXP Neutron NPU; give the .tflite from before neutron-converter",
    "Lce": "has weights of one bit (Larq Compute Engine); convert a model with weights of int8",
    "Flex": "an operator of TensorFlow itself; convert without tf.lite.OpsSet.SELECT_TF_OPS, and replace the layers "
    "that the converter then names",
    "TFLite_Detection_PostProcess": "computed in float32; convert without it, and apply it to the outputs",
    "": "no operator of the .tflite schema; replace the layer that became it",
}
_WITH_WEIGHTS = (
    *("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV", "BATCH_MATMUL", "CONV_3D", "GATHER"),
    *("LSTM", "UNIDIRECTIONAL_SEQUENCE_LSTM", "UNIDIRECTIONAL_SEQUENCE_RNN", "SVDF"),
)
_FOUR_BITS = {"int4", "uint4", "int2"}

FLOAT16 = "weights are float16 (float16 quantization); convert the model again, to int8"
DYNAMIC_RANGE = "weights are int8, but it computes in float32 (dynamic-range quantization); convert the model again"
FLOAT32 = "computes in float32; convert the model again, to int8"
UINT8 = "computes in uint8 (the quantization of TensorFlow 1); convert the model again, to int8"
NARROW = "weights have fewer than 8 bits; convert the model again, without sub-byte weights"

# What the owner of such a model can do: lines of Python, which a test runs.
CONVERT_AGAIN = (
    "`stapes quantize` makes float models int8. In Python, for a Keras model, where `samples` are float32 arrays of "
    "what it will take:",
    "    converter = tf.lite.TFLiteConverter.from_keras_model(model)",
    "    converter.optimizations = [tf.lite.Optimize.DEFAULT]",
    "    converter.representative_dataset = lambda: ([sample[None]] for sample in samples)",
    "    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]",
    "    converter.inference_input_type = converter.inference_output_type = tf.int8",
    "    tflite = converter.convert()",
)


def purpose(graph: Graph, operator: Operator, found: str) -> str | None:
    """Return what an operator that is refused was made for, and what to do; None where the operator does not tell.

    found: what the operator's file in layers/ found wrong with it.
    """
    if operator.is_custom:
        name = operator.kind.removeprefix("CUSTOM ")[1:]
        return next(said for begin, said in _CUSTOM.items() if name.startswith(begin))
    tensors = [graph.tensors[number] for number in (*operator.inputs, *operator.outputs) if number >= 0]
    types, constants = {one.dtype for one in tensors}, {one.dtype for one in tensors if one.data is not None}
    if types & _FOUR_BITS:
        return NARROW
    if "float16" in constants:
        return FLOAT16
    if "float32" in types:
        return DYNAMIC_RANGE if operator.kind in _WITH_WEIGHTS and "int8" in constants else FLOAT32
    if re.search(r"\b(is|are) uint8", found) or "uint8" in constants:
        return UINT8
    return None
