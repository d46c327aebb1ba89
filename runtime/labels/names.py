"""Finds the recording that a label file means by a name, and never gives the labels of two recordings to one.

A label file names recordings in many ways: by path, by file name, without the suffix, with the folders of another
machine, or in another form of Unicode. What is not certain is an error that names the candidates.
"""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from stapes.firmware_sim.errors import LabelError
from stapes.runtime.walk import FILE_SUFFIXES

SAY_WHICH = "say which one is meant with --recording"

# What Raven, BirdNET and stapes append to the name of a recording when they name its table.
_APPENDED = re.compile(
    r"((\.Table\.\d+)?\.selections|\.Table\.\d+|\.BirdNET\.(selection\.table|results))$", re.IGNORECASE
)
# As in .checked or .final. Numbers are no words: they tell recordings apart.
_WORDS = re.compile(r"(\.[^\W\d_]+)*")
_SHOWN = 3


def same_form(text: str) -> str:
    """Return a name in Unicode's form NFC with slashes between folders: a Mac stores é as e and an accent."""
    return unicodedata.normalize("NFC", text.replace("\\", "/"))


def is_audio(name: str) -> bool:
    """Return whether a name ends as that of an audio file."""
    return name.lower().endswith(FILE_SUFFIXES)


def without_suffix(name: str) -> str:
    """Return a name without the suffix of an audio file; other parts behind a dot belong to the name."""
    return name[: -len(PurePosixPath(name).suffix)] if is_audio(name) else name


def name_of_file(path: Path) -> str:
    """Return the recording that a label file is named after: its name without its suffix and what tools append.

    >>> name_of_file(Path("5678.240601050000.Table.1.selections.txt"))
    '5678.240601050000'
    """
    return _APPENDED.sub("", path.stem)


class RecordingNames:
    """The recordings below a folder, found by name. A look-up takes the same time however many there are."""

    def __init__(self, folder: Path, files: Iterable[Path], advice: str = SAY_WHICH) -> None:
        """`advice` ends the messages: what the user can do when a name is not certain."""
        self.folder, self._advice = folder, advice
        self._parts: dict[Path, tuple[str, ...]] = {}  # of the path below the folder, the last one without its suffix
        self._by_base: dict[str, list[Path]] = defaultdict(list)
        self._by_stem: dict[str, list[Path]] = defaultdict(list)
        self._alike: dict[str, list[Path]] = defaultdict(list)  # regardless of case and suffix
        for file in files:
            *folders, base = same_form(file.relative_to(folder).as_posix()).split("/")
            stem = without_suffix(base)
            self._parts[file] = (*folders, stem)
            self._by_base[base].append(file)
            self._by_stem[stem].append(file)
            self._alike[stem.casefold()].append(file)
        self._meant_by: dict[Path, tuple[str, ...]] = {}  # the parts of the longest name that meant each recording

    def find(self, name: str, beside: Path | None = None) -> Path:
        """Return the one recording that a row of a table names; `beside` is the folder of the table.

        The name may lack folders or the suffix. Of several recordings with this name the one is taken whose folders
        agree with those of the name. Raises LabelError, which names the candidates, when there is none or there are
        several, and when another name has meant the same recording already: labels of two would be merged.
        """
        parts = _parts(name)
        found = self._candidates(parts, beside)
        if len(found) > 1 and beside is not None and len(parts) == 1:
            at_top = [file for file in found if len(self._parts[file]) == 1]
            found = [*{*at_top, *self._in_folder(found, beside)}] or found
        return self._the_one(name, parts, found)

    def find_for(self, file: Path) -> Path:
        """Return the recording that a label file is named after, best the one beside it. Raises LabelError as `find`.

        Words may follow the recording's name (`x.final.selections.txt`). Anything else that follows might tell two
        recordings apart and is an error.
        """
        whole, name = same_form(file.stem), same_form(name_of_file(file))
        shorter = [name[: match.start()] for match in reversed([*re.finditer(r"\.", name)])]
        for begins in (whole, name, *shorter):
            if not (found := self._candidates((begins,))):
                continue
            found = self._in_folder(found, file.parent) or found
            if len(begins) < len(name) and not _WORDS.fullmatch(name[len(begins) :]):
                raise LabelError(
                    f"{name!r} begins as {self._listed(found)} does, but {name[len(begins) :]!r} may name another "
                    f"recording; {self._advice}"
                )
            return self._the_one(begins, (*file.parent.absolute().parts, begins), found)
        return self._the_one(name, (name,), [])

    def has_name_of(self, file: Path) -> bool:
        """Return whether a recording has the name of a label file."""
        return any(self._candidates((same_form(name),)) for name in (file.stem, name_of_file(file)))

    def differs_in_folders(self, name: str, file: Path) -> bool:
        """Return whether a recording has other folders than its name: it was found by its file name alone."""
        given, own = _parts(name), self._parts[file]
        return _agreeing(given, own) < min(len(given), len(own))

    def relative(self, file: Path) -> str:
        """Return the path of a recording below the folder, with slashes, spelled as on the disk."""
        return file.relative_to(self.folder).as_posix()

    def _candidates(self, parts: Sequence[str], beside: Path | None = None) -> list[Path]:
        """Return the recordings that fit best: by file name or else by stem, then by the most folders from the end."""
        last = parts[-1] if parts else ""
        found = self._by_base.get(last) or self._by_stem.get(last, [])
        if len(found) < 2:
            return found
        if exact := [file for file in found if self._parts[file][:-1] == tuple(parts[:-1])]:
            return exact if len(parts) > 1 or beside is None else found
        agreeing = {file: _agreeing(parts, self._parts[file]) for file in found}
        return [file for file in found if agreeing[file] == max(agreeing.values())]

    def _in_folder(self, found: Sequence[Path], folder: Path) -> list[Path]:
        """Return the recordings that lie in this folder, or in one that is named alike below another parent."""
        absolute = folder.absolute()
        if same := [file for file in found if file.parent.absolute() == absolute]:
            return same
        last = (*absolute.parts, "")
        own = {file: (*self._parts[file][:-1], "") for file in found}
        return [file for file in found if len(own[file]) > 1 and _agreeing(last, own[file]) == len(own[file])]

    def _the_one(self, name: str, parts: tuple[str, ...], found: Sequence[Path]) -> Path:
        if len(found) != 1:
            raise LabelError(self._why_not(name, found))
        (file,) = found
        earlier = self._meant_by.setdefault(file, parts)
        if _agreeing(earlier, parts) < min(len(earlier), len(parts)):
            raise LabelError(
                f"{self._path(parts)!r} and {self._path(earlier)!r} both fit only {self.relative(file)}, and the "
                f"labels of two recordings would be merged; put the missing recording below {self.folder}, or "
                "convert the files one by one if they belong to one recording"
            )
        if len(parts) > len(earlier):
            self._meant_by[file] = parts
        return file

    def _why_not(self, name: str, found: Sequence[Path]) -> str:
        there = f"{len(found)} recordings below {self.folder} are called {name!r}"
        if found:
            return f"{there} ({self._listed(found)}); write its folder and suffix, too, or {self._advice}"
        alike = self._alike.get(without_suffix(_parts(name)[-1]).casefold(), []) if _parts(name) else []
        hint = f"is {self._listed(alike)} meant? Then" if alike else "add the recording, remove the labels, or"
        return f"{there}; {hint} {self._advice}"

    def _listed(self, found: Sequence[Path]) -> str:
        more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        return ", ".join(self.relative(file) for file in sorted(found)[:_SHOWN]) + more

    @staticmethod
    def _path(parts: Sequence[str]) -> str:
        return "/".join(parts).replace("//", "/")


def shortest_names(paths: Iterable[str]) -> dict[str, str]:
    """Return path -> file name for paths of recordings; with as many folders as it takes to tell two paths apart.

    >>> shortest_names(["/x/day1/a.wav", "/x/day2/a.wav", "/x/b.wav"])
    {'/x/day1/a.wav': 'day1/a.wav', '/x/day2/a.wav': 'day2/a.wav', '/x/b.wav': 'b.wav'}
    """
    parts = {path: path.replace("\\", "/").split("/") for path in paths}
    depth = dict.fromkeys(parts, 1)
    while True:
        names = {path: "/".join(parts[path][-n:]) for path, n in depth.items()}
        called = Counter(names.values())
        longer = [path for path, n in depth.items() if called[names[path]] > 1 and n < len(parts[path])]
        if not longer:
            return names
        for path in longer:
            depth[path] += 1


def _parts(name: str) -> tuple[str, ...]:
    """Return the folders and the file of a name, without drive letters and dots."""
    return tuple(part for part in same_form(name).split("/") if part not in ("", ".", ".."))


def _agreeing(one: Sequence[str], other: Sequence[str]) -> int:
    """Return how many parts agree from the end on; the suffix of an audio file does not count."""
    count = 0
    for first, second in zip(reversed(one), reversed(other), strict=False):
        if first != second and (count or without_suffix(first) != without_suffix(second)):
            break
        count += 1
    return count
