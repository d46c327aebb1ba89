/* stapes_nn_dense.c -- FULLY_CONNECTED, weights in rows. Apache-2.0. */
#include "stapes_nn.h"

#if STAPES_NN_LAYOUT == STAPES_NN_ROWS

#include "stapes_nn_arithmetic.h"

/* Requantize the sum of one channel. |sum| < 2^31: proved by the compiler. */
static void stapes_nn_dense_finish(const stapes_nn_dense_layer *layer, int32_t channel, int32_t sum, int8_t *out)
{
    const int64_t scaled =
        stapes_nn_round_once(sum, layer->multiplier[channel], layer->shift[channel]) + layer->out_zero;
    out[channel] = (int8_t)(scaled < layer->out_min   ? layer->out_min
                            : scaled > layer->out_max ? layer->out_max
                                                      : scaled);
}

/* One channel; `row` is its row of weights, here and below. */
static void stapes_nn_dense_one(const stapes_nn_dense_layer *layer, const int8_t *in, const int8_t *row,
                                int32_t channel, int8_t *out)
{
    int32_t sum = layer->bias[channel], k;
    for (k = 0; k < layer->in_size; k++) {
        sum += in[k] * row[k];
    }
    stapes_nn_dense_finish(layer, channel, sum, out);
}

#if STAPES_NN_SMALL_CORE

/* Two channels at a time. |sum| < 2^31 for all partial sums: proved by the compiler. */
#define STAPES_NN_DENSE_CHANNELS 2
static void stapes_nn_dense_group(const stapes_nn_dense_layer *layer, const int8_t *in, const int8_t *row,
                                  int32_t channel, int8_t *out)
{
    const int8_t *row2 = row + layer->in_size;
    int32_t sum = 0, sum2 = 0, k;
    for (k = layer->in_size - 1; k >= 0; k--) {
        const int32_t x = in[k];
        sum += x * row[k];
        sum2 += x * row2[k];
    }
    stapes_nn_dense_finish(layer, channel, sum + layer->bias[channel], out);
    stapes_nn_dense_finish(layer, channel + 1, sum2 + layer->bias[channel + 1], out);
}

#else

/* Four channels at a time. |sum| < 2^31 for all partial sums: proved by the compiler. */
#define STAPES_NN_DENSE_CHANNELS 4
#define STAPES_NN_DENSE_TAP(k)   \
    {                            \
        const int32_t x = in[k]; \
        sum0 += x * row[k];      \
        sum1 += x * row1[k];     \
        sum2 += x * row2[k];     \
        sum3 += x * row3[k];     \
    }
static void stapes_nn_dense_group(const stapes_nn_dense_layer *layer, const int8_t *in, const int8_t *row,
                                  int32_t channel, int8_t *out)
{
    const int8_t *row1 = row + layer->in_size, *row2 = row1 + layer->in_size, *row3 = row2 + layer->in_size;
    int32_t sum0 = layer->bias[channel], sum1 = layer->bias[channel + 1];
    int32_t sum2 = layer->bias[channel + 2], sum3 = layer->bias[channel + 3];
    int32_t left;
    for (left = layer->in_size; left >= 4; left -= 4) {
        STAPES_NN_DENSE_TAP(0)
        STAPES_NN_DENSE_TAP(1)
        STAPES_NN_DENSE_TAP(2)
        STAPES_NN_DENSE_TAP(3)
        in += 4;
        row += 4;
        row1 += 4;
        row2 += 4;
        row3 += 4;
    }
    for (; left > 0; left--) {
        STAPES_NN_DENSE_TAP(0)
        in++;
        row++;
        row1++;
        row2++;
        row3++;
    }
    stapes_nn_dense_finish(layer, channel, sum0, out);
    stapes_nn_dense_finish(layer, channel + 1, sum1, out);
    stapes_nn_dense_finish(layer, channel + 2, sum2, out);
    stapes_nn_dense_finish(layer, channel + 3, sum3, out);
}

#endif

STAPES_NN_API void stapes_nn_dense(const stapes_nn_dense_layer *layer, const int8_t *in, int8_t *out, int8_t *scratch)
{
    int32_t i, channel;
    (void)scratch;
    for (i = 0; i < layer->rows; i++) {
        const int8_t *row = (const int8_t *)layer->weights;
        for (channel = 0; channel + STAPES_NN_DENSE_CHANNELS <= layer->out_size; channel += STAPES_NN_DENSE_CHANNELS) {
            stapes_nn_dense_group(layer, in, row, channel, out);
            row += STAPES_NN_DENSE_CHANNELS * layer->in_size;
        }
        for (; channel < layer->out_size; channel++) {
            stapes_nn_dense_one(layer, in, row, channel, out);
            row += layer->in_size;
        }
        in += layer->in_size;
        out += layer->out_size;
    }
}

#endif
