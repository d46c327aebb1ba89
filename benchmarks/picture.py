"""A picture of one recording: spectrogram, scores, annotated and detected events, on one time axis."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stapes.firmware_sim.device.clock import StepClock
from stapes.firmware_sim.device.events import probability
from stapes.firmware_sim.device.frontend import FrontendConfig
from stapes.runtime.labels import Annotation

COLOURS = ("#d95f02", "#1b9e77", "#7570b3", "#e7298a", "#66a61e", "#a6761d")


@dataclass(frozen=True)
class Picture:
    """One recording, and the features, scores and events of a detector."""

    name: str
    duration_s: float
    classes: tuple[str, ...]
    features: NDArray[np.int8]  # [frames, bands], those of the tail included
    scores: NDArray[np.int8]  # [steps, classes]
    thresholds: Sequence[tuple[int, int]]  # on and off score of each class
    true: Sequence[Annotation]
    found: Sequence[Annotation]
    clock: StepClock
    frontend: FrontendConfig


def draw(picture: Picture, path: Path) -> None:
    """Write the picture as PNG."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    rows = len(picture.classes)
    figure, axes = pyplot.subplots(
        rows + 2, 1, sharex=True, figsize=(13, 4.5 + 1.1 * rows), height_ratios=[3, *[1] * rows, 0.25 * rows + 0.6]
    )
    _spectrogram(axes[0], picture)
    for index, axis in enumerate(axes[1:-1]):
        _scores(axis, picture, index)
    _events(axes[-1], picture)
    axes[-1].set_xlabel("seconds")
    axes[-1].set_xlim(0, picture.duration_s)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def _spectrogram(axis, picture: Picture) -> None:  # type: ignore[no-untyped-def]
    frames = StepClock.of(picture.frontend)
    low, high = np.quantile(picture.features, [0.02, 0.998])
    extent = (frames.begin_s(0), frames.begin_s(len(picture.features)), 0, picture.frontend.n_bands)
    axis.imshow(picture.features.T, origin="lower", aspect="auto", extent=extent, vmin=low, vmax=high, cmap="magma")
    axis.set_ylabel("mel band")
    axis.set_title(f"{picture.name}: int8 features of the device, scores, events")


def _scores(axis, picture: Picture, index: int) -> None:  # type: ignore[no-untyped-def]
    scores = probability(picture.scores[:, index])
    edges_s = picture.clock.edges_s(len(scores))
    axis.stairs(scores, edges_s, fill=True, color=COLOURS[index % len(COLOURS)], alpha=0.5, linewidth=0)
    for score, style in zip(picture.thresholds[index], ("-", ":"), strict=True):
        axis.axhline(probability(score), color="black", linewidth=0.7, linestyle=style)
    axis.set_ylim(0, 1)
    axis.set_ylabel(picture.classes[index])


def _events(axis, picture: Picture) -> None:  # type: ignore[no-untyped-def]
    rows = [(kind, label) for label in picture.classes for kind in ("true", "found")]
    for height, (kind, label) in enumerate(rows):
        events = [event for event in getattr(picture, kind) if event.label == label]
        bars = [(event.onset, max(event.offset - event.onset, 0.03)) for event in events]
        colour = COLOURS[picture.classes.index(label) % len(COLOURS)]
        axis.broken_barh(bars, (height, 0.85), color=colour, alpha=1.0 if kind == "found" else 0.45)
    axis.set_yticks(
        [height + 0.4 for height in range(len(rows))], [f"{label} {kind}" for kind, label in rows], fontsize=7
    )
    axis.set_ylim(len(rows), 0)
    axis.grid(axis="x", alpha=0.3)
