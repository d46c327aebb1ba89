"""The settings that `make bench-accuracy` compares, by name."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from stapes.train.learn.sizes import settings_of
from stapes.train.settings import Settings, read_settings

BACKBONE = "../shared/models/yamnet_spectra_in_int8.tflite"
SHORT_BACKBONE = "../shared/models/yamnet_256_f32.h5"
PRETRAINED = "small-pretrained"
BASELINE = "baseline"  # an earlier stapes
SIX_LAYERS = "six-layers"  # `medium` with a file of six layers, which have eight bits
TAUGHT = "small-taught"  # an experiment
BY_NAME = (BASELINE, SIX_LAYERS, TAUGHT)  # are run only if they are asked for by name
TEACHERS = {TAUGHT: SIX_LAYERS}  # configuration -> that of the detector of the same fold and seed from which it learns


CONFIGURATIONS: dict[str, Callable[[], Settings]] = {
    BASELINE: lambda: read_settings(Path(__file__).parent / "baseline.toml"),
    "small": Settings,  # the defaults
    PRETRAINED: lambda: settings_of("small", BACKBONE),
    SIX_LAYERS: lambda: settings_of("medium", SHORT_BACKBONE),
    "medium": lambda: settings_of("medium", BACKBONE),
    "large": lambda: settings_of("large", BACKBONE),
    TAUGHT: Settings,
}


def quick(settings: Settings) -> Settings:
    """Return the settings with a third of the updates, for a first impression."""
    training = settings.training
    return replace(
        settings,
        training=replace(
            training,
            head_steps=training.head_steps // 3,
            float_steps=training.float_steps // 3,
            quantized_steps=training.quantized_steps // 3,
        ),
    )
