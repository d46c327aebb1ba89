"""The sizes of networks keep what they promise, and refuse what they cannot hold."""

import pytest

pytest.importorskip("tensorflow")

from stapes.firmware_sim.errors import ConfigError
from stapes.train.learn.network import Shape
from stapes.train.learn.sizes import settings_of


@pytest.mark.parametrize(
    ("size", "parameters", "macs_per_second", "step_s"),
    [("small", 60_000, 3e6, 0.032), ("medium", 200_000, 30e6, 0.08), ("large", 300_000, 45e6, 0.04)],
)
def test_a_size_stays_below_its_parameters_and_macs(
    size: str, parameters: int, macs_per_second: float, step_s: float
) -> None:
    settings = settings_of(size)  # type: ignore[arg-type]
    shape = Shape.of(settings.network, settings.frontend, classes=4)
    assert shape.parameters <= parameters
    assert shape.macs_per_step / settings.clock.step_s <= macs_per_second
    assert settings.clock.step_s == pytest.approx(step_s)


def test_a_small_network_takes_no_backbone() -> None:
    with pytest.raises(ConfigError, match=r"small has no room for a backbone.*choose --size medium or large"):
        settings_of("small", "yamnet.h5")


def test_more_layers_than_yamnet_has_are_refused() -> None:
    with pytest.raises(ConfigError, match="--backbone-layers 15: need 1 to 14"):
        settings_of("medium", "yamnet.h5", 15)
