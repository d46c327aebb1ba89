"""Log-mel features by the C of the device: int16 PCM in, int8 bands out, the same bits on every target."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class FrontendConfig:
    """What the frontend computes. Frame t covers samples [t*hop_samples, t*hop_samples + window_samples)."""

    sample_rate_hz: int = 16_000
    n_fft: int = 512  # a power of two, 64..2048
    window_samples: int = 512  # Hann, even, at most n_fft
    hop_samples: int = 256  # 1..window_samples
    n_bands: int = 40  # 1..128 triangles
    band_scale: Literal["slaney", "htk", "linear"] = "slaney"
    f_min_hz: float = 60.0
    f_max_hz: float = 7_500.0  # below half the sample rate: the bin at Nyquist is not used
    dc_blocker: bool = False  # remove each frame's mean first: an accelerometer carries gravity
    int8_zero_db: float = 75.0  # band power (dB re 1 LSB^2 of the int16 input) that becomes 0
    int8_step_db: float = 0.45  # dB per int8 step: 256 steps span 115 dB
