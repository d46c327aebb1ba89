/* stapes_nn_transpose_conv_16.c -- TRANSPOSE_CONV of int16. Apache-2.0. */
#include "stapes_nn_conv_16.h"

/* Return the sum of one row of taps, from the first on that meets an input column; `from` is the output column plus
 * padding, < 2^17. */
static int64_t stapes_nn_transpose_conv_16_row(const stapes_nn_conv_16_layer *layer, const int16_t *row,
                                               const int8_t *weights, int32_t from)
{
    const int32_t depth = layer->in_channels, stride = layer->stride_width;
    int64_t sum = 0;
    int32_t kx, c;
    for (kx = from % stride; kx < layer->kernel_width && kx <= from; kx += stride) {
        const int32_t column = (from - kx) / stride;
        if (column < layer->in_width) {
            for (c = 0; c < depth; c++) {
                sum += stapes_nn_get_16(row + column * depth + c) * weights[kx * depth + c]; /* |product| <= 2^22 */
            }
        }
    }
    return sum;
}

/* Compute one output pixel. */
static void stapes_nn_transpose_conv_16_pixel(const stapes_nn_conv_16_layer *layer, const int16_t *image, int32_t y,
                                              int32_t x, int16_t *out)
{
    const int32_t from = y + layer->pad_top, stride = layer->stride_height; /* from < 2^17 */
    const int32_t taps = layer->kernel_width * layer->in_channels;
    const int8_t *weights = layer->weights;
    int32_t channel, ky;
    for (channel = 0; channel < layer->out_channels; channel++) {
        int64_t sum = layer->bias[channel];
        for (ky = from % stride; ky < layer->kernel_height && ky <= from; ky += stride) {
            const int32_t row = (from - ky) / stride;
            if (row < layer->in_height) {
                sum += stapes_nn_transpose_conv_16_row(layer, image + row * layer->in_width * layer->in_channels,
                                                       weights + ky * taps, x + layer->pad_left);
            }
        }
        stapes_nn_conv_16_finish(layer, channel, sum, out);
        weights += layer->kernel_height * taps;
    }
}

STAPES_NN_API void stapes_nn_transpose_conv_16(const stapes_nn_conv_16_layer *layer, const int16_t *in, int16_t *out)
{
    int32_t batch, y, x;
    for (batch = 0; batch < layer->batches; batch++) {
        for (y = 0; y < layer->out_height; y++) {
            for (x = 0; x < layer->out_width; x++) {
                stapes_nn_transpose_conv_16_pixel(layer, in, y, x, out);
                out += layer->out_channels;
            }
        }
        in += layer->in_height * layer->in_width * layer->in_channels;
    }
}
