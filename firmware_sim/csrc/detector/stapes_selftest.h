/* stapes_selftest.h -- the self-test of a detector, with all headers that it needs. Apache-2.0. */
#ifndef STAPES_SELFTEST_H
#define STAPES_SELFTEST_H

#include "stapes_detector.h"

#ifdef __cplusplus
extern "C" {
#endif

#include "stapes_selftest_api.h"

#ifdef __cplusplus
}
#endif

#endif
