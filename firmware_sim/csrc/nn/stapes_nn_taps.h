/* stapes_nn_taps.h -- the taps of one output pixel as one run of bytes, for cores without a fast memcpy. Apache-2.0.
 */
#ifndef STAPES_NN_TAPS_H
#define STAPES_NN_TAPS_H

#include "stapes_nn.h"

#if STAPES_NN_LAYOUT != STAPES_NN_HOST

#include <string.h>

#if STAPES_NN_LAYOUT == STAPES_NN_MVE
#include "stapes_nn_mve.h"
#endif /* STAPES_NN_MVE */

#if STAPES_NN_LAYOUT == STAPES_NN_MVE && STAPES_NN_ASM

/* Fill `count` bytes with a value. Returns the address after them. */
STAPES_NN_INLINE int8_t *stapes_nn_taps_fill(int8_t *to, int32_t count, int8_t value)
{
    const int8x16_t values = vdupq_n_s8(value);
    int8_t *const end = to + count;
    __asm__ volatile("wlstp.8 lr, %[count], 2f\n"
                     "1:\n\t"
                     "vstrb.8 %q[values], [%[to]], #16\n\t"
                     "letp lr, 1b\n"
                     "2:"
                     : [to] "+&r"(to)
                     : [count] "r"(count), [values] "w"(values)
                     : "lr", "memory");
    return end;
}

/* Copy `count` bytes. Returns the address after them. */
STAPES_NN_INLINE int8_t *stapes_nn_taps_copy(int8_t *to, const int8_t *from, int32_t count)
{
    int8_t *const end = to + count;
    __asm__ volatile("wlstp.8 lr, %[count], 2f\n"
                     "1:\n\t"
                     "vldrb.8 q0, [%[from]], #16\n\t"
                     "vstrb.8 q0, [%[to]], #16\n\t"
                     "letp lr, 1b\n"
                     "2:"
                     : [to] "+&r"(to), [from] "+&r"(from)
                     : [count] "r"(count)
                     : "q0", "lr", "memory");
    return end;
}

#else

/* Fill `count` bytes with a value. Returns the address after them. */
static int8_t *STAPES_NN_COLD stapes_nn_taps_fill(int8_t *to, int32_t count, int8_t value)
{
    while (count-- > 0) {
        *to++ = value;
    }
    return to;
}

/* Copy `count` bytes. Returns the address after them. */
STAPES_NN_INLINE int8_t *stapes_nn_taps_copy(int8_t *to, const int8_t *from, int32_t count)
{
    int8_t *const end = to + count;
    for (; end - to >= 4; to += 4, from += 4) {
        memcpy(to, from, 4);
    }
    while (to < end) {
        *to++ = *from++;
    }
    return to;
}

#endif

/* Gather the taps of a pixel whose first tap is at (top, left), one by one: for any dilation and any padding. */
static void STAPES_NN_COLD stapes_nn_taps_dilated(const stapes_nn_conv_layer *layer, const int8_t *in, int32_t top,
                                                  int32_t left, int8_t *to)
{
    const int32_t channels = layer->in_channels;
    int32_t ky, kx;
    for (ky = 0; ky < layer->kernel_height; ky++) {
        const int32_t row = top + ky * layer->dilation_height;
        for (kx = 0; kx < layer->kernel_width; kx++) {
            const int32_t column = left + kx * layer->dilation_width;
            const int outside = row < 0 || row >= layer->in_height || column < 0 || column >= layer->in_width;
            to = outside ? stapes_nn_taps_fill(to, channels, layer->in_zero)
                         : stapes_nn_taps_copy(to, in + (row * layer->in_width + column) * channels, channels);
        }
    }
}

/* Return the taps of output pixel (y, x) as one run of bytes: in the input where they are one run there, else gathered
 * at `patch`. Taps outside of the input have the value of its zero point. */
STAPES_NN_INLINE const int8_t *stapes_nn_taps(const stapes_nn_conv_layer *layer, const int8_t *in, int32_t y,
                                              int32_t x, int8_t *patch)
{
    const int32_t channels = layer->in_channels, width = layer->kernel_width;
    const int32_t top = y * layer->stride_height - layer->pad_top, bottom = top + layer->kernel_height;
    const int32_t left = x * layer->stride_width - layer->pad_left;
    /* Taps first .. last - 1 of a row lie inside of the input. */
    const int32_t first = left < 0 ? (-left < width ? -left : width) : 0;
    const int32_t last = layer->in_width - left < width ? layer->in_width - left : width;
    /* Bytes of a row of taps: outside of the input, inside, outside again. */
    const int32_t before = first * channels, run = (last - first) * channels, after = (width - last) * channels;
    const int8_t *const from = in + (left + first) * channels;
    int8_t *to = patch;
    int32_t row;
    if (layer->dilation_width != 1 || layer->dilation_height != 1 || last <= first) {
        stapes_nn_taps_dilated(layer, in, top, left, patch);
        return patch;
    }
    if (layer->kernel_height == 1 && last - first == width && top >= 0 && top < layer->in_height) {
        return from + top * layer->in_width * channels;
    }
    for (row = top; row < bottom; row++) {
        if (row < 0 || row >= layer->in_height) {
            to = stapes_nn_taps_fill(to, width * channels, layer->in_zero);
            continue;
        }
        if (before > 0) {
            to = stapes_nn_taps_fill(to, before, layer->in_zero);
        }
        to = stapes_nn_taps_copy(to, from + row * layer->in_width * channels, run);
        if (after > 0) {
            to = stapes_nn_taps_fill(to, after, layer->in_zero);
        }
    }
    return patch;
}

#endif

#endif
