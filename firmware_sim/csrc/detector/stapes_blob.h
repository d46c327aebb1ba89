/* stapes_blob.h -- a model as data, with all headers that it needs. Apache-2.0. */
#ifndef STAPES_BLOB_H
#define STAPES_BLOB_H

#include "stapes_detector.h"

#if defined(STAPES_FRONTEND_BIG_ENDIAN)
#error "a blob is little-endian and used where it lies: export without --loadable for a big-endian processor"
#endif

#ifdef __cplusplus
extern "C" {
#endif

#include "stapes_blob_api.h"

#ifdef __cplusplus
}
#endif

#endif
