"""The pinned requirements agree with each other, so that each test runs on the versions that users install."""

import re
from pathlib import Path

import pytest

REQUIREMENTS = Path(__file__).resolve().parents[2] / "requirements"


def _pins(name: str) -> dict[str, str]:
    text = (REQUIREMENTS / f"{name}.txt").read_text(encoding="utf-8")
    return dict(re.findall(r"^([a-z0-9._-]+)==(\S+)", text, re.MULTILINE))


@pytest.mark.parametrize("name", ["train", "light"])
def test_users_get_the_versions_that_the_tests_ran_on(name: str) -> None:
    pins = _pins(name)
    assert "numpy" in pins
    assert pins.items() <= _pins("dev").items()


def test_a_light_installation_pins_no_package_of_training() -> None:
    assert not {"tensorflow", "tf-keras", "keras", "librosa", "scikit-learn", "scipy", "matplotlib"} & set(
        _pins("light")
    )


@pytest.mark.parametrize("name", ["dev", "train", "light", "esphome"])
def test_every_package_has_a_hash_and_no_host_is_named(name: str) -> None:
    text = (REQUIREMENTS / f"{name}.txt").read_text(encoding="utf-8")
    assert "://" not in text
    for pin in re.split(r"\n(?=[a-z])", text.strip()):
        assert "--hash=sha256:" in pin, pin
