"""A model that somebody trained, as a float32 .tflite with a batch of one.

A Keras file or a SavedModel may hold code that runs when it is loaded.
"""

import itertools
import json
import tempfile
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from stapes.convert.tensorflow import quiet_stderr, tf, tf_keras
from stapes.firmware_sim.errors import ModelError
from stapes.firmware_sim.tflite.graph import read_model

SIGNATURE = "serving_default"
KINDS = "a SavedModel (a folder with saved_model.pb), a Keras file (.keras, .h5) or a float32 .tflite"


def read_float_model(path: Path) -> bytes:
    """Return the model as a float32 .tflite. Raises ModelError for a file that is no such model or cannot be read.

    An unknown batch becomes 1. A .tflite with float16 weights gets them as float32.
    """
    if not path.exists():
        raise ModelError(f"{path} does not exist; give {KINDS}")
    if path.is_dir():
        return _from_saved_model(path)
    if path.suffix in (".keras", ".h5", ".hdf5"):
        return _from_keras(path)
    if path.suffix == ".tflite":
        try:
            return _readable(path.read_bytes())
        except OSError as error:
            raise ModelError(f"{path}: {error.strerror}; give {KINDS}") from error
        except ModelError as error:
            raise error.in_file(path) from error
    raise ModelError(
        f"{path}: is none of what this reads; give {KINDS}; docs/from-pytorch-and-onnx.md says how PyTorch and ONNX "
        "models become one"
    )


def _from_saved_model(path: Path) -> bytes:
    if not (path / "saved_model.pb").is_file():
        raise ModelError(f"{path}: no saved_model.pb in this folder; give {KINDS}")
    with quiet_stderr():
        try:
            loaded = tf.saved_model.load(str(path))
        except Exception as error:  # TensorFlow raises many kinds
            raise ModelError(f"{path}: TensorFlow cannot load it: {first_line(error)}") from error
    names = list(loaded.signatures)
    chosen = SIGNATURE if SIGNATURE in names else names[0] if len(names) == 1 else None
    if chosen is None:
        raise ModelError(
            f"{path}: has {len(names)} signatures ({', '.join(names)}), none of them {SIGNATURE!r}; "
            f"save it with tf.saved_model.save(model, ..., signatures={{'{SIGNATURE}': function}})"
        )
    function = loaded.signatures[chosen]
    specs = function.structured_input_signature[1]

    def call(*given: Any) -> Mapping[str, Any]:
        return function(**dict(zip(specs, given, strict=True)))

    return _converted(
        path, loaded, list(specs.items()), lambda *given: function(**dict(zip(specs, given, strict=True)))
    )


def _from_keras(path: Path) -> bytes:
    with quiet_stderr():
        try:
            model = _keras_that_wrote(path).models.load_model(path, compile=False)
        except Exception as error:  # Keras raises many kinds
            raise ModelError(f"{path}: Keras cannot load it: {first_line(error)}") from error
    if not getattr(model, "inputs", None):
        raise ModelError(f"{path}: the model does not know its inputs; call it once on data, and save it again")
    specs = [(one.name, tf.TensorSpec(one.shape, one.dtype)) for one in model.inputs]

    def call(*given: Any) -> dict[str, Any]:
        made = model(list(given) if len(given) > 1 else given[0], training=False)
        if isinstance(made, Mapping):
            return dict(made)
        each = made if isinstance(made, Sequence) else [made]
        names = getattr(model, "output_names", None) or [f"output_{n}" for n in range(len(each))]
        return dict(zip(_told_apart(names), each, strict=True))

    # Keras 3 wraps its variables; as TensorFlow's own, the converter makes them constants.
    variables = [one if isinstance(one, tf.Variable) else one.value for one in model.variables]
    return _converted(path, variables, specs, call)


def _told_apart(names: Sequence[str]) -> list[str]:
    """Return the names, with _1, _2 and so on behind those that are there already.

    Keras 3 names outputs by their layers, so that the states of a recurrent layer bear its name like its output.
    """
    apart: list[str] = []
    for name in names:
        others = (f"{name}_{n}" for n in itertools.count(1))
        apart.append(name if name not in apart else next(each for each in others if each not in {*names, *apart}))
    return apart


def _keras_that_wrote(path: Path) -> Any:
    """Return the Keras of the version that a file names: 2 is tf_keras."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as file:
            written_by = str(json.loads(file.read("metadata.json")).get("keras_version", ""))
    else:
        import h5py

        with h5py.File(path, "r") as file:
            written_by = str(file.attrs.get("keras_version", ""))
    if written_by.startswith("2"):
        return tf_keras
    import keras

    return keras


def _converted(
    path: Path, owner: Any, specs: list[tuple[str, Any]], function: Callable[..., Mapping[str, Any]]
) -> bytes:
    """Return the function as a float32 .tflite. `owner` keeps its variables; `specs`: its inputs, by name."""
    fixed = [tf.TensorSpec(_with_one_batch(path, name, spec.shape), spec.dtype, name=name) for name, spec in specs]
    with tempfile.TemporaryDirectory(prefix="stapes-") as folder, quiet_stderr():
        try:
            module = tf.Module()
            module.owner = owner
            module.call = tf.function(function, input_signature=fixed, autograph=False)
            tf.saved_model.save(module, folder, signatures={SIGNATURE: module.call})
            converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=[SIGNATURE])
            tflite: bytes = converter.convert()
        except Exception as error:  # the converter raises many kinds
            raise ModelError(f"{path}: TensorFlow cannot convert it to .tflite: {first_line(error)}") from error
    return tflite


def _with_one_batch(path: Path, name: str, shape: Any) -> list[int]:
    sizes = None if shape is None else tuple(shape)
    if sizes is None or None in sizes[1:]:
        raise ModelError(
            f"{path}: input {name} has shape {'unknown' if sizes is None else list(sizes)}; only the batch may be "
            "open: a microcontroller needs fixed sizes; save the model with them"
        )
    return [size or 1 for size in sizes]


def first_line(error: Exception) -> str:
    """Return the first line of an error that TensorFlow or Keras raised."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__


def _readable(tflite: bytes) -> bytes:
    """Return the model as TensorFlow's quantizer understands it.

    float16 constants, and the DEQUANTIZE of each, become constants of float32. Metadata are left out: with those of
    litert-torch the quantizer sees no weights.
    """
    read_model(tflite)  # refuses a damaged file before anything else reads it
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(tflite))
    model.metadata = None
    for graph in model.subgraphs:
        graph.operators = [one for one in graph.operators or () if not _widened(model, graph, one)]
    operators = [one for graph in model.subgraphs for one in graph.operators]
    used = sorted({one.opcodeIndex for one in operators})  # TensorFlow refuses a DEQUANTIZE of float16 that none uses
    model.operatorCodes = [model.operatorCodes[number] for number in used]
    for operator in operators:
        operator.opcodeIndex = used.index(operator.opcodeIndex)
    builder = flatbuffers.Builder(len(tflite))
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _widened(model: schema.ModelT, graph: schema.SubGraphT, operator: schema.OperatorT) -> bool:
    """Make the output of a DEQUANTIZE of a float16 constant a float32 constant; return False for other operators."""
    code = model.operatorCodes[operator.opcodeIndex]
    if max(code.builtinCode, code.deprecatedBuiltinCode) != schema.BuiltinOperator.DEQUANTIZE:
        return False
    source, target = graph.tensors[operator.inputs[0]], graph.tensors[operator.outputs[0]]
    data = model.buffers[source.buffer].data
    if source.type != schema.TensorType.FLOAT16 or data is None:
        return False
    values = np.frombuffer(bytes(data), "<f2").astype("<f4")
    target.buffer = len(model.buffers)
    model.buffers.append(schema.BufferT())
    model.buffers[-1].data = np.frombuffer(values.tobytes(), np.uint8)
    return True
