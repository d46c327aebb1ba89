/* stapes_nn_softmax.h -- what SOFTMAX of int8 to int8 and to int16 share. Apache-2.0.
 *
 * Qm.n means m integer bits and n fractional bits, besides the sign. */
#ifndef STAPES_NN_SOFTMAX_H
#define STAPES_NN_SOFTMAX_H

#include "stapes_nn.h"
#include "stapes_nn_arithmetic.h"
#include "stapes_nn_fixed_point.h"

/* Return exp(-below * beta * scale) in Q0.31. */
STAPES_NN_INLINE int32_t stapes_nn_softmax_exponential(const stapes_nn_softmax_layer *layer, int32_t below)
{
    return below < layer->length ? layer->exponentials[below] : 0;
}

/* Return the highest of `depth` codes. */
STAPES_NN_INLINE int32_t stapes_nn_softmax_highest(const int8_t *in, int32_t depth)
{
    int32_t most = -128, i;
    for (i = 0; i < depth; i++) {
        if (in[i] > most) {
            most = in[i];
        }
    }
    return most;
}

/* Return the sum of the exponentials of a row in Q12.19. Each element adds at most 2^19: from 8192 elements on the sum
 * may wrap, as the reference's does. */
STAPES_NN_INLINE uint32_t stapes_nn_softmax_sum(const stapes_nn_softmax_layer *layer, const int8_t *in, int32_t most)
{
    uint32_t sum = 0;
    int32_t i;
    for (i = 0; i < layer->depth; i++) {
        sum += (uint32_t)stapes_nn_divide_by_power(stapes_nn_softmax_exponential(layer, most - in[i]), 12);
    }
    return sum;
}

/* Return the zero bits above the highest one of a sum, which is not 0. */
STAPES_NN_INLINE int32_t stapes_nn_softmax_headroom(uint32_t sum)
{
    int32_t headroom = 0;
    while ((sum << headroom) < 0x80000000u) {
        headroom++;
    }
    return headroom;
}

/* Return 2^(12 - headroom) / sum in Q0.31. */
STAPES_NN_INLINE int32_t stapes_nn_softmax_scale(uint32_t sum, int32_t headroom)
{
    return stapes_nn_reciprocal_of_one_plus((int32_t)((sum << headroom) - 0x80000000u));
}

#endif
