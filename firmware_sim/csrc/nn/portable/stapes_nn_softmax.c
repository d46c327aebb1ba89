/* stapes_nn_softmax.c -- SOFTMAX in fixed point. Apache-2.0.
 *
 * Qm.n means m integer bits and n fractional bits, besides the sign. */
#include <string.h>

#include "stapes_nn.h"
#include "stapes_nn_arithmetic.h"
#include "stapes_nn_fixed_point.h"

/* Return exp(-below * beta * scale) in Q0.31. */
static int32_t stapes_nn_softmax_exponential(const stapes_nn_softmax_layer *layer, int32_t below)
{
    return below < layer->length ? layer->exponentials[below] : 0;
}

static void stapes_nn_softmax_one_row(const stapes_nn_softmax_layer *layer, const int8_t *in, int8_t *out)
{
    const int32_t depth = layer->depth;
    int32_t most = -128, headroom = 0, scale, exponent, i;
    uint32_t sum = 0;
    for (i = 0; i < depth; i++) {
        if (in[i] > most) {
            most = in[i];
        }
    }
    for (i = 0; i < depth; i++) {
        /* Q12.19. Each element adds at most 2^19: from 8192 elements on the sum may wrap, as the reference's does. */
        sum += (uint32_t)stapes_nn_divide_by_power(stapes_nn_softmax_exponential(layer, most - in[i]), 12);
    }
    if (sum == 0 || sum >= (uint32_t)1 << 28) { /* 512: no share reaches half a code, and the reference gives up */
        memset(out, -128, (size_t)depth);
        return;
    }
    while ((sum << headroom) < 0x80000000u) {
        headroom++;
    }
    /* 2^(12 - headroom) / sum */
    scale = stapes_nn_reciprocal_of_one_plus((int32_t)((sum << headroom) - 0x80000000u));
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
