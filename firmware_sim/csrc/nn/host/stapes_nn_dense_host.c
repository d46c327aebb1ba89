/* stapes_nn_dense_host.c -- FULLY_CONNECTED for laptops and servers; weights as in stapes_nn_conv_host.c. Apache-2.0.
 */
#include "stapes_nn.h"

#if STAPES_NN_LAYOUT == STAPES_NN_HOST

#include "stapes_nn_arithmetic.h"
#include "stapes_nn_host.h"

#if STAPES_NN_VECTORS

/* Add the bias to, and round, the sums of `count` <= 8 channels from `channel` on. Lanes past the last channel have
 * shift 0, which is replaced by 1 because stapes_nn_round_once_lanes needs a shift >= 1. */
STAPES_NN_ALWAYS_INLINE stapes_nn_v8si stapes_nn_dense_round(const stapes_nn_dense_layer *layer, int32_t channel,
                                                             int32_t count, stapes_nn_v8si sums)
{
    const stapes_nn_v8si shift = stapes_nn_load_bytes(layer->shift + channel, count);
    sums += stapes_nn_load_words(layer->bias + channel, count);
    return stapes_nn_round_once_lanes(sums, stapes_nn_load_words(layer->multiplier + channel, count),
                                      shift - (shift == 0));
}

/* Compute `blocks` blocks of eight channels from `channel` on; the last block may have fewer channels. */
STAPES_NN_ALWAYS_INLINE void stapes_nn_dense_blocks(const stapes_nn_dense_layer *layer, stapes_nn_host_taps row,
                                                    int32_t channel, int blocks, int8_t *out)
{
    const int32_t last = channel + 8 * (blocks - 1), left = layer->out_size - last;
    stapes_nn_v8si sums[2][STAPES_NN_BLOCKS];
    int b;
    stapes_nn_dot_tile((const int8_t *)layer->weights + channel * (row.run + 4), row, 1, blocks, blocks == 1 ? 4 : 2,
                       sums);
    for (b = 0; b < blocks - 1; b++) {
        sums[0][b] = stapes_nn_dense_round(layer, channel + 8 * b, 8, sums[0][b]);
    }
    sums[0][b] = left >= 8 ? stapes_nn_dense_round(layer, last, 8, sums[0][b])
                           : stapes_nn_dense_round(layer, last, left, sums[0][b]);
    stapes_nn_store_lanes(sums[0], blocks, layer->out_zero, layer->out_min, layer->out_max, out + channel,
                          8 * (blocks - 1) + (left >= 8 ? 8 : left));
}

static void stapes_nn_dense_row(const stapes_nn_dense_layer *layer, stapes_nn_host_taps row, int8_t *out)
{
    int32_t channel = 0;
    for (; channel + 24 < layer->out_size; channel += 32) {
        stapes_nn_dense_blocks(layer, row, channel, 4, out);
    }
    for (; channel < layer->out_size; channel += 8) {
        stapes_nn_dense_blocks(layer, row, channel, 1, out);
    }
}

#else

static void stapes_nn_dense_row(const stapes_nn_dense_layer *layer, stapes_nn_host_taps row, int8_t *out)
{
    int32_t channel;
    for (channel = 0; channel < layer->out_size; channel++) {
        const int32_t sum = layer->bias[channel] + stapes_nn_dot_plain((const int8_t *)layer->weights, row, channel);
        const int64_t scaled =
            stapes_nn_round_once(sum, layer->multiplier[channel], layer->shift[channel]) + layer->out_zero;
        out[channel] = (int8_t)(scaled < layer->out_min   ? layer->out_min
                                : scaled > layer->out_max ? layer->out_max
                                                          : scaled);
    }
}

#endif

/* |sum| < 2^31 for partial sums in any order: proved by the compiler. */
STAPES_NN_API void stapes_nn_dense(const stapes_nn_dense_layer *layer, const int8_t *in, int8_t *out, int8_t *scratch)
{
    stapes_nn_host_taps row = {in, 0, 0, 1, (layer->in_size + 3) / 4 * 4};
    int32_t i;
    for (i = 0; i < layer->rows; i++) {
        if (row.run != layer->in_size) { /* not a multiple of four inputs */
            memset(scratch, 0, (size_t)row.run);
            memcpy(scratch, in, (size_t)layer->in_size);
            row.first = scratch;
        }
        stapes_nn_dense_row(layer, row, out);
        in += layer->in_size;
        row.first = in;
        out += layer->out_size;
    }
}

#endif
