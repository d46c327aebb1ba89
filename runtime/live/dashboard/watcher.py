"""The live page as a watcher of the live loop."""

import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from stapes.runtime.detector import Detector
from stapes.runtime.live.dashboard.feed import Feed
from stapes.runtime.live.dashboard.server import PageServer
from stapes.runtime.live.listen import Update
from stapes.runtime.live.sinks.record import Record
from stapes.runtime.live.source import Source
from stapes.runtime.web.address import Address

logger = logging.getLogger(__name__)


class Dashboard:
    """Feeds the live page and serves it. Raises ConfigError when it cannot be served at the address."""

    def __init__(self, detector: Detector, source: Source, address: Address, clips: Path | None) -> None:
        self._feed = Feed(detector, source, clips is not None)
        self._server = PageServer(address, self._feed.hello, clips)
        self._feed.send = self._server.send
        self.url = self._server.url
        if sys.stderr.isatty():
            logger.info(f"the live page is at {self.url}")
        else:  # a log, which more people may read than may see the page
            secret = " (the secret of --token follows here)" if address.token else ""
            logger.info(f"the live page is at {self._server.url_for_log}{secret}")

    def update(self, update: Update, records: Sequence[Record]) -> None:
        """Take one block."""
        self._feed.update(update, records)

    def close(self) -> None:
        """Send the last message and close the connections of the pages."""
        self._feed.close()
        self._server.close()
