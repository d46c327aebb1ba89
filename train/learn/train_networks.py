"""Train both forms of the network: in float, then folded and quantization-aware; convert the result to int8."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stapes.convert.tflite import Step, convert_step
from stapes.firmware_sim.device.folder import DetectorFolder
from stapes.train.learn.augment import BatchMaker
from stapes.train.learn.backbone import Backbone, read_backbone
from stapes.train.learn.backbone_cache import backbone_path
from stapes.train.learn.fit import Schedule, device, seed_everything
from stapes.train.learn.logs import TrainingLog
from stapes.train.learn.network import FloatNetwork, Shape
from stapes.train.learn.phase import Phase
from stapes.train.learn.quantize import QuantizedNetwork, StepModule
from stapes.train.learn.saved_networks import load_float
from stapes.train.learn.training_data import TrainingData, batch_maker, mining_of
from stapes.train.learn.workspace import Workspace
from stapes.train.settings import Settings

logger = logging.getLogger(__name__)

CALIBRATION_BATCHES = 2


@dataclass(frozen=True)
class TrainedNetworks:
    """The result of training: both forms of the network, and the converted int8 step."""

    float_network: FloatNetwork
    quantized_network: QuantizedNetwork
    step: Step
    backbone: Backbone | None  # what training began with


def train_networks(
    data: TrainingData, settings: Settings, workspace: Workspace, log: TrainingLog, start: DetectorFolder | None
) -> TrainedNetworks:
    """Train the float network, then the quantized network from it, and convert the latter.

    With `start`, the float network begins with the weights of that detector, whose settings these are.
    """
    seed_everything(settings.seed)
    shape = Shape.of(settings.network, settings.frontend, len(data.classes))
    per_second = 1 / data.clock.step_s
    logger.info(
        f"network: {shape.parameters} parameters, {shape.macs_per_step * per_second / 1e6:.2f} M MAC per second, "
        f"a score every {1000 / per_second:.0f} ms; training runs on {device()}"
    )
    maker = batch_maker(data, settings)
    mining = mining_of(data, settings, maker)
    training, first = settings.training, 0
    float_network = load_float(start, training.dropout) if start else FloatNetwork(shape, training.dropout)
    backbone = None
    if settings.network.backbone and not start:
        backbone = read_backbone(backbone_path(settings.network.backbone), settings.network.backbone_layers)
        backbone.require_yamnet()
        float_network.load_backbone(backbone)
        schedule = Schedule(training.head_steps, training.head_learning_rate, 0, settings.network.backbone_layers)
        Phase("head", float_network, schedule, data, mining, settings, workspace, log).run(maker.batch)
        first = schedule.updates
    before = [variable.numpy() for variable in float_network.variables]
    schedule = Schedule(training.float_steps, training.learning_rate, first)
    Phase("float", float_network, schedule, data, mining, settings, workspace, log).run(maker.batch)
    if settings.network.backbone:
        mix_weights(float_network, before, training.fine_tuned_share)
    first += schedule.updates

    quantized = quantize(float_network, maker)
    if training.quantized_steps:
        schedule = Schedule(training.quantized_steps, training.quantized_learning_rate, first)
        Phase("quantized", quantized, schedule, data, mining, settings, workspace, log).run(maker.batch)
    logger.info("converting the network to int8")
    return TrainedNetworks(float_network, quantized, convert_step(StepModule(quantized)), backbone)


def mix_weights(network: FloatNetwork, before: Sequence[NDArray[np.float32]], share: float) -> None:
    """Give each variable this share of its value, and the rest of its value before all layers were trained.

    The pretrained layers have heard far more rooms than the recordings hold. Networks half way between them and the
    fine-tuned ones are better than both where recordings differ from those of training (WiSE-FT, Wortsman et al. 2022).
    Training that goes on from there undoes it, also on int8 grids.
    """
    for variable, value in zip(network.variables, before, strict=True):
        variable.assign(share * variable + (1 - share) * value)


def quantize(network: FloatNetwork, maker: BatchMaker) -> QuantizedNetwork:
    """Return the folded network on int8 grids, with its ranges calibrated on training batches."""
    quantized = QuantizedNetwork(network.shape, network.dropout / 2)
    samples = [maker.batch(number)[0] for number in range(CALIBRATION_BATCHES)]
    quantized.load_folded(network.folded(), np.concatenate(samples).astype(np.float32) * network.shape.feature_scale)
    return quantized
