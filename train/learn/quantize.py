"""The network with every tensor on the int8 grid that it has in TFLite, by the quantizers of tfmot.

`quantize_model` of tfmot refuses a GRU, so the quantizers are called from the network's own graph. The range of a
tensor is known (FIXED_RANGES, the features, outputs of kind "unit"), follows training (outputs of the kinds "relu" and
"relu6"), or is found once by calibration on the folded float weights ("logits"). Kernels are symmetric, one scale per
output channel; those of four bits are int8 in TFLite, too: multiples of 16, which the compiler stores in half a byte.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from tensorflow_model_optimization.python.core.quantization.keras import quantizers

from stapes.convert.tensorflow import tf
from stapes.train.learn.four_bits import LARGEST, rounded_to_four_bits
from stapes.train.learn.network import UNIT_LIMIT, Convolution, LinearMap, Network, Shape, Tensor, Weights, activate

UNIT_RANGE = (-1.0, UNIT_LIMIT)  # scale 1/128, zero point 0
RELUS = ("relu", "relu6")
FIXED_RANGES = {  # of tensors that are no output of a linear map; TFLite fixes the outputs of sigmoid and tanh
    "sigmoid": (0.0, 255 / 256),  # scale 1/256, zero point -128
    "hidden": UNIT_RANGE,
}


class Fixed(quantizers.Quantizer):
    """A quantizer whose range is known beforehand."""

    def __init__(self, low: float, high: float) -> None:
        self.low, self.high = low, high

    def build(self, tensor_shape: Any, name: str, layer: Any) -> dict[str, Any]:
        """Return no variables: the range is not learned."""
        return {}

    def __call__(self, inputs: Tensor, training: bool, weights: dict[str, Any], **kwargs: Any) -> Tensor:
        """Return the value rounded and saturated to the grid."""
        return tf.quantization.fake_quant_with_min_max_args(inputs, self.low, self.high)

    def get_config(self) -> dict[str, float]:
        """Return the arguments of the constructor."""
        return {"low": self.low, "high": self.high}


class Calibrated(quantizers.Quantizer):
    """A quantizer whose symmetric range is found by calibration: [-limit, limit * 127/128], zero point 0."""

    def build(self, tensor_shape: Any, name: str, layer: Any) -> dict[str, Any]:
        """Return the one variable, `limit`, which is not trained."""
        return {"limit": layer.add_weight(name=f"{name}_limit", shape=(), initializer="ones", trainable=False)}

    def __call__(self, inputs: Tensor, training: bool, weights: dict[str, Any], **kwargs: Any) -> Tensor:
        """Return the value rounded and saturated to the grid."""
        limit = weights["limit"]
        return tf.quantization.fake_quant_with_min_max_vars(inputs, -limit, limit * UNIT_LIMIT)

    def get_config(self) -> dict[str, float]:
        """Return the arguments of the constructor."""
        return {}


class FourBits(quantizers.Quantizer):
    """Quantizes weights to multiples, -7 to 7, of one scale per output channel, which calibration finds."""

    def build(self, tensor_shape: Any, name: str, layer: Any) -> dict[str, Any]:
        """Return the one variable, `scale`, which is not trained."""
        sizes = (tensor_shape[-1],)
        return {"scale": layer.add_weight(name=f"{name}_scale", shape=sizes, initializer="ones", trainable=False)}

    def __call__(self, inputs: Tensor, training: bool, weights: dict[str, Any], **kwargs: Any) -> Tensor:
        """Return the weights rounded to their grid.

        Outside of training they lie on it already. They are then given the int8 grid whose steps are a sixteenth of it.
        """
        limit = weights["scale"] * (LARGEST if training else 127 / 16)
        bits = 4 if training else 8
        return tf.quantization.fake_quant_with_min_max_vars_per_channel(
            inputs, -limit, limit, num_bits=bits, narrow_range=True
        )

    def get_config(self) -> dict[str, float]:
        """Return the arguments of the constructor."""
        return {}


class QuantizedNetwork(Network):
    """The network as TFLite computes it, up to float's own rounding."""

    def __init__(self, shape: Shape, dropout: float = 0.0) -> None:
        super().__init__(shape, dropout)
        self.biases = {
            name: self.add_weight(name=f"{name}_bias", shape=each.kernel[-1:], initializer="zeros")
            for name, each in self.maps.items()
        }
        in_eight = quantizers.LastValueQuantizer(8, per_axis=True, symmetric=True, narrow_range=True)
        self.kernel_quantizers: dict[str, quantizers.Quantizer] = {
            name: FourBits() if each.weight_bits == 4 else in_eight for name, each in self.maps.items()
        }
        self.kernel_ranges = {
            name: self.kernel_quantizers[name].build(tf.TensorShape(each.kernel), f"{name}_kernel", self)
            for name, each in self.maps.items()
        }
        features = Fixed(-128 * shape.feature_scale, 127 * shape.feature_scale)
        fixed = {name: Fixed(*limits) for name, limits in FIXED_RANGES.items()}
        outputs = {name: _output_quantizer(each) for name, each in self.maps.items()}
        self.quantizers: dict[str, quantizers.Quantizer] = {"features": features, **fixed, **outputs}
        self.ranges = {name: one.build(None, f"{name}_range", self) for name, one in self.quantizers.items()}

    def kernel(self, name: str, training: bool) -> Tensor:
        """Return the kernel on its grid, one scale per output channel."""
        return self.kernel_quantizers[name](self.kernels[name], training, self.kernel_ranges[name])

    def finish(self, name: str, linear: Tensor, training: bool) -> Tensor:
        """Return the output of a linear map on its grid: bias, then ReLU where it has one."""
        value = tf.nn.bias_add(linear, self.biases[name])
        if self.maps[name].output in RELUS:  # the grid of a "unit" output clips by itself
            value = activate(value, self.maps[name].output)
        return self.quantizers[name](value, training, self.ranges[name])

    def on_grid(self, name: str, value: Tensor) -> Tensor:
        """Return the value rounded and saturated to the grid of the named tensor."""
        return self.quantizers[name](value, False, self.ranges[name])

    def load_folded(self, weights: Weights, features: NDArray[np.float32]) -> None:
        """Take over the float network's folded weights and calibrate every range that is not fixed.

        `features` are float32[batch, frames, bands], the frontend's int8 values times `shape.feature_scale`.
        """
        folded = FoldedNetwork(self.shape, weights)
        observed = folded.observe(features)
        for name, kernel in self.kernels.items():
            value = weights[f"{name}_kernel"]
            if name in folded.moments:
                value, scale = rounded_to_four_bits(value, folded.moments[name])
                self.kernel_ranges[name]["scale"].assign(scale)
            kernel.assign(value)
            self.biases[name].assign(weights[f"{name}_bias"])
        self.refresh_kernel_ranges()
        for name, values in observed.items():
            if self.maps[name].output == "logits":
                self.ranges[name]["limit"].assign(max(float(np.quantile(np.abs(values), 0.9999)), 0.1))
            else:
                self.ranges[name]["min_var"].assign(0.0)
                self.ranges[name]["max_var"].assign(max(float(np.quantile(values, 0.9999)), 0.1))

    def refresh_kernel_ranges(self) -> None:
        """Compute the kernels' scales from the kernels, and put those of four bits on their grid.

        Call it whenever the kernels were replaced.
        """
        for name, each in self.maps.items():
            on_grid = self.kernel(name, training=True)
            if each.weight_bits == 4:
                self.kernels[name].assign(on_grid)


def _output_quantizer(of_map: LinearMap) -> quantizers.Quantizer:
    if of_map.output in RELUS:
        return quantizers.MovingAverageQuantizer(8, per_axis=False, symmetric=False, narrow_range=False)
    return Fixed(*UNIT_RANGE) if of_map.output == "unit" else Calibrated()


class FoldedNetwork(Network):
    """The folded network in float, which records the values of its tensors for calibration.

    `moments` has, for each 1x1 convolution whose weights get four bits, the sums of the products of each two inputs.
    """

    def __init__(self, shape: Shape, weights: Weights) -> None:
        super().__init__(shape)
        self._weights = weights
        self._seen: dict[str, list[NDArray[np.float32]]] = {}
        self.moments: dict[str, NDArray[np.float64]] = {}

    def kernel(self, name: str, training: bool) -> Tensor:
        """Return the folded kernel."""
        return tf.constant(self._weights[f"{name}_kernel"])

    def finish(self, name: str, linear: Tensor, training: bool) -> Tensor:
        """Return the output of a linear map, bias and activation, and record it if its range is not fixed."""
        value = activate(linear + self._weights[f"{name}_bias"], self.maps[name].output)
        if self.maps[name].output != "unit" and tf.executing_eagerly():
            self._seen.setdefault(name, []).append(value.numpy().ravel())
        return value

    def on_grid(self, name: str, value: Tensor) -> Tensor:
        """Return the value unchanged: float has no grid."""
        return value

    def _convolution(self, layer: Convolution, values: Tensor, training: bool, converted: bool) -> Tensor:
        if layer.weight_bits == 4 and tf.executing_eagerly():
            inputs = values.numpy().reshape(-1, layer.channels_in).astype(np.float64)
            self.moments[layer.name] = self.moments.get(layer.name, 0.0) + inputs.T @ inputs
        return super()._convolution(layer, values, training, converted)

    def observe(self, features: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """Return all values of each linear map's output, except where its range is fixed, for these features."""
        self.sequence(tf.constant(features), self.start(len(features)))
        return {name: np.concatenate(values) for name, values in self._seen.items()}


class StepModule(tf.Module):
    """The network as the function that is converted; one call runs one or more steps."""

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
