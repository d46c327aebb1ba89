"""The int8 step is held against a .tflite of the whole sequence and the quantization-aware graph in TensorFlow."""

import numpy as np
import pytest

pytest.importorskip("tensorflow")

from ai_edge_litert.interpreter import Interpreter, OpResolverType
from network_settings import FOUR_BITS, SEPARABLE

from stapes.convert.compile import plan_model
from stapes.convert.lower.operations import Call
from stapes.convert.tensorflow import tf, tf_keras
from stapes.convert.tflite import Step, convert_step
from stapes.firmware_sim.device.frontend import FrontendConfig
from stapes.train.learn.network import FloatNetwork, Shape
from stapes.train.learn.quantize import QuantizedNetwork, StepModule
from stapes.train.settings import NetworkSettings

STEPS = 32  # 64 frames


@pytest.fixture(scope="module")
def features() -> np.ndarray:
    """Return int8[clips, frames, bands] that change slowly, as log-mel does, and reach both ends of the range."""
    steps = np.random.default_rng(1).normal(0, 18, (4, 2 * STEPS, 40)).cumsum(axis=1)
    return np.clip(steps, -128, 127).astype(np.int8)


@pytest.fixture(
    scope="module", params=[NetworkSettings(), SEPARABLE, FOUR_BITS], ids=["full", "separable", "four_bits"]
)
def network(features: np.ndarray, request: pytest.FixtureRequest) -> QuantizedNetwork:
    """Return a network with larger random weights than training begins with: gates and states use their range."""
    tf_keras.utils.set_random_seed(1)
    network = FloatNetwork(Shape.of(request.param, FrontendConfig(), classes=4))
    real = features.astype(np.float32) * FrontendConfig().feature_scale
    train = tf.function(lambda: network.sequence(real, network.start(len(real)), training=True), autograph=False)
    for _ in range(50):  # the statistics of BatchNorm
        train()
    weights = network.folded()
    for name in ("gates", "candidate", "scores"):
        weights[f"{name}_kernel"] *= 3.0
    weights["scores_bias"][:] = 0.0
    quantized = QuantizedNetwork(network.shape)
    quantized.load_folded(weights, real)
    return quantized


@pytest.fixture(scope="module")
def step(network: QuantizedNetwork) -> Step:
    return convert_step(StepModule(network))


def test_layers_are_named_after_the_parts_of_the_network(network: QuantizedNetwork, step: Step) -> None:
    module = plan_model(step.model, "model")
    convolutions = [layer.name for layer in network.shape.convolutions]
    assert [one.name for one in module.placement.operations if isinstance(one, Call) and "pad" not in one.name] == [
        *(*convolutions, "projection", "gru_gates", "gru_gates_logistic", "gru_one_minus_keep", "gru_kept"),
        *("gru_reset", "gru_candidate", "gru_candidate_tanh", "gru_taken", "gru_blend", "logits", "scores_logistic"),
    ]
    assert [state.name for state in module.graph.states] == list(network.shape.states)


class Runner:
    """Runs one signature with LiteRT's reference kernels."""

    def __init__(self, step: Step) -> None:
        resolver = OpResolverType.BUILTIN_REF
        self.interpreter = Interpreter(model_content=step.model, experimental_op_resolver_type=resolver)
        self.run = self.interpreter.get_signature_runner("step")
        states = [port for port in step.inputs if port.name != "features"]
        self.start = {port.name: np.full(port.shape, port.zero_point, np.int8) for port in states}


def stepped(step: Step, clip: np.ndarray) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    runner = Runner(step)
    states, scores = runner.start, []
    for frames in clip.reshape(STEPS, 1, 2, 40, 1):
        out = runner.run(features=frames, **states)
        scores.append(out.pop("scores")[0])
        states = out
    return np.stack(scores), states


def test_stepping_equals_the_sequence_graph_bit_for_bit_vs_litert_reference(
    network: QuantizedNetwork, step: Step, features: np.ndarray
) -> None:
    whole = Runner(convert_step(StepModule(network, STEPS)))
    for clip in features:
        scores, states = stepped(step, clip)
        out = whole.run(features=clip[None, ..., None], **whole.start)
        assert len(np.unique(scores)) > 50, "the clip must move the scores, or equality says little"
        np.testing.assert_array_equal(scores, out.pop("scores")[0])
        for name, state in out.items():
            np.testing.assert_array_equal(states[name], state)


def test_one_step_differs_from_the_quantization_aware_graph_by_single_roundings_only(
    network: QuantizedNetwork, step: Step, features: np.ndarray
) -> None:
    """Both begin with the same states and hold every tensor on the same grid; a value near a half may round either way.

    A convolution rounds once: its output differs by at most 1. In h' = z h + (1 - z) n both products round, and a gate
    or the candidate may differ by one: at most 3. A logit that differs by one moves the score by the logit's step times
    the sigmoid's slope, at most 1/4, and the score rounds too.
    """
    logit_step = float(network.ranges["scores"]["limit"]) / 128
    convolutions = [name for name in network.shape.states if name not in ("state_conv0", "state_gru")]
    most = {"scores": 256 * logit_step / 4 + 1, "state_gru": 3, "state_conv0": 0, **dict.fromkeys(convolutions, 1)}
    apart: dict[str, list[np.ndarray]] = {name: [] for name in most}
    for clip in features[:2]:
        runner = Runner(step)
        states = runner.start
        for frames in clip.reshape(STEPS, 1, 2, 40, 1):
            out = runner.run(features=frames, **states)
            for name, value in graph_step(network, step, frames, states).items():
                apart[name].append(np.abs(out[name].astype(int) - value).ravel())
            states = {name: out[name] for name in states}
    for name, bound in most.items():
        assert np.concatenate(apart[name]).max() <= bound, name
    for name in convolutions:
        assert np.mean(np.concatenate(apart[name]) > 0) < 0.01


def graph_step(
    network: QuantizedNetwork, step: Step, frames: np.ndarray, states: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Run a step in TensorFlow from int8 states; return its results as int8.

    It runs eagerly: the graph that is converted has depthwise convolutions that TensorFlow can run on some processors
    only.
    """
    ports = {port.name: port for port in step.outputs}

    def real(name: str, value: np.ndarray) -> object:
        return tf.constant((value.astype(np.float32) - ports[name].zero_point) * ports[name].scale)

    inputs = {name: real(name, value) for name, value in states.items()}
    scores, new_states = network.step(tf.constant(frames.astype(np.float32) * FrontendConfig().feature_scale), inputs)
    results = {"scores": tf.reshape(scores, [1, -1]), **new_states}
    return {
        name: np.rint(value.numpy() / ports[name].scale).astype(int) + ports[name].zero_point
        for name, value in results.items()
    }


def test_the_step_is_int8_inside_and_has_the_fixed_ranges(step: Step) -> None:
    interpreter = Runner(step).interpreter
    assert {np.dtype(tensor["dtype"]) for tensor in interpreter.get_tensor_details()} == {
        np.dtype(np.int8),
        np.dtype(np.int32),
    }
    operators = [operator["op_name"] for operator in interpreter._get_ops_details()]
    assert not {"QUANTIZE", "DEQUANTIZE"} & set(operators)
    inputs = {port.name: port for port in step.inputs}
    outputs = {port.name: port for port in step.outputs}
    assert (inputs["features"].scale, inputs["features"].zero_point) == (1 / 32, 0)
    assert (outputs["scores"].scale, outputs["scores"].zero_point) == (1 / 256, -128)
    assert (inputs["state_gru"].scale, inputs["state_gru"].zero_point) == (1 / 128, 0)
    states = {name for name in inputs if name.startswith("state_")}
    assert states == set(outputs) - {"scores"}
    assert all(inputs[name] == outputs[name] for name in states)
