"""A streaming model of YAMNet's first six layers, as a .tflite with seeded random weights.

A step takes 8 frames of 64 bands. Along time every layer joins its state, the last frames of the step before, and the
new frames; along frequency PAD adds zeros as YAMNet's SAME padding does. `yamnet_6_layers` ends there;
`yamnet_gru_step` adds a projection, a GRU and scores: the sizes of a detector with a pretrained backbone.
"""

from benchmarks.tflite_models import FEATURES, STATE, Layers, gru

FRAMES, BANDS = 8, 64
PAIRS = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1))  # channels and stride of depthwise + pointwise


class _Stream:
    """A chain of layers along time; `states` are the pairs of tensors that carry a layer's last frames over."""

    def __init__(self, seed: int) -> None:
        self.net = Layers(seed)
        self.features = self.net.input("features", (1, FRAMES, BANDS, 1), FEATURES)
        self.states: dict[str, tuple[int, int]] = {}

    def window(self, name: str, values: int, stride: int) -> int:
        """Return state and new frames with padded bands: the input of a kernel of 3 x 3 taps."""
        net, (_, frames, bands, channels) = self.net, self.net.shape_of[values]
        scale, kept = net.scale_of[values], 3 - stride
        state = net.input(f"state_{name}", (1, kept, bands, channels), scale)
        shape = (1, kept + frames, bands, channels)
        joined = net.simple(
            "CONCATENATION", f"{name}_input", [state, values], shape, scale, "ConcatenationOptions", axis=1
        )
        limits = [net.builder.constant(f"{name}_{part}", at) for part, at in _last_frames(kept).items()]
        last = net.simple(
            "STRIDED_SLICE",
            f"{name}_last",
            [joined, *limits],
            (1, kept, bands, channels),
            scale,
            "StridedSliceOptions",
            beginMask=0b1101,
            endMask=0b1111,
        )
        self.states[f"state_{name}"] = (state, last)
        before = 1 if stride == 1 else 0  # SAME padding of an even number of bands
        borders = net.builder.constant(f"{name}_borders", [[0, 0], [0, 0], [before, 1], [0, 0]])
        padded = (1, kept + frames, bands + before + 1, channels)
        return net.simple("PAD", f"{name}_padded", [joined, borders], padded, scale, "PadOptions")

    def six_layers(self) -> int:
        """Return the output of the sixth layer: 1 frame, 8 bands, 256 channels."""
        net = self.net
        values = net.conv("conv1", self.window("conv1", self.features, 2), (3, 3), 32, (2, 2), same=False)
        for number, (channels, stride) in enumerate(PAIRS, 2):
            name = f"depthwise{number}"
            values = net.depthwise(name, self.window(name, values, stride), (3, 3), (stride, stride), same=False)
            values = net.conv(f"pointwise{number}", values, (1, 1), channels)
        return values

    def finish(self, scores: int) -> bytes:
        """Return the file."""
        before = {name: pair[0] for name, pair in self.states.items()}
        after = {name: pair[1] for name, pair in self.states.items()}
        self.net.builder.sign({"features": self.features, **before}, {"scores": scores, **after})
        return self.net.builder.finish([scores, *after.values()])


def _last_frames(kept: int) -> dict[str, list[int]]:
    return {"begin": [0, -kept, 0, 0], "end": [0, 0, 0, 0], "strides": [1, 1, 1, 1]}


def yamnet_6_layers(seed: int = 4) -> bytes:
    """One step, 80 ms, of YAMNet's layers 1 to 6; 1,991,680 MAC."""
    stream = _Stream(seed)
    return stream.finish(stream.six_layers())


def yamnet_gru_step(seed: int = 5) -> bytes:
    """The same with a projection to 32 values, a GRU of 64 units and 10 classes; 2,076,288 MAC."""
    stream = _Stream(seed)
    net = stream.net
    projection = net.dense("projection", stream.six_layers(), 32, STATE, relu=False)
    hidden = net.input("state_gru", (1, 64), STATE)
    following = gru(net, projection, hidden)
    stream.states["state_gru"] = (hidden, following)
    logits = net.dense("logits", following, 10, (0.05, 0), relu=False)
    return stream.finish(net.simple("LOGISTIC", "scores", [logits], (1, 10), (1 / 256, -128)))
