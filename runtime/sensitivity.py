"""Sets the sensitivity of classes as the command line names it, and says what that means."""

import logging
from collections.abc import Mapping
from shlex import quote

from stapes.firmware_sim.device.events import EventDecoder, probability
from stapes.runtime.detector import Detector

logger = logging.getLogger(__name__)


def set_sensitivity(decoder: EventDecoder | Detector, sensitivity: Mapping[str, int]) -> None:
    """Set the steps of each named class, and log the probability at which its events begin then.

    Warns of a silent class, which no sensitivity makes heard. Raises ConfigError for an unknown class.
    """
    for label, steps in sensitivity.items():
        index = decoder.classes.index(label) if label in decoder.classes else 0
        before = probability(decoder.thresholds[index][0])
        decoder.set_sensitivity(label, steps)
        after = probability(decoder.thresholds[index][0])
        if label in decoder.silent:
            logger.warning(
                f"{label} is silent in this detector, and sensitivity does not change that; `stapes tune NAME.stapes "
                f"recordings/ --threshold {quote(label)}=P` makes it heard"
            )
            continue
        logger.info(
            f"{label}: sensitivity {steps:+d}, an event begins at a probability of {after:.2f} instead of {before:.2f}"
        )
