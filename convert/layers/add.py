"""ADD and SUB: int8 with broadcasting."""

from stapes.convert.arithmetic import quantize_multiplier
from stapes.convert.layers.broadcast import loops
from stapes.convert.node import Node
from stapes.convert.steps import Call, Step


def lower(node: Node) -> list[Step]:
    """Check one ADD or SUB and return its kernel call."""
    node.expect((2,))
    fields, in_place = loops(node)
    scale_a, zero_a = node.scale(node.tensor(0))
    scale_b, zero_b = node.scale(node.tensor(1))
    scale_out, zero_out = node.scale(node.output())
    low, high = node.clamp_range()
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
    return [
        Call(
            name=node.name,
            kernel="stapes_nn_add",
            form="stapes_nn_add(&{name}, {in0}, {in1}, {out});",
            inputs=(node.number(0), node.number(1)),
            output=node.operator.outputs[0],
            struct="stapes_nn_add_layer",
            fields={
                **fields,
                "zero_a": zero_a,
                "zero_b": zero_b,
                "multiplier_a": multiplier_a,
                "shift_a": shift_a,
                "multiplier_b": sign * multiplier_b,
                "shift_b": shift_b,
                "multiplier_out": multiplier_out,
                "shift_out": shift_out,
                "out_zero": zero_out,
                "out_min": low,
                "out_max": high,
            },
            overlap=in_place,
        )
    ]
