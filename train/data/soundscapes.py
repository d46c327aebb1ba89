"""Synthetic recordings with exact labels: pops, beeps, cracks and distractors, over noise that differs by recording.

A *source* is one thing that makes pops, beeps or cracks with its own pitch, length and rhythm. Every split has sources
of its own, so that a detector is never evaluated on sources that it was trained on.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from stapes.runtime.console import Progress
from stapes.runtime.labels import Annotation, write_dcase

RATE_HZ = 16_000
SOURCES_PER_MINUTE = 2  # of every class and every kind of distractor, but
LEAST_SOURCES = 40
RECORDING_S = 20.0
FULL_SCALE = 32_000
Floats = NDArray[np.float64]
Voice = Callable[[np.random.Generator], Floats]  # returns the samples of one event, with a peak of about 1


@dataclass(frozen=True)
class SyntheticSplit:
    """One split of the synthetic dataset: its name and its number of recordings."""

    name: str
    recordings: int

    @property
    def sources(self) -> int:
        """Number of sources of every class and every kind of distractor."""
        return max(LEAST_SOURCES, round(SOURCES_PER_MINUTE * self.recordings * RECORDING_S / 60))


@dataclass(frozen=True)
class SoundSource:
    """Something that makes a sound repeatedly."""

    voice: Voice
    spacing_s: float  # from the end of an event to the onset of the next, about
    repeats: int


def pop(rng: np.random.Generator) -> SoundSource:
    """A bubble: a damped tone whose pitch rises."""
    pitch_hz, rise, decay_s = rng.uniform(350, 1400), rng.uniform(0.2, 1.2), rng.uniform(0.012, 0.04)

    def voice(rng: np.random.Generator) -> Floats:
        time = _time(5 * decay_s)
        start_hz = pitch_hz * rng.uniform(0.93, 1.07)
        phase = 2 * np.pi * start_hz * (time + 0.5 * rise * time**2 / decay_s / 5)
        return np.sin(phase) * np.exp(-time / decay_s) * np.minimum(1.0, time / 0.002)

    return SoundSource(voice, rng.uniform(0.15, 1.2), int(rng.integers(1, 6)))


def beep(rng: np.random.Generator) -> SoundSource:
    """An alarm: a steady tone with harmonics, switched on and off."""
    pitch_hz, length_s = rng.uniform(700, 3000), rng.uniform(0.08, 0.5)
    harmonics = rng.uniform(0.0, 0.5, 3) * [1.0, 0.6, 0.4]

    def voice(rng: np.random.Generator) -> Floats:
        time = _time(length_s)
        tone = np.sin(2 * np.pi * pitch_hz * time)
        for order, level in enumerate(harmonics, start=2):
            if order * pitch_hz < 0.45 * RATE_HZ:
                tone += level * np.sin(2 * np.pi * order * pitch_hz * time)
        return tone * _edges(len(time), 0.004)

    return SoundSource(voice, rng.uniform(0.08, 0.6), int(rng.integers(1, 6)))


def crack(rng: np.random.Generator) -> SoundSource:
    """Something breaks: several sharp clicks within a few hundredths of a second."""
    length_s, brightness = rng.uniform(0.02, 0.08), rng.uniform(-0.3, 0.6)

    def voice(rng: np.random.Generator) -> Floats:
        clicks = np.zeros(int((length_s + 0.03) * RATE_HZ))
        for _ in range(int(rng.integers(3, 9))):
            at = int(rng.uniform(0, length_s) * RATE_HZ)
            burst = rng.normal(size=120) * np.exp(-np.arange(120) / rng.uniform(8, 40))
            clicks[at : at + 120] += burst[: len(clicks) - at] * rng.uniform(0.4, 1.0)
        clicks[: int(0.001 * RATE_HZ)] += rng.normal(size=int(0.001 * RATE_HZ))
        return clicks[1:] - brightness * clicks[:-1]

    return SoundSource(voice, rng.uniform(0.1, 0.9), int(rng.integers(1, 8)))


def sweep(rng: np.random.Generator) -> SoundSource:
    """A distractor for beeps: a tone that glides."""
    low, high, length_s = rng.uniform(400, 1200), rng.uniform(1800, 4000), rng.uniform(0.15, 0.7)

    def voice(rng: np.random.Generator) -> Floats:
        time = _time(length_s)
        return np.sin(2 * np.pi * (low * time + (high - low) * time**2 / (2 * length_s))) * _edges(len(time), 0.01)

    return SoundSource(voice, rng.uniform(0.3, 1.0), int(rng.integers(1, 4)))


def thud(rng: np.random.Generator) -> SoundSource:
    """A distractor for pops: low and noisy, as of something heavy."""
    pitch_hz, decay_s = rng.uniform(60, 160), rng.uniform(0.04, 0.12)

    def voice(rng: np.random.Generator) -> Floats:
        time = _time(5 * decay_s)
        noise = np.convolve(rng.normal(size=len(time)), np.ones(24) / 24, "same")
        return (np.sin(2 * np.pi * pitch_hz * time) + noise) * np.exp(-time / decay_s)

    return SoundSource(voice, rng.uniform(0.3, 1.5), int(rng.integers(1, 4)))


def babble(rng: np.random.Generator) -> SoundSource:
    """A distractor for all classes: syllables of a buzzing voice."""
    pitch_hz, length_s = rng.uniform(90, 260), rng.uniform(0.12, 0.3)
    formants_hz = rng.uniform([300, 900, 2200], [800, 2000, 3200])

    def voice(rng: np.random.Generator) -> Floats:
        time = _time(length_s * rng.uniform(0.7, 1.3))
        buzz = sum(
            np.exp(-0.5 * (np.min(np.abs(order * pitch_hz - formants_hz)) / 120) ** 2)
            * np.sin(2 * np.pi * order * pitch_hz * time + order)
            for order in range(1, int(4000 / pitch_hz))
        )
        return buzz * np.sqrt(np.abs(np.sin(np.pi * time / time[-1])))

    return SoundSource(voice, rng.uniform(0.03, 0.2), int(rng.integers(3, 12)))


CLASSES = {"beep": beep, "crack": crack, "pop": pop}
DISTRACTORS = {"sweep": sweep, "thud": thud, "babble": babble}


def standard_splits(train_minutes: float) -> list[SyntheticSplit]:
    """Return the split train, of about this many minutes, and the splits val and test of a fifth of it each."""
    recordings = max(2, round(train_minutes * 60 / RECORDING_S))
    return [
        SyntheticSplit("train", recordings),
        *(SyntheticSplit(name, max(2, round(recordings / 5))) for name in ("val", "test")),
    ]


def synthesize(folder: Path, splits: list[SyntheticSplit], seed: int) -> None:
    """Write each split's recordings as FLAC, with labels.tsv, and events_meta.tsv with the source of each event.

    The same seed gives the same sounds.
    """
    progress = Progress("sounds", sum(split.recordings for split in splits))
    for number, split in enumerate(splits):
        rng = np.random.default_rng([seed, number])
        kinds = CLASSES | DISTRACTORS
        sources = {name: [make(rng) for _ in range(split.sources)] for name, make in kinds.items()}
        made: dict[str, list[SourcedEvent]] = {}
        (folder / split.name).mkdir(parents=True)
        for index in range(split.recordings):
            name = f"{split.name}_{index:03}.flac"
            pcm, made[name] = soundscape(sources, RECORDING_S, rng)
            soundfile.write(folder / split.name / name, pcm, RATE_HZ, subtype="PCM_16")
            progress.advance()
        labels = {name: [each.annotation for each in events] for name, events in made.items()}
        (folder / split.name / "labels.tsv").write_text(write_dcase(labels), encoding="utf-8")
        (folder / split.name / "events_meta.tsv").write_text(_with_sources(made, split.name), encoding="utf-8")
    progress.close()


@dataclass(frozen=True)
class SourcedEvent:
    """One event of a soundscape, with the number of its source."""

    annotation: Annotation
    source: int


def _with_sources(made: dict[str, list[SourcedEvent]], split: str) -> str:
    rows = ["filename\tonset\toffset\tevent_label\tsource"]
    for name, events in made.items():
        for each in events:
            event = each.annotation
            times = f"{event.onset:.6f}\t{event.offset:.6f}"
            rows.append(f"{name}\t{times}\t{event.label}\t{split}_{event.label}_{each.source}")
    return "\n".join(rows) + "\n"


def soundscape(
    sources: dict[str, list[SoundSource]], seconds: float, rng: np.random.Generator
) -> tuple[NDArray[np.int16], list[SourcedEvent]]:
    """Return the samples of one recording and its events; one recording in ten has distractors but no events."""
    samples = int(seconds * RATE_HZ)
    sound = background(samples, rng)
    events: list[SourcedEvent] = []
    event_free = rng.random() < 0.1
    for name, of_name in sources.items():
        count = 0 if event_free and name in CLASSES else rng.poisson(seconds / (12 if name in CLASSES else 15))
        for _ in range(count):
            source = int(rng.integers(len(of_name)))
            series = _series(of_name[source], name, sound, rng)
            if name in CLASSES and not _overlap(series.annotations, [each.annotation for each in events]):
                events += [SourcedEvent(each, source) for each in series.annotations]
                sound += series.sound
            elif name not in CLASSES:
                sound += series.sound
    level = 10 ** (rng.uniform(-45, -25) / 20) * FULL_SCALE
    sound *= min(level / np.sqrt(np.mean(sound**2)), 0.9 * FULL_SCALE / np.abs(sound).max())
    return np.rint(sound).astype(np.int16), sorted(events, key=lambda each: each.annotation.onset)


def background(samples: int, rng: np.random.Generator) -> Floats:
    """Return noise of random spectral slope and slowly changing level, sometimes with mains hum; its rms is about 1."""
    spectrum = np.fft.rfft(rng.normal(size=samples))
    frequency = np.fft.rfftfreq(samples, 1 / RATE_HZ)
    noise = np.fft.irfft(spectrum * np.maximum(frequency, 40.0) ** -rng.uniform(0.0, 1.0), samples)
    swell = np.interp(np.arange(samples), np.linspace(0, samples, 8), rng.uniform(0.6, 1.4, 8))
    noise *= swell / np.sqrt(np.mean(noise**2))
    if rng.random() < 0.3:
        time = np.arange(samples) / RATE_HZ
        noise += sum(rng.uniform(0, 0.6) / order * np.sin(2 * np.pi * 50 * order * time) for order in range(1, 6))
    return noise


@dataclass(frozen=True)
class _Series:
    """Successive events of one source."""

    sound: Floats
    annotations: list[Annotation]


def _series(source: SoundSource, label: str, base: Floats, rng: np.random.Generator) -> _Series:
    """Return a series of events at one distance from the microphone, from a random time of the recording on."""
    sound, annotations = np.zeros(len(base)), []
    at = int(rng.uniform(0.1 * RATE_HZ, len(base) - RATE_HZ))
    gain = 10 ** (rng.uniform(0, 20) / 20)
    for _ in range(source.repeats):
        event = source.voice(rng)
        if at + len(event) > len(base) - RATE_HZ // 10:
            break
        near = base[max(0, at - RATE_HZ // 2) : at + RATE_HZ // 2]
        sound[at : at + len(event)] += gain * event * np.sqrt(np.mean(near**2) / np.mean(event**2))
        annotations.append(Annotation(at / RATE_HZ, (at + _audible(event)) / RATE_HZ, label))
        at += len(event) + int(source.spacing_s * rng.uniform(0.8, 1.2) * RATE_HZ)
    return _Series(sound, annotations)


def _audible(event: Floats) -> int:
    """Return the number of samples until the event stays 20 dB below its peak."""
    return int(np.flatnonzero(np.abs(event) > 0.1 * np.abs(event).max())[-1]) + 1


def _overlap(events: list[Annotation], others: list[Annotation]) -> bool:
    return any(
        one.label == two.label and one.onset < two.offset + 0.1 and two.onset < one.offset + 0.1
        for one in events
        for two in others
    )


def _time(seconds: float) -> Floats:
    return np.arange(max(2, int(seconds * RATE_HZ))) / RATE_HZ


def _edges(samples: int, seconds: float) -> Floats:
    ramp = np.arange(1, samples + 1) / (seconds * RATE_HZ)
    return np.minimum(1.0, np.minimum(ramp, ramp[::-1]))
