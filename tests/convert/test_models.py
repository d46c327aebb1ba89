"""Whole models against LiteRT's reference kernels: outputs and every intermediate tensor, over several steps."""

from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks import tflite_models, yamnet_model
from benchmarks.tflite_models import STATE, Layers
from stapes.convert.compile import compile_model, plan_model
from stapes.convert.supported import TARGETS
from stapes.convert.verify import differences, with_intermediate_outputs
from stapes.firmware_sim.errors import ModelError
from stapes.firmware_sim.tflite.graph import LARGEST_COUNT

FOREIGN = ("hello_world", "micro_speech", "mlperf_ad01", "mlperf_kws", "okay_nabu")
OWN = (
    tflite_models.dense_stack,
    tflite_models.ds_cnn,
    tflite_models.cnn_gru_step,
    pytest.param(yamnet_model.yamnet_gru_step, marks=pytest.mark.slow),
)


@pytest.mark.parametrize("name", FOREIGN)
def test_models_of_others_equal_litert_reference(foreign_models: Path, tmp_path: Path, name: str) -> None:
    tflite = (foreign_models / f"{name}.tflite").read_bytes()
    compile_model(tflite, tmp_path, name)
    assert set(differences(tflite, tmp_path, steps=30).values()) == {0}


@pytest.mark.parametrize("name", FOREIGN)
def test_every_intermediate_tensor_equals_litert_reference(foreign_models: Path, tmp_path: Path, name: str) -> None:
    tflite = with_intermediate_outputs((foreign_models / f"{name}.tflite").read_bytes())
    compile_model(tflite, tmp_path, name)
    found = differences(tflite, tmp_path, steps=12)
    assert len(found) >= 3
    assert {tensor: count for tensor, count in found.items() if count} == {}


@pytest.mark.parametrize("make", OWN, ids=lambda make: make.__name__)
def test_seeded_models_equal_litert_reference_in_every_tensor(tmp_path: Path, make: Callable[[], bytes]) -> None:
    for name, tflite in (("plain", make()), ("every", with_intermediate_outputs(make()))):
        compile_model(tflite, tmp_path / name, name)
        found = differences(tflite, tmp_path / name, steps=12)
        assert {tensor: count for tensor, count in found.items() if count} == {}


@pytest.mark.parametrize("layout", ["ROWS", "DSP", "MVE", pytest.param("HOST", marks=pytest.mark.slow)])
def test_one_arena_suits_the_kernels_of_every_layout(tmp_path: Path, layout: str) -> None:
    """Kernels that write pixel by pixel allow an output at any distance before the input, others at whole pixels."""
    for make in (tflite_models.ds_cnn, tflite_models.cnn_gru_step, yamnet_model.yamnet_gru_step):
        folder = tmp_path / make.__name__
        compile_model(make(), folder, "model", "any")
        found = differences(make(), folder, steps=4, defines=(f"STAPES_NN_LAYOUT=STAPES_NN_{layout}",))
        assert set(found.values()) == {0}


@pytest.mark.parametrize("target", TARGETS)
def test_activations_take_at_most_half_of_the_arena_of_tflite_micro(target: str) -> None:
    arenas = {tflite_models.ds_cnn: 22_800, tflite_models.cnn_gru_step: 7_700, tflite_models.dense_stack: 1_900}
    for make, arena in arenas.items():
        assert plan_model(make(), "model", target).plan.size <= arena / 2


@pytest.mark.parametrize("make", OWN, ids=lambda make: make.__name__)
def test_seeded_models_have_the_macs_that_are_reported(tmp_path: Path, make: Callable[[], bytes]) -> None:
    macs = {"dense_stack": 10_496, "ds_cnn": 2_656_768, "cnn_gru_step": 51_384, "yamnet_gru_step": 2_076_288}
    assert compile_model(make(), tmp_path, "model").sizes.macs == macs[make.__name__]


@pytest.mark.slow
def test_yamnet_equals_litert_reference_in_every_tensor(foreign_models: Path, tmp_path: Path) -> None:
    tflite = with_intermediate_outputs((foreign_models / "yamnet_spectra_in_int8.tflite").read_bytes())
    compile_model(tflite, tmp_path, "yamnet", "host")
    found = differences(tflite, tmp_path, steps=2)
    assert len(found) >= 30
    assert {tensor: count for tensor, count in found.items() if count} == {}


def test_a_chain_of_a_thousand_operators_equals_litert_reference(tmp_path: Path) -> None:
    net = Layers(0)
    first = y = net.input("x", (1, 4, 4, 4), (0.05, -3))
    for _ in range(200):
        y = net.depthwise("spread", net.conv("mix", y, (1, 1), 4), (3, 3))
        y = net.simple("TANH", "bent", [y], (1, 4, 4, 4), STATE)
        y = net.simple("MUL", "square", [y, first], (1, 4, 4, 4), (0.02, 5), "MulOptions")
        y = net.simple("ADD", "sum", [y, first], (1, 4, 4, 4), (0.05, -3), "AddOptions")
    tflite = net.builder.finish([y])
    compile_model(tflite, tmp_path, "chain", "portable")
    assert set(differences(tflite, tmp_path, steps=6).values()) == {0}


def test_more_tensors_than_can_be_placed_in_seconds_are_refused() -> None:
    net = Layers(0)
    y = net.input("x", (1, 4), (0.05, -3))
    for _ in range(LARGEST_COUNT):
        y = net.simple("TANH", "bent", [y], (1, 4), STATE)
    with pytest.raises(ModelError, match="2049 tensors that are no constants; the limit is 2048"):
        plan_model(net.builder.finish([y]), "chain")
