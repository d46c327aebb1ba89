"""Print what the code of a loadable model has in place of constants: a function per layer, and the rules of a blob.

A layer's struct is filled when the layer runs: sizes are literals in the code, numbers and arrays come from the
constants of the blob, to which the struct of the detector's memory has a pointer.
"""

from stapes.convert.emit.lines import INDENT
from stapes.convert.emit.module import Module, Names
from stapes.convert.lower.operations import Call, Constant
from stapes.convert.plan.constants import Channels, ConstantPlan, Key

_WORDS = "(const int32_t *)(const void *)"


def is_loaded(module: Module, call: Call) -> bool:
    """Whether the struct of a layer holds something that comes from a blob."""
    plan = module.loadable
    return plan is not None and any(
        (call.name, member) in plan.numbers or (call.name, member) in plan.arrays or member == "weights"
        for member in call.fields
    )


def value_of(module: Module, key: Key, value: int) -> str:
    """Return the C of a number: itself, or where the blob holds it."""
    number = module.loadable.numbers.get(key) if module.loadable is not None else None
    return str(value) if number is None else f"({_WORDS}self->constants)[{number}]"


def layer_functions(module: Module, names: Names) -> list[str]:
    """Return a function per layer that makes its struct from the constants of a blob."""
    plan = module.loadable
    return [
        _layer_function(module, plan, operation, names.layers[operation.name])
        for operation in module.placement.operations
        if plan is not None and isinstance(operation, Call) and is_loaded(module, operation)
    ]


def _layer_function(module: Module, plan: ConstantPlan, call: Call, function: str) -> str:
    members = [f".{name} = {_member(module, plan, call, name)}," for name in call.fields]
    values = f"{INDENT}const int32_t *const values = {_WORDS}constants;\n"
    return f"""static {call.struct} {function}(const int8_t *constants)
{{
{values if any("values[" in member for member in members) else ""}{INDENT}const {call.struct} layer = {{
{chr(10).join(INDENT * 2 + member for member in members)}
{INDENT}}};
{INDENT}return layer;
}}
"""


def _member(module: Module, plan: ConstantPlan, call: Call, name: str) -> str:
    """Return the C of one member of a layer's struct."""
    member = call.fields[name]
    if isinstance(member, Constant):
        if name == "weights":
            return f"constants + {_weights_macro(module, call.name)}"
        place = f"constants + {plan.arrays[call.name, member.suffix]}"
        words = next(iter(member.arrays.values())).dtype.itemsize == 4
        return f"{_WORDS}({place})" if words else place
    number = plan.numbers.get((call.name, name))
    if number is None:
        return f"{{{', '.join(map(str, member))}}}" if isinstance(member, tuple) else str(member)
    least, most = plan.values[number].range
    return f"(int8_t)values[{number}]" if least >= -128 and most <= 127 else f"values[{number}]"


def _weights_macro(module: Module, layer: str) -> str:
    return f"{module.name}_{layer}_weights_at".upper()


def weight_places(module: Module) -> str:
    """Return the macros of where the weights of each layer lie, which depends on how they are packed."""
    plan = module.loadable
    if plan is None or not any(plan.weights.values()):
        return ""
    parts = []
    for position, (layout, places) in enumerate(plan.weights.items()):
        defines = [f"#define {_weights_macro(module, layer)} {place}" for layer, place in places.items()]
        parts += [f"{'#elif' if position else '#if'} STAPES_NN_LAYOUT == {layout}", *defines]
    return "\n".join(["/* Where the weights lie in the constants, for the processor at hand. */", *parts, "#endif\n"])


def rules(module: Module) -> str:
    """Return NAME_rules: what the constants of a blob must fulfil, so that the code can run them."""
    plan = module.loadable
    if plan is None:
        return ""
    name, host = module.name, "#if STAPES_NN_LAYOUT == STAPES_NN_HOST\n{}#endif\n"
    rows = {
        "values": ("stapes_blob_range", [f"{{{each.range[0]}, {each.range[1]}}}" for each in plan.values]),
        "sums": ("uint32_t", [str(number) for number in plan.sums]),
        "channels": ("stapes_blob_channels", [_initializer(each) for each in plan.channels]),
        "host_sums": (
            "stapes_blob_host_sums",
            [f"{{{_weights_macro(module, each.layer)}, {each.blocks}, {each.taps}}}" for each in plan.host_sums],
        ),
    }
    tables, members = "", ""
    for member, (kind, lines) in rows.items():
        if lines:
            only = host if member == "host_sums" else "{}"
            body = "".join(f"{INDENT}{line},\n" for line in lines)
            tables += only.format(f"static const {kind} {name}_{member}[] = {{\n{body}}};\n") + "\n"
            members += only.format(f"{INDENT}.n_{member} = {len(lines)},\n{INDENT}.{member} = {name}_{member},\n")
    return f"""{tables}const stapes_blob_rules {name}_rules = {{
{INDENT}.bytes = {name.upper()}_CONSTANT_BYTES,
{members}}};
"""


def _initializer(each: Channels) -> str:
    members = each.count, each.bias, each.multiplier, each.shift, each.reach, int(each.once)
    return f"{{{', '.join(map(str, members))}}}"
