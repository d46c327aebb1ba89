"""The sizes of networks that `stapes train --size` offers, and the layers that a backbone gives them.

A size is a set of defaults: a settings file or an option replaces any of them.
"""

from dataclasses import replace
from typing import Literal

from stapes.firmware_sim.errors import ConfigError
from stapes.train.learn.backbone import YAMNET_FRONTEND
from stapes.train.settings import ConvolutionKind, NetworkSettings, Settings, TrainingSettings

Size = Literal["small", "medium", "large"]
SIZES: dict[Size, str] = {
    "small": "37 k parameters, 3 M MAC/s: any Cortex-M4 or ESP32",
    "medium": "110 k parameters, 23 M MAC/s: 256 KB flash and 64 KB RAM; takes a backbone",
    "large": "208 k parameters, 35 M MAC/s: a Cortex-M7, M55 or ESP32-S3 with 512 KB or more; takes a backbone",
}
# The layers of YAMNet (tensorflow/models, research/audioset/yamnet/yamnet.py): channels and stride.
YAMNET_LAYERS = (
    (32, 2),
    (64, 1),
    (128, 2),
    (128, 1),
    (256, 2),
    (256, 1),
    (512, 2),
    *[(512, 1)] * 5,
    (1024, 2),
    (1024, 1),
)
TIME_STRIDE = 4  # frames of 10 ms a step; YAMNet's later strides are taken along the bands alone


def settings_of(size: Size, backbone: str = "", backbone_layers: int | None = None) -> Settings:
    """Return the defaults of a size, with the weights of a backbone (a file, or "yamnet") if one is given.

    `backbone_layers` is the number of the backbone's layers that are used; None: as many as suit the size.
    Raises ConfigError for a size that takes no backbone, and for more layers than YAMNet has.
    """
    if size == "small":
        if backbone or backbone_layers is not None:
            raise ConfigError(
                "the size small has no room for a backbone, whose first layers alone take 23 M MAC per second; "
                "choose --size medium or large"
            )
        return Settings()
    layers = backbone_layers if backbone_layers is not None else {"medium": 5, "large": 6}[size]
    units = {"medium": 64, "large": 96}[size]
    return replace(
        Settings(),
        frontend=YAMNET_FRONTEND,
        network=_network(layers, units, backbone),
        training=_training(bool(backbone)),
    )


def _network(layers: int, units: int, backbone: str) -> NetworkSettings:
    """Return YAMNet's first layers, a sum over the bands of the last one for each channel, and a GRU of so many units.

    Strides in time end at TIME_STRIDE, so that events that follow each other closely stay apart.
    """
    if not 1 <= layers <= len(YAMNET_LAYERS):
        raise ConfigError(f"--backbone-layers {layers}: need 1 to {len(YAMNET_LAYERS)}")
    channels, strides = zip(*YAMNET_LAYERS[:layers], strict=True)
    in_time, bands, taken = [], YAMNET_FRONTEND.n_bands, 1
    for stride in strides:
        in_time.append(stride if taken * stride <= TIME_STRIDE else 1)
        taken *= in_time[-1]
        bands = -(-bands // stride)
    separable: ConvolutionKind = "separable"
    return NetworkSettings(
        conv_channels=(*channels, channels[-1]),
        conv_kernel_frames=(*[3] * layers, 1),
        conv_stride_frames=(*in_time, 1),
        conv_kernel_bands=(*[3] * layers, bands),
        conv_stride_bands=(*strides, bands),
        conv_kinds=("full", *[separable] * (layers - 1), "depthwise"),
        conv_padding="same",
        backbone=backbone,
        backbone_layers=layers if backbone else 0,
        projection_units=units,
        gru_units=units,
        score_kernel_steps=9,
        score_dilation_steps=2,
        target_delay_steps=12,
    )


def _training(pretrained: bool) -> TrainingSettings:
    if not pretrained:
        return TrainingSettings()
    return TrainingSettings(float_steps=800, quantized_steps=300, learning_rate=1e-3)
