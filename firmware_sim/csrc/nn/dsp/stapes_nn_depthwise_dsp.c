/* stapes_nn_depthwise_dsp.c -- DEPTHWISE_CONV_2D with SMLAD: five pixels of a row at a time. Apache-2.0.
 *
 * Two channels at a time are gathered, each into a plane of 16-bit values with its padding. Neighbouring values of a
 * row share a word, so that one multiplication serves two taps. Kernels of up to 3 x 3 taps with a horizontal stride
 * of 1 and without dilation are computed by the assembly, for which rows are padded with zeros to three taps; all
 * others by the C.
 *
 * Weights and biases are doubled because SMMLAR divides by 2^32 where stapes_nn_round_twice divides by 2^31.
 * |doubled sum| < 2^31, since |sum| < 2^30: proved by the compiler, for partial sums too. */
#include "stapes_nn.h"

#if STAPES_NN_LAYOUT == STAPES_NN_DSP

#include "stapes_nn_dsp.h"

/* A plane: rows of `width` values; the width is even and leaves room for reading three values past the last tap. The
 * plane of the second channel follows that of the first. */
typedef struct {
    int16_t *values;
    int32_t width, size; /* in values */
} stapes_nn_dsp_plane;

/* Lay out the planes in scratch and fill them with the input's zero point. */
static stapes_nn_dsp_plane stapes_nn_depthwise_planes(const stapes_nn_conv_layer *layer, int8_t *scratch)
{
    const int32_t height =
        (layer->out_height - 1) * layer->stride_height + (layer->kernel_height - 1) * layer->dilation_height + 1;
    const int32_t wide = layer->kernel_width < 3 ? 3 : layer->kernel_width;
    const uint32_t zeros = stapes_nn_pair(layer->in_zero, layer->in_zero);
    stapes_nn_dsp_plane plane;
    int16_t *pair, *end;
    plane.values = (int16_t *)(void *)scratch;
    plane.width = ((layer->out_width - 1) * layer->stride_width + (wide - 1) * layer->dilation_width + 3) & ~1;
    plane.size = height * plane.width;
    end = plane.values + (layer->in_channels > 1 ? 2 : 1) * plane.size;
    for (pair = plane.values; pair < end; pair += 2) {
        stapes_nn_put_pair(pair, zeros);
    }
    return plane;
}

/* Copy one channel of the input, or two if `two` is set, into their planes. */
static void stapes_nn_depthwise_gather(const stapes_nn_conv_layer *layer, const stapes_nn_dsp_plane *plane,
                                       int32_t two, const int8_t *in)
{
    const int32_t channels = layer->in_channels, height = plane->size / plane->width, gap = two ? plane->size : 0;
    const int32_t rows = height - layer->pad_top < layer->in_height ? height - layer->pad_top : layer->in_height;
    const int32_t columns =
        plane->width - layer->pad_left < layer->in_width ? plane->width - layer->pad_left : layer->in_width;
    int16_t *row = plane->values + layer->pad_top * plane->width + layer->pad_left;
    int32_t y;
    for (y = 0; y < rows; y++) {
        const int8_t *from = in;
        int16_t *to = row, *const end = row + columns;
        const int16_t *const pairs = two ? end - 1 : to;
        if (layer->pad_left & 1) {
            to[gap] = from[gap > 0];
            *to++ = *from;
            from += channels;
        }
        for (; to < pairs; to += 2, from += 2 * channels) {
            const uint32_t bytes = stapes_nn_two(from) | stapes_nn_two(from + channels) << 16;
            stapes_nn_put_pair(to, stapes_nn_even(bytes));
            stapes_nn_put_pair(to + gap, stapes_nn_odd(bytes));
        }
        for (; to < end; from += channels) {
            to[gap] = from[gap > 0];
            *to++ = *from;
        }
        row += plane->width;
        in += layer->in_width * channels;
    }
}

/* Compute one channel in C: the specification of the assembly. |sum| < 2^30 for all partial sums: proved by the
 * compiler. */
static void STAPES_NN_COLD stapes_nn_depthwise_plain(const stapes_nn_conv_layer *layer, const int16_t *plane,
                                                     int32_t width, int32_t channel, int8_t *out)
{
    const int8_t *const weights =
        (const int8_t *)layer->weights + channel * layer->kernel_height * layer->kernel_width;
    int32_t y, x, ky, kx;
    for (y = 0; y < layer->out_height; y++) {
        for (x = 0; x < layer->out_width; x++) {
            const int16_t *row = plane + y * layer->stride_height * width + x * layer->stride_width;
            const int8_t *weight = weights;
            int32_t sum = layer->bias[channel];
            for (ky = 0; ky < layer->kernel_height; ky++) {
                for (kx = 0; kx < layer->kernel_width; kx++) {
                    sum += row[kx * layer->dilation_width] * *weight++;
                }
                row += layer->dilation_height * width;
            }
            sum = stapes_nn_round_twice(sum, layer->multiplier[channel], layer->shift[channel]);
            out[(y * layer->out_width + x) * layer->out_channels + channel] =
                stapes_nn_clamp(sum + layer->out_zero, layer->out_min, layer->out_max);
        }
    }
}

#if STAPES_NN_ASM

/* Arrange the constants of one channel in the order of use: the doubled bias; for each row of the kernel the doubled
 * pairs of weights (k0, k1) and (k1, k2); multiplier, rounding, shift. */
static void stapes_nn_depthwise_constants(const stapes_nn_conv_layer *layer, int32_t channel, int32_t constants[10])
{
    const int32_t wide = layer->kernel_width, right = -layer->shift[channel];
    const int8_t *weights = (const int8_t *)layer->weights + channel * layer->kernel_height * wide;
    int32_t rows;
    *constants++ = 2 * layer->bias[channel];
    for (rows = layer->kernel_height; rows > 0; rows--, weights += wide) {
        const int32_t second = wide > 1 ? 2 * weights[1] : 0;
        *constants++ = (int32_t)stapes_nn_pair(2 * weights[0], second);
        *constants++ = (int32_t)stapes_nn_pair(second, wide > 2 ? 2 * weights[2] : 0);
    }
    *constants++ = layer->multiplier[channel];
    *constants++ = stapes_nn_rounding(layer->out_zero, right);
    *constants++ = right;
}

/* 15 products: the three taps of a row, for five pixels. */
#define STAPES_NN_DEPTHWISE_ROW  \
    "ldmia r0, {r9-r12}\n\t"     \
    "ldmia r1!, {r2, r3}\n\t"    \
    "add r0, r0, lr\n\t"         \
    "smlad r4, r9, r2, r4\n\t"   \
    "smlatb r5, r9, r2, r5\n\t"  \
    "smlad r6, r10, r2, r6\n\t"  \
    "smlatb r7, r10, r2, r7\n\t" \
    "smlad r8, r11, r2, r8\n\t"  \
    "smlabt r4, r10, r3, r4\n\t" \
    "smlad r5, r10, r3, r5\n\t"  \
    "smlabt r6, r11, r3, r6\n\t" \
    "smlad r7, r11, r3, r7\n\t"  \
    "smlabt r8, r12, r3, r8\n\t"

#define STAPES_NN_DEPTHWISE_FINISH(sum) STAPES_NN_ROUND_TWICE(sum, "r2", "r3", "r9", "r10")

/* What all channels of a layer share. Pixels are computed in blocks of five columns, which begin at even columns and
 * may overlap; the last block, at column `final`, may have four columns. One run of the assembly computes a block for
 * all rows of the output or, where the output has one row, all blocks but the last one. */
typedef struct {
    int32_t final, x_stride;  /* column of the last block, columns from a run to the next one */
    int32_t runs, final_runs; /* blocks per run, and in the last run */
    int32_t pitch;            /* bytes from a row of the plane to the next one */
    int32_t back;             /* bytes from the end of a block's rows back to the next block */
    int32_t out_stride;       /* bytes from the outputs of a block to those of the next one */
    int32_t channels, tall;   /* of the layer, and rows of its kernel */
    int32_t last, final_last; /* bytes from the first output of a block to its fifth one. In a block of four columns
                                 they lead to the fourth output, which is stored after the fifth */
} stapes_nn_depthwise_blocks;

/* Set `blocks`. Returns 0 where the assembly cannot be used. */
static int stapes_nn_depthwise_plan(const stapes_nn_conv_layer *layer, int32_t plane_width,
                                    stapes_nn_depthwise_blocks *blocks)
{
    const int32_t width = layer->out_width, channels = layer->out_channels, pitch = 2 * plane_width;
    const int one_row = layer->out_height == 1;
    int32_t channel;
    for (channel = 0; channel < channels; channel++) {
        if (layer->shift[channel] > -1 || layer->shift[channel] < -22) {
            return 0;
        }
    }
    blocks->channels = channels;
    blocks->tall = layer->kernel_height;
    blocks->final = width & 1 ? width - 5 : width - 4;
    blocks->x_stride = one_row ? blocks->final : 4;
    blocks->runs = one_row ? (blocks->final + 3) / 4 : layer->out_height;
    blocks->final_runs = layer->out_height;
    blocks->pitch = pitch;
    blocks->back = layer->kernel_height * pitch - (one_row ? 8 : layer->stride_height * pitch);
    blocks->out_stride = (one_row ? 4 : width) * channels;
    blocks->last = 4 * channels;
    blocks->final_last = (width & 1 ? 4 : 3) * channels;
    return layer->kernel_height <= 3 && layer->kernel_width <= 3 && layer->stride_width == 1 &&
           layer->dilation_width == 1 && layer->dilation_height == 1 && width >= 4;
}

/* Compute one channel. The assembly reads the members of `blocks` from the stack, for no register is left to point
 * anywhere else. */
static inline void STAPES_NN_ASM_INLINE stapes_nn_depthwise_fast(const stapes_nn_conv_layer *layer,
                                                                 const stapes_nn_depthwise_blocks *blocks,
                                                                 int32_t channel, const int16_t *plane, int8_t *to)
{
    const int32_t final = blocks->final;
    int32_t constants[10], x = 0;
    const int32_t *const first = constants;
    stapes_nn_depthwise_constants(layer, channel, constants);
    for (;;) {
        const int16_t *const values = plane + x;
        const int32_t last = x == final ? blocks->final_last : blocks->last;
        int8_t *out = to + x * blocks->channels;
        int32_t runs = x == final ? blocks->final_runs : blocks->runs;
        /* clang-format off */ /* it would not keep one instruction or macro a line */
        __asm__ volatile(
            "ldr r0, %[values]\n\t"
            "ldr lr, %[pitch]\n"
            "1:\n\t"
            "ldr r2, %[tall]\n\t"
            "ldr r1, %[constants]\n\t"
            "ldr r4, [r1], #4\n\t"
            "cmp r2, #2\n\t"
            "mov r5, r4\n\t"
            "mov r6, r4\n\t"
            "mov r7, r4\n\t"
            "mov r8, r4\n\t"
            "blt 3f\n\t"
            "beq 2f\n\t"
            STAPES_NN_DEPTHWISE_ROW
            "2:\n\t"
            STAPES_NN_DEPTHWISE_ROW
            "3:\n\t"
            STAPES_NN_DEPTHWISE_ROW
            "ldmia r1, {r2, r3, r9}\n\t"
            STAPES_NN_DEPTHWISE_FINISH("r4")
            STAPES_NN_DEPTHWISE_FINISH("r5")
            STAPES_NN_DEPTHWISE_FINISH("r6")
            STAPES_NN_DEPTHWISE_FINISH("r7")
            STAPES_NN_DEPTHWISE_FINISH("r8")
            "ldr r12, %[out]\n\t"
            "ldr r11, %[channels]\n\t"
            "ldr r10, %[last]\n\t"
            "ldr r9, %[out_stride]\n\t"
            "strb r4, [r12]\n\t"
            "strb r5, [r12, r11]\n\t"
            "strb r6, [r12, r11, lsl #1]\n\t"
            "strb r8, [r12, r10]\n\t"
            "add r2, r12, r11, lsl #1\n\t"
            "strb r7, [r2, r11]\n\t"
            "add r12, r12, r9\n\t"
            "str r12, %[out]\n\t"
            "ldr r2, %[runs]\n\t"
            "ldr r3, %[back]\n\t"
            "subs r2, r2, #1\n\t"
            "sub r0, r0, r3\n\t"
            "str r2, %[runs]\n\t"
            "bne 1b"
            : [out] "+m"(out), [runs] "+m"(runs)
            : [values] "m"(values), [pitch] "m"(blocks->pitch), [tall] "m"(blocks->tall), [constants] "m"(first),
              [channels] "m"(blocks->channels), [last] "m"(last), [out_stride] "m"(blocks->out_stride),
              [back] "m"(blocks->back)
            : "r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "lr", "cc", "memory");
        /* clang-format on */
        if (x == final) {
            return;
        }
        x = x + blocks->x_stride < final ? x + blocks->x_stride : final;
    }
}

#endif

/* scratch: two planes, or one where the input has one channel. */
STAPES_NN_API void STAPES_NN_ASM_FUNCTION stapes_nn_depthwise(const stapes_nn_conv_layer *layer, const int8_t *in,
                                                              int8_t *out, int8_t *scratch)
{
    const stapes_nn_dsp_plane plane = stapes_nn_depthwise_planes(layer, scratch);
    const int32_t copies = layer->out_channels / layer->in_channels;
    int8_t *const begin = out;
    int32_t batch, channel, in_channel;
#if STAPES_NN_ASM
    stapes_nn_depthwise_blocks blocks;
    const int fast = stapes_nn_depthwise_plan(layer, plane.width, &blocks);
#endif
    for (batch = 0; batch < layer->batches; batch++) {
        for (channel = 0, in_channel = 0; in_channel < layer->in_channels; in_channel++) {
            const int16_t *const values = plane.values + (in_channel & 1) * plane.size;
            const int32_t end = channel + copies;
            if (!(in_channel & 1)) {
                stapes_nn_depthwise_gather(layer, &plane, in_channel + 1 < layer->in_channels, in + in_channel);
            }
            for (; channel < end; channel++) {
#if STAPES_NN_ASM
                if (fast) {
                    stapes_nn_depthwise_fast(layer, &blocks, channel, values, out + channel);
                    continue;
                }
#endif
                stapes_nn_depthwise_plain(layer, values, plane.width, channel, out);
            }
        }
        in += layer->in_height * layer->in_width * layer->in_channels;
        out += layer->out_height * layer->out_width * layer->out_channels;
    }
    stapes_nn_limit(begin, (int32_t)(out - begin), layer->out_min, layer->out_max);
}

#endif
