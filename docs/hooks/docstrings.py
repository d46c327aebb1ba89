"""griffe extension: the reference of Python shows what the source says outside of plain docstrings.

Sessions (`>>> …`) become code blocks, and the comment behind a field of a class becomes the field's description.
"""

import re
from typing import Any

import griffe

_SESSION = re.compile(r"(?:^>>> .*\n?(?:^\S.*\n?)*)+", re.MULTILINE)


class Docstrings(griffe.Extension):
    """Change docstrings while the source is read."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Put fences around the sessions in one docstring."""
        if obj.docstring is not None:
            obj.docstring.value = _SESSION.sub(_fenced, obj.docstring.value)

    def on_attribute(self, *, attr: griffe.Attribute, **_: Any) -> None:
        """Take a field's trailing comment as its docstring, where it has none."""
        if attr.docstring is None and attr.lines and isinstance(attr.parent, griffe.Class):
            _before, found, comment = attr.lines[-1].partition("  # ")
            if found:
                attr.docstring = griffe.Docstring(comment[:1].upper() + comment[1:], parent=attr)


def _fenced(session: re.Match[str]) -> str:
    text = re.sub(r"\s*# doctest:.*", "", session[0])
    return f"```pycon\n{text.rstrip()}\n```\n"
