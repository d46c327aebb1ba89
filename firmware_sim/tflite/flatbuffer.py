"""Read an untrusted flatbuffer: every offset and every length is checked before it is followed.

Only what a .tflite needs is read: tables, scalars, strings, vectors; a union is a table. Everything raises ModelError
for a damaged file.
"""

import struct
from dataclasses import dataclass
from typing import Literal

import numpy as np

from stapes.firmware_sim.errors import ModelError

Scalar = Literal["b", "B", "?", "i", "I", "q", "Q", "f"]  # as in the module struct: int8, uint8, bool, int32, …


def _unpack(data: bytes, kind: str, at: int, what: str) -> int | float:
    size = struct.calcsize("<" + kind)
    if at < 0 or at + size > len(data):
        raise ModelError(f"not a whole .tflite: {what} points to byte {at}, the file has {len(data)}")
    return struct.unpack_from("<" + kind, data, at)[0]


@dataclass(frozen=True)
class Table:
    """One table of a flatbuffer. Fields are numbered as in the schema; an absent field has its default value."""

    data: bytes
    at: int

    def _field(self, number: int) -> int:
        """Return the position of a field in the file; 0 when it is absent."""
        vtable = self.at - int(_unpack(self.data, "i", self.at, "a table"))
        length = int(_unpack(self.data, "H", vtable, "a vtable"))
        if 4 + 2 * number + 2 > length:
            return 0
        offset = int(_unpack(self.data, "H", vtable + 4 + 2 * number, "a vtable"))
        return self.at + offset if offset else 0

    def integer(self, number: int, kind: Scalar, default: int = 0) -> int:
        """Return an integer or bool field."""
        at = self._field(number)
        return int(_unpack(self.data, kind, at, "a field")) if at else default

    def real(self, number: int, default: float = 0.0) -> float:
        """Return a float32 field."""
        at = self._field(number)
        return float(_unpack(self.data, "f", at, "a field")) if at else default

    def _follow(self, number: int) -> int:
        at = self._field(number)
        return at + int(_unpack(self.data, "I", at, "an offset")) if at else 0

    def table(self, number: int) -> "Table | None":
        """Return a table field, or the table of a union; None when it is absent."""
        at = self._follow(number)
        return Table(self.data, at) if at else None

    def _vector(self, number: int, item: int) -> tuple[int, int]:
        """Return the position of the first item and the number of items, all of which lie inside of the file."""
        at = self._follow(number)
        if not at:
            return 0, 0
        count = int(_unpack(self.data, "I", at, "a vector"))
        if at + 4 + count * item > len(self.data):
            raise ModelError(
                f"not a whole .tflite: a vector of {count} items of {item} bytes at byte {at} passes the end"
            )
        return at + 4, count

    def array(self, number: int, kind: Scalar) -> np.ndarray:
        """Return a copy of a vector of scalars; empty when it is absent."""
        dtype = np.dtype("<" + kind if kind != "?" else "?")
        at, count = self._vector(number, dtype.itemsize)
        return np.frombuffer(self.data, dtype, count, at).copy() if count else np.zeros(0, dtype)

    def text(self, number: int) -> str:
        """Return a string, '' when it is absent. What cannot be printed on one line is replaced by \ufffd."""
        at, count = self._vector(number, 1)
        text = self.data[at : at + count].decode("utf-8", "replace")
        return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)

    def tables(self, number: int) -> "list[Table]":
        """Return a vector of tables; empty when it is absent."""
        at, count = self._vector(number, 4)
        starts = range(at, at + 4 * count, 4)
        return [Table(self.data, start + int(_unpack(self.data, "I", start, "an offset"))) for start in starts]


def root(data: bytes, identifier: bytes) -> Table:
    """Return the root table of a flatbuffer that carries this file identifier."""
    if len(data) < 8 or data[4:8] != identifier:
        raise ModelError(f"not a .tflite: bytes 4 to 8 are {data[4:8]!r}, not {identifier!r}")
    return Table(data, int(_unpack(data, "I", 0, "the root")))
