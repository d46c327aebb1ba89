"""Compare a compiled model with LiteRT's reference kernels, bit for bit, on random inputs.

To compare intermediate tensors as well, compile and compare what with_intermediate_outputs returns.
"""

import faulthandler
import itertools
import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stapes.convert.passes.interface import with_interface
from stapes.convert.passes.lift_states import state_pairs
from stapes.firmware_sim.device.host import CompiledModel
from stapes.firmware_sim.errors import ModelError, StapesError
from stapes.firmware_sim.tflite.graph import Graph, Operator, Tensor, read_model
from stapes.firmware_sim.tflite.litert import unknown_to_litert


class NoReferenceError(StapesError):
    """LiteRT ends the process instead of giving outputs, for some inputs or for all."""


class Reference:
    """A .tflite run by LiteRT's `BUILTIN_REF` kernels, which takes and gives what the compiled model does.

    An output that is the next value of a state is copied to its input after every step, as the compiled model does.
    Where the file has float32 for an input or output of the compiled model that is quantized, LiteRT gets the real
    values of the codes, and its real values are returned as codes: its own QUANTIZE and DEQUANTIZE take part.
    float_interface, batch: as in compile_model. `quantized` holds, per input that stays float32, what its QUANTIZE
    makes. Raises NoReferenceError for a model that LiteRT cannot run.
    """

    def __init__(self, tflite: bytes, float_interface: bool = False, batch: int | None = None) -> None:
        from ai_edge_litert.interpreter import Interpreter, OpResolverType

        file = read_model(tflite)
        graph = with_interface(file, float_interface, batch)
        unknown = unknown_to_litert(file.main)
        if unknown is not None:
            raise NoReferenceError(f"LiteRT's reference kernels cannot run {unknown}")
        # BUILTIN_REF has no ELU; the only kernel of it for int8 is among the optimized ones.
        lacking = any(operator.kind == "ELU" for operator in file.main.operators)
        kernels = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES if lacking else OpResolverType.BUILTIN_REF
        self._interpreter = Interpreter(model_content=tflite, experimental_op_resolver_type=kernels)
        for detail, inner in zip(self._interpreter.get_input_details(), graph.inputs, strict=True):
            if graph.tensors[inner].shape != tuple(detail["shape"]):
                self._interpreter.resize_tensor_input(detail["index"], graph.tensors[inner].shape)
        self._interpreter.allocate_tensors()
        # Inputs and outputs of the file, since LiteRT may overwrite every other tensor.
        inputs = _borders(file.main, file.main.inputs, graph, graph.inputs)
        outputs = _borders(file.main, file.main.outputs, graph, graph.outputs)
        pairs = state_pairs(graph).values()
        self._carried = [(inputs[taken], outputs[given]) for taken, given in pairs]
        self._inputs = [one for one in inputs if all(one is not taken for taken, _ in self._carried)]
        self._outputs = [one for one in outputs if all(one is not given for _, given in self._carried)]
        made = {one.inputs[0]: graph.tensors[one.outputs[0]] for one in graph.operators if one.kind == "QUANTIZE"}
        self.quantized = tuple(made.get(one.number) if one.tensor.dtype == "float32" else None for one in self._inputs)
        for taken, _ in self._carried:
            self._set(taken, taken.start())
        self._may_abort = any(_may_abort(file.main, operator) for operator in file.main.operators)

    def step(self, *inputs: np.ndarray) -> tuple[np.ndarray, ...]:
        """Run one step. Inputs and outputs are in the model's order, without those that are states.

        Raises NoReferenceError where the reference has no answer to these inputs.
        """
        for border, values in zip(self._inputs, inputs, strict=True):
            self._set(border, values)
        if self._may_abort and self._aborts():
            raise NoReferenceError("LiteRT's reference kernels end the process here: a softmax sums to 512 or more")
        self._interpreter.invoke()
        outputs = tuple(self._get(border) for border in self._outputs)
        following = [self._get(given) for _, given in self._carried]
        for (taken, _), values in zip(self._carried, following, strict=True):
            self._set(taken, values)
        return outputs

    def _aborts(self) -> bool:
        """Whether a copy of this process dies of the step that is due."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of forks: the copy runs nothing but LiteRT
            process = os.fork()
        if process == 0:
            try:
                faulthandler.disable()  # the copy dies in silence
                os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
                self._interpreter.invoke()
            finally:
                os._exit(0)
        return os.WIFSIGNALED(os.waitpid(process, 0)[1])

    def _set(self, border: "_Border", values: np.ndarray) -> None:
        given = border.real_values(values) if border.cut else values
        self._interpreter.set_tensor(border.number, given.reshape(border.tensor.shape))

    def _get(self, border: "_Border") -> np.ndarray:
        values = self._interpreter.get_tensor(border.number)
        return border.codes(values) if border.cut else values.copy()


@dataclass(frozen=True, eq=False)
class _Border:
    """An input or output: its number in the file, the tensor that the C has there, and whether the file has float32."""

    number: int
    tensor: Tensor
    cut: bool

    def start(self) -> np.ndarray:
        """Return the codes with which a state starts, those of 0."""
        return np.full(self.tensor.shape, _scale(self.tensor)[1], self.tensor.dtype)

    def real_values(self, codes: np.ndarray) -> np.ndarray:
        """Return scale * (q - zero_point) as float32, which LiteRT's QUANTIZE makes q again."""
        scale, zero_point = _scale(self.tensor)
        return (codes.astype(np.int32) - zero_point).astype(np.float32) * scale

    def codes(self, values: np.ndarray) -> np.ndarray:
        """Return the codes whose real values LiteRT's DEQUANTIZE gave. Raises ModelError for a value that is none."""
        scale, zero_point = _scale(self.tensor)
        limits = np.iinfo(self.tensor.dtype)
        codes = np.rint(values.astype(np.float64) / float(scale)) + zero_point
        codes = np.clip(np.nan_to_num(codes), limits.min, limits.max).astype(self.tensor.dtype)
        other = values[self.real_values(codes) != values]
        if other.size:
            raise ModelError(f"LiteRT gives {other[0]} for {self.tensor.name}, which is no multiple of {scale}")
        return codes


def _scale(tensor: Tensor) -> tuple[np.float32, int]:
    assert tensor.quantization is not None
    return tensor.quantization.scales[0], int(tensor.quantization.zero_points[0])


def _borders(file: Graph, numbers: tuple[int, ...], graph: Graph, inner: tuple[int, ...]) -> list[_Border]:
    """Return the inputs or the outputs of a file beside those of the graph that was made from it."""
    pairs = [(number, graph.tensors[other]) for number, other in zip(numbers, inner, strict=True)]
    return [_Border(number, other, file.tensors[number].dtype == "float32" != other.dtype) for number, other in pairs]


def _may_abort(graph: Graph, operator: Operator) -> bool:
    """Whether LiteRT's kernel ends the process for some inputs: the sum of a softmax must stay below 512."""
    return operator.kind == "SOFTMAX" and any(graph.tensors[n].shape[-1:] > (511,) for n in operator.inputs if n >= 0)


def random_inputs(
    model: CompiledModel, rng: np.random.Generator, step: int, quantized: Sequence[Tensor | None] = ()
) -> list[np.ndarray]:
    """Return an array per input of the model: the lowest codes in step 0, the highest in step 1, then random ones.

    Odd steps draw from a random part of the range, even steps from all of it. quantized: as in Reference; a float32
    input has the real values of codes, and those in the middle between two codes, which QUANTIZE must round.
    """
    arrays = []
    for tensor, codes in itertools.zip_longest(model.inputs, quantized):
        limits = np.iinfo(tensor.dtype if tensor.dtype != "float32" else codes.dtype if codes else "int8")
        low, high = limits.min, limits.max
        if step < 2:
            low = high = (limits.min, limits.max)[step]
        elif step % 2:
            low, high = sorted(rng.integers(limits.min, limits.max + 1, 2).tolist())
        drawn = rng.integers(low, high + 1, tensor.shape)
        if tensor.dtype == "float32":
            scale, zero_point = _scale(codes) if codes else (np.float32(1), 0)
            halves = (drawn - zero_point + rng.integers(-1, 2, tensor.shape) / 2).astype(np.float32)
            arrays.append(halves * scale)
        else:
            arrays.append(drawn.astype(tensor.dtype))
    return arrays


def differences(
    tflite: bytes,
    folder: Path,
    steps: int = 16,
    seed: int = 0,
    defines: tuple[str, ...] = (),
    batch: int | None = None,
) -> dict[str, int]:
    """Return, per output, the number of its values in which the compiled model and the reference differ.

    folder: what compile_model wrote. steps: consecutive steps with random inputs, which `seed` decides. defines: macros
    for the C compiler. float32 values are equal where all of their bits are. Steps to which the reference has no answer
    are left out, and both begin afresh after them. batch: that with which the model was compiled.
    Raises NoReferenceError when that is every step.
    """
    model, rng = CompiledModel(folder, defines), np.random.default_rng(seed)
    float_interface = any(tensor.dtype == "float32" for tensor in (*model.inputs, *model.outputs))
    reference = Reference(tflite, float_interface, batch)
    counts, aborted = {output.name: 0 for output in model.outputs}, 0
    for step in range(steps):
        inputs = random_inputs(model, rng, step, reference.quantized)
        try:
            expected = reference.step(*inputs)
        except NoReferenceError:
            aborted += 1
            if aborted == steps:
                raise
            model.reset()
            reference = Reference(tflite, float_interface, batch)
            continue
        for output, made, wanted in zip(model.outputs, model.run(*inputs), expected, strict=True):
            bits = f"u{wanted.itemsize}"
            counts[output.name] += int((made.view(bits) != wanted.view(bits)).sum())
    return counts


def with_intermediate_outputs(tflite: bytes) -> bytes:
    """Return a copy of the model whose outputs are all quantized tensors that an operator writes, but empty ones."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(tflite))
    graph = model.subgraphs[0]
    written = [int(number) for operator in graph.operators for number in operator.outputs]
    types = (schema.TensorType.INT8, schema.TensorType.UINT8, schema.TensorType.INT16)
    wanted = [n for n in written if graph.tensors[n].type in types and 0 not in graph.tensors[n].shape]
    graph.outputs = list(dict.fromkeys([*map(int, graph.outputs), *wanted]))
    model.signatureDefs = None
    builder = flatbuffers.Builder(len(tflite))
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())
