"""Sends records to a web server, each with a POST request."""

import json
from dataclasses import fields
from string import Template
from urllib.parse import urlsplit

import httpx

from stapes.firmware_sim.errors import ConfigError
from stapes.runtime.live.sinks.outbox import RefusedError, UnreachableError, split_address, without_password
from stapes.runtime.live.sinks.record import Record

TIMEOUT_S = 10.0
# These answers concern the record itself; any other may change when somebody repairs the server.
_REFUSALS = (400, 413, 415, 422)


class Webhook:
    """POSTs each record as JSON, with its key in the header `Idempotency-Key`.

    template: another body, in which $label, $utc, $onset, … are filled in as inside a JSON string; for example
    '{"text": "$label at $utc"}'. Raises ConfigError for an unknown name, and for a URL without a host
    or with an impossible one.
    """

    def __init__(self, url: str, template: str | None = None) -> None:
        parts = split_address(url)
        self.name = f"{parts.scheme}://{parts.hostname}"
        try:
            self._url = httpx.URL(url)
        except httpx.InvalidURL as error:
            fault = "it cannot be used" if "@" in url else str(error)  # the error may quote a part of the password
            raise ConfigError(f"--to {without_password(url)}: {fault}; check the address") from None
        self._template = None if template is None else _parse(template)
        # Redirects are not followed: a redirected POST would arrive as a GET without its body and seem delivered.
        self._client = httpx.Client(
            timeout=TIMEOUT_S, headers={"Content-Type": "application/json", "User-Agent": "stapes"}
        )

    def deliver(self, key: str, payload: str) -> None:
        """POST the record. Raises UnreachableError when it may work later, RefusedError when it never will."""
        try:
            body = self.body(payload).encode()
        except UnicodeEncodeError as error:  # half of a pair of surrogates, which JSON can hold and UTF-8 cannot
            raise RefusedError(str(error)) from None
        try:
            answer = self._client.post(self._url, content=body, headers={"Idempotency-Key": key})
        except (httpx.HTTPError, ValueError) as error:
            raise UnreachableError(str(error) or type(error).__name__) from None
        if answer.is_success:
            return
        status = f"HTTP {answer.status_code} {answer.reason_phrase}"
        if answer.status_code in _REFUSALS:
            raise RefusedError(status)
        raise UnreachableError(f"{status}, {_whither(answer)}" if answer.has_redirect_location else status)

    def body(self, payload: str) -> str:
        """Return the body to send for the JSON of a record."""
        if self._template is None:
            return payload
        record = {field.name: "" for field in fields(Record)} | json.loads(payload)
        return self._template.substitute({name: _inside_json(value) for name, value in record.items()})

    def close(self) -> None:
        """Close the connection."""
        self._client.close()


def _parse(template: str) -> Template:
    parsed = Template(template)
    known = {field.name for field in fields(Record)}
    unknown = set(parsed.get_identifiers()) - known
    if unknown or not parsed.is_valid():
        raise ConfigError(
            f"--template contains {', '.join('$' + name for name in sorted(unknown)) or 'a bare $'}; "
            f"a record has {', '.join('$' + name for name in sorted(known))}, and $$ stands for a dollar sign"
        )
    return parsed


def _inside_json(value: object) -> str:
    return json.dumps(str(value), ensure_ascii=False)[1:-1]


def _whither(answer: httpx.Response) -> str:
    """Return words for where a redirect leads, without path and query: they may hold the secret of the target."""
    parts = urlsplit(answer.headers["Location"])
    return f"to {parts.scheme}://{parts.hostname}" if parts.hostname else "to another path of the same server"
