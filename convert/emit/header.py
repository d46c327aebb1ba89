"""NAME.h of a generated model: sizes, the meaning of the arguments, the struct, and the two functions."""

import numpy as np

from stapes.convert.emit.amalgamate import LAYOUT_HEADER, layout_choice
from stapes.convert.emit.describe import argument_rows, banner, comment_table, real_range
from stapes.convert.emit.lines import function
from stapes.convert.emit.module import Module, Names, sizes_of, weight_bytes
from stapes.convert.plan.memory import aligned
from stapes.firmware_sim.tflite.graph import Tensor


def header(module: Module, single_file: bool) -> str:
    """Return the text of NAME.h."""
    names, sizes, name = Names(module), sizes_of(module), module.name
    upper = name.upper()
    members = []
    if sizes.arena or not module.graph.states:
        members.append(
            f"    int32_t arena[{max(1, sizes.arena // 4)}]; /* tensors and scratch memory, aligned to 4 bytes */"
        )
    for state, label, size in zip(module.graph.states, names.states, module.state_sizes(), strict=True):
        tensor = module.graph.tensors[state.current]
        longer = size > aligned(tensor.count * tensor.width)
        note = f" /* the state is the first {tensor.count}; a step appends its new values */" if longer else ""
        members.append(f"    {c_type(tensor)} {label}[{size // tensor.width}];{note}")
    return f"""{banner(module, f"{name}.h")}
 *
{comment_table(argument_rows(module, names))}
 */
#ifndef {upper}_H
#define {upper}_H

#include <stdint.h>
{_layout_include(module, single_file)}
#define {upper}_RAM_BYTES {sizes.ram} /* sizeof({name}_t) */
#define {upper}_CHANNEL_BYTES {sizes.channels} /* biases, multipliers, shifts */
#define {upper}_TABLE_BYTES {sizes.tables} /* lookup tables and other constants */
#define {upper}_MACS {sizes.macs} /* multiply-accumulates per step */
{_weight_bytes(module)}
{_argument_macros(module, names)}
#ifdef __cplusplus
extern "C" {{
#endif

/* All memory that changes, one per detector. The arena may be overwritten between steps, the states may not. */
typedef struct {{
{chr(10).join(members)}
}} {name}_t;

/* Set the states to their initial values: before the first step, and to start afresh. */
void {name}_reset({name}_t *self);

/* One inference. The arrays must not overlap each other or *self. */
{step_prototype(module, names)};

#ifdef __cplusplus
}}
#endif

#endif
"""


def step_prototype(module: Module, names: Names) -> str:
    """Return the declarator of NAME_step, which header and source share."""
    graph = module.graph
    parameters = [f"{module.name}_t *self"]
    for number, name in zip(graph.inputs, names.inputs, strict=True):
        parameters.append(f"const {c_type(graph.tensors[number])} {name}[{graph.tensors[number].count}]")
    for number, name in zip(graph.outputs, names.outputs, strict=True):
        parameters.append(f"{c_type(graph.tensors[number])} {name}[{graph.tensors[number].count}]")
    return function(f"void {module.name}_step(", parameters, ")")


def c_type(tensor: Tensor) -> str:
    """Return the C type of an input, output or state."""
    return f"{tensor.dtype}_t"


def _argument_macros(module: Module, names: Names) -> str:
    """Return macros with the count, scale, zero point and range of every input and output."""
    graph, upper = module.graph, module.name.upper()
    lines = [
        "/* An argument q stands for the real value SCALE * (q - ZERO_POINT), which lies from REAL_MIN to REAL_MAX. */"
    ]
    arguments = zip((*graph.inputs, *graph.outputs), (*names.inputs, *names.outputs), strict=True)
    for number, name in arguments:
        tensor, prefix = graph.tensors[number], f"#define {upper}_{name.upper()}"
        lines.append(f"{prefix}_COUNT {tensor.count}")
        if tensor.quantization is not None:
            zero_point = int(tensor.quantization.zero_points[0])
            low, high = real_range(tensor)
            lines += [
                f"{prefix}_SCALE {_float_literal(tensor.quantization.scales[0])}",
                f"{prefix}_ZERO_POINT {f'({zero_point})' if zero_point < 0 else zero_point}",
                f"{prefix}_REAL_MIN {_float_literal(low)}",
                f"{prefix}_REAL_MAX {_float_literal(high)}",
            ]
    return "\n".join(lines) + "\n"


def _float_literal(value: np.float32) -> str:
    """Return the shortest C literal that reads back as this float32."""
    literal = f"{value!s}f"
    return f"({literal})" if value < 0 else literal


def _layout_include(module: Module, single_file: bool) -> str:
    """Return what defines STAPES_NN_LAYOUT, where the size of the weights depends on it."""
    if len(set(_weight_sizes(module).values())) == 1:
        return ""
    return "\n" + (
        layout_choice(module.layouts, module.every_layout) if single_file else f'#include "{LAYOUT_HEADER}"\n'
    )


def _weight_bytes(module: Module) -> str:
    """Return the #define of the weights' bytes; where packings differ in size, the C compiler chooses among them."""
    macro, sizes = f"{module.name.upper()}_WEIGHT_BYTES", _weight_sizes(module)
    if len(set(sizes.values())) == 1:
        return f"#define {macro} {sizes[module.layouts[0].macro]}\n"
    chosen = "\n".join(
        f"{'#elif' if position else '#if'} STAPES_NN_LAYOUT == {layout}\n#define {macro} {size}"
        for position, (layout, size) in enumerate(sizes.items())
    )
    return f"\n/* The size depends on how the weights are packed for the processor. */\n{chosen}\n#endif\n"


def _weight_sizes(module: Module) -> dict[str, int]:
    return {layout.macro: weight_bytes(module, layout) for layout in module.layouts}
