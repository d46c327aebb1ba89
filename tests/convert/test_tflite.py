"""The converted step holds to what the device needs: int8 only, states that go out as they came in."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tensorflow")

from stapes.convert.tensorflow import tf
from stapes.convert.tflite import check_step, convert_step
from stapes.convert.verify import differences
from stapes.firmware_sim.errors import ModelError
from stapes.runtime.main import main


class Product(tf.Module):
    """Features times a state: the smallest step function."""

    def __init__(self, state_limit: float) -> None:
        super().__init__()

        def grid(value: object, limit: float) -> object:
            return tf.quantization.fake_quant_with_min_max_args(value, -limit, limit * 127 / 128)

        def step(features: object, state_mean: object) -> dict[str, object]:
            mean = grid(grid(features, 1.0) * grid(state_mean, state_limit), 1.0)
            scores = tf.quantization.fake_quant_with_min_max_args(tf.sigmoid(mean), 0.0, 255 / 256)
            return {"scores": scores, "state_mean": mean}

        tensor = [tf.TensorSpec((1, 4), name=name) for name in ("features", "state_mean")]
        self.step = tf.function(step, input_signature=tensor, autograph=False)


def test_any_module_with_a_step_function_is_converted_to_an_int8_step() -> None:
    step = convert_step(Product(state_limit=1.0))
    assert {port.name for port in step.inputs} == {"features", "state_mean"}
    assert {port.name for port in step.outputs} == {"scores", "state_mean"}
    scores = next(port for port in step.outputs if port.name == "scores")
    assert (scores.scale, scores.zero_point) == (1 / 256, -128)


def test_a_state_that_changes_its_scale_is_refused() -> None:
    with pytest.raises(ModelError, match="state_mean goes in as"):
        convert_step(Product(state_limit=2.0))


def test_a_float_tensor_is_refused() -> None:
    function = tf.function(lambda features: {"scores": tf.sigmoid(features)}, autograph=False)
    module = tf.Module()
    module.step = function.get_concrete_function(tf.TensorSpec((1, 4), name="features"))
    with pytest.raises(ModelError, match="float32"):
        convert_step(module)


def test_a_saved_model_becomes_a_tflite_and_c_with_the_same_bits(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    module = Product(state_limit=1.0)
    tf.saved_model.save(module, str(tmp_path / "product"), signatures={"step": module.step})
    assert main(["convert", str(tmp_path / "product"), "--out", str(tmp_path / "c"), "--target", "portable"]) == 0
    assert capsys.readouterr().out.endswith("wrote product.tflite beside them\n")
    assert differences((tmp_path / "c" / "product.tflite").read_bytes(), tmp_path / "c") == {"scores": 0}


def test_a_folder_that_is_no_saved_model_or_has_no_step_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    module = Product(state_limit=1.0)
    tf.saved_model.save(module, str(tmp_path / "product"), signatures={"other": module.step})
    for given, message in (
        ("nothing", "no saved_model.pb; write one with"),
        ("product", "cannot be converted to TFLite"),
    ):
        assert main(["convert", str(tmp_path / given), "--out", str(tmp_path / "c")]) == 1
        assert message in capsys.readouterr().err
    assert not (tmp_path / "c").exists()


def test_a_model_without_the_signature_is_refused() -> None:
    function = tf.function(lambda x: x + np.float32(1), input_signature=[tf.TensorSpec((1, 4))])
    model = tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()]).convert()
    with pytest.raises(ModelError, match="signature"):
        check_step(model)
