/* stapes_detector.h -- everything that firmware needs to run a detector. Apache-2.0. */
#ifndef STAPES_DETECTOR_H
#define STAPES_DETECTOR_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#include "stapes_frontend_api.h"

#include "stapes_events_api.h"

#include "stapes_sensitivity_api.h"

#include "stapes_detector_api.h"

#ifdef __cplusplus
}
#endif

#endif
