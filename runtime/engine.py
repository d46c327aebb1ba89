"""The table of engines, which compute the model's steps. All of them give the same bits.

Engines are loaded only when they are chosen, so that help texts can be made from the table at no cost.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from stapes.firmware_sim.errors import ConfigError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from stapes.firmware_sim.device.folder import DetectorFolder


class Engine(Protocol):
    """Runs the steps of the model in order and keeps the model's states between them."""

    def run(self, features: "NDArray[np.int8]") -> "NDArray[np.int8]":
        """Return scores int8[steps, classes] for features int8[steps, frames_per_step, bands]."""

    def reset(self) -> None:
        """Set every state to its zero point."""


@dataclass(frozen=True)
class EngineKind:
    """One kind of engine."""

    title: str  # as tables of measurements name it
    help: str  # as `--help` explains it
    load: "Callable[[DetectorFolder], Engine]"


def _load_litert(folder: "DetectorFolder") -> Engine:
    from stapes.runtime.litert_engine import LitertEngine

    return LitertEngine(folder)


def _load_compiled(folder: "DetectorFolder") -> Engine:
    from stapes.runtime.compiled_engine import CompiledEngine

    return CompiledEngine(folder)


AUTO = "auto"
ENGINES = {
    "litert": EngineKind("LiteRT BUILTIN_REF", "LiteRT's reference kernels", _load_litert),
    "c": EngineKind(
        "compiled C", "C that is generated from the model, compiled and run on this machine", _load_compiled
    ),
}
ENGINE_CHOICES = (AUTO, *ENGINES)


def choose_engine(folder: "DetectorFolder", name: str) -> Engine:
    """Return the engine `name`, one of ENGINE_CHOICES.

    "c" generates C from the folder's .tflite, compiles it and runs it; what lies in the folder's c/ is not looked at.
    "auto" is the compiled C when it was compiled on this machine before, and LiteRT otherwise.
    Raises ConfigError for any other name, and what loading the engine raises.
    """
    if name == AUTO:
        from stapes.runtime.compiled_engine import is_compiled_here

        name = "c" if is_compiled_here(folder) else "litert"
    if name not in ENGINES:
        raise ConfigError(f"engine {name!r} is not known; use one of {', '.join(ENGINE_CHOICES)}")
    return ENGINES[name].load(folder)
