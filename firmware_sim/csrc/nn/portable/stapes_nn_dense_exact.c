/* stapes_nn_dense_exact.c -- FULLY_CONNECTED with multipliers of 62 bits. Apache-2.0. */
#include "stapes_nn.h"
#include "stapes_nn_arithmetic.h"

/* round(sum * multiplier / 2^shift), halves up, plus the zero point, clamped. |sum| < 2^31. */
static int8_t stapes_nn_dense_exact_finish(const stapes_nn_dense_exact_layer *layer, int32_t channel, int32_t sum)
{
    const int64_t multiplier = layer->multiplier[channel];
    const int32_t low = (int32_t)(multiplier & 0x7fffffff), high = (int32_t)(multiplier >> 31);
    /* floor(sum * multiplier / 2^31): |sum * high| < 2^62, and |sum * low / 2^31| < 2^31 */
    const int64_t product = (int64_t)sum * high + (((int64_t)sum * low) >> 31);
    const int64_t scaled = (((product >> (layer->shift[channel] - 32)) + 1) >> 1) + layer->out_zero;
    return (int8_t)(scaled < layer->out_min ? layer->out_min : scaled > layer->out_max ? layer->out_max : scaled);
}

STAPES_NN_API void STAPES_NN_COLD stapes_nn_dense_exact(const stapes_nn_dense_exact_layer *layer, const int8_t *in,
                                                        int8_t *out)
{
    int32_t row, channel, k;
    for (row = 0; row < layer->rows; row++) {
        const int8_t *weight = layer->weights;
        for (channel = 0; channel < layer->out_size; channel++) {
            int32_t sum = layer->bias[channel]; /* |sum| < 2^31 for all partial sums: proved by the compiler */
            for (k = 0; k < layer->in_size; k++) {
                sum += in[k] * *weight++;
            }
            *out++ = stapes_nn_dense_exact_finish(layer, channel, sum);
        }
        in += layer->in_size;
    }
}
