"""How long a whole training will still take: one figure for all of its parts, from what one update has taken so far."""

from collections.abc import Iterator
from dataclasses import dataclass

from stapes.train.settings import Settings

# The costs of the other parts, in updates of the float network; measured with both sizes of the network on one CPU.
HEAD_UPDATE = 0.6  # most layers are not changed
CHECK_SHARE = 1 / 3  # of an update with the same seconds of sound: nothing is changed
CONVERSION = 150.0
SEARCH_OF_A_CLASS = 100.0
SEARCHES = ("thresholds", "thresholds of the float network", "thresholds of the quantization-aware network")


@dataclass(frozen=True)
class Part:
    """A part of a training. Its costs are in updates of the float network."""

    task: str  # as its progress is called
    cost: float
    unit: float = 1.0  # of it, as its progress counts
    is_training: bool = False  # whether updates are compiled and measured in it


def training_task(phase: str) -> str:
    """Return what the progress of a phase is called."""
    return f"{phase} training"


def check_cost(settings: Settings, val_s: float) -> float:
    """Return what it costs to score `val_s` seconds of recordings, in updates."""
    return CHECK_SHARE * val_s / (settings.training.batch_sequences * settings.training.sequence_s)


def parts_of(settings: Settings, n_classes: int, val_s: float) -> Iterator[Part]:
    """Yield the parts of a training with `val_s` seconds of recordings to choose on, in their order."""
    training, check = settings.training, check_cost(settings, val_s)
    phases = [("float", training.float_steps, 1.0), ("quantized", training.quantized_steps, 1.0)]
    if settings.network.backbone:
        phases.insert(0, ("head", training.head_steps, HEAD_UPDATE))
    for name, updates, unit in phases:
        checks = -(-updates // training.check_every_steps)
        yield Part(training_task(name), unit * (updates + checks * check), unit, is_training=True)
    yield Part("converting", CONVERSION)
    yield Part("int8 scores", 0.0)  # ends the one before, which shows no progress
    for task in SEARCHES:
        yield Part(task, SEARCH_OF_A_CLASS * n_classes, SEARCH_OF_A_CLASS)


class TimeLeft:
    """Knows which part of a training is running, and what an update takes; see `stapes.runtime.console.WholeRun`."""

    def __init__(self, parts: list[Part]) -> None:
        self._parts, self._at = parts, -1
        self._update_s: float | None = None
        self._compiling_s = 0.0

    def begin(self, task: str) -> None:
        """Note that a task begins; tasks that are no part are short, and belong to the part before."""
        for index, part in enumerate(self._parts[self._at + 1 :], start=self._at + 1):
            if part.task == task:
                self._at = index
                return

    def later_s(self, task: str, unit_s: float, warm_up_s: float) -> float | None:
        """Return the seconds that all later parts will take, None as long as nothing is known.

        A unit of the running task takes `unit_s` seconds, and to compile it took `warm_up_s`.
        """
        running = self._parts[self._at] if self._at >= 0 else None
        if running and running.task == task and running.is_training:
            self._update_s, self._compiling_s = unit_s / running.unit, warm_up_s
        if self._update_s is None:
            return None
        later = self._parts[self._at + 1 :]
        return self._update_s * sum(each.cost for each in later) + self._compiling_s * sum(
            each.is_training for each in later
        )
