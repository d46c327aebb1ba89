"""The targets of training: for each step, how much of the time that its score is for is covered by an event."""

import numpy as np
from numpy.typing import NDArray

from stapes.firmware_sim.device.clock import StepClock
from stapes.train.data.corpus import Events


def step_targets(clock: StepClock, n_steps: int, events: Events, n_classes: int) -> NDArray[np.float32]:
    """Return float32[n_steps, n_classes]: the share of each step that an event of the class covers.

    The step that an event covers most gets at least 1/2, so that events shorter than half a step are not lost. Steps
    whose scores are for time before the beginning of the sound get 0. Event times are in samples from that beginning.
    """
    # With a delay the sound goes on after the last score, and the step that an event covers most may lie there.
    edges = clock.edges_samples(n_steps + clock.target_delay_steps)
    values = np.zeros((len(edges) - 1, n_classes), np.float32)
    for onset, offset, label in events:
        covered = np.minimum(edges[1:], offset) - np.maximum(edges[:-1], onset)
        share = np.clip(covered / clock.step_samples, 0.0, 1.0)
        share[: clock.target_delay_steps] = 0.0
        if share.max(initial=0.0) > 0.0:
            share[share.argmax()] = max(share.max(), 0.5)
        values[:, label] = np.maximum(values[:, label], share)
    return values[:n_steps]
