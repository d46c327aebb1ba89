"""What detector.json records about training and choices: commands quote it, so its types are checked as it is read."""

from collections.abc import Callable
from typing import Any

from stapes.firmware_sim.device.plain_json import shortened
from stapes.firmware_sim.errors import ConfigError

Check = Callable[[Any], bool]
LARGEST_NUMBER = 1e300  # a whole number beyond it has no float


def require_recorded(content: dict[str, Any], n_bands: int) -> None:
    """Raise ConfigError, which names the field, for a field of detector.json that no command could show."""
    for path, (fits, needed) in (_FIELDS | _sound_fields(n_bands)).items():
        holder: Any = content
        *parents, name = path.split(".")
        for parent in parents:
            holder = holder.get(parent) if isinstance(holder, dict) else None
        if isinstance(holder, dict) and name in holder and not fits(holder[name]):
            raise ConfigError(f"{path} is {shortened(holder[name])}: need {needed}")


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def _is_number(value: Any) -> bool:
    return isinstance(value, float) or (type(value) is int and abs(value) <= LARGEST_NUMBER)


def _is_whole(value: Any) -> bool:
    return type(value) is int


def _is_score(value: Any) -> bool:
    return _is_whole(value) and bool(-128 <= value <= 127)


def _are_thresholds(value: Any) -> bool:
    if (
        not isinstance(value, dict)
        or set(value) != {"on_score", "off_score"}
        or not all(map(_is_whole, value.values()))
    ):
        return False
    return bool(-127 <= value["off_score"] <= value["on_score"] <= 127)


def _or_null(fits: Check) -> Check:
    return lambda value: value is None or fits(value)


def _list_of(fits: Check, length: int | None = None) -> Check:
    return lambda value: isinstance(value, list) and all(map(fits, value)) and (length is None or len(value) == length)


def _by_name(fits: Check) -> Check:
    return lambda value: isinstance(value, dict) and all(map(fits, value.values()))


def _numbers(*names: str) -> Check:
    return lambda value: isinstance(value, dict) and all(_is_number(value.get(name)) for name in names)


_PARITY_OF_EVENTS = (
    *("f1_onset_float", "f1_onset_quantized", "f1_onset_int8", "pairs", "only_float", "only_int8"),
    *("int8_minus_float", "int8_minus_float_low", "int8_minus_float_high"),
)


def _is_parity(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    each = _by_name(_numbers("mean", "p99", "largest"))
    return each(value.get("scores")) and _numbers(*_PARITY_OF_EVENTS)(value.get("events"))


_FIELDS: dict[str, tuple[Check, str]] = {
    "operating_point": (_is_object, "an object"),
    "operating_point.rule": (_by_name(_is_text), "an object of texts"),
    "operating_point.settings": (_is_object, "an object"),
    "operating_point.before_adapt": (_by_name(_are_thresholds), "an object of on_score and off_score by class"),
    "operating_point.sensitivity": (_by_name(_is_whole), "an object of whole numbers"),
    "operating_point.recordings": (_list_of(_is_text), "a list of texts"),
    "operating_point.expected": (_or_null(_is_object), "an object or null"),
    "operating_point.expected.macro_f1_onset": (_is_object, "an object"),
    "operating_point.expected.macro_f1_onset.value": (_or_null(_is_number), "a number or null"),
    "provenance": (_is_object, "an object"),
    "provenance.group_pattern": (_is_text, "a text"),
    "provenance.trained_on": (_list_of(_is_text), "a list of texts"),
    "provenance.backbone": (_or_null(_is_object), "an object or null"),
    "provenance.packages": (_by_name(_is_text), "an object of texts"),
    "scores": (_is_object, "an object"),
    "scores.event_free": (_by_name(_list_of(_is_score, 4)), "an object of four int8 scores by class"),
    "scores.parity": (_is_parity, "the figures of a training"),
}


def _sound_fields(n_bands: int) -> dict[str, tuple[Check, str]]:
    levels = _list_of(_list_of(_is_number, n_bands), 3)
    return {
        "provenance.sound": (_is_object, "an object"),
        "provenance.sound.level_db": (_list_of(_is_number, 3), "three numbers"),
        "provenance.sound.colour_db": (levels, f"three lists of {n_bands} numbers"),
    }
