"""`stapes listen`: a source, a detector, and where its events go, until somebody stops it."""

import signal
import sys
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Literal, Protocol

from stapes.firmware_sim.errors import ConfigError
from stapes.runtime.audio import Tuning
from stapes.runtime.clips import ClipRecorder
from stapes.runtime.console import note
from stapes.runtime.dashboard.address import Address
from stapes.runtime.detector import Detector
from stapes.runtime.listen import Update, listen
from stapes.runtime.microphone import Microphone
from stapes.runtime.outputs import require_new_file
from stapes.runtime.pipe import Pipe
from stapes.runtime.rate import RateMeter
from stapes.runtime.reconnect import Reconnecting
from stapes.runtime.sinks.files import TextSink
from stapes.runtime.sinks.record import Record, Sink, utc_text
from stapes.runtime.sinks.targets import Delivery, default_queue_dir, open_sink
from stapes.runtime.source import Source

COMPLAINT_EVERY_S = 60.0


class Watcher(Protocol):
    """Something that follows the stream: a display, a clip recorder, a page."""

    def update(self, update: Update, records: Sequence[Record]) -> None:
        """Take what one block led to."""

    def close(self) -> None:
        """The stream has ended."""


class Log:
    """Turns updates into records: numbered, with times on the stream's clock and on the wall's."""

    def __init__(self, source: str, sample_rate_hz: int) -> None:
        self._source, self._rate_hz = source, sample_rate_hz
        self._session, self._number = uuid.uuid4().hex, 0

    def records(self, update: Update, now_unix_s: float) -> list[Record]:
        """Return the update's complete events and its gap; `now_unix_s` is when its last sample was heard."""
        self._now_unix_s, self._now_sample = now_unix_s, update.end_sample
        found = [
            self._record("event", event.label, event.onset_sample, event.offset_sample, confidence=event.confidence)
            for event in update.events
            if event.offset_sample is not None
        ]
        if update.gap is not None:
            found.append(self._record("gap", update.gap.reason, update.start_sample, update.end_sample))
        return found

    def rates(self, per_minute: dict[str, float], onset_sample: int, offset_sample: int) -> list[Record]:
        """Return a record per class: its events per minute between two samples of the clock."""
        return [
            self._record("rate", label, onset_sample, offset_sample, per_minute=rate)
            for label, rate in per_minute.items()
        ]

    def _record(
        self, kind: Literal["event", "gap", "rate"], label: str, onset: int, offset: int, **figures: float
    ) -> Record:
        self._number += 1
        return Record(
            kind=kind,
            key=f"{self._session}-{self._number}",
            source=self._source,
            label=label,
            onset=onset / self._rate_hz,
            offset=offset / self._rate_hz,
            onset_sample=onset,
            offset_sample=offset,
            utc=utc_text(self._now_unix_s - (self._now_sample - onset) / self._rate_hz),
            **figures,
        )


class FanOut:
    """Every record to every sink; one that fails is said, now and then, and listening goes on."""

    def __init__(self, sinks: Sequence[Sink]) -> None:
        self._sinks = sinks
        self._complained: dict[int, float] = {}

    def write(self, record: Record) -> None:
        """Hand the record to all of them."""
        for number, sink in enumerate(self._sinks):
            try:
                sink.write(record)
            except BrokenPipeError:
                raise  # whoever read stdout has gone: nobody is left to log for
            except OSError as error:
                if time.monotonic() - self._complained.get(number, float("-inf")) > COMPLAINT_EVERY_S:
                    self._complained[number] = time.monotonic()
                    note(f"note: not written: {record.kind} {record.key} ({error}); listening goes on")


@dataclass(frozen=True, kw_only=True)
class ListenSettings:
    """What `stapes listen` was asked for."""

    detector: Path
    engine: str = "auto"
    device: str | None = None
    stdin: bool = False
    raw_rate_hz: int | None = None  # of PCM without a header; None: the detector's
    raw_channels: int = 1
    tuning: Tuning = field(default_factory=Tuning)
    record_dir: Path | None = None
    pre_roll_s: float = 1.0
    post_roll_s: float = 1.0
    rate_window_s: float | None = None
    web: Address | None = None
    out: Path | None = None
    format: str = "jsonl"
    force: bool = False  # replace an existing `out`
    targets: tuple[str, ...] = ()
    template: str | None = None
    queue_dir: Path | None = None


def listen_command(settings: ListenSettings) -> None:
    """Load, open, listen until Ctrl-C or SIGTERM, flush. What cannot work is an error before anything is heard."""
    if settings.rate_window_s is not None and settings.rate_window_s < 1:
        raise ConfigError(f"--rate {settings.rate_window_s:g}: need a window of at least 1 s")
    if min(settings.pre_roll_s, settings.post_roll_s) < 0:
        raise ConfigError(f"--pre-roll {settings.pre_roll_s:g} --post-roll {settings.post_roll_s:g}: need 0 s or more")
    detector = Detector.load(settings.detector, settings.engine)
    if settings.out is not None:
        require_new_file(settings.out, settings.force)
    with ExitStack() as opened, stop_on_signals() as stop:
        source = _open_source(settings, detector.sample_rate_hz)
        opened.callback(source.close)
        delivery = Delivery(settings.queue_dir or default_queue_dir(), settings.template)
        sinks: list[Sink] = []
        for target in settings.targets:
            sinks.append(open_sink(target, delivery))
            opened.callback(sinks[-1].close)
        watchers: list[Watcher] = []
        if settings.record_dir is not None:
            rolls = settings.pre_roll_s, settings.post_roll_s
            watchers.append(ClipRecorder(settings.record_dir, detector.sample_rate_hz, *rolls))
        if settings.web is not None:
            watchers.append(Dashboard(detector, source, settings.web, settings.record_dir))
        display = _display(detector, source)
        if settings.out is not None or not (display and sys.stdout.isatty()):
            sinks.append(TextSink(settings.out, settings.format, settings.force))
            opened.callback(sinks[-1].close)
        if not display:
            note(f"listening to {source.name} at {source.rate_hz} Hz; Ctrl-C ends")
        watchers += display
        run(detector, source, Outputs(sinks, watchers, _rate_meter(settings, detector)), stop, settings.tuning)


@dataclass(frozen=True)
class Outputs:
    """What a stream leads to."""

    sinks: Sequence[Sink]
    watchers: Sequence[Watcher] = ()
    rates: RateMeter | None = None


def run(detector: Detector, source: Source, outputs: Outputs, stop: threading.Event, tuning: Tuning) -> None:
    """Listen until `stop` is set or the source ends, and complete what is open then."""
    log, out = Log(source.name, detector.sample_rate_hz), FanOut(outputs.sinks)
    try:
        for update in listen(detector, source, stop.is_set, tuning):
            records = log.records(update, time.time() - source.lag_s)
            if outputs.rates is not None:
                for window in outputs.rates.rates(update, records):
                    records += log.rates(*window)
            for record in records:
                out.write(record)
            for watcher in outputs.watchers:
                watcher.update(update, records)
    finally:
        for watcher in outputs.watchers:
            watcher.close()


def _open_source(settings: ListenSettings, sample_rate_hz: int) -> Source:
    if settings.stdin:
        rate_hz = sample_rate_hz if settings.raw_rate_hz is None else settings.raw_rate_hz
        pipe = Pipe(sys.stdin.fileno(), rate_hz, settings.raw_channels)
        if settings.tuning.channel is not None and not 1 <= settings.tuning.channel <= pipe.channels:
            raise ConfigError(f"--channel {settings.tuning.channel}: stdin has channels 1 to {pipe.channels}")
        return pipe
    return Reconnecting(lambda: Microphone(settings.device, sample_rate_hz, settings.tuning.channel))


class Dashboard:
    """The live page as a watcher: its feed and its server."""

    def __init__(self, detector: Detector, source: Source, address: Address, clips: Path | None) -> None:
        from stapes.runtime.dashboard.feed import Feed
        from stapes.runtime.dashboard.server import PageServer

        self._feed = Feed(detector, source, clips is not None)
        self._server = PageServer(address, self._feed.hello, clips)
        self._feed.send = self._server.send
        self.url = self._server.url
        note(f"the live page is at {self.url}")

    def update(self, update: Update, records: Sequence[Record]) -> None:
        """Take one block."""
        self._feed.update(update, records)

    def close(self) -> None:
        """Send what is left and close the pages' connections."""
        self._feed.close()
        self._server.close()


def _rate_meter(settings: ListenSettings, detector: Detector) -> RateMeter | None:
    if settings.rate_window_s is None:
        return None
    return RateMeter(detector.classes, detector.sample_rate_hz, settings.rate_window_s)


def _display(detector: Detector, source: Source) -> list[Watcher]:
    if not sys.stderr.isatty():
        return []
    try:
        from stapes.runtime.display import Display
    except ImportError:
        note("note: pip install 'stapes[mic]' shows level and scores here (it needs rich)")
        return []
    return [Display(detector, source)]


@contextmanager
def stop_on_signals() -> Iterator[threading.Event]:
    """Yield what Ctrl-C and SIGTERM set; a second one interrupts at once."""
    stop = threading.Event()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def ask(number: int, _frame: FrameType | None) -> None:
        signal.signal(number, signal.default_int_handler)
        stop.set()

    try:
        for number in before:
            signal.signal(number, ask)
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
