"""What has changed, told to every open page."""

import json
from typing import Any

from stapes.runtime.web.broadcast import Broadcast


class Changes:
    """Tells open pages what has changed; any thread may call `tell`."""

    def __init__(self) -> None:
        self.pages = Broadcast()

    def tell(self, kind: str, **what: Any) -> None:
        """Send {"kind": kind, ...what} to every open page. `what` holds what JSON can."""
        self.pages.send(json.dumps({"kind": kind, **what}))
