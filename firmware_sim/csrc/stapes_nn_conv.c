/* stapes_nn_conv.c -- CONV_2D, weights in rows. Apache-2.0.
 *
 * The taps of a pixel are gathered into a patch, unless they already lie in a row (1x1 kernels, or a kernel as wide as the input).
 * Two pixels are multiplied with two channels at a time, so that each byte that is loaded serves twice. */
#include "stapes_nn.h"

#if STAPES_NN_LAYOUT == STAPES_NN_ROWS

#include <string.h>

#include "stapes_nn_arithmetic.h"

/* Gather the taps of output pixel (y, x); taps outside of the input read as its zero point. */
static void conv_gather(const stapes_nn_conv_layer *layer, const int8_t *in, int32_t y, int32_t x, int8_t *patch)
{
    const int32_t channels = layer->in_channels;
    const int32_t top = y * layer->stride_height - layer->pad_top;
    const int32_t left = x * layer->stride_width - layer->pad_left;
    int32_t ky, kx;
    for (ky = 0; ky < layer->kernel_height; ky++) {
        const int32_t row = top + ky * layer->dilation_height;
        for (kx = 0; kx < layer->kernel_width; kx++) {
            const int32_t column = left + kx * layer->dilation_width;
            if (row < 0 || row >= layer->in_height || column < 0 || column >= layer->in_width) {
                memset(patch, layer->in_zero, (size_t)channels);
            } else {
                memcpy(patch, in + (row * layer->in_width + column) * channels, (size_t)channels);
            }
            patch += channels;
        }
    }
}

static int8_t conv_finish(const stapes_nn_conv_layer *layer, int32_t channel, int32_t sum)
{
    const int32_t scaled = stapes_nn_round_twice(sum, layer->multiplier[channel], layer->shift[channel]);
    return stapes_nn_clamp(scaled + layer->out_zero, layer->out_min, layer->out_max); /* |scaled| < 2^31 - 2^8: proved with the sum */
}

/* One pixel, or two, from patches of `taps` bytes: |sum| < 2^30 at every step of the way, as the compiler proved. */
static void conv_one_pixel(const stapes_nn_conv_layer *layer, const int8_t *patch, int32_t taps, int8_t *out)
{
    const int8_t *row = (const int8_t *)layer->weights;
    int32_t channel, k;
    for (channel = 0; channel < layer->out_channels; channel++) {
        int32_t sum = layer->bias[channel];
        for (k = 0; k < taps; k++) {
            sum += row[k] * patch[k];
        }
        row += taps;
        out[channel] = conv_finish(layer, channel, sum);
    }
}

static void conv_two_pixels(const stapes_nn_conv_layer *layer, const int8_t *patch, const int8_t *patch2, int32_t taps, int8_t *out)
{
    const int8_t *row = (const int8_t *)layer->weights;
    const int32_t channels = layer->out_channels;
    int32_t channel, k;
    for (channel = 0; channel + 1 < channels; channel += 2) {
        const int8_t *row2 = row + taps;
        int32_t sum00 = layer->bias[channel], sum01 = layer->bias[channel + 1];
        int32_t sum10 = sum00, sum11 = sum01;
        for (k = 0; k < taps; k++) {
            const int32_t a = patch[k], b = patch2[k], w = row[k], w2 = row2[k];
            sum00 += a * w;
            sum01 += a * w2;
            sum10 += b * w;
            sum11 += b * w2;
        }
        row = row2 + taps;
        out[channel] = conv_finish(layer, channel, sum00);
        out[channel + 1] = conv_finish(layer, channel + 1, sum01);
        out[channels + channel] = conv_finish(layer, channel, sum10);
        out[channels + channel + 1] = conv_finish(layer, channel + 1, sum11);
    }
    if (channel < channels) {
        int32_t sum0 = layer->bias[channel], sum1 = sum0;
        for (k = 0; k < taps; k++) {
            sum0 += patch[k] * row[k];
            sum1 += patch2[k] * row[k];
        }
        out[channel] = conv_finish(layer, channel, sum0);
        out[channels + channel] = conv_finish(layer, channel, sum1);
    }
}

STAPES_NN_API void stapes_nn_conv(const stapes_nn_conv_layer *layer, const int8_t *in, int8_t *out, int8_t *scratch)
{
    const int32_t taps = layer->kernel_height * layer->kernel_width * layer->in_channels;
    const int32_t pixels = layer->out_height * layer->out_width;
    int32_t batch, pixel, y, x;
    for (batch = 0; batch < layer->batches; batch++) {
        y = 0;
        x = 0;
        for (pixel = 0; pixel < pixels; pixel += 2) {
            const int32_t pair = pixel + 1 < pixels ? 2 : 1;
            int32_t i;
            for (i = 0; i < pair; i++) {
                conv_gather(layer, in, y, x, scratch + i * taps);
                if (++x == layer->out_width) {
                    x = 0;
                    y++;
                }
            }
            if (pair == 2) {
                conv_two_pixels(layer, scratch, scratch + taps, taps, out);
            } else {
                conv_one_pixel(layer, scratch, taps, out);
            }
            out += pair * layer->out_channels;
        }
        in += layer->in_height * layer->in_width * layer->in_channels;
    }
}

#endif
