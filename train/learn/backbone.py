"""A pretrained backbone: the first convolutions of a network that others trained on many sounds, read from its file."""

import hashlib
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from stapes.firmware_sim.device.frontend import FrontendConfig
from stapes.firmware_sim.errors import ConfigError, ModelError
from stapes.train.learn.backbone_convolution import YAMNET_LAYERS, BackboneConvolution, check_convolutions
from stapes.train.learn.backbone_keras import read_keras_convolutions
from stapes.train.learn.backbone_tflite import read_tflite_convolutions

__all__ = ["YAMNET_FRONTEND", "Backbone", "BackboneConvolution", "read_backbone"]

# The features of YAMNet (tensorflow/models, research/audioset/yamnet/params.py and features.py) are, in nepers,
# ln(band magnitude + 0.001) of samples in -1..1. Here a feature is a level of power: one neper is 8.686 dB, and a full
# scale of 32768 is 90.3 dB. The zero lies 4.5 dB (0.53 nepers) lower, because a sum of magnitudes over the bins of a
# band exceeds the root of the sum of their powers by so much in the mean over bands: q = 0 is YAMNet's real 0, and
# q = -128 its ln(0.001). docs/backbone.md says what differs between bands.
YAMNET_FRONTEND = FrontendConfig(
    sample_rate_hz=16_000,
    n_fft=512,
    window_samples=400,
    hop_samples=160,
    n_bands=64,
    band_scale="htk",
    f_min_hz=125.0,
    f_max_hz=7_500.0,
    int8_zero_db=85.8,
    int8_step_db=0.47,
)


@dataclass(frozen=True)
class Backbone:
    """The first layers of a pretrained network. Layer 1 is one convolution, each further layer two of them.

    convolutions: in the order in which they run, each followed by ReLU.
    source: name of the file that they were read from.
    sha256: of the whole file, in hexadecimal digits.
    """

    convolutions: tuple[BackboneConvolution, ...]
    source: str
    sha256: str

    @property
    def activation(self) -> Literal["relu", "relu6"]:
        """What follows each convolution. Raises ModelError for another end than 6, or for several."""
        ends = {each.activation_max for each in self.convolutions}
        if len(ends) > 1 or not ends <= {6.0, math.inf}:
            raise ModelError(
                f"{self.source}: its ReLUs end at {', '.join(f'{end:g}' for end in sorted(ends))}: supported are "
                "layers whose ReLUs all end at 6, or all have no end"
            )
        return "relu6" if ends == {6.0} else "relu"

    @property
    def layers(self) -> int:
        """Number of layers."""
        return (len(self.convolutions) + 1) // 2

    def require_yamnet(self) -> None:
        """Raise ModelError for a layer whose channels or strides are not those of YAMNet, which a detector begins with.

        Other strides fit the same weights, so that training would hear something else than the file was trained for.
        """
        for layer, (channels, stride) in enumerate(YAMNET_LAYERS[: self.layers], start=1):
            parts = self.convolutions[max(0, 2 * layer - 3) : 2 * layer - 1]
            found = (parts[-1].channels_out, [each.stride for each in parts])
            expected = (channels, [stride, 1][: len(parts)])
            if found != expected:
                fewer = f", or its first {layer - 1} (--backbone-layers {layer - 1})" if layer > 1 else ""
                raise ModelError(
                    f"{self.source}: layer {layer} has {_described(*found)}, but that of YAMNet has "
                    f"{_described(*expected)}; a detector can begin with layers of YAMNet alone: choose a file that "
                    f"has them{fewer}"
                )


def _described(channels: int, strides: list[int]) -> str:
    return f"{channels} channels and the stride {' and '.join(map(str, strides))}"


def read_backbone(path: Path, layers: int | None = None) -> Backbone:
    """Read a backbone from a Keras HDF5 file or an int8 .tflite, cut after `layers` layers (None: all in the file).

    Supported are YAMNet's weights as Google publishes them (yamnet.h5), Keras 2 models of YAMNet's first layers, and
    int8 .tflite files that begin with these layers. Raises ModelError for a file that cannot be read, is damaged, has
    another layout or holds weights that are not finite; ConfigError for a number of layers that the file does not have.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror}") from error
    if data.startswith(b"\x89HDF\r\n\x1a\n"):
        convolutions = read_keras_convolutions(data, str(path))
    elif data[4:8] == b"TFL3":
        convolutions = read_tflite_convolutions(data, str(path))
    else:
        raise ModelError(
            f"{path}: is neither an HDF5 file nor a .tflite; it begins with {data[:8]!r}. A backbone is Google's "
            "yamnet.h5, a Keras model of YAMNet's layers (.h5) or an int8 .tflite of them"
        )
    check_convolutions(convolutions, str(path))
    backbone = Backbone(tuple(convolutions), path.name, hashlib.sha256(data).hexdigest())
    if layers is None:
        return backbone
    if not 1 <= layers <= backbone.layers:
        raise ConfigError(
            f"{path}: has {backbone.layers} layers, but {layers} are asked for: need 1 to {backbone.layers}"
        )
    return Backbone(backbone.convolutions[: 2 * layers - 1], backbone.source, backbone.sha256)
