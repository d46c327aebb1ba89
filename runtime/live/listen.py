"""The live loop: blocks and gaps from a source pass through converter and detector, on a clock that includes gaps."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from stapes.firmware_sim.device.events import Event
from stapes.runtime.audio import Converter, InputSettings
from stapes.runtime.audio.convert import in_opposite_phase
from stapes.runtime.detector import Detector, DetectorOutput
from stapes.runtime.live.source import Gap, Source

logger = logging.getLogger(__name__)

PHASE_CHECK_S = 10.0  # how often channels are compared: a stream may last for days, and its channels may be changed
WAIT_S = 0.2  # longest wait for audio, and so the longest delay until a request to stop is noticed


@dataclass(frozen=True)
class Update:
    """The results of one block or gap. Sample numbers are those of the stream's clock at the detector's rate."""

    start_sample: int  # where the block or gap began
    end_sample: int  # the clock after it
    pcm: NDArray[np.int16]  # the samples in between; for a gap, those that the resampler still held
    output: DetectorOutput
    level: float = 0.0  # largest magnitude in the block, 0 to 1
    gap: Gap | None = None
    last: bool = False  # the stream has ended

    @property
    def events(self) -> list[Event]:
        """Announced and completed events, in the order in which that happened."""
        return self.output.events


class OpenEvents(dict[str, int]):
    """The events that are announced and not complete yet: label -> onset sample."""

    def follow(self, events: list[Event]) -> None:
        """Take announced and completed events in their order."""
        for event in events:
            if event.offset_sample is None:
                self[event.label] = event.onset_sample
            else:
                self.pop(event.label, None)


def listen(
    detector: Detector, source: Source, stopped: Callable[[], bool], input_settings: InputSettings | None = None
) -> Iterator[Update]:
    """Yield an update per block or gap until the source ends or `stopped()` returns True.

    The last update contains the events that the end of the stream completes.
    """
    detector.reset()
    rate_hz = detector.sample_rate_hz
    converter = Converter(source.rate_hz, rate_hz, input_settings)
    phase = _PhaseWatch(source)
    clock = Fraction(0)  # samples, exact over any number of gaps
    while not stopped() and (item := source.read(WAIT_S)) is not None:
        start = detector.position_samples
        if isinstance(item, Gap):
            rest = converter.flush()
            output = detector.hear(rest)
            clock += Fraction(item.lost_frames * rate_hz, item.rate_hz)
            output.events.extend(detector.gap(max(0, round(clock) - detector.position_samples)))
            converter = Converter(source.rate_hz, rate_hz, input_settings)
            yield Update(start, detector.position_samples, rest, output, gap=item)
        elif len(item):
            clock += Fraction(len(item) * rate_hz, converter.source_rate_hz)
            pcm = converter.push(item)
            phase.heard(len(item), converter)
            yield Update(
                start, detector.position_samples + len(pcm), pcm, detector.hear(pcm), float(np.abs(item).max())
            )
    phase.warn_if_cancelled(converter)
    start, rest = detector.position_samples, converter.flush()
    output = detector.hear(rest)
    end = detector.position_samples
    output.events.extend(detector.flush())
    yield Update(start, end, rest, output, last=True)


class _PhaseWatch:
    """Says once that the channels of a stream cancel each other in their mean."""

    def __init__(self, source: Source) -> None:
        self._source, self._frames, self._said = source, 0, False

    def heard(self, frames: int, converter: Converter) -> None:
        """Count frames that the converter took, and look at them every PHASE_CHECK_S."""
        self._frames += frames
        if self._frames >= PHASE_CHECK_S * self._source.rate_hz:
            self.warn_if_cancelled(converter)
            converter.forget_phase()
            self._frames = 0

    def warn_if_cancelled(self, converter: Converter) -> None:
        """Warn if what was heard since the last look is silence although the channels are not."""
        if converter.cancels and not self._said:
            self._said = True
            logger.warning(in_opposite_phase(self._source.name))
