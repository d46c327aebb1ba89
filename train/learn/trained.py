"""Both forms of the network: trained in float, folded, trained on int8 grids, converted to an int8 step."""

import logging
from dataclasses import dataclass

import numpy as np

from stapes.convert.tflite import Step, convert_step
from stapes.train.learn.augment import BatchMaker
from stapes.train.learn.fit import Schedule, device, seed_everything
from stapes.train.learn.logs import TrainingLog
from stapes.train.learn.material import Material, batch_maker
from stapes.train.learn.network import FloatNetwork, Shape
from stapes.train.learn.phase import Phase
from stapes.train.learn.quantize import QuantizedNetwork, StepModule
from stapes.train.learn.workspace import Workspace
from stapes.train.settings import Settings

logger = logging.getLogger(__name__)

CALIBRATION_BATCHES = 2


@dataclass(frozen=True)
class Trained:
    """What training leads to: the two networks and the converted step."""

    float_network: FloatNetwork
    quantized_network: QuantizedNetwork
    step: Step


def train_both_forms(material: Material, settings: Settings, workspace: Workspace, log: TrainingLog) -> Trained:
    """Train both forms of the network and convert the second."""
    seed_everything(settings.seed)
    shape = Shape.of(settings.network, settings.frontend, len(material.classes))
    per_second = 1 / material.clock.step_s
    logger.info(
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
    logger.info("converting to an int8 step")
    return Trained(float_network, quantized, convert_step(StepModule(quantized)))


def quantize(network: FloatNetwork, maker: BatchMaker) -> QuantizedNetwork:
    """Return the folded network on int8 grids, with ranges found on training batches."""
    quantized = QuantizedNetwork(network.shape, network.dropout / 2)
    samples = [maker.batch(number)[0] for number in range(CALIBRATION_BATCHES)]
    quantized.load_folded(network.folded(), np.concatenate(samples).astype(np.float32) * network.shape.feature_scale)
    return quantized
