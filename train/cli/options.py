"""Options that several commands share."""

import argparse
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from stapes.firmware_sim.errors import ConfigError

if TYPE_CHECKING:
    from stapes.firmware_sim.device.folder import DetectorFolder
    from stapes.train.settings import OperatingPointSettings


def add_group_pattern(parser: argparse.ArgumentParser, default: str) -> None:
    """Add the option that groups recordings by their names; `default` is for the help text."""
    parser.add_argument(
        "--group-pattern",
        metavar="REGEX",
        help="recordings in whose names this regular expression matches the same text belong to one source and stay in "
        f"one split; '^[^_]+' matches the text before the first _ (default: {default})",
    )


def add_background(parser: argparse.ArgumentParser) -> None:
    """Add the option for recordings that are free of events, in which false alarms are counted."""
    parser.add_argument(
        "--background",
        action="append",
        default=[],
        type=Path,
        metavar="DIR",
        help="recordings that are free of events: false alarms are counted in them, too; can be given several times",
    )


def add_collar_percent(parser: argparse.ArgumentParser, default: float | None = 0.0, said: str = "0") -> None:
    """Add the option for a collar that grows with the duration of an event; `said` is the default in the help text."""
    parser.add_argument(
        "--collar-percent",
        type=float,
        default=default,
        metavar="N",
        help=f"let an onset be off by N %% of the event's duration, where that is more than 200 ms (default: {said}); "
        "offsets may be off by 20 %%",
    )


def settings_of_training(folder: "DetectorFolder") -> "OperatingPointSettings":
    """Return the settings by which training chose thresholds, or the defaults for a detector that does not say them."""
    from stapes.train.settings import OperatingPointSettings, read_settings

    path = folder.path / "training" / "settings.toml"
    return read_settings(path).operating_point if path.is_file() else OperatingPointSettings()


def former_limits(folder: "DetectorFolder") -> "OperatingPointSettings":
    """Return how thresholds were last chosen; without any limit if that cannot be read, as `tune` writes it anew."""
    from stapes.train.learn.sizes import last_choice
    from stapes.train.settings import OperatingPointSettings

    try:
        return last_choice(folder, settings_of_training(folder))
    except ConfigError:
        return OperatingPointSettings()


def limit_options(settings: "OperatingPointSettings") -> str:
    """Return the options of `tune` that give the limits and the silent classes of these settings."""
    limits = {"": settings.false_alarms_per_hour, **settings.false_alarms_per_hour_of_class}
    given = [quote(f"{label}={most:g}" if label else f"{most:g}") for label, most in limits.items() if most]
    options = [f"--false-alarms-per-hour {each}" for each in given]
    options += [f"--silent {quote(label)}" for label in settings.silent]
    return " ".join([*options, *["--silence-unmet"] * settings.silence_unmet])


def add_changed_detector(parser: argparse.ArgumentParser) -> None:
    """Add the options for where a detector with other thresholds is written."""
    parser.add_argument(
        "--out", type=Path, metavar="NEW.stapes", help="write a new detector, leave NAME.stapes as it is"
    )
    parser.add_argument("--force", action="store_true", help="replace an existing NEW.stapes")
    parser.add_argument("--dry-run", action="store_true", help="only show what would be chosen")


def require_writable(arguments: argparse.Namespace) -> None:
    """Raise OutputError for an existing NEW.stapes that may not be replaced, before any work is done."""
    from stapes.firmware_sim.device.folder import MARK
    from stapes.firmware_sim.outputs import require_new_folder

    if arguments.out:
        require_new_folder(arguments.out, arguments.force, MARK)


def write_changed_detector(changed: "DetectorFolder", arguments: argparse.Namespace) -> None:
    """Write a detector with other thresholds as the options of `add_changed_detector` say. Raises OutputError."""
    if arguments.dry_run:
        return
    if arguments.out:
        changed.write_copy(arguments.out, force=arguments.force)
    else:
        changed.write()


def add_out(parser: argparse.ArgumentParser) -> None:
    """Add the options for the folder that the command writes."""
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="the folder to write")
    parser.add_argument("--force", action="store_true", help="replace the output of an earlier run")
