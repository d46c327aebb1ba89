"""Time one step of a model on this machine: compiled C, called through cffi, and LiteRT, called from Python.

    python -m benchmarks.compiler_laptop [MODEL.tflite ...]

The ways take turns; the best round of each counts, in microseconds of processor time. A step of LiteRT is set_tensor of
every input, invoke, and get_tensor of every output. Compiled C is timed as `run`, one call per step, and as
`run_steps`, one call for a block of 50 steps, as the runtime calls it.

Without a model on the command line, these are timed: the network that `stapes train` makes by default,
and the CNN and GRU of the compiler's benchmark, both with random weights. Rows go to benchmarks/results/laptop.csv.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.rows import write_rows
from benchmarks.tflite_models import cnn_gru_step
from stapes.convert.compile import compile_model
from stapes.convert.verify import random_inputs
from stapes.firmware_sim.device.host import CompiledModel

ROUNDS, STEPS, BLOCK = 15, 2000, 50
KERNEL_SETS = ("AUTO", "BUILTIN_WITHOUT_DEFAULT_DELEGATES", "BUILTIN_REF")


def microseconds_per_step(tflite: bytes) -> dict[str, float]:
    """Return microseconds per step by way: the compiled model, and LiteRT with each of its kernel sets."""
    with tempfile.TemporaryDirectory(prefix="stapes-bench-") as folder:
        compile_model(tflite, Path(folder), "model", "host")
        model = CompiledModel(Path(folder))
    given = random_inputs(model, np.random.default_rng(5), 2)
    block = [np.stack([array] * BLOCK) for array in given]
    ways: dict[str, tuple[Callable[[], object], int]] = {
        "run": (lambda: model.run(*given), 1),
        "run_steps": (lambda: model.run_steps(*block), BLOCK),
        **{f"litert {name}": (_litert_step(tflite, name), 1) for name in KERNEL_SETS},
    }
    rounds = [{way: _time(step, STEPS // many) / many for way, (step, many) in ways.items()} for _ in range(ROUNDS)]
    return {way: min(times[way] for times in rounds) for way in ways}


def default_step() -> bytes:
    """Return the .tflite file of the default network of `stapes train` with four classes and random weights."""
    from stapes.convert.tensorflow import tf_keras  # loads TensorFlow
    from stapes.convert.tflite import convert_step
    from stapes.train.learn.network import FloatNetwork, Shape
    from stapes.train.learn.quantize import QuantizedNetwork, StepModule
    from stapes.train.settings import Settings

    settings = Settings()
    tf_keras.utils.set_random_seed(settings.seed)
    network = FloatNetwork(Shape.of(settings.network, settings.frontend, classes=4))
    features = np.random.default_rng(1).normal(0, 1, (4, 64, settings.frontend.n_bands)).astype(np.float32)
    quantized = QuantizedNetwork(network.shape)
    quantized.load_folded(network.folded(), features)
    return convert_step(StepModule(quantized)).model


def _litert_step(tflite: bytes, kernels: str) -> Callable[[], None]:
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    interpreter: Any = Interpreter(model_content=tflite, experimental_op_resolver_type=OpResolverType[kernels])
    interpreter.allocate_tensors()
    inputs = [(one["index"], np.zeros(one["shape"], one["dtype"])) for one in interpreter.get_input_details()]
    outputs = [one["index"] for one in interpreter.get_output_details()]

    def step() -> None:
        for index, values in inputs:
            interpreter.set_tensor(index, values)
        interpreter.invoke()
        for index in outputs:
            interpreter.get_tensor(index)

    return step


def _time(step: Callable[[], object], steps: int) -> float:
    start = time.process_time()
    for _ in range(steps):
        step()
    return (time.process_time() - start) / steps * 1e6


def main(argv: list[str] | None = None) -> int:
    """Print one line per model and way; return the process's exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", type=Path, help=".tflite files")
    arguments = parser.parse_args(argv)
    models = {path.name: path.read_bytes() for path in arguments.models}
    rows = []
    for name, tflite in (models or {"default_network": default_step(), "cnn_gru_step": cnn_gru_step()}).items():
        times = microseconds_per_step(tflite)
        fastest = min(value for way, value in times.items() if way.startswith("litert"))
        for way, value in times.items():
            print(f"{name}  {way:40} {value:8.2f} us  {value / fastest:6.2f} of the fastest LiteRT")
            rows.append({"model": name, "way": way, "us": f"{value:.2f}", "of_litert": f"{value / fastest:.3f}"})
    if not models:
        write_rows("laptop", rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
