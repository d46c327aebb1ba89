"""Sinks: where the records of `stapes listen` are written or sent. targets.py is the table of what --to may name."""

from stapes.runtime.live.sinks.record import Record, Sink
from stapes.runtime.live.sinks.targets import open_sink

__all__ = ["Record", "Sink", "open_sink"]
