/* stapes_nn_depthwise.c -- DEPTHWISE_CONV_2D, weights in rows. Apache-2.0.
 *
 * A pixel whose taps all lie inside of the input reads them there; one at the border gathers them first. */
#include "stapes_nn.h"

#if STAPES_NN_LAYOUT == STAPES_NN_ROWS

#include "stapes_nn_arithmetic.h"
#include "stapes_nn_gather.h"

static void stapes_nn_depthwise_finish(const stapes_nn_conv_layer *layer, int32_t channel, int32_t sum, int8_t *out)
{
    const int32_t scaled = stapes_nn_round_twice(sum, layer->multiplier[channel], layer->shift[channel]);
    out[channel] = stapes_nn_clamp(scaled + layer->out_zero, layer->out_min, layer->out_max);
}

/* |sum| < 2^30 at every step of the way: proved when the model was compiled. */
static void stapes_nn_depthwise_four(const stapes_nn_conv_layer *layer, stapes_nn_tap_grid taps, int32_t channel, int8_t *out)
{
    const int8_t *weight = (const int8_t *)layer->weights + channel;
    const int8_t *row = taps.first + channel;
    int32_t sum0 = layer->bias[channel], sum1 = layer->bias[channel + 1];
    int32_t sum2 = layer->bias[channel + 2], sum3 = layer->bias[channel + 3];
    int32_t ky, kx;
    for (ky = layer->kernel_height; ky > 0; ky--) {
        const int8_t *value = row;
        for (kx = layer->kernel_width; kx > 0; kx--) {
            sum0 += value[0] * weight[0];
            sum1 += value[1] * weight[1];
            sum2 += value[2] * weight[2];
            sum3 += value[3] * weight[3];
            value += taps.tap_step;
            weight += layer->out_channels;
        }
        row += taps.row_step;
    }
    stapes_nn_depthwise_finish(layer, channel, sum0, out);
    stapes_nn_depthwise_finish(layer, channel + 1, sum1, out);
    stapes_nn_depthwise_finish(layer, channel + 2, sum2, out);
    stapes_nn_depthwise_finish(layer, channel + 3, sum3, out);
}

static void stapes_nn_depthwise_one(const stapes_nn_conv_layer *layer, stapes_nn_tap_grid taps, int32_t in_channel, int32_t channel,
                                    int8_t *out)
{
    const int8_t *weight = (const int8_t *)layer->weights + channel;
    const int8_t *row = taps.first + in_channel;
    int32_t sum = layer->bias[channel];
    int32_t ky, kx;
    for (ky = layer->kernel_height; ky > 0; ky--) {
        const int8_t *value = row;
        for (kx = layer->kernel_width; kx > 0; kx--) {
            sum += *value * *weight;
            value += taps.tap_step;
            weight += layer->out_channels;
        }
        row += taps.row_step;
    }
    stapes_nn_depthwise_finish(layer, channel, sum, out);
}

static void stapes_nn_depthwise_pixel(const stapes_nn_conv_layer *layer, stapes_nn_tap_grid taps, int8_t *out)
{
    const int32_t copies = layer->out_channels / layer->in_channels;
    int32_t in_channel, channel = 0;
    if (copies == 1) {
        for (; channel + 3 < layer->out_channels; channel += 4) {
            stapes_nn_depthwise_four(layer, taps, channel, out);
        }
    }
    for (in_channel = channel; in_channel < layer->in_channels; in_channel++) {
        int32_t copy;
        for (copy = 0; copy < copies; copy++) {
            stapes_nn_depthwise_one(layer, taps, in_channel, channel++, out);
        }
    }
}

STAPES_NN_API void stapes_nn_depthwise(const stapes_nn_conv_layer *layer, const int8_t *in, int8_t *out, int8_t *scratch)
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
