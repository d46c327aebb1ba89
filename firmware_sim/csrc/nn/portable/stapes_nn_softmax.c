/* stapes_nn_softmax.c -- SOFTMAX in fixed point. Apache-2.0. */
#include <string.h>

#include "stapes_nn_softmax.h"

static void stapes_nn_softmax_one_row(const stapes_nn_softmax_layer *layer, const int8_t *in, int8_t *out)
{
    const int32_t depth = layer->depth, most = stapes_nn_softmax_highest(in, depth);
    const uint32_t sum = stapes_nn_softmax_sum(layer, in, most);
    int32_t headroom, scale, exponent, i;
    if (sum == 0 || sum >= (uint32_t)1 << 28) { /* 512: no share reaches half a code, and the reference gives up */
        memset(out, -128, (size_t)depth);
        return;
    }
    headroom = stapes_nn_softmax_headroom(sum);
    scale = stapes_nn_softmax_scale(sum, headroom);
    exponent = 12 - headroom + 23; /* in [23, 31], since sum < 2^28 and, if it did not wrap, sum >= 2^19 */
    for (i = 0; i < depth; i++) {
        const int32_t share = stapes_nn_divide_by_power(
            stapes_nn_multiply_q31(scale, stapes_nn_softmax_exponential(layer, most - in[i])), exponent);
        out[i] = stapes_nn_clamp(share - 128, -128, 127);
    }
}

STAPES_NN_API void STAPES_NN_COLD stapes_nn_softmax(const stapes_nn_softmax_layer *layer, const int8_t *in,
                                                    int8_t *out)
{
    int32_t i;
    for (i = 0; i < layer->rows; i++) {
        stapes_nn_softmax_one_row(layer, in, out);
        in += layer->depth;
        out += layer->depth;
    }
}
