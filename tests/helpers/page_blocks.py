"""The code blocks of a page of documentation, and the `stapes` commands in it.

A fence names its language: `sh` and `python` are run, a block with a title (`c title="main.c"`) is the content of that
file, `text` is shown to the reader only. `<!-- not run: REASON -->` on the line before a fence keeps a block from being
run.
"""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]

_FENCE = re.compile(
    r'(?:^<!-- not run: (?P<reason>.*?) -->\n)?^```(?P<language>\w*)(?: title="(?P<title>[^"]+)")?\n(?P<text>.*?)^```$',
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    """One fenced block."""

    page: Path
    line: int  # of the opening fence, from 1
    language: str
    title: str  # name of the file that it is; empty: none
    text: str
    not_run_because: str  # empty: it is run

    @property
    def place(self) -> str:
        """Page and line, for messages."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def read_blocks(page: Path) -> list[Block]:
    """Return the blocks of a page in order."""
    source = page.read_text(encoding="utf-8")
    return [
        Block(
            page=page,
            line=source.count("\n", 0, found.start("language")) + 1,
            language=found["language"],
            title=found["title"] or "",
            text=found["text"],
            not_run_because=found["reason"] or "",
        )
        for found in _FENCE.finditer(source)
    ]


def stapes_commands(text: str) -> Iterator[list[str]]:
    """Arguments of each `stapes` command in lines of shell; what is piped or redirected is left out."""
    for line in text.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        for at, word in enumerate(words):
            if word.rsplit("/", 1)[-1] == "stapes" and (at == 0 or words[at - 1] == "|"):
                rest = words[at + 1 :]
                ends = [end for end, other in enumerate(rest) if other in ("|", ">", "<", "&&", ";")]
                yield rest[: ends[0]] if ends else rest


def inline_commands(page: Path) -> Iterator[list[str]]:
    """Words behind `stapes` in the inline code of a page; an ellipsis stands for what is left out."""
    prose = _FENCE.sub("", page.read_text(encoding="utf-8"))
    for code in re.findall(r"`stapes ([^`]+)`", prose):
        yield code.replace("…", " ").split()
