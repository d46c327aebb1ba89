"""A text sensor: the class of the last event."""

import esphome.codegen as cg
from esphome.components import text_sensor
from esphome.components.stapes import CONF_STAPES_ID, ENTITY_SCHEMA
from esphome.types import ConfigType

DEPENDENCIES = ["stapes"]

CONFIG_SCHEMA = text_sensor.text_sensor_schema().extend(ENTITY_SCHEMA)


async def to_code(config: ConfigType) -> None:
    """Generate the C++ that sets up the text sensor."""
    detector = await cg.get_variable(config[CONF_STAPES_ID])
    cg.add(detector.set_last_event_text_sensor(await text_sensor.new_text_sensor(config)))
