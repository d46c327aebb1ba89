"""Models that the compiler's tests share: a small one that is read as C, and one with every kernel."""

import itertools
from typing import Any

import numpy as np
from lstm_models import Lstm

from benchmarks.tflite_models import STATE, Builder, Layers, Scale


def tiny_step() -> bytes:
    """A convolution over the newest frame and the one before, which is a state; a dense layer; a sigmoid."""
    net = Layers(4)
    x, past = net.input("features", (1, 1, 4, 1), (1 / 32, 0)), net.input("state_past", (1, 1, 4, 1), (1 / 32, 0))
    joined = net.simple("CONCATENATION", "joined", [past, x], (1, 2, 4, 1), (1 / 32, 0), "ConcatenationOptions", axis=1)
    y = net.conv("filters", joined, (2, 3), 2, same=False)
    logits = net.dense("logits", y, 2, (0.05, 0), relu=False)
    scores = net.simple("LOGISTIC", "scores", [logits], (1, 2), (1 / 256, -128))
    constants = [
        net.builder.constant(name, values)
        for name, values in (("b", [0, 1, 0, 0]), ("e", [1, 2, 4, 1]), ("s", [1, 1, 1, 1]))
    ]
    newest = net.simple(
        "STRIDED_SLICE", "newest", [joined, *constants], (1, 1, 4, 1), (1 / 32, 0), "StridedSliceOptions"
    )
    net.builder.sign({"features": x, "state_past": past}, {"scores": scores, "state_past": newest})
    return net.builder.finish([scores, newest])


def every_operator() -> bytes:
    """One of each kernel, some of them twice."""
    net = Layers(5)
    x = net.input("x", (1, 6, 6, 4), (0.05, -7))
    y = net.depthwise("spread", net.conv("mix", x, (3, 3), 6), (3, 3))
    pool = {"padding": 1, "strideH": 2, "strideW": 2, "filterHeight": 2, "filterWidth": 2}
    y = net.simple("MAX_POOL_2D", "most", [y], (1, 3, 3, 6), (0.05, -128), "Pool2DOptions", **pool)
    y = net.simple("TANH", "bent", [y], (1, 3, 3, 6), STATE)
    y = net.simple("MUL", "square", [y, y], (1, 3, 3, 6), STATE, "MulOptions")
    border = net.builder.constant("border", [[0, 0], [1, 0], [0, 1], [0, 0]])
    y = net.simple("PAD", "padded", [y, border], (1, 4, 4, 6), STATE, "PadOptions")
    y = net.simple(
        "TRANSPOSE", "turned", [y, net.builder.constant("order", [0, 2, 3, 1])], (1, 4, 6, 4), STATE, "TransposeOptions"
    )
    y = net.simple("ADD", "twice", [y, y], (1, 4, 6, 4), STATE, "AddOptions")
    mean = net.simple("MEAN", "mean", [y, net.builder.constant("axes", [1, 2])], (1, 4), STATE, "ReducerOptions")
    pool = {"padding": 0, "strideH": 2, "strideW": 3, "filterHeight": 2, "filterWidth": 3}
    y = net.simple("AVERAGE_POOL_2D", "average", [y], (1, 2, 2, 4), STATE, "Pool2DOptions", **pool)
    series = net.simple("RESHAPE", "series", [y, net.builder.constant("rows", [1, 4, 4])], (1, 4, 4), STATE)
    lstm = Lstm(in_size=4, units=3, in_scale=STATE, cell_clip=2.0)
    kept = lstm.add(net.builder, np.random.default_rng(5), series, "kept")
    y = net.dense("logits", y, 4, (0.1, 0), relu=False)
    soft = net.simple("SOFTMAX", "shares", [y], (1, 4), (1 / 256, -128), "SoftmaxOptions", beta=1.0)
    return net.builder.finish([soft, mean, kept])


def four_bits() -> bytes:
    """Two convolutions whose weights are multiples of 16: of one row of taps, and of 3 x 3."""
    net = Layers(9)
    y = net.conv("mix", net.input("x", (1, 3, 4, 40), (0.05, -7)), (1, 1), 130, multiple=16)
    return net.builder.finish([net.conv("window", y, (3, 3), 7, relu=False, multiple=16)])


def every_operator_of_values() -> bytes:
    """One of each kernel that computes value by value or reduces axes, beyond those in every_operator."""
    net = Layers(7)
    scale, shape = (0.05, -7), (1, 4, 5, 3)
    x = net.input("x", shape, scale)
    alpha = net.builder.constant("alpha", np.arange(-20, 40, 20)[:3], "int8", (0.01, 3))
    y = net.simple("PRELU", "bent", [x, alpha], shape, scale)
    limit = net.builder.constant("limit", [[60]], "int8", scale)
    y = net.simple("MINIMUM", "limited", [y, limit], shape, scale, "MaximumMinimumOptions")
    spread = net.simple("SQUARED_DIFFERENCE", "spread", [x, y], shape, (0.09, -128), "SquaredDifferenceOptions")
    above = net.remember(net.builder.tensor("above", shape, None, "bool"), shape, scale)
    net.builder.operator("GREATER", [spread, y], [above], "GreaterOptions")
    y = net.simple("SELECT_V2", "chosen", [above, x, y], shape, scale, "SelectV2Options")
    axes = net.builder.constant("axes", [1, 2])
    most = net.simple("REDUCE_MAX", "most", [y, axes], (1, 3), scale, "ReducerOptions")
    total = net.simple("SUM", "total", [y, axes], (1, 3), (0.5, -20), "ReducerOptions")
    divisors = net.builder.constant("divisors", [-100, 5, 90], "int8", (0.5, -20))
    ratio = net.simple("DIV", "ratio", [most, divisors], (1, 3), (0.001, 3), "DivOptions")
    length = net.simple("L2_NORMALIZATION", "length", [ratio], (1, 3), (1 / 128, 0), "L2NormOptions")
    logs = net.simple("LOG_SOFTMAX", "logs", [ratio], (1, 3), (1 / 16, 127), "LogSoftmaxOptions")
    where = net.builder.tensor("where", (1,), None, "int64")
    net.builder.operator("ARG_MAX", [logs, net.builder.constant("axis", 1)], [where], "ArgMaxOptions", outputType=4)
    return net.builder.finish([total, length, logs, where])


def every_border() -> bytes:
    """float32 inputs and outputs, one that is moved first, a state, and float32 between codes."""
    net = Layers(8)
    b, scale, shape = net.builder, (0.1, 3), (1, 6)
    x, z, past = (b.input(name, size, None, "float32") for name, size in (("x", shape), ("z", (2, 3)), ("past", shape)))
    flat = b.operator("RESHAPE", [z, b.constant("flat shape", shape)], [b.tensor("flat", shape, None, "float32")])
    codes = [net.simple("QUANTIZE", "codes", [real], shape, scale) for real in (x, flat, past)]
    kept = net.simple("ADD", "kept", [codes[0], codes[2]], shape, scale, "AddOptions")
    both = net.simple("ADD", "both", [kept, codes[1]], shape, (0.2, -7), "AddOptions")
    real, following = (
        b.operator("DEQUANTIZE", [one], [b.tensor(name, shape, None, "float32")])
        for one, name in ((both, "real"), (kept, "following"))
    )
    parts = [b.tensor(f"part{number}", (1, 2), None, "float32") for number in range(3)]
    b.operator("SPLIT", [b.constant("axis", 1), real], parts, "SplitOptions", numSplits=3)
    again = [net.simple("QUANTIZE", "again", [parts[n]], (1, 2), other) for n, other in ((0, (0.2, -7)), (1, (0.3, 0)))]
    b.sign(
        {"x": x, "z": z, "state_past": past},
        {"real": real, "part": parts[2], "again": again[0], "other": again[1], "state_past": following},
    )
    return b.finish([real, parts[2], *again, following])


def every_shift() -> bytes:
    """Convolutions, sums and products with every shift that the roundings know: to the right by 31, past that no sum
    counts, to the left by a few. Rows and channels are no whole vectors.
    """
    net = Layers(6)
    rng, outputs = np.random.default_rng(4), []
    for step, exponent in enumerate((*range(-34, -28), -15, -2, -1, 0, 1, 4)):
        factor = 1.37 * 2.0**exponent
        weights = net.builder.weights(f"w{step}", rng.integers(-127, 128, (11, 1, 1, 9)), [factor], 0)
        bias = net.builder.bias(f"b{step}", rng.integers(-20000, 20000, 11), [factor])
        given, out = (
            net.input(f"x{step}", (1, 2, 3, 9), (1.0, 3)),
            net.builder.tensor(f"y{step}", (1, 2, 3, 11), (1.0, 7)),
        )
        outputs.append(
            net.builder.operator("CONV_2D", [given, weights, bias], [out], "Conv2DOptions", strideH=1, strideW=1)
        )
        for kind, options in (("MUL", "MulOptions"), ("ADD", "AddOptions")):
            pair = [
                net.input(f"{kind}{step}{side}", (1, 20), scale)
                for side, scale in (("a", (1.0, 3)), ("b", (factor, 0)))
            ]
            out = net.builder.tensor(f"{kind}{step}", (1, 20), (1.0, 7))
            outputs.append(net.builder.operator(kind, pair, [out], options))
    return net.builder.finish(outputs)


def every_move() -> bytes:
    """One of each kernel that moves or combines data, and an SVDF."""
    net = Layers(7)
    b, rng, scale = net.builder, np.random.default_rng(7), (0.05, -7)
    y = net.input("x", (1, 3, 4, 2), scale)
    size = b.constant("size", [5, 7])
    y = net.simple("RESIZE_BILINEAR", "smooth", [y, size], (1, 5, 7, 2), scale, "ResizeBilinearOptions")
    size = b.constant("size", [3, 5])
    y = net.simple("RESIZE_NEAREST_NEIGHBOR", "nearest", [y, size], (1, 3, 5, 2), scale, "ResizeNearestNeighborOptions")
    weights = b.weights("w", rng.integers(-127, 128, (5, 3, 2, 2)), [0.004], 0)
    inputs = [b.constant("wider", [1, 6, 10, 5]), weights, y, b.bias("b", rng.integers(-900, 900, 5), [2e-4])]
    fields = {"strideH": 2, "strideW": 2, "padding": 0}
    y = net.simple("TRANSPOSE_CONV", "upwards", inputs, (1, 6, 10, 5), (0.03, 4), "TransposeConvOptions", **fields)
    shares = net.simple("BATCH_MATMUL", "shares", [y, y], (1, 6, 10, 10), (0.1, 3), "BatchMatMulOptions", adjY=True)
    series = net.input("series", (1, 6), scale)
    inputs = [series, b.weights("feature", rng.integers(-127, 128, (4, 6)), [0.004], 0)]
    inputs += [b.constant("time", rng.integers(-9000, 9000, (4, 3)), "int16", (1e-4, 0)), -1]
    inputs.append(b.variable("memory", (1, 12), (1e-3, 0), "int16"))
    fields = {"rank": 2, "fusedActivationFunction": 1}
    kept = net.simple("SVDF", "kept", inputs, (1, 2), (0.02, -3), "SVDFOptions", **fields)
    return b.finish([shares, kept])


def every_operator_of_int16() -> bytes:
    """One of each kernel of int16, and moves of its values."""
    b, rng, scale = Builder(), np.random.default_rng(8), (1e-3, 0)
    count = itertools.count()

    def add(
        kind: str, inputs: list[int], shape: tuple[int, ...], options: str = "", to: Scale = scale, **of: Any
    ) -> int:
        out = b.tensor(f"t{next(count)}", shape, to, "int16")
        return b.operator(kind, inputs, [out], options, **of)

    def weighted(kind: str, given: int, weights: tuple[int, ...], axis: int, shape: tuple[int, ...], **of: Any) -> int:
        scales = [2e-3] * weights[axis]
        inputs = [given, b.weights(f"w{next(count)}", rng.integers(-127, 128, weights), scales, axis)]
        inputs.append(b.constant(f"b{next(count)}", rng.integers(-9000, 9000, weights[axis]), "int64", (2e-6, 0)))
        return add(kind, inputs, shape, **of)

    x = y = b.input("x", (1, 6, 5, 4), scale, "int16")
    fields = {"strideH": 1, "strideW": 1, "padding": 0}
    y = weighted("CONV_2D", y, (6, 3, 3, 4), 0, (1, 6, 5, 6), options="Conv2DOptions", **fields)
    depthwise = fields | {"options": "DepthwiseConv2DOptions", "depthMultiplier": 1}
    y = weighted("DEPTHWISE_CONV_2D", y, (1, 3, 3, 6), 3, (1, 6, 5, 6), **depthwise)
    pool = fields | {"filterHeight": 2, "filterWidth": 2}
    for kind in ("MAX_POOL_2D", "AVERAGE_POOL_2D"):
        y = add(kind, [y], (1, 6, 5, 6), "Pool2DOptions", **pool)
    y = add("LEAKY_RELU", [y], (1, 6, 5, 6), "LeakyReluOptions", alpha=0.2)
    y = add("TRANSPOSE", [y, b.constant("order", [0, 2, 3, 1])], (1, 5, 6, 6), "TransposeOptions")
    y = add("PAD", [y, b.constant("border", [[0, 0], [1, 0], [0, 0], [0, 0]])], (1, 6, 6, 6), "PadOptions")
    y = add("MEAN", [y, b.constant("axes", [1, 2])], (1, 6), "ReducerOptions")
    y = weighted("FULLY_CONNECTED", y, (6, 6), 0, (1, 6), options="FullyConnectedOptions")
    gates = [add(kind, [y], (1, 6), to=(2.0**-15, 0)) for kind in ("LOGISTIC", "TANH")]
    product = add("MUL", gates, (1, 6), "MulOptions", to=(2e-5, 0))
    total = add("ADD", [product, y], (1, 6), "AddOptions", potScaleInt16=False)
    rest = add("SUB", [total, b.constant("c", rng.integers(-900, 900, (1, 1)), "int16", scale)], (1, 6), "SubOptions")
    shares = add("SOFTMAX", [rest], (1, 6), "SoftmaxOptions", to=(2.0**-15, 0), beta=1.0)
    narrow = b.operator("QUANTIZE", [shares], [b.tensor("narrow", (1, 6), (1 / 256, -128))])
    of_codes = add("SOFTMAX", [narrow], (1, 6), "SoftmaxOptions", to=(2.0**-16, -32768), beta=1.0)
    whole = b.operator("QUANTIZE", [of_codes], [b.tensor("whole", (1, 6), (2.0**-15, 0), "int32")])
    wider = [b.constant("wider", [1, 12, 10, 3]), b.weights("up", rng.integers(-127, 128, (3, 2, 3, 4)), [2e-3], 0), x]
    wider.append(b.constant("bias", rng.integers(-9000, 9000, 3), "int32", (2e-6, 0)))
    fields = {"strideH": 2, "strideW": 2, "padding": 0, "quantizedBiasType": 2}
    upwards = add("TRANSPOSE_CONV", wider, (1, 12, 10, 3), "TransposeConvOptions", **fields)
    return b.finish([narrow, add("RELU", [x], (1, 6, 5, 4)), whole, upwards])


def svdf_of_tflite_micro() -> bytes:
    """Two units that remember steps as int8, which LiteRT cannot run."""
    b, rng = Builder(), np.random.default_rng(9)
    inputs = [
        b.input("series", (2, 6), (0.05, -7)),
        b.weights("feature", rng.integers(-128, 128, (4, 6)), [0.004], 0),
        b.weights("time", rng.integers(-128, 128, (4, 3)), [0.006], 0),
        b.bias("bias", rng.integers(-900, 900, 2), [6e-4]),
        b.variable("memory", (2, 12), (0.1, -50)),
    ]
    out = b.tensor("kept", (2, 2), (0.2, -3))
    return b.finish([b.operator("SVDF", inputs, [out], "SVDFOptions", rank=2, fusedActivationFunction=1)])
