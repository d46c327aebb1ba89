"""What a model takes and gives as C, which the compiler and the comparison with LiteRT must see alike."""

from stapes.convert.passes.cut_borders import cut_borders
from stapes.convert.passes.lift_states import lift_resource_variables
from stapes.convert.passes.prune import prune
from stapes.firmware_sim.tflite.graph import Graph, Model


def with_interface(model: Model, float_interface: bool) -> Graph:
    """Return the main graph with the inputs and outputs of its C, those that `lift_pairs` makes states among them.

    They stand in the order of the file. float_interface: those that are float32 there stay float32. Raises ModelError
    as the passes do.
    """
    return cut_borders(prune(lift_resource_variables(model)), float_interface)
