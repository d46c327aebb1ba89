"""Ways to damage bytes, texts and fields of headers, decided by a random generator."""

import random
import re
import struct

NUMBERS = (0, 1, 2, 3, 7, 8, 16, 127, 128, 255, 256, 32767, 32768, 65535, 65536, (1 << 24) - 1, 1 << 24, 1 << 28)
NUMBERS += ((1 << 31) - 1, 1 << 31, (1 << 31) + 1, (1 << 32) - 16, (1 << 32) - 1, 1 << 32, (1 << 63) - 1, (1 << 64) - 1)
TEXTS = (
    *("", " ", "\t", "\n", "\r", ",", ";", '"', "'", "{", "}", "[", "]", "<", ">", "&", "\\", "#", "=", "=1+1"),
    *("0", "-0", "-1", "1", "1e308", "1e999", "-1e999", "nan", "inf", "-inf", "NaN", "1e-400", "0x1", "1_0"),
    *("9" * 400, "9" * 5000, "0." + "3" * 400, "2147483648", "18446744073709551616", "1:2:3", "0:99:99", "-1:00"),
    *("null", "true", "false", "[]", "{}", '""', "[[[[]]]]", "[" * 2000, '{"a":' * 2000, "(" * 2000, "<a>" * 2000),
    *("\ud800", "\\ud800", "\u202e", "\u0000", "\ufeff", "\u2028", "\x1b[2J", "\x85", "ß", "é", "e\u0301", "𝄞", "％"),
    *("&#0;", "&x;", "]]>", "<!--", "<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>", "../../x", "/etc/passwd"),
    *("x" * 10_000, "$(touch x)", "`touch x`", "; touch x", "%s%n", "1970-01-01T00:00:00", "0000-00-00", "9999-12-31"),
)  # fmt: skip


def damaged_bytes(chance: random.Random, data: bytes, within: int = 0) -> bytes:
    """Return bytes with 1 to 4 changes: bits, numbers of 1 to 8 bytes, parts left out, doubled, exchanged, or the end.

    within: most changes lie in the first bytes, so many of them; 0: anywhere.
    """
    for _ in range(chance.randint(1, 4)):
        if not data:
            return chance.randbytes(chance.randint(0, 16))
        most = len(data) if not within or chance.random() < 0.2 else min(within, len(data))
        data = _damaged_once(chance, data, chance.randrange(most))
    return data


def _damaged_once(chance: random.Random, data: bytes, at: int) -> bytes:
    way, length = chance.randrange(8), chance.choice((1, 1, 2, 4, 8, 16, 64, 300))
    part = data[at : at + length]
    if way == 0:
        return data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :]
    if way <= 2:
        number = number_of_bytes(chance, chance.choice((1, 2, 4, 8)), chance.choice(("little", "big")))
        return data[:at] + number + data[at + len(number) :]
    if way == 3:
        return data[:at] + chance.randbytes(len(part)) + data[at + len(part) :]
    if way == 4:
        return data[:at] + data[at + len(part) :]
    if way == 5:
        return data[:at] + part * chance.choice((2, 3, 20)) + data[at + len(part) :]
    if way == 6:
        other = chance.randrange(len(data))
        return data[:other] + part + data[other + len(part) :]
    return data[:at]


def number_of_bytes(chance: random.Random, size: int, order: str) -> bytes:
    """Return an extreme or a random number as `size` bytes in the order `little` or `big`."""
    number = chance.choice(NUMBERS) if chance.random() < 0.8 else chance.getrandbits(8 * size)
    return (number % (1 << 8 * size)).to_bytes(size, "little" if order == "little" else "big")


Field = tuple[str, int | float | bytes]  # a format of struct, with its byte order, and the value


def packed(fields: list[Field]) -> bytes:
    """Return the bytes of a header that consists of these fields."""
    return b"".join(struct.pack(form, value) for form, value in fields)


def damaged_fields(chance: random.Random, fields: list[Field]) -> list[Field]:
    """Return a header in which 1 to 3 fields have other values: extreme ones, near ones, or those of other fields."""
    changed = list(fields)
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(changed))
        form, value = changed[at]
        size = struct.calcsize(form)
        data = struct.pack(form, value)
        if chance.random() < 0.3:  # a number that is wrong by little
            order = "big" if form[0] == ">" else "little"
            near = int.from_bytes(data, order) + chance.choice((-4, -2, -1, 1, 2, 4, 44))  # type: ignore[arg-type]
            data = (near % (1 << 8 * size)).to_bytes(size, order)  # type: ignore[arg-type]
        elif chance.random() < 0.2:
            other_form, other = chance.choice(fields)
            data = struct.pack(other_form, other).ljust(size, b"\0")[:size]
        else:
            data = number_of_bytes(chance, size, "big" if form[0] == ">" else "little")
        changed[at] = (f"{size}s", data)
    return changed


def damaged_text(chance: random.Random, text: str) -> bytes:
    """Return a text with 1 to 4 changes of words, numbers, separators and lines, as UTF-8; sometimes of its bytes."""
    for _ in range(chance.randint(1, 4)):
        tokens = re.findall(r"[\w.+-]+|\s|.", text)
        if not tokens:
            break
        at = chance.randrange(len(tokens))
        way = chance.randrange(6)
        if way <= 2:
            tokens[at] = chance.choice(TEXTS)
        elif way == 3:
            tokens.insert(at, chance.choice((tokens[at], chance.choice(TEXTS))))
        elif way == 4:
            tokens[at] = chance.choice(tokens)
        else:
            tokens = _damaged_lines(chance, text)
        text = "".join(tokens)
    data = text.encode("utf-8", "surrogatepass")
    return damaged_bytes(chance, data) if chance.random() < 0.2 else data


def _damaged_lines(chance: random.Random, text: str) -> list[str]:
    lines = text.splitlines(keepends=True)
    at, way = chance.randrange(len(lines)), chance.randrange(4)
    if way == 0:
        del lines[at]
    elif way == 1:
        lines.insert(at, chance.choice(lines))
    elif way == 2:
        lines[at] = lines[at].rstrip("\n")
    else:
        chance.shuffle(lines)
    return lines
