"""`--to TARGET`: from its text to a sink."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from stapes.firmware_sim.errors import ConfigError, OutputError
from stapes.runtime.live.sinks.files import TextSink
from stapes.runtime.live.sinks.outbox import Outbox, Receiver
from stapes.runtime.live.sinks.record import Sink
from stapes.runtime.live.sinks.sqlite import SqliteSink

KINDS = "jsonl:FILE, csv:FILE, audacity:FILE, sqlite:FILE, mqtt://HOST[:PORT]/TOPIC, http://… or https://…"


@dataclass(frozen=True)
class Delivery:
    """What sinks that send over the network share."""

    queue_dir: Path  # their queues lie here until they are sent
    template: str | None = None  # body of a webhook; None: the record as JSON


def default_queue_dir() -> Path:
    """Where queues survive a reboot: $XDG_STATE_HOME/stapes, else ~/.local/state/stapes."""
    state = os.environ.get("XDG_STATE_HOME")
    return (Path(state) if state else Path.home() / ".local" / "state") / "stapes"


def open_sink(target: str, delivery: Delivery) -> Sink:
    """Return the sink that `target` names.

    ConfigError for a target of no known kind; OutputError when its file cannot be written. A receiver that cannot be
    reached is no error: its records are queued.
    """
    kind, colon, rest = target.partition(":")
    if colon and rest and kind in ("jsonl", "csv", "audacity"):
        return TextSink(Path(rest), kind)
    if colon and rest and kind == "sqlite":
        return SqliteSink(Path(rest))
    if kind in ("mqtt", "mqtts", "http", "https"):
        return Outbox(_queue(target, delivery.queue_dir), _receiver(kind, target, delivery))
    raise ConfigError(f"--to {target}: not a kind of target; use one of {KINDS}")


def _receiver(kind: str, target: str, delivery: Delivery) -> Receiver:
    if kind in ("mqtt", "mqtts"):
        from stapes.runtime.live.sinks.mqtt import MqttReceiver

        return MqttReceiver(target)
    from stapes.runtime.live.sinks.webhook import Webhook

    return Webhook(target, delivery.template)


def _queue(target: str, folder: Path) -> Path:
    """One queue per receiver, named by a hash: a target may hold a password."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: the queue cannot be kept there ({error.strerror}); see --queue") from error
    return folder / f"outbox-{hashlib.sha256(target.encode()).hexdigest()[:12]}.sqlite"
