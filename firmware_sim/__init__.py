"""The device: its C, the same C called from Python, the detector folder, and machines to run a detector on.

Features and events, computed by the C that runs on the board:

    >>> import numpy as np
    >>> from stapes.firmware_sim import EventConfig, EventDecoder, Frontend, FrontendConfig, StepClock, make_tables
    >>> frontend = Frontend(make_tables(FrontendConfig()))
    >>> frontend.features(np.zeros(16_000, np.int16)).shape         # int16[samples] to int8[frames, bands]
    (61, 40)
    >>> clock = StepClock.of(frontend.config, frames_per_step=2, target_delay_steps=0)
    >>> decoder = EventDecoder(["pop"], [EventConfig(on_score=0)], clock)
    >>> scores = np.array([[-128], [90], [100], [-100]], np.int8)   # int8[steps, classes]
    >>> [(event.label, event.onset, event.offset) for event in decoder.push(scores) if event.offset_sample is not None]
    [('pop', 0.04, 0.104)]

A model that `stapes compile` wrote as C, built for this machine and run step by step:

    >>> from stapes.firmware_sim import CompiledModel
    >>> model = CompiledModel("kws_c")                              # doctest: +SKIP
    >>> (scores,) = model.run(np.zeros((1, 49, 10, 1), np.int8))    # doctest: +SKIP

`read_folder("pops.stapes")` reads and checks a detector folder; `stapes.runtime.Detector` runs one over recordings.
`stapes.firmware_sim.machines` builds one for an emulated board. Each name is loaded when it is first used.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stapes.firmware_sim.device.clock import StepClock
    from stapes.firmware_sim.device.events import Event, EventConfig, EventDecoder
    from stapes.firmware_sim.device.folder import DetectorFolder, read_folder
    from stapes.firmware_sim.device.frontend import Frontend, FrontendConfig, make_tables
    from stapes.firmware_sim.device.host import CompiledModel

__all__ = [
    "CompiledModel",
    "DetectorFolder",
    "Event",
    "EventConfig",
    "EventDecoder",
    "Frontend",
    "FrontendConfig",
    "StepClock",
    "make_tables",
    "read_folder",
]

_MODULES = {
    "CompiledModel": "host",
    "DetectorFolder": "folder",
    "Event": "events",
    "EventConfig": "events",
    "EventDecoder": "events",
    "Frontend": "frontend",
    "FrontendConfig": "frontend",
    "StepClock": "clock",
    "make_tables": "frontend",
    "read_folder": "folder",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.device.{_MODULES[name]}"), name)
    globals()[name] = value
    return value
