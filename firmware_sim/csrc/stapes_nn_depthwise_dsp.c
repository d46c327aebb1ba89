/* stapes_nn_depthwise_dsp.c -- DEPTHWISE_CONV_2D with SMLAD: five pixels of a row at a time. Apache-2.0.
 *
 * One channel at a time is gathered into a plane of 16-bit values with its padding: neighbours of a row lie in one word, two taps in one
 * multiplication. Kernels of up to 3 x 3 that move by one pixel along the width and are not dilated are filled up to 3 x 3 with zeros and
 * go through the assembly; the others through the C.
 *
 * Weights and biases are doubled, since SMMLAR divides by 2^32 where stapes_nn_round_twice divides by 2^31; |doubled sum| < 2^31. */
#include "stapes_nn.h"

#if STAPES_NN_LAYOUT == STAPES_NN_DSP

#include "stapes_nn_arithmetic.h"
#include "stapes_nn_dsp.h"

/* The plane: `height` rows of `width` values, which is even and reaches three halves past the last tap. */
typedef struct {
    int16_t *values;
    int32_t height, width;
} stapes_nn_dsp_plane;

static stapes_nn_dsp_plane stapes_nn_depthwise_plane(const stapes_nn_conv_layer *layer, int8_t *scratch)
{
    const int32_t tall = layer->kernel_height < 3 ? 3 : layer->kernel_height;
    const int32_t wide = layer->kernel_width < 3 ? 3 : layer->kernel_width;
    stapes_nn_dsp_plane plane;
    int32_t i;
    plane.values = (int16_t *)(void *)scratch;
    plane.height = (layer->out_height - 1) * layer->stride_height + (tall - 1) * layer->dilation_height + 1;
    plane.width = ((layer->out_width - 1) * layer->stride_width + (wide - 1) * layer->dilation_width + 3) & ~1;
    for (i = 0; i < plane.height * plane.width; i++) {
        plane.values[i] = (int16_t)layer->in_zero;
    }
    return plane;
}

/* Copy one channel of the input to where it lies in the plane. */
static void stapes_nn_depthwise_gather(const stapes_nn_conv_layer *layer, const stapes_nn_dsp_plane *plane, const int8_t *in)
{
    const int32_t channels = layer->in_channels;
    const int32_t rows = plane->height - layer->pad_top < layer->in_height ? plane->height - layer->pad_top : layer->in_height;
    const int32_t columns = plane->width - layer->pad_left < layer->in_width ? plane->width - layer->pad_left : layer->in_width;
    int16_t *to = plane->values + layer->pad_top * plane->width + layer->pad_left;
    int32_t y;
    for (y = 0; y < rows; y++) {
        int16_t *const end = to + columns;
        const int8_t *from = in;
        while (to < end) {
            *to++ = *from;
            from += channels;
        }
        to += plane->width - columns;
        in += layer->in_width * channels;
    }
}

static void STAPES_NN_COLD stapes_nn_depthwise_plain(const stapes_nn_conv_layer *layer, const stapes_nn_dsp_plane *plane, int32_t channel, int8_t *out)
{
    const int8_t *const weights = (const int8_t *)layer->weights + channel * layer->kernel_height * layer->kernel_width;
    int32_t y, x, ky, kx;
    for (y = 0; y < layer->out_height; y++) {
        for (x = 0; x < layer->out_width; x++) {
            const int16_t *row = plane->values + y * layer->stride_height * plane->width + x * layer->stride_width;
            const int8_t *weight = weights;
            int32_t sum = layer->bias[channel];
            for (ky = 0; ky < layer->kernel_height; ky++) {
                for (kx = 0; kx < layer->kernel_width; kx++) {
                    sum += row[kx * layer->dilation_width] * *weight++;
                }
                row += layer->dilation_height * plane->width;
            }
            sum = stapes_nn_round_twice(sum, layer->multiplier[channel], layer->shift[channel]);
            out[(y * layer->out_width + x) * layer->out_channels + channel] =
                stapes_nn_clamp(sum + layer->out_zero, layer->out_min, layer->out_max);
        }
    }
}

#if STAPES_NN_ASM

/* What one channel multiplies with, in the order of use. */
typedef struct {
    int32_t bias;      /* doubled */
    int32_t taps[3][2]; /* per row, doubled: (k0, k1), (k1, k2) */
    int32_t multiplier, rounding, right;
} stapes_nn_dsp_taps;

/* Fill up a channel's kernel to 3 x 3. Returns 0 where the assembly does not serve. */
static int stapes_nn_depthwise_taps(const stapes_nn_conv_layer *layer, int32_t channel, stapes_nn_dsp_taps *taps)
{
    const int8_t *weights = (const int8_t *)layer->weights + channel * layer->kernel_height * layer->kernel_width;
    const int32_t right = -layer->shift[channel];
    const int32_t tall = layer->kernel_height, wide = layer->kernel_width;
    int32_t y;
    if (tall > 3 || wide > 3 || layer->stride_width != 1 || layer->dilation_width != 1 ||
        layer->dilation_height != 1 || layer->out_width < 4 || right < 1 || right > 22) {
        return 0;
    }
    for (y = 0; y < 3; y++) {
        int32_t first = 0, second = 0, third = 0;
        if (y < tall) {
            first = 2 * *weights++;
            second = wide > 1 ? 2 * *weights++ : 0;
            third = wide > 2 ? 2 * *weights++ : 0;
        }
        taps->taps[y][0] = (first & 0xFFFF) + second * 65536; /* |.| <= 256 * 2^16 + 2^16 */
        taps->taps[y][1] = (second & 0xFFFF) + third * 65536;
    }
    taps->bias = 2 * layer->bias[channel];
    taps->multiplier = layer->multiplier[channel];
    taps->rounding = (2 * layer->out_zero + 1) * ((int32_t)1 << (right - 1)); /* 2^(right - 1) + out_zero * 2^right, |.| <= 255 * 2^21 */
    taps->right = right;
    return 1;
}

/* Fifteen products: three taps of a row for five pixels. */
#define STAPES_NN_DEPTHWISE_ROW \
    "ldmia r0, {r9-r12}\n\t" \
    "ldmia r1!, {r2, r3}\n\t" \
    "add r0, r0, lr\n\t" \
    "smlad r4, r9, r2, r4\n\t" \
    "smlatb r5, r9, r2, r5\n\t" \
    "smlad r6, r10, r2, r6\n\t" \
    "smlatb r7, r10, r2, r7\n\t" \
    "smlad r8, r11, r2, r8\n\t" \
    "smlabt r4, r10, r3, r4\n\t" \
    "smlad r5, r10, r3, r5\n\t" \
    "smlabt r6, r11, r3, r6\n\t" \
    "smlad r7, r11, r3, r7\n\t" \
    "smlabt r8, r12, r3, r8\n\t"

/* As STAPES_NN_CONV_FINISH in stapes_nn_conv_dsp.c. */
#define STAPES_NN_DEPTHWISE_FINISH(sum) \
    "add r10, r3, " sum ", asr #31\n\t" \
    "smmlar " sum ", " sum ", r2, r10\n\t" \
    "asr " sum ", " sum ", r9\n\t" \
    "ssat " sum ", #8, " sum "\n\t"

/* Five columns of every row, from an even one on. The last column's value goes to `last` bytes behind the first's, before the fourth's is
 * stored: 4 * channels, or 3 * channels where it is not wanted. */
static void stapes_nn_depthwise_columns(const stapes_nn_conv_layer *layer, const stapes_nn_dsp_taps *taps, const int16_t *plane, int32_t width,
                              int8_t *out, int32_t last) STAPES_NN_BY_HAND;
static void stapes_nn_depthwise_columns(const stapes_nn_conv_layer *layer, const stapes_nn_dsp_taps *taps, const int16_t *plane, int32_t width,
                              int8_t *out, int32_t last)
{
    const int32_t pitch = 2 * width, back = (3 - layer->stride_height) * 2 * width; /* bytes */
    const int32_t channels = layer->out_channels, row = layer->out_width * layer->out_channels;
    int32_t rows = layer->out_height;
    __asm__ volatile("ldr r0, %[plane]\n\t"
                     "ldr lr, %[pitch]\n"
                     "1:\n\t"
                     "ldr r1, %[taps]\n\t"
                     "ldr r4, [r1], #4\n\t"
                     "mov r5, r4\n\t"
                     "mov r6, r4\n\t"
                     "mov r7, r4\n\t"
                     "mov r8, r4\n\t" STAPES_NN_DEPTHWISE_ROW STAPES_NN_DEPTHWISE_ROW STAPES_NN_DEPTHWISE_ROW
                     "ldmia r1, {r2, r3, r9}\n\t" STAPES_NN_DEPTHWISE_FINISH("r4") STAPES_NN_DEPTHWISE_FINISH("r5") STAPES_NN_DEPTHWISE_FINISH("r6")
                         STAPES_NN_DEPTHWISE_FINISH("r7") STAPES_NN_DEPTHWISE_FINISH("r8")
                     "ldr r12, %[out]\n\t"
                     "ldr r11, %[channels]\n\t"
                     "ldr r10, %[last]\n\t"
                     "ldr r9, %[row]\n\t"
                     "strb r4, [r12]\n\t"
                     "strb r5, [r12, r11]\n\t"
                     "strb r6, [r12, r11, lsl #1]\n\t"
                     "strb r8, [r12, r10]\n\t"
                     "add r2, r12, r11, lsl #1\n\t"
                     "strb r7, [r2, r11]\n\t"
                     "add r12, r12, r9\n\t"
                     "str r12, %[out]\n\t"
                     "ldr r2, %[rows]\n\t"
                     "ldr r3, %[back]\n\t"
                     "subs r2, r2, #1\n\t"
                     "sub r0, r0, r3\n\t"
                     "str r2, %[rows]\n\t"
                     "bne 1b"
                     : [out] "+m"(out), [rows] "+m"(rows)
                     : [plane] "m"(plane), [pitch] "m"(pitch), [taps] "m"(taps), [channels] "m"(channels), [last] "m"(last), [row] "m"(row),
                       [back] "m"(back)
                     : "r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "lr", "cc", "memory");
}

/* Blocks of five columns, beginning at even ones; they may overlap, and the last one may hold four. */
static void stapes_nn_depthwise_fast(const stapes_nn_conv_layer *layer, const stapes_nn_dsp_taps *taps, const stapes_nn_dsp_plane *plane, int8_t *out)
{
    const int32_t width = layer->out_width, channels = layer->out_channels;
    const int32_t final = width & 1 ? width - 5 : width - 4;
    int32_t x = 0;
    for (;;) {
        stapes_nn_depthwise_columns(layer, taps, plane->values + x, plane->width, out + x * channels, (x + 5 > width ? 3 : 4) * channels);
        if (x == final) {
            return;
        }
        x = x + 4 < final ? x + 4 : final;
    }
}

#endif

static void stapes_nn_depthwise_channel(const stapes_nn_conv_layer *layer, const stapes_nn_dsp_plane *plane, int32_t channel, int8_t *out)
{
#if STAPES_NN_ASM
    stapes_nn_dsp_taps taps;
    if (stapes_nn_depthwise_taps(layer, channel, &taps)) {
        stapes_nn_depthwise_fast(layer, &taps, plane, out + channel);
        return;
    }
#endif
    stapes_nn_depthwise_plain(layer, plane, channel, out);
}

/* scratch: the plane. */
STAPES_NN_API void stapes_nn_depthwise(const stapes_nn_conv_layer *layer, const int8_t *in, int8_t *out, int8_t *scratch)
{
    const stapes_nn_dsp_plane plane = stapes_nn_depthwise_plane(layer, scratch);
    const int32_t copies = layer->out_channels / layer->in_channels;
    int32_t batch, channel, copy;
    for (batch = 0; batch < layer->batches; batch++) {
        for (channel = 0; channel < layer->in_channels; channel++) {
            stapes_nn_depthwise_gather(layer, &plane, in + channel);
            for (copy = 0; copy < copies; copy++) {
                stapes_nn_depthwise_channel(layer, &plane, channel * copies + copy, out);
            }
        }
        in += layer->in_height * layer->in_width * layer->in_channels;
        out += layer->out_height * layer->out_width * layer->out_channels;
#if STAPES_NN_ASM
        stapes_nn_limit(out - layer->out_height * layer->out_width * layer->out_channels,
                        layer->out_height * layer->out_width * layer->out_channels, layer->out_min, layer->out_max);
#endif
    }
}

#endif
