"""ADD and SUB: int8 with broadcasting."""

from stapes.convert.arithmetic import quantize_multiplier
from stapes.convert.layers import broadcast
from stapes.convert.node import Node
from stapes.convert.steps import Step


def lower(node: Node) -> list[Step]:
    """Check one ADD or SUB and return its kernel call."""
    node.expect((2,))
    scale_a, scale_b, scale_out = (node.scale(t)[0] for t in (node.tensor(0), node.tensor(1), node.output()))
    twice = 2.0 * max(float(scale_a), float(scale_b))
    factor = twice / ((1 << 20) * float(scale_out))
    if not 0 < factor < 1:
        node.refuse(
            f"scales {scale_a} and {scale_b} into {scale_out}",
            "an output scale above 2^-19 times the larger input scale",
        )
    multiplier_a, shift_a = quantize_multiplier(float(scale_a) / twice)
    multiplier_b, shift_b = quantize_multiplier(float(scale_b) / twice)
    multiplier_out, shift_out = quantize_multiplier(factor)
    sign = -1 if node.operator.kind == "SUB" else 1
    factors = {
        "multiplier_a": multiplier_a,
        "shift_a": shift_a,
        "multiplier_b": sign * multiplier_b,
        "shift_b": shift_b,
        "multiplier_out": multiplier_out,
        "shift_out": shift_out,
    }
    return [broadcast.call(node, "stapes_nn_add", factors)]
