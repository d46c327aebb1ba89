"""Models as TFLiteConverter's default quantization after training leaves them, float32 at the border, vs LiteRT."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow")

from stapes.convert.compile import compile_model
from stapes.convert.tensorflow import quiet_stderr, tf, tf_keras
from stapes.convert.verify import differences, with_intermediate_outputs

layers = tf_keras.layers


def _cnn() -> Any:
    x = tf_keras.Input((20, 10, 1), batch_size=1)
    y = layers.MaxPool2D()(layers.Conv2D(8, 3, activation="relu", padding="same")(x))
    y = layers.BatchNormalization()(layers.DepthwiseConv2D(3)(y))
    return tf_keras.Model(x, layers.Dense(5, activation="softmax")(layers.Flatten()(y)))


def _two_inputs() -> Any:
    a, b = tf_keras.Input((6,), batch_size=1, name="a"), tf_keras.Input((4,), batch_size=1, name="b")
    y = layers.Concatenate()([layers.Dense(8, activation="relu")(a), layers.Dense(8, activation="tanh")(b)])
    return tf_keras.Model([a, b], layers.Dense(3)(y))


def _two_outputs() -> Any:
    x = tf_keras.Input((6,), batch_size=1)
    y = layers.Dense(8, activation="relu")(x)
    return tf_keras.Model(x, [layers.Dense(3, activation="sigmoid")(y), layers.Dense(2)(y)])


def _lstm() -> Any:
    x = tf_keras.Input((5, 7), batch_size=1)
    return tf_keras.Model(x, layers.Dense(2)(layers.LSTM(6)(x)))


def quantized_after_training(model: Any) -> bytes:
    """Return a Keras model as .tflite, int8 inside; the types of inputs and outputs are left as they are: float32."""
    rng = np.random.default_rng(0)

    def samples() -> Iterator[dict[str, np.ndarray]]:
        for _ in range(8):
            yield {one.name: rng.normal(size=one.shape).astype(np.float32) for one in model.inputs}

    with quiet_stderr():
        converter = tf.lite.TFLiteConverter.from_keras_model(model)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = samples
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        return bytes(converter.convert())


@pytest.mark.parametrize("make", [_cnn, _two_inputs, _two_outputs, _lstm], ids=lambda make: make.__name__.strip("_"))
def test_models_quantized_after_training_vs_litert_reference(tmp_path: Path, make: Callable[[], Any]) -> None:
    tf_keras.utils.set_random_seed(1)
    model = make()
    tflite = quantized_after_training(model)
    borders = compile_model(tflite, tmp_path / "plain", "plain").borders
    assert len(borders) == len(model.inputs) + len(model.outputs)
    compile_model(with_intermediate_outputs(tflite), tmp_path / "every", "every")
    for name, file in (("plain", tflite), ("every", with_intermediate_outputs(tflite))):
        assert set(differences(file, tmp_path / name, steps=20).values()) == {0}
