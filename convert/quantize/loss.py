"""What quantization loses: the outputs of a float32 model and of the int8 model made from it, on the same samples.

Both are run by LiteRT's optimized kernels, as its reference kernels end the process for some softmaxes. What the
compiled C gives may differ from these int8 outputs by one step in a few values.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType


@dataclass(frozen=True)
class Loss:
    """How far an int8 output is from the float32 output, over all values of all samples."""

    name: str
    step: float  # real value between two neighbouring codes
    largest: float
    mean: float
    signal_to_noise_db: float  # infinite where both are equal

    def __str__(self) -> str:
        """Return a line for people."""
        return (
            f"{self.name}: differs by {self.largest:.4g} at most ({self.largest / self.step:.1f} steps), "
            f"{self.mean:.4g} on average ({self.mean / self.step:.2f} steps of {self.step:.4g}); "
            f"signal-to-noise ratio {self.signal_to_noise_db:.1f} dB"
        )


def losses(
    float_tflite: bytes, int8_tflite: bytes, samples: Sequence[Sequence[np.ndarray]], names: Sequence[str]
) -> tuple[Loss, ...]:
    """Return the loss of each output. samples: for each, the inputs of the float32 model; names: of the outputs."""
    before, after = _Runner(float_tflite), _Runner(int8_tflite)
    pairs = zip(*(zip(before.run(sample), after.run(sample), strict=True) for sample in samples), strict=True)
    return tuple(_loss(*one) for one in zip(names, after.steps(), pairs, strict=True))


def _loss(name: str, step: float, pairs: Sequence[tuple[np.ndarray, np.ndarray]]) -> Loss:
    wanted, given = (np.stack(each).astype(np.float64) for each in zip(*pairs, strict=True))
    difference = np.abs(wanted - given)
    signal, noise = float(np.sum(wanted**2)), float(np.sum(difference**2))
    ratio = math.inf if not noise else 10 * math.log10(signal / noise) if signal else -math.inf
    return Loss(name, step, float(difference.max(initial=0)), float(difference.mean()), ratio)


class _Runner:
    """A .tflite that takes and gives real values, whatever its inputs and outputs are."""

    def __init__(self, tflite: bytes) -> None:
        self._interpreter = Interpreter(
            model_content=tflite,
            experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        )
        self._interpreter.allocate_tensors()

    def steps(self) -> Iterator[float]:
        """Yield for each output the real value between two codes: 1 for those without a scale."""
        for detail in self._interpreter.get_output_details():
            yield float(detail["quantization"][0]) or 1.0

    def run(self, sample: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return the outputs for one sample, states as before the first step."""
        self._interpreter.reset_all_variables()
        for detail, values in zip(self._interpreter.get_input_details(), sample, strict=True):
            self._interpreter.set_tensor(detail["index"], _as_stored(values, detail))
        self._interpreter.invoke()
        return [
            _as_real(self._interpreter.get_tensor(detail["index"]), detail)
            for detail in self._interpreter.get_output_details()
        ]


def _as_stored(values: np.ndarray, detail: dict) -> np.ndarray:
    scale, zero_point = detail["quantization"]
    if not scale:
        return values
    limits = np.iinfo(detail["dtype"])
    codes = np.rint(values / np.float32(scale)) + zero_point
    return np.clip(codes, limits.min, limits.max).astype(detail["dtype"])


def _as_real(values: np.ndarray, detail: dict) -> np.ndarray:
    scale, zero_point = detail["quantization"]
    return (values.astype(np.float64) - zero_point) * scale if scale else values.astype(np.float64)
