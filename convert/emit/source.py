"""NAME.c of a generated model: a table of its layers, NAME_reset, NAME_step with one line per layer, the constants."""

from stapes.convert.emit.amalgamate import amalgamate, kernel_files
from stapes.convert.emit.constants import constants
from stapes.convert.emit.describe import banner, comment_table, layer_rows
from stapes.convert.emit.header import header, step_prototype
from stapes.convert.emit.loaded import layer_functions, rules, value_of, weight_places
from stapes.convert.emit.module import Module, Names
from stapes.convert.emit.statements import step_body
from stapes.convert.lower.operations import Call
from stapes.convert.plan.constants import KERNELS_VERSION, state_key, uniform

CALLED_BY_KERNELS = {"stapes_nn_conv_4bit": "stapes_nn_conv"}  # a kernel that a layer names -> one that it calls


def source(module: Module, constants_first: bool) -> str:
    """Return the text of NAME.c, without kernels.

    Constants are defined behind the code that names them, or, so that the file is C++ as well, before it.
    """
    names = Names(module)
    body, moves = step_body(module, names)
    found = constants(module, names, moves)
    definitions = "\n" + "\n".join(each.text for each in found) if found else ""
    declarations = "\n".join(each.forward for each in found) + "\n"
    loaded = [weight_places(module), *layer_functions(module, names), rules(module)]
    return f"""{banner(module, f"{module.name}.c")}
 *
{comment_table(layer_rows(module))}
{_packing_note(module)} */
#include "{module.name}.h"

#include <string.h>

#include "stapes_nn.h"

#if STAPES_NN_VERSION != {KERNELS_VERSION}
#error "{module.name}.c was written for stapes_nn version {KERNELS_VERSION}: run `stapes compile` again"
#endif
{_layout_guard(module)}
{_const_macro(module)}
{_as_cpp(definitions) if constants_first else declarations}
{_as_lines(loaded)}{_reset(module, names)}
/* A line per layer, with inputs, output and, where the kernel needs some, scratch memory. Offsets into the arena are
 * those of the memory plan: tensors that are not needed at the same time share bytes, and a kernel may overwrite an
 * input that nothing reads afterwards. A copy is named after the tensor or state that it completes. */
{step_prototype(module, names)}
{{
{body}
}}
{"" if constants_first else definitions}"""


def _as_lines(parts: list[str]) -> str:
    return "".join(f"{part}\n" for part in parts if part)


def _packing_note(module: Module) -> str:
    return " *\n * Weight bytes are those of the largest packing.\n" if len(module.layouts) > 1 else ""


def _const_macro(module: Module) -> str:
    macro = f"{module.name.upper()}_CONST"
    return f"""/* Stands before weights, biases and tables; puts them elsewhere: __attribute__((section("..."))). */
#ifndef {macro}
#define {macro}
#endif
"""


def _as_cpp(definitions: str) -> str:
    """Return the definitions without the warning that C++ before C++20 knows no names of members in initializers."""
    return f"""#if defined __cplusplus && defined __GNUC__
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"
#if __GNUC__ >= 12
#pragma GCC diagnostic ignored "-Wc++20-extensions"
#endif
#endif
{definitions}
#if defined __cplusplus && defined __GNUC__
#pragma GCC diagnostic pop
#endif
"""


def _layout_guard(module: Module) -> str:
    if module.every_layout:
        return ""
    macro = module.layouts[0].macro
    return f"""#if STAPES_NN_LAYOUT != {macro}
#error "{module.name}.c holds weights for {macro} only; compile with another --target"
#endif
"""


def _reset(module: Module, names: Names) -> str:
    lines = []
    for number, (state, name) in enumerate(zip(module.graph.states, names.states, strict=True)):
        if uniform(state.initial):
            value = value_of(module, state_key(number), int.from_bytes(state.initial[:1], "little", signed=True))
            lines.append(f"    memset(self->{name}, {value}, {len(state.initial)});")
        elif module.loadable is not None:
            place = module.loadable.arrays[state_key(number)]
            lines.append(f"    memcpy(self->{name}, self->constants + {place}, {len(state.initial)});")
        else:
            lines.append(f"    memcpy(self->{name}, {name}_start, {len(state.initial)});")
    body = "\n".join(lines) or "    (void)self; /* holds no state */"
    return f"void {module.name}_reset({module.name}_t *self)\n{{\n{body}\n}}\n"


def files(module: Module, single_file: bool) -> dict[str, str]:
    """Return the texts of all files of the library by their names: header, source, and the kernels beside them."""
    called = {operation.kernel for operation in module.placement.operations if isinstance(operation, Call)}
    inner = {CALLED_BY_KERNELS[kernel] for kernel in called if kernel in CALLED_BY_KERNELS}
    kernels = sorted(called | inner | _move_kernels(module))
    text = source(module, constants_first=single_file)
    own = {f"{module.name}.h": header(module, single_file)}
    if single_file:
        return own | {f"{module.name}.c": amalgamate(text, kernels, module.layouts, module.every_layout)}
    return own | {f"{module.name}.c": text} | kernel_files(kernels, module.layouts, module.every_layout)


def _move_kernels(module: Module) -> set[str]:
    _, moves = step_body(module, Names(module))
    return {"stapes_nn_move"} if moves else set()
