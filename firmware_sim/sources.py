"""Where the C of the device lies: csrc/ has a folder for the frontend, the detector and the kernels per processor."""

from pathlib import Path

CSRC = Path(__file__).parent / "csrc"
INCLUDE_DIRS = (CSRC / "frontend", CSRC / "detector", CSRC / "nn")
_FOLDERS = (*INCLUDE_DIRS, *(CSRC / "nn" / kind for kind in ("portable", "dsp", "mve", "host")))


def source(name: str) -> Path:
    """Return the path of a C file or header of the device by its name, which is unique. Raises KeyError without one."""
    for folder in _FOLDERS:
        if (folder / name).is_file():
            return folder / name
    raise KeyError(name)
