"""A number for each class: its sensitivity in steps of a quarter of a logit, kept over a restart."""

import esphome.codegen as cg
import esphome.config_validation as cv
from esphome.components import number
from esphome.components.stapes import CLASS_SCHEMA, CONF_CLASS, CONF_STAPES_ID, MOST_STEPS, stapes_ns
from esphome.components.stapes.detector import CLASSES
from esphome.const import ENTITY_CATEGORY_CONFIG
from esphome.types import ConfigType

DEPENDENCIES = ["stapes"]

SensitivityNumber = stapes_ns.class_("SensitivityNumber", number.Number, cg.Component)

CONFIG_SCHEMA = (
    number.number_schema(SensitivityNumber, entity_category=ENTITY_CATEGORY_CONFIG)
    .extend(CLASS_SCHEMA)
    .extend(cv.COMPONENT_SCHEMA)
)


async def to_code(config: ConfigType) -> None:
    """Generate the C++ that sets up the number."""
    var = await number.new_number(
        config, CLASSES.index(config[CONF_CLASS]), min_value=-MOST_STEPS, max_value=MOST_STEPS, step=1
    )
    await cg.register_component(var, config)
    await cg.register_parented(var, config[CONF_STAPES_ID])
