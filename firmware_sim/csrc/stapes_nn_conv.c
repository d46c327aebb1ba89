/* stapes_nn_conv.c -- CONV_2D, weights in rows. Apache-2.0.
 *
 * The taps of two pixels are gathered into rows and multiplied with two channels at a time, so that each byte that is loaded serves
 * twice. A core with eight registers takes one pixel at a time. */
#include "stapes_nn.h"

#if STAPES_NN_LAYOUT == STAPES_NN_ROWS

#include "stapes_nn_arithmetic.h"
#include "stapes_nn_gather.h"

static void stapes_nn_conv_finish(const stapes_nn_conv_layer *layer, int32_t channel, int32_t sum, int8_t *out)
{
    const int32_t scaled = stapes_nn_round_twice(sum, layer->multiplier[channel], layer->shift[channel]);
    out[channel] = stapes_nn_clamp(scaled + layer->out_zero, layer->out_min, layer->out_max); /* |scaled| < 2^31 - 2^8: proved */
}

/* One pixel from a patch of `taps` bytes: |sum| < 2^30 at every step of the way, as the compiler proved. */
static void stapes_nn_conv_one_pixel(const stapes_nn_conv_layer *layer, const int8_t *patch, int32_t taps, int8_t *out)
{
    const int8_t *row = (const int8_t *)layer->weights;
    int32_t channel, k;
    for (channel = 0; channel + 1 < layer->out_channels; channel += 2) {
        const int8_t *row2 = row + taps;
        int32_t sum = 0, sum2 = 0;
        for (k = taps - 1; k >= 0; k--) {
            const int32_t a = patch[k];
            sum += a * row[k];
            sum2 += a * row2[k];
        }
        row = row2 + taps;
        stapes_nn_conv_finish(layer, channel, sum + layer->bias[channel], out);
        stapes_nn_conv_finish(layer, channel + 1, sum2 + layer->bias[channel + 1], out);
    }
    if (channel < layer->out_channels) {
        int32_t sum = layer->bias[channel];
        for (k = 0; k < taps; k++) {
            sum += patch[k] * row[k];
        }
        stapes_nn_conv_finish(layer, channel, sum, out);
    }
}

#if !STAPES_NN_SMALL_CORE

#define STAPES_NN_CONV_TAP(k)                                      \
    {                                                              \
        const int32_t a = patch[k], b = patch2[k];                 \
        const int32_t w = row[k], w2 = row2[k];                    \
        sum00 += a * w;                                            \
        sum01 += a * w2;                                           \
        sum10 += b * w;                                            \
        sum11 += b * w2;                                           \
    }

/* Two pixels from patches that lie one after the other. */
static void stapes_nn_conv_two_pixels(const stapes_nn_conv_layer *layer, const int8_t *patches, int32_t taps, int8_t *out)
{
    const int8_t *row = (const int8_t *)layer->weights;
    const int32_t channels = layer->out_channels;
    int32_t channel, left;
    for (channel = 0; channel + 1 < channels; channel += 2) {
        const int8_t *patch = patches, *patch2 = patches + taps, *row2 = row + taps;
        int32_t sum00 = layer->bias[channel], sum01 = layer->bias[channel + 1];
        int32_t sum10 = sum00, sum11 = sum01;
        for (left = taps; left >= 8; left -= 8) {
            STAPES_NN_CONV_TAP(0)
            STAPES_NN_CONV_TAP(1)
            STAPES_NN_CONV_TAP(2)
            STAPES_NN_CONV_TAP(3)
            STAPES_NN_CONV_TAP(4)
            STAPES_NN_CONV_TAP(5)
            STAPES_NN_CONV_TAP(6)
            STAPES_NN_CONV_TAP(7)
            patch += 8;
            patch2 += 8;
            row += 8;
            row2 += 8;
        }
        for (; left > 0; left--) {
            STAPES_NN_CONV_TAP(0)
            patch++;
            patch2++;
            row++;
            row2++;
        }
        row = row2;
        stapes_nn_conv_finish(layer, channel, sum00, out);
        stapes_nn_conv_finish(layer, channel + 1, sum01, out);
        stapes_nn_conv_finish(layer, channel, sum10, out + channels);
        stapes_nn_conv_finish(layer, channel + 1, sum11, out + channels);
    }
    if (channel < channels) {
        int32_t sum = layer->bias[channel], sum2 = sum;
        for (left = 0; left < taps; left++) {
            sum += patches[left] * row[left];
            sum2 += patches[taps + left] * row[left];
        }
        stapes_nn_conv_finish(layer, channel, sum, out);
        stapes_nn_conv_finish(layer, channel, sum2, out + channels);
    }
}

#endif

STAPES_NN_API void stapes_nn_conv(const stapes_nn_conv_layer *layer, const int8_t *in, int8_t *out, int8_t *scratch)
{
    const int32_t taps = layer->kernel_height * layer->kernel_width * layer->in_channels;
    int32_t batch, y, x, waiting = 0;
    for (batch = 0; batch < layer->batches; batch++) {
        for (y = 0; y < layer->out_height; y++) {
            for (x = 0; x < layer->out_width; x++) {
                stapes_nn_gather(layer, in, y, x, scratch + waiting * taps);
#if STAPES_NN_SMALL_CORE
                stapes_nn_conv_one_pixel(layer, scratch, taps, out);
                out += layer->out_channels;
#else
                if (++waiting == 2) {
                    stapes_nn_conv_two_pixels(layer, scratch, taps, out);
                    out += 2 * layer->out_channels;
                    waiting = 0;
                }
#endif
            }
        }
        if (waiting) {
            stapes_nn_conv_one_pixel(layer, scratch, taps, out);
            out += layer->out_channels;
            waiting = 0;
        }
        in += layer->in_height * layer->in_width * layer->in_channels;
    }
}

#endif
