"""Quantize a float32 model to int8 after training: ranges from samples, then the quantizer of TensorFlow's converter.

Keras files and SavedModels become a float32 .tflite first, so that all kinds of models take the same way, which is that
of TFLiteConverter inside.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from stapes.convert.quantize.float_model import first_line, read_float_model
from stapes.convert.quantize.loss import Loss, losses
from stapes.convert.quantize.samples import Input, read_samples
from stapes.convert.tensorflow import quiet_stderr, tf
from stapes.firmware_sim.errors import ModelError
from stapes.firmware_sim.tflite.graph import Graph, read_model

BORDERS = ("QUANTIZE", "DEQUANTIZE")
_LOOP = "which TensorFlow's quantizer does not survive; unroll it: Keras layers such as GRU take unroll=True"
# Operators on which the quantizer fails without saying why, or ends the process -> what to do.
_NOT_QUANTIZED = {
    "WHILE": f"is a loop, {_LOOP}",
    "STABLEHLO_WHILE": f"is a loop, {_LOOP}",
    "IF": "is a branch, which TensorFlow's quantizer does not survive; compute both sides and select",
    "VAR_HANDLE": "is a state in a variable, which TensorFlow's quantizer cannot follow; make it an input and an "
    "output of the model, both named state_…",
}


@dataclass(frozen=True)
class Quantized:
    """An int8 .tflite, the samples it was made with, and the loss of each output on them."""

    tflite: bytes
    samples: int
    losses: tuple[Loss, ...]
    left_in_float: tuple[str, ...]  # kinds and names of operators that TensorFlow has no int8 form of


def quantize(model: Path, samples: Path) -> Quantized:
    """Quantize a SavedModel, a Keras file or a float32 .tflite, with int8 inputs and outputs.

    TensorFlow loads and runs the model: give only files that you trust.
    samples: as read_samples takes them, by the names of the model's inputs.
    Raises ModelError for a model that cannot be read or quantized, or that computes in integers already, and
    DatasetError for samples that do not fit the model.
    """
    tflite = read_float_model(model)
    try:
        graph = read_model(tflite).main
        if not _in_float(graph):
            raise ModelError("computes in integers already; go on with `stapes compile`")
        _check_kinds(graph)
        given = read_samples(samples, _inputs(tflite, graph))
        made = _quantized(tflite, given)
    except ModelError as error:
        raise error.in_file(model) from error
    lost = losses(tflite, made, given, graph.output_names)
    return Quantized(made, len(given), lost, tuple(_in_float(read_model(made).main)))


def _in_float(graph: Graph) -> list[str]:
    """Return the operators that read or write float32; QUANTIZE and DEQUANTIZE stand beside them, and do not count."""
    found = []
    for operator in graph.operators:
        tensors = [graph.tensors[number] for number in (*operator.inputs, *operator.outputs) if number >= 0]
        if operator.kind not in BORDERS and any(tensor.dtype == "float32" for tensor in tensors):
            found.append(f"{operator.kind} ({tensors[-1].name})")
    return found


def _check_kinds(graph: Graph) -> None:
    for operator in graph.operators:
        if operator.kind in _NOT_QUANTIZED:
            raise ModelError(f"operator {operator.number} ({operator.kind}) {_NOT_QUANTIZED[operator.kind]}")


def _inputs(tflite: bytes, graph: Graph) -> list[Input]:
    """Return the inputs in the order of the .tflite. Raises ModelError for a size other than the batch that is open."""
    inputs = []
    for name, detail in zip(graph.input_names, Interpreter(model_content=tflite).get_input_details(), strict=True):
        if -1 in detail["shape_signature"][1:]:
            raise ModelError(
                f"input {name} has shape {detail['shape_signature'].tolist()}; only the batch may be open: a "
                "microcontroller needs fixed sizes; convert the model again with them"
            )
        inputs.append(Input(name, tuple(map(int, detail["shape"])), str(np.dtype(detail["dtype"]))))
    return inputs


def _quantized(tflite: bytes, samples: list[list[np.ndarray]]) -> bytes:
    # What TFLiteConverter does with its own float32 .tflite; TensorFlow has no public function for any other.
    from tensorflow.lite.python.convert import mlir_quantize
    from tensorflow.lite.python.optimize.calibrator import Calibrator, add_intermediate_tensors

    with quiet_stderr():
        try:
            calibrated = Calibrator(add_intermediate_tensors(tflite)).calibrate(lambda: iter(samples))
            made: bytes = mlir_quantize(calibrated, input_data_type=tf.int8, output_data_type=tf.int8)
        except Exception as error:  # the quantizer raises many kinds
            raise ModelError(f"TensorFlow cannot quantize it: {first_line(error)}") from error
    return made
