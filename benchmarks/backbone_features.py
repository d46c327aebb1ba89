"""What the int8 features of the device cost a pretrained backbone in average precision, beside YAMNet's own features.

    python -m benchmarks.backbone_features ../shared/models/yamnet_256_f32.h5

Six layers of the backbone stay as they are and hear each recording of soundscapes three times: by YAMNet's features in
float, by the device's int8 features as training gives them to a network, and by these with a constant added to each
band, which makes up for the bands' widths. The same linear readout (benchmarks/readout.py) is trained on the outputs
with the recordings of a fold of rooms, its regularization chosen on the rest of val, and frame average precision taken
on val in the rooms that it never heard. Written to results/backbone_features.csv; intervals are from resampling
recordings, the same ones for both sides of a difference.
"""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.folds import ROOMS, SOUNDSCAPES, Fold, open_folds_of, room_fold
from benchmarks.readout import Context, Floats, Readout, fit_readout
from benchmarks.rows import read_rows, write_rows
from benchmarks.yamnet_features import offset_of_bands, yamnet_features
from stapes.convert.tensorflow import tf
from stapes.firmware_sim.device.clock import StepClock
from stapes.firmware_sim.device.frontend import FEATURE_UNIT_DB, Frontend, Int16s, make_tables
from stapes.firmware_sim.device.tail import with_tail
from stapes.firmware_sim.errors import StapesError
from stapes.runtime.console import Progress, show
from stapes.train.data.corpus import event_samples
from stapes.train.data.dataset import Dataset, Recording
from stapes.train.judge.frame_precision import average_precision, score_counts
from stapes.train.judge.metrics import Estimate, estimate, ratio, resample_weights
from stapes.train.judge.scored import ScoredRecordings
from stapes.train.learn.backbone import YAMNET_FRONTEND, read_backbone
from stapes.train.learn.network import FloatNetwork, Shape
from stapes.train.learn.sizes import settings_of
from stapes.train.learn.targets import step_targets

YAMNET, INT8, INT8_OFFSET = "yamnet", "int8", "int8 with offset"  # the features
ALL = "all"  # in place of a fold: the mean over folds and classes
STRENGTHS = (1e-2, 3e-3, 1e-3)  # of the regularization, the strongest first
NEPERS_PER_UNIT = FEATURE_UNIT_DB * np.log(10) / 20  # of a feature as the network takes it
NEPERS_PER_CODE = YAMNET_FRONTEND.int8_step_db * np.log(10) / 20

Features = Callable[[Int16s], NDArray[np.float64]]  # int16[samples] -> float64[frames, bands], in nepers
Outputs = Mapping[str, Floats]  # name of a recording -> float32[rows, 2 * channels]
Precisions = NDArray[np.float64]  # [1 + resamples, folds, classes]


@dataclass(frozen=True)
class Measured:
    """Frame average precision with one kind of features in the rooms of one fold, or in all, with 95 % intervals."""

    features: str
    fold: str  # or ALL
    precision: float
    low: float
    high: float
    change: float  # of the precision, from YAMNet's own features
    change_low: float
    change_high: float


class Trunk:
    """Six layers of a backbone in a network of the size `medium`, as training begins with them."""

    def __init__(self, backbone: Path) -> None:
        """Read the layers. Raises ModelError for a file that cannot be used."""
        settings = settings_of("medium", str(backbone), 6)
        network = FloatNetwork(Shape.of(settings.network, settings.frontend, classes=1))
        network.load_backbone(read_backbone(backbone, settings.network.backbone_layers))
        layers = sum(layer.pretrained for layer in network.shape.convolutions)
        self.clock = StepClock.of(
            settings.frontend, settings.network.frames_per_step, settings.network.target_delay_steps
        )
        self._frames_per_step = settings.network.frames_per_step
        self._convolve = tf.function(
            lambda features: network.convolve(features, network.start(tf.shape(features)[0]), layers=layers)[0]
        )

    def outputs(self, nepers: NDArray[np.float64]) -> Floats:
        """Return float32[rows, 2 * channels] of float64[frames, bands]: mean and maximum over the bands that are left.

        Row k is what the device knows after step k.
        """
        frames = len(nepers) // self._frames_per_step * self._frames_per_step
        features = tf.constant((nepers / NEPERS_PER_UNIT)[np.newaxis, :frames, :, np.newaxis], tf.float32)
        rows = self._convolve(features).numpy()[0]
        return np.concatenate([rows.mean(axis=1), rows.max(axis=1)], axis=1)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, write the rows and print the sentence; return the process's exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.backbone_features",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("backbone", type=Path)
    arguments = parser.parse_args(argv)
    try:
        rows = measure(open_folds_of(SOUNDSCAPES), Trunk(arguments.backbone))
    except StapesError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    write_rows("backbone_features", [asdict(each) for each in rows])
    print(sentence(rows))
    return 0


def measure(dataset: Dataset, trunk: Trunk) -> list[Measured]:
    """Return what each kind of features reaches in each fold and in all. Raises AudioError."""
    folds = [room_fold(dataset, number) for number in ROOMS]
    found: dict[str, Precisions] = {}
    rows = []
    for name, features in kinds_of_features().items():
        outputs = _outputs(trunk, features, dataset.recordings, name)
        judged = [_judge(fold, outputs, dataset.classes, trunk.clock) for fold in folds]
        found[name] = precisions(folds, judged)
        change = found[name] - found[YAMNET]
        for index, fold in enumerate([*folds, None]):
            part = slice(None) if fold is None else slice(index, index + 1)
            rows.append(_row(name, fold.name if fold else ALL, found[name][:, part], change[:, part]))
    return rows


def kinds_of_features() -> dict[str, Features]:
    """Return by name what the backbone hears of the samples of a recording."""
    frontend = Frontend(make_tables(YAMNET_FRONTEND))
    return {
        YAMNET: yamnet_features,
        INT8: lambda pcm: frontend.features(pcm) * NEPERS_PER_CODE,
        INT8_OFFSET: lambda pcm: frontend.features(pcm) * NEPERS_PER_CODE + offset_of_bands(),
    }


def precisions(folds: Sequence[Fold], counts: Sequence[NDArray[np.int64]]) -> Precisions:
    """Return the average precision of each fold and class, of all recordings and then of each resample of them.

    counts: of each fold int64[classes, judged recordings, 256, 2], of `score_counts`. A recording that several folds
    judge is drawn for all of them at once. A class without events in a resample gives nan.
    """
    names = sorted({each.name for fold in folds for each in fold.judged})
    weights = np.concatenate([np.ones((1, len(names))), resample_weights(len(names))])
    return np.stack(
        [
            average_precision(
                np.einsum("dr,crst->dcst", weights[:, [names.index(each.name) for each in fold.judged]], own)
            )
            for fold, own in zip(folds, counts, strict=True)
        ],
        axis=1,
    )


def _outputs(trunk: Trunk, features: Features, recordings: Sequence[Recording], name: str) -> Outputs:
    outputs = {}
    progress = Progress(f"six layers, {name}", len(recordings))
    for each in recordings:
        pcm = with_tail(trunk.clock, each.pcm(YAMNET_FRONTEND.sample_rate_hz))
        outputs[each.name] = trunk.outputs(features(pcm))
        progress.advance(each.name)
    progress.close()
    return outputs


def _judge(fold: Fold, outputs: Outputs, classes: Sequence[str], clock: StepClock) -> NDArray[np.int64]:
    """Train the readout without the rooms of the fold, and return `score_counts` of what is judged in them."""
    train = fold.made_with["train"]
    context = Context([outputs[each.name] for each in train])
    inputs = np.concatenate([context.of(outputs[each.name]) for each in train])
    active = np.concatenate([_active(each, len(outputs[each.name]), classes, clock) for each in train])

    def counts(readout: Readout, recordings: Sequence[Recording]) -> NDArray[np.int64]:
        scores = tuple(readout.scores(context.of(outputs[each.name])) for each in recordings)
        reference = {each.name: each.annotations for each in recordings}
        return score_counts(ScoredRecordings(tuple(reference), scores, reference, tuple(classes), clock))

    readouts: list[Readout] = []
    for l2 in STRENGTHS:
        readouts.append(fit_readout(inputs, active, l2, readouts[-1] if readouts else None))
    chosen = max(
        readouts, key=lambda each: np.nanmean(average_precision(counts(each, fold.made_with["val"]).sum(axis=1)))
    )
    return counts(chosen, fold.judged)


def _active(recording: Recording, rows: int, classes: Sequence[str], clock: StepClock) -> NDArray[np.bool_]:
    events = event_samples(recording.annotations, classes, clock.sample_rate_hz)
    return np.asarray(step_targets(clock, rows, events, len(classes)) >= 0.5)


def _row(features: str, fold: str, precision: Precisions, change: Precisions) -> Measured:
    values = [getattr(each, name) for each in map(_mean, (precision, change)) for name in ("value", "low", "high")]
    return Measured(features, fold, *(round(value, 4) for value in values))


def _mean(values: Precisions) -> Estimate:
    """Return the mean over folds and classes that have events."""
    defined = ~np.isnan(values)
    means = ratio(np.where(defined, values, 0.0).sum(axis=(1, 2)), defined.sum(axis=(1, 2)))
    return estimate(float(means[0]), means[1:])


def sentence(rows: Sequence[Measured]) -> str:
    """Return the sentence in docs/backbone.md that gives these figures."""
    own, plain, offset = (
        next(each for each in rows if (each.features, each.fold) == (name, ALL)) for name in (YAMNET, INT8, INT8_OFFSET)
    )
    return (
        f"In rooms never heard, a linear readout of six layers reaches a frame average precision of "
        f"{_short(own.precision)} from YAMNet's own features, {_short(plain.precision)} from the int8 features "
        f"(change {_short(plain.change)}, 95 % interval {_short(plain.change_low)} to {_short(plain.change_high)}) and "
        f"{_short(offset.precision)} from int8 features with the offset (change {_short(offset.change)}, "
        f"{_short(offset.change_low)} to {_short(offset.change_high)})."
    )


def _short(value: float) -> str:
    return f"{value:.3f}".replace("0.", ".", 1)


def read_csv() -> list[Measured]:
    """Return the rows in results/backbone_features.csv."""
    return [
        Measured(row.pop("features"), row.pop("fold"), **{name: float(value) for name, value in row.items()})
        for row in read_rows("backbone_features")
    ]


if __name__ == "__main__":
    show()
    raise SystemExit(main())
