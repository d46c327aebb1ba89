"""Log-mel features by the C of the device: int16 PCM in, int8 bands out, the same bits on every target.

`make_tables` turns a configuration into the tables that the C reads (frontend.bin); `Frontend` runs the C with them.
csrc/frontend/stapes_frontend_api.h describes each number in the tables; stapes_frontend.c explains the arithmetic and
its intervals.
"""

import hashlib
import math
import struct
import zlib
from dataclasses import dataclass, fields
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from stapes.firmware_sim._native import ffi, lib
from stapes.firmware_sim.errors import ConfigError, DetectorFolderError

BandScale = Literal["slaney", "htk", "linear"]
_SCALES: tuple[BandScale, ...] = ("slaney", "htk", "linear")
DB_PER_OCTAVE = 10 * math.log10(2)
LOG2_BIAS = 20  # log2 values are octaves of power above 2^20 LSB^2 of the int16 input
LOG2_ONE = 1024  # log2 values are Q10: 1024 stands for an octave
FEATURE_UNIT_DB = 14.4  # the real value 1 of a feature; 32 int8 steps of the default 0.45 dB

Int8s = npt.NDArray[np.int8]
Int16s = npt.NDArray[np.int16]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class FrontendConfig:
    """What the frontend computes. Frame t covers samples [t*hop_samples, t*hop_samples + window_samples).

    Raises ConfigError for a setting outside its range.
    """

    sample_rate_hz: int = 16_000
    n_fft: int = 512  # a power of two, 64..2048
    window_samples: int = 512  # Hann, even, at most n_fft
    hop_samples: int = 256  # 1..window_samples
    n_bands: int = 40  # 1..128 triangles
    band_scale: BandScale = "slaney"
    f_min_hz: float = 60.0
    f_max_hz: float = 7_500.0  # at most half the sample rate
    dc_blocker: bool = False  # subtract each frame's mean first: an accelerometer measures gravity, too
    # Band power: |DFT of samples * Hann|^2, unscaled, through the band's triangle of peak 1. With a window of 512 a
    # full-scale sine reaches 132 dB, a quiet room (-66 dBFS) about 50 dB, the rounding of 16-bit samples about 12 dB.
    int8_zero_db: float = 75.0  # band power (dB re 1 LSB^2 of the int16 input) that becomes 0
    int8_step_db: float = 0.45  # dB per int8 step: 256 steps span 115 dB; feature_scale follows from it

    def __post_init__(self) -> None:
        _require_types(self)
        if self.n_fft not in (64, 128, 256, 512, 1024, 2048):
            raise ConfigError(f"n_fft is {self.n_fft}: need a power of two from 64 to 2048")
        if not 2 <= self.window_samples <= self.n_fft or self.window_samples % 2:
            raise ConfigError(f"window_samples is {self.window_samples}: need an even number up to n_fft, {self.n_fft}")
        if self.band_scale not in _SCALES:
            raise ConfigError(f"band_scale is {self.band_scale!r}: need one of {', '.join(_SCALES)}")
        for name, least, most in (
            ("sample_rate_hz", 1_000, 96_000),
            ("hop_samples", 1, self.window_samples),
            ("n_bands", 1, 128),
            ("int8_zero_db", -100, 200),
            ("int8_step_db", 0.01, 10),
        ):
            if not least <= getattr(self, name) <= most:
                raise ConfigError(f"{name} is {getattr(self, name)}: need {least} to {most}")
        if not 0 <= self.f_min_hz < self.f_max_hz < math.inf:
            raise ConfigError(
                f"f_min_hz is {self.f_min_hz} and f_max_hz {self.f_max_hz}: need 0 <= f_min_hz < f_max_hz"
            )

    @property
    def hop_s(self) -> float:
        """Seconds from one frame to the next."""
        return self.hop_samples / self.sample_rate_hz

    @property
    def feature_scale(self) -> float:
        """Return the real value that a network takes for one int8 step of a feature.

        It follows from `int8_step_db`, so that a level in dB above `int8_zero_db` is the same real number whatever the
        step: 1 stands for FEATURE_UNIT_DB.
        """
        return self.int8_step_db / FEATURE_UNIT_DB

    def samples_of(self, n_frames: int) -> int:
        """Return how many samples this many successive frames cover, at least one; windows overlap."""
        return (n_frames - 1) * self.hop_samples + self.window_samples


def _require_types(config: FrontendConfig) -> None:
    needed = {int: "a whole number", float: "a number", bool: "true or false", str: "a name"}
    for field in fields(config):
        value, kind = getattr(config, field.name), type(field.default)
        if type(value) is not kind and not (kind is float and type(value) is int):
            raise ConfigError(f"{field.name} is {value!r}: need {needed[kind]}")


def band_edges_hz(config: FrontendConfig) -> Floats:
    """Return the edges of the triangles, float64[n_bands + 2].

    Band j rises from edge j to edge j + 1 and falls to edge j + 2, linearly in Hz.
    """
    low, high = (_to_scale(hz, config.band_scale) for hz in (config.f_min_hz, config.f_max_hz))
    edges = _from_scale(np.linspace(low, high, config.n_bands + 2), config.band_scale)
    edges[0], edges[-1] = config.f_min_hz, config.f_max_hz
    return edges


# "slaney" is the scale of Slaney's Auditory Toolbox (1998): below 1 kHz 200/3 Hz per mel, above it 27 mels for a factor
# of 6.4 in Hz. "htk" is the formula of the HTK Book: 2595 log10(1 + f / 700).
def _to_scale(hz: float, scale: BandScale) -> float:
    if scale == "linear":
        return hz
    if scale == "htk":
        return 2595 * math.log10(1 + hz / 700)
    return 3 * hz / 200 if hz < 1000 else 15 + 27 * math.log(hz / 1000) / math.log(6.4)


def _from_scale(mels: Floats, scale: BandScale) -> Floats:
    if scale == "linear":
        return mels
    if scale == "htk":
        return 700 * (10 ** (mels / 2595) - 1)
    return np.where(mels < 15, mels * 200 / 3, 1000 * np.exp((mels - 15) * math.log(6.4) / 27))


def make_tables(config: FrontendConfig) -> bytes:
    """Return the tables that the C reads, a multiple of 4 bytes.

    Raises ConfigError for a band without an FFT bin, a band that reaches past half the sample rate, or settings with
    which a sum in the C could overflow.
    """
    window = np.round(2.0 ** (input_bits(config) + 1) * _hann(config.window_samples)).astype(np.int32)
    first_bin, segments = _triangles(config)
    check_ranges(window, config, int(segments["bins"].max()))
    half, first_radix = config.n_fft // 2, _first_radix(config)
    turn, odd_bin = np.arange(1, half // 4), np.arange(1, half // 2, 2)
    parts: dict[str, np.ndarray[Any, Any]] = {
        "window_at": (window * np.resize(np.array([1, -1], np.int32), len(window)))[: len(window) // 2 + 1],
        "twiddles_at": np.stack([_rotation(-2 * np.pi * power * turn / half) for power in (1, 2, 3)], axis=1),
        "odd_twiddles_at": _rotation(-2 * np.pi * odd_bin / config.n_fft),
        "segments_at": segments,
        "log2_at": np.round(32768 * np.log2(1 + np.arange(65) / 64)).astype(np.uint16),
        "order_at": 8 * first_radix * _digits_reversed(half // first_radix),
    }
    head = ffi.new("stapes_frontend_tables *")
    head.magic, head.arithmetic = lib.STAPES_FRONTEND_MAGIC, lib.STAPES_FRONTEND_ARITHMETIC
    head.first_radix, head.first_bin = first_radix, first_bin
    _store_settings(head, config)
    data = b""
    for name, table in parts.items():
        setattr(head, name, ffi.sizeof("stapes_frontend_tables") + len(data))
        data += table.astype(table.dtype.newbyteorder("<")).tobytes()
        data += bytes(-len(data) % 4)
    head.bytes = ffi.sizeof("stapes_frontend_tables") + len(data)
    blob = bytes(ffi.buffer(head)) + data
    head.crc32 = zlib.crc32(blob[_CRC_FROM:])
    return bytes(ffi.buffer(head)) + data


_CRC_FROM = 16  # bytes; before them are magic, arithmetic, size and the CRC itself


def _store_settings(head: Any, config: FrontendConfig) -> None:
    head.sample_rate_hz, head.n_fft, head.n_bands = config.sample_rate_hz, config.n_fft, config.n_bands
    head.window, head.hop = config.window_samples, config.hop_samples
    head.dc_blocker, head.band_scale = config.dc_blocker, _SCALES.index(config.band_scale)
    # The C's power is |2 X|^2 of the samples times 2^(input_bits - 15), halved in each stage of the FFT but the first.
    # With the DC blocker the samples are larger by a factor of window_samples / 2^16 as well.
    scale = 2.0 + 2 * (input_bits(config) - _halvings(config) - 15)
    if config.dc_blocker:
        scale += 2 * (math.log2(config.window_samples) - 16)
    head.log2_offset = round(-32768 * (scale + LOG2_BIAS))
    head.int8_multiplier, head.int8_offset, head.int8_shift = _affine(config)
    settings = struct.pack("<4d", config.f_min_hz, config.f_max_hz, config.int8_zero_db, config.int8_step_db)
    head.settings = list(struct.unpack("<8I", settings))


def _read_settings(head: Any) -> FrontendConfig:
    f_min, f_max, zero, step = struct.unpack("<4d", struct.pack("<8I", *head.settings))
    if head.band_scale >= len(_SCALES):
        raise ConfigError(f"band scale number {head.band_scale} is unknown")
    return FrontendConfig(
        sample_rate_hz=head.sample_rate_hz,
        n_fft=head.n_fft,
        window_samples=head.window,
        hop_samples=head.hop,
        n_bands=head.n_bands,
        band_scale=_SCALES[head.band_scale],
        f_min_hz=f_min,
        f_max_hz=f_max,
        dc_blocker=bool(head.dc_blocker),
        int8_zero_db=zero,
        int8_step_db=step,
    )


def input_bits(config: FrontendConfig) -> int:
    """Return b where windowed samples are scaled to at most 2^b, so that every FFT point fits into 28 bits and a sign.

    It is one bit less for more than 512 points, because sums of sums over the bins of a wide band must fit 64 bits.
    """
    return 28 - int(math.log2(config.n_fft)) - (config.n_fft > 512) + _halvings(config)


def _first_radix(config: FrontendConfig) -> int:
    return 4 if math.log2(config.n_fft // 2) % 2 == 0 else 2


def _halvings(config: FrontendConfig) -> int:
    """Return how often the half-size FFT halves its points: in each stage after the first, all of radix 4."""
    return int(math.log2(config.n_fft // 2 // _first_radix(config))) // 2


def _hann(samples: int) -> Floats:
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(samples) / samples)


def _digits_reversed(count: int) -> npt.NDArray[np.uint16]:
    """Return 0..count-1 with the digits of their base-4 notation reversed; `count` is a power of four."""
    order = np.zeros(1, int)
    while len(order) < count:
        order = np.concatenate([4 * order + digit for digit in range(4)])
    return order.astype(np.uint16)


_ROTATION_UNIT = 2**13


def _rotation(angle: Floats) -> npt.NDArray[np.int32]:
    """Return exp(i angle) as int32[..., 2], (cosine, sine) * 2^31 rounded to 18 bits and a sign."""
    parts = np.round(2**18 * np.stack([np.cos(angle), np.sin(angle)], axis=-1))
    return np.clip(parts, 1 - 2**18, 2**18 - 1).astype(np.int32) * _ROTATION_UNIT


def check_ranges(window: npt.NDArray[np.int32], config: FrontendConfig, longest_segment: int) -> None:
    """Check for this window the bounds at the head of stapes_frontend.c. Raises ConfigError when one does not hold."""
    samples = (np.abs(window) / 2.0 + 1) / 2.0 ** _halvings(config)
    # Each of at most five stages rounds by less than 8 units and at most doubles the error so far: below 2^8 in sum,
    # so this is generous.
    rounding = 2.0**10
    energy = np.sum(samples**2)
    largest_bin = math.sqrt(2 * config.n_fft * energy) + rounding
    largest_sum = (math.sqrt(2 * config.n_fft * energy) + rounding * math.sqrt(config.n_fft)) ** 2
    largest_part = math.sqrt(config.n_fft * max(np.sum(samples[0::2] ** 2), np.sum(samples[1::2] ** 2))) + rounding
    largest_point = np.sum(np.hypot(samples[0::2], samples[1::2])) + rounding
    for name, value, bits in (
        ("a doubled bin", largest_bin, 28),
        ("a doubled bin of every other sample", largest_part, 27),
        ("a point of the half-size FFT", largest_point, 27),
        ("the power of all bins", largest_sum, 56),
        (f"a sum of sums over the {longest_segment} bins of a band's slope", largest_sum * (longest_segment - 1), 64),
    ):
        if value >= 2.0**bits:
            raise ConfigError(
                f"{name} could reach 2^{math.log2(value):.2f} with n_fft {config.n_fft} and this window of "
                f"{len(window)} samples: it must stay below 2^{bits}"
            )


_SEGMENT = np.dtype([("bins", "<u4"), ("last", "<u4"), ("slope", "<u4")])  # stapes_frontend_segment


def _triangles(config: FrontendConfig) -> tuple[int, npt.NDArray[Any]]:
    """Return the first FFT bin that lies in a band, and the n_bands + 1 segments between neighbouring edges."""
    edges = band_edges_hz(config)
    spacing = config.sample_rate_hz / config.n_fft
    if config.f_max_hz > config.sample_rate_hz / 2:
        past = int(np.argmax(edges[2:] > config.sample_rate_hz / 2))
        raise ConfigError(
            f"band {past} ({edges[past]:.1f} to {edges[past + 2]:.1f} Hz) reaches past half the sample rate, "
            f"{config.sample_rate_hz / 2:g} Hz: lower f_max_hz, which is {config.f_max_hz}"
        )
    bins = np.arange(1, config.n_fft // 2)
    segment = np.searchsorted(edges, bins * spacing, side="right") - 1
    inside = (segment >= 0) & (segment <= config.n_bands)
    bins, segment = bins[inside], segment[inside]
    rise = (bins * spacing - edges[segment]) / (edges[segment + 1] - edges[segment])
    rising, falling = (np.bincount(segment, weights, config.n_bands + 1) for weights in (rise, 1 - rise))
    empty = np.flatnonzero(rising[:-1] + falling[1:] < _LEAST_WEIGHT)
    if len(empty):
        band = int(empty[0])
        raise ConfigError(
            f"band {band} ({edges[band]:.1f} to {edges[band + 2]:.1f} Hz) holds no FFT bin, {len(empty)} of n_bands "
            f"{config.n_bands} do not: bins are {spacing:g} Hz apart (sample_rate_hz {config.sample_rate_hz} / n_fft "
            f"{config.n_fft}). Use fewer bands, a larger n_fft or a higher f_min_hz"
        )
    return int(bins[0]), _segments(segment, rise, spacing / np.diff(edges))


_LEAST_WEIGHT = 2.0**-16  # a band whose bins weigh less in sum is empty


def _segments(segment: npt.NDArray[np.int64], rise: Floats, slope: Floats) -> npt.NDArray[Any]:
    """Return the stapes_frontend_segment of each slope.

    segment: number of the slope that each bin lies on; rise: its weight on the rising side; slope: weight per bin.
    """
    table = np.zeros(len(slope), _SEGMENT)
    table["bins"] = np.bincount(segment, minlength=len(slope))
    several = table["bins"] > 1
    table["slope"][several] = np.round(2.0**32 * slope[several])
    last = np.round(2.0**32 * (1 - rise))
    highest = 2.0**32 - 1 - (table["bins"][segment] - 1.0) * table["slope"][segment]  # so that weights stay below 1
    table["last"][segment] = np.clip(last, 0, highest)  # numpy keeps the last bin of each segment
    return table


def affine_int8(log2_bands: Int16s, config: FrontendConfig) -> Int8s:
    """Return the int8 features of log2 values (Q10), computed in float64; the C's integers give the same for each."""
    decibels = DB_PER_OCTAVE * (log2_bands.astype(float) / LOG2_ONE + LOG2_BIAS)
    return np.clip(np.floor((decibels - config.int8_zero_db) / config.int8_step_db + 0.5), -128, 127).astype(np.int8)


def _affine(config: FrontendConfig) -> tuple[int, int, int]:
    """Return multiplier, offset and shift with which integers give the features of `affine_int8` for all log2 values.

    Where the nearest integers do not, their neighbours are tried. Raises ConfigError when none of them do.
    """
    slope = DB_PER_OCTAVE / LOG2_ONE / config.int8_step_db
    shift = 31 - math.frexp(slope)[1]
    multiplier = round(slope * 2**shift)
    offset = round(((DB_PER_OCTAVE * LOG2_BIAS - config.int8_zero_db) / config.int8_step_db + 0.5) * 2 ** (shift - 16))
    values = np.arange(-32768, 32768)
    wanted = affine_int8(values.astype(np.int16), config)
    for nudge in sorted(np.ndindex(9, 9), key=lambda by: abs(by[0] - 4) + abs(by[1] - 4)):
        tried = multiplier + nudge[0] - 4, offset + nudge[1] - 4
        if np.array_equal(np.clip((values * tried[0] + tried[1] * 65536) >> shift, -128, 127), wanted):
            return *tried, shift
    raise ConfigError(
        f"int8_zero_db {config.int8_zero_db} with int8_step_db {config.int8_step_db} cannot be computed exactly in "
        "integers: change the last digit of one of them"
    )


class Frontend:
    """The frontend of the device with one set of tables: `Frontend(make_tables(FrontendConfig()))`.

    `lanes` is how many frames are computed at a time: 1, 4, 8 or 16, by default as many as this machine can. The bits
    are the same for each. `hash` identifies the tables and the version of the arithmetic.

    Raises DetectorFolderError for tables that are damaged or made for another version of the arithmetic, ConfigError
    for `lanes` that this machine does not have.

    >>> frontend = Frontend(make_tables(FrontendConfig(hop_samples=160)))
    >>> frontend.features(np.zeros(16_000, np.int16)).shape
    (97, 40)
    """

    def __init__(self, tables: bytes, *, lanes: int | None = None) -> None:
        self._memory = ffi.new("uint32_t[]", max(1, -(-len(tables) // 4)))
        lib.stapes_frontend_read(self._memory, tables, len(tables))
        self._tables = ffi.cast("stapes_frontend_tables *", self._memory)
        self.config = self._checked(tables)
        widest = int(lib.stapes_recording_lanes())
        if lanes not in (None, *(width for width in (1, 4, 8, 16) if width <= widest)):
            raise ConfigError(f"lanes is {lanes}: need 1, 4, 8 or 16, at most the {widest} of this machine")
        self.lanes = lanes or widest
        self.hash = hashlib.sha256(b"stapes frontend %d\n" % lib.STAPES_FRONTEND_ARITHMETIC + tables).hexdigest()

    def _checked(self, tables: bytes) -> FrontendConfig:
        problem = lib.stapes_frontend_init(self._tables, len(tables)) or lib.stapes_frontend_check_crc(self._tables)
        if problem:
            raise DetectorFolderError(f"frontend tables of {len(tables)} bytes: {_PROBLEMS[problem]}")
        try:
            config = _read_settings(self._tables)
            expected = make_tables(config)
        except ConfigError as error:
            raise DetectorFolderError(f"frontend tables with settings that no frontend has: {error}") from error
        _require_alike(tables, expected)
        return config

    def frames(self, samples: int) -> int:
        """Return how many whole frames a recording of this many samples has."""
        return int(lib.stapes_frontend_frames(self._tables, samples))

    def features(self, pcm: Int16s) -> Int8s:
        """Return the features of a recording: int16[samples] to int8[frames, n_bands].

        A feature is round((band power in dB - int8_zero_db) / int8_step_db), saturated to int8. Raises TypeError for
        samples that are not one-dimensional int16.
        """
        features = np.empty((self.frames(len(pcm)), self.config.n_bands), np.int8)
        self._run(pcm, ffi.from_buffer("int8_t[]", features), ffi.NULL)
        return features

    def log2(self, pcm: Int16s) -> Int16s:
        """Return log2 of the band powers of a recording: int16[samples] to int16[frames, n_bands].

        A value is Q10: 1024 * (log2(band power in LSB^2) - 20); -32768 stands for no power at all. Raises TypeError as
        `features` does.
        """
        log2_bands = np.empty((self.frames(len(pcm)), self.config.n_bands), np.int16)
        self._run(pcm, ffi.NULL, ffi.from_buffer("int16_t[]", log2_bands))
        return log2_bands

    def _run(self, pcm: Int16s, features: Any, log2_bands: Any) -> None:
        samples = np.ascontiguousarray(pcm)
        if samples.dtype != np.int16 or samples.ndim != 1:
            raise TypeError(f"pcm is {samples.dtype} of shape {samples.shape}: need one-dimensional int16")
        work = np.empty(self.config.n_fft * self.lanes + 16, np.int32)
        aligned = ffi.from_buffer("int32_t[]", work) + -(work.ctypes.data // 4) % 16
        lib.stapes_recording(
            self._tables,
            ffi.from_buffer("int16_t[]", samples),
            len(samples),
            self.lanes,
            aligned,
            features,
            log2_bands,
        )


_PROBLEMS = {
    lib.STAPES_FRONTEND_NOT_TABLES: "not the tables of a frontend. Make them again with make_tables",
    lib.STAPES_FRONTEND_OTHER_ARITHMETIC: "made for another version of the arithmetic. Train again with this version",
    lib.STAPES_FRONTEND_BAD_SIZE: "truncated, or with sizes that no frontend has",
    lib.STAPES_FRONTEND_BAD_CRC: "damaged: the checksum does not match",
}


def _require_alike(tables: bytes, expected: bytes) -> None:
    """Raise DetectorFolderError unless `tables` equal those that their own settings give.

    Numbers rounded from sines and logarithms may differ by one unit, because another libm may have made them. This
    check keeps the C inside its memory: tables from elsewhere are only data.
    """
    head = ffi.from_buffer("stapes_frontend_tables *", expected)
    sections = (
        (_CRC_FROM, head.window_at, "u1", 0),
        (head.window_at, head.twiddles_at, "<i4", 1),
        (head.twiddles_at, head.segments_at, "<i4", _ROTATION_UNIT),
        (head.segments_at, head.log2_at, "<u4", 16),
        (head.log2_at, head.order_at, "<u2", 1),
        (head.order_at, head.bytes, "u1", 0),
    )

    def differ(start: int, end: int, kind: str, unit: int) -> bool:
        got, wanted = (np.frombuffer(blob[start:end], kind).astype(np.int64) for blob in (tables, expected))
        return bool(np.any(np.abs(got - wanted) > unit))

    if len(tables) != len(expected) or any(differ(*section) for section in sections):
        raise DetectorFolderError(
            "frontend tables that do not belong to their own settings. Make them again with make_tables"
        )
