"""The network: causal convolutions over (frame, band), a projection, a GRU and a sigmoid per class.

A convolution may be depthwise-separable: one filter per channel, then a 1x1 convolution that mixes the channels. The
first convolutions may take their weights from a pretrained backbone (backbone.py), which has no BatchNorm any more.

`Network` is the graph. It has two trained forms: `FloatNetwork` in this file (BatchNorm, no quantization) and
`QuantizedNetwork` in quantize.py (folded weights, every tensor on its int8 grid). Each form runs over whole sequences
(`sequence`, for training) and one step at a time (`step`, the function that is converted). In `step` every linear map
is a 1x1 convolution. In `sequence` the GRU's matrix products are split in two: the part that depends on the input is
computed for all steps at once, the part that depends on the previous state is computed in a loop.

The GRU applies its reset gate before the matrix product (Cho et al. 2014, as in ONNX with linear_before_reset = 0):
z, r = sigmoid(W [x, h] + b); n = tanh(V [x, r h] + c); h' = z h + (1 - z) n.
A score is a convolution over the GRU's last states. Together with the target delay it sees what came before and what
follows the time that the score is for, so the GRU need not remember when something happened.

To add a layer, add its linear map to `Shape.linear_maps` and its place in `sequence` and in `step`.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from stapes.convert.tensorflow import tf, tf_keras
from stapes.firmware_sim.device.frontend import FEATURE_UNIT_DB, FrontendConfig
from stapes.firmware_sim.errors import ConfigError
from stapes.train.learn.backbone import Backbone
from stapes.train.learn.compiled_loop import compiled_loop
from stapes.train.settings import NetworkSettings, bands_after

UNIT_LIMIT = 127 / 128  # largest value of a tensor with scale 1/128 and zero point 0
Tensor = Any  # tf.Tensor: tensorflow ships no types
States = dict[str, Tensor]
Weights = dict[str, NDArray[np.float32]]

Output = Literal["relu", "relu6", "unit", "logits"]
"""What follows a linear map: BatchNorm and ReLU, which may end at 6; BatchNorm and a clip to [-1, 127/128]; or a bias
alone."""


@dataclass(frozen=True)
class LinearMap:
    """A kernel [rows, columns, channels in, channels out] as the step uses it, and what follows it.

    The kernel of a depthwise convolution has one channel in: each channel out sees the channel of its own number alone.
    """

    kernel: tuple[int, ...]
    output: Output
    depthwise: bool = False
    pretrained: bool = False  # its weights come from a backbone: BatchNorm is folded into them from the beginning
    weight_bits: int = 8

    @property
    def parameters(self) -> int:
        """Weights and biases after folding."""
        return int(np.prod(self.kernel)) + self.kernel[-1]


@dataclass(frozen=True)
class Convolution:
    """One convolution; its state is the last `kernel_frames - stride_frames` frames of its input."""

    name: str
    channels_in: int
    bands_in: int
    channels: int
    kernel_frames: int
    stride_frames: int
    kernel_bands: int
    stride_bands: int
    activation: Literal["relu", "relu6"]
    same_bands: bool = False  # zeros are added at the edges of the bands, as TensorFlow's padding "SAME" does
    depthwise: bool = False
    pretrained: bool = False
    weight_bits: int = 8
    dropout: bool = True  # whole channels of its output are dropped in training

    @property
    def state_frames(self) -> int:
        """Number of input frames that the next step needs again."""
        return self.kernel_frames - self.stride_frames

    @property
    def bands(self) -> int:
        """Number of output bands."""
        return bands_after(self.bands_in, self.kernel_bands, self.stride_bands, self.same_bands)

    @property
    def padding_bands(self) -> tuple[int, int]:
        """Number of zeros before the first and after the last band."""
        if not self.same_bands:
            return 0, 0
        total = max((self.bands - 1) * self.stride_bands + self.kernel_bands - self.bands_in, 0)
        return total // 2, total - total // 2

    @property
    def linear_map(self) -> LinearMap:
        """The convolution's kernel and what follows it."""
        channels_in = 1 if self.depthwise else self.channels_in
        kernel = (self.kernel_frames, self.kernel_bands, channels_in, self.channels)
        return LinearMap(kernel, self.activation, self.depthwise, self.pretrained, self.weight_bits)


@dataclass(frozen=True)
class Shape:
    """The sizes of all layers, and the real value of one unit of an int8 feature."""

    convolutions: tuple[Convolution, ...]
    projection_inputs: int
    projection_units: int
    gru_units: int
    score_kernel_steps: int
    score_dilation_steps: int
    classes: int
    bands: int
    frames_per_step: int
    feature_scale: float

    @classmethod
    def of(cls, settings: NetworkSettings, frontend: FrontendConfig, classes: int) -> "Shape":
        """Return the shape of a network for these features and so many classes.

        Raises ConfigError when a convolution spans more bands than are left.
        """
        layers = _convolutions(settings, frontend.n_bands)
        return cls(
            convolutions=tuple(layers),
            projection_inputs=layers[-1].channels * layers[-1].bands,
            projection_units=settings.projection_units,
            gru_units=settings.gru_units,
            score_kernel_steps=settings.score_kernel_steps,
            score_dilation_steps=settings.score_dilation_steps,
            classes=classes,
            bands=frontend.n_bands,
            frames_per_step=settings.frames_per_step,
            feature_scale=frontend.feature_scale,
        )

    @property
    def linear_maps(self) -> dict[str, LinearMap]:
        """Every linear map of the network by its name, in the order of the graph."""
        maps = {layer.name: layer.linear_map for layer in self.convolutions}
        last = self.convolutions[-1]
        both = self.projection_units + self.gru_units
        return maps | {
            "projection": LinearMap((1, last.bands, last.channels, self.projection_units), output="unit"),
            "gates": LinearMap((1, 1, both, 2 * self.gru_units), output="logits"),
            "candidate": LinearMap((1, 1, both, self.gru_units), output="logits"),
            "scores": LinearMap((self.score_kernel_steps, 1, self.gru_units, self.classes), output="logits"),
        }

    @property
    def states(self) -> dict[str, tuple[int, ...]]:
        """The shape of every state of one stream by its name."""
        shapes: dict[str, tuple[int, ...]] = {
            f"state_{layer.name}": (1, layer.state_frames, layer.bands_in, layer.channels_in)
            for layer in self.convolutions
            if layer.state_frames
        }
        return shapes | {"state_gru": (1, max(1, self.score_reach_steps - 1), 1, self.gru_units)}  # oldest first

    @property
    def score_reach_steps(self) -> int:
        """Number of the GRU's states from the oldest to the newest that a score is made of, both included."""
        return (self.score_kernel_steps - 1) * self.score_dilation_steps + 1

    @property
    def macs_per_step(self) -> int:
        """Number of multiply-accumulates of one step."""
        positions, frames = {}, self.frames_per_step
        for layer in self.convolutions:
            frames //= layer.stride_frames
            positions[layer.name] = frames * layer.bands
        return sum(positions.get(name, 1) * int(np.prod(each.kernel)) for name, each in self.linear_maps.items())

    @property
    def parameters(self) -> int:
        """Number of weights and biases after folding."""
        return sum(each.parameters for each in self.linear_maps.values())


def _convolutions(settings: NetworkSettings, n_bands: int) -> list[Convolution]:
    """Return all convolutions in their order; a separable layer is a depthwise and a 1x1 convolution."""
    layers: list[Convolution] = []
    channels_in = 1
    rows = zip(
        settings.kinds,
        settings.bands_into(n_bands),
        settings.conv_channels,
        settings.conv_kernel_frames,
        settings.conv_stride_frames,
        settings.conv_kernel_bands,
        settings.conv_stride_bands,
        strict=True,
    )
    for index, (kind, bands_in, channels, kernel_frames, stride_frames, kernel_bands, stride_bands) in enumerate(rows):
        layer = Convolution(
            f"conv{index}",
            channels_in,
            bands_in,
            channels if kind == "full" else channels_in,
            kernel_frames,
            stride_frames,
            kernel_bands,
            stride_bands,
            activation=settings.conv_activation,
            same_bands=settings.conv_padding == "same",
            depthwise=kind != "full",
            pretrained=index < settings.backbone_layers,
            dropout=index + 1 >= settings.backbone_layers,  # not within the backbone
        )
        if kind == "separable":
            layers.append(replace(layer, name=f"{layer.name}_depthwise", dropout=False))
            name, bands = f"{layer.name}_pointwise", layers[-1].bands
            layer = replace(layer, name=name, bands_in=bands, channels=channels, depthwise=False)
            layer = replace(layer, kernel_frames=1, stride_frames=1, kernel_bands=1, stride_bands=1)
            layer = replace(layer, weight_bits=settings.weight_bits[index])
        layers.append(layer)
        channels_in = layers[-1].channels
    return layers


class Network(tf_keras.layers.Layer):
    """The graph that both forms share. In `step` all tensors have rank 4; in `sequence` the GRU's have rank 2."""

    def __init__(self, shape: Shape, dropout: float = 0.0) -> None:
        super().__init__()
        self.shape, self.dropout = shape, dropout
        self.maps = shape.linear_maps
        self.kernels = {name: self._kernel(name, each.kernel) for name, each in self.maps.items()}
        self.compile_loop = False  # whether XLA compiles the GRU's loop alone, see compiled_loop.py

    # What each form defines ----------------------------------------------------------------------------------------

    def kernel(self, name: str, training: bool) -> Tensor:
        """Return the kernel of a linear map as this form uses it."""
        raise NotImplementedError

    def finish(self, name: str, linear: Tensor, training: bool) -> Tensor:
        """Return the output of a linear map, given the convolution or matrix product: see `Output`."""
        raise NotImplementedError

    def on_grid(self, name: str, value: Tensor) -> Tensor:
        """Return the value as the named tensor can represent it."""
        raise NotImplementedError

    # The graph -----------------------------------------------------------------------------------------------------

    def sequence(
        self, features: Tensor, states: States, training: bool = False, seed: Tensor = None
    ) -> tuple[Tensor, States]:
        """Run over whole sequences: features -> logits float[batch, steps, classes], and the new states.

        `features` are float[batch, frames, bands], the frontend's int8 values times `shape.feature_scale`; `seed`
        (int32) decides which channels dropout drops, and is used in training only.
        """
        values, new_states = self.convolve(features[..., tf.newaxis], states, training, seed)
        projected = self.finish("projection", self._linear("projection", values, training), training)[:, :, 0, :]
        projected = self._drop(projected, training, seed, 100)
        hidden = self._recur(projected, states["state_gru"][:, -1, 0, :], training)
        history = tf.concat([self.on_grid("hidden", states["state_gru"]), hidden[:, :, tf.newaxis, :]], axis=1)
        new_states["state_gru"] = history[:, -self.shape.states["state_gru"][1] :]
        history = self._drop(history[:, self._before_first_score :, 0], training, seed, 101)
        every, steps = self.shape.score_dilation_steps, tf.shape(projected)[1]
        taps = [history[:, every * tap : every * tap + steps] for tap in range(self.shape.score_kernel_steps)]
        kernel = tf.reshape(self.kernel("scores", training), [-1, self.shape.classes])
        return self.finish("scores", tf.linalg.matmul(tf.concat(taps, axis=-1), kernel), training), new_states

    def step(self, features: Tensor, states: States) -> tuple[Tensor, States]:
        """Run one step, or several: features -> probabilities float, and the new states.

        `features` are float[1, frames, bands, 1]; the probabilities have shape [1, steps, 1, classes]. This is the
        graph that is converted; for several steps the GRU is unrolled.
        """
        values, new_states = self.convolve(features, states, converted=not tf.executing_eagerly())
        with tf.name_scope("projection"):
            projected = self.finish("projection", self._linear("projection", values, False), False)
        history, scores = self.on_grid("hidden", states["state_gru"]), []
        every = self.shape.score_dilation_steps
        for index in range(projected.shape[1]):
            now = projected[:, index : index + 1] if projected.shape[1] > 1 else projected

            def linear(name: str, state: Tensor, now: Tensor = now) -> Tensor:
                joined = tf.concat([now, state], axis=-1, name=f"gru_{name}_input")
                return self._linear(name, joined, False)

            state = self._cell(linear, history[:, -1:])
            history = tf.concat([history, state], axis=1, name="gru_history")
            seen = history[:, self._before_first_score :]
            with tf.name_scope("logits"):
                logits = tf.nn.conv2d(seen, self.kernel("scores", False), 1, "VALID", dilations=[every, 1])
                logits = self.finish("scores", logits, False)
            with tf.name_scope("scores"):
                scores.append(self.on_grid("sigmoid", tf.sigmoid(logits)))
            history = history[:, 1:]
        new_states["state_gru"] = history
        return tf.concat(scores, axis=1) if len(scores) > 1 else scores[0], new_states

    def start(self, batch: Tensor) -> States:
        """Return the states of `batch` streams at their beginning: zeros."""
        return {name: tf.zeros([batch, *shape[1:]]) for name, shape in self.shape.states.items()}

    def variables_behind(self, layers: int) -> list[Any]:
        """Return the trainable variables without those of the first `layers` layers, which stay as they are."""
        kept = [f"conv{index}" for index in range(layers)]
        frozen = {
            id(table[name])
            for name in self.kernels
            if name.partition("_")[0] in kept
            for table in (self.kernels, self.biases)
            if name in table
        }
        return [each for each in self.trainable_variables if id(each) not in frozen]

    def convolve(
        self,
        values: Tensor,
        states: States,
        training: bool = False,
        seed: Tensor = None,
        *,
        layers: int | None = None,
        converted: bool = False,
    ) -> tuple[Tensor, States]:
        """Run the first `layers` convolutions (None: all) of float[batch, frames, bands, 1].

        `converted`: the graph is not run but converted, with one operator for each convolution.
        """
        new_states = {}
        values, producer = self.on_grid("features", values), "features"
        for index, layer in enumerate(self.shape.convolutions[:layers]):
            if layer.state_frames:
                name = f"state_{layer.name}"
                values = tf.concat([self.on_grid(producer, states[name]), values], axis=1, name=f"{layer.name}_input")
                new_states[name] = values[:, -layer.state_frames :]
            with tf.name_scope(layer.name):
                values = self.finish(layer.name, self._convolution(layer, values, training, converted), training)
                producer = layer.name
            if layer.dropout:
                values = self._drop(values, training, seed, index)
        return values, new_states

    def _convolution(self, layer: Convolution, values: Tensor, training: bool, converted: bool) -> Tensor:
        if any(layer.padding_bands):
            values = tf.pad(values, [[0, 0], [0, 0], layer.padding_bands, [0, 0]])
        kernel, stride = self.kernel(layer.name, training), (layer.stride_frames, layer.stride_bands)
        if not layer.depthwise:
            return tf.nn.conv2d(values, kernel, stride, "VALID")
        kernel = tf.reshape(kernel, [layer.kernel_frames, layer.kernel_bands, layer.channels, 1])
        if converted:
            return tf.nn.depthwise_conv2d(values, kernel, [1, *stride, 1], "VALID")
        # Outside oneDNN, which TensorFlow uses on some processors only, it has no kernel for two different strides.
        both = math.gcd(*stride)
        dense = tf.nn.depthwise_conv2d(values, kernel, [1, both, both, 1], "VALID")
        return dense[:, :: stride[0] // both, :: stride[1] // both]

    @property
    def _before_first_score(self) -> int:
        """Number of states that are kept but that the next score does not use.

        The GRU needs its last state even when every score is made of the newest state alone.
        """
        return self.shape.states["state_gru"][1] + 1 - self.shape.score_reach_steps

    def _linear(self, name: str, values: Tensor, training: bool) -> Tensor:
        return tf.nn.conv2d(values, self.kernel(name, training), 1, "VALID")

    def _recur(self, projected: Tensor, hidden: Tensor, training: bool) -> Tensor:
        """Run the GRU: projected float[batch, steps, projection units] -> its states float[batch, steps, GRU units]."""
        kernels = [self.kernel(name, training)[0, 0] for name in ("gates", "candidate")]
        inputs = [projected, self.on_grid("hidden", hidden), *kernels]
        if not self.compile_loop:
            return self._loop(*inputs)
        return compiled_loop(self._loop, inputs, [self.biases[name] for name in ("gates", "candidate")])

    def _loop(self, projected: Tensor, hidden: Tensor, gates: Tensor, candidate: Tensor) -> Tensor:
        """Run the GRU with these kernels, float[projection units + GRU units, outputs]."""
        units, kernels = self.shape.projection_units, {"gates": gates, "candidate": candidate}
        by_step = tf.transpose(projected, [1, 0, 2])
        inputs = {name: tf.linalg.matmul(by_step, kernel[:units]) for name, kernel in kernels.items()}
        steps = tf.shape(by_step)[0]
        outputs = tf.TensorArray(tf.float32, size=steps, element_shape=[None, self.shape.gru_units])

        def body(index: Tensor, state: Tensor, outputs: Any) -> tuple[Tensor, Tensor, Any]:
            def linear(name: str, inner: Tensor) -> Tensor:
                return inputs[name][index] + tf.linalg.matmul(inner, kernels[name][units:])

            state = self._cell(linear, state)
            return index + 1, state, outputs.write(index, state)

        loop = (tf.constant(0), hidden, outputs)
        _, _, outputs = tf.while_loop(lambda index, *_: index < steps, body, loop, maximum_iterations=steps)
        return tf.transpose(outputs.stack(), [1, 0, 2])

    def _cell(self, linear: Callable[[str, Tensor], Tensor], hidden: Tensor) -> Tensor:
        """Return the next state. The scopes are what the layers are called in the generated C."""
        with tf.name_scope("gru_gates"):
            gates = self.finish("gates", linear("gates", hidden), False)
            keep, reset = tf.split(self.on_grid("sigmoid", tf.sigmoid(gates)), 2, axis=-1)
        with tf.name_scope("gru_reset"):
            remembered = self.on_grid("hidden", reset * hidden)
        with tf.name_scope("gru_candidate"):
            candidate = self.finish("candidate", linear("candidate", remembered), False)
            candidate = self.on_grid("hidden", tf.tanh(candidate))
        with tf.name_scope("gru_kept"):
            kept = self.on_grid("hidden", keep * hidden)
        with tf.name_scope("gru_one_minus_keep"):
            take = self.on_grid("sigmoid", tf.constant(1.0, name="one") - keep)
        with tf.name_scope("gru_taken"):
            taken = self.on_grid("hidden", take * candidate)
        with tf.name_scope("gru_blend"):
            return self.on_grid("hidden", kept + taken)

    def _drop(self, values: Tensor, training: bool, seed: Tensor, salt: int) -> Tensor:
        """Drop whole channels, the same ones over all of a sequence, chosen by `seed` and `salt`."""
        if not training or not self.dropout:
            return values
        shape = tf.shape(values)
        one = tf.ones([tf.rank(values) - 2], tf.int32)
        mask_shape = tf.concat([shape[:1], one, shape[-1:]], axis=0)
        kept = tf.random.stateless_uniform(mask_shape, [seed, salt]) >= self.dropout
        return values * tf.cast(kept, tf.float32) / (1.0 - self.dropout)

    def _kernel(self, name: str, shape: tuple[int, ...]) -> Any:
        return self.add_weight(name=f"{name}_kernel", shape=shape, initializer="glorot_uniform")


class FloatNetwork(Network):
    """The network in float, with BatchNorm after every linear map that has an activation."""

    def __init__(self, shape: Shape, dropout: float = 0.0) -> None:
        super().__init__(shape, dropout)
        self.norms = {
            name: tf_keras.layers.BatchNormalization(momentum=0.99, name=name)
            for name, each in self.maps.items()
            if each.output != "logits" and not each.pretrained
        }
        for name, norm in self.norms.items():
            norm.build([None, None, None, self.maps[name].kernel[-1]])
            if self.maps[name].output == "unit":  # half of its range, so that little is clipped at first
                norm.gamma.assign(0.5 * tf.ones_like(norm.gamma))
        self.biases = {
            name: self.add_weight(name=f"{name}_bias", shape=each.kernel[-1:], initializer="zeros")
            for name, each in self.maps.items()
            if name not in self.norms
        }
        # At first the update gates are biased to keep the state, and the scores to be low, as events are rare.
        self.biases["gates"].assign(tf.concat([tf.ones(shape.gru_units), tf.zeros(shape.gru_units)], axis=0))
        self.biases["scores"].assign(-3.0 * tf.ones(shape.classes))

    def load_backbone(self, backbone: Backbone) -> None:
        """Take over the weights of a backbone. Raises ConfigError when its layers are not those of the settings.

        The network's features are in units of FEATURE_UNIT_DB, those of a backbone natural logarithms of magnitudes.
        """
        own = [layer for layer in self.shape.convolutions if layer.pretrained]
        if own and own[0].activation != backbone.activation:
            raise ConfigError(
                f"network: conv_activation is {own[0].activation!r}, but the layers of {backbone.source} were trained "
                f"with {backbone.activation!r}; `stapes train --backbone` sets it"
            )
        for index, (layer, given) in enumerate(zip_longest(own, backbone.convolutions)):
            kernel = None if given is None else given.kernel
            if given is not None and given.kind == "depthwise":
                kernel = np.transpose(given.kernel, (0, 1, 3, 2))
            if layer is None or kernel is None or kernel.shape != layer.linear_map.kernel:
                raise ConfigError(
                    f"network: the settings give convolution {index} of the backbone the shape "
                    f"{layer and layer.linear_map.kernel}, but in {backbone.source} it has the shape "
                    f"{None if kernel is None else kernel.shape}; `stapes train --backbone` sets all of them"
                )
            scale = FEATURE_UNIT_DB * np.log(10) / 20 if index == 0 else 1.0
            self.kernels[layer.name].assign(kernel * np.float32(scale))
            self.biases[layer.name].assign(given.bias)

    def kernel(self, name: str, training: bool) -> Tensor:
        """Return the kernel as it was trained."""
        return self.kernels[name]

    def finish(self, name: str, linear: Tensor, training: bool) -> Tensor:
        """Return the output of a linear map: bias or BatchNorm, and the activation."""
        normalised = name in self.norms
        value = self.norms[name](linear, training=training) if normalised else linear + self.biases[name]
        return activate(value, self.maps[name].output)

    def on_grid(self, name: str, value: Tensor) -> Tensor:
        """Return the value unchanged: float has no grid."""
        return value

    def folded(self) -> Weights:
        """Return kernels and biases that compute the same function without BatchNorm."""
        weights: Weights = {}
        for name, kernel in self.kernels.items():
            if name in self.norms:
                norm = self.norms[name]
                gain = norm.gamma / tf.sqrt(norm.moving_variance + norm.epsilon)
                weights[f"{name}_kernel"] = (kernel * gain).numpy()
                weights[f"{name}_bias"] = (norm.beta - norm.moving_mean * gain).numpy()
            else:
                weights[f"{name}_kernel"], weights[f"{name}_bias"] = kernel.numpy(), self.biases[name].numpy()
        return weights


def activate(value: Tensor, output: Output) -> Tensor:
    """Apply the activation of a linear map; logits have none."""
    if output == "relu":
        return tf.nn.relu(value)
    if output == "relu6":
        return tf.nn.relu6(value)
    return tf.clip_by_value(value, -1.0, UNIT_LIMIT) if output == "unit" else value
