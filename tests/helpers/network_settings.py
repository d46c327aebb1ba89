"""Settings of networks that tests build without training them."""

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
