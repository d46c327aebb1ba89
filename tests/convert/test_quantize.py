"""`stapes quantize`: float32 models of every kind become int8 .tflite that compile, with the bits of LiteRT.

Referees: TFLiteConverter's own quantization after training, LiteRT's float32 outputs, LiteRT's BUILTIN_REF.
"""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow")

from ai_edge_litert.interpreter import Interpreter

from stapes.convert.compile import compile_model
from stapes.convert.quantize.quantize import quantize
from stapes.convert.tensorflow import quiet_stderr, tf, tf_keras
from stapes.convert.verify import differences
from stapes.firmware_sim.errors import ModelError
from stapes.firmware_sim.tflite.graph import read_model
from stapes.runtime.main import main

SHAPE = (10, 8, 1)
SAMPLES = np.random.default_rng(1).normal(size=(24, *SHAPE)).astype(np.float32)


@pytest.fixture(scope="module")
def model() -> Any:
    return _network(tf_keras)


def _network(keras: Any) -> Any:
    """Return a network with a batch that is open, of the Keras given: tf_keras, or Keras 3."""
    keras.utils.set_random_seed(1)
    layers = keras.layers
    x = keras.Input(SHAPE, name="features")
    y = layers.DepthwiseConv2D(3)(layers.Conv2D(4, 3, activation="relu")(x))
    y = layers.Dense(5, activation="softmax", name="scores")(layers.Flatten()(y))
    return keras.Model(x, y)


def _converter(model: Any) -> Any:
    return tf.lite.TFLiteConverter.from_keras_model(model)


def _tflite(path: Path, model: Any, *, optimized: bool = False, types: tuple[Any, ...] = ()) -> None:
    with quiet_stderr():
        converter = _converter(model)
        converter.optimizations = [tf.lite.Optimize.DEFAULT] if optimized else []
        converter.target_spec.supported_types = list(types)
        path.write_bytes(converter.convert())


def _keras_3(path: Path) -> None:
    import keras

    with quiet_stderr():
        _network(keras).save(path)


def _quiet(write: Callable[[], object]) -> None:
    with quiet_stderr():
        write()


# How each kind of model is written; the name is that of the file or folder.
KINDS: dict[str, Callable[[Path, Any], object]] = {
    "model.keras": lambda path, model: model.save(path),
    "model.h5": lambda path, model: _quiet(lambda: model.save(path)),
    "saved_model": lambda path, model: _quiet(lambda: tf.saved_model.save(model, str(path))),
    "keras_3.keras": lambda path, _: _keras_3(path),
    "keras_3.h5": lambda path, _: _keras_3(path),
    "float32.tflite": _tflite,
    "float16.tflite": lambda path, model: _tflite(path, model, optimized=True, types=(tf.float16,)),
    "dynamic_range.tflite": lambda path, model: _tflite(path, model, optimized=True),
}


def written(path: Path, **arrays: np.ndarray) -> Path:
    np.savez(path, **arrays)  # type: ignore[arg-type]
    return path


@pytest.fixture
def samples(tmp_path: Path) -> Path:
    return written(tmp_path / "samples.npz", features=SAMPLES)


def outputs(tflite: bytes, codes: np.ndarray) -> np.ndarray:
    """Return what LiteRT gives for each of these inputs."""
    interpreter = Interpreter(model_content=tflite)
    interpreter.allocate_tensors()
    made = []
    for one in codes:
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], one[None])
        interpreter.invoke()
        made.append(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]))
    return np.concatenate(made)


# Those whose way through the code another kind takes as well.
SLOW = ("model.h5", "keras_3.h5", "dynamic_range.tflite")


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.slow] * (name in SLOW)) for name in KINDS])
def test_every_kind_of_model_becomes_int8_that_compiles_to_the_bits_of_litert(
    name: str, model: Any, samples: Path, tmp_path: Path
) -> None:
    KINDS[name](tmp_path / name, model)
    made = quantize(tmp_path / name, samples)
    graph = read_model(made.tflite).main
    assert {graph.tensors[number].dtype for number in (*graph.inputs, *graph.outputs)} == {"int8"}
    assert (made.samples, made.left_in_float) == (len(SAMPLES), ())
    assert made.losses[0].signal_to_noise_db > 20
    compile_model(made.tflite, tmp_path / "c", "model", "portable")
    assert set(differences(made.tflite, tmp_path / "c", steps=6).values()) == {0}


@pytest.mark.parametrize("name", ["model.keras", pytest.param("saved_model", marks=pytest.mark.slow)])
def test_the_int8_model_gives_what_that_of_tflite_converter_gives(
    name: str, model: Any, samples: Path, tmp_path: Path
) -> None:
    KINDS[name](tmp_path / name, model)
    with quiet_stderr():
        converter = _converter(model)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: ([sample[None]] for sample in SAMPLES)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.int8
        wanted = converter.convert()
    codes = np.random.default_rng(2).integers(-128, 128, SAMPLES.shape).astype(np.int8)
    made = quantize(tmp_path / name, samples).tflite
    assert np.array_equal(outputs(made, codes), outputs(wanted, codes))


def test_the_loss_is_the_distance_from_the_float_outputs(model: Any, samples: Path, tmp_path: Path) -> None:
    _tflite(tmp_path / "float32.tflite", model)
    made = quantize(tmp_path / "float32.tflite", samples)
    detail = Interpreter(model_content=made.tflite).get_input_details()[0]
    scale, zero_point = detail["quantization"]
    codes = np.clip(np.rint(SAMPLES / np.float32(scale)) + zero_point, -128, 127).astype(np.int8)
    wanted = outputs((tmp_path / "float32.tflite").read_bytes(), SAMPLES).astype(float)
    given = (outputs(made.tflite, codes) + 128.0) / 256  # the scale of a softmax
    (loss,) = made.losses
    assert (loss.name, loss.step) == ("scores", 1 / 256)
    # The optimized kernels of either model may round otherwise: by a step in a value of int8.
    assert loss.largest == pytest.approx(np.abs(wanted - given).max(), abs=1 / 256)
    assert loss.mean == pytest.approx(np.abs(wanted - given).mean(), rel=0.05)
    ratio = 10 * np.log10(np.sum(wanted**2) / np.sum((wanted - given) ** 2))
    assert loss.signal_to_noise_db == pytest.approx(ratio, abs=0.5)


def test_inputs_are_matched_by_name_and_every_output_gets_its_loss(tmp_path: Path) -> None:
    tf_keras.utils.set_random_seed(1)
    a, b = tf_keras.Input((6,), name="left"), tf_keras.Input((4,), name="right")
    y = tf_keras.layers.Concatenate()([tf_keras.layers.Dense(8, activation="relu")(each) for each in (a, b)])
    heads = [tf_keras.layers.Dense(size, name=name)(y) for name, size in (("direction", 3), ("distance", 2))]
    tf_keras.Model([a, b], heads).save(tmp_path / "model.keras")
    rng = np.random.default_rng(1)
    right, left = rng.normal(size=(20, 1, 4)), 100 * rng.normal(size=(20, 6)).astype(np.float16)
    made = quantize(tmp_path / "model.keras", written(tmp_path / "samples.npz", right=right, left=left))
    graph = read_model(made.tflite).main
    scales = {
        name: graph.tensors[number].quantization.scales[0]  # type: ignore[union-attr]
        for name, number in zip(graph.input_names, graph.inputs, strict=True)
    }
    assert scales["left"] == pytest.approx((left.max() - left.min()) / 255, rel=0.01)
    assert scales["right"] == pytest.approx((right.max() - right.min()) / 255, rel=0.01)
    assert {loss.name for loss in made.losses} == {"direction", "distance"}


def test_all_outputs_of_one_keras_3_layer_are_kept(tmp_path: Path) -> None:
    """Keras 3 gives both of them the name of the layer."""
    import keras

    keras.utils.set_random_seed(1)
    x, head = keras.Input((6,), name="features"), keras.layers.Dense(3, name="head")
    with quiet_stderr():
        near, far = (head(keras.layers.Dense(4)(x)) for _ in range(2))
        keras.Model(x, [near, far]).save(tmp_path / "model.keras")
    given = written(tmp_path / "samples.npz", features=np.random.default_rng(1).normal(size=(20, 6)))
    made = quantize(tmp_path / "model.keras", given)
    assert [loss.name for loss in made.losses] == ["head", "head_1"]
    assert len(read_model(made.tflite).main.outputs) == 2


def _recurrent(folder: Path, layer: Any) -> tuple[Path, Path]:
    """Write a Keras model with this layer, and samples for it."""
    tf_keras.utils.set_random_seed(1)
    x = tf_keras.Input((5, 7), name="features")
    tf_keras.Model(x, tf_keras.layers.Dense(2)(layer(x))).save(folder / "recurrent.keras")
    given = np.random.default_rng(1).normal(size=(20, 5, 7))
    return folder / "recurrent.keras", written(folder / "samples.npz", features=given)


@pytest.mark.parametrize("kind", ["LSTM", pytest.param("GRU", marks=pytest.mark.slow)])
def test_recurrent_layers_compile_after_they_were_quantized(kind: str, tmp_path: Path) -> None:
    layer = tf_keras.layers.LSTM(6) if kind == "LSTM" else tf_keras.layers.GRU(4, unroll=True)
    made = quantize(*_recurrent(tmp_path, layer))
    compile_model(made.tflite, tmp_path / "c", "recurrent", "portable")
    assert set(differences(made.tflite, tmp_path / "c", steps=6).values()) == {0}


def test_a_loop_is_refused_with_the_option_that_unrolls_it(tmp_path: Path) -> None:
    said = r"recurrent\.keras: operator \d+ \(WHILE\) is a loop, .* Keras layers such as GRU take unroll=True"
    with pytest.raises(ModelError, match=said):
        quantize(*_recurrent(tmp_path, tf_keras.layers.GRU(4)))


def test_a_state_in_a_variable_is_refused_with_what_to_do(samples: Path, tmp_path: Path) -> None:
    module = tf.Module()
    module.total = tf.Variable(tf.zeros((1, 4)))
    spec = tf.TensorSpec((1, 4), tf.float32, name="x")
    module.call = tf.function(lambda x: {"y": module.total.assign_add(x)}, input_signature=[spec])
    with quiet_stderr():
        tf.saved_model.save(module, str(tmp_path / "saved"), signatures={"serving_default": module.call})
    with pytest.raises(ModelError, match=r"\(VAR_HANDLE\) is a state in a variable.* both named state_"):
        quantize(tmp_path / "saved", samples)


def test_the_command_prints_the_loss_and_the_next_command(
    model: Any, samples: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model.save(tmp_path / "model.keras")
    command = [
        "quantize",
        str(tmp_path / "model.keras"),
        "--samples",
        str(samples),
        "--out",
        str(tmp_path / "q.tflite"),
    ]
    assert main(command) == 0
    heading, loss, wrote, following = capsys.readouterr().out.splitlines()
    assert heading == "int8 beside float32, on 24 samples:"
    assert re.fullmatch(
        r"  scores: differs by \S+ at most \(\S+ steps\), \S+ on average \(\S+ steps of 0.003906\); "
        r"signal-to-noise ratio \d+\.\d dB",
        loss,
    )
    assert wrote == f"wrote {tmp_path}/q.tflite: {(tmp_path / 'q.tflite').stat().st_size} bytes"
    assert following == f"next: stapes compile {tmp_path}/q.tflite --out q_c"
    assert main(["compile", str(tmp_path / "q.tflite"), "--out", str(tmp_path / "q_c")]) == 0
    capsys.readouterr()
    assert main(command) == 1
    assert "exists already" in capsys.readouterr().err
    assert main([*command, "--force"]) == 0


def test_a_model_in_int8_is_refused_by_that_name(model: Any, samples: Path, tmp_path: Path) -> None:
    model.save(tmp_path / "model.keras")
    (tmp_path / "int8.tflite").write_bytes(quantize(tmp_path / "model.keras", samples).tflite)
    with pytest.raises(ModelError, match=r"int8\.tflite: computes in integers already; go on with `stapes compile`"):
        quantize(tmp_path / "int8.tflite", samples)


def _saved(path: Path, function: Any, *shapes: list[int | None]) -> Path:
    """Write a SavedModel with a signature per shape, which computes this function of its input."""
    module = tf.Module()
    specs = [tf.TensorSpec(shape, tf.float32, name="x") for shape in shapes]
    module.calls = [tf.function(lambda x: {"y": function(x)}, input_signature=[spec]) for spec in specs]
    names = [f"call_{number}" for number in range(len(shapes))]
    with quiet_stderr():
        tf.saved_model.save(module, str(path), signatures=dict(zip(names, module.calls, strict=True)))
    return path


def test_what_tensorflow_leaves_in_float_is_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    saved = _saved(tmp_path / "saved", lambda x: tf.cos(x @ tf.eye(4)), [1, 4])
    given = written(tmp_path / "samples.npz", x=np.random.default_rng(1).normal(size=(9, 4)))
    assert main(["quantize", str(saved), "--samples", str(given), "--out", str(tmp_path / "q.tflite")]) == 1
    first, listed = capsys.readouterr().err.splitlines()
    assert f"{tmp_path}/q.tflite does not compile: TensorFlow left operators in float32" in first
    assert listed.startswith("  COS (")


def test_what_does_not_compile_is_listed_as_compile_does(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    saved = _saved(tmp_path / "saved", lambda x: tf.cast(x * 3.0, tf.int32), [1, 4])
    given = written(tmp_path / "samples.npz", x=np.random.default_rng(1).normal(size=(9, 4)))
    out = tmp_path / "q.tflite"
    assert main(["quantize", str(saved), "--samples", str(given), "--out", str(out)]) == 1
    assert out.is_file()
    assert f"{out}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("shapes", "said"),
    [
        (([1, 4], [1, 5]), r"has 2 signatures \(call_0, call_1\), none of them 'serving_default'"),
        (([1, None],), r"input x has shape \[1, None\]; only the batch may be open"),
    ],
)
def test_a_saved_model_that_leaves_open_what_to_convert_is_refused(
    shapes: tuple[list[int | None], ...], said: str, samples: Path, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match=said):
        quantize(_saved(tmp_path / "saved", lambda x: x + 1.0, *shapes), samples)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("none.tflite", None, "does not exist; give a SavedModel"),
        ("model.onnx", b"x", "is none of what this reads; give a SavedModel .* docs/from-pytorch-and-onnx.md"),
        ("model.keras", b"x", "Keras cannot load it: "),
        ("model.h5", b"x", "Keras cannot load it: "),
        ("model.tflite", b"x", "not a .tflite"),
    ],
)
def test_other_files_are_refused_in_one_line(
    name: str, content: bytes | None, said: str, samples: Path, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ModelError, match=f"{name}.*{said}") as caught:
        quantize(tmp_path / name, samples)
    assert "\n" not in str(caught.value)


def test_a_folder_without_a_saved_model_is_refused(samples: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no saved_model\.pb in this folder"):
        quantize(tmp_path, samples)


def test_without_tensorflow_the_extra_is_named_in_one_line(samples: Path, tmp_path: Path) -> None:
    command = ["quantize", str(tmp_path), "--samples", str(samples), "--out", str(tmp_path / "q.tflite")]
    program = f"import sys; sys.modules['tensorflow'] = None; from stapes.runtime.main import main; main({command})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr == "error: this needs tensorflow, which is not installed: pip install 'stapes[train]'\n"
