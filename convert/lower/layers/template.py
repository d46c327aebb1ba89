"""Template for the next operator, here NEG: copy this file as <operator, as the .tflite schema names it>.py.

Replace this text: say which forms are supported (types, ranks, attributes), and how LiteRT's reference kernel rounds.
The operator must have an int8 kernel in LiteRT's BUILTIN_REF, the referee: a case of it in
tests/convert/test_operators.py compares the two.
"""

from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import IN_PLACE, Call, Operation
from stapes.firmware_sim.tflite.schema import Option

# The attributes: name -> number of the field in the operator's table of options, type, default. Delete OPTIONS where
# the operator has none.
OPTIONS: dict[str, Option] = {}


def lower(node: Node) -> list[Operation]:
    """Check one NEG and return its kernel call."""
    # 1. Check everything that comes from the file: number of inputs, types, shapes, attributes (node.option).
    #    node.refuse names the operator and says what would be supported; node.expect_shape compares the shape that
    #    the file states for the output with the one that follows from the inputs.
    node.expect((1,))
    shape = node.tensor(0).shape
    node.expect_shape(shape)
    _, zero_in = node.scale(node.tensor(0))
    _, zero_out = node.scale(node.output())
    # 2. Compute every number that the kernel needs, and prove that its int32 sums cannot overflow. An operator that
    #    maps one value to one value needs no kernel: return lower_lookup(node, value) of _shared/lookup.py. An
    #    operator that moves bytes returns Moves: see _shared/box.py.
    # 3. Return the call. The kernel is csrc/nn/portable/stapes_nn_<kernel>.c, its struct and prototype stand in
    #    csrc/nn/stapes_nn.h. `fields` are the members of that struct, in its order; arrays are Constants. `overlap`
    #    says for each input how the output may overlap it where it is not needed afterwards (IN_PLACE: from the same
    #    address on; None: never).
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
