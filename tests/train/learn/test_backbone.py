"""A backbone read from a file computes what the network in the file computes; other files are refused in one line."""

from pathlib import Path

import h5py
import numpy as np
import pytest
from backbone_files import FILTERS, random_weights, write_keras_weights
from backbone_forward import convolve, run_backbone

from stapes.firmware_sim.errors import ConfigError, ModelError
from stapes.train.learn.backbone import YAMNET_FRONTEND, read_backbone


def log_mel(frames: int) -> np.ndarray:
    """Return random features in the range of YAMNet's, float32[frames, 64]."""
    return np.random.default_rng(0).uniform(-6.9, 3, (frames, YAMNET_FRONTEND.n_bands)).astype(np.float32)


def require_equal_up_to_float_error(got: np.ndarray, expected: np.ndarray) -> None:
    assert got.shape == expected.shape
    assert expected.std() > 0.1
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())


@pytest.mark.slow
def test_google_s_weights_compute_what_yamnet_of_tf_keras_computes(tmp_path: Path) -> None:
    pytest.importorskip("tf_keras")
    from stapes.convert.tensorflow import tf_keras

    layers = tf_keras.layers
    values = inputs = layers.Input((96, 64, 1))
    for layer, filters in enumerate(FILTERS[:8], start=1):  # YAMNet, as tensorflow/models builds it
        stride = (2, 1, 2, 1, 2, 1, 2, 1)[layer - 1]
        parts = {"conv": layers.Conv2D(filters, 3, stride, "same", use_bias=False, name=f"layer{layer}/conv")}
        if layer > 1:
            name = f"layer{layer}/depthwise_conv"
            parts = {"depthwise_conv": layers.DepthwiseConv2D(3, stride, "same", use_bias=False, name=name)}
            name = f"layer{layer}/pointwise_conv"
            parts["pointwise_conv"] = layers.Conv2D(filters, 1, 1, "same", use_bias=False, name=name)
        for part, convolution in parts.items():
            norm = layers.BatchNormalization(scale=False, epsilon=1e-4, name=f"layer{layer}/{part}/bn")
            values = layers.ReLU()(norm(convolution(values)))
    model = tf_keras.Model(inputs, values)
    for name, arrays in random_weights(layers=8).items():
        model.get_layer(name).set_weights(list(arrays.values()))
    model.save_weights(tmp_path / "yamnet.h5")

    features = log_mel(96)
    expected = model.predict_on_batch(features[np.newaxis, :, :, np.newaxis])[0]
    require_equal_up_to_float_error(run_backbone(read_backbone(tmp_path / "yamnet.h5"), features), expected)


@pytest.mark.slow
def test_a_keras_model_computes_what_tf_keras_computes(foreign_models: Path) -> None:
    pytest.importorskip("tf_keras")
    from stapes.convert.tensorflow import tf_keras

    path = foreign_models / "yamnet_256_f32.h5"
    trunk = tf_keras.models.load_model(path, compile=False).get_layer("model_2")
    features = log_mel(96)
    expected = trunk.predict_on_batch(features[np.newaxis, :, :, np.newaxis])[0]
    require_equal_up_to_float_error(run_backbone(read_backbone(path), features), expected)


def test_each_convolution_of_a_tflite_computes_what_litert_computes(foreign_models: Path) -> None:
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    path = foreign_models / "yamnet_spectra_in_int8.tflite"
    interpreter = Interpreter(
        str(path),
        experimental_op_resolver_type=OpResolverType.BUILTIN_REF,
        experimental_preserve_all_tensors=True,
    )
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], log_mel(96)[np.newaxis])
    interpreter.invoke()
    tensors = {detail["index"]: detail for detail in interpreter.get_tensor_details()}

    def real(index: int) -> tuple[np.ndarray, float]:
        scale, zero_point = tensors[index]["quantization"]
        return (interpreter.get_tensor(index)[0].astype(float) - zero_point) * scale, scale

    operators = [each for each in interpreter._get_ops_details() if each["op_name"].endswith("CONV_2D")]
    backbone = read_backbone(path)
    assert backbone.layers == 14
    for convolution, operator in zip(backbone.convolutions, operators, strict=True):
        (inputs, scale), (expected, quantum) = real(operator["inputs"][0]), real(operator["outputs"][0])
        factor = scale * tensors[operator["inputs"][1]]["quantization_parameters"]["scales"] / quantum
        # LiteRT rounds twice: the sum times a factor in [1/2, 1), then that shifted right by s bits to the factor
        # above, which lies in [2^-s / 2, 2^-s). The first rounding errs by at most 2^-s / 2, which is at most factor.
        error = np.abs(convolve(convolution, inputs) - expected) / quantum
        assert np.all(error <= 0.5 + factor + 1e-4)
        assert len(np.unique(expected)) > 10


def test_every_layout_has_the_strides_of_yamnet_and_names_its_file(tmp_path: Path, foreign_models: Path) -> None:
    google = read_backbone(write_keras_weights(tmp_path / "yamnet.h5", random_weights(layers=14)))
    assert [each.stride for each in google.convolutions] == [
        each.stride for each in read_backbone(foreign_models / "yamnet_spectra_in_int8.tflite").convolutions
    ]
    assert (google.source, google.layers, len(google.sha256)) == ("yamnet.h5", 14, 64)
    assert google.convolutions[-1].channels_out == FILTERS[-1]


def test_a_backbone_is_cut_after_any_of_its_layers(tmp_path: Path) -> None:
    path = write_keras_weights(tmp_path / "three.h5", random_weights(layers=3))
    whole = read_backbone(path)
    for layers in (1, 2, 3):
        cut = read_backbone(path, layers)
        assert cut.layers == layers
        assert [each.kind for each in cut.convolutions] == ["convolution", *("depthwise", "pointwise") * (layers - 1)]
        for one, other in zip(cut.convolutions, whole.convolutions, strict=False):
            assert np.array_equal(one.kernel, other.kernel)
    for layers in (0, 4):
        with pytest.raises(ConfigError, match=rf"has 3 layers, but {layers} are asked for: need 1 to 3"):
            read_backbone(path, layers)


def test_an_output_limit_that_a_keras_model_states_is_kept(tmp_path: Path) -> None:
    path = write_keras_weights(tmp_path / "limited.h5", random_weights(layers=1))
    with h5py.File(path, "a") as file:
        file.attrs["model_config"] = (
            '{"class_name": "Functional", "config": {"name": "m", "layers": ['
            '{"class_name": "ReLU", "config": {"name": "layer1/relu", "max_value": 6.0}},'
            '{"class_name": "BatchNormalization", "config": {"name": "layer1/conv/bn", "epsilon": 3.0}}]}}'
        )
    (limited,) = read_backbone(path).convolutions
    assert limited.activation_max == 6
    weights = random_weights(layers=1)
    scale = 1 / np.sqrt(weights["layer1/conv/bn"]["moving_variance"] + 3.0)
    np.testing.assert_allclose(limited.kernel, weights["layer1/conv"]["kernel"] * scale, rtol=1e-6)


def refused(path: Path) -> str:
    """Return the message with which a file is refused, which is one line that names the file."""
    with pytest.raises(ModelError) as caught:
        read_backbone(path)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    return message


def test_a_missing_file_and_one_that_is_neither_hdf5_nor_tflite_are_refused(tmp_path: Path) -> None:
    assert "No such file" in refused(tmp_path / "yamnet.h5")
    (tmp_path / "notes.h5").write_text("weights follow")
    assert "is neither an HDF5 file nor a .tflite; it begins with b'weights '" in refused(tmp_path / "notes.h5")
    (tmp_path / "empty.h5").write_bytes(b"")
    assert "is neither an HDF5 file nor a .tflite" in refused(tmp_path / "empty.h5")


def test_a_truncated_file_is_refused(tmp_path: Path, foreign_models: Path) -> None:
    whole = write_keras_weights(tmp_path / "whole.h5", random_weights(layers=3)).read_bytes()
    for kept in (20, 700, len(whole) // 2, len(whole) - 1):
        (tmp_path / "part.h5").write_bytes(whole[:kept])
        assert "is truncated or damaged" in refused(tmp_path / "part.h5")
    tflite = (foreign_models / "yamnet_spectra_in_int8.tflite").read_bytes()
    (tmp_path / "part.tflite").write_bytes(tflite[: len(tflite) // 2])
    refused(tmp_path / "part.tflite")


def test_a_damaged_file_is_refused_in_one_line_or_read(tmp_path: Path) -> None:
    whole = write_keras_weights(tmp_path / "whole.h5", random_weights(layers=1)).read_bytes()
    random = np.random.default_rng(0)
    path, messages = tmp_path / "damaged.h5", []
    for _ in range(100):
        damaged = bytearray(whole)
        for at in random.integers(8, len(whole), 4):
            damaged[at] = random.integers(256)
        path.write_bytes(damaged)
        try:
            read_backbone(path)
        except ModelError as error:
            messages.append(str(error))
    assert 0 < len(messages) < 100
    assert not [message for message in messages if "\n" in message]


def test_weights_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    for value in (np.nan, np.inf):
        weights = random_weights(layers=2)
        weights["layer2/pointwise_conv"]["kernel"][0, 0, 3, :2] = value
        path = write_keras_weights(tmp_path / "strange.h5", weights)
        assert "2 of the 2048 values of layer2/pointwise_conv/kernel are NaN or infinite" in refused(path)


def test_another_layout_is_refused_with_what_was_found_and_what_was_expected(
    tmp_path: Path, foreign_models: Path
) -> None:
    path = write_keras_weights(tmp_path / "dense.h5", {"dense": {"kernel": np.zeros((3, 3), np.float32)}})
    assert "has no weights named as YAMNet's are, layer1/conv/kernel" in refused(path)
    assert "found dense/dense/kernel:0" in refused(path)
    weights = random_weights(layers=4)
    without = {name: arrays for name, arrays in weights.items() if not name.startswith("layer2/")}
    assert "holds the layers 1, 3, 4; expected are layers 1 to 14" in refused(write_keras_weights(path, without))
    without = {name: arrays for name, arrays in weights.items() if name != "layer3/pointwise_conv/bn"}
    assert "has no layer3/pointwise_conv/bn/beta" in refused(write_keras_weights(path, without))
    wider = weights | {"layer3/depthwise_conv": {"depthwise_kernel": np.zeros((5, 5, 64, 1), np.float32)}}
    assert "convolution 4 is a depthwise one with a kernel of shape [5, 5, 64, 1]" in refused(
        write_keras_weights(path, wider)
    )
    other = weights | {"layer3/depthwise_conv": {"depthwise_kernel": np.zeros((3, 3, 32, 1), np.float32)}}
    assert "has 32 output channels, but its BatchNorm" in refused(write_keras_weights(path, other))
    assert "convolution" in refused(foreign_models / "micro_speech.tflite")
    assert "has no convolution; its operators are: FULLY_CONNECTED" in refused(foreign_models / "hello_world.tflite")
