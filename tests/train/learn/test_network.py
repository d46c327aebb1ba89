"""The network computes the same function over a sequence, in pieces, step by step, and with BatchNorm folded."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tensorflow")

from network_settings import SEPARABLE

from stapes.convert.tensorflow import tf, tf_keras
from stapes.firmware_sim.device.frontend import FEATURE_UNIT_DB, FrontendConfig
from stapes.firmware_sim.errors import ConfigError
from stapes.train.learn.backbone import read_backbone
from stapes.train.learn.network import FloatNetwork, Shape
from stapes.train.learn.quantize import FoldedNetwork, QuantizedNetwork
from stapes.train.learn.sizes import settings_of
from stapes.train.learn.train_networks import mix_weights
from stapes.train.settings import NetworkSettings


@pytest.fixture(scope="module")
def features() -> np.ndarray:
    return np.random.default_rng(0).integers(-128, 128, (3, 80, 40)).astype(np.float32) * FrontendConfig().feature_scale


@pytest.fixture(scope="module", params=[NetworkSettings(), SEPARABLE], ids=["full", "separable"])
def network(features: np.ndarray, request: pytest.FixtureRequest) -> FloatNetwork:
    """An untrained network whose BatchNorm statistics are not the initial ones."""
    tf_keras.utils.set_random_seed(0)
    network = FloatNetwork(Shape.of(request.param, FrontendConfig(), classes=3))
    for _ in range(20):
        network.sequence(tf.constant(features), network.start(3), training=True)
    return network


def test_the_shape_counts_what_the_network_holds(network: FloatNetwork) -> None:
    shape = network.shape
    folded = network.folded()
    assert shape.parameters == sum(weights.size for weights in folded.values())
    assert all(folded[f"{name}_kernel"].shape == each.kernel for name, each in shape.linear_maps.items())


def test_a_convolution_that_runs_out_of_bands_is_refused() -> None:
    with pytest.raises(ConfigError, match="conv2 spans 3 bands of the 2 that are left"):
        Shape.of(NetworkSettings(), FrontendConfig(n_bands=14), classes=1)


def test_folding_batch_norm_keeps_the_function(network: FloatNetwork, features: np.ndarray) -> None:
    with_norm, _ = network.sequence(tf.constant(features), network.start(3))
    without = FoldedNetwork(network.shape, network.folded())
    folded, _ = without.sequence(tf.constant(features), without.start(3))
    np.testing.assert_allclose(folded, with_norm, atol=2e-5)  # float32 sums of about 1000 terms in another order


@pytest.mark.parametrize("frames", [2, 6, 34])
def test_pieces_with_states_carried_over_equal_the_whole(
    network: FloatNetwork, features: np.ndarray, frames: int
) -> None:
    whole, end = network.sequence(tf.constant(features), network.start(3))
    states, pieces = network.start(3), []
    for first in range(0, features.shape[1], frames):
        logits, states = network.sequence(tf.constant(features[:, first : first + frames]), states)
        pieces.append(logits.numpy())
    np.testing.assert_allclose(np.concatenate(pieces, axis=1), whole, atol=2e-5)
    for name in end:
        np.testing.assert_allclose(states[name], end[name], atol=2e-5)


def test_the_step_graph_equals_the_sequence_graph(network: FloatNetwork, features: np.ndarray) -> None:
    logits, _ = network.sequence(tf.constant(features[:1]), network.start(1))
    states, scores = network.start(1), []
    for first in range(0, features.shape[1], network.shape.frames_per_step):
        step = tf.constant(features[:1, first : first + network.shape.frames_per_step, :, None])
        probabilities, states = network.step(step, states)
        scores.append(probabilities.numpy().ravel())
    np.testing.assert_allclose(np.stack(scores), tf.sigmoid(logits)[0], atol=1e-5)
    assert {name: tuple(state.shape) for name, state in states.items()} == network.shape.states


def test_strides_that_differ_in_time_and_along_the_bands_are_trained_on_every_processor() -> None:
    """TensorFlow uses oneDNN by itself on some processors only; its other kernels want two equal strides."""
    script = """
import numpy as np
from network_settings import SEPARABLE
from stapes.convert.tensorflow import tf
from stapes.firmware_sim.device.frontend import FrontendConfig
from stapes.train.learn.network import FloatNetwork, Shape

tf.random.set_seed(0)
network = FloatNetwork(Shape.of(SEPARABLE, FrontendConfig(), classes=3))
with tf.GradientTape() as tape:
    logits, _ = network.sequence(tf.random.normal([2, 40, 40]), network.start(2), training=True)
    loss = tf.reduce_sum(logits**2)
kernels = [name for name in network.kernels if name.startswith("conv")]
assert all(np.any(each) for each in tape.gradient(loss, [network.kernels[name] for name in kernels]))

values, layer = np.random.default_rng(0).normal(size=(1, 9, 10, 16)), network.shape.convolutions[-1]
assert (layer.stride_frames, layer.stride_bands, layer.bands) == (1, 10, 1)
kernel = network.kernel(layer.name, False).numpy().reshape(10, 16)
computed = network._convolution(layer, tf.constant(values, tf.float32), False, False)
np.testing.assert_allclose(computed[0, :, 0], np.einsum("tbc,bc->tc", values[0], kernel), atol=1e-5)
"""
    helpers = str(Path(__file__).resolve().parents[2] / "helpers")
    environment = os.environ | {"TF_ENABLE_ONEDNN_OPTS": "0", "PYTHONPATH": os.pathsep.join([helpers, *sys.path])}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_no_score_depends_on_a_later_frame(network: FloatNetwork, features: np.ndarray) -> None:
    changed = features.copy()
    changed[:, 40:] += 1.0
    before, _ = network.sequence(tf.constant(features), network.start(3))
    after, _ = network.sequence(tf.constant(changed), network.start(3))
    np.testing.assert_array_equal(before[:, :20], after[:, :20])
    assert not np.array_equal(before[:, 20:], after[:, 20:])


def test_a_compiled_loop_has_the_results_and_the_gradients_of_the_loop(
    network: FloatNetwork, features: np.ndarray
) -> None:
    def results() -> list[object]:
        with tf.GradientTape() as tape:
            logits, _ = network.sequence(tf.constant(features), network.start(3))
            loss = tf.reduce_sum(logits**2)
        return [logits, *tape.gradient(loss, network.trainable_variables)]

    found = []
    for network.compile_loop in (True, False):
        found.append(tf.function(results, autograph=False)())
    assert len(found[0]) == 1 + len(network.trainable_variables)
    for compiled, plain in zip(*found, strict=True):
        scale = float(tf.reduce_max(tf.abs(plain)))
        np.testing.assert_allclose(compiled, plain, atol=1e-4 * scale)  # float32 sums in another order


def test_layers_that_are_frozen_are_not_among_the_trained_variables(network: FloatNetwork) -> None:
    behind = {each.name for each in network.variables_behind(2)}
    left_out = {each.name for each in network.trainable_variables} - behind
    assert left_out
    assert all("conv0" in name or "conv1" in name for name in left_out)
    assert len(network.variables_behind(0)) == len(network.trainable_variables)


def test_weights_are_mixed_in_the_share_that_was_asked_for(network: FloatNetwork) -> None:
    trained = FloatNetwork(network.shape)
    after = [variable.numpy() for variable in trained.variables]
    before = [variable.numpy() for variable in network.variables]
    mix_weights(trained, before, share=0.25)
    for mixed, old, new in zip(trained.variables, before, after, strict=True):
        np.testing.assert_allclose(mixed, 0.75 * old + 0.25 * new, atol=1e-6)


def test_a_backbone_computes_what_keras_computes_a_few_frames_later(foreign_models: Path) -> None:
    """Keras sees frames after and before a place; a stream sees only those before, so it answers later."""
    path = foreign_models / "yamnet_256_f32.h5"
    settings = settings_of("medium", str(path), 6)
    strides = settings.network.conv_stride_bands[:6]  # those that the backbone was trained with, in time as well
    own = replace(settings.network, conv_stride_frames=(*strides, 1))
    network = FloatNetwork(Shape.of(own, settings.frontend, classes=3))
    network.load_backbone(read_backbone(path, 6))
    log_mel = np.random.default_rng(0).normal(-3, 2, (1, 96, 64)).astype(np.float32)
    delayed = np.pad(log_mel, [(0, 0), (3, 0), (0, 0)])[:, :96] / (FEATURE_UNIT_DB * np.log(10) / 20)
    values, _ = network.convolve(tf.constant(delayed[..., None], tf.float32), network.start(1), layers=11)
    keras = tf_keras.models.load_model(path, compile=False)
    inner = next(each for each in keras.layers if hasattr(each, "layers"))
    until = tf_keras.Model(inner.inputs, inner.get_layer("layer6/pointwise_conv/relu").output)
    expected = until(log_mel[..., None])[0]
    # Keras pads the ends of the excerpt, and a stream begins with zeros: places near them are left out.
    np.testing.assert_allclose(values[0, 6:], expected[3:-3], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("step_db", [0.45, 0.4, 0.01, 10.0])
def test_every_int8_feature_of_the_frontend_is_on_the_grid_of_the_network(step_db: float) -> None:
    frontend = FrontendConfig(int8_step_db=step_db)
    network = QuantizedNetwork(Shape.of(NetworkSettings(), frontend, classes=1))
    real = np.arange(-128, 128, dtype=np.float32) * frontend.feature_scale
    np.testing.assert_allclose(network.on_grid("features", tf.constant(real)), real, rtol=1e-6)
