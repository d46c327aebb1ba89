"""The detectors of a studio: where they lie, and their names. The page names them and never gives a path."""

from pathlib import Path

from stapes.firmware_sim.device.folder import MARK
from stapes.firmware_sim.errors import ConfigError
from stapes.train.studio.studio import Studio

SUFFIX = ".stapes"


def folder_of(studio: Studio) -> Path:
    """Return the folder in which new detectors are written: that of --detector, or else the one of the dataset."""
    return (studio.detector or studio.dataset).absolute().parent


def names(studio: Studio) -> list[str]:
    """Return the names of the detectors there, the newest first."""
    marks = [each for each in folder_of(studio).glob(f"*/{MARK.file}") if not each.parent.name.startswith(".")]
    return [each.parent.name for each in sorted(marks, key=lambda each: (-each.stat().st_mtime_ns, each))]


def named(studio: Studio, name: str) -> Path:
    """Return the path of a detector. Raises ConfigError when there is none of this name."""
    if name not in names(studio):
        raise ConfigError(
            f"{name!r} is no detector in {folder_of(studio)}; there are {', '.join(names(studio)) or 'none'}"
        )
    return folder_of(studio) / name


def free_name(studio: Studio) -> str:
    """Return a name for a new detector: that of the newest one, or else of the dataset, with the next free number."""
    stem = Path((names(studio) or [studio.dataset.absolute().name])[0]).stem
    base, _, number = stem.rpartition("-")
    base = base if base and number.isdigit() else stem
    tried = [f"{base}{SUFFIX}", *(f"{base}-{count}{SUFFIX}" for count in range(2, 1000))]
    return next(each for each in tried if not (folder_of(studio) / each).exists())


def new_path(studio: Studio, name: str) -> Path:
    """Return where a new detector is written. Raises ConfigError for a name that is no plain name of a folder."""
    if not name.isprintable() or name != Path(name).name or name.startswith((".", "-")) or not name.endswith(SUFFIX):
        raise ConfigError(f"{name!r} is no name for a detector; give one that ends with {SUFFIX}, without slashes")
    return folder_of(studio) / name
