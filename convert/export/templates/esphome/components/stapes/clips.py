"""Validation and code generation of `clips:`, which sends the sound of events and near misses to an HTTP address."""

import json
import re
from typing import Any
from urllib.parse import urlsplit

import esphome.codegen as cg
import esphome.config_validation as cv
from esphome.components import socket
from esphome.components.stapes.detector import (
    ANNOUNCED_WITHIN_SAMPLES,
    CLASSES,
    CLIP_LABELS,
    FRONTEND_HASH,
    MODEL_SHA256,
    SAMPLE_RATE_HZ,
    STAPES,
)
from esphome.const import CONF_AFTER, CONF_ID, CONF_URL
from esphome.types import ConfigType

CONF_BEFORE = "before"
CONF_LONGEST_EVENT = "longest_event"
CONF_NEAR_MISSES = "near_misses"
CONF_PER_HOUR = "per_hour"

TO_SEND_S = 2  # what the ring holds beyond a clip, so that it is still there while it is sent
MOST_NEAR_MISS_STEPS = 40  # of sensitivity: ten logits

stapes_ns = cg.esphome_ns.namespace("stapes")
Clips = stapes_ns.class_("Clips")
ClipSettings = stapes_ns.struct("ClipSettings")
ClipLabel = stapes_ns.struct("ClipLabel")


def _url(value: Any) -> str:
    """Take http://ADDRESS:PORT/PATH: no name, whose look-up would hold up the device, and no TLS."""
    value = cv.string_strict(value)
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError as error:
        raise cv.Invalid(f"{value} is no URL: {error}") from error
    if parts.scheme != "http":
        raise cv.Invalid(f"clips are sent by plain HTTP: the URL must begin with http://, and {value} does not")
    if parts.username is not None or parts.query or parts.fragment:
        raise cv.Invalid("the URL must be http://ADDRESS:PORT/PATH, without a user, ? or #")
    if port == 0 or not re.fullmatch(r"[!-~]*", parts.path):
        raise cv.Invalid("the URL needs a port from 1 to 65535, and a path of ASCII letters without spaces")
    cv.ipv4address(parts.hostname)
    return value


def _time(longest_s: int, shortest_ms: int = 0) -> Any:
    return cv.All(
        cv.positive_time_period_milliseconds,
        cv.Range(cv.TimePeriod(milliseconds=shortest_ms), cv.TimePeriod(seconds=longest_s)),
    )


SCHEMA = cv.All(
    cv.requires_component("network"),
    cv.Schema(
        {
            cv.GenerateID(): cv.declare_id(Clips),
            cv.Required(CONF_URL): _url,
            cv.Optional(CONF_BEFORE, default="1s"): _time(10),
            cv.Optional(CONF_AFTER, default="1s"): _time(10),
            cv.Optional(CONF_LONGEST_EVENT, default="2s"): _time(60, shortest_ms=100),
            cv.Optional(CONF_NEAR_MISSES, default=4): cv.int_range(0, MOST_NEAR_MISS_STEPS),
            cv.Optional(CONF_PER_HOUR, default=10): cv.int_range(1, 3600),
        }
    ),
    socket.consume_sockets(1, "stapes"),
)


def new_clips(config: ConfigType) -> cg.MockObj:
    """Generate the C++ that sends clips."""
    cg.add_define("USE_STAPES_CLIPS")
    url = urlsplit(config[CONF_URL])
    before, after, longest = (
        config[key].total_milliseconds * SAMPLE_RATE_HZ // 1000 for key in (CONF_BEFORE, CONF_AFTER, CONF_LONGEST_EVENT)
    )
    settings = cg.StructInitializer(
        ClipSettings,
        ("path", url.path.rstrip("/")),
        ("before", before),
        ("after", after),
        ("longest_event", longest),
        ("ring", before + after + longest + TO_SEND_S * SAMPLE_RATE_HZ + ANNOUNCED_WITHIN_SAMPLES),
        ("near_miss_steps", config[CONF_NEAR_MISSES]),
        ("per_hour", config[CONF_PER_HOUR]),
        ("detector", json.dumps({"model_sha256": MODEL_SHA256, "frontend_hash": FRONTEND_HASH})),
        ("stapes", json.dumps(STAPES)),
    )
    clips = cg.new_Pvariable(config[CONF_ID], url.hostname, url.port or 80, settings)
    for number, (label, (event, near_miss, file)) in enumerate(zip(CLASSES, CLIP_LABELS, strict=True)):
        names = cg.StructInitializer(
            ClipLabel,
            ("json", json.dumps(label, ensure_ascii=False)),
            ("track", event),
            ("near_miss", near_miss),
            ("near_json", json.dumps(near_miss, ensure_ascii=False)),
            ("file", file),
        )
        cg.add(clips.set_label(number, names))
    return clips
