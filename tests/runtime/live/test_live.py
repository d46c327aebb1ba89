"""What is made of the stream: the log, rates, and the display."""

import io
import re
import threading
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from played import Played, blocks
from records import RecordList
from rich.console import Console
from tiny_detector import noise_bursts

from stapes.firmware_sim.device.events import SILENT
from stapes.runtime.audio import InputSettings
from stapes.runtime.detector import Detector
from stapes.runtime.live.display import Display
from stapes.runtime.live.listen import listen
from stapes.runtime.live.rate import RateMeter
from stapes.runtime.live.session import Outputs, run
from stapes.runtime.live.sinks.record import Record
from stapes.runtime.live.source import Block, Gap


def _live(
    detector: Detector, items: Sequence[Block | Gap], *watchers: object, rates: RateMeter | None = None
) -> list[Record]:
    sink = RecordList()
    outputs = Outputs([sink], watchers, rates)  # type: ignore[arg-type]
    run(detector, Played(16_000, items), outputs, threading.Event(), InputSettings())
    return sink.records


def test_events_and_gaps_are_logged_with_sample_times_and_keys_of_their_own(detector: Detector) -> None:
    pcm = noise_bursts(4.0, [(0.5, 1.0, "hiss"), (3.0, 3.5, "rumble")])
    items = blocks(pcm, 320)
    items[75:100] = [Gap(25 * 320, 16_000, "overrun")]
    records = _live(detector, items)
    assert [(record.kind, record.label) for record in records] == [
        ("event", "hiss"),
        ("gap", "overrun"),
        ("event", "rumble"),
    ]
    gap = records[1]
    assert (gap.onset_sample, gap.offset_sample, gap.onset, gap.offset) == (24_000, 32_000, 1.5, 2.0)
    assert len({record.key for record in records}) == 3


def test_rates_count_only_the_audio_that_was_received(detector: Detector) -> None:
    """Three hisses in the first window of 6 s, one in the second, half of which is lost; the third window has 4 s."""
    bursts = [(at, at + 0.4, "hiss") for at in (0.5, 2.0, 4.0, 7.0, 13.0)]
    items = blocks(noise_bursts(16.0, bursts), 320)
    items[9 * 50 : 12 * 50] = [Gap(3 * 16_000, 16_000, "microphone away")]
    rates = RateMeter(detector.folder, window_s=6)
    records = [record for record in _live(detector, items, rates=rates) if record.kind == "rate"]
    assert [(record.label, record.onset, record.offset, record.per_minute) for record in records] == [
        ("rumble", 0.0, 6.0, 0.0),
        ("hiss", 0.0, 6.0, 30.0),
        ("rumble", 6.0, 12.0, 0.0),
        ("hiss", 6.0, 12.0, 20.0),
        ("rumble", 12.0, 16.0, 0.0),
        ("hiss", 12.0, 16.0, 15.0),
    ]


def test_a_silent_class_does_not_delay_the_rates(detector: Detector) -> None:
    """Its shortest event lasts for years, and no window waits for it."""
    silenced = replace(detector.folder, events=(SILENT, detector.folder.events[1]))
    rates, told_s = RateMeter(silenced, window_s=6), list[float]()
    for update in listen(detector, Played(16_000, blocks(noise_bursts(8.0, []), 320)), lambda: False):
        told_s += [update.end_sample / 16_000 for _ in rates.update(update)]
    assert len(told_s) == 1
    assert told_s[0] < 6.5


def test_a_rate_comes_as_soon_as_no_event_of_its_window_can_still_begin(detector: Detector) -> None:
    """A long event that begins at the very end of the window belongs to it and does not delay it."""
    rates, seen = RateMeter(detector.folder, window_s=6), list[tuple[float, float]]()
    pcm = noise_bursts(12.0, [(5.9, 11.0, "hiss")])
    for update in listen(detector, Played(16_000, blocks(pcm, 320)), lambda: False):
        seen += [(window.per_minute["hiss"], update.end_sample / 16_000) for window in rates.update(update)]
    ((per_minute, told_s),) = seen
    assert per_minute == 10.0
    assert told_s < 6.5


def test_a_window_with_less_than_half_of_its_audio_gives_no_rate(detector: Detector) -> None:
    items = [*blocks(np.zeros(16_000 * 2, np.int16), 320), Gap(16_000 * 20, 16_000, "microphone away")]
    rates = RateMeter(detector.folder, window_s=6)
    assert [record.kind for record in _live(detector, items, rates=rates)] == ["gap"]


def test_the_display_shows_level_scores_rates_and_the_last_events(detector: Detector) -> None:
    screen = Console(file=io.StringIO(), width=100, force_terminal=True)
    display = Display(detector, Played(16_000, []), screen)
    _live(detector, blocks(noise_bursts(4.0, [(1.0, 2.0, "hiss")]), 320), display)
    printed = Console(file=io.StringIO(), width=100)
    printed.print(display.render())
    text = printed.file.getvalue()  # type: ignore[attr-defined]
    for part in ("played", "4.0 s", "lag 0 ms", "dropped 0.0 s", "level", "rumble", "hiss", "1/min", "0/min"):
        assert part in text
    assert text.count("hiss") == 2, "a bar and an event"


def test_the_display_shows_an_event_that_goes_on(detector: Detector) -> None:
    display = Display(detector, Played(16_000, []), Console(file=io.StringIO(), force_terminal=True))
    pcm = noise_bursts(3.0, [(1.0, 3.0, "hiss")])
    for update in listen(detector, Played(16_000, blocks(pcm, 320)), lambda: display._now_s >= 2.5):
        if update.end_sample > update.start_sample:
            display.update(update, [])
    display.close()
    printed = Console(file=io.StringIO(), width=100)
    printed.print(display.render())
    (hiss,) = [line for line in printed.file.getvalue().splitlines() if line.startswith("hiss")]  # type: ignore[attr-defined]
    assert re.search(r"│█+─* +0\.9\d +0/min +1\.[45] s", hiss), "above its threshold, and for how long"
