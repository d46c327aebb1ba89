"""A binary sensor for each class: on while an event of the class goes on."""

import esphome.codegen as cg
from esphome.components import binary_sensor
from esphome.components.stapes import CLASS_SCHEMA, CONF_CLASS, CONF_STAPES_ID
from esphome.components.stapes.detector import CLASSES
from esphome.const import DEVICE_CLASS_SOUND
from esphome.types import ConfigType

DEPENDENCIES = ["stapes"]

CONFIG_SCHEMA = binary_sensor.binary_sensor_schema(device_class=DEVICE_CLASS_SOUND).extend(CLASS_SCHEMA)


async def to_code(config: ConfigType) -> None:
    """Generate the C++ that sets up the binary sensor."""
    detector = await cg.get_variable(config[CONF_STAPES_ID])
    entity = await binary_sensor.new_binary_sensor(config)
    cg.add(detector.set_event_binary_sensor(CLASSES.index(config[CONF_CLASS]), entity))
