"""Numbers of the .tflite schema (version 3) that this compiler reads."""

DTYPES = (
    *("float32", "float16", "int32", "uint8", "int64", "string", "bool", "int16", "complex64", "int8", "float64"),
    *("complex128", "uint64", "resource", "variant", "uint32", "uint16", "int4", "bfloat16", "int2", "uint4"),
)
# Those whose values are read; tensors of another type may stand in a file as long as nothing here needs them.
READ = ("int8", "uint8", "int32", "int64", "bool")

NONE, RELU, RELU_N1_TO_1, RELU6 = range(4)
ACTIVATIONS = {NONE: "none", RELU: "relu", RELU_N1_TO_1: "relu_n1_to_1", RELU6: "relu6"}
SAME, VALID = range(2)

KINDS = {
    0: "ADD",
    1: "AVERAGE_POOL_2D",
    2: "CONCATENATION",
    3: "CONV_2D",
    4: "DEPTHWISE_CONV_2D",
    9: "FULLY_CONNECTED",
    14: "LOGISTIC",
    17: "MAX_POOL_2D",
    18: "MUL",
    19: "RELU",
    21: "RELU6",
    22: "RESHAPE",
    25: "SOFTMAX",
    28: "TANH",
    34: "PAD",
    39: "TRANSPOSE",
    40: "MEAN",
    41: "SUB",
    43: "SQUEEZE",
    44: "UNIDIRECTIONAL_SEQUENCE_LSTM",
    45: "STRIDED_SLICE",
    49: "SPLIT",
    60: "PADV2",
    65: "SLICE",
    70: "EXPAND_DIMS",
    98: "LEAKY_RELU",
    102: "SPLIT_V",
    114: "QUANTIZE",
    117: "HARD_SWISH",
    129: "CALL_ONCE",
    142: "VAR_HANDLE",
    143: "READ_VARIABLE",
    144: "ASSIGN_VARIABLE",
}


def operator_name(number: int, custom: str) -> str:
    """Name of a builtin operator; those that are not ours are looked up in LiteRT's schema, for messages."""
    if number == 32:
        return f"CUSTOM {custom!r}"
    return KINDS.get(number) or _foreign_name(number)


def _foreign_name(number: int) -> str:
    from ai_edge_litert.schema_py_generated import BuiltinOperator

    return next((name for name, value in vars(BuiltinOperator).items() if value == number), f"number {number}")


_POOL = (
    ("padding", 0, "b", 0),
    ("stride_width", 1, "i", 0),
    ("stride_height", 2, "i", 0),
    ("kernel_width", 3, "i", 0),
    ("kernel_height", 4, "i", 0),
    ("activation", 5, "b", 0),
)
# Per operator: name, field number, type (as in the module struct; s is a string), default.
OPTIONS: dict[str, tuple[tuple[str, int, str, float], ...]] = {
    "CONV_2D": (
        ("padding", 0, "b", 0),
        ("stride_width", 1, "i", 0),
        ("stride_height", 2, "i", 0),
        ("activation", 3, "b", 0),
        ("dilation_width", 4, "i", 1),
        ("dilation_height", 5, "i", 1),
    ),
    "DEPTHWISE_CONV_2D": (
        ("padding", 0, "b", 0),
        ("stride_width", 1, "i", 0),
        ("stride_height", 2, "i", 0),
        ("depth_multiplier", 3, "i", 0),
        ("activation", 4, "b", 0),
        ("dilation_width", 5, "i", 1),
        ("dilation_height", 6, "i", 1),
    ),
    "FULLY_CONNECTED": (("activation", 0, "b", 0), ("weights_format", 1, "b", 0), ("keep_num_dims", 2, "?", 0)),
    "AVERAGE_POOL_2D": _POOL,
    "MAX_POOL_2D": _POOL,
    "CONCATENATION": (("axis", 0, "i", 0), ("activation", 1, "b", 0)),
    "ADD": (("activation", 0, "b", 0),),
    "SUB": (("activation", 0, "b", 0),),
    "MUL": (("activation", 0, "b", 0),),
    "SOFTMAX": (("beta", 0, "f", 0.0),),
    "STRIDED_SLICE": (
        ("begin_mask", 0, "i", 0),
        ("end_mask", 1, "i", 0),
        ("ellipsis_mask", 2, "i", 0),
        ("new_axis_mask", 3, "i", 0),
        ("shrink_axis_mask", 4, "i", 0),
        ("offset", 5, "?", 0),
    ),
    "MEAN": (("keep_dims", 0, "?", 0),),
    "LEAKY_RELU": (("alpha", 0, "f", 0.0),),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": (("cell_clip", 1, "f", 0.0), ("time_major", 3, "?", 0)),
    "CALL_ONCE": (("init_subgraph_index", 0, "i", 0),),
    "VAR_HANDLE": (("container", 0, "s", 0), ("shared_name", 1, "s", 0)),
}
