"""The self-test of an exported library: its C, and the known answers of LiteRT's reference kernels."""

from importlib.metadata import version

from stapes.firmware_sim.device.folder import DetectorFolder
from stapes.firmware_sim.device.known_answers import SCORE_STEPS, sound_samples
from stapes.runtime.device.verify import reference_answers


def selftest_files(folder: DetectorFolder, name: str) -> dict[str, str]:
    """Return NAME_selftest.h and .c, with the known answers, NAME_selftest() and stapes_selftest()."""
    samples = sound_samples(folder)
    answers = reference_answers(folder, samples)
    guard = f"{name.upper()}_SELFTEST_H"
    header = f"""/* {name}_selftest.h -- written by stapes {version("stapes")}; regenerate, do not edit. */
#ifndef {guard}
#define {guard}

#include "{name}_detector.h"
#include "stapes_selftest.h"

#ifdef __cplusplus
extern "C" {{
#endif

/* Run the detector over {samples / folder.frontend.sample_rate_hz:.2f} s of a synthetic sound, and compare with the
 * answers of LiteRT's reference kernels. Returns STAPES_SELFTEST_OK or what differs; call {name}_start() afterwards. */
int32_t {name}_selftest({name}_detector_t *detector);

#ifdef __cplusplus
}}
#endif

/* The same under a name that does not depend on the detector. Where a file includes several of these headers, it is
 * the self-test of the first. */
#ifndef STAPES_SELFTEST_NAMED
#define STAPES_SELFTEST_NAMED
static inline int32_t stapes_selftest({name}_detector_t *detector)
{{
    return {name}_selftest(detector);
}}
#endif

#endif
"""
    source = f"""/* {name}_selftest.c -- written by stapes {version("stapes")}; regenerate, do not edit. */
#include "{name}_selftest.h"

int32_t {name}_selftest({name}_detector_t *detector)
{{
    static const stapes_answers expected = {{
        .features_crc32 = 0x{answers.features_crc32:08x}u,
        .scores_crc32 = 0x{answers.scores_crc32:08x}u,
        .events_crc32 = 0x{answers.events_crc32:08x}u,
    }};
    stapes_event events[{name.upper()}_EVENTS_MAX];
    stapes_answers found;

    if ({name}_start(detector) != STAPES_FRONTEND_OK) {{
        return STAPES_SELFTEST_TABLES;
    }}
    stapes_answer(&detector->core, events, {samples}, {SCORE_STEPS}, &found);
    return stapes_compare_answers(&found, &expected);
}}
"""
    return {f"{name}_selftest.h": header, f"{name}_selftest.c": source}
