"""The frontend is compared with a float64 librosa reference, and refuses settings and tables that cannot work."""

import dataclasses
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from benchmarks import frontend_reference as reference
from stapes.firmware_sim._native import ffi, lib
from stapes.firmware_sim.device.frontend import Frontend, FrontendConfig, affine_int8, check_ranges, make_tables
from stapes.firmware_sim.errors import ConfigError, DetectorFolderError

RATE = 16_000
SAMPLES = 3 * RATE
CONFIGS = {
    "32/16 ms": FrontendConfig(),
    "25/10 ms": FrontendConfig(window_samples=400, hop_samples=160),
    "dc blocker": FrontendConfig(dc_blocker=True),
}


@pytest.fixture(scope="module", params=CONFIGS)
def frontend(request: pytest.FixtureRequest) -> Frontend:
    return Frontend(make_tables(CONFIGS[request.param]))


def errors_db(frontend: Frontend, signal: reference.Floats) -> reference.Floats:
    pcm = reference.as_int16(signal)
    return np.abs(reference.decibel_errors(frontend.log2(pcm), pcm, frontend.config))


@pytest.mark.parametrize("level_db", [-80, -60, -40, -20, 0])
def test_broadband_noise_vs_float64_librosa(frontend: Frontend, level_db: float) -> None:
    assert errors_db(frontend, reference.noise(level_db, SAMPLES)).max() <= 0.02
    assert errors_db(frontend, reference.pink_noise(level_db, SAMPLES)).max() <= 0.02


def test_an_impulse_anywhere_in_the_window_vs_float64_librosa(frontend: Frontend) -> None:
    window = frontend.config.window_samples
    apart = Frontend(make_tables(dataclasses.replace(frontend.config, hop_samples=window)))
    # The mean of a full-scale impulse is a signal of its own, 54 dB below: rounding at the window's edges shows in it.
    amplitudes = (16_384, -3_277, 33) if frontend.config.dc_blocker else (32_767, -32_768, 23_170, 16_384, -3_277, 33)
    for amplitude in amplitudes:
        pcm = np.diag(np.full(window, amplitude, np.int16)).ravel()  # one impulse per frame, each at another sample
        error = np.abs(reference.decibel_errors(apart.log2(pcm), pcm, apart.config)).max(axis=1)
        assert error.max() <= 0.2, f"{amplitude} at {error.argmax()}"


def test_quiet_bands_beside_a_loud_hum_vs_float64_librosa(frontend: Frontend) -> None:
    error = errors_db(frontend, reference.sine(-6, 100, SAMPLES) + reference.noise(-70, SAMPLES))
    assert np.percentile(error, 95) <= 0.15
    assert error.max() <= 0.7


SIGNALS: dict[str, Callable[[], reference.Floats]] = {
    "sweep 0": lambda: reference.sweep(0, SAMPLES),
    "sweep -20": lambda: reference.sweep(-20, SAMPLES),
    "sweep -40": lambda: reference.sweep(-40, SAMPLES),
    "hum": lambda: reference.sine(-6, 100, SAMPLES) + reference.noise(-70, SAMPLES),
    "1 kHz": lambda: reference.sine(-20, 1000, SAMPLES) + reference.noise(-80, SAMPLES),
    "square": lambda: np.sign(reference.sine(0, 440, SAMPLES)),
    "clipped noise": lambda: reference.noise(10, SAMPLES),
}


@pytest.mark.parametrize("signal", SIGNALS)
def test_bands_within_80_db_of_the_loudest_vs_float64_librosa(frontend: Frontend, signal: str) -> None:
    pcm = reference.as_int16(SIGNALS[signal]())
    error = np.abs(reference.decibel_errors(frontend.log2(pcm), pcm, frontend.config))
    powers = reference.band_powers(pcm, frontend.config)
    near = powers >= 1e-8 * powers.max(axis=1, keepdims=True)
    assert error[near].max() <= 0.5


def test_quiet_bands_beside_a_full_scale_tone_anywhere_vs_float64_librosa() -> None:
    """The limits that docs/frontend.md states, for a tone in a band, and for one in no band.

    In the second case the loudest band is far below the loudest FFT bin.
    """
    config = FrontendConfig(hop_samples=512)
    time, rng = np.arange(512) / RATE, np.random.default_rng(5)
    tones = [np.sin(2 * np.pi * hz * time + rng.uniform(0, 6)) for hz in np.arange(0, 8001, 6.5)]
    pcm = reference.as_int16(np.concatenate(tones))
    error = np.abs(reference.decibel_errors(Frontend(make_tables(config)).log2(pcm), pcm, config))
    powers, bins = reference.band_powers(pcm, config), reference.bin_powers(pcm, config)
    loudest = bins.max(axis=1, keepdims=True)
    assert error[powers >= 1e-8 * loudest].max() <= 0.1
    assert error[powers >= 1e-10 * loudest].max() <= 0.7
    assert error.max() <= 4


@pytest.mark.parametrize("scale", ["slaney", "htk", "linear"])
@pytest.mark.parametrize(
    ("n_fft", "window", "bands"), [(64, 64, 8), (128, 100, 12), (256, 256, 20), (1024, 900, 64), (2048, 1400, 96)]
)
def test_every_size_vs_float64_librosa(n_fft: int, window: int, bands: int, scale: Any) -> None:
    config = FrontendConfig(
        n_fft=n_fft, window_samples=window, hop_samples=min(window, 200), n_bands=bands, band_scale=scale, f_min_hz=300
    )
    assert errors_db(Frontend(make_tables(config)), reference.noise(-30, RATE)).max() <= 0.02


@pytest.mark.parametrize(("n_fft", "window"), [(64, 2), (512, 6), (2048, 2), (2048, 64)])
def test_windows_much_shorter_than_the_fft_vs_float64_librosa(n_fft: int, window: int) -> None:
    config = FrontendConfig(n_fft=n_fft, window_samples=window, hop_samples=2, n_bands=8)
    # Nearly every bin holds the same value, so rounding errors are not random.
    assert errors_db(Frontend(make_tables(config)), reference.noise(-30, 2000)).max() <= 0.2


def test_silence_is_the_lowest_value(frontend: Frontend) -> None:
    pcm = np.zeros(1000, np.int16)
    assert np.all(frontend.log2(pcm) == -32768)
    assert np.all(frontend.features(pcm) == -128)


def test_the_dc_blocker_removes_any_constant_exactly() -> None:
    frontend = Frontend(make_tables(CONFIGS["dc blocker"]))
    signal = reference.as_int16(reference.noise(-40, RATE)) // 2
    for constant in (-16_384, -1, 1, 12_345):
        assert np.array_equal(frontend.log2(signal + np.int16(constant)), frontend.log2(signal))
    assert np.all(frontend.log2(np.full(1000, -32768, np.int16)) == -32768)


@pytest.mark.parametrize(("zero", "step"), [(75.0, 0.45), (0.5, 1.0), (60.0, 0.301), (-3.7, 0.02), (110.0, 9.9)])
def test_int8_equals_the_rounded_affine_of_log2(zero: float, step: float) -> None:
    config = FrontendConfig(int8_zero_db=zero, int8_step_db=step)
    frontend = Frontend(make_tables(config))
    pcm = reference.as_int16(reference.sweep(0, SAMPLES) * np.linspace(0, 1, SAMPLES) ** 4)
    assert np.array_equal(frontend.features(pcm), affine_int8(frontend.log2(pcm), config))


def test_frames_lie_where_the_contract_says(frontend: Frontend) -> None:
    window, hop = frontend.config.window_samples, frontend.config.hop_samples
    assert [frontend.frames(n) for n in (0, window - 1, window, window + hop - 1, window + hop)] == [0, 0, 1, 1, 2]
    pcm = reference.as_int16(reference.noise(-20, 3000))
    whole = frontend.features(pcm)
    for t in range(len(whole)):
        assert np.array_equal(frontend.features(pcm[t * hop : t * hop + window])[0], whole[t])


@pytest.mark.parametrize(
    ("pcm", "words"),
    [
        (np.zeros(600), r"float64 of shape \(600,\)"),
        (np.zeros((600, 2), np.int16), r"int16 of shape \(600, 2\)"),
        (np.zeros(600, ">i2"), ">i2 of shape"),
        ([0] * 600, "int64 of shape"),
    ],
)
def test_what_is_not_one_dimensional_int16_is_refused(pcm: Any, words: str) -> None:
    with pytest.raises(TypeError, match=words + ".*: need one-dimensional int16"):
        Frontend(make_tables(FrontendConfig())).features(pcm)


def test_the_blob_carries_its_configuration(frontend: Frontend) -> None:
    tables = make_tables(frontend.config)
    assert Frontend(tables).config == frontend.config
    assert Frontend(tables).hash == frontend.hash
    other = dataclasses.replace(frontend.config, f_min_hz=61.0)
    assert Frontend(make_tables(other)).hash != frontend.hash


def test_a_damaged_or_foreign_blob_is_refused() -> None:
    tables = make_tables(FrontendConfig())

    def sealed(at: int, value: int) -> bytes:
        changed = bytearray(tables)
        changed[at] = value
        return bytes(changed[:12]) + zlib.crc32(changed[16:]).to_bytes(4, "little") + bytes(changed[16:])

    flipped = tables[:-1] + bytes([tables[-1] ^ 1])
    for blob, words in [
        (b"", "not the tables"),
        (b"RIFF" + tables[4:], "not the tables"),
        (tables[:4] + b"\xff" + tables[5:], "another version"),
        (tables[:-4], "truncated"),
        (flipped, "checksum"),
        (sealed(34, 200), "do not belong"),  # first_bin past the spectrum
        (sealed(26, 128), "do not belong|no frontend has"),  # more bands than there are segments
        (sealed(30, 3), "band scale number 3 is unknown"),
    ]:
        with pytest.raises(DetectorFolderError, match=words):
            Frontend(blob)


def test_what_the_device_checks_before_it_begins() -> None:
    """stapes_frontend_init checks magic, alignment, version and sizes; stapes_frontend_check_crc finds other damage."""
    blob = make_tables(FrontendConfig())

    def answers(start: int = 0, size: int = len(blob), **changed: int) -> tuple[int, int]:
        memory = ffi.new("uint32_t[]", len(blob) // 4 + 1)
        bytes_at = ffi.cast("char *", memory) + start
        ffi.memmove(bytes_at, blob, len(blob))
        tables = ffi.cast("stapes_frontend_tables *", bytes_at)
        for field, value in changed.items():
            setattr(tables, field, value)
        problem = int(lib.stapes_frontend_init(tables, size))
        return problem, problem or int(lib.stapes_frontend_check_crc(tables))

    assert answers() == (lib.STAPES_FRONTEND_OK, lib.STAPES_FRONTEND_OK)
    assert answers(first_bin=3) == (lib.STAPES_FRONTEND_OK, lib.STAPES_FRONTEND_BAD_CRC)
    for start in (1, 2, 3):
        assert answers(start)[0] == lib.STAPES_FRONTEND_NOT_TABLES
    assert answers(size=50)[0] == answers(magic=1)[0] == lib.STAPES_FRONTEND_NOT_TABLES
    assert answers(arithmetic=lib.STAPES_FRONTEND_ARITHMETIC - 1)[0] == lib.STAPES_FRONTEND_OTHER_ARITHMETIC
    assert answers(size=len(blob) - 4)[0] == answers(size=len(blob) + 4)[0] == lib.STAPES_FRONTEND_BAD_SIZE
    wrong = {"n_fft": (32, 500, 4096), "window": (0, 511, 514), "hop": (0, 513), "n_bands": (0, 129)}
    for field, values in wrong.items():
        for value in values:
            assert answers(**{field: value})[0] == lib.STAPES_FRONTEND_BAD_SIZE, f"{field} {value}"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"n_fft": 500}, "n_fft is 500"),
        ({"window_samples": 511}, "window_samples is 511"),
        ({"hop_samples": 513}, "hop_samples is 513"),
        ({"n_bands": 129}, "n_bands is 129"),
        ({"sample_rate_hz": 500}, "sample_rate_hz is 500"),
        ({"f_min_hz": 9000.0}, "f_min_hz is 9000"),
        ({"band_scale": "bark"}, "band_scale is 'bark'"),
        ({"n_fft": "512"}, "n_fft is '512': need a whole number"),
        ({"int8_step_db": 0.0}, "int8_step_db is 0.0"),
        ({"f_max_hz": 8000.5}, r"band 39 \(.* to 8000.5 Hz\) reaches past half the sample rate, 8000 Hz"),
        (
            {"n_bands": 128, "f_max_hz": 2000.0},
            r"band \d+ \(.* Hz\) holds no FFT bin, .* bins are 31.25 Hz apart",
        ),
    ],
)
def test_a_configuration_that_cannot_be_met_is_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        make_tables(FrontendConfig(**settings))


def test_a_window_that_could_overflow_is_refused() -> None:
    ones = np.full(512, 2**23, np.int32)
    with pytest.raises(ConfigError, match=r"a doubled bin could reach 2\^28\.\d+ with n_fft 512"):
        check_ranges(ones, FrontendConfig(), 14)


@pytest.mark.parametrize("n_fft", [512, 1024, 2048])
def test_a_single_band_over_the_whole_spectrum_vs_float64_librosa(n_fft: int) -> None:
    """This has the longest slope that a band can have, and so the largest sums of sums."""
    config = FrontendConfig(n_fft=n_fft, window_samples=n_fft, n_bands=1, band_scale="htk", f_min_hz=0, f_max_hz=8000)
    for signal in (np.sign(reference.sine(0, 440, RATE)), reference.noise(-30, RATE), reference.sweep(0, RATE)):
        assert errors_db(Frontend(make_tables(config)), signal).max() <= 0.02
