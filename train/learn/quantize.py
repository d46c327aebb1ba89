"""The network with every tensor on the int8 grid of its TFLite form, by quantizers of tfmot in own layers.

Ranges that TFLite fixes are fixed here: sigmoid 1/256 with zero point -128, tanh and the GRU's state 1/128 with zero
point 0; features are 1/32 with zero point 0. Kernels are symmetric per output channel. What a convolution gives out has
a range that follows training; pre-activations keep the range found by calibration on the float weights.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from tensorflow_model_optimization.python.core.quantization.keras import quantizers

from stapes.convert.tensorflow import tf
from stapes.train.learn.network import UNIT_LIMIT, Network, Shape, Tensor, Weights

FIXED_RANGES = {
    "features": (-4.0, 4.0 * UNIT_LIMIT),  # scale 1/32, zero point 0
    "sigmoid": (0.0, 255 / 256),  # scale 1/256, zero point -128
    "hidden": (-1.0, UNIT_LIMIT),  # scale 1/128, zero point 0
    "projection": (-1.0, UNIT_LIMIT),
}
PRE_ACTIVATIONS = ("gates", "candidate", "scores")


class Fixed(quantizers.Quantizer):
    """A range that is known beforehand."""

    def __init__(self, low: float, high: float) -> None:
        self.low, self.high = low, high

    def build(self, tensor_shape: Any, name: str, layer: Any) -> dict[str, Any]:
        """No variables: nothing about the range is learned."""
        return {}

    def __call__(self, inputs: Tensor, training: bool, weights: dict[str, Any], **kwargs: Any) -> Tensor:
        """Return the value on its grid."""
        return tf.quantization.fake_quant_with_min_max_args(inputs, self.low, self.high)

    def get_config(self) -> dict[str, float]:
        """Return what the constructor takes."""
        return {"low": self.low, "high": self.high}


class Calibrated(quantizers.Quantizer):
    """A symmetric range found by calibration: [-limit, limit * 127/128], zero point 0."""

    def build(self, tensor_shape: Any, name: str, layer: Any) -> dict[str, Any]:
        """One variable that training leaves alone."""
        return {"limit": layer.add_weight(name=f"{name}_limit", shape=(), initializer="ones", trainable=False)}

    def __call__(self, inputs: Tensor, training: bool, weights: dict[str, Any], **kwargs: Any) -> Tensor:
        """Return the value on its grid."""
        limit = weights["limit"]
        return tf.quantization.fake_quant_with_min_max_vars(inputs, -limit, limit * UNIT_LIMIT)

    def get_config(self) -> dict[str, float]:
        """Return what the constructor takes."""
        return {}


class QuantizedNetwork(Network):
    """The network as TFLite computes it, up to the rounding of float itself."""

    def __init__(self, shape: Shape, dropout: float = 0.0) -> None:
        super().__init__(shape, dropout)
        self.biases = {
            name: self.add_weight(name=f"{name}_bias", shape=kernel[-1:], initializer="zeros")
            for name, kernel in shape.kernels.items()
        }
        self.kernel_quantizer = quantizers.LastValueQuantizer(8, per_axis=True, symmetric=True, narrow_range=True)
        self.kernel_ranges = {
            name: self.kernel_quantizer.build(tf.TensorShape(kernel), f"{name}_kernel", self)
            for name, kernel in shape.kernels.items()
        }
        self.quantizers: dict[str, quantizers.Quantizer] = {name: Fixed(*FIXED_RANGES[name]) for name in FIXED_RANGES}
        for layer in shape.convolutions:
            self.quantizers[layer.name] = quantizers.MovingAverageQuantizer(
                8, per_axis=False, symmetric=False, narrow_range=False
            )
        self.quantizers |= {name: Calibrated() for name in PRE_ACTIVATIONS}
        self.ranges = {name: one.build(None, f"{name}_range", self) for name, one in self.quantizers.items()}

    def kernel(self, name: str, training: bool) -> Tensor:
        """Return the kernel on its int8 grid, one scale per output channel."""
        return self.kernel_quantizer(self.kernels[name], training, self.kernel_ranges[name])

    def finish(self, name: str, linear: Tensor, training: bool) -> Tensor:
        """Bias, ReLU after a convolution, and the tensor's own grid."""
        value = tf.nn.bias_add(linear, self.biases[name])
        if name.startswith("conv"):
            value = tf.nn.relu(value)
        return self.quantizers[name](value, training, self.ranges[name])

    def on_grid(self, name: str, value: Tensor) -> Tensor:
        """Return the value rounded and saturated to the named grid."""
        return self.quantizers[name](value, False, self.ranges[name])

    def load_folded(self, weights: Weights, features: NDArray[np.float32]) -> None:
        """Take the float network's folded weights and find every range on real features [batch, frames, bands]."""
        for name, kernel in self.kernels.items():
            kernel.assign(weights[f"{name}_kernel"])
            self.biases[name].assign(weights[f"{name}_bias"])
        self.refresh_kernel_ranges()
        for name, values in FoldedNetwork(self.shape, weights).observe(features).items():
            if name in PRE_ACTIVATIONS:
                self.ranges[name]["limit"].assign(max(float(np.quantile(np.abs(values), 0.9999)), 0.1))
            else:
                self.ranges[name]["min_var"].assign(0.0)
                self.ranges[name]["max_var"].assign(max(float(np.quantile(values, 0.9999)), 0.1))

    def refresh_kernel_ranges(self) -> None:
        """Set the kernels' scales from the kernels, after these were replaced."""
        for name in self.kernels:
            self.kernel(name, training=True)


class FoldedNetwork(Network):
    """The folded network in float, that keeps what passes through it."""

    def __init__(self, shape: Shape, weights: Weights) -> None:
        super().__init__(shape)
        self._weights = weights
        self._seen: dict[str, list[NDArray[np.float32]]] = {}

    def kernel(self, name: str, training: bool) -> Tensor:
        """Return the folded kernel."""
        return tf.constant(self._weights[f"{name}_kernel"])

    def finish(self, name: str, linear: Tensor, training: bool) -> Tensor:
        """Bias and activation; the result is kept."""
        value = linear + self._weights[f"{name}_bias"]
        if name == "projection":
            return tf.clip_by_value(value, -1.0, UNIT_LIMIT)
        value = tf.nn.relu(value) if name.startswith("conv") else value
        if tf.executing_eagerly():
            self._seen.setdefault(name, []).append(value.numpy().ravel())
        return value

    def on_grid(self, name: str, value: Tensor) -> Tensor:
        """Return the value unchanged."""
        return value

    def observe(self, features: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """Return all values of every tensor whose range is not fixed."""
        self.sequence(tf.constant(features), self.start(len(features)))
        return {name: np.concatenate(values) for name, values in self._seen.items()}


class StepModule(tf.Module):
    """The network as the function that is converted: int8 grids in and out, one or more steps per call."""

    def __init__(self, network: QuantizedNetwork, steps: int = 1) -> None:
        super().__init__()
        self.tracked = list(network.variables)
        shape = network.shape
        features = tf.TensorSpec((1, steps * shape.frames_per_step, shape.bands, 1), name="features")
        states = {name: tf.TensorSpec(sizes, name=name) for name, sizes in shape.states.items()}

        def step(features: Tensor, **states: Tensor) -> dict[str, Tensor]:
            scores, new_states = network.step(features, states)
            return {"scores": tf.reshape(scores, [1, shape.classes] if steps == 1 else [1, steps, -1]), **new_states}

        self.step = tf.function(step, autograph=False).get_concrete_function(features=features, **states)
