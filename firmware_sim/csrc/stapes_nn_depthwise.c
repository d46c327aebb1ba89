/* stapes_nn_depthwise.c -- DEPTHWISE_CONV_2D, weights in rows. Apache-2.0. */
#include "stapes_nn.h"

#if STAPES_NN_LAYOUT == STAPES_NN_ROWS || STAPES_NN_LAYOUT == STAPES_NN_DSP

#include "stapes_nn_arithmetic.h"

/* Sum of one output channel over its taps; taps outside of the input read as its zero point. |sum| < 2^30: proved. */
static int32_t depthwise_sum(const stapes_nn_conv_layer *layer, const int8_t *in, int32_t top, int32_t left, int32_t in_channel,
                        int32_t out_channel)
{
    const int8_t *weight = (const int8_t *)layer->weights + out_channel;
    int32_t sum = layer->bias[out_channel];
    int32_t ky, kx;
    for (ky = 0; ky < layer->kernel_height; ky++) {
        const int32_t row = top + ky * layer->dilation_height;
        for (kx = 0; kx < layer->kernel_width; kx++) {
            const int32_t column = left + kx * layer->dilation_width;
            const int inside = row >= 0 && row < layer->in_height && column >= 0 && column < layer->in_width;
            const int32_t value = inside ? in[(row * layer->in_width + column) * layer->in_channels + in_channel] : layer->in_zero;
            sum += value * *weight;
            weight += layer->out_channels;
        }
    }
    return sum;
}

static void depthwise_one_pixel(const stapes_nn_conv_layer *layer, const int8_t *in, int32_t y, int32_t x, int8_t *out)
{
    const int32_t top = y * layer->stride_height - layer->pad_top;
    const int32_t left = x * layer->stride_width - layer->pad_left;
    const int32_t copies = layer->out_channels / layer->in_channels;
    int32_t in_channel, copy, channel = 0;
    for (in_channel = 0; in_channel < layer->in_channels; in_channel++) {
        for (copy = 0; copy < copies; copy++) {
            const int32_t sum = depthwise_sum(layer, in, top, left, in_channel, channel);
            const int32_t scaled = stapes_nn_round_twice(sum, layer->multiplier[channel], layer->shift[channel]);
            out[channel] = stapes_nn_clamp(scaled + layer->out_zero, layer->out_min, layer->out_max);
            channel++;
        }
    }
}

STAPES_NN_API void stapes_nn_depthwise(const stapes_nn_conv_layer *layer, const int8_t *in, int8_t *out, int8_t *scratch)
{
    int32_t batch, y, x;
    (void)scratch;
    for (batch = 0; batch < layer->batches; batch++) {
        for (y = 0; y < layer->out_height; y++) {
            for (x = 0; x < layer->out_width; x++) {
                depthwise_one_pixel(layer, in, y, x, out);
                out += layer->out_channels;
            }
        }
        in += layer->in_height * layer->in_width * layer->in_channels;
    }
}

#endif
