"""How long a whole training will still take: one figure for all of its parts, from what one update has taken so far."""

from collections.abc import Iterator
from dataclasses import dataclass

from stapes.train.settings import Settings

HEAD_UPDATE = 0.6  # of an update of all layers
CHECK_SHARE = 1 / 3  # of an update with the same seconds of sound: nothing is changed
# What the short parts at the end take whatever the network is, measured on a laptop's CPU.
CONVERSION_S = 8.0
SEARCH_OF_A_CLASS_S = 4.0
SEARCHES = ("thresholds", "thresholds of the float network", "thresholds of the quantization-aware network")


@dataclass(frozen=True)
class Part:
    """A part of a training, which takes some updates of the float network, or some seconds."""

    task: str  # as its progress is called
    updates: float = 0.0  # those of the network; none in parts that do not train
    unit: float = 1.0  # updates of the float network that one step of the progress takes
    seconds: float = 0.0  # of other parts


def training_task(phase: str) -> str:
    """Return what the progress of a phase is called."""
    return f"{phase} training"


def check_cost(settings: Settings, scored_s: float) -> float:
    """Return what it costs to score `scored_s` seconds of recordings, in updates."""
    return CHECK_SHARE * scored_s / (settings.training.batch_sequences * settings.training.sequence_s)


def parts_of(settings: Settings, n_classes: int, scored_s: float) -> Iterator[Part]:
    """Yield the parts of a training that scores `scored_s` seconds of recordings at each check, in their order."""
    training, check = settings.training, check_cost(settings, scored_s)
    phases = [("float", training.float_steps, 1.0)]
    if training.quantized_steps:
        phases.append(("quantized", training.quantized_steps, 1.0))
    if settings.network.backbone:
        phases.insert(0, ("head", training.head_steps, HEAD_UPDATE))
    for name, updates, unit in phases:
        checks = -(-updates // training.check_every_steps)
        yield Part(training_task(name), unit * (updates + checks * check), unit)
    yield Part("converting", seconds=CONVERSION_S)
    yield Part("int8 scores")  # ends the one before, which shows no progress
    for task in SEARCHES:
        yield Part(task, seconds=SEARCH_OF_A_CLASS_S * n_classes)


class TimeLeft:
    """Knows which part of a training is running, and what an update takes; see `stapes.runtime.console.WholeRun`."""

    def __init__(self, parts: list[Part]) -> None:
        self._parts, self._at = parts, -1
        self._update_s: float | None = None
        self._compiling_s, self._search = 0.0, 1.0  # how much longer a search takes than was thought

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
        if running and running.task == task and running.updates:
            self._update_s, self._compiling_s = unit_s / running.unit, warm_up_s
        elif task in SEARCHES:
            self._search = unit_s / SEARCH_OF_A_CLASS_S
        later = self._parts[self._at + 1 :]
        training = [each for each in later if each.updates]
        if training and self._update_s is None:
            return None
        short_s = sum(each.seconds * (self._search if each.task in SEARCHES else 1.0) for each in later)
        updates_s = (self._update_s or 0.0) * sum(each.updates for each in training)
        return short_s + updates_s + self._compiling_s * len(training)
