"""Sensors: rate of events and maximum score of a class; level, loop time and overruns of the detector."""

import esphome.codegen as cg
import esphome.config_validation as cv
from esphome.components import sensor
from esphome.components.stapes import CLASS_SCHEMA, CONF_CLASS, CONF_STAPES_ID, ENTITY_SCHEMA
from esphome.components.stapes.detector import CLASSES
from esphome.const import (
    CONF_LEVEL,
    CONF_LOOP_TIME,
    CONF_RATE,
    CONF_TYPE,
    ENTITY_CATEGORY_DIAGNOSTIC,
    STATE_CLASS_MEASUREMENT,
    STATE_CLASS_TOTAL_INCREASING,
    UNIT_DECIBEL,
    UNIT_MILLISECOND,
)
from esphome.types import ConfigType

DEPENDENCIES = ["stapes"]

CONF_MAX_SCORE = "max_score"
CONF_OVERRUNS = "overruns"

RATE = sensor.sensor_schema(unit_of_measurement="/min", accuracy_decimals=1, state_class=STATE_CLASS_MEASUREMENT)
MAX_SCORE = sensor.sensor_schema(accuracy_decimals=2, state_class=STATE_CLASS_MEASUREMENT)
LEVEL = sensor.sensor_schema(
    unit_of_measurement=UNIT_DECIBEL,
    accuracy_decimals=1,
    state_class=STATE_CLASS_MEASUREMENT,
    entity_category=ENTITY_CATEGORY_DIAGNOSTIC,
)
LOOP_TIME = sensor.sensor_schema(
    unit_of_measurement=UNIT_MILLISECOND,
    accuracy_decimals=1,
    state_class=STATE_CLASS_MEASUREMENT,
    entity_category=ENTITY_CATEGORY_DIAGNOSTIC,
)
OVERRUNS = sensor.sensor_schema(
    accuracy_decimals=0,
    state_class=STATE_CLASS_TOTAL_INCREASING,
    entity_category=ENTITY_CATEGORY_DIAGNOSTIC,
)

CONFIG_SCHEMA = cv.typed_schema(
    {
        CONF_RATE: RATE.extend(CLASS_SCHEMA),
        CONF_MAX_SCORE: MAX_SCORE.extend(CLASS_SCHEMA),
        CONF_LEVEL: LEVEL.extend(ENTITY_SCHEMA),
        CONF_LOOP_TIME: LOOP_TIME.extend(ENTITY_SCHEMA),
        CONF_OVERRUNS: OVERRUNS.extend(ENTITY_SCHEMA),
    }
)


async def to_code(config: ConfigType) -> None:
    """Generate the C++ that sets up the sensor."""
    detector = await cg.get_variable(config[CONF_STAPES_ID])
    entity = await sensor.new_sensor(config)
    set_sensor = getattr(detector, f"set_{config[CONF_TYPE]}_sensor")
    if CONF_CLASS in config:
        cg.add(set_sensor(CLASSES.index(config[CONF_CLASS]), entity))
    else:
        cg.add(set_sensor(entity))
