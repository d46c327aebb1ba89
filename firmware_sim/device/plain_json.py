"""JSON from anywhere: what no file of stapes holds is refused, and what a message quotes from a file stays short."""

from typing import Any

DEEPEST = 32  # objects and lists inside of each other
LONGEST_QUOTE, LONGEST_REASON = 60, 300  # characters


def require_plain(content: Any) -> None:
    """Raise ValueError for JSON that nests too deep, or holds half a character, which no file can be written with."""
    layer = [content]
    for _ in range(DEEPEST):
        layer = [child for value in layer for child in _children(value)]
        for value in layer:
            if isinstance(value, str):
                value.encode()  # raises UnicodeEncodeError, a ValueError
    if layer:
        raise ValueError(f"objects and lists nest more than {DEEPEST} deep")


def _children(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [*value.keys(), *value.values()]
    return value if isinstance(value, list) else []


def shortened(value: object) -> str:
    """Return the value as Python writes it, abbreviated; control characters are escaped."""
    text = repr(value)
    return text if len(text) <= LONGEST_QUOTE else f"{text[: LONGEST_QUOTE - 3]}..."


def one_line(text: str) -> str:
    """Return a text for one line of a message: abbreviated, and without characters that cannot be printed."""
    shown = "".join(letter if letter.isprintable() else "\ufffd" for letter in text[:LONGEST_REASON])
    return shown if len(text) <= LONGEST_REASON else f"{shown}..."
