"""The table of what `--to TARGET` may name, and how each kind of target becomes a sink.

The sinks themselves are loaded only when they are opened: some need an extra of the package, and help texts are made
from this table.
"""

import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from stapes.firmware_sim.errors import ConfigError, OutputError
from stapes.firmware_sim.outputs import DISK_IS_FULL
from stapes.runtime.labels import EVENT_FORMATS
from stapes.runtime.live.mqtt.settings import PASSWORD_VARIABLE, MqttSettings
from stapes.runtime.live.sinks.record import FullDiskError, Sink

if TYPE_CHECKING:
    from stapes.runtime.live.mqtt.broker import Message
    from stapes.runtime.live.sinks.outbox import Receiver

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Delivery:
    """Settings of all sinks that send over the network."""

    queue_dir: Path  # holds the records that have not been sent yet
    template: str | None = None  # body of a webhook; None: the record as JSON
    mqtt: MqttSettings = field(default_factory=MqttSettings)
    # What a record in JSON is published as besides, through the same queue.
    further_messages: "Callable[[str], Sequence[Message]]" = lambda _record: ()


@dataclass(frozen=True)
class TargetKind:
    """One kind of target; TARGETS names it by what stands before the colon."""

    form: str  # how such a target is written, for help texts
    open: Callable[[str, Delivery], Sink]  # takes the whole text of the target


def default_queue_dir() -> Path:
    """Return the folder where queues survive a restart: $XDG_STATE_HOME/stapes, else ~/.local/state/stapes."""
    state = os.environ.get("XDG_STATE_HOME")
    return (Path(state) if state else Path.home() / ".local" / "state") / "stapes"


def target_forms() -> str:
    """Return how each kind of target is written, for help texts and messages."""
    return ", ".join(dict.fromkeys(kind.form for kind in TARGETS.values()))


def open_sink(target: str, delivery: Delivery) -> Sink:
    """Return the sink that `target` names.

    Raises ConfigError for a target of no known kind, OutputError when its file cannot be written, and FullDiskError. A
    receiver that cannot be reached is no error: its records are queued.
    """
    name, _, place = target.partition(":")
    if not place or name not in TARGETS:
        raise ConfigError(f"--to {_shown(target)}: no such kind of target; use one of {target_forms()}")
    return TARGETS[name].open(target, delivery)


def _shown(target: str) -> str:
    """Return a target for a message, without what may be a password."""
    scheme, at, rest = target.partition(":")[0], "@" in target, target.rpartition("@")[2]
    return f"{scheme}:…@{rest}" if at else target


def _open_text(target: str, _delivery: Delivery) -> Sink:
    from stapes.runtime.live.sinks.files import TextSink

    format, _, path = target.partition(":")
    return TextSink(Path(path), format)


def _open_sqlite(target: str, _delivery: Delivery) -> Sink:
    from stapes.runtime.live.sinks.sqlite import SqliteSink

    return SqliteSink(Path(target.partition(":")[2]))


def _open_mqtt(target: str, delivery: Delivery) -> Sink:
    from stapes.runtime.live.mqtt.broker import Broker
    from stapes.runtime.live.sinks.mqtt import MqttReceiver

    broker = Broker(target, delivery.mqtt)
    if broker.url_holds_password:
        logger.warning(
            f"--to {broker.name}: a password in a URL is shown to all users of this machine in the list of processes; "
            f"put it into {PASSWORD_VARIABLE}, or with the user into the file of --login"
        )
    return _queued(target, delivery, MqttReceiver(broker, delivery.further_messages))


def _open_webhook(target: str, delivery: Delivery) -> Sink:
    from stapes.runtime.live.sinks.webhook import Webhook

    return _queued(target, delivery, Webhook(target, delivery.template))


def _queued(target: str, delivery: Delivery, receiver: "Receiver") -> Sink:
    """Return a sink that keeps records on disk until the receiver has them: one queue per receiver.

    The queue is named by a hash because a target may contain a password.
    """
    import hashlib  # loaded here because it is slow to load

    from stapes.runtime.live.sinks.outbox import Outbox

    folder = delivery.queue_dir
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        if error.errno in DISK_IS_FULL:
            raise FullDiskError(f"{folder}: {error.strerror}") from error
        raise OutputError(
            f"{folder}: queues cannot be kept there ({error.strerror}); name another folder with --queue"
        ) from error
    return Outbox(folder / f"outbox-{hashlib.sha256(target.encode()).hexdigest()[:12]}.sqlite", receiver)


_MQTT = TargetKind("mqtt[s]://HOST[:PORT]/TOPIC", _open_mqtt)
_WEBHOOK = TargetKind("http[s]://HOST[:PORT]/PATH", _open_webhook)
TARGETS = {
    **{name: TargetKind(f"{name}:FILE", _open_text) for name in EVENT_FORMATS},
    "sqlite": TargetKind("sqlite:FILE", _open_sqlite),
    "mqtt": _MQTT,
    "mqtts": _MQTT,
    "http": _WEBHOOK,
    "https": _WEBHOOK,
}
