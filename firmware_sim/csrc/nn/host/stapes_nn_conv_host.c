/* stapes_nn_conv_host.c -- CONV_2D for laptops and servers: eight channels per vector. Apache-2.0.
 *
 * Weights lie in blocks of eight channels. A block holds the taps in quads; a quad holds its four bytes of channel 0,
 * then those of channel 1, and so on. Channels, and the taps of each row of a kernel, are padded with zeros. Each
 * block is followed by eight little-endian words: -128 times the sum of the weights of each channel. Taps are read
 * where they lie; those of pixels that reach out of the input are gathered. */
#include "stapes_nn.h"

#if STAPES_NN_LAYOUT == STAPES_NN_HOST

#include "stapes_nn_arithmetic.h"
#include "stapes_nn_gather.h"
#include "stapes_nn_host.h"

#if STAPES_NN_VECTORS

/* Add the bias to, and round, the sums of `count` <= 8 channels from `channel` on, for every pixel of a tile. */
STAPES_NN_ALWAYS_INLINE void stapes_nn_conv_round(const stapes_nn_conv_layer *layer, int32_t channel, int32_t count,
                                                  int pixels, int block, stapes_nn_v8si sums[2][STAPES_NN_BLOCKS])
{
    const stapes_nn_v8si bias = stapes_nn_load_words(layer->bias + channel, count);
    const stapes_nn_scales scales = stapes_nn_make_scales(stapes_nn_load_words(layer->multiplier + channel, count),
                                                          stapes_nn_load_bytes(layer->shift + channel, count));
    int p;
    for (p = 0; p < pixels; p++) {
        sums[p][block] = stapes_nn_round_lanes(sums[p][block] + bias, &scales);
    }
}

/* Compute `blocks` blocks of eight channels from `channel` on; the last block may have fewer channels. */
STAPES_NN_ALWAYS_INLINE void stapes_nn_conv_blocks(const stapes_nn_conv_layer *layer, stapes_nn_host_taps taps,
                                                   int32_t channel, int pixels, int blocks, int8_t *out)
{
    const int32_t last = channel + 8 * (blocks - 1), left = layer->out_channels - last;
    stapes_nn_v8si sums[2][STAPES_NN_BLOCKS];
    int p, b;
    stapes_nn_dot_tile((const int8_t *)layer->weights + channel * (taps.rows * taps.run + 4), taps, pixels, blocks,
                       pixels * blocks == 1 ? 4 : 1, sums);
    for (b = 0; b < blocks - 1; b++) {
        stapes_nn_conv_round(layer, channel + 8 * b, 8, pixels, b, sums);
    }
    if (left >= 8) {
        stapes_nn_conv_round(layer, last, 8, pixels, b, sums);
    } else {
        stapes_nn_conv_round(layer, last, left, pixels, b, sums);
    }
    for (p = 0; p < pixels; p++, out += layer->out_channels) {
        for (b = 0; b < blocks; b += 4) {
            const int vectors = blocks - b >= 4 ? 4 : blocks - b;
            const int32_t rest = layer->out_channels - channel - 8 * b,
                          count = rest < 8 * vectors ? rest : 8 * vectors;
            stapes_nn_store_lanes(sums[p] + b, vectors, layer->out_zero, layer->out_min, layer->out_max,
                                  out + channel + 8 * b, count);
        }
    }
}

/* Compute up to STAPES_NN_BLOCKS blocks of eight channels of one or two pixels; each case is compiled with constant
 * numbers. */
STAPES_NN_ALWAYS_INLINE void stapes_nn_conv_dispatch(const stapes_nn_conv_layer *layer, stapes_nn_host_taps taps,
                                                     int32_t channel, int pixels, int8_t *out)
{
    switch ((layer->out_channels - channel + 7) / 8) {
    case 1:
        stapes_nn_conv_blocks(layer, taps, channel, pixels, 1, out);
        break;
    case 2:
        stapes_nn_conv_blocks(layer, taps, channel, pixels, 2, out);
        break;
    case 3:
        stapes_nn_conv_blocks(layer, taps, channel, pixels, 3, out);
        break;
    case 4:
        stapes_nn_conv_blocks(layer, taps, channel, pixels, 4, out);
        break;
    case 5:
        stapes_nn_conv_blocks(layer, taps, channel, pixels, 5, out);
        break;
    default:
        stapes_nn_conv_blocks(layer, taps, channel, pixels, STAPES_NN_BLOCKS, out);
    }
}

static void stapes_nn_conv_pixels(const stapes_nn_conv_layer *layer, stapes_nn_host_taps taps, int32_t pixels,
                                  int8_t *out)
{
    int32_t channel;
    for (channel = 0; channel < layer->out_channels; channel += 8 * STAPES_NN_BLOCKS) {
        if (pixels == 2) {
            stapes_nn_conv_dispatch(layer, taps, channel, 2, out);
        } else {
            stapes_nn_conv_dispatch(layer, taps, channel, 1, out);
        }
    }
}

#else

static void stapes_nn_conv_pixels(const stapes_nn_conv_layer *layer, stapes_nn_host_taps taps, int32_t pixels,
                                  int8_t *out)
{
    int32_t pixel, channel;
    for (pixel = 0; pixel < pixels; pixel++) {
        for (channel = 0; channel < layer->out_channels; channel++) {
            const int32_t sum =
                layer->bias[channel] + stapes_nn_dot_plain((const int8_t *)layer->weights, taps, channel);
            const int32_t scaled = stapes_nn_round_any(sum, layer->multiplier[channel], layer->shift[channel]);
            *out++ = stapes_nn_clamp(scaled + layer->out_zero, layer->out_min, layer->out_max);
        }
        taps.first += taps.pixel_stride;
    }
}

#endif

/* Return the taps of `pixels` pixels from (y, x) on, in the input or gathered. In the last run up to three bytes after
 * the taps are read, but none after the input. */
static inline stapes_nn_host_taps stapes_nn_conv_taps(const stapes_nn_conv_layer *layer, const int8_t *in, int32_t y,
                                                      int32_t x, int32_t pixels, int8_t *scratch)
{
    const int32_t channels = layer->in_channels;
    const int32_t top = y * layer->stride_height - layer->pad_top, left = x * layer->stride_width - layer->pad_left;
    const int32_t bottom = top + (layer->kernel_height - 1) * layer->dilation_height;
    const int32_t last = left + (pixels - 1) * layer->stride_width; /* column of the first tap of the last pixel */
    const int32_t width = layer->in_width;
    stapes_nn_host_taps taps = {NULL, 0, 0, layer->kernel_height, (layer->kernel_width * channels + 3) / 4 * 4};
    const int32_t end = (bottom * width + last) * channels + taps.run;
    int32_t pixel;
    if (layer->dilation_width == 1 && top >= 0 && left >= 0 && bottom < layer->in_height &&
        last + layer->kernel_width <= width && end <= layer->in_height * width * channels) {
        taps.first = in + (top * width + left) * channels;
        taps.pixel_stride = layer->stride_width * channels;
        taps.row_stride = layer->dilation_height * width * channels;
        return taps;
    }
    taps.first = scratch;
    taps.pixel_stride = taps.rows * taps.run;
    taps.row_stride = taps.run;
    for (pixel = 0; pixel < pixels; pixel++) {
        stapes_nn_gather(layer, in, y, x + pixel, taps.run, scratch + pixel * taps.pixel_stride);
    }
    return taps;
}

/* |sum| < 2^31 for partial sums in any order, with the bias first or last: proved by the compiler. */
STAPES_NN_API void stapes_nn_conv(const stapes_nn_conv_layer *layer, const int8_t *in, int8_t *out, int8_t *scratch)
{
    int32_t batch, y, x;
    for (batch = 0; batch < layer->batches; batch++) {
        for (y = 0; y < layer->out_height; y++) {
            for (x = 0; x < layer->out_width; x += 2) {
                const int32_t pixels = x + 1 < layer->out_width ? 2 : 1;
                stapes_nn_conv_pixels(layer, stapes_nn_conv_taps(layer, in, y, x, pixels, scratch), pixels, out);
                out += pixels * layer->out_channels;
            }
        }
        in += layer->in_height * layer->in_width * layer->in_channels;
    }
}

#endif
