"""NAME.h of a generated model: sizes, the meaning of the arguments, the struct, and the two functions."""

import numpy as np

from stapes.convert.emit.amalgamate import LAYOUT_HEADER, layout_choice
from stapes.convert.emit.describe import argument_rows, banner, comment_table, real_range
from stapes.convert.emit.lines import float_literal, function
from stapes.convert.emit.module import Module, Names, sizes_of, weight_bytes
from stapes.convert.plan.memory import aligned
from stapes.firmware_sim.sources import source
from stapes.firmware_sim.tflite.graph import Tensor

FLOAT_HEADER = "stapes_nn_float.h"


def header(module: Module, single_file: bool) -> str:
    """Return the text of NAME.h."""
    names, sizes, name = Names(module), sizes_of(module), module.name
    upper = name.upper()
    members = [] if module.loadable is None else ["    const int8_t *constants; /* of the blob in use */"]
    if sizes.arena or not module.graph.states:
        members.append(
            f"    int32_t arena[{max(1, sizes.arena // 4)}]; /* tensors and scratch memory, aligned to 4 bytes */"
        )
    for state, label, size in zip(module.graph.states, names.states, module.state_sizes(), strict=True):
        tensor = module.graph.tensors[state.current]
        longer = size > aligned(tensor.nbytes)
        note = f" /* the state is the first {tensor.count}; a step appends its new values */" if longer else ""
        members.append(f"    {c_type(tensor)} {label}[{size // tensor.width}];{note}")
    return f"""{banner(module, f"{name}.h")}
 *
{comment_table(argument_rows(module, names))}
 */
#ifndef {upper}_H
#define {upper}_H

#include <stdint.h>
{_blob_include(module)}{_layout_include(module, single_file)}
#define {upper}_RAM_BYTES {_ram_bytes(module)} /* sizeof({name}_t) */
#define {upper}_CHANNEL_BYTES {sizes.channels} /* biases, multipliers, shifts */
#define {upper}_TABLE_BYTES {sizes.tables} /* lookup tables and other constants */
#define {upper}_MACS {sizes.macs} /* multiply-accumulates per step */
{_weight_bytes(module)}{_constant_bytes(module)}
{_argument_macros(module, names)}
#ifdef __cplusplus
extern "C" {{
#endif

/* All memory that changes, one per detector. The arena may be overwritten between steps, the states may not. */
typedef struct {{
{chr(10).join(members)}
}} {name}_t;

{_rules(module)}/* Set the states to their initial values: before the first step, and to start afresh. */
void {name}_reset({name}_t *self);

/* One inference. The arrays must not overlap each other or *self. */
{step_prototype(module, names)};
{_real_values(module, names)}
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
    return "float" if tensor.dtype == "float32" else f"{tensor.dtype}_t"


def _argument_macros(module: Module, names: Names) -> str:
    """Return macros with the count, scale, zero point and range of every input and output."""
    graph, upper = module.graph, module.name.upper()
    lines = ["/* A q stands for the real value SCALE * (q - ZERO_POINT), which lies from REAL_MIN to REAL_MAX. */"]
    arguments = zip((*graph.inputs, *graph.outputs), (*names.inputs, *names.outputs), strict=True)
    for number, name in arguments:
        tensor, prefix = graph.tensors[number], f"#define {upper}_{name.upper()}"
        lines.append(f"{prefix}_COUNT {tensor.count}")
        if tensor.quantization is not None:
            scale, zero_point = _scale_literals(tensor)
            low, high = real_range(tensor)
            lines += [
                f"{prefix}_SCALE {scale}",
                f"{prefix}_ZERO_POINT {zero_point}",
                f"{prefix}_REAL_MIN {float_literal(low)}",
                f"{prefix}_REAL_MAX {float_literal(high)}",
            ]
    return "\n".join(lines) + "\n"


def _real_values(module: Module, names: Names) -> str:
    """Return functions from real values to the codes of each input, and from the codes of each output to real values.

    They stand behind a macro, so that a program without floating point never sees a float. All are inline.
    """
    name, tensors, graph = module.name, module.graph.tensors, module.graph
    inputs = [pair for pair in zip(names.inputs, graph.inputs, strict=True) if tensors[pair[1]].quantization]
    outputs = [pair for pair in zip(names.outputs, graph.outputs, strict=True) if tensors[pair[1]].quantization]
    if not inputs and not outputs:
        return ""
    functions = [source(FLOAT_HEADER).read_text().replace("#include <stdint.h>\n\n", "")] if inputs else []
    functions += [_quantize(f"{name}_quantize_{argument}", tensors[number]) for argument, number in inputs]
    functions += [_dequantize(f"{name}_dequantize_{argument}", tensors[number]) for argument, number in outputs]
    return f"""
/* The codes of real values, and the real values of codes: define this macro before the #include to have them. */
#ifdef {name.upper()}_WITH_FLOATS
{chr(10).join(functions)}#endif
"""


def _quantize(name: str, tensor: Tensor) -> str:
    kind, limits, (scale, zero_point) = c_type(tensor), np.iinfo(tensor.dtype), _scale_literals(tensor)
    head = function(f"static inline {kind} {name}(", ["float real"], ")")
    call = f"({kind})stapes_nn_code_of(real, {scale}, {zero_point}, {limits.min}, {limits.max})"
    return f"{head}\n{{\n    return {call};\n}}\n"


def _dequantize(name: str, tensor: Tensor) -> str:
    scale, zero_point = _scale_literals(tensor)
    head = function(f"static inline float {name}(", [f"{c_type(tensor)} q"], ")")
    return f"{head}\n{{\n    return {scale} * (float)(q - {zero_point});\n}}\n"


def _scale_literals(tensor: Tensor) -> tuple[str, str]:
    """Return the scale and the zero point of a tensor as C."""
    assert tensor.quantization is not None
    zero_point = int(tensor.quantization.zero_points[0])
    return float_literal(tensor.quantization.scales[0]), f"({zero_point})" if zero_point < 0 else str(zero_point)


def _layout_include(module: Module, single_file: bool) -> str:
    """Return what defines STAPES_NN_LAYOUT, where the size of the weights depends on it."""
    if len(set(_weight_sizes(module).values())) == 1 and module.loadable is None:
        return ""
    return "\n" + (
        layout_choice(module.layouts, module.every_layout) if single_file else f'#include "{LAYOUT_HEADER}"\n'
    )


def _ram_bytes(module: Module) -> str:
    ram = sizes_of(module).ram
    return str(ram) if module.loadable is None else f"({ram} + sizeof(void *))"


def _blob_include(module: Module) -> str:
    return "" if module.loadable is None else '\n#include "stapes_blob.h"\n'


def _rules(module: Module) -> str:
    """Return the declaration of what NAME.c states about blobs."""
    if module.loadable is None:
        return ""
    return (
        "/* What the constants of a blob must fulfil. The `constants` of the struct below must point to such, before\n"
        f" * {module.name}_reset. */\nextern const stapes_blob_rules {module.name}_rules;\n\n"
    )


def _constant_bytes(module: Module) -> str:
    """Return the #define of the bytes of the constants in a blob."""
    if module.loadable is None:
        return ""
    sizes = {layout: len(content) for layout, content in module.loadable.contents.items()}
    return f"/* Of all constants, which a blob holds. */\n{_by_layout(f'{module.name.upper()}_CONSTANT_BYTES', sizes)}"


def _by_layout(macro: str, sizes: dict[str, int]) -> str:
    """Return the #define of a size that depends on the layout."""
    chosen = "\n".join(
        f"{'#elif' if position else '#if'} STAPES_NN_LAYOUT == {layout}\n#define {macro} {size}"
        for position, (layout, size) in enumerate(sizes.items())
    )
    return f"{chosen}\n#endif\n"


def _weight_bytes(module: Module) -> str:
    """Return the #define of the weights' bytes; where packings differ in size, the C compiler chooses among them."""
    macro, sizes = f"{module.name.upper()}_WEIGHT_BYTES", _weight_sizes(module)
    if len(set(sizes.values())) == 1:
        return f"#define {macro} {sizes[module.layouts[0].macro]}\n"
    return f"\n/* The size depends on how the weights are packed for the processor. */\n{_by_layout(macro, sizes)}"


def _weight_sizes(module: Module) -> dict[str, int]:
    return {layout.macro: weight_bytes(module, layout) for layout in module.layouts}
