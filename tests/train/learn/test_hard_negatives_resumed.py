"""A training with hard negatives that ends at any place goes on to the weights of one that never ended.

The referee is that one: every weight of both networks, to the bit.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tensorflow")

import stapes.train.learn.phase
from stapes.firmware_sim.device.frontend import Frontend, make_tables
from stapes.train.data.corpus import Corpus
from stapes.train.learn import train_networks as module
from stapes.train.learn.fit import Trainer
from stapes.train.learn.logs import TrainingLog
from stapes.train.learn.mining import Mining
from stapes.train.learn.training_data import TrainingData
from stapes.train.learn.workspace import Workspace
from stapes.train.settings import AugmentationSettings, NetworkSettings, Settings, TrainingSettings

RATE = 16_000
NETWORK = NetworkSettings(
    conv_channels=(4, 4),
    conv_kernel_frames=(3, 2),
    conv_stride_frames=(2, 1),
    conv_kernel_bands=(5, 3),
    conv_stride_bands=(3, 3),
    projection_units=8,
    gru_units=8,
)
# Val is scored, and hard negatives are found, behind updates 4, 8 and 10, and behind the last one.
TRAINING = TrainingSettings(sequence_s=2.0, batch_sequences=2, float_steps=10, quantized_steps=4, check_every_steps=4)

pytestmark = pytest.mark.slow


def settings(hard_negatives: float) -> Settings:
    return Settings(
        network=NETWORK, training=TRAINING, augmentation=AugmentationSettings(hard_negatives=hard_negatives)
    )


def sounds(seed: int) -> Corpus:
    """Two recordings of 30 s with sounds of every loudness, and four events of 200 ms in each."""
    rng, length = np.random.default_rng(seed), 30 * RATE
    loudness = np.repeat(rng.uniform(10, 3000, 2 * 30), RATE)
    pcm = np.clip(rng.normal(0, loudness), -32_000, 32_000).astype(np.int16)
    onsets = np.array([3, 9, 16, 24]) * RATE
    for onset in np.concatenate([onsets, onsets + length]):
        pcm[onset : onset + RATE // 5] = 12_000 * np.sin(0.5 * np.arange(RATE // 5))
    events = np.column_stack([onsets, onsets + RATE // 5, np.zeros(4, np.int64)])
    return Corpus(pcm, np.array([0, length, 2 * length]), (events, events), RATE)


@pytest.fixture(scope="module")
def data() -> TrainingData:
    tables, val = make_tables(Settings().frontend), sounds(2)
    frontend = Frontend(tables)
    return TrainingData(
        classes=("beep",),
        frontend=frontend,
        tables=tables,
        clock=settings(0.5).clock,
        train=sounds(1),
        val=val,
        val_features=[frontend.features(val.recording(index)) for index in range(2)],
        background_features=[],
    )


Train = Callable[[Path, float], list[np.ndarray]]


@pytest.fixture
def train(data: TrainingData, monkeypatch: pytest.MonkeyPatch) -> Train:
    """Return a function that trains into a folder with a share of hard negatives, and returns all weights."""
    monkeypatch.setattr(module, "convert_step", lambda _: None)
    monkeypatch.setattr(stapes.train.learn.phase, "SAVE_EVERY_UPDATES", 3)

    def run(folder: Path, hard_negatives: float) -> list[np.ndarray]:
        workspace = Workspace(folder / "x.stapes", str(hard_negatives))
        try:
            log = TrainingLog(workspace, None)
            trained = module.train_networks(data, settings(hard_negatives), workspace, log, None)
        finally:
            workspace.close()
        networks = (trained.float_network, trained.quantized_network)
        return [variable.numpy() for network in networks for variable in network.variables]

    return run


def stopping(method: Callable[..., object], at: int, end: type[BaseException]) -> Callable[..., object]:
    """Return the method, which raises `end` instead of its call number `at`."""
    calls = []

    def called(*arguments: object) -> object:
        calls.append(1)
        if len(calls) == at:
            raise end
        return method(*arguments)

    return called


def require_equal(one: list[np.ndarray], other: list[np.ndarray]) -> None:
    for left, right in zip(one, other, strict=True):
        np.testing.assert_array_equal(left, right)


def test_training_goes_on_with_the_same_hard_negatives_wherever_it_ended(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """KeyboardInterrupt lets it save its state; SystemExit stands for a kill, which leaves what was saved last.

    States are saved behind updates 3, 6 and 9 of the float network, and behind its end and update 3 of the other one.
    """
    whole = train(tmp_path, 0.5)
    places: list[tuple[type, str, int, type[BaseException]]] = [
        (Trainer, "update", 7, KeyboardInterrupt),
        (Trainer, "update", 8, SystemExit),  # update 7 is done again, with what was found hard behind update 4
        (Trainer, "update", 13, SystemExit),  # the quantized network begins again, with what was found hard before it
        (Mining, "_hardness", 1, KeyboardInterrupt),
        (Mining, "state", 3, KeyboardInterrupt),  # while a state is saved
    ]
    for number, (owner, method, at, end) in enumerate(places):
        folder = tmp_path / str(number)
        folder.mkdir()
        with monkeypatch.context() as patch:
            patch.setattr(owner, method, stopping(getattr(owner, method), at, end))
            with pytest.raises(end):
                train(folder, 0.5)
        require_equal(train(folder, 0.5), whole)


def test_hard_negatives_change_the_batches_behind_the_first_check_and_none_before_it(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    update = Trainer.update
    made: dict[float, list[bytes]] = {0.0: [], 0.5: []}
    for share, batches in made.items():
        with monkeypatch.context() as patch:
            patch.setattr(
                Trainer,
                "update",
                lambda self, number, batch, batches=batches: (
                    batches.append(batch[0].tobytes()) or update(self, number, batch)
                ),
            )
            train(tmp_path, share)
    without, mined = made.values()
    assert mined[:4] == without[:4]
    assert all(one != other for one, other in zip(mined[4:], without[4:], strict=True))
