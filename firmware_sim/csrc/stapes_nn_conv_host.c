/* stapes_nn_conv_host.c -- CONV_2D for laptops and servers: eight channels per vector. Apache-2.0.
 *
 * Weights lie in blocks of eight channels, in each block the quads of taps, in each quad the four bytes of channel 0, of channel 1, ...;
 * channels and taps are filled up with zeros. Behind each block lie eight little-endian words: -128 times the sum of each channel. */
#include "stapes_nn.h"

#if STAPES_NN_LAYOUT == STAPES_NN_HOST

#include "stapes_nn_arithmetic.h"
#include "stapes_nn_gather.h"
#include "stapes_nn_host.h"

#if STAPES_NN_VECTORS

/* Requantize and store `count` channels. */
STAPES_NN_ALWAYS void stapes_nn_conv_store(const stapes_nn_conv_layer *layer, int32_t channel, stapes_nn_v8si sums, int32_t count, int8_t *out)
{
    sums += stapes_nn_load_words(layer->bias + channel, count);
    sums = stapes_nn_round_lanes(sums, stapes_nn_load_words(layer->multiplier + channel, count),
                                 stapes_nn_load_bytes(layer->shift + channel, count));
    stapes_nn_store_lanes(sums + stapes_nn_splat(layer->out_zero), layer->out_min, layer->out_max, out + channel, count);
}

STAPES_NN_ALWAYS void stapes_nn_conv_blocks(const stapes_nn_conv_layer *layer, const int8_t *patches, int32_t stride, int32_t channel, int pixels,
                                            int blocks, int8_t *out)
{
    stapes_nn_v8si sums[2][4];
    int p, b;
    stapes_nn_dot_tile((const int8_t *)layer->weights + channel * (stride + 4), patches, stride, pixels, blocks, sums);
    for (p = 0; p < pixels; p++) {
        for (b = 0; b < blocks; b++) {
            const int32_t first = channel + 8 * b, left = layer->out_channels - first;
            if (left >= 8) {
                stapes_nn_conv_store(layer, first, sums[p][b], 8, out + p * layer->out_channels);
            } else {
                stapes_nn_conv_store(layer, first, sums[p][b], left, out + p * layer->out_channels);
            }
        }
    }
}

/* Up to four blocks of eight channels of one pixel or of two; every case is compiled with its numbers. */
STAPES_NN_ALWAYS void stapes_nn_conv_some(const stapes_nn_conv_layer *layer, const int8_t *patches, int32_t stride, int32_t channel, int pixels,
                                          int32_t blocks, int8_t *out)
{
    switch (blocks) {
    case 1:
        stapes_nn_conv_blocks(layer, patches, stride, channel, pixels, 1, out);
        break;
    case 2:
        stapes_nn_conv_blocks(layer, patches, stride, channel, pixels, 2, out);
        break;
    case 3:
        stapes_nn_conv_blocks(layer, patches, stride, channel, pixels, 3, out);
        break;
    default:
        stapes_nn_conv_blocks(layer, patches, stride, channel, pixels, 4, out);
    }
}

static void stapes_nn_conv_pixels(const stapes_nn_conv_layer *layer, const int8_t *patches, int32_t stride, int32_t pixels, int8_t *out)
{
    int32_t channel;
    for (channel = 0; channel < layer->out_channels; channel += 32) {
        const int32_t blocks = (layer->out_channels - channel + 7) / 8;
        if (pixels == 2) {
            stapes_nn_conv_some(layer, patches, stride, channel, 2, blocks, out);
        } else {
            stapes_nn_conv_some(layer, patches, stride, channel, 1, blocks, out);
        }
    }
}

#else

static void stapes_nn_conv_pixels(const stapes_nn_conv_layer *layer, const int8_t *patches, int32_t stride, int32_t pixels, int8_t *out)
{
    int32_t pixel, channel;
    for (pixel = 0; pixel < pixels; pixel++) {
        for (channel = 0; channel < layer->out_channels; channel++) {
            const int32_t sum = layer->bias[channel] + stapes_nn_dot_plain((const int8_t *)layer->weights, patches, stride, channel);
            const int32_t scaled = stapes_nn_round_twice(sum, layer->multiplier[channel], layer->shift[channel]);
            *out++ = stapes_nn_clamp(scaled + layer->out_zero, layer->out_min, layer->out_max);
        }
        patches += stride;
    }
}

#endif

/* |sum| < 2^30 at every step of the way, as the compiler proved; sums of absolute values as well, so the order does not matter. */
STAPES_NN_API void stapes_nn_conv(const stapes_nn_conv_layer *layer, const int8_t *in, int8_t *out, int8_t *scratch)
{
    const int32_t taps = layer->kernel_height * layer->kernel_width * layer->in_channels;
    const int32_t stride = (taps + 3) / 4 * 4;
    int32_t batch, y, x, waiting = 0;
    memset(scratch, 0, (size_t)(2 * stride));
    for (batch = 0; batch < layer->batches; batch++) {
        for (y = 0; y < layer->out_height; y++) {
            for (x = 0; x < layer->out_width; x++) {
                stapes_nn_gather(layer, in, y, x, scratch + waiting * stride);
                if (++waiting == 2) {
                    stapes_nn_conv_pixels(layer, scratch, stride, 2, out);
                    out += 2 * layer->out_channels;
                    waiting = 0;
                }
            }
        }
        if (waiting) {
            stapes_nn_conv_pixels(layer, scratch, stride, 1, out);
            out += layer->out_channels;
            waiting = 0;
        }
        in += layer->in_height * layer->in_width * layer->in_channels;
    }
}

#endif
