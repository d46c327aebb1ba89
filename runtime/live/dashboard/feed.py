"""Messages from the live loop to the page, ten per second. The latest are kept for pages that open later."""

import base64
import json
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stapes.firmware_sim.device.events import probability
from stapes.firmware_sim.device.frontend import band_edges_hz
from stapes.runtime.detector import Detector
from stapes.runtime.live.clip_files import clip_name
from stapes.runtime.live.listen import OpenEvents, Update
from stapes.runtime.live.sinks.record import Record
from stapes.runtime.live.source import Source
from stapes.runtime.sound_conditions import BackgroundLevels, SoundConditions

MESSAGE_S = 0.1
MEMORY_S = 30.0
CONDITIONS_S = 60.0  # from one comparison of the sound with that of the training to the next
REMEMBERED_RECORDS = 50


class Feed:
    """A watcher of the live loop that calls `send` with messages in JSON.

    A message is {"sample", "frames" (base64 of int8[n, bands]), "frames_at", "scores" (a list per step), "scores_at",
    "level", "lag_s", "dropped_s", "records", "open" (label -> onset of announced, incomplete events), "conditions"
    (sentences on how the background differs from the training's)}. Positions are samples of the stream's clock.
    """

    def __init__(self, detector: Detector, source: Source, clips: bool) -> None:
        self._detector, self._source, self._clips = detector, source, clips
        self.send: Callable[[str], None] = lambda _message: None
        self._clock = detector.folder.clock
        self._hop = detector.folder.frontend.hop_samples
        self._period = int(MESSAGE_S * detector.sample_rate_hz)
        self._sent_sample, self._next_frame = 0, 0
        self._memory: deque[str] = deque(maxlen=int(MEMORY_S / MESSAGE_S))
        self._open = OpenEvents()
        self._records: deque[dict[str, Any]] = deque(maxlen=REMEMBERED_RECORDS)
        self._trained_on = SoundConditions.from_dict(detector.folder.provenance.get("sound"))
        self._background = BackgroundLevels(detector.folder.frontend)
        self._conditions: list[str] = []
        self._lock = threading.Lock()  # `hello` is called in the server's thread
        self._level: float
        self._begin()

    def hello(self) -> list[str]:
        """Return what a new page gets: facts with the last records, then the messages of the last half minute."""
        folder = self._detector.folder
        with self._lock:
            records, memory = list(self._records), list(self._memory)
        facts = {
            "detector": folder.path.name,
            "source": self._source.name,
            "classes": folder.classes,
            "thresholds": [probability(on_score) for on_score, _ in self._detector.thresholds],
            "sensitivity": [self._detector.sensitivity[label] for label in folder.classes],
            "rate_hz": self._clock.sample_rate_hz,
            "hop_samples": self._hop,
            "step_samples": self._clock.step_samples,
            "bands": folder.frontend.n_bands,
            "band_hz": band_edges_hz(folder.frontend)[1:-1].tolist(),  # the middle of each band
            "records": records,
        }
        return [json.dumps({"facts": facts}), *memory]

    def update(self, update: Update, records: Sequence[Record]) -> None:
        """Take one block; send a message when the last one is a tenth of a second old."""
        output = update.output
        self._frames.append(output.features)
        self._scores += output.scores.tolist()
        self._level = max(self._level, update.level)
        self._compare(output.features)
        self._open.follow(update.events)
        self._new += [self._as_dict(record) for record in records]
        if update.end_sample - self._sent_sample >= self._period or update.gap is not None:
            self._flush(update.end_sample)
        if update.gap is not None:
            self._next_frame = update.end_sample

    def close(self) -> None:
        """Send the last records."""
        self._flush(self._sent_sample)

    def _flush(self, sample: int) -> None:
        frames = np.concatenate(self._frames)
        message = {
            "sample": sample,
            "frames": base64.b64encode(frames.tobytes()).decode(),
            "frames_at": self._next_frame,
            "scores": self._scores,
            "scores_at": self._next_frame + self._clock.begin_sample(0),
            "level": self._level,
            "lag_s": self._source.lag_s,
            "dropped_s": self._source.dropped_s,
            "records": self._new,
            "open": self._open,
            "conditions": self._conditions,
        }
        self._next_frame += len(frames) * self._hop
        self._sent_sample = sample
        with self._lock:
            self._records.extend(self._new)
            # A page that opens later gets the records with the facts.
            self._memory.append(json.dumps(message | {"records": []}))
        self._begin()
        self.send(json.dumps(message))

    def _compare(self, features: NDArray[np.int8]) -> None:
        """Compare the background with that of the training, once a minute."""
        frontend = self._detector.folder.frontend
        self._background.add(features)
        if self._background.frames * frontend.hop_s >= CONDITIONS_S:
            if self._trained_on:
                self._conditions = self._trained_on.differences(self._background.levels, frontend)
            self._background = BackgroundLevels(frontend)

    def _begin(self) -> None:
        n_bands = self._detector.folder.frontend.n_bands
        self._frames = [np.zeros((0, n_bands), np.int8)]
        self._scores: list[list[int]] = []
        self._new: list[dict[str, Any]] = []
        self._level = 0.0

    def _as_dict(self, record: Record) -> dict[str, Any]:
        clip = {"clip": clip_name(record)} if self._clips and record.kind == "event" else {}
        return asdict(record) | clip
