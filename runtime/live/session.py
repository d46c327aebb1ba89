"""One session of `stapes listen`: a source, a detector and the outputs, until somebody stops it."""

import logging
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from stapes.firmware_sim.errors import ConfigError
from stapes.firmware_sim.outputs import require_new_file
from stapes.runtime.audio import InputSettings
from stapes.runtime.audio.convert import require_channel
from stapes.runtime.detector import Detector
from stapes.runtime.live.clips import ClipRecorder, ClipSettings
from stapes.runtime.live.heartbeat import Heartbeat
from stapes.runtime.live.listen import Update, listen
from stapes.runtime.live.log import Log, heard_unix_s
from stapes.runtime.live.microphone import Microphone
from stapes.runtime.live.mqtt.settings import MqttSettings
from stapes.runtime.live.pipe import RawPcm
from stapes.runtime.live.rate import RateMeter
from stapes.runtime.live.reconnect import Reconnecting
from stapes.runtime.live.sinks.fan_out import FanOut
from stapes.runtime.live.sinks.files import TextSink
from stapes.runtime.live.sinks.opened_later import open_now_or_later
from stapes.runtime.live.sinks.record import Record, Sink
from stapes.runtime.live.sinks.targets import Delivery, default_queue_dir, open_sink
from stapes.runtime.live.source import Source
from stapes.runtime.live.stdin import open_stdin
from stapes.runtime.sensitivity import set_sensitivity
from stapes.runtime.signals import stop_on_signals
from stapes.runtime.web.address import Address

if TYPE_CHECKING:
    from stapes.runtime.live.display import Display
    from stapes.runtime.live.home_assistant.entities import Entities

logger = logging.getLogger(__name__)

LONGEST_RATE_S, MOST_GAIN_DB = 86_400, 120


class Watcher(Protocol):
    """Follows the stream: a display, a clip recorder, the heartbeat, the live page or Home Assistant."""

    def update(self, update: Update, records: Sequence[Record]) -> None:
        """Take the results of one block or gap, and the records made of them."""

    def close(self) -> None:
        """Finish after the end of the stream."""


@dataclass(frozen=True, kw_only=True)
class ListenSettings:
    """The settings of `stapes listen`."""

    detector: Path
    engine: str = "auto"
    sensitivity: Mapping[str, int] = field(default_factory=dict)  # class -> steps
    device: str | None = None
    stdin: bool = False
    raw_rate_hz: int | None = None  # sample rate of PCM without a header; None: the detector's
    raw_channels: int = 1
    paced: bool = False  # play a recording on stdin as slowly as it sounds
    input: InputSettings = field(default_factory=InputSettings)
    clips: ClipSettings | None = None
    heartbeat: Path | None = None
    rate_window_s: float | None = None
    web: Address | None = None
    out: Path | None = None
    format: str = "jsonl"
    force: bool = False  # replace an existing `out`
    targets: tuple[str, ...] = ()
    template: str | None = None
    queue_dir: Path | None = None
    mqtt: MqttSettings = field(default_factory=MqttSettings)
    home_assistant: bool = False  # announce the device through the broker among `targets`

    @property
    def brokers(self) -> tuple[str, ...]:
        """The targets that are MQTT brokers."""
        return tuple(each for each in self.targets if each.partition(":")[0] in ("mqtt", "mqtts"))


def listen_command(settings: ListenSettings) -> None:
    """Listen until Ctrl-C or SIGTERM, then complete the open events.

    Raises ConfigError, OutputError or AudioError before any audio is read, for settings that cannot work.
    """
    _require_possible(settings)
    detector = Detector.load(settings.detector, settings.engine)
    set_sensitivity(detector, settings.sensitivity)
    if settings.out is not None:
        require_new_file(settings.out, settings.force)
    display = _display_class()
    with ExitStack() as opened, stop_on_signals() as stop:
        delivery = Delivery(settings.queue_dir or default_queue_dir(), settings.template, settings.mqtt)
        entities = _entities(settings, detector, delivery.queue_dir)
        if entities is not None:
            delivery = replace(delivery, further_messages=entities.messages)
        sinks: list[Sink] = []
        for target in settings.targets:
            sinks.append(open_now_or_later(partial(open_sink, target, delivery)))
            opened.callback(sinks[-1].close)
        if settings.out is not None or not (display and sys.stdout.isatty()):
            sinks.append(open_now_or_later(partial(TextSink, settings.out, settings.format, settings.force)))
            opened.callback(sinks[-1].close)
        source = _open_source(settings, detector.sample_rate_hz, stop.is_set)
        opened.callback(source.close)
        watchers = _watchers(settings, detector, source, entities)
        if display:
            watchers.append(display(detector, source))
        else:
            logger.info(f"listening to {source.name} at {source.rate_hz} Hz; Ctrl-C ends")
        rates = None if settings.rate_window_s is None else RateMeter(detector.folder, settings.rate_window_s)
        run(detector, source, Outputs(sinks, watchers, rates), stop, settings.input)


def _entities(settings: ListenSettings, detector: Detector, folder: Path) -> "Entities | None":
    """Return the entities for Home Assistant; None without --home-assistant."""
    if not settings.home_assistant:
        return None
    from stapes.runtime.live.home_assistant.entities import Entities  # needs the extra `mqtt`
    from stapes.runtime.live.mqtt.broker import Broker

    return Entities(Broker(settings.brokers[0], settings.mqtt), detector.classes, folder)


def _watchers(
    settings: ListenSettings, detector: Detector, source: Source, entities: "Entities | None"
) -> list[Watcher]:
    watchers: list[Watcher] = []
    if settings.clips is not None:
        watchers.append(ClipRecorder(settings.clips, detector, source))
    if settings.heartbeat is not None:
        watchers.append(Heartbeat(settings.heartbeat))
    if settings.web is not None:
        from stapes.runtime.live.dashboard.watcher import Dashboard  # needs the extra `web`

        clips = settings.clips.folder if settings.clips is not None else None
        watchers.append(Dashboard(detector, source, settings.web, clips))
    if entities is not None:
        from stapes.runtime.live.home_assistant.device import HomeAssistant

        watchers.append(HomeAssistant(detector, source, entities))
    return watchers


@dataclass(frozen=True)
class Outputs:
    """Everything that receives the results of a stream."""

    sinks: Sequence[Sink]
    watchers: Sequence[Watcher] = ()
    rates: RateMeter | None = None


def run(
    detector: Detector, source: Source, outputs: Outputs, stop: threading.Event, input_settings: InputSettings
) -> None:
    """Listen until `stop` is set or the source ends, then complete the open events."""
    log, out, rates = Log(source.name, detector.sample_rate_hz), FanOut(outputs.sinks), outputs.rates
    try:
        for update in listen(detector, source, stop.is_set, input_settings):
            records = log.records(update, heard_unix_s(source))
            if rates is not None:
                windows = rates.update(update) + (rates.finish(update.end_sample) if update.last else [])
                records += [record for window in windows for record in log.rates(window)]
            for record in records:
                out.write(record)
            for watcher in outputs.watchers:
                watcher.update(update, records)
    finally:
        for watcher in outputs.watchers:
            watcher.close()
        out.close()


def _require_possible(settings: ListenSettings) -> None:
    """Raise ConfigError for settings that cannot work. The comparisons are written so that they refuse nan too."""
    window_s = settings.rate_window_s
    if window_s is not None and not 1 <= window_s <= LONGEST_RATE_S:
        raise ConfigError(
            f"--rate {window_s:g}: the window must be at least 1 s and at most a day ({LONGEST_RATE_S} s)"
        )
    if not abs(settings.input.gain_db) <= MOST_GAIN_DB:
        raise ConfigError(f"--gain {settings.input.gain_db:g}: must be -{MOST_GAIN_DB} to {MOST_GAIN_DB} dB")
    if settings.stdin and settings.device is not None:
        raise ConfigError(f"--device {settings.device}: stdin is read instead of a microphone; leave out --device or -")
    if settings.paced and not settings.stdin:
        raise ConfigError("--paced plays a recording on stdin as slowly as it sounds: add - and < RECORDING")
    if settings.template is not None and not any(target.startswith("http") for target in settings.targets):
        raise ConfigError("--template is the body that webhooks receive: name a webhook with --to https://HOST/PATH")
    if settings.mqtt != MqttSettings() and not settings.brokers:
        raise ConfigError(
            "--ca, --client-certificate, --client-key and --login are for MQTT: add --to mqtts://HOST/TOPIC"
        )
    if settings.home_assistant and len(settings.brokers) != 1:
        raise ConfigError(
            f"--home-assistant announces the device through one MQTT broker, and --to names {len(settings.brokers)}: "
            "need one --to mqtt://HOST/TOPIC"
        )


def _open_source(settings: ListenSettings, sample_rate_hz: int, stopped: Callable[[], bool]) -> Source:
    if settings.stdin:
        is_said = settings.raw_rate_hz is not None or settings.raw_channels != 1
        raw = RawPcm(sample_rate_hz if settings.raw_rate_hz is None else settings.raw_rate_hz, settings.raw_channels)
        source = open_stdin(sys.stdin.fileno(), replace(raw, is_said=is_said), settings.paced, stopped)
        require_channel("stdin", settings.input.channel, source.channels)
        return source
    return Reconnecting(lambda: Microphone(settings.device, sample_rate_hz, settings.input.channel))


def _display_class() -> "type[Display] | None":
    if not sys.stderr.isatty():
        return None
    try:
        from stapes.runtime.live.display import Display
    except ImportError:
        logger.warning(
            "the terminal does not show level and scores because rich is not installed: pip install 'stapes[mic]'"
        )
        return None
    return Display
