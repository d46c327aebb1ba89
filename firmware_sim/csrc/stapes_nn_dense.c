/* stapes_nn_dense.c -- FULLY_CONNECTED, weights in rows. Apache-2.0. */
#include "stapes_nn.h"

#if STAPES_NN_LAYOUT == STAPES_NN_ROWS || STAPES_NN_LAYOUT == STAPES_NN_DSP

#include "stapes_nn_arithmetic.h"

static int8_t dense_finish(const stapes_nn_dense_layer *layer, int32_t channel, int32_t sum)
{
    const int64_t scaled = stapes_nn_round_once(sum, layer->multiplier[channel], layer->shift[channel]) + layer->out_zero;
    return (int8_t)(scaled < layer->out_min ? layer->out_min : scaled > layer->out_max ? layer->out_max : scaled);
}

/* One row of the input, two channels at a time. |sum| < 2^31 at every step: proved when the model was compiled. */
static void dense_one_row(const stapes_nn_dense_layer *layer, const int8_t *in, int8_t *out)
{
    const int8_t *row = (const int8_t *)layer->weights;
    const int32_t size = layer->in_size;
    int32_t channel, k;
    for (channel = 0; channel + 1 < layer->out_size; channel += 2) {
        const int8_t *row2 = row + size;
        int32_t sum = layer->bias[channel], sum2 = layer->bias[channel + 1];
        for (k = 0; k < size; k++) {
            sum += in[k] * row[k];
            sum2 += in[k] * row2[k];
        }
        out[channel] = dense_finish(layer, channel, sum);
        out[channel + 1] = dense_finish(layer, channel + 1, sum2);
        row = row2 + size;
    }
    if (channel < layer->out_size) {
        int32_t sum = layer->bias[channel];
        for (k = 0; k < size; k++) {
            sum += in[k] * row[k];
        }
        out[channel] = dense_finish(layer, channel, sum);
    }
}

STAPES_NN_API void stapes_nn_dense(const stapes_nn_dense_layer *layer, const int8_t *in, int8_t *out, int8_t *scratch)
{
    int32_t i;
    (void)scratch;
    for (i = 0; i < layer->rows; i++) {
        dense_one_row(layer, in, out);
        in += layer->in_size;
        out += layer->out_size;
    }
}

#endif
