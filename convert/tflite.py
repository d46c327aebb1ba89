"""Convert a step function from TensorFlow to an int8 .tflite with the signature "step".

The step function contains its own fake-quantization, so the converter needs no representative data and guesses no
range. `check_step` refuses a file that the device could not run.
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from stapes.convert.tensorflow import quiet_stderr, tf
from stapes.firmware_sim.device.model_description import TensorSpec
from stapes.firmware_sim.errors import ModelError

SIGNATURE = "step"
SCALE_CHANGES = ("QUANTIZE", "DEQUANTIZE")  # the converter inserts them between tensors of different scales


@dataclass(frozen=True)
class Step:
    """A converted step function that passed `check_step`."""

    model: bytes
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]


def convert_step(module: tf.Module) -> Step:
    """Convert `module.step`: a tf.function with an input signature, or a concrete function, that returns named tensors.

    `module` holds the variables. Inputs are `features` and `state_*`, outputs are `scores` and the same `state_*`.
    Raises ModelError for a function that cannot be converted, and as `check_step` does.
    """
    function = module.step.get_concrete_function() if hasattr(module.step, "get_concrete_function") else module.step
    with tempfile.TemporaryDirectory(prefix="stapes-") as folder:
        with quiet_stderr():
            tf.saved_model.save(module, folder, signatures={SIGNATURE: function})
        return convert_saved_model(Path(folder))


def convert_saved_model(folder: Path) -> Step:
    """Convert the signature "step" of a SavedModel, under the same conditions as `convert_step`."""
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
    """Return the step with its inputs and outputs.

    Raises ModelError when a tensor is float, or when a state's output differs from its input in shape or quantization.
    """
    interpreter = Interpreter(model_content=model, experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
    if SIGNATURE not in interpreter.get_signature_list():
        raise ModelError(
            f"the .tflite has no signature {SIGNATURE!r}; convert it with `stapes convert`, or save it "
            "with a signature of that name"
        )
    for detail in interpreter.get_tensor_details():
        if detail["dtype"] not in (np.int8, np.int32):
            raise ModelError(
                f"tensor {detail['name']} is {np.dtype(detail['dtype'])}, but the device computes in int8 only; "
                "quantize it with tf.quantization.fake_quant_*"
            )
    for operator in interpreter._get_ops_details():
        if operator["op_name"] in SCALE_CHANGES:
            raise ModelError(
                f"operator {operator['index']} is {operator['op_name']}: two tensors that should share a scale do not; "
                "give both the same range of fake quantization"
            )
    runner = interpreter.get_signature_runner(SIGNATURE)
    inputs = _tensors(runner.get_input_details(), interpreter.get_input_details())
    outputs = _tensors(runner.get_output_details(), interpreter.get_output_details())
    after = {tensor.name: tensor for tensor in outputs}
    for tensor in inputs:
        if tensor.name.startswith("state_") and after.get(tensor.name) != tensor:
            raise ModelError(
                f"{tensor.name} goes in as {tensor} and comes out as {after.get(tensor.name)}; both must be the same"
            )
    return Step(model, inputs, outputs)


def _tensors(named: dict[str, Any], ordered: list[dict[str, Any]]) -> tuple[TensorSpec, ...]:
    """Return the inputs or outputs of the signature in the order of the .tflite."""
    names = {detail["index"]: name for name, detail in named.items()}
    return tuple(_tensor(names[detail["index"]], detail) for detail in ordered)


def _tensor(name: str, detail: dict[str, Any]) -> TensorSpec:
    if detail["dtype"] != np.int8:
        raise ModelError(f"{name} is {np.dtype(detail['dtype'])}: inputs and outputs of the step must be int8")
    scale, zero_point = detail["quantization"]
    return TensorSpec(name=name, shape=tuple(map(int, detail["shape"])), scale=float(scale), zero_point=int(zero_point))
