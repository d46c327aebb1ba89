"""`stapes studio`: serve the page until somebody stops it."""

import logging
import sys

from stapes.runtime.signals import stop_on_signals
from stapes.runtime.web.address import Address
from stapes.train.studio.server import StudioServer
from stapes.train.studio.studio import Studio

logger = logging.getLogger(__name__)


def serve(studio: Studio, address: Address) -> None:
    """Serve the page until Ctrl-C or SIGTERM. Raises ConfigError when the port is taken."""
    with stop_on_signals() as stop:
        server = StudioServer(address, studio)
        try:
            if sys.stderr.isatty() or not address.token:
                logger.info(f"the studio is at {server.url}; Ctrl-C ends it")
            else:  # a log, which more people may read than may see the page
                logger.info(f"the studio is at {server.url_for_log} (the secret of --token follows here)")
            stop.wait()
        finally:
            server.close()
