"""The sizes of networks keep what they promise, and refuse what they cannot hold."""

from pathlib import Path

import pytest
from backbone_files import random_weights, write_keras_weights

pytest.importorskip("tensorflow")

from stapes.firmware_sim.errors import ConfigError
from stapes.train.learn.network import Shape
from stapes.train.learn.sizes import settings_of


@pytest.mark.parametrize(
    ("size", "parameters", "macs_per_second", "step_s"),
    [("small", 60_000, 3e6, 0.032), ("medium", 200_000, 30e6, 0.08), ("large", 330_000, 35e6, 0.08)],
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


def test_a_size_takes_as_many_layers_as_suit_it_or_as_the_file_has(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    whole = write_keras_weights(tmp_path / "yamnet.h5", random_weights(layers=14))
    short = write_keras_weights(tmp_path / "short.h5", random_weights(layers=6))
    with caplog.at_level("INFO"):
        assert settings_of("large", str(whole)).network.backbone_layers == 7
        assert not caplog.text
        assert settings_of("large", str(short)).network.backbone_layers == 6
    assert "short.h5 has 6 layers, which are used; the size large has room for 7" in caplog.text
