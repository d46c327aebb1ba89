/* stapes_nn_depthwise_mve.c -- DEPTHWISE_CONV_2D with Helium: four channels at a time. Apache-2.0.
 *
 * Four channels are gathered into a plane with their padding, four bytes per pixel, so that no tap must be tested for
 * lying inside of the input. Weights lie in groups of four output channels: [group][kernel_height][kernel_width][4],
 * padded with zeros. */
#include "stapes_nn.h"

#if STAPES_NN_LAYOUT == STAPES_NN_MVE

#include <string.h>

#include "stapes_nn_arithmetic.h"
#include "stapes_nn_mve.h"

/* Height and width of the plane: the part of the padded input that the taps of all pixels read. */
typedef struct {
    int32_t height, width;
} stapes_nn_mve_plane;

static stapes_nn_mve_plane stapes_nn_depthwise_plane(const stapes_nn_conv_layer *layer)
{
    stapes_nn_mve_plane size;
    size.height =
        (layer->out_height - 1) * layer->stride_height + (layer->kernel_height - 1) * layer->dilation_height + 1;
    size.width = (layer->out_width - 1) * layer->stride_width + (layer->kernel_width - 1) * layer->dilation_width + 1;
    return size;
}

/* Copy the input channels of output channels group .. group + 3 into the plane; with a depth multiplier they may be
 * the same channel. */
static void stapes_nn_depthwise_gather(const stapes_nn_conv_layer *layer, stapes_nn_mve_plane size, const int8_t *in,
                                       int32_t group, int8_t *plane)
{
    const int32_t copies = layer->out_channels / layer->in_channels;
    const int32_t rows =
        size.height - layer->pad_top < layer->in_height ? size.height - layer->pad_top : layer->in_height;
    const int32_t columns =
        size.width - layer->pad_left < layer->in_width ? size.width - layer->pad_left : layer->in_width;
    int32_t y, x, i;
    for (y = 0; y < rows; y++) {
        const int8_t *from = in + y * layer->in_width * layer->in_channels;
        int8_t *to = plane + ((y + layer->pad_top) * size.width + layer->pad_left) * 4;
        if (copies == 1 && group + 4 <= layer->in_channels) {
            from += group;
            for (x = 0; x < columns; x++) {
                memcpy(to, from, 4);
                to += 4;
                from += layer->in_channels;
            }
            continue;
        }
        for (x = 0; x < columns; x++) {
            for (i = 0; i < 4 && group + i < layer->out_channels; i++) {
                to[i] = from[(group + i) / copies];
            }
            to += 4;
            from += layer->in_channels;
        }
    }
}

#if STAPES_NN_ASM

/* Multiply and add one tap of four channels. */
#define STAPES_NN_DEPTHWISE_TAP(tap, weight)     \
    "vldrb.s32 q1, [" tap "]\n\t"                \
    "vldrb.s32 q2, [%[weight], #" weight "]\n\t" \
    "vmul.i32 q1, q1, q2\n\t"                    \
    "vadd.i32 q0, q0, q1\n\t"

/* Compute one row of pixels of a kernel of 3 x 3 taps with a stride of 1 and without dilation. The end is that of
 * stapes_nn_mve_round_twice. This is assembly because GCC 12 spills vectors and computes the address of each load. */
static void stapes_nn_depthwise_row(const stapes_nn_mve_channels *own, const stapes_nn_conv_layer *layer,
                                    const int8_t *weight, const int8_t *taps, int32_t pitch, int8_t *out)
{
    const int8_t *row1 = taps + pitch, *row2 = row1 + pitch;
    const int32_t *constants = own->bias;
    register int32_t pixels __asm__("lr") = layer->out_width;
    const int32_t zero = layer->out_zero, channels = layer->out_channels;
    /* clang-format off */ /* it would not keep one instruction or macro a line */
    __asm__ volatile(
        "vldrw.u32 q3, [%[constants]]\n\t"
        "vldrw.u32 q4, [%[constants], #16]\n\t"
        "vldrw.u32 q5, [%[constants], #32]\n\t"
        "vldrb.s32 q6, [%[weight]]\n\t"
        "vldrb.s32 q7, [%[weight], #4]\n\t"
        "dls lr, lr\n"
        "1:\n\t"
        "vldrb.s32 q0, [%[row0]], #4\n\t"
        "vldrb.s32 q1, [%[row0]]\n\t"
        "vmul.i32 q0, q0, q6\n\t"
        "vmul.i32 q1, q1, q7\n\t"
        "vadd.i32 q0, q0, q3\n\t"
        "vadd.i32 q0, q0, q1\n\t"
        STAPES_NN_DEPTHWISE_TAP("%[row0], #4", "8")
        "vldrb.s32 q1, [%[row1]], #4\n\t"
        "vldrb.s32 q2, [%[weight], #12]\n\t"
        "vmul.i32 q1, q1, q2\n\t"
        "vadd.i32 q0, q0, q1\n\t"
        STAPES_NN_DEPTHWISE_TAP("%[row1]", "16")
        STAPES_NN_DEPTHWISE_TAP("%[row1], #4", "20")
        "vldrb.s32 q1, [%[row2]], #4\n\t"
        "vldrb.s32 q2, [%[weight], #24]\n\t"
        "vmul.i32 q1, q1, q2\n\t"
        "vadd.i32 q0, q0, q1\n\t"
        STAPES_NN_DEPTHWISE_TAP("%[row2]", "28")
        STAPES_NN_DEPTHWISE_TAP("%[row2], #4", "32")
        "vqrdmulh.s32 q0, q0, q4\n\t"
        "vand q1, q0, q5\n\t"
        "vshr.s32 q1, q1, #31\n\t"
        "vadd.i32 q0, q0, q1\n\t"
        "vrshl.s32 q0, q0, q5\n\t"
        "vadd.i32 q0, q0, %[zero]\n\t"
        "vqmovnb.s32 q0, q0\n\t"
        "vqmovnb.s16 q0, q0\n\t"
        "vstrb.32 q0, [%[out]]\n\t"
        "add %[out], %[out], %[channels]\n\t"
        "le lr, 1b"
        : [row0] "+l"(taps), [row1] "+l"(row1), [row2] "+l"(row2), [out] "+l"(out), "+r"(pixels)
        : [weight] "l"(weight), [constants] "r"(constants), [zero] "r"(zero), [channels] "r"(channels)
        : "q0", "q1", "q2", "q3", "q4", "q5", "q6", "q7", "cc", "memory");
    /* clang-format on */
}

/* Compute output channels group .. group + 3 of every pixel. |sum| < 2^31 for all partial sums: proved by the
 * compiler. */
static void stapes_nn_depthwise_four(const stapes_nn_conv_layer *layer, int32_t group, const int8_t *plane,
                                     int32_t pitch, int8_t *out)
{
    const int8_t *const weights = (const int8_t *)layer->weights + group * layer->kernel_height * layer->kernel_width;
    const int32_t tap_stride = layer->dilation_width * 4, row_stride = layer->dilation_height * pitch,
                  width = layer->kernel_width;
    const int32_t pixel_stride = 4 * layer->stride_width, channels = layer->out_channels;
    stapes_nn_mve_channels own;
    int32_t y, x, ky, kx;
    int fast;
    stapes_nn_mve_load(&own, layer, group);
    fast = layer->kernel_height == 3 && width == 3 && layer->dilation_width == 1 && layer->stride_width == 1 &&
           own.count >= 4 && own.shift[0] <= 0 && own.shift[1] <= 0 && own.shift[2] <= 0 && own.shift[3] <= 0;
    out += group;
    for (y = 0; y < layer->out_height; y++) {
        const int8_t *taps = plane + y * layer->stride_height * pitch;
        if (fast) {
            stapes_nn_depthwise_row(&own, layer, weights, taps, row_stride, out);
            out += layer->out_width * channels;
            continue;
        }
        for (x = layer->out_width; x > 0; x--) {
            const int8_t *weight = weights, *row = taps;
            int32x4_t sum = vldrwq_s32(own.bias);
            for (ky = layer->kernel_height; ky > 0; ky--) {
                for (kx = 0; kx < width; kx++) {
                    sum = stapes_nn_mve_add(sum, vldrbq_s32(row + kx * tap_stride), vldrbq_s32(weight));
                    weight += 4;
                }
                row += row_stride;
            }
            stapes_nn_mve_round_twice(sum, vldrwq_s32(own.multiplier), vldrwq_s32(own.shift), layer->out_zero, out,
                                      own.count);
            out += channels;
            taps += pixel_stride;
        }
    }
}

#else

/* The same in C: the specification of the intrinsics and of the assembly. */
static void stapes_nn_depthwise_four(const stapes_nn_conv_layer *layer, int32_t group, const int8_t *plane,
                                     int32_t pitch, int8_t *out)
{
    const int8_t *const weights = (const int8_t *)layer->weights + group * layer->kernel_height * layer->kernel_width;
    const int32_t pixels = layer->out_height * layer->out_width;
    int32_t pixel, i, ky, kx;
    for (pixel = 0; pixel < pixels; pixel++) {
        const int32_t y = pixel / layer->out_width, x = pixel % layer->out_width;
        const int8_t *const taps = plane + y * layer->stride_height * pitch + x * layer->stride_width * 4;
        for (i = 0; i < 4 && group + i < layer->out_channels; i++) {
            int32_t sum = layer->bias[group + i];
            for (ky = 0; ky < layer->kernel_height; ky++) {
                for (kx = 0; kx < layer->kernel_width; kx++) {
                    sum += taps[ky * layer->dilation_height * pitch + kx * layer->dilation_width * 4 + i] *
                           weights[(ky * layer->kernel_width + kx) * 4 + i];
                }
            }
            sum = stapes_nn_round_any(sum, layer->multiplier[group + i], layer->shift[group + i]);
            out[pixel * layer->out_channels + group + i] =
                stapes_nn_clamp(sum + layer->out_zero, layer->out_min, layer->out_max);
        }
    }
}

#endif

/* scratch: the plane. */
STAPES_NN_API void stapes_nn_depthwise(const stapes_nn_conv_layer *layer, const int8_t *in, int8_t *out,
                                       int8_t *scratch)
{
    const stapes_nn_mve_plane size = stapes_nn_depthwise_plane(layer);
    const int32_t count = layer->out_height * layer->out_width * layer->out_channels;
    int32_t batch, group;
    memset(scratch, layer->in_zero, (size_t)(4 * size.height * size.width));
    for (batch = 0; batch < layer->batches; batch++) {
        for (group = 0; group < layer->out_channels; group += 4) {
            stapes_nn_depthwise_gather(layer, size, in, group, scratch);
            stapes_nn_depthwise_four(layer, group, scratch, 4 * size.width, out);
        }
#if STAPES_NN_ASM
        stapes_nn_mve_limit(out, count, layer->out_min, layer->out_max);
#endif
        in += layer->in_height * layer->in_width * layer->in_channels;
        out += count;
    }
}

#endif
