"""Steps and memory plan to C99 that people read.

NAME.h holds the sizes, the struct and two functions; NAME.c a table of layers, one line per layer, then the constants.
"""

from stapes.convert.emit.amalgamate import amalgamate, choice_of_layout, kernel_files
from stapes.convert.emit.constants import constants
from stapes.convert.emit.describe import argument_rows, layer_rows, table
from stapes.convert.emit.module import Module, Names, measure, uniform, weight_bytes
from stapes.convert.emit.statements import step_body
from stapes.convert.lower.steps import Call
from stapes.convert.read.graph import Tensor

KERNELS_VERSION = 1  # STAPES_NN_VERSION in csrc/stapes_nn.h


def c_type(tensor: Tensor) -> str:
    """C type of an input, output or state."""
    return f"{tensor.dtype}_t"


def signature(module: Module, names: Names) -> str:
    """Parameters of NAME_step."""
    graph = module.graph
    parts = [f"{module.name}_t *self"]
    for number, name in zip(graph.inputs, names.inputs, strict=True):
        parts.append(f"const {c_type(graph.tensors[number])} {name}[{graph.tensors[number].count}]")
    for number, name in zip(graph.outputs, names.outputs, strict=True):
        parts.append(f"{c_type(graph.tensors[number])} {name}[{graph.tensors[number].count}]")
    return ", ".join(parts)


def header(module: Module, single_file: bool) -> str:
    """NAME.h."""
    names, sizes, name = Names(module), measure(module), module.name
    upper = name.upper()
    members = [f"    int32_t arena[{max(1, sizes.arena // 4)}];" if sizes.arena or not module.graph.states else ""]
    for state, label, size in zip(module.graph.states, names.states, module.state_sizes(), strict=True):
        tensor = module.graph.tensors[state.current]
        members.append(f"    {c_type(tensor)} {label}[{size // tensor.width}];")
    return f"""{_banner(module, f"{name}.h")}
 *
{argument_rows(module, names)}
 */
#ifndef {upper}_H
#define {upper}_H

#include <stdint.h>

#define {upper}_RAM_BYTES {sizes.ram} /* sizeof({name}_t) */
#define {upper}_CHANNEL_BYTES {sizes.channels} /* biases, multipliers, shifts */
#define {upper}_TABLE_BYTES {sizes.tables}
#define {upper}_MACS {sizes.macs} /* per step */
{_weight_bytes(module, single_file)}
#ifdef __cplusplus
extern "C" {{
#endif

/* Everything that changes; one per detector. The arena is free between steps, the states are not. */
typedef struct {{
{chr(10).join(member for member in members if member)}
}} {name}_t;

/* Before the first step, and to start afresh. */
void {name}_reset({name}_t *self);

/* One inference. The arrays must not overlap each other or *self. */
void {name}_step({signature(module, names)});

#ifdef __cplusplus
}}
#endif

#endif
"""


def _weight_bytes(module: Module, single_file: bool) -> str:
    """The #define of the weights' bytes; where packings differ in size, the C compiler chooses among them."""
    macro = f"{module.name.upper()}_WEIGHT_BYTES"
    sizes = {layout.macro: weight_bytes(module, layout) for layout in module.layouts}
    if len(set(sizes.values())) == 1:
        return f"#define {macro} {sizes[module.layouts[0].macro]}\n"
    chosen = "\n".join(
        f"{'#elif' if position else '#if'} STAPES_NN_LAYOUT == {layout}\n#define {macro} {size}"
        for position, (layout, size) in enumerate(sizes.items())
    )
    return f"\n{choice_of_layout(single_file)}\n/* Weights are packed for the processor. */\n{chosen}\n#endif\n"


def _banner(module: Module, file: str) -> str:
    origin = f"stapes {module.version} from a .tflite with sha256 {module.digest[:16]}"
    return f"""/* {file} -- written by {origin}. Regenerate, do not edit.
 * This file belongs to whoever generated it; the kernels (stapes_nn) are Apache-2.0."""


def source(module: Module) -> str:
    """NAME.c without kernels."""
    names = Names(module)
    body, moves = step_body(module, names)
    declarations, definitions = constants(module, names, moves)
    rows = "\n".join(" *   " + line for line in table(layer_rows(module)))
    return f"""{_banner(module, f"{module.name}.c")}
 *
{rows}
 */
#include "{module.name}.h"

#include <string.h>

#include "stapes_nn.h"

#if STAPES_NN_VERSION != {KERNELS_VERSION}
#error "{module.name}.c was written for stapes_nn version {KERNELS_VERSION}: run `stapes compile` again"
#endif
{_layout_guard(module)}
{declarations}
{_reset(module, names)}
void {module.name}_step({signature(module, names)})
{{
{body}
}}
{definitions}"""


def _layout_guard(module: Module) -> str:
    if module.every_layout:
        return ""
    macro = module.layouts[0].macro
    return f"""#if STAPES_NN_LAYOUT != {macro}
#error "{module.name}.c holds weights for {macro}: run `stapes compile` with another --target"
#endif
"""


def _reset(module: Module, names: Names) -> str:
    lines = []
    for state, name in zip(module.graph.states, names.states, strict=True):
        if uniform(state.initial):
            value = int.from_bytes(state.initial[:1], "little", signed=True)
            lines.append(f"    memset(self->{name}, {value}, {len(state.initial)});")
        else:
            lines.append(f"    memcpy(self->{name}, {name}_start, {len(state.initial)});")
    body = "\n".join(lines) or "    (void)self; /* holds no state */"
    return f"void {module.name}_reset({module.name}_t *self)\n{{\n{body}\n}}\n"


def files(module: Module, single_file: bool) -> dict[str, str]:
    """Name and text of every file of the library."""
    kernels = sorted({step.kernel for step in module.homes.steps if isinstance(step, Call)} | _move_kernels(module))
    own = {f"{module.name}.h": header(module, single_file)}
    if single_file:
        return own | {f"{module.name}.c": amalgamate(source(module), kernels, module.layouts, module.every_layout)}
    return own | {f"{module.name}.c": source(module)} | kernel_files(kernels, module.layouts, module.every_layout)


def _move_kernels(module: Module) -> set[str]:
    _, moves = step_body(module, Names(module))
    return {"stapes_nn_move"} if moves else set()
