"""A training run from a dataset to a detector folder: float, fold, quantization-aware, convert, thresholds, parity."""

from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np

from stapes.convert.tflite import Step, convert_step
from stapes.firmware_sim.device.folder import DetectorFolder, check_output
from stapes.firmware_sim.errors import StapesError
from stapes.runtime.console import note
from stapes.train.augment import BatchMaker
from stapes.train.dataset import Dataset, require_trainable
from stapes.train.fit import Schedule, device, seed_everything
from stapes.train.logs import TrainingLog
from stapes.train.material import Material, batch_maker, gather
from stapes.train.network import FEATURE_SCALE, FloatNetwork, Shape
from stapes.train.phase import Phase
from stapes.train.quantize import QuantizedNetwork, StepModule
from stapes.train.settings import Settings, write_settings
from stapes.train.workspace import Workspace

CALIBRATION_BATCHES = 2


@dataclass(frozen=True)
class Trained:
    """What training leads to: the two networks and the converted step."""

    float_network: FloatNetwork
    quantized_network: QuantizedNetwork
    step: Step


def train_detector(
    dataset: Dataset, out: Path, settings: Settings, *, force: bool = False, tensorboard: Path | None = None
) -> DetectorFolder:
    """Train on the part `train`, choose thresholds on `val`, and write the detector folder `out`.

    The same dataset, settings and machine give the same weights. A run that was stopped goes on when run again.
    `tensorboard` is a folder for curves that TensorBoard shows.
    Raises OutputError where `out` exists and `force` is not set, DatasetError where nothing can be learned.
    """
    from stapes.train.assemble import assemble  # needs what stands above

    check_output(out, force)
    require_trainable(dataset)
    settings.operating_point.require_classes(dataset.classes)
    key = "\n".join([version("stapes"), dataset.fingerprint(), write_settings(settings)])
    workspace = Workspace(out, key)
    try:
        material = gather(dataset, settings, workspace)
        trained = fit(material, settings, workspace, TrainingLog(workspace, tensorboard))
        folder = assemble(dataset, material, trained, settings, workspace, out, force=force)
    except KeyboardInterrupt:
        note(f"\nstopped; the same command goes on from here (the state lies in {workspace.path.name})")
        raise
    except StapesError:
        workspace.remove_without_state()
        raise
    workspace.remove()
    return folder


def fit(material: Material, settings: Settings, workspace: Workspace, log: TrainingLog) -> Trained:
    """Train both forms of the network and convert the second."""
    seed_everything(settings.seed)
    shape = Shape.of(settings.network, settings.frontend.n_bands, len(material.classes))
    per_second = material.clock.sample_rate_hz / material.clock.step_samples
    note(
        f"network: {shape.parameters} parameters, {shape.macs_per_step * per_second / 1e6:.2f} M MAC per second, "
        f"a score every {1000 / per_second:.0f} ms; trained on {device()}"
    )
    maker = batch_maker(material, settings)
    training = settings.training
    float_network = FloatNetwork(shape, training.dropout)
    schedule = Schedule(training.float_steps, training.learning_rate, 0)
    Phase("float", float_network, schedule, material, settings, workspace, log).run(maker.batch)

    quantized = quantize(float_network, maker)
    schedule = Schedule(training.quantized_steps, training.quantized_learning_rate, training.float_steps)
    Phase("quantized", quantized, schedule, material, settings, workspace, log).run(maker.batch)
    note("converting to an int8 step")
    return Trained(float_network, quantized, convert_step(StepModule(quantized)))


def quantize(network: FloatNetwork, maker: BatchMaker) -> QuantizedNetwork:
    """Return the folded network on int8 grids, with ranges found on training batches."""
    quantized = QuantizedNetwork(network.shape, network.dropout / 2)
    samples = [maker.batch(number)[0] for number in range(CALIBRATION_BATCHES)]
    quantized.load_folded(network.folded(), np.concatenate(samples).astype(np.float32) * FEATURE_SCALE)
    return quantized
