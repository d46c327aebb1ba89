"""Compare a compiled model with LiteRT's reference kernels, bit for bit, on random inputs.

To compare intermediate tensors as well, compile and compare what with_intermediate_outputs returns.
"""

from pathlib import Path

import numpy as np

from stapes.convert.passes.lift_states import lift_states
from stapes.firmware_sim.device.host import CompiledModel
from stapes.firmware_sim.tflite.graph import read_model


class Reference:
    """A .tflite run by LiteRT's `BUILTIN_REF` kernels.

    An output that is the next value of a state is copied to its input after every step, as the compiled model does.
    """

    def __init__(self, tflite: bytes) -> None:
        from ai_edge_litert.interpreter import Interpreter, OpResolverType

        model = read_model(tflite)
        self._graph = lift_states(model)
        self._interpreter = Interpreter(model_content=tflite, experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
        self._interpreter.allocate_tensors()
        carried = {detail["index"] for detail in self._interpreter.get_input_details()}
        self._carried = [state for state in self._graph.states if state.current in carried]
        carried_names = {state.name for state in self._carried}
        main = model.main  # whose outputs are read, since LiteRT may overwrite every other tensor
        self._outputs = [
            n for n, name in zip(main.outputs, main.output_names, strict=True) if name not in carried_names
        ]
        for state in self._carried:
            tensor = self._graph.tensors[state.current]
            self._set(state.current, np.frombuffer(state.initial, tensor.dtype))

    def step(self, *inputs: np.ndarray) -> tuple[np.ndarray, ...]:
        """Run one step. Inputs and outputs are in the model's order, without those that are states."""
        for number, values in zip(self._graph.inputs, inputs, strict=True):
            self._set(number, values)
        self._interpreter.invoke()
        outputs = tuple(self._interpreter.get_tensor(number).copy() for number in self._outputs)
        following = [self._interpreter.get_tensor(state.next).copy() for state in self._carried]
        for state, values in zip(self._carried, following, strict=True):
            self._set(state.current, values)
        return outputs

    def _set(self, number: int, values: np.ndarray) -> None:
        self._interpreter.set_tensor(number, values.reshape(self._graph.tensors[number].shape))


def random_inputs(model: CompiledModel, rng: np.random.Generator, step: int) -> list[np.ndarray]:
    """Return an array per input of the model: the lowest codes in step 0, the highest in step 1, then random ones.

    Odd steps draw from a random part of the range, even steps from all of it.
    """
    arrays = []
    for tensor in model.inputs:
        limits = np.iinfo(tensor.dtype)
        low, high = limits.min, limits.max
        if step < 2:
            low = high = (limits.min, limits.max)[step]
        elif step % 2:
            low, high = sorted(rng.integers(limits.min, limits.max + 1, 2).tolist())
        arrays.append(rng.integers(low, high + 1, tensor.shape).astype(tensor.dtype))
    return arrays


def differences(
    tflite: bytes, folder: Path, steps: int = 16, seed: int = 0, defines: tuple[str, ...] = ()
) -> dict[str, int]:
    """Return, per output, the number of its values in which the compiled model and the reference differ.

    folder: what compile_model wrote. steps: consecutive steps with random inputs, which `seed` decides. defines: macros
    for the C compiler.
    """
    model, reference, rng = CompiledModel(folder, defines), Reference(tflite), np.random.default_rng(seed)
    counts = {output.name: 0 for output in model.outputs}
    for step in range(steps):
        inputs = random_inputs(model, rng, step)
        for output, made, wanted in zip(model.outputs, model.run(*inputs), reference.step(*inputs), strict=True):
            counts[output.name] += int((made != wanted).sum())
    return counts


def with_intermediate_outputs(tflite: bytes) -> bytes:
    """Return a copy of the model in which every int8 or uint8 tensor that an operator writes is an output."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(tflite))
    graph = model.subgraphs[0]
    written = [int(number) for operator in graph.operators for number in operator.outputs]
    wanted = [n for n in written if graph.tensors[n].type in (schema.TensorType.INT8, schema.TensorType.UINT8)]
    graph.outputs = list(dict.fromkeys([*map(int, graph.outputs), *wanted]))
    model.signatureDefs = None
    builder = flatbuffers.Builder(len(tflite))
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())
