"""The tables of the generated files' heads: arguments, states and layers, for people."""

from collections.abc import Sequence

from stapes.convert.emit.module import Module, Names
from stapes.convert.lower.steps import Call
from stapes.convert.read.graph import Tensor


def argument_rows(module: Module, names: Names) -> str:
    """Lines of inputs, outputs and states: side, name, shape, type, what a value means."""
    graph = module.graph
    rows = []
    for side, numbers, labels in (("in", graph.inputs, names.inputs), ("out", graph.outputs, names.outputs)):
        for number, label in zip(numbers, labels, strict=True):
            tensor = graph.tensors[number]
            rows.append((side, label, shape_text(tensor.shape), tensor.dtype, real_text(tensor)))
    for state, label in zip(graph.states, names.states, strict=True):
        tensor = graph.tensors[state.current]
        rows.append(("state", label, shape_text(tensor.shape), tensor.dtype, real_text(tensor)))
    return "\n".join(" *   " + line for line in table(rows))


def table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Align columns to the left."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))] if rows else []
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def shape_text(shape: tuple[int, ...]) -> str:
    """49x10x1; a batch of one is not said."""
    sizes = shape[1:] if len(shape) > 1 and shape[0] == 1 else shape
    return "x".join(map(str, sizes)) or "1"


def real_text(tensor: Tensor) -> str:
    """The real value of a q."""
    if tensor.quantization is None:
        return ""
    scale, zero = float(tensor.quantization.scales[0]), int(tensor.quantization.zero_points[0])
    offset = f"(q {'-' if zero > 0 else '+'} {abs(zero)})" if zero else "q"
    return f"real = {scale:.6g} * {offset}"


def layer_rows(module: Module) -> list[tuple[str, ...]]:
    """The table of layers: name, kernel, shapes, weights, MACs, output scale."""
    rows: list[tuple[str, ...]] = [("layer", "kernel", "in", "out", "weights", "MACs", "output")]
    tensors = module.graph.tensors
    for step in module.homes.steps:
        if isinstance(step, Call):
            weights = sum(
                max(a.nbytes for a in c.arrays.values()) for c in step.all_constants() if c.suffix == "weights"
            )
            kernel = f"{step.kernel.removeprefix('stapes_nn_')} {step.note}".strip()
            shapes = (
                " ".join(shape_text(tensors[number].shape) for number in step.inputs),
                shape_text(tensors[step.output].shape),
            )
            rows.append(
                (step.name, kernel, *shapes, str(weights or ""), str(step.macs or ""), real_text(tensors[step.output]))
            )
    return rows
