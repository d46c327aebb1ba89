"""A detector folder as C: the settings, tables and memory of a whole detector around its generated model.

NAME_detector.h declares one struct with everything that changes, and NAME_start; NAME_detector.c holds the constants.
All other C is taken unchanged from csrc/ and from c/ in the folder.
"""

from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from stapes.firmware_sim.device.folder import DetectorFolder
from stapes.firmware_sim.device.generated_c import GeneratedC
from stapes.firmware_sim.machines import loadable_c
from stapes.firmware_sim.machines.c_text import c_string, event_config, in_comment, model_functions
from stapes.firmware_sim.machines.frontend_c import frontend_c
from stapes.firmware_sim.sources import INCLUDE_DIRS, source

BLOB_SOURCES = ("stapes_blob.c", "stapes_blob_error.c")
LOOP_SOURCES = ("stapes_detector.c", "stapes_events.c", "stapes_selftest.c", "stapes_sensitivity.c", "stapes_tail.c")
HOPS_HELD = 2  # that may arrive while a window is worked on


@dataclass(frozen=True)
class DetectorC:
    """The C of a detector: all its sources and the folders of their headers."""

    name: str  # what its own names begin with
    model_ram_bytes: int  # sizeof(NAME_t)
    sources: tuple[Path, ...]
    own_dirs: tuple[Path, ...]  # hold the headers that were generated

    @property
    def include_dirs(self) -> tuple[Path, ...]:
        """Return the folders of all headers."""
        return (*INCLUDE_DIRS, *self.own_dirs)


def detector_c(folder: DetectorFolder, model: GeneratedC, out: Path) -> DetectorC:
    """Write the C of the model, NAME_detector.h and NAME_detector.c into folders below `out`.

    Return all sources that the detector is built from.
    """
    name, model_dir, detector_dir = model.description.name, out / "model", out / "detector"
    model.write(model_dir)
    detector_dir.mkdir(exist_ok=True)
    text = _source(folder, name)
    if model.constants is not None:
        text = loadable_c.source(folder, name, model.constants, _banner(folder, f"{name}_detector.c"))
    (detector_dir / f"{name}_detector.h").write_text(_header(folder, name, model.constants is not None))
    (detector_dir / f"{name}_detector.c").write_text(text)
    sources = (
        source("stapes_frontend.c"),
        *map(source, LOOP_SOURCES if model.constants is None else (*LOOP_SOURCES, *BLOB_SOURCES)),
        *(model_dir / file for file in sorted(model.texts) if file.endswith(".c")),
        detector_dir / f"{name}_detector.c",
    )
    return DetectorC(name, model.description.sizes.ram, sources, (model_dir, detector_dir))


def ring_samples(folder: DetectorFolder) -> int:
    """Return the length of the ring: a window, and the hops that may arrive while the window is worked on."""
    return folder.frontend.window_samples + HOPS_HELD * folder.frontend.hop_samples


def _banner(folder: DetectorFolder, file: str) -> str:
    frontend, step = folder.frontend, folder.clock.step_samples
    return f"""/* {file} -- written by stapes {version("stapes")}; regenerate, do not edit.
 *
 *   frontend  {frontend.sample_rate_hz} Hz, window {frontend.window_samples}, hop {frontend.hop_samples}, \
{frontend.n_bands} bands; hash {folder.frontend_hash[:16]}
 *   model     sha256 {folder.model_sha256[:16]}; a step takes {folder.frames_per_step} frames, \
{1000 * step / frontend.sample_rate_hz:g} ms
 *   scores    belong to the step {folder.target_delay_steps} steps before; probability = (score + 128) / 256
 *   classes   {in_comment(", ".join(folder.classes))}"""


def _header(folder: DetectorFolder, name: str, loadable: bool) -> str:
    frontend, upper, classes = folder.frontend, name.upper(), len(folder.classes)
    least_ring = frontend.window_samples + frontend.hop_samples
    guard = f"{upper}_DETECTOR_H"
    labels = "" if loadable else f"extern const char *const {name}_labels[{classes}];\n\n"
    return f"""{_banner(folder, f"{name}_detector.h")}
 */
#ifndef {guard}
#define {guard}

#include "stapes_detector.h"
#include "{name}.h"

#define {upper}_CLASSES {classes}
#define {upper}_SAMPLE_RATE_HZ {frontend.sample_rate_hz}
#define {upper}_HOP_SAMPLES {frontend.hop_samples}
#define {upper}_STEP_SAMPLES {folder.clock.step_samples}
#define {upper}_TAIL_SAMPLES {folder.clock.tail_samples} /* to append to a recording that ends: stapes_tail_api.h */
#define {upper}_EVENTS_MAX {2 * classes} /* the most that one stapes_poll reports */

/* Length of the ring for samples. To change it, define it on the command line, so that all files agree. */
#ifndef {upper}_RING_SAMPLES
#define {upper}_RING_SAMPLES {ring_samples(folder)}
#endif
#if {upper}_RING_SAMPLES < {least_ring}
#error "{upper}_RING_SAMPLES must be at least {least_ring}, a window and a hop"
#endif

#ifdef __cplusplus
extern "C" {{
#endif

#include "stapes_tail_api.h"

/* All memory of one detector; stapes_push, stapes_poll and stapes_finish take its `core`. */
typedef struct {{
    stapes_detector core;
    {name}_t model;
{loadable_c.MEMBERS if loadable else ""}    stapes_event_class classes[{classes}];
    int32_t work[{frontend.n_fft}];
    int16_t ring[{upper}_RING_SAMPLES];
    int16_t frame[{frontend.window_samples}];
    int8_t features[{folder.frames_per_step * frontend.n_bands}];
    int8_t scores[{classes}];
}} {name}_detector_t;

{labels}/* Call this before the first sample. Returns STAPES_FRONTEND_OK, or what is wrong with the tables in flash. */
int32_t {name}_start({name}_detector_t *self);
{loadable_c.declarations(name) if loadable else ""}
#ifdef __cplusplus
}}
#endif

#endif
"""


def _source(folder: DetectorFolder, name: str) -> str:
    clock, upper, tables = folder.clock, name.upper(), frontend_c(f"{name}_tables", folder.tables)
    return f"""{_banner(folder, f"{name}_detector.c")}
 */
#include "{name}_detector.h"

#include <stddef.h>

{tables.type}
static const struct {name}_tables {name}_tables;
static const stapes_event_config {name}_event_configs[{upper}_CLASSES];

static const stapes_event_setup {name}_event_setup = {{
    .configs = {name}_event_configs,
    .n_classes = {upper}_CLASSES,
    .step_samples = {clock.step_samples},
    .origin_samples = {clock.origin_samples},
    .target_delay_steps = {clock.target_delay_steps},
}};

{model_functions(name)}
static const stapes_detector_setup {name}_setup = {{
    .tables = (const stapes_frontend_tables *)(const void *)&{name}_tables,
    .events = &{name}_event_setup,
    .ring_samples = {upper}_RING_SAMPLES,
    .frames_per_step = {folder.frames_per_step},
    .model_reset = {name}_reset_any,
    .model_step = {name}_step_any,
}};

int32_t {name}_start({name}_detector_t *self)
{{
    const stapes_detector_memory memory = {{
        self->ring, self->frame, self->work, self->features, self->scores, self->classes, &self->model,
    }};

    stapes_detector_init(&self->core, &{name}_setup, &memory);
    return stapes_frontend_init({name}_setup.tables, sizeof {name}_tables);
}}

{_constants(folder, name)}
{tables.definition}"""


def _constants(folder: DetectorFolder, name: str) -> str:
    """Return the labels and the event settings of each class."""
    upper = name.upper()
    configs = "\n".join(
        event_config(label, config) for label, config in zip(folder.classes, folder.events, strict=True)
    )
    labels = "\n".join(f"    {c_string(label)}," for label in folder.classes)
    return f"""const char *const {name}_labels[{upper}_CLASSES] = {{
{labels}
}};

static const stapes_event_config {name}_event_configs[{upper}_CLASSES] = {{
{configs}
}};
"""
