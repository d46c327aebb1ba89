"""A planned model: what it consists of, its C names, and its sizes."""

from dataclasses import dataclass

from stapes.convert.lower.lower import argument_names
from stapes.convert.lower.names import NameMaker, layer_part, module_globals
from stapes.convert.lower.operations import Call, Constant
from stapes.convert.lower.packing import Layout
from stapes.convert.plan.coalesce import Placement
from stapes.convert.plan.constants import ConstantPlan, constant_roots, uniform
from stapes.convert.plan.memory import Plan, aligned
from stapes.firmware_sim.device.model_description import Sizes
from stapes.firmware_sim.tflite.graph import Graph


@dataclass(frozen=True)
class Module:
    """A planned model, ready to be printed as C."""

    name: str
    digest: str  # sha256 of the .tflite
    version: str
    placement: Placement
    plan: Plan
    layouts: tuple[Layout, ...]
    every_layout: bool  # the C compiler chooses among all layouts
    loadable: ConstantPlan | None = None  # the constants lie in a blob, to which the code has a pointer

    @property
    def graph(self) -> Graph:
        """The graph, with the tensors that planning added."""
        return self.placement.graph

    def state_sizes(self) -> list[int]:
        """Return the bytes of each state's memory, which may be longer than the state: see plan/coalesce.py."""
        sizes = [0] * len(self.graph.states)
        for root, number in self.placement.state_of.items():
            tensor = self.graph.tensors[root]
            sizes[number] = aligned(tensor.nbytes)
        return sizes


class Names:
    """C names of the arguments, states and constant tensors of a module."""

    def __init__(self, module: Module) -> None:
        graph = module.graph
        arguments = argument_names(graph)
        self.inputs, self.outputs = arguments[: len(graph.inputs)], arguments[len(graph.inputs) :]
        layers = [operation.name for operation in module.placement.operations if isinstance(operation, Call)]
        self._maker = NameMaker([*arguments, *module_globals(module.name), *layers])
        if module.loadable is not None:
            self.make("constants", "constants")  # a member of NAME_t
        self.states = [self.make(state.name.split(":")[0].replace("/", "_"), "state") for state in graph.states]
        self.tensors: dict[int, str] = {}
        self.layers = {layer: self.make(f"{layer}_layer", "layer") for layer in layers if module.loadable is not None}

    def make(self, wish: str, otherwise: str, operator: str = "") -> str:
        """Return a name that nothing else in the module has."""
        return self._maker.make(wish, otherwise, operator)

    def tensor(self, graph: Graph, number: int) -> str:
        """Return the name of a constant tensor."""
        if number not in self.tensors:
            self.tensors[number] = self.make(layer_part(graph.tensors[number].name), "constant", "constant")
        return self.tensors[number]


def sizes_of(module: Module) -> Sizes:
    """Return the sizes of a module, in bytes, and its multiply-accumulates per step."""
    channels = tables = macs = 0
    duplicates = duplicate_tables(module)
    for operation in module.placement.operations:
        if isinstance(operation, Call):
            macs += operation.macs
            for constant in operation.all_constants():
                size = max(array.nbytes for array in constant.arrays.values())
                if constant.suffix in ("bias", "multiplier", "shift"):
                    channels += size
                elif constant.suffix != "weights" and f"{operation.name}_{constant.suffix}" not in duplicates:
                    tables += size
    tables += sum(module.graph.tensors[number].nbytes for number in constant_roots(module.placement))
    tables += sum(len(state.initial) for state in module.graph.states if not uniform(state.initial))
    states = sum(module.state_sizes())
    weights = max(weight_bytes(module, layout) for layout in module.layouts)
    return Sizes(
        ram=max(4, module.plan.size + states),  # sizeof(NAME_t), which has an arena of one word if nothing else
        arena=module.plan.size,
        states=states,
        weights=weights,
        channels=channels,
        tables=tables,
        macs=macs,
    )


def weight_bytes(module: Module, layout: Layout) -> int:
    """Return the bytes of the weights as one layout packs them."""
    constants = [
        one
        for operation in module.placement.operations
        if isinstance(operation, Call)
        for one in operation.all_constants()
    ]
    weights = [one.arrays for one in constants if one.suffix == "weights"]
    return sum((arrays[layout.macro] if layout.macro in arrays else arrays[""]).nbytes for arrays in weights)


def duplicate_tables(module: Module) -> dict[str, str]:
    """Return the lookup tables that equal an earlier one: the name of the table -> the name of the earlier one."""
    first: dict[bytes, str] = {}
    duplicates: dict[str, str] = {}
    for operation in module.placement.operations:
        for constant in operation.constants if isinstance(operation, Call) else ():
            name = f"{operation.name}_{constant.suffix}"
            earlier = first.setdefault(_table_values(constant), name) if constant.suffix == "table" else name
            if earlier != name:
                duplicates[name] = earlier
    return duplicates


def _table_values(table: Constant) -> bytes:
    return b"".join(array.tobytes() for array in table.arrays.values())
