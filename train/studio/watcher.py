"""Notices what other programs change: recordings that come and go, and label files."""

import logging
import threading
from collections.abc import Callable

from stapes.firmware_sim.errors import StapesError
from stapes.train.label.label_store import LabelStore
from stapes.train.studio.changes import Changes

EVERY_S = 1.0
logger = logging.getLogger(__name__)
_Events = tuple[tuple[float, float, str], ...]


class Watcher:
    """Looks at a dataset once a second and tells open pages what has changed."""

    def __init__(self, labels: LabelStore, changes: Changes, changed: Callable[[], None]) -> None:
        """`changed` is called after each change, whoever made it."""
        self._labels, self._changes, self._changed = labels, changes, changed
        self._version, self._seen = labels.version(), self._state()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watcher", daemon=True)

    def start(self) -> None:
        """Look until `close`."""
        self._thread.start()

    def close(self) -> None:
        """Stop looking."""
        self._stop.set()
        self._thread.join(5)

    def look(self) -> None:
        """Compare the dataset with what it was at the last look."""
        version = self._labels.version()
        if version == self._version:
            return
        before, now = self._seen, self._state()
        self._version, self._seen = version, now
        if before.keys() != now.keys():
            self._changes.tell("recordings")
        changed = [name for name, events in now.items() if name in before and before[name] != events]
        for name in changed:
            self._changes.tell("labels", recording=name)
        if before != now:
            self._changed()

    def _run(self) -> None:
        while not self._stop.wait(EVERY_S):
            try:
                self.look()
            except (OSError, StapesError) as error:  # such as a folder that is being moved; the next look may succeed
                logger.debug(f"the dataset cannot be looked at: {error}")

    def _state(self) -> dict[str, _Events | str]:
        """Return the labels of each recording, or the error that prevents that they are read."""
        state: dict[str, _Events | str] = {}
        for name in self._labels.recordings():
            try:
                labels = self._labels.read(name)
                state[name] = tuple((each.onset, each.offset, each.label) for each in labels.events + labels.ignored)
            except StapesError as error:
                state[name] = str(error)
        return state
