"""ESPHome's validation and code generation of `stapes:`, a detector of audio events on a microphone."""

import esphome.codegen as cg
import esphome.config_validation as cv
from esphome import automation
from esphome.components import microphone
from esphome.components.stapes import clips
from esphome.components.stapes.detector import CLASSES, SAMPLE_RATE_HZ
from esphome.const import CONF_ID, CONF_MICROPHONE, CONF_ON_EVENT, CONF_SENSITIVITY
from esphome.types import ConfigType

DEPENDENCIES = ["microphone"]

CONF_CLIPS = "clips"
CONF_STAPES_ID = "stapes_id"
CONF_CLASS = "class"
CONF_ON_EVENT_START = "on_event_start"
MOST_STEPS = 16  # of sensitivity: four logits


def AUTO_LOAD(config: ConfigType) -> list[str]:  # noqa: N802  (the name is ESPHome's)
    """Return the components that these options need: only clips are sent anywhere."""
    return ["socket"] if CONF_CLIPS in config else []


stapes_ns = cg.esphome_ns.namespace("stapes")
StapesComponent = stapes_ns.class_("StapesComponent", cg.PollingComponent)
DetectedEvent = stapes_ns.struct("DetectedEvent")

# What each entity names: its detector, and for most of them a class of it.
ENTITY_SCHEMA = cv.Schema({cv.GenerateID(CONF_STAPES_ID): cv.use_id(StapesComponent)})
CLASS_SCHEMA = ENTITY_SCHEMA.extend({cv.Required(CONF_CLASS): cv.one_of(*CLASSES)})

CONFIG_SCHEMA = cv.Schema(
    {
        cv.GenerateID(): cv.declare_id(StapesComponent),
        cv.Optional(CONF_MICROPHONE, default={}): microphone.microphone_source_schema(),
        cv.Optional(CONF_SENSITIVITY, default={}): cv.Schema(
            {cv.Optional(label): cv.int_range(-MOST_STEPS, MOST_STEPS) for label in CLASSES}
        ),
        cv.Optional(CONF_CLIPS): clips.SCHEMA,
        cv.Optional(CONF_ON_EVENT_START): automation.validate_automation(single=True),
        cv.Optional(CONF_ON_EVENT): automation.validate_automation(single=True),
    }
).extend(cv.polling_component_schema("60s"))

FINAL_VALIDATE_SCHEMA = cv.Schema(
    {
        cv.Required(CONF_MICROPHONE): microphone.final_validate_microphone_source_schema(
            "stapes", sample_rate=SAMPLE_RATE_HZ
        )
    },
    extra=cv.ALLOW_EXTRA,
)


async def to_code(config: ConfigType) -> None:
    """Generate the C++ that sets up the detector."""
    var = cg.new_Pvariable(config[CONF_ID])
    await cg.register_component(var, config)
    source = await microphone.microphone_source_to_code(config[CONF_MICROPHONE])
    cg.add(var.set_microphone_source(source))
    if CONF_CLIPS in config:
        cg.add(var.set_clips(clips.new_clips(config[CONF_CLIPS])))
    for label, steps in config[CONF_SENSITIVITY].items():
        cg.add(var.set_sensitivity(CLASSES.index(label), steps))
    for key, trigger in (
        (CONF_ON_EVENT_START, var.get_event_start_trigger()),
        (CONF_ON_EVENT, var.get_event_trigger()),
    ):
        if key in config:
            await automation.build_automation(trigger, [(DetectedEvent, "event")], config[key])
