/* stapes_nn_conv_dsp.c -- CONV_2D with SMLAD: four channels of two pixels at a time. Apache-2.0.
 *
 * The taps of two pixels are widened to doubled 16-bit values and interleaved, so that what is loaded serves four channels: for every
 * four taps the words (a0, a2), (b0, b2), (a1, a3), (b1, b3) of pixels a and b. Weights lie in the order of use: for every group of four
 * channels, every four taps k and each of the pairs (k, k + 2), (k + 1, k + 3): the bytes c0 k, c1 k, c0 k+2, c1 k+2, then those of
 * c2 and c3. Taps and channels are filled up with zeros to multiples of four.
 *
 * Sums are doubled ones, since SMMLAR divides by 2^32 where stapes_nn_round_twice divides by 2^31; |doubled sum| < 2^31 as |sum| < 2^30. */
#include "stapes_nn.h"

#if STAPES_NN_LAYOUT == STAPES_NN_DSP

#include "stapes_nn_arithmetic.h"
#include "stapes_nn_dsp.h"
#include "stapes_nn_taps.h"

#define STAPES_NN_CONV_GROUP 4
#define STAPES_NN_CONV_GROUP_CONSTANTS 16 /* words: four doubled biases, then multiplier, rounding and shift of each channel */

typedef struct {
    const int8_t *weights;
    const int32_t *constants;
    const uint32_t *patch, *patch_end;
    int8_t *out, *out2; /* the two pixels; may be the same */
} stapes_nn_conv_tile;

#if STAPES_NN_ASM

/* round(x * m / 2^31), then / 2^r with halves away from zero, plus the output's zero point, in five instructions: with h the first result,
 * (h + rz + (x < 0 ? -1 : 0)) >> r, rz = 2^(r - 1) + out_zero * 2^r. The sign of x serves for that of h: where they differ h is 0, and
 * (2^(r - 1) - 1) >> r is 0. |h| < 2^30, |rz| <= 2^21 + 2^29 as r <= 22. */
#define STAPES_NN_CONV_FINISH(sum, free) \
    "add " free ", r3, " sum ", asr #31\n\t" \
    "smmlar " sum ", " sum ", r2, " free "\n\t" \
    "asr " sum ", " sum ", lr\n\t" \
    "ssat " sum ", #8, " sum "\n\t"

/* 16 products: a pair of taps, four channels, two pixels. */
#define STAPES_NN_CONV_PAIR \
    "ldmia r1!, {r2, r3}\n\t" \
    "ldr r12, [r0], #4\n\t" \
    "sxtb16 lr, r12\n\t" \
    "smlad r4, lr, r2, r4\n\t" \
    "smlad r8, lr, r3, r8\n\t" \
    "sxtb16 r12, r12, ror #8\n\t" \
    "smlad r5, r12, r2, r5\n\t" \
    "smlad r9, r12, r3, r9\n\t" \
    "ldr r12, [r0], #4\n\t" \
    "sxtb16 lr, r12\n\t" \
    "smlad r6, lr, r2, r6\n\t" \
    "smlad r10, lr, r3, r10\n\t" \
    "sxtb16 r12, r12, ror #8\n\t" \
    "smlad r7, r12, r2, r7\n\t" \
    "smlad r11, r12, r3, r11\n\t"

/* Some groups of four channels of one tile, which is left at the group after them. */
static void stapes_nn_conv_groups(stapes_nn_conv_tile *tile, int32_t groups) STAPES_NN_BY_HAND;
static void stapes_nn_conv_groups(stapes_nn_conv_tile *tile, int32_t groups)
{
    const int8_t *weights = tile->weights;
    const int32_t *constants = tile->constants;
    const uint32_t *const patch = tile->patch, *const patch_end = tile->patch_end;
    int8_t *out = tile->out, *out2 = tile->out2;
    const int32_t odd = (patch_end - patch) & 4; /* an odd number of four taps: begin in the middle */
    __asm__ volatile("ldr r0, %[weights]\n"
                     "1:\n\t"
                     "ldr r12, %[constants]\n\t"
                     "ldr r1, %[odd]\n\t"
                     "ldmia r12, {r4-r7}\n\t"
                     "ldmia r12!, {r8-r11}\n\t"
                     "str r12, %[constants]\n\t"
                     "cmp r1, #0\n\t"
                     "ldr r1, %[patch]\n\t"
                     "bne 3f\n"
                     "2:\n\t" STAPES_NN_CONV_PAIR STAPES_NN_CONV_PAIR
                     "3:\n\t" STAPES_NN_CONV_PAIR STAPES_NN_CONV_PAIR
                     "ldr lr, %[patch_end]\n\t"
                     "cmp r1, lr\n\t"
                     "bne 2b\n\t"
                     "ldr r12, %[constants]\n\t"
                     "ldmia r12!, {r2, r3, lr}\n\t" STAPES_NN_CONV_FINISH("r4", "r1") STAPES_NN_CONV_FINISH("r8", "r1")
                     "ldr r1, %[out]\n\t"
                     "strb r4, [r1]\n\t"
                     "ldr r4, %[out2]\n\t"
                     "strb r8, [r4]\n\t"
                     "ldmia r12!, {r2, r3, lr}\n\t" STAPES_NN_CONV_FINISH("r5", "r8")
                     "strb r5, [r1, #1]\n\t" STAPES_NN_CONV_FINISH("r9", "r8")
                     "strb r9, [r4, #1]\n\t"
                     "ldmia r12!, {r2, r3, lr}\n\t" STAPES_NN_CONV_FINISH("r6", "r8")
                     "strb r6, [r1, #2]\n\t" STAPES_NN_CONV_FINISH("r10", "r8")
                     "strb r10, [r4, #2]\n\t"
                     "ldmia r12!, {r2, r3, lr}\n\t" STAPES_NN_CONV_FINISH("r7", "r8")
                     "strb r7, [r1, #3]\n\t" STAPES_NN_CONV_FINISH("r11", "r8")
                     "strb r11, [r4, #3]\n\t"
                     "ldr r2, %[groups]\n\t"
                     "adds r1, r1, #4\n\t"
                     "str r1, %[out]\n\t"
                     "adds r4, r4, #4\n\t"
                     "str r4, %[out2]\n\t"
                     "str r12, %[constants]\n\t"
                     "subs r2, r2, #1\n\t"
                     "str r2, %[groups]\n\t"
                     "bne 1b\n\t"
                     "str r0, %[weights]"
                     : [weights] "+m"(weights), [constants] "+m"(constants), [out] "+m"(out), [out2] "+m"(out2), [groups] "+m"(groups)
                     : [patch] "m"(patch), [patch_end] "m"(patch_end), [odd] "m"(odd)
                     : "r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "lr", "cc", "memory");
    tile->weights = weights;
    tile->constants = constants;
    tile->out = out;
    tile->out2 = out2;
}

/* One tile of whole groups, then a last one of fewer channels by way of a buffer. */
static void stapes_nn_conv_fast(const stapes_nn_conv_layer *layer, stapes_nn_conv_tile tile)
{
    const int32_t groups = layer->out_channels / STAPES_NN_CONV_GROUP, rest = layer->out_channels % STAPES_NN_CONV_GROUP;
    if (groups > 0) {
        stapes_nn_conv_groups(&tile, groups);
    }
    if (rest > 0) {
        int8_t few[2 * STAPES_NN_CONV_GROUP];
        int8_t *const out = tile.out, *const out2 = tile.out2;
        int32_t i;
        tile.out = few;
        tile.out2 = few + STAPES_NN_CONV_GROUP;
        stapes_nn_conv_groups(&tile, 1);
        for (i = 0; i < rest; i++) {
            out[i] = few[i];
            out2[i] = few[STAPES_NN_CONV_GROUP + i];
        }
    }
}

#endif

/* The same in C: what the assembly stands for, and for layers whose shifts it does not take. */
static void STAPES_NN_COLD stapes_nn_conv_plain(const stapes_nn_conv_layer *layer, const stapes_nn_conv_tile *tile)
{
    const int32_t words = (int32_t)(tile->patch_end - tile->patch); /* a pair of taps is two words here, eight bytes of weights */
    int32_t channel, word, pixel, half;
    for (channel = 0; channel < layer->out_channels; channel++) {
        const int8_t *const weights = tile->weights + channel / STAPES_NN_CONV_GROUP * 4 * words + (channel & 1) + 2 * (channel & 2);
        for (pixel = 0; pixel < 2; pixel++) {
            int32_t sum = 2 * layer->bias[channel];
            int32_t scaled;
            for (word = pixel; word < words; word += 2) {
                for (half = 0; half < 2; half++) {
                    sum += stapes_nn_half(tile->patch[word], half) * weights[(word - pixel) * 4 + 2 * half];
                }
            }
            scaled = stapes_nn_round_twice(sum / 2, layer->multiplier[channel], layer->shift[channel]);
            (pixel ? tile->out2 : tile->out)[channel] = stapes_nn_clamp(scaled + layer->out_zero, layer->out_min, layer->out_max);
        }
    }
}

/* Spread the channels' constants as stapes_nn_conv_groups reads them. Returns 0 when a shift is outside of what it takes. */
static int stapes_nn_conv_constants(const stapes_nn_conv_layer *layer, int32_t *constants)
{
#if STAPES_NN_ASM
    const int32_t twice_zero = 2 * layer->out_zero + 1;
    int32_t channel;
    for (channel = 0; channel < layer->out_channels; channel++) {
        const int32_t right = -layer->shift[channel];
        int32_t *const group = constants + channel / STAPES_NN_CONV_GROUP * STAPES_NN_CONV_GROUP_CONSTANTS;
        int32_t *const own = group + STAPES_NN_CONV_GROUP + channel % STAPES_NN_CONV_GROUP * 3;
        if (right < 1 || right > 22) {
            return 0;
        }
        group[channel % STAPES_NN_CONV_GROUP] = 2 * layer->bias[channel]; /* |bias| < 2^30 */
        own[0] = layer->multiplier[channel];
        own[1] = twice_zero * ((int32_t)1 << (right - 1)); /* 2^(right - 1) + out_zero * 2^right, |.| <= 255 * 2^21 */
        own[2] = right;
    }
    return 1;
#else
    (void)layer, (void)constants;
    return 0;
#endif
}

/* Widen and interleave the taps of two pixels. */
static void stapes_nn_conv_widen(const int8_t *a, const int8_t *b, int32_t taps, uint32_t *patch)
{
    for (; taps > 0; taps -= 4) {
        const uint32_t bytes_a = taps >= 4 ? stapes_nn_four(a) : stapes_nn_few(a, taps);
        const uint32_t bytes_b = taps >= 4 ? stapes_nn_four(b) : stapes_nn_few(b, taps);
        patch[0] = stapes_nn_double(stapes_nn_even(bytes_a));
        patch[1] = stapes_nn_double(stapes_nn_even(bytes_b));
        patch[2] = stapes_nn_double(stapes_nn_odd(bytes_a));
        patch[3] = stapes_nn_double(stapes_nn_odd(bytes_b));
        a += 4;
        b += 4;
        patch += 4;
    }
}

/* scratch: STAPES_NN_CONV_GROUP_CONSTANTS words per group, 16 bytes per four taps, two patches of bytes. */
STAPES_NN_API void stapes_nn_conv(const stapes_nn_conv_layer *layer, const int8_t *in, int8_t *out, int8_t *scratch)
{
    const int32_t taps = layer->kernel_height * layer->kernel_width * layer->in_channels;
    const int32_t groups = (layer->out_channels + STAPES_NN_CONV_GROUP - 1) / STAPES_NN_CONV_GROUP;
    int32_t *const constants = (int32_t *)(void *)scratch;
    uint32_t *const patch = (uint32_t *)(void *)(constants + groups * STAPES_NN_CONV_GROUP_CONSTANTS);
    uint32_t *const patch_end = patch + (taps + 3) / 4 * 4;
    int8_t *const gathered = (int8_t *)(void *)patch_end;
    const int fast = stapes_nn_conv_constants(layer, constants);
    int32_t batch, pixel = 0, y, x;
    (void)fast;
    for (batch = 0; batch < layer->batches; batch++) {
        for (y = 0, x = 0; y < layer->out_height;) {
            stapes_nn_conv_tile tile = {(const int8_t *)layer->weights, constants, patch, patch_end, out, out};
            const int8_t *a = NULL, *b = NULL;
            for (pixel = 0; pixel < 2 && y < layer->out_height; pixel++) {
                const int8_t *const found = stapes_nn_taps(layer, in, y, x, gathered + pixel * taps);
                a = pixel ? a : found;
                b = found;
                if (++x == layer->out_width) {
                    x = 0;
                    y++;
                }
            }
            stapes_nn_conv_widen(a, b, taps, patch);
            tile.out2 = out + (pixel - 1) * layer->out_channels;
#if STAPES_NN_ASM
            if (fast) {
                stapes_nn_conv_fast(layer, tile);
                stapes_nn_limit(out, pixel * layer->out_channels, layer->out_min, layer->out_max);
            } else
#endif
            {
                stapes_nn_conv_plain(layer, &tile);
            }
            out += pixel * layer->out_channels;
        }
        in += layer->in_height * layer->in_width * layer->in_channels;
    }
}

#endif
