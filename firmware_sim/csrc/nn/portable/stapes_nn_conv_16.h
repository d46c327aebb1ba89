/* stapes_nn_conv_16.h -- what the convolutions of int16 share. Apache-2.0. */
#ifndef STAPES_NN_CONV_16_H
#define STAPES_NN_CONV_16_H

#include "stapes_nn_arithmetic.h"
#include "stapes_nn_int16.h"

/* Scale the sum of an output channel and store it. |sum| < 2^47, or < 2^31 with narrow_sums: proved by the compiler.
 */
STAPES_NN_INLINE void stapes_nn_conv_16_finish(const stapes_nn_conv_16_layer *layer, int32_t channel, int64_t sum,
                                               int16_t *out)
{
    const int32_t multiplier = layer->multiplier[channel], shift = layer->shift[channel];
    if (layer->narrow_sums) {
        sum = stapes_nn_round_any((int32_t)sum, multiplier, shift);
    } else {
        sum = (sum * multiplier + ((int64_t)1 << (shift - 1))) >> shift; /* |product| < 2^62 */
    }
    stapes_nn_put_16(out + channel, sum, layer->out_min, layer->out_max);
}

#endif
