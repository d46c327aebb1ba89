/* stapes_blob.h -- a model as data, with all headers that it needs. Apache-2.0. */
#ifndef STAPES_BLOB_H
#define STAPES_BLOB_H

#include "stapes_detector.h"

#ifdef __cplusplus
extern "C" {
#endif

#include "stapes_blob_api.h"

#ifdef __cplusplus
}
#endif

#endif
