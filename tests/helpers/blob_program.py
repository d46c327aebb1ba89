"""A loadable detector with ASan and UBSan, to which blobs are given; any report of a sanitizer ends the program."""

import struct
import subprocess
from collections.abc import Sequence
from pathlib import Path

from sanitized import SANITIZE

from stapes.firmware_sim.device.folder import DetectorFolder
from stapes.firmware_sim.device.generated_c import generated_c
from stapes.firmware_sim.machines.detector_c import detector_c

MAIN = Path(__file__).parent / "load_blobs.c"


class BlobProgram:
    """The program of load_blobs.c around a detector, built for one layout of the weights."""

    def __init__(self, folder: DetectorFolder, out: Path, layout: str) -> None:
        out.mkdir()
        self.model = generated_c(folder, loadable=True)
        assert self.model.constants is not None
        self.constants = self.model.constants
        code = detector_c(folder, self.model, out)
        self._program = out / "load_blobs"
        includes = [f"-I{path}" for path in code.include_dirs]
        command = ["gcc", *SANITIZE, f"-DSTAPES_NN_LAYOUT={layout}", *includes, *code.sources, MAIN]
        built = subprocess.run([*command, "-o", self._program], capture_output=True, text=True)
        assert built.returncode == 0, built.stderr

    def load(self, blobs: Sequence[bytes]) -> tuple[list[str], str]:
        """Return a line per blob that was tried, in order, and the report of a sanitizer, empty where there is none."""
        given = b"".join(struct.pack("<I", len(blob)) + blob for blob in blobs)
        environment = {"ASAN_OPTIONS": "detect_leaks=0"}
        done = subprocess.run([self._program], input=given, capture_output=True, env=environment, timeout=600)
        report = done.stderr.decode(errors="replace")
        return done.stdout.decode().splitlines(), report or ("" if done.returncode == 0 else f"exit {done.returncode}")

    def codes(self, blobs: Sequence[bytes]) -> list[int]:
        """Return what detector_load returned for each blob. Raises AssertionError with the report of a sanitizer."""
        lines, report = self.load(blobs)
        assert report == ""
        return [int(line.split()[0]) for line in lines]
