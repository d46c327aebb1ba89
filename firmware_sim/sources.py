"""Where the device's C is: csrc/ has a folder for the frontend, one for the detector, and one per kind of kernels."""

from pathlib import Path

CSRC = Path(__file__).parent / "csrc"
INCLUDE_DIRS = (CSRC / "frontend", CSRC / "detector", CSRC / "nn")
_FOLDERS = (*INCLUDE_DIRS, *(CSRC / "nn" / kind for kind in ("portable", "dsp", "mve", "host")))


def source(name: str) -> Path:
    """Return the path of a C file or header of the device. Names are unique. Raises KeyError for an unknown name."""
    for folder in _FOLDERS:
        if (folder / name).is_file():
            return folder / name
    raise KeyError(name)
