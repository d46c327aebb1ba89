"""SVDF: int8 input, feature weights and output; time weights, and a memory kept from step to step, of int16 or int8.

LiteRT rounds the int32 sum of (x - zero) * w of each filter twice with s_in * s_feature / s_memory, saturates it to
int16 and keeps the last of these. The sum of their products with the time weights, over the filters of a unit, and the
bias are rounded twice with s_memory * s_time / s_out. Both factors are formed in float32. Zero points of weights and
memory do not count, nor does the fused activation, which must be RELU. The second sum wraps around at 2^31.

LiteRT has no memory of int8; TensorFlow Lite Micro has, and its reference kernel is followed there: as above, but the
feature saturates to int8, the memory's zero point is added to it modulo 2^8, and counts in the sum over time.
"""

from dataclasses import dataclass

import numpy as np

from stapes.convert.lower.arithmetic import quantize_multiplier
from stapes.convert.lower.layers._shared.convolution import checked_multiplier
from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Call, Constant, Field, Operation
from stapes.firmware_sim.tflite.schema import RELU, Option

OPTIONS = {"rank": Option(0, "i"), "activation": Option(1, "b")}
INPUT, FEATURE, TIME, BIAS, MEMORY = range(5)


def lower(node: Node) -> list[Operation]:
    """Check one SVDF and return its kernel call."""
    node.expect((5,))
    if node.option("activation") != RELU:
        node.refuse(
            f"the fused activation {node.option('activation')}", "relu, as LiteRT asks, which does not apply it"
        )
    dtype = "int8" if node.tensor(MEMORY).dtype == "int8" else "int16"
    feature, time = _weights(node, FEATURE, "int8"), _weights(node, TIME, dtype)
    sizes = _sizes(node, feature, time, dtype)
    in_zero, out_zero = node.scale(node.tensor(INPUT))[1], node.scale(node.output())[1]
    memory_zero = {"memory_zero": node.scale(node.tensor(MEMORY), ("int8",))[1]} if dtype == "int8" else {}
    kernel = "stapes_nn_svdf_8" if dtype == "int8" else "stapes_nn_svdf"
    return [
        Call(
            name=node.name,
            kernel=kernel,
            form=kernel + "(&{name}, {in0}, {in1}, {out});",
            inputs=(node.number(INPUT), node.number(MEMORY)),
            output=node.operator.outputs[0],
            struct=f"{kernel}_layer",
            fields={
                "batches": sizes.batches,
                "in_size": sizes.in_size,
                "units": sizes.units,
                "rank": sizes.rank,
                "steps": sizes.steps,
                **_multipliers(node, feature, dtype),
                "out_zero": out_zero,
                **memory_zero,
                "weights": Constant("weights", {"": feature.astype(np.int8)}),
                "feature_bias": Constant("feature_bias", {"": (-in_zero * feature.sum(axis=1)).astype(np.int32)}),
                "time_weights": Constant("time_weights", {"": time.astype(dtype)}),
                "bias": Constant("bias", {"": _bias(node, sizes.units)}),
            },
            overlap=(None, None),
            macs=sizes.batches * len(feature) * (sizes.in_size + sizes.steps),
        )
    ]


def _multipliers(node: Node, feature: np.ndarray, memory_dtype: str) -> dict[str, Field]:
    """Return multiplier and shift to the memory and to the output, and prove that sums of features fit int32."""
    in_scale, feature_scale, memory_scale, time_scale, out_scale = (
        node.scale(tensor, (dtype,))[0]
        for tensor, dtype in (
            (node.tensor(INPUT), "int8"),
            (node.tensor(FEATURE), "int8"),
            (node.tensor(MEMORY), memory_dtype),
            (node.tensor(TIME), memory_dtype),
            (node.output(), "int8"),
        )
    )
    reach = 256 * int(np.abs(feature).sum(axis=1).max())
    if reach >= 1 << 31:
        node.refuse(f"sums of features up to {reach}", f"sums below {1 << 31}")
    in_factor, out_factor = float(in_scale * feature_scale / memory_scale), float(memory_scale * time_scale / out_scale)
    if not (0 < in_factor < 1 << 31 and 0 < out_factor < 0.5):
        node.refuse(f"factors {in_factor} to the memory and {out_factor} to the output", "below 2^31 and below 1/2")
    in_multiplier, in_shift = checked_multiplier(node, "the memory", in_factor, reach)
    out_multiplier, out_shift = quantize_multiplier(out_factor)
    return {
        "in_multiplier": in_multiplier,
        "in_shift": in_shift,
        "out_multiplier": out_multiplier,
        "out_shift": out_shift,
    }


@dataclass(frozen=True)
class _Sizes:
    batches: int
    in_size: int
    units: int
    rank: int  # filters of a unit
    steps: int  # values that a filter remembers


def _sizes(node: Node, feature: np.ndarray, time: np.ndarray, dtype: str) -> _Sizes:
    given, rank = node.tensor(INPUT).shape, node.option("rank")
    if len(given) != 2 or given[1] != feature.shape[1] or len(time) != len(feature):
        node.refuse(
            f"input {list(given)}, weights {list(feature.shape)} and {list(time.shape)}", "two axes, of sizes that fit"
        )
    if rank < 1 or len(feature) % rank:
        node.refuse(f"{len(feature)} filters of rank {rank}", "as many filters for each unit")
    memory, count = node.tensor(MEMORY), given[0] * time.size
    if not memory.variable or memory.dtype != dtype or memory.count != count:
        node.refuse(
            f"memory {memory.name} is {memory.dtype} {list(memory.shape)}"
            f"{'' if memory.variable else ', no variable tensor'}",
            f"a variable tensor of {count} {dtype}",
        )
    node.expect_shape((given[0], len(feature) // rank))
    return _Sizes(given[0], given[1], len(feature) // rank, rank, time.shape[1])


def _weights(node: Node, position: int, dtype: str) -> np.ndarray:
    """Return constant weights [filters, …] as int64."""
    tensor = node.tensor(position)
    if tensor.data is None or tensor.dtype != dtype or tensor.data.ndim != 2 or not tensor.count:
        node.refuse(
            f"weights {tensor.name} are {tensor.dtype} {list(tensor.shape)}"
            f"{'' if tensor.data is not None else ', computed'}",
            f"constant {dtype} weights of two axes",
        )
    return tensor.data.astype(np.int64)


def _bias(node: Node, units: int) -> np.ndarray:
    if node.operator.inputs[BIAS] < 0:
        return np.zeros(units, np.int32)
    tensor = node.tensor(BIAS)
    if tensor.data is None or tensor.dtype != "int32" or tensor.shape != (units,):
        node.refuse(f"bias {tensor.name} is {tensor.dtype} {list(tensor.shape)}", f"a constant int32 bias of {units}")
    return tensor.data
