"""Operators that move or combine data, over grids of shapes, against LiteRT's reference kernels."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from operator_grid import SEEDS, Grid

from benchmarks.tflite_models import Builder
from stapes.convert.compile import compile_model, plan_model
from stapes.convert.verify import Reference, differences, with_intermediate_outputs
from stapes.firmware_sim.errors import ModelError


def test_pack_and_unpack_vs_litert_reference(tmp_path: Path) -> None:
    grid, scale = Grid(1), (0.1, 3)
    for shape, count in itertools.product([(), (5,), (2, 3), (2, 1, 3, 2)], (1, 3)):
        for axis in range(-len(shape) - 1, len(shape) + 1):
            position = axis % (len(shape) + 1)
            packed = (*shape[:position], count, *shape[position:])
            parts = [grid.input(shape, scale) for _ in range(count)]
            parts[-1] = grid.builder.constant("c", grid.rng.integers(-128, 128, shape), "int8", scale)
            parts[0] = grid.input(shape, scale)
            fields = {"axis": axis, "valuesCount": count}
            grid.builder.operator("PACK", parts, [grid.output(packed, scale)], "PackOptions", **fields)
            outputs = [grid.output(shape, scale) for _ in range(count)]
            grid.builder.operator("UNPACK", [grid.input(packed, scale)], outputs, "UnpackOptions", axis=axis, num=count)
    repeated = grid.input((2, 3), scale)
    grid.builder.operator("PACK", [repeated] * 3, [grid.output((2, 3, 3), scale)], "PackOptions", axis=2, valuesCount=3)
    grid.check(tmp_path)


def test_pack_of_other_scales_is_refused_as_litert_reference_does(tmp_path: Path) -> None:
    grid = Grid(1)
    parts = [grid.input((1, 2), (0.1, 3)), grid.input((1, 2), (0.1, 4))]
    grid.builder.operator("PACK", parts, [grid.output((2, 1, 2), (0.1, 3))], "PackOptions", axis=0, valuesCount=2)
    tflite = grid.builder.finish(grid.outputs)
    with pytest.raises(ModelError, match="inputs and output differ in scale or zero point; supported: the same"):
        compile_model(tflite, tmp_path, "model")
    with pytest.raises(RuntimeError, match="zero_point"):
        Reference(tflite)


# Kernels that every layout shares: this machine, with their plain specification, and boards.
MACHINES = pytest.mark.parametrize(
    "machine", ["any", *(pytest.param(board, marks=pytest.mark.slow) for board in ("cortex-m0-large", "cortex-m55"))]
)
RESIZES = [((4, 6), (8, 12)), ((4, 6), (4, 6)), ((5, 7), (7, 3)), ((3, 2), (9, 5)), ((1, 4), (3, 1)), ((9, 9), (2, 20))]


@MACHINES
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("RESIZE_NEAREST_NEIGHBOR", "ResizeNearestNeighborOptions"),
        ("RESIZE_BILINEAR", "ResizeBilinearOptions"),
    ],
)
def test_resizing_vs_litert_reference(tmp_path: Path, kind: str, options: str, machine: str) -> None:
    grid = Grid(2)
    for (given, wanted), channels, batches, (corners, centers) in itertools.product(
        RESIZES, (1, 5), (1, 2), ((False, False), (True, False), (False, True))
    ):
        scale = grid.scale()
        inputs = [grid.input((batches, *given, channels), scale), grid.builder.constant("size", wanted)]
        fields = {"alignCorners": corners, "halfPixelCenters": centers}
        grid.builder.operator(kind, inputs, [grid.output((batches, *wanted, channels), scale)], options, **fields)
    grid.check(tmp_path, target=machine)


def test_gather_vs_litert_reference(tmp_path: Path) -> None:
    grid, scale = Grid(3), (0.1, 3)
    for shape, axis, batch, positions in [
        ((2, 5, 3), 1, 0, [3, 0, 0, 4]),
        ((2, 5, 3), -1, 0, [[2, 0], [1, 1]]),
        ((2, 5, 3), 0, 0, [1]),
        ((7,), 0, 0, 3),
        ((6, 4), 0, 0, [0, 2, 4]),
        ((4, 2, 3), 1, 0, [1, 0]),
        ((2, 5, 3), 1, 1, [[3, 0], [4, 4]]),
        ((2, 3, 4, 2), 2, 1, [[3, 0], [1, 2]]),
        ((2, 2, 3, 2), 2, 2, [[[0], [2]], [[1], [1]]]),
        ((2, 3, 4), 2, -2, [[1, 3], [0, 0]]),
    ]:
        indices = np.array(positions)
        front = batch % indices.ndim if batch else 0
        position = axis % len(shape)
        out = (*shape[:position], *indices.shape[front:], *shape[position + 1 :])
        for dtype in ("int32", "int64"):
            inputs = [grid.input(shape, scale), grid.builder.constant("p", indices, dtype)]
            grid.builder.operator(
                "GATHER", inputs, [grid.output(out, scale)], "GatherOptions", axis=axis, batchDims=batch
            )
    for shape, positions in [
        ((2, 5, 3), [[0, 1], [1, 4], [0, 1]]),
        ((2, 5, 3), [[[0], [1]], [[1], [1]]]),
        ((4, 3), [[0, 1], [2, 2]]),
        ((4, 3), [1]),
        ((6, 3), [[1], [3], [5]]),
    ]:
        indices = np.array(positions)
        out = (*indices.shape[:-1], *shape[indices.shape[-1] :])
        inputs = [grid.input(shape, scale), grid.builder.constant("p", indices)]
        grid.builder.operator("GATHER_ND", inputs, [grid.output(out, scale)], "GatherNdOptions")
    grid.check(tmp_path)


SHAPES = [(5,), (2, 3), (1, 4, 3), (2, 3, 1, 4), (2, 3, 2, 3, 2)]


def test_repetitions_vs_litert_reference(tmp_path: Path) -> None:
    grid, scale = Grid(4), (0.1, 3)
    for shape in SHAPES:
        for times in ([1] * len(shape), [2] * len(shape), [*[1] * (len(shape) - 1), 3], [3, *[1] * (len(shape) - 1)]):
            out = tuple(size * repeated for size, repeated in zip(shape, times, strict=True))
            inputs = [grid.input(shape, scale), grid.builder.constant("times", times)]
            grid.builder.operator("TILE", inputs, [grid.output(out, scale)], "TileOptions")
    for shape, out in [
        ((1,), (4,)),
        ((3, 1), (3, 5)),
        ((4,), (2, 3, 4)),
        ((1, 3, 1, 2), (2, 3, 4, 2)),
        ((2, 3), (2, 3)),
    ]:
        inputs = [grid.input(shape, scale), grid.builder.constant("shape", out)]
        grid.builder.operator("BROADCAST_TO", inputs, [grid.output(out, scale)], "BroadcastToOptions")
    grid.check(tmp_path)


def test_reversal_vs_litert_reference(tmp_path: Path) -> None:
    grid, scale = Grid(5), (0.1, 3)
    for shape in SHAPES:
        for axis in range(-len(shape), len(shape)):
            inputs = [grid.input(shape, scale), grid.builder.constant("axis", [axis])]
            grid.builder.operator("REVERSE_V2", inputs, [grid.output(shape, scale)], "ReverseV2Options")
    grid.check(tmp_path)


def test_mirrored_borders_vs_litert_reference(tmp_path: Path) -> None:
    grid, scale = Grid(6), (0.1, 3)
    for mode, (shape, borders) in itertools.product(
        (0, 1),
        [
            ((5,), [[2, 4]]),
            ((3, 4), [[1, 0], [0, 3]]),
            ((1, 5, 4, 3), [[0, 0], [1, 2], [3, 3], [0, 0]]),
            ((2, 5, 4, 3), [[0, 0], [0, 0], [3, 3], [0, 0]]),
            ((2, 2, 2, 2), [[1, 0], [1, 1], [0, 1], [1, 1]]),
            ((2, 3), [[0, 0], [0, 0]]),
        ],
    ):
        out = tuple(size + a + b for size, (a, b) in zip(shape, borders, strict=True))
        inputs = [grid.input(shape, scale), grid.builder.constant("borders", borders)]
        grid.builder.operator("MIRROR_PAD", inputs, [grid.output(out, scale)], "MirrorPadOptions", mode=mode)
    grid.check(tmp_path)


def test_space_and_depth_vs_litert_reference(tmp_path: Path) -> None:
    grid, scale = Grid(7), (0.1, 3)
    for (batches, height, width, channels), block in itertools.product(
        [(1, 2, 3, 1), (2, 1, 2, 3), (1, 4, 1, 2)], (1, 2, 3)
    ):
        space = (batches, height * block, width * block, channels)
        depth = (batches, height, width, channels * block * block)
        for kind, options, given, wanted in [
            ("SPACE_TO_DEPTH", "SpaceToDepthOptions", space, depth),
            ("DEPTH_TO_SPACE", "DepthToSpaceOptions", depth, space),
        ]:
            grid.builder.operator(
                kind, [grid.input(given, scale)], [grid.output(wanted, scale)], options, blockSize=block
            )
    grid.check(tmp_path)


REFUSED: list[tuple[str, str, tuple[int, ...], list, tuple[int, ...], dict, str]] = [
    ("GATHER", "GatherOptions", (2, 3), [3], (2, 1), {"axis": 1}, "positions 3 to 3 of 3; supported: those inside"),
    ("GATHER", "GatherOptions", (2, 3), [-1], (1, 3), {"axis": 0}, "positions -1 to -1 of 2"),
    ("GATHER", "GatherOptions", (2, 3), [1], (2, 1), {"axis": 1, "batchDims": 1}, "1 batch axes of shapes"),
    ("GATHER_ND", "GatherNdOptions", (2, 3), [[0, 3]], (1,), {}, r"positions outside of \[2, 3\]"),
    ("GATHER_ND", "GatherNdOptions", (2, 3), [[0, 0, 0]], (1,), {}, r"positions \[1, 3\] in shape \[2, 3\]"),
    ("TILE", "TileOptions", (2, 3), [1, 1 << 30], (2, 3), {}, r"the shape \[2, 3221225472\]; supported"),
    ("TILE", "TileOptions", (2, 3), [0, 1], (2, 3), {}, r"\[0, 1\] repetitions"),
    ("BROADCAST_TO", "BroadcastToOptions", (2, 3), [2, 4], (2, 4), {}, r"shape \[2, 3\] to \[2, 4\]"),
    ("REVERSE_V2", "ReverseV2Options", (2, 3), [1, -1], (2, 3), {}, r"axes \[1, 1\]; supported: each axis once"),
    ("MIRROR_PAD", "MirrorPadOptions", (2, 3), [[2, 0], [0, 0]], (4, 3), {}, r"two per axis, up to \[1, 2\]"),
    ("MIRROR_PAD", "MirrorPadOptions", (2, 3), [[0, 0]], (2, 3), {}, r"borders \[0, 0\] of shape \[2, 3\]"),
    ("RESIZE_BILINEAR", "ResizeBilinearOptions", (1, 2, 2, 1), [4], (1, 4, 2, 1), {}, r"to sizes \[4\]"),
    (
        "RESIZE_BILINEAR",
        "ResizeBilinearOptions",
        (1, 2, 1, 1),
        [3000, 1],
        (1, 3000, 1, 1),
        {"halfPixelCenters": True},
        "3000 positions from 2, the last of which is 2.4",
    ),
    (
        "RESIZE_NEAREST_NEIGHBOR",
        "ResizeNearestNeighborOptions",
        (1, 2, 2, 1),
        [2, 2],
        (1, 2, 2, 1),
        {"halfPixelCenters": True, "alignCorners": True},
        "align_corners with half_pixel_centers",
    ),
]


@pytest.mark.parametrize(("kind", "options", "shape", "values", "out", "fields", "message"), REFUSED)
def test_positions_outside_of_the_input_and_odd_shapes_are_refused(
    kind: str, options: str, shape: tuple[int, ...], values: list, out: tuple[int, ...], fields: dict, message: str
) -> None:
    b = Builder()
    inputs = [b.input("x", shape, (0.1, 0)), b.constant("values", values)]
    made = b.operator(kind, inputs, [b.tensor("y", out, (0.1, 0))], options, **fields)
    with pytest.raises(ModelError, match=message):
        plan_model(b.finish([made]), "model")


@pytest.mark.parametrize(
    ("kind", "options", "shape", "out", "block"),
    [
        ("SPACE_TO_DEPTH", "SpaceToDepthOptions", (1, 3, 2, 1), (1, 1, 1, 4), 2),
        ("DEPTH_TO_SPACE", "DepthToSpaceOptions", (1, 1, 1, 6), (1, 2, 2, 1), 2),
        ("DEPTH_TO_SPACE", "DepthToSpaceOptions", (1, 1, 1, 6), (1, 2, 2, 1), 0),
        ("SPACE_TO_DEPTH", "SpaceToDepthOptions", (1, 3, 2, 1), (1, 1, 1, 4), -1),
    ],
)
def test_squares_that_do_not_fit_are_refused(
    kind: str, options: str, shape: tuple[int, ...], out: tuple[int, ...], block: int
) -> None:
    b = Builder()
    made = b.operator(kind, [b.input("x", shape, (0.1, 0))], [b.tensor("y", out, (0.1, 0))], options, blockSize=block)
    with pytest.raises(ModelError, match=f"squares of {block}; supported: four axes"):
        plan_model(b.finish([made]), "model")


def _transposed(size: int, kernel: int, stride: int, same: bool) -> int:
    return size * stride if same else (size - 1) * stride + kernel


TRANSPOSED = list(
    itertools.product(
        ((1, 1), (2, 5), (4, 3)), ((1, 1), (2, 3), (4, 2)), (1, 2, 3), (False, True), (1, 3, 8), (1, 2, 4, 7), (1, 2)
    )
)


@MACHINES
@SEEDS
def test_transposed_convolutions_vs_litert_reference(tmp_path: Path, seed: int, machine: str) -> None:
    grid = Grid(seed)
    for size, kernel, stride, same, channels, many, batches in grid.some(TRANSPOSED):
        wanted = [_transposed(n, k, stride, same) for n, k in zip(size, kernel, strict=True)]
        wanted[0] += int(grid.rng.integers(0, stride)) * (-1 if same else 1)  # each size that leads to the input's
        given = grid.input((batches, *size, channels), grid.scale())
        out = grid.output((batches, *wanted, many), grid.scale(0.02))
        spread = 20 * grid.builder.scale_of(out) / (grid.builder.scale_of(given) * 5000 * np.sqrt(channels * 2))
        scales = (spread * np.exp(grid.rng.uniform(-1, 1, many if grid.rng.integers(0, 2) else 1))).tolist()
        weights = grid.builder.weights("w", grid.rng.integers(-127, 128, (many, *kernel, channels)), scales, 0)
        inputs = [grid.builder.constant("shape", [batches, *wanted, many]), weights, given]
        if grid.rng.integers(0, 2):
            bias_scales = [grid.builder.scale_of(given) * float(np.float32(scale)) for scale in scales]
            inputs.append(grid.builder.bias("b", grid.rng.integers(-20000, 20000, many), bias_scales))
        fields = {"padding": 0 if same else 1, "strideH": stride, "strideW": stride}
        fields["fusedActivationFunction"] = int(grid.rng.integers(0, 4))
        grid.builder.operator("TRANSPOSE_CONV", inputs, [out], "TransposeConvOptions", **fields)
    grid.check(tmp_path, target=machine)


MATRICES = [
    ((3, 5), (5, 4)),
    ((1, 7), (7, 1)),
    ((2, 3, 5), (2, 5, 6)),
    ((2, 3, 5), (5, 3)),
    ((5, 4), (2, 4, 9)),
    ((2, 1, 3, 5), (1, 4, 5, 3)),
    ((1, 2, 8, 8), (1, 2, 8, 8)),
    ((2, 1, 2, 3, 17), (1, 3, 2, 17, 5)),
]


@MACHINES
def test_matrix_products_vs_litert_reference(tmp_path: Path, machine: str) -> None:
    grid = Grid(8)
    for (a, b), turn_a, turn_b in itertools.product(MATRICES, (False, True), (False, True)):
        constant = int(grid.rng.integers(0, 3))
        out = (*np.broadcast_shapes(a[:-2], b[:-2]), a[-2], b[-1])
        shapes = [
            (*shape[:-2], shape[-1], shape[-2]) if turned else shape for shape, turned in ((a, turn_a), (b, turn_b))
        ]
        scales = [grid.scale(0.01, 0.5) for _ in shapes]
        inputs = [
            grid.builder.constant("c", grid.rng.integers(-128, 128, shape), "int8", scale)
            if constant == position
            else grid.input(shape, scale)
            for position, (shape, scale) in enumerate(zip(shapes, scales, strict=True), 1)
        ]
        reach = scales[0][0] * scales[1][0] * 200 * np.sqrt(a[-1])
        target = grid.output(out, (reach * float(grid.rng.uniform(0.3, 1.2)), grid.scale()[1]))
        grid.builder.operator("BATCH_MATMUL", inputs, [target], "BatchMatMulOptions", adjX=turn_a, adjY=turn_b)
    grid.check(tmp_path, target=machine)


@pytest.mark.parametrize("needed", [False, True])
def test_an_empty_part_of_a_split_is_refused_only_where_something_needs_it(tmp_path: Path, needed: bool) -> None:
    """TensorFlow splits the products of a GRU without `reset_after` so."""
    b = Builder()
    inputs = [b.input("x", (1, 3), (0.1, 0)), b.constant("sizes", [2, 0, 1]), b.constant("axis", [1])]
    parts = [b.tensor(name, (1, size), (0.1, 0)) for name, size in (("two", 2), ("none", 0), ("one", 1))]
    b.operator("SPLIT_V", inputs, parts, "SplitVOptions", numSplits=3)
    tflite = b.finish([part for part in parts if needed or part != parts[1]])
    if needed:
        with pytest.raises(ModelError, match=r"tensor none has shape \[1, 0\]; supported: sizes of at least 1"):
            plan_model(tflite, "model")
    else:
        compile_model(tflite, tmp_path, "model")
        assert differences(tflite, tmp_path) == {"two": 0, "one": 0}


@pytest.mark.parametrize("shape", [[1, 2, 2], [1, -2, 2, 1], [1, 4, 5, 1], [2, 4, 4, 1], [1, 4, 4, 2]])
def test_transposed_convolutions_of_other_sizes_are_refused(shape: list[int]) -> None:
    b = Builder()
    weights = b.weights("w", np.ones((1, 2, 2, 1)), [0.1], 0)
    inputs = [b.constant("shape", shape), weights, b.input("x", (1, 2, 2, 1), (0.1, 0))]
    y = b.tensor("y", (1, 4, 4, 1), (0.1, 0))
    b.operator("TRANSPOSE_CONV", inputs, [y], "TransposeConvOptions", strideH=2, strideW=2)
    with pytest.raises(ModelError, match=r"supported: (four axes|batches and channels|an output that a convolution)"):
        plan_model(b.finish([y]), "model")


BLOCKS = [  # shape, blocks, borders
    ((1, 6, 2), [3], [(0, 0)]),
    ((2, 7, 3), [4], [(0, 1)]),
    ((1, 5, 1), [4], [(4, 3)]),
    ((3, 2, 2), [1], [(1, 0)]),
    ((1, 4, 6, 3), [2, 3], [(0, 0), (0, 0)]),
    ((2, 3, 5, 1), [2, 2], [(1, 0), (0, 1)]),
    ((1, 1, 7, 4), [1, 4], [(0, 0), (9, 4)]),
    ((1, 2, 2, 2), [8, 8], [(3, 3), (6, 0)]),
]


@MACHINES
def test_space_to_batch_and_back_vs_litert_reference(tmp_path: Path, machine: str) -> None:
    grid = Grid(1)
    for (shape, sizes, borders), scale in itertools.product(BLOCKS, ((0.1, 3), (0.2, -128))):
        sides = list(zip(shape[1:-1], borders, sizes, strict=True))
        dealt = tuple((size + sum(around)) // block for size, around, block in sides)
        batches = (int(shape[0] * np.prod(sizes)), *dealt, shape[-1])
        inputs = [grid.builder.constant("sizes", sizes), grid.builder.constant("borders", borders)]
        given = grid.input(shape, scale)
        grid.builder.operator("SPACE_TO_BATCH_ND", [given, *inputs], [grid.output(batches, scale)])
        given = grid.input(batches, scale)
        grid.builder.operator("BATCH_TO_SPACE_ND", [given, *inputs], [grid.output(shape, scale)])
    grid.check(tmp_path, target=machine)


@pytest.mark.parametrize("kind", ["SPACE_TO_BATCH_ND", "BATCH_TO_SPACE_ND"])
@pytest.mark.parametrize(
    ("shape", "sizes", "borders", "message"),
    [
        ((6, 6, 2), [3, 1], [(0, 0), (0, 0)], "a block for each but the first and the last"),
        ((1, 2, 3, 1, 2), [1, 1, 1], [(0, 0)] * 3, "3 or 4 axes"),
        ((4, 4, 2), [0], [(0, 0)], "blocks of 1 or more"),
        ((4, 4, 2), [2], [(-1, 1)], "borders of 0 or more"),
        ((5, 5, 2), [2], [(0, 0)], "whole blocks"),
        ((128, 128, 1), [128], [(1, 127)], "borders around blocks of up to 64 positions"),
    ],
)
def test_blocks_that_litert_does_not_take_are_refused(
    kind: str, shape: tuple[int, ...], sizes: list[int], borders: list, message: str
) -> None:
    b = Builder()
    inputs = [b.input("x", shape, (0.1, 0)), b.constant("sizes", sizes), b.constant("borders", borders)]
    tflite = b.finish([b.operator(kind, inputs, [b.tensor("y", (1, 1, 1), (0.1, 0))])])
    with pytest.raises(ModelError, match=message):
        plan_model(tflite, "model")


def test_moves_of_int16_vs_litert_reference(tmp_path: Path) -> None:
    grid, scale = Grid(9), (0.001, 0)

    def add(kind: str, shape: tuple[int, ...], out: tuple[int, ...], values: Any, options: str, **fields: Any) -> None:
        inputs = [grid.input(shape, scale, "int16"), grid.builder.constant("values", values)]
        grid.builder.operator(kind, inputs, [grid.output(out, scale, "int16")], options, **fields)

    resized = {"alignCorners": False, "halfPixelCenters": False}
    add("RESIZE_NEAREST_NEIGHBOR", (2, 3, 4, 2), (2, 6, 8, 2), [6, 8], "ResizeNearestNeighborOptions", **resized)
    add("RESIZE_NEAREST_NEIGHBOR", (2, 3, 4, 2), (2, 5, 7, 2), [5, 7], "ResizeNearestNeighborOptions", **resized)
    add("GATHER", (2, 5, 3), (2, 4, 3), [3, 0, 0, 4], "GatherOptions", axis=1)
    add("GATHER", (2, 5, 3), (2, 2, 3), [[3, 0], [4, 4]], "GatherOptions", axis=1, batchDims=1)
    add("GATHER_ND", (2, 5, 3), (3, 3), [[0, 1], [1, 4], [0, 1]], "GatherNdOptions")
    add("MIRROR_PAD", (3, 4), (4, 7), [[1, 0], [0, 3]], "MirrorPadOptions", mode=0)
    add("REVERSE_V2", (2, 3, 4), (2, 3, 4), [1], "ReverseV2Options")
    add("TRANSPOSE", (2, 3, 4), (4, 3, 2), [2, 1, 0], "TransposeOptions")
    parts = [grid.input((2, 3), scale, "int16") for _ in range(3)]
    packed = [grid.output((2, 3, 3), scale, "int16")]
    grid.builder.operator("PACK", parts, packed, "PackOptions", axis=2, valuesCount=3)
    halves = [grid.output((2, 3), scale, "int16") for _ in range(2)]
    grid.builder.operator("UNPACK", [grid.input((2, 2, 3), scale, "int16")], halves, "UnpackOptions", axis=1, num=2)
    grid.check(tmp_path)


@pytest.mark.parametrize("name", ["c_tconv_b1", "mha", "upsample_nearest"])
def test_models_of_keras_equal_litert_reference_in_every_tensor(
    tmp_path: Path, cases_of_models: Path, name: str
) -> None:
    """A transposed convolution, attention, and upsampling, as Keras writes them."""
    tflite = with_intermediate_outputs((cases_of_models / f"{name}.tflite").read_bytes())
    compile_model(tflite, tmp_path, "model")
    found = differences(tflite, tmp_path, steps=20)
    assert found
    assert {tensor: count for tensor, count in found.items() if count} == {}
