"""Records to a web server, one POST each."""

import json
import urllib.error
import urllib.request
from dataclasses import fields
from string import Template
from typing import Any
from urllib.parse import urlsplit

from stapes.firmware_sim.errors import ConfigError
from stapes.runtime.sinks.outbox import RefusedError, UnreachableError
from stapes.runtime.sinks.record import Record

TIMEOUT_S = 10.0
_REFUSALS = (400, 413, 415, 422)  # about this record; every other answer may change when somebody mends something


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirected POST would arrive as a GET without its body, and look delivered."""

    def redirect_request(self, *_: Any) -> None:
        """Follow none."""


_OPENER = urllib.request.build_opener(_NoRedirects)


class Webhook:
    """POSTs each record as JSON, with its key in the header `Idempotency-Key`.

    template: the body instead, with $label, $utc, $onset, … filled in as inside a JSON string; for example
    '{"text": "$label at $utc"}'. ConfigError for a name that a record does not have.
    """

    def __init__(self, url: str, template: str | None = None) -> None:
        parts = urlsplit(url)
        if not parts.hostname:
            raise ConfigError(f"--to {url}: no host in it")
        self.name = f"{parts.scheme}://{parts.hostname}"
        self._url, self._template = url, Template(template) if template is not None else None
        known = {field.name for field in fields(Record)}
        unknown = set(self._template.get_identifiers()) - known if self._template else set()
        if unknown or (self._template and not self._template.is_valid()):
            raise ConfigError(
                f"the webhook template has {', '.join('$' + name for name in sorted(unknown)) or 'a bare $'}; "
                f"a record has {', '.join('$' + name for name in sorted(known))}, and $$ is a dollar"
            )

    def deliver(self, key: str, payload: str) -> None:
        """POST the record. UnreachableError when it may work later, RefusedError when the server will never take it."""
        request = urllib.request.Request(
            self._url,
            data=self.body(payload).encode(),
            headers={"Content-Type": "application/json", "Idempotency-Key": key, "User-Agent": "stapes"},
        )
        try:
            with _OPENER.open(request, timeout=TIMEOUT_S):
                return
        except urllib.error.HTTPError as error:
            if error.code in _REFUSALS:
                raise RefusedError(f"HTTP {error.code} {error.reason}") from None
            raise UnreachableError(f"HTTP {error.code} {error.reason}") from None
        except OSError as error:
            raise UnreachableError(str(getattr(error, "reason", error))) from None

    def body(self, payload: str) -> str:
        """Return what is sent for a record's JSON."""
        if self._template is None:
            return payload
        record = {field.name: "" for field in fields(Record)} | json.loads(payload)
        return self._template.substitute({name: _inside_json(value) for name, value in record.items()})

    def close(self) -> None:
        """Nothing is kept open between records."""


def _inside_json(value: object) -> str:
    return json.dumps(str(value), ensure_ascii=False)[1:-1]
