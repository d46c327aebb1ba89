"""What LiteRT must not be shown, although its C can be generated."""

from stapes.firmware_sim.tflite.graph import Graph


def unknown_to_litert(graph: Graph) -> str | None:
    """Return the form in a model at which LiteRT ends the process, since it knows another one; None without one.

    An SVDF with a memory of int8 is one of TensorFlow Lite Micro; LiteRT takes the memory for one of int16.
    """
    for operator in graph.operators:
        types = [graph.tensors[number].dtype for number in operator.inputs if number >= 0]
        if operator.kind == "SVDF" and types and types[-1] == "int8":
            return "an SVDF with a memory of int8, a form of TensorFlow Lite Micro"
    return None
