"""Near misses: what a detector would have heard with a higher sensitivity, and did not hear."""

from stapes.firmware_sim.device.events import LAST_SAMPLE, Event, EventDecoder
from stapes.runtime.detector import Detector
from stapes.runtime.live.announcing import announced_within_samples
from stapes.runtime.live.listen import OpenEvents, Update


class NearMisses:
    """Follows the scores of a stream with a second event decoder, which is `steps` steps more sensitive.

    Its events that overlap no event of their class are near misses. A sensitivity that changes during the stream is
    followed.
    """

    def __init__(self, detector: Detector, steps: int) -> None:
        folder = detector.folder
        self._detector, self._steps = detector, steps
        self._decoder = EventDecoder(folder.classes, folder.events, folder.clock)
        self._late = announced_within_samples(folder)
        self._heard: list[Event] = []  # complete events of the detector that a near miss may still touch
        self._complete: list[Event] = []  # of the other decoder; an event that they touch may still be announced
        self._open, self._nearly_open = OpenEvents(), OpenEvents()

    @property
    def undecided(self) -> list[tuple[str, int]]:
        """What may become a near miss: (label, onset sample)."""
        return [(label, onset) for label, onset in self._unfinished() if not self._touches(label, onset, LAST_SAMPLE)]

    def update(self, update: Update) -> list[Event]:
        """Take one block or gap and return the near misses that have become certain."""
        ends = update.gap is not None or update.last
        self._follow_sensitivity()
        nearly = self._decoder.push(update.output.scores)
        if ends:
            nearly += self._decoder.flush()
            self._decoder.reset(update.end_sample)
        self._open.follow(update.events)
        self._nearly_open.follow(nearly)
        self._heard += [event for event in update.events if event.offset_sample is not None]
        self._complete += [event for event in nearly if event.offset_sample is not None]
        # All events that begin before this sample are announced. A gap and the end complete what is open.
        announced = update.end_sample if ends else update.end_sample - self._late
        certain = [event for event in self._complete if _end(event) <= announced]
        self._complete = [event for event in self._complete if _end(event) > announced]
        missed = [event for event in certain if not self._touches(event.label, event.onset_sample, _end(event))]
        begin = min([update.end_sample - self._late, *(onset for _, onset in self._unfinished())])
        self._heard = [event for event in self._heard if _end(event) > begin]
        return missed

    def _follow_sensitivity(self) -> None:
        for label, steps in self._detector.sensitivity.items():
            if self._decoder.sensitivity[label] != steps + self._steps:
                self._decoder.set_sensitivity(label, steps + self._steps)

    def _unfinished(self) -> list[tuple[str, int]]:
        return [*((event.label, event.onset_sample) for event in self._complete), *self._nearly_open.items()]

    def _touches(self, label: str, onset: int, offset: int) -> bool:
        """Return whether an event of the detector that is known so far overlaps these samples."""
        if self._open.get(label, offset) < offset:
            return True
        return any(e.label == label and e.onset_sample < offset and _end(e) > onset for e in self._heard)


def _end(event: Event) -> int:
    assert event.offset_sample is not None
    return event.offset_sample
