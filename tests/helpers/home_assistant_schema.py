"""What Home Assistant asks of messages of device-based discovery, restated from its own code.

Source: the package `homeassistant`, version 2026.11.0, folder homeassistant/components: mqtt/schemas.py and
mqtt/discovery.py for the message as a whole, mqtt/config.py and mqtt/binary_sensor.py, event.py, sensor.py, number.py,
switch.py for the components, mqtt/util.py for topics, sensor/const.py for units. That package needs Python 3.14 and
many others, so it is not installed for the tests. Unlike Home Assistant, which drops keys that it does not know, this
takes them for errors.
"""

import json
import re
from collections.abc import Callable
from typing import Any

Check = Callable[[Any], bool]


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_subscribable(topic: Any) -> bool:
    return isinstance(topic, str) and 0 < len(topic.encode()) <= 65535 and topic.isprintable()


def _is_publishable(topic: Any) -> bool:
    return _is_subscribable(topic) and not set(topic) & set("+#")


def _one_of(*values: object) -> Check:
    return lambda value: value in values


def _list_of(check: Check) -> Check:
    return lambda value: isinstance(value, list) and all(map(check, value))


_ENTITY: dict[str, Check] = {
    "platform": _is_text,
    "unique_id": _is_text,
    "name": _is_text,
    "icon": lambda value: isinstance(value, str) and ":" in value,
    "entity_category": _one_of("config", "diagnostic"),
    "enabled_by_default": lambda value: isinstance(value, bool),
}
_READS: dict[str, Check] = {"state_topic": _is_subscribable, "value_template": _is_text}
_WRITES = _READS | {"command_topic": _is_publishable, "optimistic": lambda value: isinstance(value, bool)}
_NOT_CONFIG: dict[str, Check] = {"entity_category": _one_of("diagnostic")}  # "can not be added as a config entity"
_SENSOR: dict[str, Check] = {
    "device_class": _one_of("duration"),  # of some sixty; the others are not used
    "state_class": _one_of("measurement", "total", "total_increasing"),
    "unit_of_measurement": _is_text,
    "suggested_display_precision": lambda value: isinstance(value, int) and value >= 0,
    "expire_after": lambda value: isinstance(value, int) and value > 0,
}
_NUMBER: dict[str, Check] = {
    "min": _is_number,
    "max": _is_number,
    "step": lambda value: _is_number(value) and value >= 1e-3,
    "mode": _one_of("auto", "box", "slider"),
    "unit_of_measurement": _is_text,
}
_ON_OFF: dict[str, Check] = {"payload_on": _is_text, "payload_off": _is_text}
# platform -> what its entities may hold, and what they must
_PLATFORMS: dict[str, tuple[dict[str, Check], set[str]]] = {
    "binary_sensor": (
        _ENTITY | _READS | _ON_OFF | _NOT_CONFIG | {"device_class": _one_of("sound")},
        {"state_topic"},
    ),
    "event": (_ENTITY | _READS | {"event_types": _list_of(_is_text)}, {"state_topic", "event_types"}),
    "sensor": (_ENTITY | _READS | _SENSOR | _NOT_CONFIG, {"state_topic"}),
    "number": (_ENTITY | _WRITES | _NUMBER, {"command_topic"}),
    "switch": (_ENTITY | _WRITES | _ON_OFF, {"command_topic"}),
}
_DEVICE: dict[str, Check] = {
    "identifiers": lambda value: _list_of(_is_text)(value) and len(value) > 0,
    **dict.fromkeys(
        ("name", "manufacturer", "model", "model_id", "hw_version", "sw_version", "serial_number"), _is_text
    ),
}
_AVAILABILITY: dict[str, Check] = {
    "topic": _is_subscribable,
    "payload_available": _is_text,
    "payload_not_available": _is_text,
    "value_template": _is_text,
}
_MESSAGE: dict[str, Check] = {
    "device": lambda value: isinstance(value, dict),
    "origin": lambda value: isinstance(value, dict),
    "availability": lambda value: isinstance(value, list),
    "availability_mode": _one_of("all", "any", "latest"),
    "qos": _one_of(0, 1, 2),
    "components": lambda value: isinstance(value, dict),
}
_TIMES = ("d", "h", "min", "s", "ms", "μs")  # units of a duration


def components_of(topic: str, text: str) -> dict[str, dict[str, Any]]:
    """Return the entities that a message announces. AssertionError for what Home Assistant would refuse or drop."""
    assert re.fullmatch(r"homeassistant/device/([a-zA-Z0-9_-]+/)?[a-zA-Z0-9_-]+/config", topic), topic
    message = json.loads(text)
    _require(message, _MESSAGE, {"device", "origin", "components"}, "the message")
    _require(message["device"], _DEVICE, {"identifiers"}, "device")
    _require(message["origin"], {"name": _is_text, "sw_version": _is_text}, {"name"}, "origin")
    for each in message.get("availability", []):
        _require(each, _AVAILABILITY, {"topic"}, "availability")
    for place, entity in message["components"].items():
        _require_entity(place, entity)
    ids = [entity["unique_id"] for entity in message["components"].values() if len(entity) > 1]
    assert len(set(ids)) == len(ids), "two entities have the same unique_id"
    return message["components"]


def _require_entity(place: str, entity: dict[str, Any]) -> None:
    assert place, "an entity needs a place"
    assert " " not in place, f"{place!r}: Home Assistant separates the parts of a place by spaces"
    assert entity.get("platform") in _PLATFORMS, f"{place}: {entity.get('platform')!r} is no platform of this list"
    if len(entity) == 1:
        return  # takes the entity back
    known, needed = _PLATFORMS[entity["platform"]]
    _require(entity, known, needed | {"unique_id"}, place)
    if entity.get("device_class") == "duration":
        assert entity.get("unit_of_measurement") in _TIMES, f"{place}: a duration needs a unit of {_TIMES}"
    if "min" in entity:
        assert entity["min"] <= entity["max"], f"{place}: max must be >= min"


def _require(content: dict[str, Any], known: dict[str, Check], needed: set[str], place: str) -> None:
    assert needed <= set(content), f"{place}: {needed - set(content)} missing"
    assert set(content) <= set(known), f"{place}: {set(content) - set(known)} not known"
    for name, value in content.items():
        assert known[name](value), f"{place}: {name} is {value!r}"
