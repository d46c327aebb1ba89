"""`make bench-quantization`: float, quantized after training (PTQ) and quantization-aware (QAT).

The float network of each seed of `make bench-accuracy`, made without the scenes of fold 1, is trained further, for as
many gradient steps, at the same rates and on the same batches as quantization-aware training. The same rule chooses the
event settings of each form. Rows go to benchmarks/results/quantization.csv; `change` is macro F1 by onset minus that
of float, recordings resampled in pairs.
"""

import argparse
import hashlib
import logging
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.rows import results_path, write_rows
from stapes.firmware_sim.device.folder import DetectorFolder, read_folder
from stapes.firmware_sim.errors import DatasetError, StapesError
from stapes.runtime.console import show
from stapes.train.data.dataset import Dataset, open_dataset
from stapes.train.judge.metrics import count_matches, f1_difference
from stapes.train.judge.operating_point import OperatingPoint
from stapes.train.judge.parity import as_int8
from stapes.train.judge.scored import ScoredRecordings, event_scores_of, score_recordings
from stapes.train.settings import Settings, read_settings

if TYPE_CHECKING:
    from stapes.convert.tflite import Step

logger = logging.getLogger("stapes.benchmarks.quantization")


def main(argv: list[str] | None = None) -> int:
    """Train further, compare the forms, write and print the rows; return the process's exit code."""
    parser = argparse.ArgumentParser(prog="make bench-quantization", description=__doc__)
    parser.add_argument("dataset", type=Path)
    parser.add_argument(
        "--detectors", type=Path, default=Path("build/accuracy/small"), help="the detectors of bench-accuracy"
    )
    arguments = parser.parse_args(argv)
    try:
        detectors = sorted(arguments.detectors.glob(f"{arguments.dataset.name}_seed_*.stapes"))
        if not detectors:
            raise StapesError(f"{arguments.detectors}: no detectors; run `make bench-accuracy` first")
        dataset = open_dataset(arguments.dataset)
        rows = [row for path in detectors for row in _rows(dataset, read_folder(path))]
    except StapesError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    write_rows("quantization", rows)
    print(results_path("quantization").read_text(encoding="utf-8"), end="")
    return 0


def _rows(dataset: Dataset, folder: DetectorFolder) -> Iterator[dict[str, Any]]:
    settings = read_settings(folder.path / "training" / "settings.toml")
    recordings = dataset.splits["val"]
    forms = _forms(dataset, folder, settings)
    counts = {}
    for form, scored in forms.items():
        logger.info(f"seed {settings.seed}: {form}")
        point = OperatingPoint(scored, settings.operating_point)
        configs = point.configs
        scores, expected = event_scores_of(scored, recordings, configs), point.expected_on_other_sources()
        if expected is None:
            raise DatasetError(
                f"{dataset.path}: val has too few sources to hold some out; label more sources in the column `source`"
            )
        counts[form] = count_matches(scored.reference, scored.events(configs), scored.names, scored.classes)
        change = f1_difference(counts[form], counts["float"])
        yield {
            "seed": settings.seed,
            "form": form,
            "steps": settings.training.float_steps + settings.training.quantized_steps,
            "f1_onset": round(scores.macro_f1_onset.value, 4),
            "f1_onset_offset": round(scores.macro_f1_onset_offset.value, 4),
            "folds_f1_onset": round(expected.macro_f1_onset.value, 4),
            "folds_f1_onset_offset": round(expected.macro_f1_onset_offset.value, 4),
            "change": round(change.value, 4),
            "change_low": round(change.low, 4),
            "change_high": round(change.high, 4),
        }


def _forms(dataset: Dataset, folder: DetectorFolder, settings: Settings) -> dict[str, ScoredRecordings]:
    """Return the scores of val by each form: float, quantized after training, and the detector as it is."""
    from stapes.convert.tflite import convert_step  # loads TensorFlow
    from stapes.train.learn.fit import Schedule, Scorer
    from stapes.train.learn.logs import TrainingLog
    from stapes.train.learn.phase import Phase
    from stapes.train.learn.quantize import StepModule
    from stapes.train.learn.saved_networks import load_float
    from stapes.train.learn.sources import Sources
    from stapes.train.learn.train_networks import quantize
    from stapes.train.learn.training_data import batch_maker, load_training_data, mining_of
    from stapes.train.learn.workspace import Workspace

    training, recordings = settings.training, dataset.splits["val"]
    with tempfile.TemporaryDirectory(prefix="stapes-") as scratch:
        workspace = Workspace(Path(scratch) / "further", "further")
        data = load_training_data(dataset, settings, workspace, Sources())
        maker = batch_maker(data, settings)
        network = load_float(folder, training.dropout)
        schedule = Schedule(training.quantized_steps, training.quantized_learning_rate, training.float_steps)
        log = TrainingLog(workspace, None)
        Phase(
            "float, further", network, schedule, data, mining_of(data, settings, maker), settings, workspace, log
        ).run(maker.batch)
        step = convert_step(StepModule(quantize(network, maker)))
        after = _with_model(folder, step, Path(scratch) / "after.stapes")
        own = score_recordings(folder, recordings, data.val_features)
        in_float = as_int8(Scorer(network).probabilities(data.val_features))
        return {
            "float": replace(own, scores=tuple(in_float)),
            "PTQ": score_recordings(after, recordings, data.val_features),
            "QAT": own,
        }


def _with_model(folder: DetectorFolder, step: "Step", path: Path) -> DetectorFolder:
    path.mkdir()
    (path / "frontend.bin").write_bytes(folder.tables)
    (path / "model.tflite").write_bytes(step.model)
    changed = replace(folder, path=path, model_sha256=hashlib.sha256(step.model).hexdigest())
    replace(changed, model_inputs=step.inputs, model_outputs=step.outputs).write()
    return read_folder(path)


if __name__ == "__main__":
    show()
    raise SystemExit(main())
