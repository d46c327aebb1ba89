"""The inputs and outputs of a .tflite, in the form in which detector.json and model.json describe them."""

from stapes.firmware_sim.device.model_description import TensorSpec
from stapes.firmware_sim.tflite.graph import Graph, Tensor, read_model


def step_tensors(tflite: bytes) -> tuple[tuple[TensorSpec, ...], tuple[TensorSpec, ...]]:
    """Return the inputs and the outputs of a model, states included, in its order and by the names of its signature.

    Raises ModelError for a file that is damaged, and ConfigError for an input or output that is no 8-bit tensor.
    """
    graph = read_model(tflite).main
    return _specs(graph, graph.input_names, graph.inputs), _specs(graph, graph.output_names, graph.outputs)


def _specs(graph: Graph, names: tuple[str, ...], numbers: tuple[int, ...]) -> tuple[TensorSpec, ...]:
    return tuple(tensor_spec(name, graph.tensors[number]) for name, number in zip(names, numbers, strict=True))


def tensor_spec(name: str, tensor: Tensor) -> TensorSpec:
    """Return the description of a tensor of a graph under this name. Raises ConfigError as TensorSpec does."""
    quantization = tensor.quantization
    return TensorSpec(
        name=name,
        shape=tuple(tensor.shape),
        dtype=tensor.dtype,
        scale=None if quantization is None else float(quantization.scales[0]),
        zero_point=None if quantization is None else int(quantization.zero_points[0]),
    )
