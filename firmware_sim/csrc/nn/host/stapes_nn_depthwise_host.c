/* stapes_nn_depthwise_host.c -- DEPTHWISE_CONV_2D for laptops and servers: eight channels per vector. Apache-2.0.
 *
 * Weights lie as in the .tflite: [kernel_height][kernel_width][out_channels]. With a depth multiplier above 1 the
 * plain C is used. */
#include "stapes_nn.h"

#if STAPES_NN_LAYOUT == STAPES_NN_HOST

#include "stapes_nn_arithmetic.h"
#include "stapes_nn_gather.h"
#include "stapes_nn_host.h"

#if STAPES_NN_VECTORS

/* Compute `count` <= 8 channels from `channel` on. |sum| < 2^31 for all partial sums: proved by the compiler. */
STAPES_NN_ALWAYS_INLINE stapes_nn_v8si stapes_nn_depthwise_block(const stapes_nn_conv_layer *layer,
                                                                 stapes_nn_tap_grid taps, int32_t channel,
                                                                 int32_t count)
{
    const stapes_nn_scales scales = stapes_nn_make_scales(stapes_nn_load_words(layer->multiplier + channel, count),
                                                          stapes_nn_load_bytes(layer->shift + channel, count));
    const int8_t *weight = (const int8_t *)layer->weights + channel, *row = taps.first + channel;
    stapes_nn_v8si sums = stapes_nn_load_words(layer->bias + channel, count);
    int32_t ky, kx;
    for (ky = layer->kernel_height; ky > 0; ky--) {
        const int8_t *value = row;
        for (kx = layer->kernel_width; kx > 0; kx--) {
            sums += stapes_nn_load_bytes(value, count) * stapes_nn_load_bytes(weight, count);
            value += taps.tap_stride;
            weight += layer->out_channels;
        }
        row += taps.row_stride;
    }
    return stapes_nn_round_lanes(sums, &scales);
}

/* Compute `blocks` blocks of eight channels, a constant where this is inlined; the last block may have fewer channels.
 */
STAPES_NN_ALWAYS_INLINE void stapes_nn_depthwise_blocks(const stapes_nn_conv_layer *layer, stapes_nn_tap_grid taps,
                                                        int32_t channel, int blocks, int8_t *out)
{
    const int32_t last = channel + 8 * (blocks - 1), left = layer->out_channels - last;
    stapes_nn_v8si sums[4];
    int b;
    for (b = 0; b < blocks - 1; b++) {
        sums[b] = stapes_nn_depthwise_block(layer, taps, channel + 8 * b, 8);
    }
    sums[b] = left >= 8 ? stapes_nn_depthwise_block(layer, taps, last, 8)
                        : stapes_nn_depthwise_block(layer, taps, last, left);
    stapes_nn_store_lanes(sums, blocks, layer->out_zero, layer->out_min, layer->out_max, out + channel,
                          8 * (blocks - 1) + (left >= 8 ? 8 : left));
}

#endif

/* Compute one channel of one pixel in C: the specification of the vectors. */
static void stapes_nn_depthwise_one(const stapes_nn_conv_layer *layer, stapes_nn_tap_grid taps, int32_t in_channel,
                                    int32_t channel, int8_t *out)
{
    const int8_t *weight = (const int8_t *)layer->weights + channel, *row = taps.first + in_channel;
    int32_t sum = layer->bias[channel], scaled, ky, kx;
    for (ky = 0; ky < layer->kernel_height; ky++) {
        for (kx = 0; kx < layer->kernel_width; kx++) {
            sum += row[kx * taps.tap_stride] * *weight;
            weight += layer->out_channels;
        }
        row += taps.row_stride;
    }
    scaled = stapes_nn_round_any(sum, layer->multiplier[channel], layer->shift[channel]);
    out[channel] = stapes_nn_clamp(scaled + layer->out_zero, layer->out_min, layer->out_max);
}

static void stapes_nn_depthwise_pixel(const stapes_nn_conv_layer *layer, stapes_nn_tap_grid taps, int8_t *out)
{
    const int32_t copies = layer->out_channels / layer->in_channels;
    int32_t channel = 0;
#if STAPES_NN_VECTORS
    if (copies == 1) {
        for (; channel < layer->out_channels; channel += 32) {
            switch ((layer->out_channels - channel + 7) / 8) {
            case 1:
                stapes_nn_depthwise_blocks(layer, taps, channel, 1, out);
                break;
            case 2:
                stapes_nn_depthwise_blocks(layer, taps, channel, 2, out);
                break;
            case 3:
                stapes_nn_depthwise_blocks(layer, taps, channel, 3, out);
                break;
            default:
                stapes_nn_depthwise_blocks(layer, taps, channel, 4, out);
            }
        }
        return;
    }
#endif
    for (; channel < layer->out_channels; channel++) {
        stapes_nn_depthwise_one(layer, taps, channel / copies, channel, out);
    }
}

STAPES_NN_API void stapes_nn_depthwise(const stapes_nn_conv_layer *layer, const int8_t *in, int8_t *out,
                                       int8_t *scratch)
{
    int32_t batch, y, x;
    for (batch = 0; batch < layer->batches; batch++) {
        for (y = 0; y < layer->out_height; y++) {
            for (x = 0; x < layer->out_width; x++) {
                stapes_nn_depthwise_pixel(layer, stapes_nn_tap_grid_at(layer, in, y, x, scratch), out);
                out += layer->out_channels;
            }
        }
        in += layer->in_height * layer->in_width * layer->in_channels;
    }
}

#endif
