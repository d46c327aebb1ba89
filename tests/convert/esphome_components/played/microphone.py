"""Validation and code generation of `microphone: - platform: played`."""

import esphome.codegen as cg
import esphome.config_validation as cv
from esphome.components import audio, microphone
from esphome.const import CONF_ID, CONF_SAMPLE_RATE
from esphome.types import ConfigType

PlayedMicrophone = cg.esphome_ns.namespace("played").class_("PlayedMicrophone", microphone.Microphone, cg.Component)


def _set_stream_limits(config: ConfigType) -> ConfigType:
    rate = config[CONF_SAMPLE_RATE]
    audio.set_stream_limits(16, 16, 1, 1, rate, rate)(config)
    return config


CONFIG_SCHEMA = cv.All(
    microphone.MICROPHONE_SCHEMA.extend(
        {cv.GenerateID(): cv.declare_id(PlayedMicrophone), cv.Required(CONF_SAMPLE_RATE): cv.int_range(8000, 48000)}
    ).extend(cv.COMPONENT_SCHEMA),
    _set_stream_limits,
)


async def to_code(config: ConfigType) -> None:
    """Generate the C++ that sets up the microphone."""
    var = cg.new_Pvariable(config[CONF_ID], config[CONF_SAMPLE_RATE])
    await cg.register_component(var, config)
    await microphone.register_microphone(var, config)
