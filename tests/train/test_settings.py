"""Settings in TOML: they are read back as they were written, and errors name the line."""

from dataclasses import replace
from pathlib import Path

import pytest

from stapes.firmware_sim.errors import ConfigError
from stapes.train.settings import AugmentationSettings, Settings, read_settings, write_settings


def written(folder: Path, text: str) -> Path:
    path = folder / "settings.toml"
    path.write_text(text)
    return path


def test_settings_written_and_read_are_equal(tmp_path: Path) -> None:
    settings = replace(Settings(seed=7), augmentation=AugmentationSettings(run_snr_db=(-3.0, 12.5)))
    assert read_settings(written(tmp_path, write_settings(settings))) == settings


def test_settings_that_a_file_leaves_out_keep_their_defaults(tmp_path: Path) -> None:
    settings = read_settings(written(tmp_path, "[training]\nfloat_steps = 12\n"))
    assert settings == replace(Settings(), training=replace(Settings().training, float_steps=12))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "seed = 1\n[training]\nfloat_step = 3\n",
            r"settings.toml:3: unknown setting 'float_step'; the settings here are: seq",
        ),
        ("[trainin]\n", r"settings.toml:1: unknown setting 'trainin'; the settings here are: seed, channel, frontend"),
        ("[training]\n\ndropout = 'much'\n", r"settings.toml:3: dropout = 'much' is not a number"),
        (
            '[network]\nbackbone = "new\\nline.h5"\nbackbone_layers = 2\n',
            r"settings.toml:.*backbone is 'new\\nline.h5': its name has characters that a settings file cannot hold",
        ),
        ("seed = true\n", r"settings.toml:1: seed = True is not a whole number"),
        ("training = 3\n", r"settings.toml:1: training = 3 is not a table"),
        ("[augmentation]\ngain_db = [1.0]\n", r"settings.toml:2: gain_db = \[1.0\] is not a list of 2, each a number"),
        ("[frontend]\nband_scale = 'bark'\n", r"settings.toml:2: band_scale = 'bark' is not one of 'slaney', 'htk'"),
        ("[frontend]\nn_fft = 500\n", r"settings.toml:2: n_fft is 500"),
        ("[frontend]\nn_fft = 256\nwindow_samples = 255\n", r"settings.toml:3: window_samples is 255: need an even"),
        ("[frontend]\nsample_rate_hz = 16000\nn_bands = 128\nf_max_hz = 2e3\n", r"settings.toml:3: band \d+ .* no FFT"),
        ("[frontend]\nf_max_hz = 8000.5\n", r"settings.toml:2: band 39 .* lower f_max_hz, which is 8000.5"),
        (
            "[network]\nconv_channels = [8, 8]\n",
            r"settings.toml:2: network: the five conv_ lists of numbers have \[2, 3, 3, 3, 3\]",
        ),
        ("[training]\nbatch_sequences = 0\n", r"settings.toml:2: training: batch_sequences is 0: need 1 or more"),
        ("[training]\ndropout = 1.0\n", r"settings.toml:2: training: dropout is 1.0: need 0 or more, and less than 1"),
        (
            "[augmentation]\npoint_spacing = [0.5, 2.0]\n",
            r"augmentation: point_spacing is \(0.5, 2.0\): need at most 1",
        ),
        (
            "[augmentation]\nrun_speed = [2.0, 1.0]\n",
            r"augmentation: run_speed is \(2.0, 1.0\): need the smaller value first",
        ),
        ("[augmentation]\nrun_speed = [1.0, 1e9]\n", r"settings.toml:2: augmentation: run_speed is .*: need 0.1 to 10"),
        ("[augmentation]\nbackground_speed = [0.01, 1]\n", r"background_speed is \(0.01, 1.0\): need 0.1 to 10"),
        ("[augmentation]\nreverberation_rt60_s = [1, 1e9]\n", r"reverberation_rt60_s is .*: need 0.01 to 20"),
        (
            "seed = 1\n[operating_point]\nsmoothing_steps = [2]\n",
            r"settings.toml:3: operating_point: smoothing_steps has 2",
        ),
        ("[network]\ngru_units = 0\n", r"settings.toml:2: network: gru_units is 0: need 1 to 4096"),
        ("[network]\ntarget_delay_steps = -3\n", r"settings.toml:2: network: target_delay_steps is -3: need 0 to 4096"),
        (
            "[network]\nconv_stride_frames = [0, 2, 3]\n",
            r"settings.toml:2: network: conv_stride_frames is \[0, 2, 3\]",
        ),
        ("[augmentation]\nrun_speed = [nan, 2.0]\n", r"settings.toml:2: run_speed = \[nan, 2.0\] is not a list of 2"),
        (
            "[training]\n\nsequence_s = 0.5\n",
            r"settings.toml:3: network: target_delay_steps is 16: need less",
        ),
        (
            "seed = 1\n[network]\nscore_kernel_steps = 99\n",
            r"settings.toml:3: .* \* score_dilation_steps is 294: need less than the 250 steps of a training sequence",
        ),
        ("[frontend]\nn_bands = 14\n", r"settings.toml:2: network: conv2 spans 3 bands of the 2 that are left"),
        ("[frontend]\nf_max_hz = 9e3\n", r"settings.toml:2: band 38 .* reaches past half the sample rate"),
        (
            "[operating_point]\nfalse_alarms_per_hour_of_class = { dog = -1 }\n",
            r"settings.toml:2: operating_point: false_alarms_per_hour of dog is -1.0: need 0",
        ),
        ("seed = \n", r"settings.toml: is not a TOML file: "),
        (f"seed = {'9' * 5000}", r"settings.toml: is not a TOML file: Exceeds the limit"),
        (f"seed = {'[' * 5000}", r"settings.toml: is not a TOML file: maximum recursion depth exceeded"),
        (f"[training]\nsequence_s = {'9' * 400}", r"settings.toml:2: sequence_s = 9+ is not a number"),
    ],
)
def test_a_wrong_setting_is_named_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read_settings(written(tmp_path, text))


def test_budgets_of_classes_are_written_and_read(tmp_path: Path) -> None:
    text = "[operating_point]\nfalse_alarms_per_hour = 2\nfalse_alarms_per_hour_of_class = { 'big dog' = 0.5 }\n"
    settings = read_settings(written(tmp_path, text))
    assert [settings.operating_point.budget(label) for label in ("big dog", "cat")] == [0.5, 2.0]
    assert read_settings(written(tmp_path, write_settings(settings))) == settings


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none.toml: cannot be read: No such file"):
        read_settings(tmp_path / "none.toml")
