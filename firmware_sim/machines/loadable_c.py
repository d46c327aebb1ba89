"""What the C of a loadable detector has of its own: its model is a blob, which NAME_load replaces by another one."""

from typing import Literal

from stapes.firmware_sim.device.blob import blob_of, shape_hash
from stapes.firmware_sim.device.folder import DetectorFolder
from stapes.firmware_sim.device.generated_c import ModelConstants
from stapes.firmware_sim.machines.c_text import byte_list, model_functions, words
from stapes.firmware_sim.machines.frontend_c import frontend_c

MEMBERS = """    stapes_detector_setup setup;
    stapes_event_setup event_setup;
    const char *labels; /* of the blob in use */
"""


def declarations(name: str) -> str:
    """Return the declarations of the functions that only a loadable detector has."""
    return f"""
/* Let the detector use the model of a blob (stapes export --blob). Call it after {name}_start, where stapes_poll is
 * called. blob: at an address that is a multiple of 4; it stays there and does not change while it is used. size: bytes
 * that may be read there; the blob may be shorter. Everything is checked first: see stapes_blob_api.h. Returns
 * STAPES_BLOB_OK, or what is wrong; then nothing has changed.
 *
 * The model then starts afresh as stapes_detector_restart says: an open event is forgotten, sensitivities are 0, and
 * the ring, the clock and the counters go on. {name}_start returns to the model that is built in. */
int32_t {name}_load({name}_detector_t *self, const void *blob, size_t size);

/* Return the name of a class of the model in use, in UTF-8; "" where there is no such class. */
const char *{name}_label(const {name}_detector_t *self, int32_t class_index);
"""


def source(folder: DetectorFolder, name: str, constants: ModelConstants, banner: str) -> str:
    """Return NAME_detector.c, which begins with `banner`, a comment that is still open."""
    upper, tables = name.upper(), frontend_c(f"{name}_tables", folder.tables)
    return f"""{banner}
 */
#include "{name}_detector.h"

#include <stddef.h>

{_blobs(folder, name, constants)}
{tables.type}
{tables.definition}
{model_functions(name)}
static const stapes_blob_kind {name}_kind = {{
    .rules = &{name}_rules,
    .layout = STAPES_NN_LAYOUT,
    .n_classes = {upper}_CLASSES,
    .shape = {upper}_SHAPE,
    .frontend = {byte_list(bytes.fromhex(folder.frontend_hash))},
}};

static void {name}_use({name}_detector_t *self, const void *blob)
{{
    const stapes_blob_parts parts = stapes_blob_parts_of(blob, &{name}_kind);

    self->event_setup.configs = parts.events;
    self->model.constants = parts.constants;
    self->labels = parts.labels;
}}

{_start(folder, name)}
{_load_and_label(name)}"""


def _start(folder: DetectorFolder, name: str) -> str:
    """Return NAME_start, which takes the blob that is built in."""
    clock, upper = folder.clock, name.upper()
    return f"""int32_t {name}_start({name}_detector_t *self)
{{
    const stapes_detector_memory memory = {{
        self->ring, self->frame, self->work, self->features, self->scores, self->classes, &self->model,
    }};
    const stapes_event_setup events = {{
        .n_classes = {upper}_CLASSES,
        .step_samples = {clock.step_samples},
        .origin_samples = {clock.origin_samples},
        .target_delay_steps = {clock.target_delay_steps},
    }};
    const stapes_detector_setup setup = {{
        .tables = (const stapes_frontend_tables *)(const void *)&{name}_tables,
        .events = &self->event_setup,
        .ring_samples = {upper}_RING_SAMPLES,
        .frames_per_step = {folder.frames_per_step},
        .model_reset = {name}_reset_any,
        .model_step = {name}_step_any,
    }};

    self->event_setup = events;
    self->setup = setup;
    {name}_use(self, {name}_blob);
    stapes_detector_init(&self->core, &self->setup, &memory);
    return stapes_frontend_init(self->setup.tables, sizeof {name}_tables);
}}
"""


def _load_and_label(name: str) -> str:
    """Return NAME_load, and NAME_label, which walks through the names of the blob in use."""
    upper = name.upper()
    return f"""int32_t {name}_load({name}_detector_t *self, const void *blob, size_t size)
{{
    int32_t found = stapes_blob_check(blob, size, &{name}_kind);

    if (found == STAPES_BLOB_OK) {{
        {name}_use(self, blob);
        stapes_detector_restart(&self->core);
    }}
    return found;
}}

const char *{name}_label(const {name}_detector_t *self, int32_t class_index)
{{
    const char *label = self->labels;

    if (class_index < 0 || class_index >= {upper}_CLASSES) {{
        return "";
    }}
    for (; class_index > 0; class_index--) {{
        while (*label++ != 0) {{
        }}
    }}
    return label;
}}
"""


def _blobs(folder: DetectorFolder, name: str, constants: ModelConstants) -> str:
    """Return the blob that is built in, and the hash of its shape, for the processor at hand."""
    rows = "STAPES_NN_ROWS"
    parts = [
        "/* The model that is built in, as words; stapes export --blob writes the same bytes. */",
        "#if STAPES_NN_BIG_ENDIAN",
        *_blob(name, shape_hash(folder, constants, rows), blob_of(folder, constants, rows, "big"), "big"),
    ]
    for layout in constants.contents:
        blob = blob_of(folder, constants, layout)
        parts.append(f"#elif STAPES_NN_LAYOUT == {layout}")
        parts += _blob(name, shape_hash(folder, constants, layout), blob, "little")
    return "\n".join([*parts, "#endif\n"])


def _blob(name: str, shape: bytes, blob: bytes, byte_order: Literal["little", "big"]) -> list[str]:
    return [f"#define {name.upper()}_SHAPE {byte_list(shape)}", words(f"{name}_blob", blob, byte_order).rstrip()]
