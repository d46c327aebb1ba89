/* stapes_nn_conv_dsp.c -- CONV_2D with SMLAD: four channels of two pixels at a time. Apache-2.0.
 *
 * The taps of two pixels a and b are doubled, widened to 16 bits and interleaved, so that each load serves four
 * channels: every four taps become the words (a0, a2), (b0, b2), (a1, a3), (b1, b3).
 *
 * Weights lie in the order of use: for every group of four channels c0 .. c3, for every four taps k .. k + 3 and for
 * each of the pairs (k, k + 2) and (k + 1, k + 3) the bytes c0 k, c1 k, c0 k+2, c1 k+2, then those of c2 and c3. Taps
 * and channels are padded with zeros to multiples of four.
 *
 * The taps are doubled because SMMLAR divides by 2^32 where stapes_nn_round_twice divides by 2^31. |doubled sum| <
 * 2^31, since |sum| < 2^30: proved by the compiler, for partial sums too. A layer with larger sums takes the plain C.
 */
#include "stapes_nn.h"

#if STAPES_NN_LAYOUT == STAPES_NN_DSP

#include "stapes_nn_arithmetic.h"
#include "stapes_nn_dsp.h"
#include "stapes_nn_taps.h"

#define STAPES_NN_CONV_GROUP 4
#define STAPES_NN_CONV_GROUP_CONSTANTS \
    16 /* words: four doubled biases, then multiplier, rounding and shift of each channel */

typedef struct {
    const int8_t *weights;
    const int32_t *constants;
    const uint32_t *patch, *patch_end;
    int8_t *out, *out2; /* outputs of the two pixels; they may be the same pixel */
} stapes_nn_conv_tile;

#if STAPES_NN_ASM

#define STAPES_NN_CONV_FINISH(sum, free) STAPES_NN_ROUND_TWICE(sum, "r2", "r3", "lr", free)

/* 16 products: a pair of taps of two pixels, for four channels. */
#define STAPES_NN_CONV_PAIR       \
    "ldmia r1!, {r2, r3}\n\t"     \
    "ldr r12, [r0], #4\n\t"       \
    "sxtb16 lr, r12\n\t"          \
    "smlad r4, lr, r2, r4\n\t"    \
    "smlad r8, lr, r3, r8\n\t"    \
    "sxtb16 r12, r12, ror #8\n\t" \
    "smlad r5, r12, r2, r5\n\t"   \
    "smlad r9, r12, r3, r9\n\t"   \
    "ldr r12, [r0], #4\n\t"       \
    "sxtb16 lr, r12\n\t"          \
    "smlad r6, lr, r2, r6\n\t"    \
    "smlad r10, lr, r3, r10\n\t"  \
    "sxtb16 r12, r12, ror #8\n\t" \
    "smlad r7, r12, r2, r7\n\t"   \
    "smlad r11, r12, r3, r11\n\t"

/* Compute `groups` groups of four channels of one tile, and move the tile to the group after them. */
static void stapes_nn_conv_groups(stapes_nn_conv_tile *tile, int32_t groups) STAPES_NN_ASM_FUNCTION;
static void stapes_nn_conv_groups(stapes_nn_conv_tile *tile, int32_t groups)
{
    const int8_t *weights = tile->weights;
    const int32_t *constants = tile->constants;
    const uint32_t *const patch = tile->patch, *const patch_end = tile->patch_end;
    int8_t *out = tile->out;
    const int8_t *const out_end = out + STAPES_NN_CONV_GROUP * groups;
    const ptrdiff_t to_second = tile->out2 - out; /* from the outputs of the first pixel to those of the second */
    /* Not 0 for an odd number of groups of four taps: then the assembly begins in the middle of its loop. */
    const int32_t odd = (patch_end - patch) & 4;
    /* clang-format off */ /* it would not keep one instruction or macro a line */
    __asm__ volatile(
        "ldr r0, %[weights]\n\t"
        "ldr r12, %[constants]\n"
        "1:\n\t"
        "ldr r1, %[odd]\n\t"
        "ldmia r12, {r4-r7}\n\t"
        "ldmia r12!, {r8-r11}\n\t"
        "str r12, %[constants]\n\t"
        "cmp r1, #0\n\t"
        "ldr r1, %[patch]\n\t"
        "bne 3f\n"
        "2:\n\t"
        STAPES_NN_CONV_PAIR
        STAPES_NN_CONV_PAIR
        "3:\n\t"
        STAPES_NN_CONV_PAIR
        STAPES_NN_CONV_PAIR
        "ldr lr, %[patch_end]\n\t"
        "cmp r1, lr\n\t"
        "bne 2b\n\t"
        "ldr r12, %[constants]\n\t"
        "ldmia r12!, {r2, r3, lr}\n\t"
        STAPES_NN_CONV_FINISH("r4", "r1")
        STAPES_NN_CONV_FINISH("r8", "r1")
        "ldr r1, %[out]\n\t"
        "strb r4, [r1]\n\t"
        "ldr r4, %[to_second]\n\t"
        "add r4, r4, r1\n\t"
        "strb r8, [r4]\n\t"
        "ldmia r12!, {r2, r3, lr}\n\t"
        STAPES_NN_CONV_FINISH("r5", "r8")
        "strb r5, [r1, #1]\n\t"
        STAPES_NN_CONV_FINISH("r9", "r8")
        "strb r9, [r4, #1]\n\t"
        "ldmia r12!, {r2, r3, lr}\n\t"
        STAPES_NN_CONV_FINISH("r6", "r8")
        "strb r6, [r1, #2]\n\t"
        STAPES_NN_CONV_FINISH("r10", "r8")
        "strb r10, [r4, #2]\n\t"
        "ldmia r12!, {r2, r3, lr}\n\t"
        STAPES_NN_CONV_FINISH("r7", "r8")
        "strb r7, [r1, #3]\n\t"
        STAPES_NN_CONV_FINISH("r11", "r8")
        "strb r11, [r4, #3]\n\t"
        "ldr r2, %[out_end]\n\t"
        "adds r1, r1, #4\n\t"
        "str r1, %[out]\n\t"
        "cmp r1, r2\n\t"
        "bne 1b\n\t"
        "str r12, %[constants]\n\t"
        "str r0, %[weights]"
        :
        [weights] "+m"(weights), [constants] "+m"(constants), [out] "+m"(out)
        : [to_second] "m"(to_second), [out_end] "m"(out_end), [patch] "m"(patch), [patch_end] "m"(patch_end),
          [odd] "m"(odd)
        : "r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "lr", "cc", "memory");
    /* clang-format on */
    tile->weights = weights;
    tile->constants = constants;
    tile->out = out;
    tile->out2 = out + to_second;
}

/* Compute all channels of one tile: the whole groups, then by way of a buffer a last group of fewer channels. */
static void stapes_nn_conv_fast(const stapes_nn_conv_layer *layer, stapes_nn_conv_tile *tile)
{
    const int32_t groups = layer->out_channels / STAPES_NN_CONV_GROUP,
                  rest = layer->out_channels % STAPES_NN_CONV_GROUP;
    if (groups > 0) {
        stapes_nn_conv_groups(tile, groups);
    }
    if (rest > 0) {
        int8_t few[2 * STAPES_NN_CONV_GROUP];
        int8_t *const out = tile->out, *const out2 = tile->out2;
        int32_t i;
        tile->out = few;
        tile->out2 = few + STAPES_NN_CONV_GROUP;
        stapes_nn_conv_groups(tile, 1);
        for (i = 0; i < rest; i++) {
            out[i] = few[i];
            out2[i] = few[STAPES_NN_CONV_GROUP + i];
        }
    }
}

#endif

/* The same in C: the specification of the assembly, also used for layers with shifts that the assembly cannot apply.
 */
static void STAPES_NN_COLD stapes_nn_conv_plain(const stapes_nn_conv_layer *layer, const stapes_nn_conv_tile *tile)
{
    /* A pair of taps is one word of each pixel, and eight bytes of weights. */
    const int32_t words = (int32_t)(tile->patch_end - tile->patch);
    int32_t channel, word, pixel, half;
    for (channel = 0; channel < layer->out_channels; channel++) {
        const int8_t *const weights =
            tile->weights + channel / STAPES_NN_CONV_GROUP * 4 * words + (channel & 1) + 2 * (channel & 2);
        for (pixel = 0; pixel < 2; pixel++) {
            int32_t sum = layer->bias[channel]; /* |sum| < 2^31 for all partial sums: proved by the compiler */
            int32_t scaled;
            for (word = pixel; word < words; word += 2) {
                for (half = 0; half < 2; half++) {
                    sum += stapes_nn_half(tile->patch[word], half) / 2 * weights[(word - pixel) * 4 + 2 * half];
                }
            }
            scaled = stapes_nn_round_any(sum, layer->multiplier[channel], layer->shift[channel]);
            (pixel ? tile->out2 : tile->out)[channel] =
                stapes_nn_clamp(scaled + layer->out_zero, layer->out_min, layer->out_max);
        }
    }
}

/* Arrange the constants of the channels as stapes_nn_conv_groups reads them. Returns 0 if it cannot be used: if a
 * shift is not in [-22, -1], or without assembly. */
static int stapes_nn_conv_constants(const stapes_nn_conv_layer *layer, int32_t *constants)
{
#if STAPES_NN_ASM
    const int32_t *bias = layer->bias, *multiplier = layer->multiplier;
    const int8_t *shift = layer->shift;
    int32_t *own = constants + STAPES_NN_CONV_GROUP; /* multiplier, rounding and shift of the next channel */
    int32_t left;
    for (left = layer->out_channels; left > 0; left--) {
        const int32_t right = -*shift++;
        if (right < 1 || right > 22) {
            return 0;
        }
        *constants++ = 2 * *bias++; /* |bias| < 2^30 */
        own[0] = *multiplier++;
        own[1] = stapes_nn_rounding(layer->out_zero, right);
        own[2] = right;
        own += 3;
        if (constants + 3 * STAPES_NN_CONV_GROUP == own) { /* the end of a group */
            constants = own;
            own += STAPES_NN_CONV_GROUP;
        }
    }
    return 1;
#else
    (void)layer, (void)constants;
    return 0;
#endif
}

/* Double, widen and interleave the taps of two pixels, four at a time. */
static void stapes_nn_conv_widen(const int8_t *a, const int8_t *b, uint32_t *patch, const uint32_t *patch_end)
{
    for (; patch < patch_end; patch += 4, a += 4, b += 4) {
        const uint32_t bytes_a = stapes_nn_four(a), bytes_b = stapes_nn_four(b);
        patch[0] = stapes_nn_double(stapes_nn_even(bytes_a));
        patch[1] = stapes_nn_double(stapes_nn_even(bytes_b));
        patch[2] = stapes_nn_double(stapes_nn_odd(bytes_a));
        patch[3] = stapes_nn_double(stapes_nn_odd(bytes_b));
    }
}

/* Copy `rows` runs of `run` bytes, which begin `pitch` bytes apart, one after the other. */
static void STAPES_NN_NOINLINE stapes_nn_conv_copy(int8_t *to, const int8_t *from, int32_t run, int32_t rows,
                                                   int32_t pitch)
{
    for (; rows > 0; rows--, from += pitch) {
        const int8_t *next = from;
        int32_t left;
        for (left = run; left >= 4; left -= 4, to += 4, next += 4) {
            memcpy(to, next, 4);
        }
        if (left & 2) {
            memcpy(to, next, 2);
            to += 2;
            next += 2;
        }
        if (left & 1) {
            *to++ = *next;
        }
    }
}

/* Gather the taps of a pixel whose first tap is at (top, left), of which some are outside of the input or dilated. */
static void STAPES_NN_NOINLINE stapes_nn_conv_border(const stapes_nn_conv_layer *layer, const int8_t *in, int32_t top,
                                                     int32_t left, int8_t *gathered)
{
    const int32_t channels = layer->in_channels, wide = layer->kernel_width, bottom = top + layer->kernel_height;
    const int32_t first = left < 0 ? -left : 0; /* taps first .. last - 1 of a row lie inside of the input */
    const int32_t last = layer->in_width - left < wide ? layer->in_width - left : wide;
    int32_t row;
    if (layer->dilation_width != 1 || layer->dilation_height != 1 || last <= first) {
        stapes_nn_taps_dilated(layer, in, top, left, gathered);
        return;
    }
    for (row = top; row < bottom; row++, gathered += wide * channels) {
        (void)stapes_nn_taps_fill(gathered, wide * channels, layer->in_zero);
        if (row >= 0 && row < layer->in_height) {
            stapes_nn_conv_copy(gathered + first * channels, in + (row * layer->in_width + left + first) * channels,
                                (last - first) * channels, 1, 0);
        }
    }
}

/* Whether the taps of every pixel lie inside of the input, and a row of them side by side. */
static int stapes_nn_conv_is_inside(const stapes_nn_conv_layer *layer)
{
    return (layer->out_height - 1) * layer->stride_height + layer->kernel_height <= layer->in_height &&
           (layer->out_width - 1) * layer->stride_width + layer->kernel_width <= layer->in_width &&
           layer->pad_top == 0 && layer->pad_left == 0 && layer->dilation_height == 1 && layer->dilation_width == 1;
}

/* Return the taps of output pixel (y, x) as one run, in the input or gathered. They are read up to a multiple of four
 * bytes: those after the pixel's own taps are multiplied by weights of zero. `inside`: stapes_nn_conv_is_inside. */
static const int8_t *stapes_nn_conv_taps(const stapes_nn_conv_layer *layer, const int8_t *in, int32_t y, int32_t x,
                                         int8_t *gathered, int inside)
{
    const int32_t tall = layer->kernel_height, wide = layer->kernel_width, channels = layer->in_channels;
    const int32_t top = y * layer->stride_height - layer->pad_top, left = x * layer->stride_width - layer->pad_left;
    if (!inside && (top < 0 || left < 0 || top + tall > layer->in_height || left + wide > layer->in_width ||
                    layer->dilation_width != 1 || layer->dilation_height != 1)) {
        stapes_nn_conv_border(layer, in, top, left, gathered);
        return gathered;
    }
    in += (top * layer->in_width + left) * channels;
    if (tall == 1 && wide * channels % 4 == 0) {
        return in;
    }
    stapes_nn_conv_copy(gathered, in, wide * channels, tall, layer->in_width * channels);
    return gathered;
}

/* scratch: STAPES_NN_CONV_GROUP_CONSTANTS words per group of channels; then, per four taps, 16 bytes for the widened
 * taps and 8 bytes for gathered ones. */
STAPES_NN_API void stapes_nn_conv(const stapes_nn_conv_layer *layer, const int8_t *in, int8_t *out, int8_t *scratch)
{
    const int32_t taps = layer->kernel_height * layer->kernel_width * layer->in_channels;
    const int32_t groups = (layer->out_channels + STAPES_NN_CONV_GROUP - 1) / STAPES_NN_CONV_GROUP;
    int32_t *const constants = (int32_t *)(void *)scratch;
    uint32_t *const patch = (uint32_t *)(void *)(constants + groups * STAPES_NN_CONV_GROUP_CONSTANTS);
    uint32_t *const patch_end = patch + (taps + 3) / 4 * 4;
    int8_t *const gathered = (int8_t *)(void *)patch_end;
    const int fast = stapes_nn_conv_constants(layer, constants), inside = stapes_nn_conv_is_inside(layer);
    int8_t *const begin = out;
    int32_t batch, pixel = 0, y, x;
    (void)fast;
    for (batch = 0; batch < layer->batches; batch++) {
        for (y = 0, x = 0; y < layer->out_height;) {
            stapes_nn_conv_tile tile = {(const int8_t *)layer->weights, constants, patch, patch_end, out, out};
            const int8_t *a = NULL, *b = NULL;
            for (pixel = 0; pixel < 2 && y < layer->out_height; pixel++) {
                const int8_t *const found =
                    stapes_nn_conv_taps(layer, in, y, x, gathered + pixel * (patch_end - patch), inside);
                a = pixel ? a : found;
                b = found;
                if (++x == layer->out_width) {
                    x = 0;
                    y++;
                }
            }
            stapes_nn_conv_widen(a, b, patch, patch_end);
            tile.out2 = out + (pixel - 1) * layer->out_channels;
            out += pixel * layer->out_channels;
#if STAPES_NN_ASM
            if (fast) {
                stapes_nn_conv_fast(layer, &tile);
                continue;
            }
#endif
            stapes_nn_conv_plain(layer, &tile);
        }
        in += layer->in_height * layer->in_width * layer->in_channels;
    }
    stapes_nn_limit(begin, (int32_t)(out - begin), layer->out_min, layer->out_max);
}

#endif
