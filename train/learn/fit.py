"""Gradient descent: numbered batches, AdamW, a running average of the weights, and a state to resume from.

One change of the weights is called an update here; a step is one run of the detector's model.
"""

import math
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stapes.convert.tensorflow import tf, tf_keras
from stapes.train.learn.network import Network, Tensor
from stapes.train.learn.quantize import QuantizedNetwork
from stapes.train.settings import TrainingSettings

Batch = tuple[NDArray[np.int8], NDArray[np.float32]]
"""Features int8[sequences, frames, bands] and targets float32[sequences, steps, classes]."""

WARM_UP_UPDATES = 100
COMPILED_FROM_UPDATES = 150
COMPILED_WHOLE_BELOW_MACS = 150_000  # of one step
SCORE_CHUNK_STEPS = 1000  # recordings are scored in pieces of this length, with the states carried over


@dataclass(frozen=True)
class Schedule:
    """How long a phase of training is, its highest learning rate, and the number of its first batch.

    The weights of the first `frozen_layers` layers of the network stay as they are.
    """

    updates: int
    learning_rate: float
    first_batch: int
    frozen_layers: int = 0

    def rate(self, update: int) -> float:
        """Return the learning rate of an update: a linear rise, then half a cosine down to a hundredth."""
        rise = min(1.0, (update + 1) / min(WARM_UP_UPDATES, self.updates))
        return self.learning_rate * rise * (0.505 + 0.495 * math.cos(math.pi * update / self.updates))


def seed_everything(seed: int) -> None:
    """Make everything that follows repeatable on this machine: initial weights, and the order of parallel sums."""
    tf_keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()


def device() -> str:
    """Return the name of the device that training runs on; TensorFlow uses a GPU if there is one."""
    cards = tf.config.list_physical_devices("GPU")
    details = tf.config.experimental.get_device_details(cards[0]) if cards else {}
    return str(details.get("device_name", "a GPU")) if cards else "the CPU, as there is no GPU"


class Trainer:
    """A network, its optimizer and the running average of its weights."""

    def __init__(self, network: Network, settings: TrainingSettings, seed: int, schedule: Schedule) -> None:
        self.network, self.settings, self.seed, self.schedule = network, settings, seed, schedule
        self._optimizer = tf_keras.optimizers.AdamW(1e-3, weight_decay=settings.weight_decay, global_clipnorm=1.0)
        self._optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
        self._trained = network.variables_behind(schedule.frozen_layers)
        self._optimizer.build(self._trained)
        self._averages = [tf.Variable(variable, trainable=False) for variable in self._trained]
        self._valid: dict[str, NDArray[Any]] | None = None  # the state, while the variables hold another or a mixture
        # Compiling takes some ten seconds and makes an update 1.7 times as fast: the GRU's loop is many small
        # operations. Large convolutions are slower when XLA compiles them, so with those only the loop is compiled.
        compiled = schedule.updates >= COMPILED_FROM_UPDATES
        large = network.shape.macs_per_step > COMPILED_WHOLE_BELOW_MACS
        network.compile_loop = compiled and large
        self._compiled_update = tf.function(self._update, autograph=False, jit_compile=compiled and not large)

    def update(self, number: int, batch: Batch) -> float:
        """Change the weights by the gradient of one batch; return the loss. `number` is that of the update."""
        features, targets = batch
        decay = min(self.settings.average_decay, (1 + number) / (10 + number))
        self._optimizer.learning_rate = self.schedule.rate(number)
        seed = tf.constant(self.seed * 1_000_003 % 2**30 + number, tf.int32)
        return float(
            self._compiled_update(tf.constant(features), tf.constant(targets), seed, tf.constant(decay, tf.float32))
        )

    def _update(self, features: Tensor, targets: Tensor, seed: Tensor, decay: Tensor) -> Tensor:
        smoothing = self.settings.label_smoothing
        targets = targets * (1.0 - smoothing) + 0.5 * smoothing
        with tf.GradientTape() as tape:
            states = self.network.start(tf.shape(features)[0])
            logits, _ = self.network.sequence(_real(self.network, features), states, training=True, seed=seed)
            # The scores of the first steps are for the time before the sequence, where there is no event: target 0.
            loss = tf.reduce_mean(
                tf.nn.weighted_cross_entropy_with_logits(targets, logits, self.settings.positive_weight)
            )
        gradients = tape.gradient(loss, self._trained)
        self._optimizer.apply_gradients(zip(gradients, self._trained, strict=True))
        for average, variable in zip(self._averages, self._trained, strict=True):
            average.assign(decay * average + (1.0 - decay) * variable)
        return loss

    @property
    def done(self) -> int:
        """Number of updates so far. The optimizer counts them, so the number is right after any interruption."""
        count = self._optimizer.iterations
        if self._valid:
            return int(self._valid[next(name for name, each in self._variables().items() if each is count)])
        return int(count)

    def swap_average(self) -> None:
        """Exchange the weights and their running average; a second call undoes this."""
        for average, variable in zip(self._averages, self._trained, strict=True):
            value = variable.numpy()
            variable.assign(average)
            average.assign(value)
        if isinstance(self.network, QuantizedNetwork):
            self.network.refresh_kernel_ranges()

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Use the averaged weights inside `with`; afterwards the state is as before, also after an interruption."""
        before = self.state()
        try:
            self._valid = before
            self.swap_average()
            yield
        finally:
            self.restore(before)

    def state(self) -> dict[str, NDArray[Any]]:
        """Return everything that the next update depends on, also inside `averaged`."""
        return self._valid or {name: variable.numpy() for name, variable in self._variables().items()}

    def restore(self, state: dict[str, NDArray[Any]]) -> None:
        """Continue from what `state` returned. After an interruption the state is the one before, not a mixture."""
        self._valid = self.state()
        for name, variable in self._variables().items():
            variable.assign(state[name])
        self._valid = None

    def _variables(self) -> dict[str, Any]:
        variables = [*self.network.variables, *self._averages, *self._optimizer.variables]
        return {f"variable_{index:03}": variable for index, variable in enumerate(variables)}


def batches(make: Callable[[int], Batch], first: int, last: int) -> Iterator[Batch]:
    """Yield make(first) .. make(last - 1) in order; a thread makes them ahead of time."""
    ahead = 4
    with ThreadPoolExecutor(1) as pool:
        waiting = [pool.submit(make, number) for number in range(first, min(first + ahead, last))]
        for number in range(first, last):
            batch = waiting.pop(0).result()
            if number + ahead < last:
                waiting.append(pool.submit(make, number + ahead))
            yield batch


def _real(network: Network, features: Tensor) -> Tensor:
    """Return the frontend's int8 features as the real values that the network takes."""
    return tf.cast(features, tf.float32) * network.shape.feature_scale


class Scorer:
    """Computes the scores of whole recordings in TensorFlow, in pieces with the states carried over."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._sequence = tf.function(
            lambda features, states: network.sequence(_real(network, features), states),
            autograph=False,
            reduce_retracing=True,
        )

    def probabilities(self, recordings: list[NDArray[np.int8]]) -> list[NDArray[np.float32]]:
        """Return probabilities float32[steps, classes] of each recording, given its features int8[frames, bands]."""
        results: list[NDArray[np.float32]] = [np.empty(0, np.float32)] * len(recordings)
        order = sorted(range(len(recordings)), key=lambda index: len(recordings[index]))
        for first in range(0, len(order), 32):
            group = order[first : first + 32]
            for index, scores in zip(group, self._together([recordings[index] for index in group]), strict=True):
                results[index] = scores
        return results

    def _together(self, group: list[NDArray[np.int8]]) -> list[NDArray[np.float32]]:
        per_step = self._network.shape.frames_per_step
        steps = [len(features) // per_step for features in group]
        padded = np.zeros((len(group), max(steps) * per_step, self._network.shape.bands), np.int8)
        for row, features, count in zip(padded, group, steps, strict=True):
            row[: count * per_step] = features[: count * per_step]
        states, pieces = self._network.start(len(group)), []
        for first in range(0, padded.shape[1], SCORE_CHUNK_STEPS * per_step):
            piece = tf.constant(padded[:, first : first + SCORE_CHUNK_STEPS * per_step])
            logits, states = self._sequence(piece, states)
            pieces.append(tf.sigmoid(logits).numpy())
        scores = (
            np.concatenate(pieces, axis=1)
            if pieces
            else np.zeros((len(group), 0, self._network.shape.classes), np.float32)
        )
        return [row[:count] for row, count in zip(scores, steps, strict=True)]
