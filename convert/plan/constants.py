"""Plan the constants of a loadable model: which of them a blob holds, where in it, and what NAME_load checks.

The constants of a blob are one block of bytes, in the same order for every network of a shape:

  values   an int32 for each number of a layer's struct that training changes: zero points, multipliers, limits
  arrays   biases, multipliers, shifts, tables, constant tensors and initial states, each aligned to 4 bytes
  weights  last, because their size depends on the kind of processor

No number in it is an address or an offset. What decides where the code reads and writes is described by `shape`, from
which the shape hash is made; names of layers and the plan of the arena are no part of it.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from stapes.convert.lower.loadable import LOADABLE, POSITIONS, Range, not_loadable
from stapes.convert.lower.operations import Call, Constant, Fill, Move, Operation
from stapes.convert.lower.packing import HOST, ROWS, Layout
from stapes.convert.plan.coalesce import Placement
from stapes.convert.plan.memory import aligned
from stapes.firmware_sim.errors import ModelError

_WIDE_SHIFT = 64  # STAPES_NN_WIDE_SHIFT in csrc/nn/stapes_nn.h
_LARGEST_RESULT = (1 << 31) - 256  # leaves room for the zero point
KERNELS_VERSION = 5  # STAPES_NN_VERSION in csrc/nn/stapes_nn.h


@dataclass(frozen=True)
class Value:
    """A number of a layer's struct that the blob holds."""

    layer: str
    member: str
    value: int
    range: Range


@dataclass(frozen=True)
class Channels:
    """Biases, multipliers and shifts of a layer, which are checked channel by channel."""

    layer: str
    once: bool
    count: int
    reach: int  # the most that the products of a channel add up to
    bias: int  # offsets of the three arrays in the constants
    multiplier: int
    shift: int


@dataclass(frozen=True)
class HostSums:
    """Weights as the layout HOST packs them: blocks of eight channels, each followed by sums, which are checked."""

    layer: str
    blocks: int
    taps: int  # of each channel, padded


Key = tuple[str, str]  # the name of a layer, tensor, state or fill, and which of its arrays or members


@dataclass
class ConstantPlan:
    """The constants of a loadable model."""

    values: list[Value] = field(default_factory=list)
    numbers: dict[Key, int] = field(default_factory=dict)  # of a value: its position in the list
    sums: list[int] = field(default_factory=list)  # numbers of the values factor_a, which factor_b and offset follow
    channels: list[Channels] = field(default_factory=list)
    host_sums: list[HostSums] = field(default_factory=list)
    arrays: dict[Key, int] = field(default_factory=dict)  # offset, the same for every layout
    weights: dict[str, dict[str, int]] = field(default_factory=dict)  # layout -> layer -> offset
    contents: dict[str, bytes] = field(default_factory=dict)  # by layout
    big_endian: bytes = b""  # the contents of the layout ROWS for a big-endian processor
    shapes: dict[str, str] = field(default_factory=dict)  # by layout: JSON that describes the shape

    def add(self, value: Value) -> None:
        """Append a value."""
        self.numbers[value.layer, value.member] = len(self.values)
        self.values.append(value)


def plan_constants(placement: Placement, layouts: Sequence[Layout]) -> ConstantPlan:
    """Return the plan of the constants. Raises ModelError where a layer cannot be part of a loadable model."""
    calls = [operation for operation in placement.operations if isinstance(operation, Call)]
    _require_loadable(placement, calls)
    plan = ConstantPlan()
    for call in calls:
        _plan_values(plan, call)
    for key, value in _single_values(placement):
        plan.add(Value(*key, value, (-128, 127)))
    for layout in layouts:
        plan.contents[layout.macro] = _fill(plan, placement, calls, layout, "<")
        plan.shapes[layout.macro] = json.dumps(_shape(placement, layout), separators=(",", ":"))
    if ROWS in layouts:
        plan.big_endian = _fill(plan, placement, calls, ROWS, ">")
    for call in calls:
        _plan_checks(plan, call)
    _require_values_in_range(plan)
    for layout in layouts:
        _require_channels_in_range(plan, plan.contents[layout.macro])
    return plan


def constant_roots(placement: Placement) -> list[int]:
    """Return the roots that are constants and that some operation reads."""
    tensors = placement.graph.tensors
    roots = {placement.location(tensor).root for operation in placement.operations for tensor in operation.reads}
    return sorted(root for root in roots if tensors[root].data is not None)


def uniform(values: bytes) -> bool:
    """Whether all bytes are the same."""
    return len(set(values)) == 1


def array_of(constant: Constant, layout: Layout) -> np.ndarray:
    """Return the array of a constant in one layout."""
    return constant.arrays.get(layout.macro, constant.arrays.get("", np.empty(0, np.int8)))


def fill_key(operation: int) -> Key:
    """Return the key of the value of a Fill, which is operation number `operation`."""
    return f"fill {operation}", "value"


def state_key(number: int) -> Key:
    """Return the key of the initial value, or values, of a state."""
    return f"state {number}", "initial"


def tensor_key(root: int) -> Key:
    """Return the key of the values of a constant tensor."""
    return f"tensor {root}", "values"


def _require_loadable(placement: Placement, calls: list[Call]) -> None:
    if refused := not_loadable(calls):
        raise ModelError(
            f"the model cannot be loadable, because of {len(refused)} of its layers: {', '.join(refused[:8])}; "
            f"export it without --loadable"
        )
    tensors = [placement.graph.tensors[root] for root in constant_roots(placement)]
    if wide := [tensor.name for tensor in tensors if tensor.width > 1]:
        raise ModelError(
            f"the model cannot be loadable, because constants have more than 8 bits: {', '.join(wide[:8])}; "
            "export it without --loadable"
        )


def _plan_values(plan: ConstantPlan, call: Call) -> None:
    numbers = {name: member for name, member in call.fields.items() if not isinstance(member, Constant)}
    for member, limits in LOADABLE[call.kernel].values(numbers).items():
        number = numbers[member]
        assert isinstance(number, int)
        if member == "factor_a":  # of stapes_nn_add, whose factors and offset are checked together, too
            plan.sums.append(len(plan.values))
        plan.add(Value(call.name, member, number, limits))


def _single_values(placement: Placement) -> Iterator[tuple[Key, int]]:
    """Yield what is repeated: the values of fills, and the initial values of states."""
    for index, operation in enumerate(placement.operations):
        if isinstance(operation, Fill):
            yield fill_key(index), _signed(operation.value)
    for number, state in enumerate(placement.graph.states):
        if uniform(state.initial):
            yield state_key(number), _signed(state.initial[0])


def _signed(byte: int) -> int:
    return byte - 256 if byte > 127 else byte


def _arrays(placement: Placement, calls: list[Call], layout: Layout) -> Iterator[tuple[Key, np.ndarray]]:
    """Yield all arrays that are not weights; their sizes do not depend on the layout."""
    for call in calls:
        for constant in call.all_constants():
            if constant.suffix not in ("weights", *POSITIONS):
                yield (call.name, constant.suffix), array_of(constant, layout)
    for root in constant_roots(placement):
        yield tensor_key(root), np.asarray(placement.graph.tensors[root].data)
    for number, state in enumerate(placement.graph.states):
        if not uniform(state.initial):
            yield state_key(number), np.frombuffer(state.initial, np.int8)


def _fill(
    plan: ConstantPlan, placement: Placement, calls: list[Call], layout: Layout, order: Literal["<", ">"]
) -> bytes:
    """Return the constants in one layout and byte order; write into the plan where they lie, which no order changes."""
    content = bytearray(np.array([each.value for each in plan.values], f"{order}i4").tobytes())

    def append(array: np.ndarray) -> int:
        at = len(content)
        data = array.astype(array.dtype.newbyteorder(order)).tobytes()
        content.extend(data.ljust(aligned(len(data)), b"\0"))
        return at

    for key, array in _arrays(placement, calls, layout):
        plan.arrays[key] = append(array)
    weights = plan.weights.setdefault(layout.macro, {})
    for call in calls:
        for constant in call.all_constants():
            if constant.suffix == "weights":
                weights[call.name] = append(array_of(constant, layout))
    return bytes(content)


def _plan_checks(plan: ConstantPlan, call: Call) -> None:
    """Add what NAME_load checks of the arrays of a layer."""
    rule = LOADABLE[call.kernel].channels
    if rule is None:
        return
    numbers = {name: member for name, member in call.fields.items() if not isinstance(member, Constant)}
    places = {suffix: plan.arrays[call.name, suffix] for suffix in ("bias", "multiplier", "shift")}
    bias = call.fields["bias"]
    assert isinstance(bias, Constant)
    count = next(iter(bias.arrays.values())).size
    plan.channels.append(Channels(call.name, rule.once, count, rule.reach(numbers), **places))
    packed = call.fields["weights"]
    assert isinstance(packed, Constant)
    if call.kernel != "stapes_nn_depthwise" and HOST.macro in packed.arrays:
        blocks, quads, _, _ = packed.arrays[HOST.macro].shape  # the last quads are the sums
        plan.host_sums.append(HostSums(call.name, blocks, 4 * (quads - 1)))


def _require_values_in_range(plan: ConstantPlan) -> None:
    """Refuse a model that NAME_load would refuse."""
    for each in plan.values:
        least, most = each.range
        if not least <= each.value <= most:
            raise ModelError(
                f"the model cannot be loadable: {each.member} of {each.layer} is {each.value}, and a device accepts "
                f"{least} to {most}; export it without --loadable"
            )


def _require_channels_in_range(plan: ConstantPlan, content: bytes) -> None:
    """Refuse channels that stapes_blob_channels_fit in csrc/detector/stapes_blob.c would refuse, by the same rule."""
    for each in plan.channels:
        bias, multiplier = (
            np.frombuffer(content, "<i4", each.count, at).astype(np.int64) for at in (each.bias, each.multiplier)
        )
        shift = np.frombuffer(content, np.int8, each.count, each.shift).astype(np.int64)
        most = np.abs(bias) + each.reach
        if each.once:
            fits = (most < 1 << 31) & (shift >= 1) & (shift <= 62)
        else:
            wide = shift > 31
            right = np.where(wide, _WIDE_SHIFT - shift, -shift)
            left = np.clip(-right, 0, 30)
            limit = np.where(wide | (right <= 0), _LARGEST_RESULT, 1 << 30)
            fits = (most << left < limit) & (right <= 31) & (right >= np.where(wide, 1, -30))
        if not (fits & (multiplier >= 0)).all():
            channel = int(np.argmin(fits & (multiplier >= 0)))
            raise ModelError(
                f"the model cannot be loadable: channel {channel} of {each.layer} may sum up to {int(most[channel])} "
                "for some weights, which a device refuses; export it without --loadable"
            )


def _shape(placement: Placement, layout: Layout) -> list[object]:
    """Return what decides where the code reads and writes, and how the constants lie: lists, numbers and strings."""
    wiring = _Wiring(placement)
    operations = [_operation_shape(operation, wiring, layout) for operation in placement.operations]
    graph = placement.graph
    states = [(len(state.initial), uniform(state.initial)) for state in graph.states]
    ends = [
        [*wiring.place(t), graph.tensors[t].dtype, *graph.tensors[t].shape] for t in (*graph.inputs, *graph.outputs)
    ]
    return [layout.macro, KERNELS_VERSION, states, ends, operations]


class _Wiring:
    """Numbers for the memory of tensors that do not depend on how a file numbers its tensors."""

    def __init__(self, placement: Placement) -> None:
        self._placement = placement
        self._numbers: dict[int, int] = {}
        for tensor in (*placement.graph.inputs, *placement.state_of, *placement.output_of):
            self.place(tensor)

    def place(self, tensor: int) -> tuple[int, int]:
        """Return the number of the memory in which a tensor lies, and the offset in it."""
        location = self._placement.location(tensor)
        return self._numbers.setdefault(location.root, len(self._numbers)), location.offset


def _operation_shape(operation: Operation, wiring: _Wiring, layout: Layout) -> list[object]:
    if isinstance(operation, Fill):
        return ["fill", *wiring.place(operation.target)]
    if isinstance(operation, Move):
        blocks = [
            (*wiring.place(block.tensor), block.offset, block.strides) for block in (operation.source, operation.target)
        ]
        return ["move", operation.shape, *blocks]
    numbers = {name: member for name, member in operation.fields.items() if not isinstance(member, Constant)}
    loaded = LOADABLE[operation.kernel].values(numbers)
    members = {name: number for name, number in numbers.items() if name not in loaded}
    constants = [
        (each.suffix, array.dtype.name, array.shape, array.tolist() if each.suffix in POSITIONS else 0)
        for each, array in ((each, array_of(each, layout)) for each in operation.all_constants())
    ]
    places = [wiring.place(tensor) for tensor in (*operation.inputs, operation.output)]
    return [operation.kernel, operation.form, places, members, constants]
