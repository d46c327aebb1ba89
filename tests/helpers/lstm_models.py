"""LSTMs of every form that the compiler takes, and of those that it refuses, without TensorFlow."""

from dataclasses import dataclass, field

import numpy as np

from benchmarks.tflite_models import Builder, Scale

INPUTS = 24
GATES = 4


@dataclass(frozen=True)
class Lstm:
    """One UNIDIRECTIONAL_SEQUENCE_LSTM; the last scale is that of the output and of the hidden state unless it has its
    own.
    """

    in_size: int = 3
    units: int = 5
    steps: int = 4
    batches: int = 1
    time_major: bool = False
    in_scale: Scale = (0.05, -3)
    out_scale: Scale = (1 / 128, 0)
    hidden_scale: Scale | None = None
    cell_bits: int = 3
    cell_clip: float = 0.0
    gate_scale: float = 1.0  # how far gates reach: about twice this
    weight_range: int = 127
    inputs: int = INPUTS
    extra: dict[int, int] = field(default_factory=dict)  # input of the operator -> tensor in its place

    @property
    def in_shape(self) -> tuple[int, int, int]:
        """Shape of the input."""
        return (*self._rows(), self.in_size)

    @property
    def out_shape(self) -> tuple[int, int, int]:
        """Shape of the output."""
        return (*self._rows(), self.units)

    def _rows(self) -> tuple[int, int]:
        return (self.steps, self.batches) if self.time_major else (self.batches, self.steps)

    def add(self, b: Builder, rng: np.random.Generator, given: int, name: str = "lstm") -> int:
        """Put it behind the tensor `given`; returns its output."""
        hidden_scale = self.hidden_scale or self.out_scale
        numbers = [given] + [-1] * (self.inputs - 1)
        for first, size, scale in ((1, self.in_size, self.in_scale), (5, self.units, hidden_scale)):
            for gate in range(GATES):
                spread = self.gate_scale * float(np.exp(rng.uniform(-0.5, 0.5)))
                weight_scale = spread / (scale[0] * 45 * max(1, self.weight_range) * np.sqrt(size))
                values = rng.integers(-self.weight_range, self.weight_range + 1, (self.units, size))
                numbers[first + gate] = b.weights(f"{name} weights {first + gate}", values, [weight_scale], 0)
                if first == 1:
                    bias_scale = scale[0] * float(np.float32(weight_scale))
                    bias = np.round(rng.normal(0, self.gate_scale, self.units) / bias_scale)
                    numbers[12 + gate] = b.bias(f"{name} bias {gate}", bias.astype(np.int64), [bias_scale])
        numbers[18] = b.variable(f"{name} hidden", (self.batches, self.units), hidden_scale)
        numbers[19] = b.variable(f"{name} cell", (self.batches, self.units), (2.0 ** (self.cell_bits - 15), 0), "int16")
        for position, number in self.extra.items():
            numbers[position] = number
        inside = [b.tensor(f"{name} gate {gate}", (0,), None, "float32") for gate in range(GATES)]
        inside.append(b.tensor(f"{name} scale", (0,), self.out_scale))
        return b.operator(
            "UNIDIRECTIONAL_SEQUENCE_LSTM",
            numbers,
            [b.tensor(name, self.out_shape, self.out_scale)],
            "UnidirectionalSequenceLSTMOptions",
            intermediates=inside,
            fusedActivationFunction=4,
            cellClip=self.cell_clip,
            timeMajor=self.time_major,
        )

    def tflite(self, seed: int = 0) -> bytes:
        """Return a .tflite that consists of this LSTM, its input and its output."""
        b = Builder()
        return b.finish([self.add(b, np.random.default_rng(seed), b.input("x", self.in_shape, self.in_scale))])
