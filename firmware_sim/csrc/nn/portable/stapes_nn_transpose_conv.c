/* stapes_nn_transpose_conv.c -- TRANSPOSE_CONV. Apache-2.0. */
#include "stapes_nn.h"
#include "stapes_nn_arithmetic.h"

/* The taps of an output position along one axis: tap `first` reads input position `position`, and each tap that is
 * `stride` further on the position before. */
typedef struct {
    int32_t first, position, count;
} stapes_nn_reached;

/* from: output position plus padding, < 2^17. */
static stapes_nn_reached stapes_nn_reached_by(int32_t from, int32_t stride, int32_t kernel, int32_t size)
{
    stapes_nn_reached taps;
    int32_t beyond;
    taps.first = from % stride;
    taps.position = from / stride;
    beyond = taps.position - (size - 1);
    if (beyond > 0) {
        taps.first += beyond * stride; /* <= from */
        taps.position = size - 1;
    }
    taps.count = taps.first < kernel ? (kernel - 1 - taps.first) / stride + 1 : 0;
    if (taps.count > taps.position + 1) {
        taps.count = taps.position + 1;
    }
    return taps;
}

/* One output pixel: what it reads, by rows and by columns. */
typedef struct {
    const int8_t *image;
    stapes_nn_reached rows, columns;
    int8_t *out;
} stapes_nn_reached_pixel;

static void stapes_nn_transpose_conv_finish(const stapes_nn_conv_layer *layer, int32_t channel, int32_t sum,
                                            int8_t *out)
{
    const int32_t scaled = stapes_nn_round_any(sum, layer->multiplier[channel], layer->shift[channel]);
    out[channel] = stapes_nn_clamp(scaled + layer->out_zero, layer->out_min, layer->out_max);
}

/* Four channels from `channel` on, or with stride 0 the same channel four times, of which one is stored.
 * |sum| < 2^31 for all partial sums: proved by the compiler. */
static void stapes_nn_transpose_conv_channels(const stapes_nn_conv_layer *layer, const stapes_nn_reached_pixel *pixel,
                                              int32_t channel, int32_t stride)
{
    const int32_t depth = layer->in_channels, taps = layer->kernel_height * layer->kernel_width * depth;
    const int32_t zero = layer->in_zero, next = stride * taps;
    const int8_t *const weights = (const int8_t *)layer->weights + channel * taps;
    const int32_t *const bias = layer->bias + channel;
    int32_t sum0 = bias[0], sum1 = bias[stride], sum2 = bias[2 * stride], sum3 = bias[3 * stride];
    int32_t i, j, k;
    for (i = 0; i < pixel->rows.count; i++) {
        const int32_t ky = pixel->rows.first + i * layer->stride_height;
        const int8_t *x =
            pixel->image + ((pixel->rows.position - i) * layer->in_width + pixel->columns.position) * depth;
        const int8_t *row = weights + (ky * layer->kernel_width + pixel->columns.first) * depth;
        for (j = 0; j < pixel->columns.count; j++) {
            const int8_t *row1 = row + next, *row2 = row1 + next, *row3 = row2 + next;
            for (k = 0; k < depth; k++) {
                const int32_t value = x[k] - zero; /* |value| <= 255 */
                sum0 += value * row[k];
                sum1 += value * row1[k];
                sum2 += value * row2[k];
                sum3 += value * row3[k];
            }
            x -= depth;
            row += layer->stride_width * depth;
        }
    }
    stapes_nn_transpose_conv_finish(layer, channel, sum0, pixel->out);
    if (stride > 0) {
        stapes_nn_transpose_conv_finish(layer, channel + 1, sum1, pixel->out);
        stapes_nn_transpose_conv_finish(layer, channel + 2, sum2, pixel->out);
        stapes_nn_transpose_conv_finish(layer, channel + 3, sum3, pixel->out);
    }
}

STAPES_NN_API void stapes_nn_transpose_conv(const stapes_nn_conv_layer *layer, const int8_t *in, int8_t *out)
{
    const int32_t channels = layer->out_channels, group = channels < 4 ? 1 : 4;
    stapes_nn_reached_pixel pixel;
    int32_t batch, y, x, channel;
    pixel.image = in;
    pixel.out = out;
    for (batch = 0; batch < layer->batches; batch++) {
        for (y = 0; y < layer->out_height; y++) {
            pixel.rows =
                stapes_nn_reached_by(y + layer->pad_top, layer->stride_height, layer->kernel_height, layer->in_height);
            for (x = 0; x < layer->out_width; x++) {
                pixel.columns = stapes_nn_reached_by(x + layer->pad_left, layer->stride_width, layer->kernel_width,
                                                     layer->in_width);
                for (channel = 0; channel < channels;
                     channel += group) { /* the last group may overlap the one before */
                    const int32_t first = channel + group <= channels ? channel : channels - group;
                    stapes_nn_transpose_conv_channels(layer, &pixel, first, group > 1);
                }
                pixel.out += channels;
            }
        }
        pixel.image += layer->in_height * layer->in_width * layer->in_channels;
    }
}
