"""The sizes of networks keep what they promise, and refuse what they cannot hold."""

from pathlib import Path
from types import SimpleNamespace

import h5py
import pytest
from backbone_files import random_weights, write_keras_weights

pytest.importorskip("tensorflow")

from stapes.firmware_sim.errors import ConfigError, ModelError
from stapes.train.learn.backbone import read_backbone
from stapes.train.learn.network import Shape
from stapes.train.learn.sizes import fine_tuning_settings, settings_of
from stapes.train.settings import Settings, write_settings


@pytest.mark.parametrize(
    ("size", "parameters", "macs_per_second", "step_s"),
    [("small", 60_000, 3e6, 0.032), ("medium", 330_000, 35e6, 0.08), ("large", 330_000, 35e6, 0.08)],
)
def test_a_size_stays_below_its_parameters_and_macs(
    size: str, parameters: int, macs_per_second: float, step_s: float
) -> None:
    settings = settings_of(size)  # type: ignore[arg-type]
    shape = Shape.of(settings.network, settings.frontend, classes=4)
    assert shape.parameters <= parameters
    assert shape.macs_per_step / settings.clock.step_s <= macs_per_second
    assert settings.clock.step_s == pytest.approx(step_s)


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_small_with_a_backbone_stays_below_the_same_parameters_and_macs(tmp_path: Path, layers: int) -> None:
    path = str(write_keras_weights(tmp_path / "yamnet.h5", random_weights(layers=14)))
    settings = settings_of("small", path, layers)
    shape = Shape.of(settings.network, settings.frontend, classes=4)
    assert settings.network.backbone_layers == layers
    assert shape.parameters <= 60_000
    assert shape.macs_per_step / settings.clock.step_s <= 3e6
    assert settings.network.target_delay_steps * settings.clock.step_s == pytest.approx(0.48)


def test_small_takes_three_layers_of_a_backbone_and_no_more(tmp_path: Path) -> None:
    path = str(write_keras_weights(tmp_path / "yamnet.h5", random_weights(layers=14)))
    assert settings_of("small", path).network.backbone_layers == 3
    said = "--backbone-layers 4: need 1 to 3 for the size small; choose --size medium or large for more layers"
    with pytest.raises(ConfigError, match=said):
        settings_of("small", path, 4)


def test_more_layers_than_yamnet_has_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"--backbone-layers 15: need 1 to 14 for the size medium$"):
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


def test_weights_have_four_bits_only_where_more_layers_would_not_fit(tmp_path: Path) -> None:
    path = str(write_keras_weights(tmp_path / "yamnet.h5", random_weights(layers=14)))
    assert settings_of("medium", path).network.weight_bits == (8, 8, 8, 8, 4, 4, 4, 8)
    assert set(settings_of("medium", path, 6).network.weight_bits) == {8}, "six layers fit 256 KB with eight bits"
    assert set(settings_of("large", path).network.weight_bits) == {8}, "seven layers fit 512 KB with eight bits"
    assert settings_of("large", path, 8).network.weight_bits == (8, 8, 8, 8, 4, 4, 4, 4, 8)


def test_all_layers_of_yamnet_can_be_used_although_the_last_ones_span_more_bands_than_are_left(tmp_path: Path) -> None:
    path = write_keras_weights(tmp_path / "yamnet.h5", random_weights(layers=14))
    settings = settings_of("medium", str(path), 14)
    shape = Shape.of(settings.network, settings.frontend, classes=4)
    layers = [each for each in shape.convolutions if each.name.startswith("conv13")]
    assert [(each.bands_in, each.bands) for each in layers] == [(2, 2), (2, 2)]


@pytest.mark.parametrize(("size", "layers", "delay_s"), [("medium", 5, 0.48), ("medium", 7, 0.56), ("large", 14, 1.12)])
def test_a_score_waits_for_what_further_layers_hear(tmp_path: Path, size: str, layers: int, delay_s: float) -> None:
    """Each layer beyond those that suit the size hears one step more, 80 ms, of what follows."""
    path = write_keras_weights(tmp_path / "yamnet.h5", random_weights(layers=14))
    settings = settings_of(size, str(path), layers)  # type: ignore[arg-type]
    assert settings.network.target_delay_steps * settings.clock.step_s == pytest.approx(delay_s)


def test_a_number_of_layers_needs_a_backbone() -> None:
    with pytest.raises(ConfigError, match=r"--backbone-layers 3 says how many .* give --backbone, too"):
        settings_of("medium", backbone_layers=3)


@pytest.mark.parametrize("first_model", [None, "a" * 64])
def test_a_training_that_goes_on_lowers_the_learning_rate_once(tmp_path: Path, first_model: str | None) -> None:
    """What was trained on before keeps the lowered rates in its settings; a third of them would soon be nothing."""
    (tmp_path / "training").mkdir()
    (tmp_path / "training" / "settings.toml").write_text(write_settings(Settings()), encoding="utf-8")
    folder = SimpleNamespace(path=tmp_path, provenance={"from_model": first_model}, operating_point={}, classes=())
    training = fine_tuning_settings(folder).training  # type: ignore[arg-type]
    assert training.check_every_steps < training.float_steps, "a check finds the hard negatives of the updates after it"
    lower = 1 if first_model else 3
    assert training.learning_rate == pytest.approx(Settings().training.learning_rate / lower)
    assert training.quantized_learning_rate == pytest.approx(Settings().training.quantized_learning_rate / lower)


def test_layers_with_other_channels_or_strides_than_yamnet_s_are_refused(tmp_path: Path) -> None:
    weights = random_weights(layers=4)
    narrow = random_weights(layers=4, filters=(32, 64, 96, 128))
    path = write_keras_weights(tmp_path / "narrow.h5", narrow)
    said = r"narrow\.h5: layer 3 has 96 channels and the stride 2 and 1, but that of YAMNet has 128 channels and the"
    with pytest.raises(ModelError, match=rf"{said} stride 2 and 1; .*, or its first 2 \(--backbone-layers 2\)"):
        settings_of("medium", str(path))
    assert settings_of("medium", str(path), 2).network.backbone_layers == 2

    path = write_keras_weights(tmp_path / "slow.h5", weights)
    convolution = '{"class_name": "Conv2D", "config": {"name": "layer1/conv", "strides": [1, 1]}}'
    with h5py.File(path, "a") as file:
        file.attrs["model_config"] = (
            f'{{"class_name": "Functional", "config": {{"name": "m", "layers": [{convolution}]}}}}'
        )
    said = r"slow\.h5: layer 1 has 32 channels and the stride 1, but that of YAMNet has 32 channels and the stride 2; "
    with pytest.raises(ModelError, match=rf"{said}.* choose a file that has them$"):
        settings_of("medium", str(path))
    assert read_backbone(path).convolutions[0].stride == 1, "it can be shown"
