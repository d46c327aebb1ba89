"""Where the records of `stapes listen` go."""

from stapes.runtime.live.sinks.record import Record, Sink
from stapes.runtime.live.sinks.targets import open_sink

__all__ = ["Record", "Sink", "open_sink"]
