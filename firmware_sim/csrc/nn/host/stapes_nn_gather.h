/* stapes_nn_gather.h -- the taps of one output pixel, on computers with a fast memcpy. Apache-2.0. */
#ifndef STAPES_NN_GATHER_H
#define STAPES_NN_GATHER_H

#include <string.h>

#include "stapes_nn.h"

/* Copy a few bytes without calling memcpy: a word at a time, then the rest. */
STAPES_NN_INLINE void stapes_nn_copy(int8_t *to, const int8_t *from, int32_t count)
{
    for (; count >= (int32_t)sizeof(size_t); count -= (int32_t)sizeof(size_t)) {
        memcpy(to, from, sizeof(size_t));
        to += sizeof(size_t);
        from += sizeof(size_t);
    }
    if (count & 4) {
        memcpy(to, from, 4);
        to += 4;
        from += 4;
    }
    if (count & 2) {
        memcpy(to, from, 2);
        to += 2;
        from += 2;
    }
    if (count & 1) {
        *to = *from;
    }
}

/* Copy the taps of output pixel (y, x) to `patch`: rows of the kernel begin `pitch` bytes apart, at least kernel_width
 * * in_channels. Taps outside of the input have the value of its zero point. */
STAPES_NN_INLINE void stapes_nn_gather(const stapes_nn_conv_layer *layer, const int8_t *in, int32_t y, int32_t x,
                                       int32_t pitch, int8_t *patch)
{
    const int32_t channels = layer->in_channels;
    const int32_t top = y * layer->stride_height - layer->pad_top;
    const int32_t left = x * layer->stride_width - layer->pad_left;
    const int32_t right = left + (layer->kernel_width - 1) * layer->dilation_width;
    const int joined = layer->dilation_width == 1 && left >= 0 && right < layer->in_width;
    int32_t ky, kx;
    for (ky = 0; ky < layer->kernel_height; ky++, patch += pitch) {
        const int32_t row = top + ky * layer->dilation_height;
        const int inside = row >= 0 && row < layer->in_height;
        if (inside && joined) {
            stapes_nn_copy(patch, in + (row * layer->in_width + left) * channels, layer->kernel_width * channels);
            continue;
        }
        for (kx = 0; kx < layer->kernel_width; kx++) {
            const int32_t column = left + kx * layer->dilation_width;
            if (inside && column >= 0 && column < layer->in_width) {
                stapes_nn_copy(patch + kx * channels, in + (row * layer->in_width + column) * channels, channels);
            } else {
                memset(patch + kx * channels, layer->in_zero, (size_t)channels);
            }
        }
    }
}

/* Where the taps of a pixel lie: the first one, the bytes from a tap to the next in its row, and from a row to the
 * next. */
typedef struct {
    const int8_t *first;
    int32_t tap_stride, row_stride;
} stapes_nn_tap_grid;

/* Return the taps of output pixel (y, x): in the input when all of them are inside, else gathered at `patch`. */
STAPES_NN_INLINE stapes_nn_tap_grid stapes_nn_tap_grid_at(const stapes_nn_conv_layer *layer, const int8_t *in,
                                                          int32_t y, int32_t x, int8_t *patch)
{
    const int32_t channels = layer->in_channels, width = layer->in_width;
    const int32_t top = y * layer->stride_height - layer->pad_top, left = x * layer->stride_width - layer->pad_left;
    const int32_t bottom = top + (layer->kernel_height - 1) * layer->dilation_height;
    const int32_t right = left + (layer->kernel_width - 1) * layer->dilation_width;
    stapes_nn_tap_grid taps;
    if (top >= 0 && left >= 0 && bottom < layer->in_height && right < width) {
        taps.first = in + (top * width + left) * channels;
        taps.tap_stride = layer->dilation_width * channels;
        taps.row_stride = layer->dilation_height * width * channels;
    } else {
        taps.first = patch;
        taps.tap_stride = channels;
        taps.row_stride = layer->kernel_width * channels;
        stapes_nn_gather(layer, in, y, x, taps.row_stride, patch);
    }
    return taps;
}

#endif
