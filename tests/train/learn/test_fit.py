"""The state of gradient descent is never a mixture of two, wherever an interruption comes."""

import numpy as np
import pytest

pytest.importorskip("tensorflow")

from stapes.firmware_sim.device.frontend import FrontendConfig
from stapes.train.learn.fit import Schedule, Trainer
from stapes.train.learn.network import FloatNetwork, Shape
from stapes.train.settings import NetworkSettings, TrainingSettings


@pytest.fixture
def trainer() -> Trainer:
    """After two updates of ten."""
    network = FloatNetwork(Shape.of(NetworkSettings(), FrontendConfig(), 2))
    trainer = Trainer(network, TrainingSettings(), 1, Schedule(10, 1e-2, 0))
    update(trainer, 2)
    return trainer


def update(trainer: Trainer, times: int) -> None:
    rng = np.random.default_rng(trainer.done)
    for _ in range(times):
        features = rng.integers(-128, 128, (2, 40, 40)).astype(np.int8)
        targets = np.zeros((2, 40 // trainer.network.shape.frames_per_step, 2), np.float32)
        trainer.update(trainer.done, (features, targets))


def interrupt(monkeypatch: pytest.MonkeyPatch, trainer: Trainer, variable: int) -> None:
    """Let the user press Ctrl+C when this variable is assigned."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    variables = [*trainer.network.variables, *trainer._optimizer.variables]
    monkeypatch.setattr(variables[variable], "assign", stop)


@pytest.mark.parametrize("variable", [0, 5, -1])
def test_a_restored_state_counts_when_all_of_it_is_there(
    trainer: Trainer, monkeypatch: pytest.MonkeyPatch, variable: int
) -> None:
    earlier = trainer.state()
    update(trainer, 1)
    later = trainer.state()
    with monkeypatch.context() as patch:
        interrupt(patch, trainer, variable)
        with pytest.raises(KeyboardInterrupt):
            trainer.restore(earlier)
    np.testing.assert_equal(trainer.state(), later)
    assert trainer.done == 3
    trainer.restore(earlier)
    np.testing.assert_equal(trainer.state(), earlier)
    assert trainer.done == 2


@pytest.mark.parametrize("variable", [5, -1])
def test_an_interruption_while_averaged_weights_are_left_changes_no_state(
    trainer: Trainer, monkeypatch: pytest.MonkeyPatch, variable: int
) -> None:
    before = trainer.state()
    with pytest.raises(KeyboardInterrupt), trainer.averaged():
        assert np.any(trainer.network.variables[0].numpy() != before["variable_000"])
        interrupt(monkeypatch, trainer, variable)
    np.testing.assert_equal(trainer.state(), before)
    assert trainer.done == 2
