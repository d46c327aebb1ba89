"""A model as data: the bytes that a program with a loadable detector takes in place of its own model.

csrc/detector/stapes_blob_api.h describes them. They hold no address and no offset; a program takes those whose shape
and frontend are its own.
"""

import hashlib
import json
import struct
import zlib
from pathlib import Path
from typing import Literal

from stapes.firmware_sim.device.events import EventConfig
from stapes.firmware_sim.device.folder import DetectorFolder
from stapes.firmware_sim.device.generated_c import ModelConstants

LAYOUTS = ("STAPES_NN_ROWS", "STAPES_NN_DSP", "STAPES_NN_MVE", "STAPES_NN_HOST")  # 0 to 3 in stapes_nn_layout.h
MAGIC, FORMAT = 0x424C5453, 1  # "STLB"; of csrc/detector/stapes_blob_api.h
_CHECKED_FROM = 16  # byte behind the CRC


def blob_of(
    folder: DetectorFolder, constants: ModelConstants, layout: str, byte_order: Literal["little", "big"] = "little"
) -> bytes:
    """Return the blob of a detector for one layout of weights, one of LAYOUTS; "big" has STAPES_NN_ROWS alone."""
    order = "<" if byte_order == "little" else ">"
    rest = struct.pack(f"{order}4I", LAYOUTS.index(layout), 0, 0, 0)
    rest += shape_hash(folder, constants, layout) + bytes.fromhex(folder.frontend_hash)
    rest += bytes.fromhex(folder.model_sha256)
    rest += b"".join(_event_config(config, order) for config in folder.events)
    rest += constants.contents[layout] if byte_order == "little" else constants.big_endian
    rest += b"".join(label.encode() + b"\0" for label in folder.classes)
    return struct.pack(f"{order}4I", MAGIC, FORMAT, _CHECKED_FROM + len(rest), zlib.crc32(rest)) + rest


def is_blob(file: Path) -> bool:
    """Return whether a file begins as a blob of either byte order does. Raises OSError when it cannot be read."""
    with file.open("rb") as stream:
        return stream.read(4) in (MAGIC.to_bytes(4, "little"), MAGIC.to_bytes(4, "big"))


def shape_hash(folder: DetectorFolder, constants: ModelConstants, layout: str) -> bytes:
    """Return the SHA-256 of all that must be equal in two detectors so that one program can run both."""
    clock = folder.clock
    step = folder.frames_per_step, clock.step_samples, clock.origin_samples, clock.target_delay_steps
    described = json.dumps([FORMAT, len(folder.classes), step, constants.shapes[layout]])
    return hashlib.sha256(described.encode()).digest()


def _event_config(config: EventConfig, order: str) -> bytes:
    """Return the bytes of a stapes_event_config of csrc/detector/stapes_events_api.h."""
    thresholds = config.on_score, config.off_score, config.smoothing_steps
    steps = config.min_duration_steps, config.merge_gap_steps, config.refractory_steps, config.max_duration_steps
    return struct.pack(f"{order}bbBx4I", *thresholds, *steps)
