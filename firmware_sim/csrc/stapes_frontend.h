/* What the files of the frontend share: the API, and the operations that have one meaning and several instructions.
 *
 * x (.) w is floor(x * w / 2^16) for int32 x and int16 w: half of x times the Q15 number w. It is the only rounding of a product.
 */
#ifndef STAPES_FRONTEND_H
#define STAPES_FRONTEND_H

#include <stddef.h>
#include <stdint.h>

#include "stapes_frontend_api.h"

#if (-1 >> 1) != -1
#error "the frontend needs an arithmetic right shift of negative numbers"
#endif
/* ... and uint32 to int32 by two's complement. */
typedef char stapes_frontend_needs_twos_complement[(int32_t)0xFFFFFFFFu == -1 ? 1 : -1];

static inline const void *stapes_frontend_table(const stapes_frontend_tables *tables, uint16_t at)
{
    return (const uint8_t *)tables + at;
}

#endif
