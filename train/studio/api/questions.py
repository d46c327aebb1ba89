"""What the page asks: its parameters and bodies, checked."""

import json
import math
from typing import Any

from aiohttp import web

from stapes.firmware_sim.errors import ConfigError


class Conflict(web.HTTPConflict):
    """Status 409: what the page changes is not there any more. `now` tells what is there instead."""

    def __init__(self, error: str, **now: Any) -> None:
        super().__init__(text=json.dumps({"error": error, **now}), content_type="application/json")


async def body_of(request: web.Request) -> dict[str, Any]:
    """Return the JSON object that was sent. Raises ConfigError for anything else."""
    try:
        body = json.loads(await request.read())
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{request.path}: the body is not JSON ({error}); send an object") from error
    if not isinstance(body, dict):
        raise ConfigError(f"{request.path}: the body is no JSON object; send one")
    return body


def object_of(body: dict[str, Any], name: str) -> dict[str, Any]:
    """Return a field that must be an object. Raises ConfigError when it is none."""
    if not isinstance(body.get(name), dict):
        raise ConfigError(f"{name} is {body.get(name)!r}; give an object")
    return dict(body[name])


def text_of(body: dict[str, Any], name: str) -> str:
    """Return a field that must be a text. Raises ConfigError when it is none."""
    if not isinstance(body.get(name), str):
        raise ConfigError(f"{name} is {body.get(name)!r}; give a text")
    return str(body[name])


def number_of(body: dict[str, Any], name: str) -> float:
    """Return a field that must be a finite number. Raises ConfigError when it is none."""
    value = body.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ConfigError(f"{name} is {value!r}; give a number")
    return float(value)


def asked_text(request: web.Request, name: str) -> str:
    """Return a parameter of the URL. Raises ConfigError when it is missing."""
    if name not in request.query:
        raise ConfigError(f"{request.path}: the parameter {name} is missing")
    return request.query[name]


def asked_number(request: web.Request, name: str, default: float | None = None) -> float:
    """Return a parameter of the URL that must be a finite number. Raises ConfigError when it is none."""
    text = request.query.get(name)
    if text is None and default is not None:
        return default
    try:
        value = float(asked_text(request, name))
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ConfigError(f"{request.path}: {name} is {text!r}; give a number")
    return value
