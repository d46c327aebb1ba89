"""The message that announces a device with all its entities.

Its form is Home Assistant's device-based discovery for MQTT: the schemas of homeassistant/components/mqtt (schemas.py,
binary_sensor.py, event.py, sensor.py, number.py, switch.py) in the package `homeassistant`, version 2026.11.
"""

from dataclasses import dataclass
from typing import Any

from stapes.runtime.live.home_assistant.names import Names

# Thresholds reach from a probability of 1/256 to 255/256, over 44.3 quarters of a logit: more steps change nothing.
MOST_STEPS = 45

ON, OFF = "ON", "OFF"
ONLINE, OFFLINE = "online", "offline"

_MEASURED = {"state_class": "measurement"}
_DIAGNOSTIC = {"entity_category": "diagnostic"}
_SETTING = {"entity_category": "config"}


@dataclass(frozen=True)
class Software:
    """What listens."""

    stapes: str  # its version
    detector: str  # the name of its folder


def announcement(names: Names, software: Software) -> dict[str, Any]:
    """Return the message, ready to become JSON."""
    components = {
        f"{names.ids[label]}.{what}": entity for label in names.ids for what, entity in _of_class(names, label).items()
    } | {f"device.{what}": entity for what, entity in _diagnostics(names).items()}
    for place, entity in components.items():
        entity["unique_id"] = f"{names.device_id}.{place}"
    return {
        "device": {
            "identifiers": [names.device_id],
            "name": names.topic.rpartition("/")[2] or names.topic,
            "manufacturer": "stapes",
            "model": software.detector,
            "sw_version": software.stapes,
        },
        "origin": {"name": "stapes", "sw_version": software.stapes},
        "availability": [{"topic": names.availability}],
        "qos": 1,
        "components": components,
    }


def _of_class(names: Names, label: str) -> dict[str, dict[str, Any]]:
    topic = {what: names.of_class(label, what) for what in ("state", "event", "rate", "score", "sensitivity", "mute")}
    return {
        "state": {
            "platform": "binary_sensor",
            "name": label,
            "device_class": "sound",
            "state_topic": topic["state"],
        },
        "event": {
            "platform": "event",
            "name": f"{label} event",
            "event_types": [label],
            "state_topic": topic["event"],
        },
        "rate": _MEASURED
        | {
            "platform": "sensor",
            "name": f"{label} rate",
            "unit_of_measurement": "1/min",
            "state_topic": topic["rate"],
        },
        "score": _MEASURED
        | {
            "platform": "sensor",
            "name": f"{label} score",
            "suggested_display_precision": 2,
            "state_topic": topic["score"],
        },
        "sensitivity": _SETTING
        | {
            "platform": "number",
            "name": f"{label} sensitivity",
            "min": -MOST_STEPS,
            "max": MOST_STEPS,
            "step": 1,
            "mode": "box",
            "state_topic": topic["sensitivity"],
            "command_topic": f"{topic['sensitivity']}/set",
        },
        "mute": _SETTING
        | {
            "platform": "switch",
            "name": f"{label} muted",
            "icon": "mdi:volume-off",
            "state_topic": topic["mute"],
            "command_topic": f"{topic['mute']}/set",
        },
    }


def _diagnostics(names: Names) -> dict[str, dict[str, Any]]:
    measured = {
        "lag": {"name": "Lag", "unit_of_measurement": "ms", "device_class": "duration"} | _MEASURED,
        "dropped": {"name": "Dropped audio", "unit_of_measurement": "s", "device_class": "duration"}
        | {"state_class": "total_increasing"},
        "level": {"name": "Level", "unit_of_measurement": "dB"} | _MEASURED,
        "stapes": {"name": "stapes version"},
        "detector": {"name": "Detector"},
    }
    fields = {"lag": "lag_ms", "dropped": "dropped_s", "level": "level_db"}
    return {
        what: _DIAGNOSTIC
        | {
            "platform": "sensor",
            "state_topic": names.diagnostics,
            "value_template": f"{{{{ value_json.{fields.get(what, what)} }}}}",
        }
        | entity
        for what, entity in measured.items()
    }
