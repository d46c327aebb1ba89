/* stapes_nn_int16.h -- activations of 16 bits. Apache-2.0.
 *
 * The arena is an array of int32_t. Values of 16 bits are therefore copied out of it and into it, which compilers make
 * one load or store of: C does not let an int16_t name the memory of an int32_t. */
#ifndef STAPES_NN_INT16_H
#define STAPES_NN_INT16_H

#include <string.h>

#include "stapes_nn.h"

/* Return the value at an address. */
STAPES_NN_INLINE int32_t stapes_nn_get_16(const int16_t *from)
{
    int16_t value;
    memcpy(&value, from, sizeof value);
    return value;
}

/* Clamp a value to [low, high], which lies within the range of int16, and store it. */
STAPES_NN_INLINE void stapes_nn_put_16(int16_t *to, int64_t value, int32_t low, int32_t high)
{
    const int16_t clamped = (int16_t)(value < low ? low : value > high ? high : value);
    memcpy(to, &clamped, sizeof clamped);
}

#endif
