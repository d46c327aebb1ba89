"""Operators: one file each, with its check, its shapes and the step that it becomes.

How each operator rounds in LiteRT's reference kernels (`BUILTIN_REF`, ai-edge-litert 2.x), whose bits the generated C
gives; tests/convert asks LiteRT itself, over grids. "Rounded twice with a factor" is stapes_nn_round_twice with the
factor's 31-bit multiplier: x * multiplier / 2^31 with halves up, then the remaining shift with halves away from zero.

CONV_2D, DEPTHWISE_CONV_2D
    int32 sum, rounded twice with s_in * s_w[c] / s_out, formed in double
FULLY_CONNECTED
    round(double(sum) * s_in * s_w[c] / s_out), once, halves away from zero, per tensor and per channel alike;
    here a 31-bit multiplier that is proved to agree on every sum that the layer can form
ADD, SUB
    inputs * 2^20, rounded twice with s / (2 max(s_a, s_b)), their sum with 2 max / (2^20 s_out), formed in double;
    here a linear form of the codes that is proved to agree on every pair of them, where there is one
MUL
    the product rounded twice with s_a * s_b / s_out, formed in float32
LOGISTIC, TANH
    a table: the function in float32, times 1 / s_out in float32, rounded with halves away from zero
RELU, RELU6, LEAKY_RELU
    rounded twice with s_in / s_out, for LEAKY_RELU below zero s_in * alpha / s_out, formed in float32; a table here
HARD_SWISH
    16-bit fixed point, one of its products is truncated, shifts by 16 and more give 1 or -1; a table here
QUANTIZE
    rounded twice with s_in / s_out, formed in double; a table here
SOFTMAX
    fixed point: exp as a polynomial in Q0.31, the sum in Q12.19, a reciprocal by Newton's method
AVERAGE_POOL_2D
    the sum of raw values divided, halves away from zero; differing scales are not looked at
MEAN
    the sum less zero points, rounded twice with m * 2^k // n, m the multiplier of s_in / s_out, 2^k <= n
UNIDIRECTIONAL_SEQUENCE_LSTM
    per gate the sum with the input and the sum with the hidden state, each rounded twice with s_w * s / 2^-12, formed
    in float32; the first, then both together saturated to int16, Q3.12. Sigmoid and tanh in 16-bit fixed point to
    Q0.15: exp as a polynomial, a reciprocal by Newton's method, products with halves up. The cell, a power of two:
    forget * cell / 2^15 and input * candidate / 2^(30 + log2 s_cell), each with halves away from zero, their sum
    saturated, then clipped at cell_clip / s_cell truncated; output gate * tanh(cell) rounded twice with 2^-30 / s,
    formed in double, kept in float32; s and zero point are those of the fifth intermediate tensor
MAX_POOL_2D, CONCATENATION, SPLIT, SPLIT_V, SLICE, STRIDED_SLICE, PAD, PADV2, TRANSPOSE, RESHAPE, EXPAND_DIMS, SQUEEZE
    copy bytes; scales are not looked at

TFLite Micro and CMSIS-NN round FULLY_CONNECTED twice and form LOGISTIC and TANH in fixed point: there about 1 output
in 1000 differs by 1.

To add an operator: copy template.py, fill its parts, enter the operator in convert/read/schema.py and in LAYERS below.
"""

from collections.abc import Callable

from stapes.convert.lower.layers import (
    activations,
    add,
    average_pool_2d,
    concatenation,
    conv_2d,
    depthwise_conv_2d,
    fully_connected,
    hard_swish,
    mean,
    mul,
    pad,
    quantize,
    reshape,
    slices,
    softmax,
    split,
    transpose,
    unidirectional_sequence_lstm,
)
from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Operation

LAYERS: dict[str, Callable[[Node], list[Operation]]] = {
    "ADD": add.lower,
    "AVERAGE_POOL_2D": average_pool_2d.lower,
    "CONCATENATION": concatenation.lower,
    "CONV_2D": conv_2d.lower,
    "DEPTHWISE_CONV_2D": depthwise_conv_2d.lower,
    "EXPAND_DIMS": reshape.lower,
    "FULLY_CONNECTED": fully_connected.lower,
    "HARD_SWISH": hard_swish.lower,
    "LEAKY_RELU": activations.leaky_relu,
    "LOGISTIC": activations.logistic,
    "MAX_POOL_2D": average_pool_2d.lower,
    "MEAN": mean.lower,
    "MUL": mul.lower,
    "PAD": pad.lower,
    "PADV2": pad.lower,
    "QUANTIZE": quantize.lower,
    "RELU": activations.relu,
    "RELU6": activations.relu6,
    "RESHAPE": reshape.lower,
    "SLICE": slices.lower_slice,
    "SOFTMAX": softmax.lower,
    "SPLIT": split.lower_split,
    "SPLIT_V": split.lower_split_v,
    "SQUEEZE": reshape.lower,
    "STRIDED_SLICE": slices.lower_strided_slice,
    "SUB": add.lower,
    "TANH": activations.tanh,
    "TRANSPOSE": transpose.lower,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": unidirectional_sequence_lstm.lower,
}
