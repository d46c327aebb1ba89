"""A step function in TensorFlow to an int8 .tflite with the signature "step"; only this and tensorflow.py need it.

The step function carries its own fake-quantization, so no representative data is used: what the converter would guess
is decided before. `check_step` holds the file to what the device needs.
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from stapes.convert.tensorflow import quiet_stderr, tf
from stapes.firmware_sim.errors import ModelError

SIGNATURE = "step"
INT8_OPERATORS_ONLY = ("QUANTIZE", "DEQUANTIZE")  # any of these inside means a change of scale between tensors


@dataclass(frozen=True)
class Port:
    """An input or output of the step in the order of the .tflite: real value = scale * (q - zero_point)."""

    name: str
    shape: tuple[int, ...]
    scale: float
    zero_point: int


@dataclass(frozen=True)
class Step:
    """A converted step that passed `check_step`."""

    model: bytes
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]


def convert_step(module: tf.Module) -> Step:
    """Convert `module.step`: a tf.function with an input signature, or a concrete function, that returns named tensors.

    `module` holds the variables. Inputs are `features` and `state_*`, outputs `scores` and the same `state_*`. Raises
    ModelError where the result is not a step that a device can run: see `check_step`.
    """
    function = module.step.get_concrete_function() if hasattr(module.step, "get_concrete_function") else module.step
    with tempfile.TemporaryDirectory(prefix="stapes-") as folder:
        with quiet_stderr():
            tf.saved_model.save(module, folder, signatures={SIGNATURE: function})
        return convert_saved_model(Path(folder))


def convert_saved_model(folder: Path) -> Step:
    """Convert the signature "step" of a SavedModel; the same rules as for `convert_step`."""
    if not (folder / "saved_model.pb").is_file():
        raise ModelError(
            f"{folder}: no saved_model.pb; write one with tf.saved_model.save(module, ..., signatures={{'step': step}})"
        )
    with quiet_stderr():
        try:
            converter = tf.lite.TFLiteConverter.from_saved_model(str(folder), signature_keys=[SIGNATURE])
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.inference_input_type = converter.inference_output_type = tf.int8
            model = converter.convert()
        except Exception as error:  # the converter raises many kinds
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise ModelError(f"the step function cannot be converted to TFLite: {reason}") from error
    return check_step(model)


def check_step(model: bytes) -> Step:
    """Return the step's ports. ModelError where a tensor is float, or a state goes out other than it came in."""
    interpreter = Interpreter(model_content=model, experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
    if SIGNATURE not in interpreter.get_signature_list():
        raise ModelError(
            f"the .tflite has no signature {SIGNATURE!r}; convert it with stapes, or name its signature so"
        )
    for tensor in interpreter.get_tensor_details():
        if tensor["dtype"] not in (np.int8, np.int32):
            raise ModelError(
                f"tensor {tensor['name']} is {np.dtype(tensor['dtype'])}: the device computes in int8 only"
            )
    for operator in interpreter._get_ops_details():
        if operator["op_name"] in INT8_OPERATORS_ONLY:
            raise ModelError(
                f"operator {operator['index']} is {operator['op_name']}: two tensors that should share a scale do not"
            )
    runner = interpreter.get_signature_runner(SIGNATURE)
    inputs = _ports(runner.get_input_details(), interpreter.get_input_details())
    outputs = _ports(runner.get_output_details(), interpreter.get_output_details())
    after = {port.name: port for port in outputs}
    for port in inputs:
        if port.name.startswith("state_") and after.get(port.name) != port:
            raise ModelError(
                f"{port.name} goes in as {port} and comes out as {after.get(port.name)}: they must be equal"
            )
    return Step(model, inputs, outputs)


def _ports(named: dict[str, Any], ordered: list[dict[str, Any]]) -> tuple[Port, ...]:
    names = {detail["index"]: name for name, detail in named.items()}
    ports = []
    for detail in ordered:
        scale, zero_point = detail["quantization"]
        ports.append(Port(names[detail["index"]], tuple(map(int, detail["shape"])), float(scale), int(zero_point)))
    return tuple(ports)
