/* stapes_nn_depthwise_dsp.c -- DEPTHWISE_CONV_2D with SMLAD: four channels of one pixel at a time. Apache-2.0.
 *
 * Four channels are gathered into a plane with their padding, four bytes per pixel, so that no tap must be tested for
 * lying inside of the input. The taps of a row of the kernel are taken by threes: the first two of a channel form a
 * pair of 16-bit values for SMLAD, the third is multiplied alone.
 *
 * Weights lie in the order of use: for every group of four channels c0 .. c3, every row of the kernel and every three
 * taps k .. k + 2 of it the bytes c0 k, c1 k, c0 k+1, c1 k+1, then those of c2 and c3, then c0 k+2 .. c3 k+2. Taps and
 * channels are padded with zeros. Kernels with a horizontal dilation are computed by the C, all others by the
 * assembly.
 *
 * Weights and biases are doubled because SMMLAR divides by 2^32 where stapes_nn_round_twice divides by 2^31.
 * |doubled sum| < 2^31, since |sum| < 2^30: proved by the compiler, for partial sums too. A group of channels with
 * larger sums takes the plain C. */
#include "stapes_nn.h"

#if STAPES_NN_LAYOUT == STAPES_NN_DSP

#include "stapes_nn_dsp.h"

/* Words that stand for a group of channels in scratch: four doubled biases, seven words per three taps, then
 * multiplier, rounding and shift of each channel. */
#define STAPES_NN_DEPTHWISE_WORDS(threes) (16 + 7 * (threes))

/* The plane of four channels: the part of the padded input that the taps of all pixels read, four bytes a pixel. */
typedef struct {
    int8_t *values;
    int32_t height, width;
    int32_t threes; /* per row of the kernel */
} stapes_nn_dsp_plane;

/* Lay out the plane after the constants in scratch, and fill it with the input's zero point. */
static stapes_nn_dsp_plane stapes_nn_depthwise_plane(const stapes_nn_conv_layer *layer, int8_t *scratch)
{
    const uint32_t zeros = (uint32_t)(uint8_t)layer->in_zero * 0x01010101u;
    stapes_nn_dsp_plane plane;
    int8_t *to, *end;
    plane.threes = (layer->kernel_width + 2) / 3;
    plane.height =
        (layer->out_height - 1) * layer->stride_height + (layer->kernel_height - 1) * layer->dilation_height + 1;
    plane.width = (layer->out_width - 1) * layer->stride_width + (3 * plane.threes - 1) * layer->dilation_width + 1;
    plane.values = scratch + 4 * STAPES_NN_DEPTHWISE_WORDS(layer->kernel_height * plane.threes);
    end = plane.values + 4 * plane.height * plane.width;
    for (to = plane.values; to < end; to += 4) {
        memcpy(to, &zeros, 4);
    }
    return plane;
}

/* The part of the input that is copied into the plane. `in_skip` and `skip` are the bytes from its end of a row to its
 * start in the next one, in the input and in the plane. */
typedef struct {
    int32_t rows, columns, channels;
    int32_t in_skip, skip;
} stapes_nn_dsp_part;

/* Copy four neighbouring channels of every pixel. */
static void STAPES_NN_NOINLINE stapes_nn_depthwise_copy(const stapes_nn_dsp_part *part, const int8_t *from, int8_t *to)
{
    const int32_t channels = part->channels, columns = part->columns, in_skip = part->in_skip, skip = part->skip;
    int32_t rows, left;
    for (rows = part->rows; rows > 0; rows--) {
        for (left = columns; left >= 2; left -= 2, to += 8) {
            const uint32_t first = stapes_nn_four(from), second = stapes_nn_four(from += channels);
            memcpy(to, &first, 4);
            memcpy(to + 4, &second, 4);
            from += channels;
        }
        if (left > 0) {
            memcpy(to, from, 4);
            to += 4;
            from += channels;
        }
        from += in_skip;
        to += skip;
    }
}

/* Copy the input channels of output channels group .. group + 3 into the plane; with a depth multiplier they may be
 * the same channel. */
static void stapes_nn_depthwise_gather(const stapes_nn_conv_layer *layer, const stapes_nn_dsp_plane *plane,
                                       const int8_t *in, int32_t group)
{
    const int32_t channels = layer->in_channels, copies = layer->out_channels / channels;
    int8_t *to = plane->values + 4 * (layer->pad_top * plane->width + layer->pad_left);
    stapes_nn_dsp_part part;
    int32_t x, i;
    part.channels = channels;
    part.rows = plane->height - layer->pad_top < layer->in_height ? plane->height - layer->pad_top : layer->in_height;
    part.columns = plane->width - layer->pad_left < layer->in_width ? plane->width - layer->pad_left : layer->in_width;
    part.in_skip = (layer->in_width - part.columns) * channels;
    part.skip = 4 * (plane->width - part.columns);
    if (copies == 1 && group + 4 <= channels) {
        stapes_nn_depthwise_copy(&part, in + group, to);
        return;
    }
    for (; part.rows > 0; part.rows--) {
        for (x = part.columns; x > 0; x--, to += 4, in += channels) {
            for (i = 0; i < 4 && group + i < layer->out_channels; i++) {
                to[i] = in[(group + i) / copies];
            }
        }
        in += part.in_skip;
        to += part.skip;
    }
}

/* Compute output channels group .. group + 3 of every pixel in C: the specification of the assembly. |sum| < 2^31 for
 * all partial sums: proved by the compiler. */
static void STAPES_NN_COLD stapes_nn_depthwise_plain(const stapes_nn_conv_layer *layer,
                                                     const stapes_nn_dsp_plane *plane, int32_t group, int8_t *out)
{
    const int32_t tall = layer->kernel_height, wide = layer->kernel_width;
    const int8_t *const weights = (const int8_t *)layer->weights + 3 * group * tall * plane->threes;
    const int32_t pixels = layer->out_height * layer->out_width;
    int32_t pixel, i, ky, kx;
    for (pixel = 0; pixel < pixels; pixel++) {
        const int32_t y = pixel / layer->out_width * layer->stride_height,
                      x = pixel % layer->out_width * layer->stride_width;
        for (i = 0; i < 4 && group + i < layer->out_channels; i++) {
            int32_t sum = layer->bias[group + i];
            for (ky = 0; ky < tall; ky++) {
                const int8_t *const row = plane->values + 4 * ((y + ky * layer->dilation_height) * plane->width + x);
                for (kx = 0; kx < wide; kx++) {
                    const int32_t place = kx % 3 == 2 ? 8 + i : i / 2 * 4 + kx % 3 * 2 + i % 2;
                    sum +=
                        row[4 * kx * layer->dilation_width + i] * weights[12 * (ky * plane->threes + kx / 3) + place];
                }
            }
            sum = stapes_nn_round_any(sum, layer->multiplier[group + i], layer->shift[group + i]);
            out[pixel * layer->out_channels + group + i] =
                stapes_nn_clamp(sum + layer->out_zero, layer->out_min, layer->out_max);
        }
    }
}

/* Whether there is a single output pixel, all of whose taps lie inside of an input with as many channels. */
static int stapes_nn_depthwise_is_single(const stapes_nn_conv_layer *layer)
{
    return layer->out_height * layer->out_width == 1 && (layer->pad_top | layer->pad_left) == 0 &&
           layer->dilation_width == 1 && layer->in_channels == layer->out_channels && layer->in_channels % 4 == 0 &&
           layer->kernel_width <= layer->in_width &&
           (layer->kernel_height - 1) * layer->dilation_height < layer->in_height;
}

/* Add three taps of four channels, the words a, b and c, times their weights. |sum| < 2^31 for all partial sums:
 * proved by the compiler. */
static inline void stapes_nn_depthwise_add(int32_t sums[4], const int8_t *weights, uint32_t a, uint32_t b, uint32_t c)
{
    const uint32_t low = stapes_nn_pair((int32_t)a, (int32_t)b), high = a >> 16 | (b & 0xFFFF0000u);
    const uint32_t of_low = stapes_nn_four(weights), of_high = stapes_nn_four(weights + 4);
    const uint32_t third = stapes_nn_four(weights + 8);
    const uint32_t even = stapes_nn_even(c), odd = stapes_nn_odd(c);
    const uint32_t of_even = stapes_nn_even(third), of_odd = stapes_nn_odd(third);
    sums[0] = stapes_nn_add_pair(sums[0], stapes_nn_even(low), stapes_nn_even(of_low));
    sums[1] = stapes_nn_add_pair(sums[1], stapes_nn_odd(low), stapes_nn_odd(of_low));
    sums[2] = stapes_nn_add_pair(sums[2], stapes_nn_even(high), stapes_nn_even(of_high));
    sums[3] = stapes_nn_add_pair(sums[3], stapes_nn_odd(high), stapes_nn_odd(of_high));
    sums[0] += stapes_nn_half(even, 0) * stapes_nn_half(of_even, 0);
    sums[1] += stapes_nn_half(odd, 0) * stapes_nn_half(of_odd, 0);
    sums[2] += stapes_nn_half(even, 1) * stapes_nn_half(of_even, 1);
    sums[3] += stapes_nn_half(odd, 1) * stapes_nn_half(of_odd, 1);
}

/* Compute a single output pixel. Neither a plane nor constants would be used again. A row of the kernel may end within
 * three taps: the weights after it are 0, whatever is read for them. */
static void stapes_nn_depthwise_single(const stapes_nn_conv_layer *layer, const int8_t *in, int8_t *out)
{
    const int32_t tall = layer->kernel_height, wide = layer->kernel_width, channels = layer->in_channels;
    const int32_t to_row = layer->dilation_height * layer->in_width * channels;
    const int32_t zero = layer->out_zero, low = layer->out_min, high = layer->out_max;
    const int32_t *bias = layer->bias, *multiplier = layer->multiplier;
    const int8_t *weights = (const int8_t *)layer->weights, *shift = layer->shift, *const end = out + channels;
    while (out != end) {
        int32_t sums[4] = {bias[0], bias[1], bias[2], bias[3]}, row, left, i;
        const int8_t *from_row = in;
        for (row = tall; row > 0; row--, from_row += to_row) {
            const int8_t *from = from_row;
            for (left = wide; left > 0; left -= 3, weights += 12, from += 3 * channels) {
                const int8_t *const second = left > 1 ? from + channels : from;
                const int8_t *const third = left > 2 ? second + channels : from;
                stapes_nn_depthwise_add(sums, weights, stapes_nn_four(from), stapes_nn_four(second),
                                        stapes_nn_four(third));
            }
        }
        for (i = 0; i < 4; i++) {
            const int32_t scaled = *shift < 0 ? stapes_nn_round_right(sums[i], *multiplier, -*shift)
                                              : stapes_nn_round_any(sums[i], *multiplier, *shift);
            *out++ = stapes_nn_narrow(scaled + zero, low, high);
            multiplier++;
            shift++;
        }
        bias += 4;
        in += 4;
    }
}

#if STAPES_NN_ASM

/* Arrange the constants of four channels in the order of use. The kernel is computed from its last three taps to its
 * first: `steps` below zero lead from three taps to those before them, and one above zero to the last taps of the next
 * pixel, by which the assembly knows the end. Returns 0 where it cannot be used. */
static int STAPES_NN_COLD stapes_nn_depthwise_constants(const stapes_nn_conv_layer *layer,
                                                        const stapes_nn_dsp_plane *plane, int32_t group, int32_t *to)
{
    const int32_t threes = plane->threes, count = layer->kernel_height * threes;
    const int32_t to_row_before = 12 * (threes - 1) - 4 * layer->dilation_height * plane->width;
    const int8_t *weights = (const int8_t *)layer->weights + 3 * group * count + 12 * count;
    int32_t i, along = threes, offset = 0;
    if (layer->dilation_width != 1 || group + 4 > layer->out_channels) {
        return 0;
    }
    for (i = 0; i < 4; i++) {
        to[i] = (int32_t)(2u * (uint32_t)layer->bias[group + i]); /* |bias| < 2^30 where it is used */
    }
    to += 4;
    for (i = count; i > 0; i--, to += 7) {
        const uint32_t third = stapes_nn_four(weights -= 4);
        const uint32_t high = stapes_nn_four(weights -= 4), low = stapes_nn_four(weights -= 4);
        to[0] = (int32_t)stapes_nn_double(stapes_nn_even(low));
        to[1] = (int32_t)stapes_nn_double(stapes_nn_odd(low));
        to[2] = (int32_t)stapes_nn_double(stapes_nn_even(high));
        to[3] = (int32_t)stapes_nn_double(stapes_nn_odd(high));
        to[4] = --along > 0 ? -12 : to_row_before;
        to[5] = (int32_t)stapes_nn_double(stapes_nn_even(third));
        to[6] = (int32_t)stapes_nn_double(stapes_nn_odd(third));
        along = along > 0 ? along : threes;
        offset += i > 1 ? to[4] : 0;
    }
    to[-3] = 4 * layer->stride_width - offset;
    for (i = 0; i < 4; i++, to += 3) {
        const int32_t right = -layer->shift[group + i];
        if (right < 1 || right > 22) {
            return 0;
        }
        to[0] = layer->multiplier[group + i];
        to[1] = stapes_nn_rounding(layer->out_zero, right);
        to[2] = right;
    }
    return 1;
}

/* Requantize two of the four sums. This is STAPES_NN_ROUND_TWICE for two sums side by side, since a core with a longer
 * pipeline waits for the result of the instruction just before. */
#define STAPES_NN_DEPTHWISE_FINISH(first, second) \
    "ldmia r1!, {r2, r3, r8-r11}\n\t"             \
    "add r3, r3, " first ", asr #31\n\t"          \
    "add r10, r10, " second ", asr #31\n\t"       \
    "smmlar " first ", " first ", r2, r3\n\t"     \
    "smmlar " second ", " second ", r9, r10\n\t"  \
    "asr " first ", " first ", r8\n\t"            \
    "asr " second ", " second ", r11\n\t"         \
    "ssat " first ", #8, " first "\n\t"           \
    "ssat " second ", #8, " second "\n\t"

/* Compute output channels group .. group + 3 of every pixel. The assembly reads its variables from the stack, for no
 * register is left to point anywhere else. */
static inline void STAPES_NN_ASM_INLINE stapes_nn_depthwise_fast(const stapes_nn_conv_layer *layer,
                                                                 const stapes_nn_dsp_plane *plane,
                                                                 const int32_t *constants, int8_t *to)
{
    const int8_t *const values =
        plane->values +
        4 * ((layer->kernel_height - 1) * layer->dilation_height * plane->width + 3 * (plane->threes - 1));
    const int32_t channels = layer->out_channels, row = channels * layer->out_width;
    const int32_t skip = 4 * (layer->stride_height * plane->width - layer->out_width * layer->stride_width);
    int8_t *out = to, *row_end = out + row;
    const int8_t *const end = out + row * layer->out_height;
    /* clang-format off */ /* it would not keep one instruction or macro a line */
    __asm__ volatile(
        "ldr r0, %[values]\n\t"
        "ldr r1, %[constants]\n\t"
        ".balign 4\n"
        "1:\n\t"
        "ldmia.w r1!, {r4-r7}\n"
        "2:\n\t" /* an aligned address: some cores need a cycle more to branch to an instruction in two words */
        "ldmia r0, {r8-r10}\n\t"
        "ldmia r1!, {r3, r11, r12, lr}\n\t"
        "pkhbt r2, r8, r9, lsl #16\n\t"
        "pkhtb r9, r9, r8, asr #16\n\t"
        "sxtb16 r8, r2\n\t"
        "sxtb16 r2, r2, ror #8\n\t"
        "smlad r4, r8, r3, r4\n\t"
        "sxtb16 r8, r9\n\t"
        "smlad r5, r2, r11, r5\n\t"
        "sxtb16 r9, r9, ror #8\n\t"
        "ldmia r1!, {r2, r3, r11}\n\t"
        "smlad r6, r8, r12, r6\n\t"
        "sxtb16 r8, r10\n\t"
        "smlad r7, r9, lr, r7\n\t"
        "sxtb16 r10, r10, ror #8\n\t"
        "smlabb r4, r8, r3, r4\n\t"
        "smlatt r6, r8, r3, r6\n\t"
        "adds r0, r0, r2\n\t" /* the carry is set when r2 < 0 */
        "smlabb r5, r10, r11, r5\n\t"
        "smlatt r7, r10, r11, r7\n\t"
        "bcs 2b\n\t"
        STAPES_NN_DEPTHWISE_FINISH("r4", "r5")
        STAPES_NN_DEPTHWISE_FINISH("r6", "r7")
        "ldr r12, %[out]\n\t"
        "ldr r11, %[channels]\n\t"
        "ldr r2, %[row_end]\n\t"
        "ldr r1, %[constants]\n\t"
        "strb r4, [r12]\n\t"
        "strb r5, [r12, #1]\n\t"
        "strb r6, [r12, #2]\n\t"
        "strb r7, [r12, #3]\n\t"
        "add r12, r12, r11\n\t"
        "cmp r12, r2\n\t"
        "str r12, %[out]\n\t"
        "bne 1b\n\t"
        "ldr r8, %[row]\n\t"
        "ldr r3, %[skip]\n\t"
        "ldr r9, %[end]\n\t"
        "add r2, r2, r8\n\t"
        "add r0, r0, r3\n\t"
        "str r2, %[row_end]\n\t"
        "cmp r12, r9\n\t"
        "bne 1b"
        : [out] "+m"(out), [row_end] "+m"(row_end)
        : [values] "m"(values), [constants] "m"(constants), [channels] "m"(channels), [skip] "m"(skip),
          [row] "m"(row), [end] "m"(end)
        : "r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "lr", "cc", "memory");
    /* clang-format on */
}

#endif

/* Compute any number of pixels: through the plane, four channels at a time. */
static void STAPES_NN_ASM_FUNCTION stapes_nn_depthwise_planes(const stapes_nn_conv_layer *layer, const int8_t *in,
                                                              int8_t *out, int8_t *scratch)
{
    const stapes_nn_dsp_plane plane = stapes_nn_depthwise_plane(layer, scratch);
    int32_t group;
    for (group = 0; group < layer->out_channels; group += 4) {
        stapes_nn_depthwise_gather(layer, &plane, in, group);
#if STAPES_NN_ASM
        if (stapes_nn_depthwise_constants(layer, &plane, group, (int32_t *)(void *)scratch)) {
            stapes_nn_depthwise_fast(layer, &plane, (const int32_t *)(void *)scratch, out + group);
            continue;
        }
#endif
        stapes_nn_depthwise_plain(layer, &plane, group, out);
    }
}

/* scratch: the constants of a group, then the plane. */
STAPES_NN_API void stapes_nn_depthwise(const stapes_nn_conv_layer *layer, const int8_t *in, int8_t *out,
                                       int8_t *scratch)
{
    const int single = stapes_nn_depthwise_is_single(layer);
    int8_t *const begin = out;
    int32_t batch;
    for (batch = 0; batch < layer->batches; batch++) {
        if (single) {
            stapes_nn_depthwise_single(layer, in, out);
        } else {
            stapes_nn_depthwise_planes(layer, in, out, scratch);
        }
        in += layer->in_height * layer->in_width * layer->in_channels;
        out += layer->out_height * layer->out_width * layer->out_channels;
    }
    stapes_nn_limit(begin, (int32_t)(out - begin), layer->out_min, layer->out_max);
}

#endif
