"""Template for the next operator: copy this file, replace NEGATE by its name; it is in no table, so it is never used.

Say here which forms are supported (types, ranks, attributes); state the rounding rule in layers/__init__.py.
"""

from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import IN_PLACE, Call, Operation
from stapes.convert.read.schema import Option

OPTIONS: dict[str, Option] = {}


def lower(node: Node) -> list[Operation]:
    """Check one NEGATE and return its kernel call."""
    # 1. Check everything that comes from the file: number of inputs, types, shapes, attributes. node.refuse names the
    #    operator and says what would be supported; node.expect_shape compares the output's shape with what follows.
    node.expect((1,))
    shape = node.tensor(0).shape
    node.expect_shape(shape)
    _, zero_in = node.scale(node.tensor(0))
    _, zero_out = node.scale(node.output())
    # 2. Work out every number that the kernel needs, with the bounds that keep its int32 sums from overflowing.
    #    An operator of one value at a time needs no kernel: return lower_lookup(node, value). One that moves bytes
    #    returns Moves (layers/box.py).
    # 3. Return the call. `fields` are the members of the C struct, in its order; arrays are Constants. `overlap` says,
    #    per input, where the output may lie over it when it dies (IN_PLACE: from its start on; None: never).
    return [
        Call(
            name=node.name,
            kernel="stapes_nn_negate",
            form="stapes_nn_negate(&{name}, {in0}, {out});",
            inputs=(node.number(0),),
            output=node.operator.outputs[0],
            struct="stapes_nn_negate_layer",
            fields={"count": node.tensor(0).count, "zero_in": zero_in, "zero_out": zero_out},
            overlap=(IN_PLACE,),
        )
    ]
