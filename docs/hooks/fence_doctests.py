"""griffe extension: sessions (`>>> …`) in docstrings become code blocks, as they are read in the source."""

import re
from typing import Any

import griffe

_SESSION = re.compile(r"(?:^>>> .*\n?(?:^\S.*\n?)*)+", re.MULTILINE)


class FenceDoctests(griffe.Extension):
    """Put fences around the sessions of every docstring."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Change the docstring of one module, class, function or attribute."""
        if obj.docstring is not None:
            obj.docstring.value = _SESSION.sub(_fenced, obj.docstring.value)


def _fenced(session: re.Match[str]) -> str:
    text = re.sub(r"\s*# doctest:.*", "", session[0])
    return f"```pycon\n{text.rstrip()}\n```\n"
