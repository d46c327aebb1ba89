/* stapes_nn_softmax_8_to_16.c -- SOFTMAX of int8 to int16 in fixed point. Apache-2.0. */
#include "stapes_nn_int16.h"
#include "stapes_nn_softmax.h"

STAPES_NN_API void STAPES_NN_COLD stapes_nn_softmax_8_to_16(const stapes_nn_softmax_layer *layer, const int8_t *in,
                                                            int16_t *out)
{
    const int32_t depth = layer->depth;
    int32_t row, i;
    for (row = 0; row < layer->rows; row++) {
        const int32_t most = stapes_nn_softmax_highest(in, depth);
        const uint32_t sum = stapes_nn_softmax_sum(layer, in, most); /* in [2^19, 2^31): depth < 4096 */
        const int32_t headroom = stapes_nn_softmax_headroom(sum);    /* in [1, 12] */
        const int32_t scale = stapes_nn_softmax_scale(sum, headroom);
        const int32_t exponent = 12 - headroom + 15; /* in [15, 26] */
        for (i = 0; i < depth; i++) {
            const int32_t share = stapes_nn_divide_by_power(
                stapes_nn_multiply_q31(scale, stapes_nn_softmax_exponential(layer, most - in[i])), exponent);
            stapes_nn_put_16(out + i, share - 32768, -32768, 32767);
        }
        in += depth;
        out += depth;
    }
}
