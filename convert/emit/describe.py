"""Describe a generated model for people: the tables of arguments, states and layers at the head of its files."""

from collections.abc import Sequence

import numpy as np

from stapes.convert.emit.lines import comment
from stapes.convert.emit.module import Module, Names
from stapes.convert.lower.operations import Call
from stapes.firmware_sim.tflite.graph import Graph, Tensor


def banner(module: Module, file: str) -> str:
    """Return the first lines of a generated file: where it comes from, and whose it is. The comment stays open."""
    return f"""/* {file} -- written by stapes {module.version} from a .tflite with sha256 {module.digest[:16]}.
 * Regenerate, do not edit. This file belongs to whoever generated it; the kernels (stapes_nn) are Apache-2.0."""


def argument_rows(module: Module, names: Names) -> list[tuple[str, ...]]:
    """Return a row per input, output and state: kind, name, shape, type, the real value of a q, and its range."""
    graph = module.graph
    sides = (
        ("in", graph.inputs, names.inputs),
        ("out", graph.outputs, names.outputs),
        ("state", [state.current for state in graph.states], names.states),
    )
    rows: list[tuple[str, ...]] = []
    for side, numbers, labels in sides:
        for number, label in zip(numbers, labels, strict=True):
            tensor = graph.tensors[number]
            meaning = real_text(tensor), range_text(tensor)
            rows.append((side, label, shape_text(tensor.shape), tensor.dtype, *meaning))
    return rows


def border_lines(file: Graph, graph: Graph) -> list[str]:
    """Return a line per input and output that is float32 in the file and quantized in the C."""
    lines = []
    for side, verb, theirs, ours in (
        ("input", "takes", (file.input_names, file.inputs), (graph.input_names, graph.inputs)),
        ("output", "gives", (file.output_names, file.outputs), (graph.output_names, graph.outputs)),
    ):
        floats = {name for name, number in zip(*theirs, strict=True) if file.tensors[number].dtype == "float32"}
        for name, number in zip(*ours, strict=True):
            tensor = graph.tensors[number]
            if name in floats and tensor.dtype != "float32":
                lines.append(f"{side} {name}: float32 in the file; {verb} {tensor.dtype}, {real_text(tensor)}")
    return lines


def comment_table(rows: Sequence[tuple[str, ...]]) -> str:
    """Return aligned columns as lines of a C comment."""
    return "\n".join(comment(line) for line in table(rows))


def table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Return rows as lines, with columns aligned to the left."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))] if rows else []
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def shape_text(shape: tuple[int, ...]) -> str:
    """Return a shape such as 49x10x1. A batch size of 1 is omitted."""
    sizes = shape[1:] if len(shape) > 1 and shape[0] == 1 else shape
    return "x".join(map(str, sizes)) or "1"


def real_text(tensor: Tensor) -> str:
    """Return the formula of the real value of a q; empty without quantization."""
    if tensor.quantization is None:
        return ""
    scale, zero = float(tensor.quantization.scales[0]), int(tensor.quantization.zero_points[0])
    offset = f"(q {'-' if zero > 0 else '+'} {abs(zero)})" if zero else "q"
    return f"real = {scale:.6g} * {offset}"


def real_range(tensor: Tensor) -> tuple[np.float32, np.float32]:
    """Return the lowest and the highest real value of a quantized tensor."""
    assert tensor.quantization is not None
    limits, zero = np.iinfo(tensor.dtype), int(tensor.quantization.zero_points[0])
    low, high = (float(tensor.quantization.scales[0]) * (q - zero) for q in (limits.min, limits.max))
    return np.float32(low), np.float32(high)


def range_text(tensor: Tensor) -> str:
    """Return the range of real values, for people."""
    if tensor.quantization is None:
        return ""
    low, high = real_range(tensor)
    return f"{low:.6g} to {high:.6g}"


def layer_rows(module: Module) -> list[tuple[str, ...]]:
    """Return the table of layers, headings first: name, kernel, shapes, bytes of weights, MACs, output scale.

    Where layouts pack the weights differently, their bytes are those of the largest packing.
    """
    rows: list[tuple[str, ...]] = [("layer", "kernel", "in", "out", "weight bytes", "MACs", "output")]
    tensors = module.graph.tensors
    for operation in module.placement.operations:
        if isinstance(operation, Call):
            weights = sum(
                max(a.nbytes for a in c.arrays.values()) for c in operation.all_constants() if c.suffix == "weights"
            )
            kernel = f"{operation.kernel.removeprefix('stapes_nn_')} {operation.note}".strip()
            shapes = (
                ", ".join(shape_text(tensors[number].shape) for number in operation.inputs),
                shape_text(tensors[operation.output].shape),
            )
            rows.append(
                (
                    operation.name,
                    kernel,
                    *shapes,
                    str(weights or ""),
                    str(operation.macs or ""),
                    real_text(tensors[operation.output]),
                )
            )
    return rows
