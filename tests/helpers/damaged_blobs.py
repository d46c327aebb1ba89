"""Damaged blobs with a correct CRC, and a loadable detector that refuses them or runs them inside of its memory."""

import random
import struct
import zlib
from collections import Counter

import numpy as np
from blob_program import BlobProgram
from damage import NUMBERS, damaged_bytes
from fuzzing import SEED, keep

from stapes.convert.compile import plan_model
from stapes.convert.plan.constants import ConstantPlan
from stapes.firmware_sim.device.blob import blob_of
from stapes.firmware_sim.device.folder import DetectorFolder

HEAD_BYTES, EVENT_BYTES, CRC_END = 128, 20, 16


def with_crc(blob: bytes) -> bytes:
    """Return the blob with its own size and CRC, as an attacker or another exporter would write it."""
    if len(blob) < CRC_END:
        return blob
    rest = blob[CRC_END:]
    return blob[:8] + struct.pack("<2I", len(blob), zlib.crc32(rest)) + rest


class Damage:
    """Makes damaged blobs of a detector for one layout; number n is the same in every run.

    Changes know the fields of a blob: most of them are values at the ends of what the detector accepts, so that many
    blobs are accepted and run.
    """

    def __init__(self, folder: DetectorFolder, program: BlobProgram, layout: str) -> None:
        plan = plan_model(folder.model, "detector", loadable=True).loadable
        assert plan is not None
        self.blob, self.layout = blob_of(folder, program.constants, layout), layout
        self._plan: ConstantPlan = plan
        self._classes = len(folder.classes)
        self._start = HEAD_BYTES + EVENT_BYTES * self._classes  # of the constants
        self._ways = (self._head, self._event, self._value, self._channel, self._weights, self._anything, self._labels)

    def damaged(self, number: int) -> bytes:
        chance = random.Random(f"blobs {SEED} {number}")
        data = bytearray(self.blob)
        for _ in range(chance.randint(1, 4)):
            chance.choices(self._ways, (1, 4, 12, 12, 8, 2, 2))[0](chance, data)
        if chance.random() < 0.9:
            self._mend_sums(data)
        if chance.random() < 0.05:
            return damaged_bytes(chance, with_crc(bytes(data)))
        return with_crc(bytes(data))

    def _head(self, chance: random.Random, data: bytearray) -> None:
        struct.pack_into("<I", data, 4 * chance.randrange(HEAD_BYTES // 4), chance.choice(NUMBERS) % (1 << 32))

    def _event(self, chance: random.Random, data: bytearray) -> None:
        at = HEAD_BYTES + EVENT_BYTES * chance.randrange(self._classes)
        if chance.random() < 0.3:
            data[at + chance.randrange(3)] = chance.choice((0, 1, 15, 16, 17, 127, 128, 129, 255))
        steps = chance.choice((0, 1, 2, (1 << 31) - 1, 1 << 31, (1 << 32) - 1))
        struct.pack_into("<I", data, at + 4 * chance.randint(1, 4), steps)

    def _value(self, chance: random.Random, data: bytearray) -> None:
        number = chance.randrange(len(self._plan.values))
        least, most = self._plan.values[number].range
        value = chance.choice((least, most, 0, chance.randint(least, most)))
        if chance.random() < 0.05:
            value = chance.choice((least - 1, most + 1, -(1 << 31), (1 << 31) - 1))
        struct.pack_into("<i", data, self._start + 4 * number, min(max(value, -(1 << 31)), (1 << 31) - 1))

    def _channel(self, chance: random.Random, data: bytearray) -> None:
        """Change the numbers of one channel of a layer, or of all of them, to extreme ones that mostly fit."""
        layer = chance.choice(self._plan.channels)
        shift = chance.randint(1, 62) if layer.once else chance.choice((-31, -1, 0, 1, 2, 30, 33, 63, *range(-30, 0)))
        limit = 1 << 31 if layer.once or shift > 31 else (1 << 30) >> max(shift, 0)
        bias = max(0, limit - layer.reach - chance.choice((1, 256, 257))) * chance.choice((-1, 1))
        multiplier = chance.choice((0, 1, 1 << 30, (1 << 31) - 1))
        if chance.random() < 0.1:
            bias, multiplier, shift = (
                chance.choice((value, -value, -(1 << 31))) for value in (bias, multiplier, shift)
            )
        channels = range(layer.count) if chance.random() < 0.5 else (chance.randrange(layer.count),)
        for channel in channels:
            struct.pack_into("<i", data, self._start + layer.bias + 4 * channel, bias)
            struct.pack_into("<i", data, self._start + layer.multiplier + 4 * channel, multiplier)
            struct.pack_into("<b", data, self._start + layer.shift + channel, min(max(shift, -128), 127))

    def _weights(self, chance: random.Random, data: bytearray) -> None:
        """Fill a part of the arrays of bytes with the extreme codes."""
        first = min(self._plan.weights[self.layout].values())
        start = self._start + chance.randrange(first, len(self._plan.contents[self.layout]))
        end = min(start + chance.choice((1, 16, 300, 5000)), self._labels_at())
        code = chance.choice((0x80, 0x7F, 0x81, None))
        data[start:end] = chance.randbytes(end - start) if code is None else bytes([code]) * (end - start)

    def _anything(self, chance: random.Random, data: bytearray) -> None:
        data[chance.randrange(len(data))] = chance.randrange(256)

    def _labels(self, chance: random.Random, data: bytearray) -> None:
        if chance.random() < 0.5 and len(data) > self._labels_at():
            data[chance.randrange(self._labels_at(), len(data))] = chance.choice((0, 32, 255))
        else:
            data[self._labels_at() :] = chance.choice((b"", b"\0", b"\0\0\0", b"x" * 500 + b"\0\0\0", b"abc"))

    def _labels_at(self) -> int:
        return self._start + len(self._plan.contents[self.layout])

    def _mend_sums(self, data: bytearray) -> None:
        """Make the sums that the layout HOST has beside its weights right again."""
        for layer in self._plan.host_sums if self.layout == "STAPES_NN_HOST" else ():
            at = self._start + self._plan.weights[self.layout][layer.layer]
            count = layer.blocks * 8 * (layer.taps + 4)
            blocks = np.frombuffer(data, np.int8, count, at).reshape(layer.blocks, -1, 8, 4).copy()
            sums = -128 * blocks[:, :-1].sum(axis=(1, 3), dtype=np.int64)
            blocks[:, -1] = sums.astype("<i4").view(np.int8).reshape(layer.blocks, 8, 4)
            data[at : at + count] = blocks.tobytes()


def try_damaged_blobs(folder: DetectorFolder, program: BlobProgram, layout: str, count: int) -> None:
    """Load blobs 0 to `count` - 1; each is refused or runs clean. Raises AssertionError with the reproducer's path."""
    damage = Damage(folder, program, layout)
    found: Counter[str] = Counter()
    for start in range(0, count, 250):
        numbers = range(start, min(start + 250, count))
        blobs = [damage.damaged(number) for number in numbers]
        lines, report = program.load(blobs)
        if report:
            number = numbers[len(lines)]
            kept = keep("blobs", number, {"model.blob": blobs[len(lines)]})
            raise AssertionError(f"blob {number} of seed {SEED}, written to {kept}: {report[:3000]}")
        found.update(line.split()[0] for line in lines)
    assert found["0"] > count // 10, found  # many are accepted and run
    assert found["10"] > count // 20, found  # others are refused for a value
