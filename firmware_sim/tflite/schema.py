"""What the .tflite schema (version 3) says about types, operators and their options."""

from dataclasses import dataclass

from stapes.firmware_sim.tflite.flatbuffer import Scalar, Table

DTYPES = (
    *("float32", "float16", "int32", "uint8", "int64", "string", "bool", "int16", "complex64", "int8", "float64"),
    *("complex128", "uint64", "resource", "variant", "uint32", "uint16", "int4", "bfloat16", "int2", "uint4"),
)
# Types whose values are read. A file may hold tensors of other types as long as no compiled operator needs one.
READ = ("int8", "uint8", "int16", "int32", "int64", "bool")

NONE, RELU, RELU_N1_TO_1, RELU6 = range(4)
ACTIVATIONS = {NONE: "none", RELU: "relu", RELU_N1_TO_1: "relu_n1_to_1", RELU6: "relu6"}
SAME, VALID = range(2)
LONGEST_CUSTOM = 64  # characters of a custom operator's name in a message

# Every builtin operator; its number in the schema is its position here.
OPERATORS = [
    "ADD",
    "AVERAGE_POOL_2D",
    "CONCATENATION",
    "CONV_2D",
    "DEPTHWISE_CONV_2D",
    "DEPTH_TO_SPACE",
    "DEQUANTIZE",
    "EMBEDDING_LOOKUP",
    "FLOOR",
    "FULLY_CONNECTED",
    "HASHTABLE_LOOKUP",
    "L2_NORMALIZATION",
    "L2_POOL_2D",
    "LOCAL_RESPONSE_NORMALIZATION",
    "LOGISTIC",
    "LSH_PROJECTION",
    "LSTM",
    "MAX_POOL_2D",
    "MUL",
    "RELU",
    "RELU_N1_TO_1",
    "RELU6",
    "RESHAPE",
    "RESIZE_BILINEAR",
    "RNN",
    "SOFTMAX",
    "SPACE_TO_DEPTH",
    "SVDF",
    "TANH",
    "CONCAT_EMBEDDINGS",
    "SKIP_GRAM",
    "CALL",
    "CUSTOM",
    "EMBEDDING_LOOKUP_SPARSE",
    "PAD",
    "UNIDIRECTIONAL_SEQUENCE_RNN",
    "GATHER",
    "BATCH_TO_SPACE_ND",
    "SPACE_TO_BATCH_ND",
    "TRANSPOSE",
    "MEAN",
    "SUB",
    "DIV",
    "SQUEEZE",
    "UNIDIRECTIONAL_SEQUENCE_LSTM",
    "STRIDED_SLICE",
    "BIDIRECTIONAL_SEQUENCE_RNN",
    "EXP",
    "TOPK_V2",
    "SPLIT",
    "LOG_SOFTMAX",
    "DELEGATE",
    "BIDIRECTIONAL_SEQUENCE_LSTM",
    "CAST",
    "PRELU",
    "MAXIMUM",
    "ARG_MAX",
    "MINIMUM",
    "LESS",
    "NEG",
    "PADV2",
    "GREATER",
    "GREATER_EQUAL",
    "LESS_EQUAL",
    "SELECT",
    "SLICE",
    "SIN",
    "TRANSPOSE_CONV",
    "SPARSE_TO_DENSE",
    "TILE",
    "EXPAND_DIMS",
    "EQUAL",
    "NOT_EQUAL",
    "LOG",
    "SUM",
    "SQRT",
    "RSQRT",
    "SHAPE",
    "POW",
    "ARG_MIN",
    "FAKE_QUANT",
    "REDUCE_PROD",
    "REDUCE_MAX",
    "PACK",
    "LOGICAL_OR",
    "ONE_HOT",
    "LOGICAL_AND",
    "LOGICAL_NOT",
    "UNPACK",
    "REDUCE_MIN",
    "FLOOR_DIV",
    "REDUCE_ANY",
    "SQUARE",
    "ZEROS_LIKE",
    "FILL",
    "FLOOR_MOD",
    "RANGE",
    "RESIZE_NEAREST_NEIGHBOR",
    "LEAKY_RELU",
    "SQUARED_DIFFERENCE",
    "MIRROR_PAD",
    "ABS",
    "SPLIT_V",
    "UNIQUE",
    "CEIL",
    "REVERSE_V2",
    "ADD_N",
    "GATHER_ND",
    "COS",
    "WHERE",
    "RANK",
    "ELU",
    "REVERSE_SEQUENCE",
    "MATRIX_DIAG",
    "QUANTIZE",
    "MATRIX_SET_DIAG",
    "ROUND",
    "HARD_SWISH",
    "IF",
    "WHILE",
    "NON_MAX_SUPPRESSION_V4",
    "NON_MAX_SUPPRESSION_V5",
    "SCATTER_ND",
    "SELECT_V2",
    "DENSIFY",
    "SEGMENT_SUM",
    "BATCH_MATMUL",
    "PLACEHOLDER_FOR_GREATER_OP_CODES",
    "CUMSUM",
    "CALL_ONCE",
    "BROADCAST_TO",
    "RFFT2D",
    "CONV_3D",
    "IMAG",
    "REAL",
    "COMPLEX_ABS",
    "HASHTABLE",
    "HASHTABLE_FIND",
    "HASHTABLE_IMPORT",
    "HASHTABLE_SIZE",
    "REDUCE_ALL",
    "CONV_3D_TRANSPOSE",
    "VAR_HANDLE",
    "READ_VARIABLE",
    "ASSIGN_VARIABLE",
    "BROADCAST_ARGS",
    "RANDOM_STANDARD_NORMAL",
    "BUCKETIZE",
    "RANDOM_UNIFORM",
    "MULTINOMIAL",
    "GELU",
    "DYNAMIC_UPDATE_SLICE",
    "RELU_0_TO_1",
    "UNSORTED_SEGMENT_PROD",
    "UNSORTED_SEGMENT_MAX",
    "UNSORTED_SEGMENT_SUM",
    "ATAN2",
    "UNSORTED_SEGMENT_MIN",
    "SIGN",
    "BITCAST",
    "BITWISE_XOR",
    "RIGHT_SHIFT",
    "STABLEHLO_LOGISTIC",
    "STABLEHLO_ADD",
    "STABLEHLO_DIVIDE",
    "STABLEHLO_MULTIPLY",
    "STABLEHLO_MAXIMUM",
    "STABLEHLO_RESHAPE",
    "STABLEHLO_CLAMP",
    "STABLEHLO_CONCATENATE",
    "STABLEHLO_BROADCAST_IN_DIM",
    "STABLEHLO_CONVOLUTION",
    "STABLEHLO_SLICE",
    "STABLEHLO_CUSTOM_CALL",
    "STABLEHLO_REDUCE",
    "STABLEHLO_ABS",
    "STABLEHLO_AND",
    "STABLEHLO_COSINE",
    "STABLEHLO_EXPONENTIAL",
    "STABLEHLO_FLOOR",
    "STABLEHLO_LOG",
    "STABLEHLO_MINIMUM",
    "STABLEHLO_NEGATE",
    "STABLEHLO_OR",
    "STABLEHLO_POWER",
    "STABLEHLO_REMAINDER",
    "STABLEHLO_RSQRT",
    "STABLEHLO_SELECT",
    "STABLEHLO_SUBTRACT",
    "STABLEHLO_TANH",
    "STABLEHLO_SCATTER",
    "STABLEHLO_COMPARE",
    "STABLEHLO_CONVERT",
    "STABLEHLO_DYNAMIC_SLICE",
    "STABLEHLO_DYNAMIC_UPDATE_SLICE",
    "STABLEHLO_PAD",
    "STABLEHLO_IOTA",
    "STABLEHLO_DOT_GENERAL",
    "STABLEHLO_REDUCE_WINDOW",
    "STABLEHLO_SORT",
    "STABLEHLO_WHILE",
    "STABLEHLO_GATHER",
    "STABLEHLO_TRANSPOSE",
    "DILATE",
    "STABLEHLO_RNG_BIT_GENERATOR",
    "REDUCE_WINDOW",
    "STABLEHLO_COMPOSITE",
    "STABLEHLO_SHIFT_LEFT",
    "STABLEHLO_CBRT",
    "STABLEHLO_CASE",
]

# Every type of an operator's options; its number in the schema is its position here. Options are named after their
# operator, except for those that several operators share.
OPTIONS_TYPES = (
    *("NONE", "CONV_2D", "DEPTHWISE_CONV_2D", "CONCAT_EMBEDDINGS", "LSH_PROJECTION", "POOL_2D", "SVDF", "RNN"),
    *("FULLY_CONNECTED", "SOFTMAX", "CONCATENATION", "ADD", "L2_NORM", "LOCAL_RESPONSE_NORMALIZATION", "LSTM"),
    *("RESIZE_BILINEAR", "CALL", "RESHAPE", "SKIP_GRAM", "SPACE_TO_DEPTH", "EMBEDDING_LOOKUP_SPARSE", "MUL", "PAD"),
    *("GATHER", "BATCH_TO_SPACE_ND", "SPACE_TO_BATCH_ND", "TRANSPOSE", "REDUCER", "SUB", "DIV", "SQUEEZE"),
    *("SEQUENCE_RNN", "STRIDED_SLICE", "EXP", "TOPK_V2", "SPLIT", "LOG_SOFTMAX", "CAST", "DEQUANTIZE"),
    *("MAXIMUM_MINIMUM", "ARG_MAX", "LESS", "NEG", "PADV2", "GREATER", "GREATER_EQUAL", "LESS_EQUAL", "SELECT"),
    *("SLICE", "TRANSPOSE_CONV", "SPARSE_TO_DENSE", "TILE", "EXPAND_DIMS", "EQUAL", "NOT_EQUAL", "SHAPE", "POW"),
    *("ARG_MIN", "FAKE_QUANT", "PACK", "LOGICAL_OR", "ONE_HOT", "LOGICAL_AND", "LOGICAL_NOT", "UNPACK", "FLOOR_DIV"),
    *("SQUARE", "ZEROS_LIKE", "FILL", "BIDIRECTIONAL_SEQUENCE_LSTM", "BIDIRECTIONAL_SEQUENCE_RNN"),
    *("UNIDIRECTIONAL_SEQUENCE_LSTM", "FLOOR_MOD", "RANGE", "RESIZE_NEAREST_NEIGHBOR", "LEAKY_RELU"),
    *("SQUARED_DIFFERENCE", "MIRROR_PAD", "ABS", "SPLIT_V", "UNIQUE", "REVERSE_V2", "ADD_N", "GATHER_ND", "COS"),
    *("WHERE", "RANK", "REVERSE_SEQUENCE", "MATRIX_DIAG", "QUANTIZE", "MATRIX_SET_DIAG", "HARD_SWISH", "IF", "WHILE"),
    *("DEPTH_TO_SPACE", "NON_MAX_SUPPRESSION_V4", "NON_MAX_SUPPRESSION_V5", "SCATTER_ND", "SELECT_V2", "DENSIFY"),
    *("SEGMENT_SUM", "BATCH_MATMUL", "CUMSUM", "CALL_ONCE", "BROADCAST_TO", "RFFT2D", "CONV_3D", "HASHTABLE"),
    *("HASHTABLE_FIND", "HASHTABLE_IMPORT", "HASHTABLE_SIZE", "VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE"),
    *("RANDOM", "BUCKETIZE", "GELU", "DYNAMIC_UPDATE_SLICE", "UNSORTED_SEGMENT_PROD", "UNSORTED_SEGMENT_MAX"),
    *("UNSORTED_SEGMENT_MIN", "UNSORTED_SEGMENT_SUM", "ATAN2", "SIGN", "BITCAST", "BITWISE_XOR", "RIGHT_SHIFT"),
)
SHARED_OPTIONS = {
    **dict.fromkeys(("AVERAGE_POOL_2D", "L2_POOL_2D", "MAX_POOL_2D"), "POOL_2D"),
    **dict.fromkeys(("MEAN", "SUM", "REDUCE_PROD", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_ANY", "REDUCE_ALL"), "REDUCER"),
    **dict.fromkeys(("MAXIMUM", "MINIMUM"), "MAXIMUM_MINIMUM"),
    **dict.fromkeys(("RANDOM_STANDARD_NORMAL", "RANDOM_UNIFORM", "MULTINOMIAL"), "RANDOM"),
    "CONV_3D_TRANSPOSE": "CONV_3D",
    "L2_NORMALIZATION": "L2_NORM",
    "UNIDIRECTIONAL_SEQUENCE_RNN": "SEQUENCE_RNN",
}


def operator_name(number: int, custom: str) -> str:
    """Return the name of an operator; `custom` names those outside of the schema, and may be of any length."""
    if 0 <= number < len(OPERATORS):
        return f"CUSTOM {custom[:LONGEST_CUSTOM]!r}" if OPERATORS[number] == "CUSTOM" else OPERATORS[number]
    return f"number {number}"


def options_type(kind: str) -> str:
    """Return which of OPTIONS_TYPES an operator has; "NONE" for an operator without options."""
    own = SHARED_OPTIONS.get(kind, kind)
    return own if own in OPTIONS_TYPES else "NONE"


@dataclass(frozen=True)
class Option:
    """An attribute of an operator: its field in the operator's table of options, its type, and its default."""

    field: int
    kind: Scalar
    default: float = 0

    def read(self, options: Table | None) -> float:
        """Return the value that the file states: an int, or a float where the kind is "f". Raises ModelError."""
        if options is None:
            return self.default
        if self.kind == "f":
            return options.real(self.field, self.default)
        return options.integer(self.field, self.kind, int(self.default))


ACTIVATION_OPTIONS = {"activation": Option(0, "b")}
