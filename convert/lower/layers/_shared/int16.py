"""What the operators of int16 share: zero points of 0, factors of sums and products, one value to one value."""

import math

import numpy as np

from stapes.convert.lower.arithmetic import quantize_multiplier
from stapes.convert.lower.layers._shared import broadcast
from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import IN_PLACE, Call, Operation
from stapes.firmware_sim.tflite.graph import Tensor

POWER_OF_TWO = 1e-3  # how near to a whole number LiteRT takes the logarithm of a scale for one


def expect_symmetric(node: Node, *tensors: Tensor) -> None:
    """Refuse tensors that are not int16 with the zero point 0."""
    for tensor in tensors:
        if node.scale(tensor, ("int16",))[1]:
            node.refuse(f"tensor {tensor.name} of int16 has a zero point", "the zero point 0")


def lower_sum_16(node: Node, sign: int) -> list[Operation]:
    """Check a + sign * b of int16 and return its kernel call."""
    node.expect((2,))
    tensors = node.tensor(0), node.tensor(1), node.output()
    expect_symmetric(node, *tensors)
    scale_a, scale_b, scale_out = (node.scale(tensor, ("int16",))[0] for tensor in tensors)
    if node.option("powers_of_two") and all(_maybe_power_of_two(scale) for scale in (scale_a, scale_b, scale_out)):
        node.refuse("scales that are powers of two, with pot_scale_int16", "other scales, or pot_scale_int16 off")
    twice = 2.0 * max(float(scale_a), float(scale_b))
    factor = twice / ((1 << 15) * float(scale_out))
    if not 0 < factor < 1 or quantize_multiplier(factor)[1] > 0:
        node.refuse(
            f"scales {scale_a} and {scale_b} into {scale_out}",
            "an output scale above 2^-14 times the larger input scale",
        )
    factors = broadcast.three_factors(float(scale_a) / twice, float(scale_b) / twice, factor)
    factors["multiplier_b"] *= sign
    return [broadcast.clamped_call(node, "stapes_nn_add_16", factors)]


def _maybe_power_of_two(scale: np.float32) -> bool:
    power = math.log2(scale)
    return abs(power - round(power)) < 2 * POWER_OF_TWO


def lower_product_16(node: Node, factor: float) -> list[Operation]:
    """Check a * b of int16 and return its kernel call; factor: that between the product of codes and the output."""
    expect_symmetric(node, node.tensor(0), node.tensor(1), node.output())
    multiplier, shift = quantize_multiplier(factor) if math.isfinite(factor) else (0, 31)
    if shift > 0:
        node.refuse(f"a factor of {factor} between the scales", "factors below 1")
    return [broadcast.clamped_call(node, "stapes_nn_mul_16", {"multiplier": multiplier, "shift": shift})]


def rescale_16(
    node: Node, factor: float, below: float | None = None, limits: tuple[float, float] = (-math.inf, math.inf)
) -> list[Operation]:
    """Return the call that rounds each value twice with a factor; at least one side is int16.

    below: the factor of values less than the zero point; None: the same one. limits: of the output's codes.
    """
    node.expect((1,))
    given, output = node.tensor(0), node.output()
    node.expect_shape(given.shape)
    for tensor in (given, output):
        if tensor.dtype == "int16":
            expect_symmetric(node, tensor)
    (_, zero_in), (_, zero_out) = (node.scale(tensor, ("int8", "int16")) for tensor in (given, output))
    codes, reach = np.iinfo(output.dtype), 1 << (9 if given.dtype == "int8" else 15)
    (multiplier, shift), (multiplier_below, shift_below) = (
        quantize_multiplier(each) if math.isfinite(each) else (0, 31)
        for each in (factor, factor if below is None else below)
    )
    if reach << max(shift, shift_below, 0) > 1 << 30:
        node.refuse(f"a factor of {max(factor, below or 0)} between the scales", f"factors below {(1 << 30) // reach}")
    return [
        Call(
            name=node.name,
            kernel="stapes_nn_rescale_16",
            form="stapes_nn_rescale_16(&{name}, {in0}, {out});",
            inputs=(node.number(0),),
            output=node.operator.outputs[0],
            struct="stapes_nn_rescale_16_layer",
            fields={
                "count": given.count,
                "multiplier": multiplier,
                "multiplier_below": multiplier_below,
                "shift": shift,
                "shift_below": shift_below,
                "wide_in": int(given.dtype == "int16"),
                "wide_out": int(output.dtype == "int16"),
                "zero_in": zero_in,
                "zero_out": zero_out,
                "out_min": int(max(codes.min, limits[0])),
                "out_max": int(min(codes.max, limits[1])),
            },
            overlap=(IN_PLACE if given.dtype == output.dtype else None,),
        )
    ]
