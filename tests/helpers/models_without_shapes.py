"""Models as TensorFlow exports them: with shapes computed in each inference, and dilation in three operators."""

from benchmarks.tflite_models import Layers, Scale

Pair = tuple[int, int]
SCALE: Scale = (0.05, -3)


def without_batch_size() -> bytes:
    """Return a FULLY_CONNECTED over the last axis as Keras exports it without a batch size: shapes are placeholders."""
    net = Layers(3)
    b = net.builder
    x = net.input("x", (1, 8, 16), SCALE)
    shape = b.operator("SHAPE", [x], [b.tensor("shape", (3,), None, "int32")], "ShapeOptions", outType=2)
    limits = [b.constant(name, [value]) for name, value in (("begin", 0), ("end", 2), ("stride", 1))]
    rows = b.operator("STRIDED_SLICE", [shape, *limits], [b.tensor("rows", (2,), None, "int32")], "StridedSliceOptions")
    product = b.tensor("product", (), None, "int32")
    b.operator("REDUCE_PROD", [rows, b.constant("axis", [0])], [product], "ReducerOptions")
    flat_shape = b.tensor("flat_shape", (2,), None, "int32")
    b.operator("PACK", [product, b.constant("size", 16)], [flat_shape], "PackOptions", valuesCount=2)
    flat = net.simple("RESHAPE", "flat", [x, flat_shape], (1, 1), SCALE, "ReshapeOptions")
    net.shape_of[flat] = (1, 16)
    y = net.dense("dense", flat, 5, relu=False)
    out_shape = b.tensor("out_shape", (3,), None, "int32")
    b.operator("CONCATENATION", [rows, b.constant("units", [5])], [out_shape], "ConcatenationOptions")
    return b.finish([net.simple("RESHAPE", "out", [y, out_shape], (1, 1, 1), net.scale_of[y], "ReshapeOptions")])


class Dilated:
    """Dilated convolutions in one graph, each with an input and an output of its own."""

    def __init__(self) -> None:
        self.net, self.outputs = Layers(7), []

    def blocks(self, kind: str, given: int, sizes: list[int], borders: list[Pair], out: tuple[int, ...]) -> int:
        b, name = self.net.builder, f"{kind}{len(self.net.shape_of)}"
        inputs = [given, b.constant(f"{name}_sizes", sizes), b.constant(f"{name}_borders", borders)]
        return self.net.simple(kind, name, inputs, out, self.net.scale_of[given])

    def planar(
        self, kind: str, size: Pair, kernel: Pair, dilation: Pair, same: bool, batches: int = 1, odd: int = 0
    ) -> None:
        """Add a dilated CONV_2D or DEPTHWISE_CONV_2D; `odd` positions more are padded and cropped at the end."""
        reach = [(k - 1) * d for k, d in zip(kernel, dilation, strict=True)]
        before = [r // 2 if same else 0 for r in reach]
        after = [r - r // 2 if same else 0 for r in reach]
        sides = list(zip(size, before, after, dilation, strict=True))
        more = [-(n + a + z) % d + odd * d for n, a, z, d in sides]
        dealt = [(n + a + z + m) // d for (n, a, z, d), m in zip(sides, more, strict=True)]
        inner = [n - k + 1 for n, k in zip(dealt, kernel, strict=True)]
        channels, many = 3, dilation[0] * dilation[1]
        x = self.net.input(f"x{len(self.outputs)}", (batches, *size, channels), SCALE)
        pads = [(a, z + m) for a, z, m in zip(before, after, more, strict=True)]
        y = self.blocks("SPACE_TO_BATCH_ND", x, list(dilation), pads, (batches * many, *dealt, channels))
        fields = {"padding": 1, "strideH": 1, "strideW": 1, "dilationHFactor": 1, "dilationWFactor": 1}
        name = f"y{len(self.outputs)}"
        if kind == "CONV_2D":
            weights, axis, options = (5, *kernel, channels), 0, "Conv2DOptions"
        else:
            weights, axis, options, fields["depthMultiplier"] = (1, *kernel, 6), 3, "DepthwiseConv2DOptions", 2
        shape = (batches * many, *inner, weights[axis])
        y = self.net.weighted(kind, name, y, weights, axis, shape, (0.05, 3), options, **fields)
        out = [n * d - m for n, d, m in zip(inner, dilation, more, strict=True)]
        crops = [(0, m) for m in more]
        self.outputs.append(self.blocks("BATCH_TO_SPACE_ND", y, list(dilation), crops, (batches, *out, weights[axis])))

    def linear(self, size: int, kernel: int, dilation: int, pads: Pair, crops: Pair, columns: bool) -> None:
        """Add a dilated convolution along one axis, with an axis added and removed around it, as in Keras."""
        net, b, count = self.net, self.net.builder, len(self.outputs)
        dealt = (size + sum(pads)) // dilation
        x = net.input(f"x{count}", (1, size, 3), SCALE)
        y = self.blocks("SPACE_TO_BATCH_ND", x, [dilation], [pads], (dilation, dealt, 3))
        wide = (dilation, 1, dealt, 3) if columns else (dilation, dealt, 1, 3)
        y = net.simple("EXPAND_DIMS", f"wide{count}", [y, b.constant(f"axis{count}", 1 if columns else 2)], wide, SCALE)
        weights = (5, 1, kernel, 3) if columns else (5, kernel, 1, 3)
        inner = dealt - kernel + 1
        shape = (dilation, 1, inner, 5) if columns else (dilation, inner, 1, 5)
        fields = {"padding": 1, "strideH": 1, "strideW": 1, "dilationHFactor": 1, "dilationWFactor": 1}
        y = net.weighted("CONV_2D", f"conv{count}", y, weights, 0, shape, (0.05, 3), "Conv2DOptions", **fields)
        flat = b.constant(f"flat{count}", [-1, inner, 5])
        y = net.simple("RESHAPE", f"narrow{count}", [y, flat], (dilation, inner, 5), (0.05, 3), "ReshapeOptions")
        out = (1, inner * dilation - sum(crops), 5)
        self.outputs.append(self.blocks("BATCH_TO_SPACE_ND", y, [dilation], [crops], out))

    def finish(self) -> bytes:
        return self.net.builder.finish(self.outputs)


def dilated() -> bytes:
    """Return one dilated convolution along rows and columns, and one along a single axis."""
    forms = Dilated()
    forms.planar("DEPTHWISE_CONV_2D", (7, 9), (3, 3), (1, 3), same=True)
    forms.linear(61, 3, 4, pads=(4, 7), crops=(0, 3), columns=True)
    return forms.finish()
