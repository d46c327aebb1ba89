"""What `stapes train` begins with: a size of network, a backbone, or a detector that is trained on.

A size is a set of defaults: a settings file or an option replaces any of them.
"""

import logging
from dataclasses import dataclass, replace
from typing import Literal

from stapes.firmware_sim.device.folder import DetectorFolder
from stapes.firmware_sim.errors import ConfigError, DetectorFolderError
from stapes.train.learn.backbone import YAMNET_FRONTEND, read_backbone
from stapes.train.learn.backbone_cache import backbone_path
from stapes.train.learn.backbone_convolution import YAMNET_LAYERS
from stapes.train.settings import (
    ConvolutionKind,
    NetworkSettings,
    OperatingPointSettings,
    Settings,
    TrainingSettings,
    operating_point_settings,
    read_settings,
)

logger = logging.getLogger(__name__)

Size = Literal["small", "medium", "large"]


# A network with the weights of a backbone is not trained on int8 grids: further training would forget rooms.
FINE_TUNING = TrainingSettings(head_steps=600, float_steps=1200, quantized_steps=0, learning_rate=1e-3)


@dataclass(frozen=True)
class YamnetShape:
    """A network that begins with layers of YAMNet's shape, with or without YAMNet's weights."""

    layers: int
    eight_bit_layers: int  # how many layers fit with weights of eight bits; of more, some have four
    most_layers: int = len(YAMNET_LAYERS)
    strides: tuple[int, ...] = tuple(stride for _, stride in YAMNET_LAYERS)  # of each layer, in time and in bands
    fine_tuning: TrainingSettings = FINE_TUNING  # with YAMNet's weights


SHAPES: dict[Size, YamnetShape] = {
    # 48 k parameters, 2.7 M MAC/s. YAMNet's second layer has a stride of 1: at 2 its work and that of the third layer
    # are a quarter. docs/training-notes.md compares it with the default network, and with a fourth layer.
    # YAMNet's weights were not made for this stride, so fine-tuning is longer and all of it is kept. It is patient
    # because scores on `val` rise most while the learning rate falls to its end.
    "small": YamnetShape(
        layers=3,
        eight_bit_layers=3,
        most_layers=3,
        strides=(2, 2, 2),
        fine_tuning=replace(
            FINE_TUNING,
            head_steps=300,
            float_steps=3600,
            learning_rate=2e-3,
            patience_steps=2400,
            fine_tuned_share=1.0,
        ),
    ),
    # 329 k parameters, 32 M MAC/s: 256 KB flash and 64 KB RAM. docs/training-notes.md has what the seventh layer gains,
    # and what four bits cost.
    "medium": YamnetShape(layers=7, eight_bit_layers=6),
    # The same in eight bits: a Cortex-M7, M55 or ESP32-S3 with 512 KB and more.
    "large": YamnetShape(layers=7, eight_bit_layers=7),
}
STEP_FRAMES = 8  # strides in time end here; those of later layers are taken along the bands alone
UNITS = 64  # of the projection and of the GRU
DELAY_S = 0.48  # by which a score is late, with six layers; each further one hears one step more of what follows
FOUR_BITS_FROM = 5  # the first layer whose 1x1 convolution has weights of four bits; those before it are small
FINE_TUNING_UPDATES = 400
MEMORY_S = 0.64  # from the oldest to the newest state of the GRU that a score is made of


def settings_of(size: Size, backbone: str = "", backbone_layers: int | None = None) -> Settings:
    """Return the defaults of a size, with the weights of a backbone (a file, or "yamnet") if one is given.

    `backbone_layers` is the number of the backbone's layers that are used; None: as many as suit the size.
    The file is read to see that it holds them and which activation follows them. Raises ConfigError for a number of
    layers without a backbone, and for more layers than the size takes; ModelError for a file that cannot be used, that
    has fewer layers, or whose layers have other channels or strides than YAMNet's.
    """
    if backbone_layers is not None and not backbone:
        raise ConfigError(
            f"--backbone-layers {backbone_layers} says how many layers of a backbone are used; give --backbone, too"
        )
    if size == "small" and not backbone:
        return Settings()
    shape = SHAPES[size]
    if backbone_layers is not None:
        shape = replace(shape, layers=backbone_layers)
    elif backbone:
        shape = replace(shape, layers=_layers_of(backbone, size))
    network = _network(size, shape)
    if backbone:
        found = read_backbone(backbone_path(backbone), shape.layers)
        found.require_yamnet()
        network = replace(network, backbone=backbone, backbone_layers=shape.layers, conv_activation=found.activation)
    return replace(
        Settings(),
        frontend=YAMNET_FRONTEND,
        network=network,
        training=shape.fine_tuning if backbone else TrainingSettings(),
    )


def fine_tuning_settings(folder: DetectorFolder) -> Settings:
    """Return the settings that a detector was trained with, for a short training that goes on from its weights.

    There are fewer updates, at a third of the learning rates of a whole training, and more frequent checks, as it is a
    check that finds hard negatives. Thresholds are chosen by the limits, and with the silent classes, that they were
    last chosen by, as by `stapes tune`. Raises DetectorFolderError without its settings, ConfigError for settings that
    cannot be used.
    """
    path = folder.path / "training" / "settings.toml"
    if not path.is_file():
        raise DetectorFolderError(
            f"{path} is missing, which training would go on with; train on the whole dataset instead"
        )
    settings = read_settings(path)
    slower = 1 if folder.provenance.get("from_model") else 3  # its settings may be those of such a short training
    training = replace(
        settings.training,
        float_steps=FINE_TUNING_UPDATES,
        quantized_steps=min(settings.training.quantized_steps, FINE_TUNING_UPDATES // 2),
        check_every_steps=min(settings.training.check_every_steps, FINE_TUNING_UPDATES // 4),
        learning_rate=settings.training.learning_rate / slower,
        quantized_learning_rate=settings.training.quantized_learning_rate / slower,
    )
    return replace(settings, training=training, operating_point=last_choice(folder, settings.operating_point))


def last_choice(folder: DetectorFolder, of_training: OperatingPointSettings) -> OperatingPointSettings:
    """Return how training or `stapes tune` last chose thresholds; earlier versions say only how training did."""
    path = folder.path / "detector.json"
    try:
        last = operating_point_settings(folder.operating_point.get("settings", {}), path, of_training)
        last.require_classes(folder.classes)
    except ConfigError as error:
        raise ConfigError(
            f"{path}: operating_point.settings cannot be used: {error}; correct it, or run `stapes tune` again, which "
            "writes it anew"
        ) from error
    return last


def _layers_of(backbone: str, size: Size) -> int:
    """Return how many layers of the file suit the size: all that it has, if it has fewer."""
    there, wanted = read_backbone(backbone_path(backbone)).layers, SHAPES[size].layers
    if there < wanted:
        logger.info(f"{backbone} has {there} layers, which are used; the size {size} has room for {wanted}")
    return min(there, wanted)


def _network(size: Size, shape: YamnetShape) -> NetworkSettings:
    """Return YAMNet's first layers, a sum over the bands of the last one for each channel, and a GRU."""
    if not 1 <= shape.layers <= shape.most_layers:
        more = "; choose --size medium or large for more layers" if shape.most_layers < len(YAMNET_LAYERS) else ""
        raise ConfigError(f"--backbone-layers {shape.layers}: need 1 to {shape.most_layers} for the size {size}{more}")
    channels = tuple(channels for channels, _ in YAMNET_LAYERS[: shape.layers])
    strides = shape.strides[: shape.layers]
    in_time, bands, frames = [], YAMNET_FRONTEND.n_bands, 1
    for stride in strides:
        in_time.append(stride if frames * stride <= STEP_FRAMES else 1)
        frames *= in_time[-1]
        bands = -(-bands // stride)
    separable: ConvolutionKind = "separable"
    step_s = frames * YAMNET_FRONTEND.hop_s
    return NetworkSettings(
        conv_channels=(*channels, channels[-1]),
        conv_kernel_frames=(*[3] * shape.layers, 1),
        conv_stride_frames=(*in_time, 1),
        conv_kernel_bands=(*[3] * shape.layers, bands),
        conv_stride_bands=(*strides, bands),
        conv_kinds=("full", *[separable] * (shape.layers - 1), "depthwise"),
        conv_weight_bits=_weight_bits(shape),
        conv_padding="same",
        projection_units=UNITS,
        gru_units=UNITS,
        score_kernel_steps=9,
        score_dilation_steps=max(1, round(MEMORY_S / step_s / 8)),
        target_delay_steps=round(DELAY_S / step_s) + max(0, shape.layers - 6),
    )


def _weight_bits(shape: YamnetShape) -> tuple[int, ...]:
    """Return the bits of the weights of each layer, and of the sum over the bands behind them; nothing: all have 8."""
    if shape.layers <= shape.eight_bit_layers:
        return ()
    return (*(8 if layer < FOUR_BITS_FROM else 4 for layer in range(1, shape.layers + 1)), 8)
