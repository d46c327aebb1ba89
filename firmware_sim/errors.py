"""The errors of stapes, as a tree. Every message says what was received, where, and what to do.

StapesError               shown by the command line as one line, `error: …`, with exit code 1
├── ConfigError           a setting that contradicts another, or cannot be met
├── AudioError            audio that cannot be read, or a device that is missing
├── LabelError            a label file: names file and line
├── DatasetError          a folder of recordings that cannot be used as it is
├── DetectorFolderError   a detector folder that is incomplete, of another frontend, or of a newer schema
├── ModelError            a .tflite or a step function outside what can be converted or compiled
├── ToolchainError        a compiler, an emulator or a package that is missing or failed
└── OutputError           an output that exists, or cannot be written
"""


class StapesError(Exception):
    """Base of every error that a person can act on."""


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
    """A model outside what can be converted or compiled."""


class ToolchainError(StapesError):
    """A compiler, an emulator or a package that is missing or failed."""


class OutputError(StapesError):
    """An output that exists already, or cannot be written."""
