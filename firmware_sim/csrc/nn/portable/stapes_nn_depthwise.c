/* stapes_nn_depthwise.c -- DEPTHWISE_CONV_2D, weights in rows. Apache-2.0.
 *
 * One channel of the input is gathered into a plane with its padding; then four neighbouring pixels share each weight
 * that is loaded. A single row of pixels without padding, which is usual in a step of a streaming model, is computed
 * four channels at a time directly from the input. */
#include "stapes_nn.h"

#if STAPES_NN_LAYOUT == STAPES_NN_ROWS

#include "stapes_nn_arithmetic.h"

/* The offset of the values in the plane: small cores load bytes as unsigned numbers. */
#if STAPES_NN_SMALL_CORE
#define STAPES_NN_DEPTHWISE_OFFSET 128
typedef uint8_t stapes_nn_depthwise_value;
#else
#define STAPES_NN_DEPTHWISE_OFFSET 0
typedef int8_t stapes_nn_depthwise_value;
#endif

/* One of the two axes: its sizes, and the bytes from one position to the next in input, output and weights. */
typedef struct {
    int32_t in, in_stride, pad;
    int32_t out, out_stride, stride;
    int32_t kernel, weight_stride, dilation;
} stapes_nn_depthwise_axis;

/* The plane; its rows run along the longer axis of the output. With a stride of 1 along that axis there is one copy of
 * the plane. With a larger stride there is one copy per tap along the axis, each with the inputs of that tap only, so
 * that neighbouring pixels are neighbours in every copy. */
typedef struct {
    stapes_nn_depthwise_axis axes[2];
    const stapes_nn_depthwise_axis *across, *along;
    stapes_nn_depthwise_value *values;
    int32_t copies, rows, pitch;
    int32_t tap_stride; /* bytes from a tap to the next one along the axis `along` */
    int four_channels;  /* whether stapes_nn_depthwise_row can be used */
} stapes_nn_depthwise_plane;

/* Set the sizes and strides of the plane. */
static void STAPES_NN_COLD stapes_nn_depthwise_plan(const stapes_nn_conv_layer *layer, int8_t *scratch,
                                                    stapes_nn_depthwise_plane *plane)
{
    const int32_t in_channels = layer->in_channels, out_channels = layer->out_channels;
    const stapes_nn_depthwise_axis tall = {
        layer->in_height,     layer->in_width * in_channels,      layer->pad_top,
        layer->out_height,    layer->out_width * out_channels,    layer->stride_height,
        layer->kernel_height, layer->kernel_width * out_channels, layer->dilation_height};
    const stapes_nn_depthwise_axis wide = {layer->in_width,     in_channels,  layer->pad_left,
                                           layer->out_width,    out_channels, layer->stride_width,
                                           layer->kernel_width, out_channels, layer->dilation_width};
    const int upright = tall.out > wide.out;
    const stapes_nn_depthwise_axis *const across = plane->axes + upright, *const along = plane->axes + 1 - upright;
    int32_t columns;
    plane->axes[0] = tall;
    plane->axes[1] = wide;
    plane->across = across;
    plane->along = along;
    plane->values = (stapes_nn_depthwise_value *)scratch;
    plane->rows = (across->out - 1) * across->stride + (across->kernel - 1) * across->dilation + 1;
    columns = (along->out - 1) * along->stride + (along->kernel - 1) * along->dilation + 1;
    plane->four_channels = across->pad + along->pad == 0 && plane->rows <= across->in && columns <= along->in &&
                           across->out == 1 && in_channels == out_channels && in_channels % 4 == 0;
    plane->copies = 1;
    plane->pitch = columns;
    plane->tap_stride = along->dilation;
    if (along->stride > 1) {
        plane->copies = along->kernel;
        plane->pitch = along->out;
        plane->tap_stride = plane->rows * plane->pitch;
    }
}

/* Copy one channel to the plane; values outside of the input are its zero point. */
static void STAPES_NN_NOINLINE stapes_nn_depthwise_gather(const stapes_nn_depthwise_plane *plane, const int8_t *in,
                                                          int8_t zero)
{
    const stapes_nn_depthwise_axis *const across = plane->across, *const along = plane->along;
    const int32_t stride = along->stride * along->in_stride;
    stapes_nn_depthwise_value *to = plane->values;
    int32_t copy, row;
    for (copy = 0; copy < plane->copies; copy++) {
        for (row = 0; row < plane->rows; row++) {
            const int32_t from = row - across->pad;
            const uint32_t limit = from >= 0 && from < across->in ? (uint32_t)(along->in * along->in_stride) : 0;
            stapes_nn_depthwise_value *const end = to + plane->pitch;
            int32_t offset = (copy * along->dilation - along->pad) * along->in_stride, base = from * across->in_stride;
            do {
                *to = (stapes_nn_depthwise_value)(((uint32_t)offset < limit ? in[base + offset] : zero) +
                                                  STAPES_NN_DEPTHWISE_OFFSET);
                offset += stride;
            } while (++to != end);
        }
    }
}

/* Requantize count > 0 pixels of a channel, which are `stride` bytes apart in `out`. |sum| < 2^30
 * where the shift is to the right, else 2^31, and |scaled| < 2^31 - 2^8: proved by the compiler. */
static void STAPES_NN_HOT stapes_nn_depthwise_finish(const stapes_nn_conv_layer *layer, int32_t channel,
                                                     const int32_t *sum, int32_t count, int8_t *out, int32_t stride)
{
    const int32_t zero = layer->out_zero, low = layer->out_min, high = layer->out_max;
    const int32_t multiplier = layer->multiplier[channel], right = -layer->shift[channel];
    const int32_t *const end = sum + count;
    if (right <= 0) {
        stapes_nn_finish_any(layer, sum, end, multiplier, -right, out, stride);
        return;
    }
    do {
        *out = stapes_nn_clamp(stapes_nn_round_right(*sum, multiplier, right) + zero, low, high);
        out += stride;
    } while (++sum != end);
}

/* Return the bias less what the offset of the values adds to the sum; modulo 2^32, as the sums that begin with it. */
static inline uint32_t stapes_nn_depthwise_begin(const stapes_nn_conv_layer *layer, int32_t channel)
{
    const int8_t *weight = (const int8_t *)layer->weights + channel;
    int32_t sum = 0, tap;
    for (tap = STAPES_NN_DEPTHWISE_OFFSET ? layer->kernel_height * layer->kernel_width : 0; tap > 0; tap--) {
        sum += *weight;
        weight += layer->out_channels;
    }
    return (uint32_t)layer->bias[channel] - (uint32_t)(STAPES_NN_DEPTHWISE_OFFSET * sum);
}

/* Compute the sums of four neighbouring pixels; `row` is the first tap of the first one. At the end of a row, the
 * values behind it are read too, but the sums of them are not used. */
static inline void stapes_nn_depthwise_four(const stapes_nn_depthwise_plane *plane,
                                            const stapes_nn_depthwise_value *row, const int8_t *weights,
                                            uint32_t start, int32_t *sums)
{
    const int32_t tap_stride = plane->tap_stride, weight_stride = plane->along->weight_stride;
    uint32_t sum0 = start, sum1 = start, sum2 = start, sum3 = start;
    int32_t k = plane->across->kernel;
    do {
        const stapes_nn_depthwise_value *value = row;
        const int8_t *weight = weights, *const end = weights + plane->along->kernel * weight_stride;
        do {
            const uint32_t factor = (uint32_t)*weight;
            sum0 += (uint32_t)value[0] * factor;
            sum1 += (uint32_t)value[1] * factor;
            sum2 += (uint32_t)value[2] * factor;
            sum3 += (uint32_t)value[3] * factor;
            value += tap_stride;
            weight += weight_stride;
        } while (weight != end);
        row += plane->across->dilation * plane->pitch;
        weights += plane->across->weight_stride;
    } while (--k > 0);
    sums[0] = (int32_t)sum0; /* |sum| < 2^31: proved by the compiler */
    sums[1] = (int32_t)sum1;
    sums[2] = (int32_t)sum2;
    sums[3] = (int32_t)sum3;
}

/* Compute all pixels of one output channel from the plane. */
static void STAPES_NN_HOT stapes_nn_depthwise_channel(const stapes_nn_conv_layer *layer,
                                                      const stapes_nn_depthwise_plane *plane, int32_t channel,
                                                      int8_t *out)
{
    const int8_t *const weights = (const int8_t *)layer->weights + channel;
    const int32_t stride = plane->along->out_stride;
    const uint32_t start = stapes_nn_depthwise_begin(layer, channel);
    int32_t row, left, count, n, sums[16];
    out += channel;
    for (row = 0; row < plane->across->out; row++) {
        const stapes_nn_depthwise_value *value = plane->values + row * plane->across->stride * plane->pitch;
        int8_t *at = out;
        for (left = plane->along->out; left > 0; left -= count) {
            count = left < 16 ? left : 16;
            for (n = 0; n < count; n += 4) {
                stapes_nn_depthwise_four(plane, value, weights, start, sums + n);
                value += 4;
            }
            stapes_nn_depthwise_finish(layer, channel, sums, count, at, stride);
            at += count * stride;
        }
        out += plane->across->out_stride;
    }
}

/* Compute four channels of a single row of pixels, all of whose taps lie inside of the input. The taps of a pixel
 * begin at its own position or after it, so that the output may lie where the input does. |sum| < 2^31 for all partial
 * sums: proved by the compiler. */
static void STAPES_NN_HOT stapes_nn_depthwise_row(const stapes_nn_conv_layer *layer,
                                                  const stapes_nn_depthwise_plane *plane, int32_t channel,
                                                  const int8_t *in, int8_t *out)
{
    const stapes_nn_depthwise_axis *const across = plane->across, *const along = plane->along;
    const int32_t tap_stride = along->dilation * along->in_stride, weight_stride = along->weight_stride;
    const int32_t *const bias = layer->bias + channel;
    int32_t left, pixels, n, sums[16]; /* four pixels of the first channel, of the second, ... */
    for (left = along->out, pixels = 0; left > 0; left--) {
        const int8_t *row = in, *weights = (const int8_t *)layer->weights + channel;
        int32_t sum0 = bias[0], sum1 = bias[1], sum2 = bias[2], sum3 = bias[3], k = across->kernel;
        int32_t *const sum = sums + pixels++;
        do {
            const int8_t *value = row, *weight = weights, *const end = weights + along->kernel * weight_stride;
            do {
                sum0 += value[0] * weight[0];
                sum1 += value[1] * weight[1];
                sum2 += value[2] * weight[2];
                sum3 += value[3] * weight[3];
                value += tap_stride;
                weight += weight_stride;
            } while (weight != end);
            row += across->dilation * across->in_stride;
            weights += across->weight_stride;
        } while (--k > 0);
        sum[0] = sum0;
        sum[4] = sum1;
        sum[8] = sum2;
        sum[12] = sum3;
        in += along->stride * along->in_stride;
        if (pixels == 4 || left == 1) {
            for (n = 0; n < 4; n++) {
                stapes_nn_depthwise_finish(layer, channel + n, sums + 4 * n, pixels, out + n, along->out_stride);
            }
            out += pixels * along->out_stride;
            pixels = 0;
        }
    }
}

STAPES_NN_API void stapes_nn_depthwise(const stapes_nn_conv_layer *layer, const int8_t *in, int8_t *out,
                                       int8_t *scratch)
{
    const int32_t in_channels = layer->in_channels, multiple = layer->out_channels / in_channels;
    stapes_nn_depthwise_plane plane;
    int32_t batch, channel, n;
    stapes_nn_depthwise_plan(layer, scratch, &plane);
    for (batch = 0; batch < layer->batches; batch++) {
        for (channel = 0; plane.four_channels && channel < in_channels; channel += 4) {
            stapes_nn_depthwise_row(layer, &plane, channel, in + channel, out + channel);
        }
        for (; channel < in_channels; channel++) {
            stapes_nn_depthwise_gather(&plane, in + channel, layer->in_zero);
            for (n = 0; n < multiple; n++) {
                stapes_nn_depthwise_channel(layer, &plane, channel * multiple + n, out);
            }
        }
        in += plane.axes->in * plane.axes->in_stride;
        out += plane.axes->out * plane.axes->out_stride;
    }
}

#endif
