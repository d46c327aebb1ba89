"""The errors of stapes, as a tree. Every message says what was received, where, and what to do.

StapesError               shown by the command line as one line, `error: …`, with exit code 1; ModelError may list more
├── ConfigError           a setting that contradicts another, or cannot be met
├── AudioError            audio that cannot be read, or a device that is missing
├── LabelError            a label file: names file and line
├── DatasetError          a folder of recordings that cannot be used as it is
├── DetectorFolderError   a detector folder that is incomplete, of another frontend, or of a newer schema
├── ModelError            a .tflite or a step function outside what can be converted or compiled
├── ToolchainError        a compiler, an emulator or a package that is missing or failed
└── OutputError           an output that exists, or cannot be written
"""

import unicodedata

LONGEST = 1200  # characters of a message; longer ones quote something long, and their ends say where and what to do


class StapesError(Exception):
    """Base of every error that a person can act on."""

    def __str__(self) -> str:
        """Return the message as one line: what it quotes from a file can neither end the line nor steer a terminal."""
        message = super().__str__()
        if len(message) > LONGEST:
            message = f"{message[: LONGEST // 2]} … {message[-LONGEST // 3 :]}"
        return "".join(map(_visible, message))


def _visible(character: str) -> str:
    """Return a character as it is, or escaped when it is a control or format character, a surrogate or a line end."""
    if character.isprintable() or unicodedata.category(character) == "Zs":
        return character
    return character.encode("unicode_escape").decode()


class ConfigError(StapesError, ValueError):
    """A setting that contradicts another, or cannot be met."""


class AudioError(StapesError):
    """Audio that cannot be read, or a device that is missing."""


class LabelError(StapesError):
    """A label file that cannot be read; the message names file and line."""


class DatasetError(StapesError):
    """A folder of recordings that cannot be used as it is."""


class DetectorFolderError(StapesError):
    """A detector folder that is incomplete, of another frontend, or of a newer schema."""


class ModelError(StapesError):
    """A model outside what can be converted or compiled. `listed`: the lines below the message, one per finding."""

    def __init__(self, message: str, listed: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.listed = listed

    def __str__(self) -> str:
        """Return the message as one line, and a line for each finding."""
        lines = ("".join(map(_visible, line)) for line in self.listed)
        return "\n".join([super().__str__(), *(f"  {line}" for line in lines)])

    def in_file(self, path: object) -> "ModelError":
        """Return the same error with the path of the model in front."""
        return ModelError(f"{path}: {self.args[0]}", self.listed)


class ToolchainError(StapesError):
    """A compiler, an emulator or a package that is missing or failed."""


class OutputError(StapesError):
    """An output that exists already, or cannot be written."""
