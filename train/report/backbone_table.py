"""What a backbone costs on the device when it is cut after each of its layers."""

from collections.abc import Iterator
from dataclasses import dataclass

from stapes.train.learn.backbone import YAMNET_FRONTEND, Backbone, BackboneConvolution
from stapes.train.text import table


@dataclass(frozen=True)
class BackboneCost:
    """Sums over the layers of a backbone at int8, when it runs on a stream of frames.

    bands, channels, period_ms: width and channels of the last layer's output, and the time between two of its rows.
    flash_bytes: one byte for each weight of a kernel and four for each bias.
    macs_per_s: multiplications with an addition, per second of sound.
    state_bytes: rows that 3x3 convolutions keep from one step to the next, one byte for each value.
    look_ahead_ms: sound after the middle of an output that the 3x3 convolutions wait for.
    """

    bands: int
    channels: int
    period_ms: float
    parameters: int = 0
    flash_bytes: int = 0
    macs_per_s: float = 0.0
    state_bytes: int = 0
    look_ahead_ms: float = 0.0

    def with_convolution(self, convolution: BackboneConvolution) -> "BackboneCost":
        """Return the cost with one more convolution."""
        kernel, stride = convolution.kernel, convolution.stride
        rows, bands = kernel.shape[0], -(-self.bands // stride)
        outputs_per_s = 1000 / (self.period_ms * stride) * bands
        return BackboneCost(
            bands=bands,
            channels=convolution.channels_out,
            period_ms=self.period_ms * stride,
            parameters=self.parameters + kernel.size + convolution.bias.size,
            flash_bytes=self.flash_bytes + kernel.size + 4 * convolution.bias.size,
            macs_per_s=self.macs_per_s + outputs_per_s * kernel.size,
            state_bytes=self.state_bytes + max(0, rows - stride) * self.bands * self.channels,
            look_ahead_ms=self.look_ahead_ms + rows // 2 * self.period_ms,
        )


def cost_per_layer(backbone: Backbone) -> list[BackboneCost]:
    """Return what the backbone costs when it is cut after each layer, from the first to the last."""
    cost = BackboneCost(YAMNET_FRONTEND.n_bands, 1, 1000 * YAMNET_FRONTEND.hop_s)
    costs = []
    for number, convolution in enumerate(backbone.convolutions):
        cost = cost.with_convolution(convolution)
        if number % 2 == 0:  # layer 1 is one convolution, each further layer two
            costs.append(cost)
    return costs


def backbone_table(backbone: Backbone) -> Iterator[str]:
    """Yield the lines of a table with a row for each layer after which the backbone can be cut."""
    header = ("layers", "channels", "bands", "row ms", "parameters", "flash KB", "M MAC/s", "state KB", "look-ahead ms")
    rows = [
        (
            str(layer),
            str(cost.channels),
            str(cost.bands),
            f"{cost.period_ms:g}",
            str(cost.parameters),
            f"{cost.flash_bytes / 1024:.1f}",
            f"{cost.macs_per_s / 1e6:.1f}",
            f"{cost.state_bytes / 1024:.1f}",
            f"{cost.look_ahead_ms:g}",
        )
        for layer, cost in enumerate(cost_per_layer(backbone), start=1)
    ]
    yield from table(header, rows)
