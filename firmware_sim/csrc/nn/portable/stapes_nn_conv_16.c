/* stapes_nn_conv_16.c -- CONV_2D and DEPTHWISE_CONV_2D of int16. Apache-2.0. */
#include "stapes_nn_conv_16.h"

/* Return the sum of one row of taps that lies inside of the input: columns [first, last) of the kernel, from `left`
 * on.
 */
static int64_t stapes_nn_conv_16_row(const stapes_nn_conv_16_layer *layer, const int16_t *row, const int8_t *weights,
                                     int32_t left, int32_t channels)
{
    int64_t sum = 0;
    int32_t kx, c;
    for (kx = 0; kx < layer->kernel_width; kx++, weights += channels) {
        const int32_t column = left + kx * layer->dilation_width;
        if (column >= 0 && column < layer->in_width) {
            const int16_t *const value = row + column * layer->in_channels;
            for (c = 0; c < channels; c++) {
                sum += stapes_nn_get_16(value + c) * weights[c]; /* |product| <= 2^22 */
            }
        }
    }
    return sum;
}

/* Compute one output pixel, whose first tap is at (top, left). |sum| < 2^47: proved by the compiler. */
static void stapes_nn_conv_16_pixel(const stapes_nn_conv_16_layer *layer, const int16_t *in, int32_t top, int32_t left,
                                    int16_t *out)
{
    const int32_t channels = layer->in_channels / layer->groups, many = layer->out_channels / layer->groups;
    const int8_t *weights = layer->weights;
    int32_t channel, ky;
    for (channel = 0; channel < layer->out_channels; channel++) {
        int64_t sum = layer->bias[channel];
        for (ky = 0; ky < layer->kernel_height; ky++, weights += layer->kernel_width * channels) {
            const int32_t row = top + ky * layer->dilation_height;
            if (row >= 0 && row < layer->in_height) {
                sum += stapes_nn_conv_16_row(
                    layer, in + row * layer->in_width * layer->in_channels + channel / many * channels, weights, left,
                    channels);
            }
        }
        stapes_nn_conv_16_finish(layer, channel, sum, out);
    }
}

STAPES_NN_API void stapes_nn_conv_16(const stapes_nn_conv_16_layer *layer, const int16_t *in, int16_t *out)
{
    int32_t batch, y, x;
    for (batch = 0; batch < layer->batches; batch++) {
        for (y = 0; y < layer->out_height; y++) {
            for (x = 0; x < layer->out_width; x++) {
                stapes_nn_conv_16_pixel(layer, in, y * layer->stride_height - layer->pad_top,
                                        x * layer->stride_width - layer->pad_left, out);
                out += layer->out_channels;
            }
        }
        in += layer->in_height * layer->in_width * layer->in_channels;
    }
}
