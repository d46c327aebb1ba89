"""A detector as teacher: each step gets its probability at the time that the step stands for."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tiny_detector import noise_bursts, write_tiny_detector

from stapes.firmware_sim.device.clock import StepClock
from stapes.firmware_sim.device.folder import DetectorFolder, read_folder
from stapes.firmware_sim.device.frontend import Frontend, FrontendConfig, make_tables
from stapes.firmware_sim.device.tail import with_tail
from stapes.firmware_sim.errors import ToolchainError
from stapes.runtime.engine import Engine, choose_engine
from stapes.runtime.litert_engine import LitertEngine
from stapes.train.data.corpus import Corpus
from stapes.train.learn import teacher as teacher_module
from stapes.train.learn.augment import BatchMaker, Remixer
from stapes.train.learn.excerpts import Excerpts
from stapes.train.learn.teacher import Lessons, Teacher
from stapes.train.settings import AugmentationSettings

RATE = 16_000
SAMPLES = 4 * RATE
CLASSES = ("rumble", "hiss")
FRONTEND = FrontendConfig()
EARLY = StepClock.of(FRONTEND, frames_per_step=2, target_delay_steps=1)
LATE = StepClock.of(FRONTEND, frames_per_step=1, target_delay_steps=40)
COARSE = StepClock.of(FrontendConfig(hop_samples=160, window_samples=400), frames_per_step=8, target_delay_steps=6)
N_STEPS = 100


@pytest.fixture(scope="module")
def slow_teacher(tmp_path_factory: pytest.TempPathFactory) -> DetectorFolder:
    """The tiny detector with a delay of four steps."""
    return write_tiny_detector(tmp_path_factory.mktemp("teacher") / "slow.stapes", delay_steps=4)


@pytest.fixture
def bursts() -> NDArray[np.int16]:
    return noise_bursts(SAMPLES / RATE, [(0.5, 1.2, "hiss"), (2.0, 2.4, "rumble"), (3.6, 4.0, "hiss")])


class RandomEngine:
    """Gives random scores, whatever it hears."""

    def run(self, features: NDArray[np.int8]) -> NDArray[np.int8]:
        scores = np.random.default_rng(1).integers(-128, 128, (len(features), 2))
        return scores.astype(np.int8)

    def reset(self) -> None:
        pass


@pytest.mark.parametrize("student", [EARLY, LATE, COARSE], ids=["early", "late", "coarse"])
def test_a_step_gets_the_probability_of_the_time_that_it_stands_for(
    slow_teacher: DetectorFolder, monkeypatch: pytest.MonkeyPatch, student: StepClock
) -> None:
    """Referee: plain arithmetic. The teacher has a score every 512 samples, from frames of 512 that lie 256 apart."""
    monkeypatch.setattr(teacher_module, "choose_engine", lambda *_: RandomEngine())
    n_steps = SAMPLES // student.step_samples
    got = Teacher(slow_teacher, CLASSES, student).probabilities(np.zeros(SAMPLES, np.int16), n_steps)
    assert got.shape == (n_steps, 2)
    assert got.dtype == np.float32
    n_scores = ((SAMPLES + slow_teacher.clock.tail_samples - 512) // 256 + 1) // 2
    given = (RandomEngine().run(np.zeros((n_scores, 2, 40), np.int8)).astype(float) + 128) / 256
    for step in range(n_steps):
        middle = (student.begin_sample(step) + student.begin_sample(step + 1)) / 2
        if step < student.target_delay_steps:
            assert not got[step].any(), "it stands for the time before the sound"
            continue
        at = (middle - 128) / 512 - 0.5 + 4  # the score in whose middle this is, four steps late
        at = min(max(at, 4), n_scores - 1)
        low, high = int(at), min(int(at) + 1, n_scores - 1)
        expected = given[low] * (1 - at + low) + given[high] * (at - low)
        np.testing.assert_allclose(got[step], expected, atol=1e-5)


def test_a_teacher_on_the_clock_of_its_student_gives_its_own_scores_to_the_end_of_the_sound(
    slow_teacher: DetectorFolder, bursts: NDArray[np.int16]
) -> None:
    """Referee: LiteRT on the recording with its tail. The classes are in the student's order."""
    features = Frontend(slow_teacher.tables).features(with_tail(slow_teacher.clock, bursts))
    steps = len(features) // 2
    scores = LitertEngine(slow_teacher).run(features[: 2 * steps].reshape(steps, 2, -1))
    scores[:4] = -128
    teacher = Teacher(slow_teacher, CLASSES[::-1], slow_teacher.clock)
    for _ in range(2):  # what was heard before makes no difference
        got = teacher.probabilities(bursts, steps)
        np.testing.assert_array_equal(got, ((scores.astype(np.float32) + 128) / 256)[:, ::-1])
    assert got.max() > 0.9


def test_without_a_c_compiler_a_teacher_gives_the_same_scores(
    slow_teacher: DetectorFolder, bursts: NDArray[np.int16], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = Teacher(slow_teacher, CLASSES, EARLY).probabilities(bursts, N_STEPS)

    def without_compiler(folder: DetectorFolder, name: str) -> Engine:
        if name == "c":
            raise ToolchainError("no C compiler found")
        return choose_engine(folder, name)

    monkeypatch.setattr(teacher_module, "choose_engine", without_compiler)
    np.testing.assert_array_equal(Teacher(slow_teacher, CLASSES, EARLY).probabilities(bursts, N_STEPS), expected)


class ConstantTeacher(Teacher):
    """Gives the same probability to every step."""

    def __init__(self) -> None:
        pass

    def probabilities(self, pcm: NDArray[np.int16], n_steps: int) -> NDArray[np.float32]:
        assert pcm.dtype == np.int16
        return np.full((n_steps, 2), 0.8, np.float32)


@pytest.fixture
def corpus() -> Corpus:
    sounds = [noise_bursts(6.0, [(1.0, 2.0, "hiss"), (3.0, 3.5, "rumble")], seed=seed) for seed in range(3)]
    events = np.array([[RATE, 2 * RATE, 1], [3 * RATE, 3 * RATE + RATE // 2, 0]])
    return Corpus(np.concatenate(sounds), np.arange(4) * 6 * RATE, (events,) * 3, RATE)


def batch(corpus: Corpus, lessons: Lessons | None) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    settings = AugmentationSettings()
    return BatchMaker(
        remixer=Remixer(corpus, 2, 2 * N_STEPS * 256 + 256, settings),
        frontend=Frontend(make_tables(FRONTEND)),
        clock=EARLY,
        settings=settings,
        seed=5,
        n_classes=2,
        n_sequences=12,
        n_steps=N_STEPS,
        lessons=lessons,
    ).batch(3)


def test_targets_are_the_mean_of_label_and_teacher_and_the_sound_is_the_same_without_a_teacher(corpus: Corpus) -> None:
    features, labels = batch(corpus, None)
    assert set(np.unique(labels)) >= {0.0, 1.0}
    for share in (0.0, 0.25, 1.0):
        same, targets = batch(corpus, Lessons(ConstantTeacher(), share))
        np.testing.assert_array_equal(same, features)
        np.testing.assert_allclose(targets, (1 - share) * labels + share * 0.8, atol=1e-6)
        assert targets.dtype == np.float32


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_some_sequences_are_unlabelled_and_get_the_probabilities_of_the_teacher_alone(
    tiny_detector: Path, corpus: Corpus, share: float
) -> None:
    """The one unlabelled recording is as long as a sequence, which therefore is the recording."""
    sound = noise_bursts(3.3, [(1.5, 2.5, "hiss")], seed=9)[: 2 * N_STEPS * 256 + 256]
    alone = Corpus(sound, np.array([0, len(sound)]), (np.empty((0, 3), np.int64),), RATE)
    teacher = Teacher(read_folder(tiny_detector), CLASSES, EARLY)
    _, targets = batch(corpus, Lessons(teacher, 0.0, Excerpts(alone, len(sound)), share))
    taught = teacher.probabilities(sound, N_STEPS)
    assert taught[:, 1].max() > 0.9
    n_unlabelled = sum(np.array_equal(each, taught) for each in targets)
    assert n_unlabelled == {0.0: 0, 1.0: 12}.get(share, n_unlabelled)
    assert (0 < n_unlabelled < 8) == (share == 0.25)


def test_short_recordings_are_joined_until_a_sequence_is_full() -> None:
    lengths = np.array([30, 50, 20])
    events = (np.empty((0, 3), np.int64),) * 3
    values = np.repeat(np.array([1, 2, 3], np.int16), lengths)
    short = Corpus(values, np.concatenate([[0], np.cumsum(lengths)]), events, RATE)
    drawn = np.concatenate([Excerpts(short, 120).draw(np.random.default_rng(seed))[0] for seed in range(30)])
    assert set(drawn) == {1, 2, 3}
