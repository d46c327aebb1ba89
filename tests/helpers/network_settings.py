"""Settings of networks that tests build or train for a few seconds."""

from dataclasses import replace

from stapes.train.settings import NetworkSettings

SEPARABLE = NetworkSettings(
    conv_channels=(8, 12, 16, 16),
    conv_kernel_frames=(3, 3, 3, 1),
    conv_stride_frames=(2, 1, 1, 1),
    conv_kernel_bands=(3, 3, 3, 10),
    conv_stride_bands=(2, 1, 2, 10),
    conv_kinds=("full", "separable", "separable", "depthwise"),
    conv_padding="same",
    conv_activation="relu6",
)
FOUR_BITS = replace(SEPARABLE, conv_weight_bits=(8, 4, 4, 8))

# For settings files: a network that is trained in seconds, and a search for its thresholds that takes no time.
TINY_NETWORK = """
[network]
conv_channels = [4, 4]
conv_kernel_frames = [3, 2]
conv_stride_frames = [2, 1]
conv_kernel_bands = [5, 3]
conv_stride_bands = [3, 3]
projection_units = 8
gru_units = 8
"""
SHORT_SEARCH = """[operating_point]
smoothing_steps = [1]
off_ratio = [0.5]
min_duration_steps = [1]
merge_gap_steps = [0]
"""
