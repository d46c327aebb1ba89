"""LOGISTIC and TANH of int16, into the scale 2^-15.

LiteRT draws straight lines between 256 values of the logistic function, which it states to 16 bits.
"""

import math

import numpy as np

from stapes.convert.lower.layers._shared.int16 import POWER_OF_TWO, expect_symmetric
from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import IN_PLACE, Call, Constant, Operation

# 65536 / (1 + exp(-k / 24)) for k = 0, 1, ... to within 1, as LiteRT's kernels have it
SIGMOID = np.array(
    (
        *(32768, 33451, 34133, 34813, 35493, 36169, 36843, 37513, 38180, 38841, 39498, 40149),
        *(40794, 41432, 42064, 42688, 43304, 43912, 44511, 45102, 45683, 46255, 46817, 47369),
        *(47911, 48443, 48964, 49475, 49975, 50464, 50942, 51409, 51865, 52311, 52745, 53169),
        *(53581, 53983, 54374, 54755, 55125, 55485, 55834, 56174, 56503, 56823, 57133, 57433),
        *(57724, 58007, 58280, 58544, 58800, 59048, 59288, 59519, 59743, 59959, 60168, 60370),
        *(60565, 60753, 60935, 61110, 61279, 61441, 61599, 61750, 61896, 62036, 62172, 62302),
        *(62428, 62549, 62666, 62778, 62886, 62990, 63090, 63186, 63279, 63368, 63454, 63536),
        *(63615, 63691, 63765, 63835, 63903, 63968, 64030, 64090, 64148, 64204, 64257, 64308),
        *(64357, 64405, 64450, 64494, 64536, 64576, 64614, 64652, 64687, 64721, 64754, 64786),
        *(64816, 64845, 64873, 64900, 64926, 64950, 64974, 64997, 65019, 65039, 65060, 65079),
        *(65097, 65115, 65132, 65149, 65164, 65179, 65194, 65208, 65221, 65234, 65246, 65258),
        *(65269, 65280, 65291, 65301, 65310, 65319, 65328, 65337, 65345, 65352, 65360, 65367),
        *(65374, 65381, 65387, 65393, 65399, 65404, 65410, 65415, 65420, 65425, 65429, 65433),
        *(65438, 65442, 65445, 65449, 65453, 65456, 65459, 65462, 65465, 65468, 65471, 65474),
        *(65476, 65479, 65481, 65483, 65485, 65488, 65489, 65491, 65493, 65495, 65497, 65498),
        *(65500, 65501, 65503, 65504, 65505, 65507, 65508, 65509, 65510, 65511, 65512, 65513),
        *(65514, 65515, 65516, 65517, 65517, 65518, 65519, 65520, 65520, 65521, 65522, 65522),
        *(65523, 65523, 65524, 65524, 65525, 65525, 65526, 65526, 65526, 65527, 65527, 65528),
        *(65528, 65528, 65529, 65529, 65529, 65529, 65530, 65530, 65530, 65530, 65531, 65531),
        *(65531, 65531, 65531, 65532, 65532, 65532, 65532, 65532, 65532, 65533, 65533, 65533),
        *(65533, 65533, 65533, 65533, 65533, 65534, 65534, 65534, 65534, 65534, 65534, 65534),
        *(65534, 65534, 65534, 65535),
    ),
    np.uint16,
)


def lower_sigmoid(node: Node, is_tanh: bool) -> list[Operation]:
    """Check one LOGISTIC or TANH and return its kernel call."""
    node.expect((1,))
    given = node.tensor(0)
    node.expect_shape(given.shape)
    expect_symmetric(node, given, node.output())
    scale_out = node.scale(node.output(), ("int16",))[0]
    if scale_out != 2.0**-15:
        node.refuse(f"output scale {scale_out}", "2^-15")
    multiplier, shift = _steps(node, float(node.scale(given, ("int16",))[0]), is_tanh)
    return [
        Call(
            name=node.name,
            kernel="stapes_nn_sigmoid_16",
            form="stapes_nn_sigmoid_16(&{name}, {in0}, {out});",
            inputs=(node.number(0),),
            output=node.operator.outputs[0],
            struct="stapes_nn_sigmoid_16_layer",
            fields={
                "count": given.count,
                "multiplier": multiplier,
                "shift": shift,
                "is_tanh": int(is_tanh),
                "sigmoid": Constant("sigmoid", {"": SIGMOID}),
            },
            overlap=(IN_PLACE,),
        )
    ]


def _steps(node: Node, scale: float, is_tanh: bool) -> tuple[int, int]:
    """Return multiplier and shift to steps of 1/12288; a scale of 2^-12, for TANH also 2^-11, needs no shift."""
    power = math.log2(scale)
    distance = abs(power - round(power))
    if abs(distance - POWER_OF_TWO) < 1e-5:
        node.refuse(f"scale {scale}, beside a power of two by 0.001 octaves", "powers of two, and other scales")
    left = 12 + round(power)
    if distance < POWER_OF_TWO and (left == 0 or (is_tanh and left == 1)):
        return 3 << left, 0
    multiplier, shift = scale * 4096.0 * 3.0, 0
    while multiplier <= 32767.0 / 2.0 and shift <= 30:
        shift, multiplier = shift + 1, multiplier * 2.0
    if multiplier >= 1 << 15:
        node.refuse(f"scale {scale}", "scales below 2.6")
    return int(multiplier), shift
