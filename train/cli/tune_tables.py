"""The tables that `stapes tune` prints: what its thresholds reach, before and now, and what to expect elsewhere."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stapes.train.text import number, table

if TYPE_CHECKING:
    from stapes.firmware_sim.device.events import EventConfig
    from stapes.train.judge.alarm_budget import AlarmRate
    from stapes.train.judge.metrics import ClassScores, EventScores

FIGURES = (
    "recall\nonset",
    "F1\nonset",
    "F1\nonset+offset",
    "recall\noverlap",
    "F1\noverlap",
    "false alarms/h",
)
NOTE = (
    "By overlap, an event is found when half of it is covered by detected events, each of which lies on\n"
    "events with half of its own duration. False alarms are detected events that touch no event of their\n"
    "class, here per hour without such events, those of the background included. At most: the upper limit\n"
    "at 90 % confidence. A limit is kept with the alarms that are to be expected where scores are shifted,\n"
    "as in other rooms."
)


@dataclass(frozen=True)
class Reached:
    """What is reached with one setting per class."""

    configs: "Sequence[EventConfig]"
    scores: "EventScores"
    alarms: "Mapping[str, AlarmRate]"


def print_here(part: str, classes: Sequence[str], before: Reached, now: Reached) -> None:
    """Print what each class reaches with the settings that it had and with those that it has now."""
    from stapes.firmware_sim.device.events import SILENT, probability

    rows = []
    for index, label in enumerate(classes):
        for when, reached in (("before", before), ("now", now)):
            one, config = reached.scores.classes[label], reached.configs[index]
            threshold = "silent" if config == SILENT else f"{probability(config.on_score):.2f}"
            shown = [threshold, number(one.recall, ".2f"), *_figures(one, number(one.overlap_recall.value, ".2f"))]
            rows.append([f"{label}, {when}", *shown, str(reached.alarms[label])])
    for when, reached in (("before", before), ("now", now)):
        rows.append([f"macro, {when}", "", "", *_macro(reached.scores), ""])
    _print(f"on {part}, used for choosing", ["class", "on\nthreshold", *FIGURES], rows)


def print_expected(classes: Sequence[str], expected: "EventScores | None", alarms: "Mapping[str, AlarmRate]") -> None:
    """Print what is expected of the classes that are not silent."""
    unknown = [label for label in classes if expected is None or label not in expected.classes]
    if expected:
        rows = [
            [
                label,
                f"{one.recall:.2f} ({one.recall_low:.2f}..{one.recall_high:.2f})",
                *_figures(one, f"{one.overlap_recall:.2f}"),
                str(alarms[label]),
            ]
            for label, one in expected.classes.items()
        ]
        rows.append(["macro", "", *_macro(expected), ""])
        _print("on other recordings (95 %)", ["class", *FIGURES], rows)
    if unknown:
        print(
            f"\nno estimate for {', '.join(unknown)} on other recordings: events from at least two sources, "
            "and recordings of at least two groups, are needed for one"
        )
    print("\n" + NOTE)


def _figures(one: "ClassScores", overlap_recall: str) -> list[str]:
    onset, both, overlap = (number(each.value, ".3f") for each in (one.f1_onset, one.f1_onset_offset, one.f1_overlap))
    return [onset, both, overlap_recall, overlap]


def _macro(scores: "EventScores") -> list[str]:
    macro = scores.macro_f1_onset, scores.macro_f1_onset_offset, scores.macro_f1_overlap
    onset, both, overlap = (number(each.value, ".3f") for each in macro)
    return [onset, both, "", overlap]


def _print(title: str, header: list[str], rows: list[list[str]]) -> None:
    print(f"\n{title}")
    for line in table(header, rows):
        print(line)
