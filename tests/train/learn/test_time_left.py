"""The time left of a training is one figure for all of its parts, right from the first line on.

Referee: a clock that only the simulated training moves, so that the time that really was left is known.
"""

import re

import pytest

from stapes.runtime import console
from stapes.runtime.console import Progress, part_of, shown
from stapes.train.learn.time_left import (
    CONVERSION_S,
    HEAD_UPDATE,
    SEARCH_OF_A_CLASS_S,
    SEARCHES,
    TimeLeft,
    check_cost,
    parts_of,
)
from stapes.train.settings import NetworkSettings, Settings, TrainingSettings

UPDATE_S, COMPILING_S, VAL_S, CLASSES = 0.5, 12.0, 480.0, 3


class Clock:
    now = 0.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(console.time, "monotonic", lambda: clock.now)
    return clock


def train(clock: Clock, settings: Settings, first: str, done: int = 0) -> None:
    """Spend the time of a training that begins in the phase `first`, of which `done` updates are done already."""
    training = settings.training
    check = check_cost(settings, VAL_S)
    phases = {
        "head": (training.head_steps, HEAD_UPDATE),
        "float": (training.float_steps, 1.0),
        "quantized": (training.quantized_steps, 1.0),
    }
    Progress("reading train", 1).advance()
    for name in list(phases)[list(phases).index(first) :]:
        updates, unit = phases[name]
        checked = [at % training.check_every_steps == 0 or at == updates for at in range(done + 1, updates + 1)]
        progress = Progress(f"{name} training", updates - done, updates - done + check * sum(checked), warm_up=True)
        clock.now += COMPILING_S
        for is_checked in checked:
            clock.now += UPDATE_S * unit * (1 + check * is_checked)
            progress.advance("", 1 + check * is_checked)
        done = 0
    clock.now += CONVERSION_S
    Progress("int8 scores", 1).advance()
    for task in SEARCHES:
        progress = Progress(task, CLASSES)
        for label in range(CLASSES):
            clock.now += SEARCH_OF_A_CLASS_S
            progress.advance(str(label))


@pytest.mark.parametrize(("first", "done"), [("head", 0), ("float", 0), ("float", 130), ("quantized", 0)])
def test_every_line_says_how_long_the_whole_training_takes(
    clock: Clock, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, first: str, done: int
) -> None:
    network = NetworkSettings(backbone="yamnet", backbone_layers=2) if first == "head" else NetworkSettings()
    training = TrainingSettings(head_steps=90, float_steps=300, quantized_steps=100, check_every_steps=80)
    settings = Settings(network=network, training=training)
    said: list[tuple[float, str]] = []
    with shown() as console, part_of(TimeLeft(list(parts_of(settings, CLASSES, VAL_S)))):
        monkeypatch.setattr(console, "advance", lambda advance: said.append((clock.now, str(advance))))
        train(clock, settings, first, done)
    figures = [(now, float(match[1])) for now, text in said if (match := re.search(r", (\d+) s left in all", text))]
    without = [text for _, text in said if "left" not in text]
    updates = {"head": 90, "float": 300, "quantized": 100}[first] - done
    assert without[:2] == ["reading train 1/1", f"{first} training 1/{updates}"]
    assert all(text.startswith("reading") or " 1/" in text for text in without), "the rate is known after two updates"
    assert len(figures) >= 15
    for now, left_s in figures:
        assert left_s == pytest.approx(clock.now - now, abs=1.0)


def test_without_a_whole_run_a_task_says_how_long_it_takes_and_leaves_out_its_warm_up(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    with shown():
        progress = Progress("compiled", 5, warm_up=True)
        for second in (10, 5, 5, 5, 5):
            clock.now += second
            progress.advance()
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "compiled 1/5",
        "compiled 2/5, 15 s left",
        "compiled 3/5, 10 s left",
        "compiled 4/5, 5 s left",
        "compiled 5/5, 0 s left",
    ]
