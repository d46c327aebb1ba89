"""What a model takes and gives as C, which the compiler and the comparison with LiteRT must see alike."""

from stapes.convert.passes.cut_borders import cut_borders
from stapes.convert.passes.fold_shapes import fold_shapes, with_batch
from stapes.convert.passes.lift_states import lift_resource_variables
from stapes.convert.passes.move_codes import move_codes
from stapes.convert.passes.prune import prune
from stapes.firmware_sim.tflite.graph import Graph, Model


def with_interface(model: Model, float_interface: bool, batch: int | None = None) -> Graph:
    """Return the main graph with the inputs and outputs of its C, those that `lift_pairs` makes states among them.

    They stand in the order of the file, and their shapes follow from those of the inputs. float_interface: those that
    are float32 there stay float32. batch: size of the first axis of the inputs; None: that of the file. Raises
    ModelError as the passes do.
    """
    graph = lift_resource_variables(model)
    folded = fold_shapes(graph if batch is None else with_batch(graph, batch))
    return cut_borders(prune(move_codes(prune(folded))), float_interface)
