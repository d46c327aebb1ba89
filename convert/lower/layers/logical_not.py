"""LOGICAL_NOT: the opposite of a bool. The generated C looks it up in a table."""

from stapes.convert.lower.layers._shared.logic import expect_bool
from stapes.convert.lower.layers._shared.lookup import lower_lookup
from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Operation


def lower(node: Node) -> list[Operation]:
    """Check one LOGICAL_NOT and return its lookup."""
    expect_bool(node)
    return lower_lookup(node, lambda q: int(q == 0))
