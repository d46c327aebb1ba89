"""The watcher that lets Home Assistant follow a detector and set its classes."""

import json
import logging
import math
import queue
import re
import time
from collections import deque
from collections.abc import Sequence
from importlib.metadata import version

import numpy as np

from stapes.firmware_sim.device.events import probability
from stapes.runtime.detector import Detector
from stapes.runtime.live.home_assistant.choices import is_steps
from stapes.runtime.live.home_assistant.discovery import MOST_STEPS, OFF, ON, Software, announcement
from stapes.runtime.live.home_assistant.entities import Entities
from stapes.runtime.live.home_assistant.link import Link
from stapes.runtime.live.listen import OpenEvents, Update
from stapes.runtime.live.sinks.record import Record
from stapes.runtime.live.source import Source
from stapes.runtime.sensitivity import set_sensitivity

logger = logging.getLogger(__name__)

REPORT_S = 10.0  # from one report of rates, scores and diagnostics to the next
RATE_S = 60.0
LOWEST_LEVEL = 1e-5  # -100 dB, which stands for silence


class HomeAssistant:
    """Announces the device, publishes its states, and obeys commands, from the next block of audio on."""

    def __init__(self, detector: Detector, source: Source, entities: Entities) -> None:
        self._detector, self._source, self._entities = detector, source, entities
        names = self._names = entities.names
        self._commands: queue.SimpleQueue[tuple[str, str]] = queue.SimpleQueue()
        self._settable = {
            f"{names.of_class(label, what)}/set": (label, what)
            for label in names.ids
            for what in ("sensitivity", "mute")
        }
        self._open, self._begun = OpenEvents(), deque[tuple[int, str]]()  # the onsets of the last RATE_S
        self._highest = np.full(len(detector.classes), -128, np.int8)  # since the last report
        self._scored, self._level, self._reported_s = False, 0.0, float("-inf")
        self._link = Link(entities.broker, names.availability, list(self._settable))
        self._link.received = lambda topic, text: self._commands.put((topic, text))
        kept = {label: steps for label, steps in entities.choices.sensitivity.items() if label in names.ids}
        if kept:
            logger.info(f"what was set in Home Assistant holds: {entities.choices.path}")
            set_sensitivity(detector, kept)
        self._announce()
        for label in names.ids:
            self._say_settings(label)
            self._say_event(label)
        self._link.start()
        logger.info(f"Home Assistant knows this device as {names.device_id}; its topics begin with {names.topic}/")

    def update(self, update: Update, records: Sequence[Record]) -> None:
        """Take one block: obey commands, publish events that begin or end, and now and then the figures."""
        del records  # completed events go through the queue of the records
        self._obey()
        for event in update.events:
            self._open.follow([event])
            if event.offset_sample is None:
                self._begun.append((event.onset_sample, event.label))
            self._say_event(event.label)
        if len(update.output.scores):
            self._highest, self._scored = np.maximum(self._highest, update.output.scores.max(axis=0)), True
        self._level = max(self._level, update.level)
        if time.monotonic() - self._reported_s >= REPORT_S:
            self._reported_s = time.monotonic()
            self._report(update.end_sample)

    def close(self) -> None:
        """Say that no event goes on and that the device is gone."""
        for label in list(self._open):
            del self._open[label]
            self._say_event(label)
        self._link.close()

    def _announce(self) -> None:
        """Announce the entities of this detector, and take back those that an earlier one had and this has not."""
        choices, folder = self._entities.choices, self._detector.folder
        message = announcement(self._names, Software(version("stapes"), folder.path.name))
        announced = {place: entity["platform"] for place, entity in message["components"].items()}
        gone = {place: platform for place, platform in choices.announced.items() if place not in announced}
        message["components"] |= {place: {"platform": platform} for place, platform in gone.items()}
        self._link.state(self._names.discovery, json.dumps(message))
        if announced | gone != choices.announced:
            choices.announced = announced | gone
            choices.keep()

    def _say_event(self, label: str) -> None:
        goes_on = label in self._open and not self._entities.is_muted(label)
        self._link.state(self._names.of_class(label, "state"), ON if goes_on else OFF)

    def _say_settings(self, label: str) -> None:
        steps = max(-MOST_STEPS, min(MOST_STEPS, self._detector.sensitivity[label]))
        self._link.state(self._names.of_class(label, "sensitivity"), str(steps))
        self._link.state(self._names.of_class(label, "mute"), ON if self._entities.is_muted(label) else OFF)

    def _report(self, now_sample: int) -> None:
        rate_hz = self._detector.sample_rate_hz
        while self._begun and self._begun[0][0] < now_sample - RATE_S * rate_hz:
            self._begun.popleft()
        for label, highest in zip(self._detector.classes, self._highest, strict=True):
            rate = sum(1 for _, other in self._begun if other == label)
            self._link.state(self._names.of_class(label, "rate"), str(rate))
            if self._scored:
                self._link.state(self._names.of_class(label, "score"), f"{probability(int(highest)):.3f}")
        figures = {
            "lag_ms": round(1000 * self._source.lag_s),
            "dropped_s": round(self._source.dropped_s, 1),
            "level_db": round(20 * math.log10(max(self._level, LOWEST_LEVEL))),
            "stapes": version("stapes"),
            "detector": f"{self._detector.folder.path.name} {self._detector.folder.model_sha256[:8]}",
        }
        self._link.state(self._names.diagnostics, json.dumps(figures))
        self._highest[:], self._scored, self._level = -128, False, 0.0

    def _obey(self) -> None:
        """Do what was commanded since the last block. A command that cannot be obeyed is reported."""
        while not self._commands.empty():
            topic, text = self._commands.get()
            label, what = self._settable[topic]
            fault = self._set_steps(label, text) if what == "sensitivity" else self._set_mute(label, text)
            if fault:
                logger.warning(f"{topic}: received {text[:40]!r}, need {fault}; nothing was changed")
                continue
            self._entities.choices.keep()
            self._say_settings(label)
            self._say_event(label)

    def _set_steps(self, label: str, text: str) -> str:
        """Set a sensitivity; return what is needed instead if the text is none."""
        match = re.fullmatch(r"([+-]?[0-9]{1,3})(\.0*)?", text.strip())
        if match is None or not is_steps(int(match[1])):
            return f"a whole number from {-MOST_STEPS} to {MOST_STEPS}"
        set_sensitivity(self._detector, {label: int(match[1])})
        self._entities.choices.sensitivity[label] = int(match[1])
        return ""

    def _set_mute(self, label: str, text: str) -> str:
        """Mute or unmute a class; return what is needed instead if the text says neither."""
        if text not in (ON, OFF):
            return f"{ON} or {OFF}"
        change = self._entities.choices.muted.add if text == ON else self._entities.choices.muted.discard
        change(label)
        logger.info(f"{label} is {'muted' if text == ON else 'no longer muted'} for Home Assistant")
        return ""
