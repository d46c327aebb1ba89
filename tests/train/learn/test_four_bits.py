"""Weights of four bits stay on their grid from calibration through training to the .tflite, and cost little.

Referees: rounding each weight by itself, and the weights that TensorFlow's converter writes.
"""

import numpy as np
import pytest

pytest.importorskip("tensorflow")

from network_settings import FOUR_BITS, SEPARABLE

from stapes.convert.tensorflow import tf_keras
from stapes.convert.tflite import convert_step
from stapes.firmware_sim.device.frontend import FrontendConfig
from stapes.firmware_sim.errors import ConfigError
from stapes.firmware_sim.tflite.graph import read_model
from stapes.train.learn.fit import Schedule, Trainer
from stapes.train.learn.four_bits import LARGEST, rounded_to_four_bits
from stapes.train.learn.network import FloatNetwork, Shape
from stapes.train.learn.quantize import QuantizedNetwork, StepModule
from stapes.train.settings import NetworkSettings, TrainingSettings

NARROW = ("conv1_pointwise", "conv2_pointwise")


def features(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(-128, 128, (3, 80, 40)).astype(np.int8)


@pytest.fixture
def network() -> QuantizedNetwork:
    """A network whose ranges were found on noise."""
    tf_keras.utils.set_random_seed(0)
    shape = Shape.of(FOUR_BITS, FrontendConfig(), classes=2)
    network = QuantizedNetwork(shape)
    network.load_folded(FloatNetwork(shape).folded(), features(0).astype(np.float32) * shape.feature_scale)
    return network


def in_steps(network: QuantizedNetwork, name: str) -> np.ndarray:
    """Return a kernel in units of its channels' scales."""
    return network.kernels[name].numpy() / network.kernel_ranges[name]["scale"].numpy()


def require_on_grid(network: QuantizedNetwork) -> None:
    for name in NARROW:
        steps = in_steps(network, name)
        np.testing.assert_allclose(steps, np.round(steps), atol=1e-3)
        assert np.abs(steps).max() < LARGEST + 0.01


def test_the_output_changes_less_than_if_each_weight_were_rounded_by_itself() -> None:
    rng = np.random.default_rng(0)
    inputs = np.maximum(rng.normal(size=(2000, 16)) @ rng.normal(size=(16, 64)), 0.0)  # go together, as a network's do
    kernel = rng.normal(size=(1, 1, 64, 24)).astype(np.float32)
    rounded, scales = rounded_to_four_bits(kernel, inputs.T @ inputs)
    steps = rounded[0, 0] / scales
    np.testing.assert_allclose(steps, np.round(steps), atol=1e-4)
    assert np.abs(steps).max() < LARGEST + 0.01
    each = np.clip(np.round(kernel[0, 0] / scales), -LARGEST, LARGEST) * scales

    def error(other: np.ndarray) -> float:
        return float(np.square(inputs @ (other - kernel[0, 0])).sum())

    assert error(rounded[0, 0]) < 0.5 * error(each)


def test_channels_and_inputs_that_are_always_zero_stay_zero() -> None:
    kernel = np.random.default_rng(0).normal(size=(1, 1, 8, 4)).astype(np.float32)
    kernel[..., 2] = 0.0
    rounded, scales = rounded_to_four_bits(kernel, np.zeros((8, 8)))
    assert not rounded[..., 2].any()
    assert np.isfinite(rounded).all()
    assert (scales > 0).all()


def test_calibration_puts_the_weights_on_a_grid_of_15_values(network: QuantizedNetwork) -> None:
    require_on_grid(network)
    assert len(np.unique(np.round(in_steps(network, NARROW[1])))) == 2 * LARGEST + 1


def test_training_moves_weights_from_one_value_of_the_grid_to_another(network: QuantizedNetwork) -> None:
    before = in_steps(network, NARROW[1])
    trainer = Trainer(network, TrainingSettings(), 1, Schedule(3, 3e-2, 0))
    for number in range(3):
        trainer.update(number, (features(number), np.ones((3, 40, 2), np.float32)))
    trainer.swap_average()
    require_on_grid(network)
    assert (np.round(in_steps(network, NARROW[1])) != np.round(before)).any()


def test_the_tflite_holds_them_as_multiples_of_16(network: QuantizedNetwork) -> None:
    """int8 that any program runs; stapes compile stores them in half a byte."""
    graph = read_model(convert_step(StepModule(network)).model).main
    for name in NARROW:
        (weights,) = (
            each
            for each in graph.tensors
            if each.name.startswith(f"{name}/")
            and each.data is not None
            and each.quantization.axis == 0
            and each.dtype == "int8"
        )
        np.testing.assert_array_equal(
            weights.data.reshape(weights.shape[0], -1).T, 16 * np.round(in_steps(network, name)[0, 0])
        )


@pytest.mark.parametrize(
    ("bits", "said"),
    [
        ((8, 4), r"conv_weight_bits is \[8, 4\]: give 4 or 8 for each of the 4 convolutions"),
        ((8, 4, 2, 8), "give 4 or 8"),
        ((4, 8, 8, 8), "gives conv0 4 bits, but its kind is 'full'"),
        ((8, 8, 8, 4), "gives conv3 4 bits, but its kind is 'depthwise'"),
    ],
)
def test_other_bits_are_refused(bits: tuple[int, ...], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        NetworkSettings(**{**vars(SEPARABLE), "conv_weight_bits": bits})
