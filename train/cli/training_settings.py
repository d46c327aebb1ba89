"""Which settings `stapes train` begins with: those of a size, a backbone or another detector, a file, and options."""

import argparse
import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from stapes.firmware_sim.errors import ConfigError

if TYPE_CHECKING:
    from stapes.firmware_sim.device.folder import DetectorFolder
    from stapes.train.settings import Settings, SettingsFile

logger = logging.getLogger(__name__)

NETWORK_OPTIONS = ("size", "backbone", "backbone_layers")


def training_settings(arguments: argparse.Namespace, start: "DetectorFolder | None") -> "Settings":
    """Return the settings of a training: defaults of a size or of the detector `start`, a settings file, and options.

    Raises ConfigError for a file that cannot be used and for options that contradict it or `start`; ModelError for a
    backbone that cannot be read.
    """
    from stapes.train.settings import SettingsFile

    file = SettingsFile.read(arguments.config) if arguments.config else None
    former = settings = _continued(arguments, start) if start else _of_size(arguments, file)
    if file:
        settings = file.settings(former)
        _require_agreement(arguments, start, former, settings)
    if start:
        _log_changes(arguments, former, settings, f"a training from {start.path}")
        _log_limits(settings, start)
    elif arguments.size or settings.network.backbone:
        _log_changes(arguments, former, settings, "the size")
    if arguments.channel is not None:
        settings = replace(settings, channel=arguments.channel)
    return settings if arguments.seed is None else replace(settings, seed=arguments.seed)


def _continued(arguments: argparse.Namespace, start: "DetectorFolder") -> "Settings":
    from stapes.train.learn.sizes import fine_tuning_settings

    given = [name for name in NETWORK_OPTIONS if getattr(arguments, name) is not None]
    if given:
        raise ConfigError(
            f"--{given[0].replace('_', '-')} does not go with --from, which keeps the network of {start.path}; "
            "leave one of them out"
        )
    return fine_tuning_settings(start)


def _of_size(arguments: argparse.Namespace, file: "SettingsFile | None") -> "Settings":
    """Return the defaults of the size, with the backbone that the options name, or else the settings file."""
    from stapes.train.learn.sizes import Size, settings_of

    in_file, layers_in_file = file.backbone() if file else ("", None)
    backbone = arguments.backbone or in_file
    layers = arguments.backbone_layers
    if layers is None and backbone:
        layers = layers_in_file
    size: Size = arguments.size or ("medium" if backbone else "small")
    try:
        return settings_of(size, backbone, layers)
    except ConfigError as error:
        if arguments.backbone or not in_file:
            raise
        raise ConfigError(f"{arguments.config}: names a backbone: {error}") from error


def _require_agreement(
    arguments: argparse.Namespace, start: "DetectorFolder | None", former: "Settings", settings: "Settings"
) -> None:
    """Raise ConfigError when the settings file asks for another network than --from or the options do.

    former: the settings without the file.
    """
    if start and (former.network, former.frontend) != (settings.network, settings.frontend):
        raise ConfigError(
            f"{arguments.config}: changes the network or the frontend of {start.path}, which --from keeps; "
            "leave its tables [network] and [frontend] out"
        )
    for name in ("backbone", "backbone_layers"):
        wanted, said = getattr(arguments, name), getattr(settings.network, name)
        if wanted is not None and wanted != said:
            raise ConfigError(
                f"{arguments.config}: {name} is {said!r}, but --{name.replace('_', '-')} says {wanted!r}; leave the "
                "option out, or delete backbone and backbone_layers in the file"
            )


def _log_changes(arguments: argparse.Namespace, former: "Settings", settings: "Settings", whose: str) -> None:
    """Tell which of the settings without the file, which are those of `whose`, the file changes."""
    changed = [
        f"{table}.{name}"
        for table in ("frontend", "network", "augmentation", "training", "operating_point")
        for name, value in vars(getattr(settings, table)).items()
        if value != getattr(getattr(former, table), name)
    ]
    if changed:
        logger.info(f"{arguments.config} changes settings of {whose}: {', '.join(changed)}")


def _log_limits(settings: "Settings", start: "DetectorFolder") -> None:
    """Tell by which limits thresholds will be chosen, and which thresholds of the former detector are not kept."""
    from stapes.train.judge.by_hand import RULE

    point = settings.operating_point
    limits = {label: point.budget(label) for label in start.classes if point.budget(label)}
    said = [f"at most {most:g} false alarms per hour of {label}" for label, most in limits.items()]
    if said := [*said, *(f"{label} silent" for label in point.silent)]:
        logger.info(f"thresholds will be chosen with {', '.join(said)}")
    former = start.operating_point
    if former.get("sensitivity") or RULE in former.get("rule", {}).values():
        logger.info(
            f"thresholds of {start.path} that were set by hand or by `stapes adapt` are not kept; set them again on "
            "the new detector"
        )
