/* stapes_nn_depthwise_host.c -- DEPTHWISE_CONV_2D for laptops and servers: eight channels per vector. Apache-2.0.
 *
 * Weights as stored: [kernel_height][kernel_width][out_channels]. With a depth multiplier the plain twin runs. */
#include "stapes_nn.h"

#if STAPES_NN_LAYOUT == STAPES_NN_HOST

#include "stapes_nn_arithmetic.h"
#include "stapes_nn_gather.h"
#include "stapes_nn_host.h"

/* Where the taps of a pixel lie: the first one, the bytes from a tap to the next in its row, and from a row to the next. */
typedef struct {
    const int8_t *first;
    int32_t tap_step, row_step;
} stapes_nn_depthwise_taps;

#if STAPES_NN_VECTORS

/* `count` channels from `channel` on. |sum| < 2^30 at every step of the way: proved when the model was compiled. */
STAPES_NN_ALWAYS void stapes_nn_depthwise_block(const stapes_nn_conv_layer *layer, stapes_nn_depthwise_taps taps, int32_t channel, int32_t count,
                                                int8_t *out)
{
    const int8_t *weight = (const int8_t *)layer->weights + channel, *row = taps.first + channel;
    stapes_nn_v8si sums = stapes_nn_load_words(layer->bias + channel, count);
    int32_t ky, kx;
    for (ky = layer->kernel_height; ky > 0; ky--) {
        const int8_t *value = row;
        for (kx = layer->kernel_width; kx > 0; kx--) {
            sums += stapes_nn_load_bytes(value, count) * stapes_nn_load_bytes(weight, count);
            value += taps.tap_step;
            weight += layer->out_channels;
        }
        row += taps.row_step;
    }
    sums = stapes_nn_round_lanes(sums, stapes_nn_load_words(layer->multiplier + channel, count),
                                 stapes_nn_load_bytes(layer->shift + channel, count));
    stapes_nn_store_lanes(sums + stapes_nn_splat(layer->out_zero), layer->out_min, layer->out_max, out + channel, count);
}

#endif

static void stapes_nn_depthwise_one(const stapes_nn_conv_layer *layer, stapes_nn_depthwise_taps taps, int32_t in_channel, int32_t channel,
                                    int8_t *out)
{
    const int8_t *weight = (const int8_t *)layer->weights + channel, *row = taps.first + in_channel;
    int32_t sum = layer->bias[channel], scaled, ky, kx;
    for (ky = 0; ky < layer->kernel_height; ky++) {
        for (kx = 0; kx < layer->kernel_width; kx++) {
            sum += row[kx * taps.tap_step] * *weight;
            weight += layer->out_channels;
        }
        row += taps.row_step;
    }
    scaled = stapes_nn_round_twice(sum, layer->multiplier[channel], layer->shift[channel]);
    out[channel] = stapes_nn_clamp(scaled + layer->out_zero, layer->out_min, layer->out_max);
}

static void stapes_nn_depthwise_pixel(const stapes_nn_conv_layer *layer, stapes_nn_depthwise_taps taps, int8_t *out)
{
    const int32_t copies = layer->out_channels / layer->in_channels;
    int32_t channel = 0;
#if STAPES_NN_VECTORS
    if (copies == 1) {
        for (; channel + 8 <= layer->out_channels; channel += 8) {
            stapes_nn_depthwise_block(layer, taps, channel, 8, out);
        }
        if (channel < layer->out_channels) {
            stapes_nn_depthwise_block(layer, taps, channel, layer->out_channels - channel, out);
        }
        return;
    }
#endif
    for (; channel < layer->out_channels; channel++) {
        stapes_nn_depthwise_one(layer, taps, channel / copies, channel, out);
    }
}

STAPES_NN_API void stapes_nn_depthwise(const stapes_nn_conv_layer *layer, const int8_t *in, int8_t *out, int8_t *scratch)
{
    const int32_t reach_down = (layer->kernel_height - 1) * layer->dilation_height;
    const int32_t reach_right = (layer->kernel_width - 1) * layer->dilation_width;
    int32_t batch, y, x;
    for (batch = 0; batch < layer->batches; batch++) {
        for (y = 0; y < layer->out_height; y++) {
            for (x = 0; x < layer->out_width; x++) {
                const int32_t top = y * layer->stride_height - layer->pad_top, left = x * layer->stride_width - layer->pad_left;
                stapes_nn_depthwise_taps taps;
                if (top >= 0 && left >= 0 && top + reach_down < layer->in_height && left + reach_right < layer->in_width) {
                    taps.first = in + (top * layer->in_width + left) * layer->in_channels;
                    taps.tap_step = layer->dilation_width * layer->in_channels;
                    taps.row_step = layer->dilation_height * layer->in_width * layer->in_channels;
                } else {
                    stapes_nn_gather(layer, in, y, x, layer->kernel_width * layer->in_channels, scratch);
                    taps.first = scratch;
                    taps.tap_step = layer->in_channels;
                    taps.row_step = layer->kernel_width * layer->in_channels;
                }
                stapes_nn_depthwise_pixel(layer, taps, out);
                out += layer->out_channels;
            }
        }
        in += layer->in_height * layer->in_width * layer->in_channels;
    }
}

#endif
