/* stapes_nn_conv_dsp.c -- CONV_2D with SMLAD: four channels of two pixels at a time. Apache-2.0.
 *
 * The taps of two pixels a and b are widened to 16 bits and interleaved, so that each load serves four channels: every
 * four taps become the words (a0, a2), (b0, b2), (a1, a3), (b1, b3).
 *
 * Weights lie in the order of use: for every group of four channels c0 .. c3, for every four taps k .. k + 3 and for
 * each of the pairs (k, k + 2) and (k + 1, k + 3), one word for channels c0 and c1 and one for c2 and c3. The halves
 * of a word are 256 * w1 + w0, for k and for k + 2, where w1 is the weight of the odd channel. One product with the
 * word itself adds 256 * w1 x + w0 x to one sum; one product with its lower bytes adds w0 x to another sum. The
 * difference of the two is 256 times the sum of the odd channel and must be below 2^31. Taps and channels are padded
 * with zeros to multiples of four.
 *
 * |sum| < 2^23 in odd channels and |sum| < 2^30 in even ones: proved by the compiler. A layer with larger sums, or
 * with a weight that the halves have no room for, has STAPES_NN_WIDE_SHIFT and takes the plain C.
 *
 * Weights may lie in a flash that is slow to read. Therefore as many pairs of pixels as the scratch memory holds are
 * widened together, and every group of channels is computed for all of them before the next one. */
#include "stapes_nn.h"

#if STAPES_NN_LAYOUT == STAPES_NN_DSP

#include "stapes_nn_arithmetic.h"
#include "stapes_nn_dsp.h"
#include "stapes_nn_taps.h"

#define STAPES_NN_CONV_GROUP 4
#define STAPES_NN_CONV_GROUP_CONSTANTS \
    16 /* words: where four sums begin, then multiplier, rounding and shift of each channel */

/* Fewer pairs of pixels are computed one by one, with the constants of all groups in the scratch memory: to arrange
 * those of a group anew for every few pixels takes longer than to read its weights again. */
#define STAPES_NN_CONV_LEAST_PAIRS 3

/* Groups of four channels, and the widened pixels for which they are computed. */
typedef struct {
    const int8_t *weights;
    const int32_t *bias, *multiplier;
    const int8_t *shift;
    int32_t rounding;   /* of a shift by one bit */
    int32_t *constants; /* of the first group, as they are used */
    int32_t kept;       /* bytes from the constants of a group to those of the next one, or 0: in the same place */
    int32_t arranged;   /* not 0: the constants of all groups are there already */
    uint32_t *patches;  /* widened taps of each pair of pixels, one pair behind the other */
    int32_t words;      /* of a pair: four per four taps, or a part of them */
    int32_t pixels;     /* an odd last one forms a pair with itself */
    int8_t *out;
} stapes_nn_conv_job;

#if STAPES_NN_ASM

/* Requantize the sums of one channel of both pixels. This is STAPES_NN_ROUND_TWICE for two sums side by side, since a
 * core with a longer pipeline waits for the result of the instruction just before. */
#define STAPES_NN_CONV_FINISH(a, b)   \
    "ldmia r12!, {r2, r3, lr}\n\t"    \
    "add r0, r3, " a ", asr #31\n\t"  \
    "add r1, r3, " b ", asr #31\n\t"  \
    "smmlar " a ", " a ", r2, r0\n\t" \
    "smmlar " b ", " b ", r2, r1\n\t" \
    "asr " a ", " a ", lr\n\t"        \
    "asr " b ", " b ", lr\n\t"        \
    "ssat " a ", #8, " a "\n\t"       \
    "ssat " b ", #8, " b "\n\t"

/* Store multiplier, rounding and shift of one channel. */
#define STAPES_NN_CONV_CONSTANTS(multiplier, shift)     \
    "ldr r4, " multiplier "\n\t"                        \
    "ldrsb r6, " shift "\n\t"                           \
    "mvn r5, r6\n\t"                                    \
    "neg r6, r6\n\t"                                    \
    "lsl r5, r3, r5\n\t" /* |rounding| <= 255 * 2^21 */ \
    "stmia r12!, {r4-r6}\n\t"

/* 16 products: a pair of taps of two pixels, for four channels. The arguments are the places of the taps of either
 * pixel, and of the weights of c0 and c1, and of c2 and c3. The loads stand together because a Cortex-M4 takes one
 * cycle for a load that follows another one, and two for one that stands alone. */
#define STAPES_NN_CONV_PAIR(taps_a, taps_b, even, odd) \
    "ldr r2, " taps_a "\n\t"                           \
    "ldr r3, " taps_b "\n\t"                           \
    "ldr r12, " even "\n\t"                            \
    "ldr lr, " odd "\n\t"                              \
    "smlad r5, r2, r12, r5\n\t"                        \
    "smlad r9, r3, r12, r9\n\t"                        \
    "sxtb16 r12, r12\n\t"                              \
    "smlad r7, r2, lr, r7\n\t"                         \
    "smlad r11, r3, lr, r11\n\t"                       \
    "sxtb16 lr, lr\n\t"                                \
    "smlad r4, r2, r12, r4\n\t"                        \
    "smlad r8, r3, r12, r8\n\t"                        \
    "smlad r6, r2, lr, r6\n\t"                         \
    "smlad r10, r3, lr, r10\n\t"

/* Compute `groups` groups of four channels for all pixels of the job, whose outputs begin `to_next` bytes apart. */
static void stapes_nn_conv_groups(const stapes_nn_conv_job *job, int32_t groups,
                                  ptrdiff_t to_next) STAPES_NN_ASM_FUNCTION;
static void stapes_nn_conv_groups(const stapes_nn_conv_job *job, int32_t groups, ptrdiff_t to_next)
{
    /* Not 0 for an odd number of groups of four taps: then the assembly begins in the middle of its loop, which reads
     * 32 bytes of taps and of weights, each from the word after its pointer on. */
    const int32_t odd = 4 * (job->words & 4), bytes = 4 * job->words;
    const int8_t *weights = job->weights - odd - 4, *weights_end = job->weights + bytes - 4;
    const int32_t *bias = job->bias, *multiplier = job->multiplier;
    const int8_t *shift = job->shift;
    const int32_t rounding = job->rounding, kept = job->kept, arranged = job->arranged;
    int32_t *constants = job->constants + 4; /* behind those with which the sums begin */
    const int8_t *const patches = (const int8_t *)job->patches - 4, *patch = patches;
    const int32_t pairs = job->pixels / 2;
    int8_t *out = job->out, *out_end = out + 2 * pairs * to_next;
    const int32_t back = STAPES_NN_CONV_GROUP - 2 * pairs * to_next;
    /* The last of an odd number of pixels is computed with `second` 0, so that both outputs of its pair are one. */
    const int32_t single = pairs > 0 && (job->pixels & 1) ? to_next : 0;
    int32_t second = pairs > 0 ? to_next : 0; /* bytes from the outputs of the first pixel of a pair to the second's */
    /* clang-format off */ /* it would not keep one instruction or macro a line */
    __asm__ volatile(
        "1:\n\t"
        "ldr r4, %[arranged]\n\t"
        "cmp r4, #0\n\t"
        "bne 2f\n\t"
        "ldr r12, %[constants]\n\t"
        "ldr r0, %[bias]\n\t"
        "ldr r1, %[multiplier]\n\t"
        "ldr r2, %[shift]\n\t"
        "ldr r3, %[rounding]\n\t"
        "ldmia r0!, {r4-r7}\n\t"
        "sub r12, r12, #16\n\t"
        "str r0, %[bias]\n\t"
        "add r5, r4, r5, lsl #8\n\t" /* less r4, this is 256 * bias of c1 */
        "add r7, r6, r7, lsl #8\n\t"
        "stmia r12!, {r4-r7}\n\t"
        STAPES_NN_CONV_CONSTANTS("[r1]", "[r2]")
        STAPES_NN_CONV_CONSTANTS("[r1, #4]", "[r2, #1]")
        STAPES_NN_CONV_CONSTANTS("[r1, #8]", "[r2, #2]")
        STAPES_NN_CONV_CONSTANTS("[r1, #12]", "[r2, #3]")
        "adds r1, r1, #16\n\t"
        "adds r2, r2, #4\n\t"
        "str r1, %[multiplier]\n\t"
        "str r2, %[shift]\n"
        "2:\n\t"
        "ldr r12, %[constants]\n\t"
        "ldr r1, %[patch]\n\t"
        "ldr r3, %[odd]\n\t"
        "ldr r0, %[weights]\n\t"
        "ldmdb r12, {r4-r7}\n\t"
        "subs r1, r1, r3\n\t"
        "ldmdb r12, {r8-r11}\n\t"
        "cbnz r3, 4f\n"
        "3:\n\t"
        STAPES_NN_CONV_PAIR("[r1, #4]", "[r1, #8]", "[r0, #4]", "[r0, #8]")
        STAPES_NN_CONV_PAIR("[r1, #12]", "[r1, #16]", "[r0, #12]", "[r0, #16]")
        "4:\n\t"
        STAPES_NN_CONV_PAIR("[r1, #20]", "[r1, #24]", "[r0, #20]", "[r0, #24]")
        STAPES_NN_CONV_PAIR("[r1, #28]", "[r1, #32]!", "[r0, #28]", "[r0, #32]!")
        "ldr r2, %[weights_end]\n\t"
        "cmp r0, r2\n\t"
        "bne 3b\n\t"
        "ldr r12, %[constants]\n\t"
        "str r1, %[patch]\n\t"
        "sub r5, r5, r4\n\t" /* 256 * sum of c1, |sum| < 2^23; both terms may have wrapped around */
        "sub r9, r9, r8\n\t"
        "sub r7, r7, r6\n\t"
        "sub r11, r11, r10\n\t"
        /* All sums doubled, because SMMLAR divides by 2^32 where stapes_nn_round_twice divides by 2^31. */
        "lsl r4, r4, #1\n\t" /* |doubled sum| < 2^31 */
        "lsl r8, r8, #1\n\t"
        "asr r5, r5, #7\n\t"
        "asr r9, r9, #7\n\t"
        "lsl r6, r6, #1\n\t"
        "lsl r10, r10, #1\n\t"
        "asr r7, r7, #7\n\t"
        "asr r11, r11, #7\n\t"
        STAPES_NN_CONV_FINISH("r4", "r8")
        STAPES_NN_CONV_FINISH("r5", "r9")
        STAPES_NN_CONV_FINISH("r6", "r10")
        STAPES_NN_CONV_FINISH("r7", "r11")
        "ldr r0, %[out]\n\t"
        "ldr r1, %[second]\n\t"
        "ldr r2, %[out_end]\n\t"
        "strb r4, [r0]\n\t"
        "strb r5, [r0, #1]\n\t"
        "strb r6, [r0, #2]\n\t"
        "strb r7, [r0, #3]\n\t"
        "add r0, r0, r1\n\t"
        "add r1, r1, r0\n\t"
        "strb r8, [r0]\n\t"
        "strb r9, [r0, #1]\n\t"
        "strb r10, [r0, #2]\n\t"
        "strb r11, [r0, #3]\n\t"
        "str r1, %[out]\n\t"
        "cmp r1, r2\n\t"
        "bne 2b\n\t"
        "ldr r3, %[single]\n\t"
        "ldr r4, %[second]\n\t"
        "cbz r3, 5f\n\t"
        "eors r4, r4, r3\n\t"
        "str r4, %[second]\n\t"
        "beq 2b\n"
        "5:\n\t"
        /* The next group of channels, for the first pair again. */
        "ldr r0, %[weights_end]\n\t"
        "ldr r3, %[odd]\n\t"
        "ldr r4, %[bytes]\n\t"
        "ldr r5, %[patches]\n\t"
        "ldr r6, %[back]\n\t"
        "ldr r7, %[groups]\n\t"
        "ldr r8, %[constants]\n\t"
        "ldr r9, %[kept]\n\t"
        "subs r3, r0, r3\n\t"
        "add r0, r0, r4\n\t"
        "adds r6, r6, r1\n\t"
        "adds r2, r2, #4\n\t"
        "add r8, r8, r9\n\t"
        "subs r7, r7, #1\n\t"
        "str r3, %[weights]\n\t"
        "str r0, %[weights_end]\n\t"
        "str r5, %[patch]\n\t"
        "str r6, %[out]\n\t"
        "str r2, %[out_end]\n\t"
        "str r8, %[constants]\n\t"
        "str r7, %[groups]\n\t"
        "bne 1b"
        : [weights] "+m"(weights), [weights_end] "+m"(weights_end), [bias] "+m"(bias), [multiplier] "+m"(multiplier),
          [shift] "+m"(shift), [constants] "+m"(constants), [patch] "+m"(patch), [out] "+m"(out),
          [out_end] "+m"(out_end), [second] "+m"(second), [groups] "+m"(groups)
        : [odd] "m"(odd), [bytes] "m"(bytes), [rounding] "m"(rounding), [kept] "m"(kept), [arranged] "m"(arranged),
          [patches] "m"(patches), [single] "m"(single), [back] "m"(back)
        : "r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "lr", "cc", "memory");
    /* clang-format on */
}

/* Compute the sums of four channels of the first pixel of a pair, whose bias is in `sums`: those of c0 and c2, and of
 * c0 + 256 c1 and c2 + 256 c3 modulo 2^32. */
static void stapes_nn_conv_sums(const uint32_t *patch, const int8_t *weights, const int8_t *weights_end,
                                uint32_t sums[4]) STAPES_NN_ASM_FUNCTION;
static void stapes_nn_conv_sums(const uint32_t *patch, const int8_t *weights, const int8_t *weights_end,
                                uint32_t sums[4])
{
    /* clang-format off */ /* it would not keep one instruction a line */
    __asm__ volatile(
        "ldmia %[sums], {r4-r6, r8}\n"
        "1:\n\t"
        "ldmia %[weights]!, {r2, r3, r9, r10}\n\t"
        "ldr r11, [%[patch]], #8\n\t"
        "smlad r5, r11, r2, r5\n\t"
        "sxtb16 r2, r2\n\t"
        "smlad r8, r11, r3, r8\n\t"
        "sxtb16 r3, r3\n\t"
        "smlad r4, r11, r2, r4\n\t"
        "smlad r6, r11, r3, r6\n\t"
        "ldr r11, [%[patch]], #8\n\t"
        "smlad r5, r11, r9, r5\n\t"
        "sxtb16 r9, r9\n\t"
        "smlad r8, r11, r10, r8\n\t"
        "sxtb16 r10, r10\n\t"
        "smlad r4, r11, r9, r4\n\t"
        "smlad r6, r11, r10, r6\n\t"
        "cmp %[weights], %[end]\n\t"
        "bne 1b\n\t"
        "stmia %[sums], {r4-r6, r8}"
        : [patch] "+&r"(patch), [weights] "+&r"(weights)
        : [end] "r"(weights_end), [sums] "r"(sums)
        : "r2", "r3", "r4", "r5", "r6", "r8", "r9", "r10", "r11", "cc", "memory");
    /* clang-format on */
}

/* Compute all whole groups of channels of a single pixel. */
static void stapes_nn_conv_single(const stapes_nn_conv_layer *layer, const stapes_nn_conv_job *job)
{
    const int32_t zero = layer->out_zero, low = layer->out_min, high = layer->out_max;
    const int32_t *multiplier = layer->multiplier;
    const uint32_t *bias = (const uint32_t *)layer->bias;
    const int8_t *shift = layer->shift, *weights = job->weights;
    int8_t *out = job->out, *const end = out + layer->out_channels / STAPES_NN_CONV_GROUP * STAPES_NN_CONV_GROUP;
    for (; out != end; weights += 4 * job->words, bias += STAPES_NN_CONV_GROUP) {
        uint32_t sums[4] = {bias[0], bias[0] + (bias[1] << 8), bias[2], bias[2] + (bias[3] << 8)};
        int32_t i;
        stapes_nn_conv_sums(job->patches, weights, weights + 4 * job->words, sums);
        /* 256 * the sum of an odd channel is a difference of two terms that may have wrapped around. */
        sums[1] = (uint32_t)((int32_t)(sums[1] - sums[0]) >> 8);
        sums[3] = (uint32_t)((int32_t)(sums[3] - sums[2]) >> 8);
        for (i = 0; i < STAPES_NN_CONV_GROUP; i++) {
            const int32_t scaled = stapes_nn_round_right((int32_t)sums[i], *multiplier++, -*shift++);
            *out++ = stapes_nn_narrow(scaled + zero, low, high);
        }
    }
}

/* Compute a last group of fewer than four channels, pair by pair, by way of a buffer. */
static void STAPES_NN_COLD stapes_nn_conv_few(const stapes_nn_conv_job *job, int32_t rest, int32_t channels)
{
    int32_t bias[STAPES_NN_CONV_GROUP] = {0}, multiplier[STAPES_NN_CONV_GROUP] = {0}, pixel, i;
    int8_t shift[STAPES_NN_CONV_GROUP] = {-1, -1, -1, -1}, few[2 * STAPES_NN_CONV_GROUP];
    int8_t *out = job->out + channels - rest;
    stapes_nn_conv_job pair = *job;
    pair.weights += (channels - rest) * job->words;
    pair.constants += channels / STAPES_NN_CONV_GROUP * job->kept / 4;
    pair.bias = bias;
    pair.multiplier = multiplier;
    pair.shift = shift;
    pair.arranged = 0;
    pair.pixels = 2;
    pair.out = few;
    for (i = 0; i < rest; i++) {
        bias[i] = job->bias[channels - rest + i];
        multiplier[i] = job->multiplier[channels - rest + i];
        shift[i] = job->shift[channels - rest + i];
    }
    for (pixel = 0; pixel < job->pixels; pixel++, out += channels) {
        if (pixel % 2 == 0) {
            stapes_nn_conv_groups(&pair, 1, STAPES_NN_CONV_GROUP);
            pair.patches += pair.words;
        }
        for (i = 0; i < rest; i++) {
            out[i] = few[pixel % 2 * STAPES_NN_CONV_GROUP + i];
        }
    }
}

/* Compute all channels: the whole groups, then the others. */
static void stapes_nn_conv_fast(const stapes_nn_conv_layer *layer, stapes_nn_conv_job *job)
{
    const int32_t channels = layer->out_channels;
    const int32_t groups = channels / STAPES_NN_CONV_GROUP, rest = channels % STAPES_NN_CONV_GROUP;
    if (job->pixels == 1) {
        stapes_nn_conv_single(layer, job);
    } else if (groups > 0) {
        stapes_nn_conv_groups(job, groups, channels);
        job->arranged = job->kept != 0;
    }
    if (rest > 0) {
        stapes_nn_conv_few(job, rest, channels);
    }
}

#endif

/* The same in C: the specification of the assembly, also used for layers that the assembly cannot compute. */
static void STAPES_NN_COLD stapes_nn_conv_plain(const stapes_nn_conv_layer *layer, const stapes_nn_conv_job *job)
{
    const int32_t channels = layer->out_channels;
    int32_t pixel, channel, word, half;
    for (pixel = 0; pixel < job->pixels; pixel++) {
        const uint32_t *const patch = job->patches + pixel / 2 * job->words + pixel % 2;
        for (channel = 0; channel < channels; channel++) {
            const int8_t *const weights =
                job->weights + channel / STAPES_NN_CONV_GROUP * 4 * job->words + 2 * (channel & 2);
            int32_t sum = layer->bias[channel]; /* |sum| < 2^31 for all partial sums: proved by the compiler */
            for (word = 0; word < job->words; word += 2) {
                for (half = 0; half < 2; half++) {
                    const int8_t *const pair = weights + 4 * word + 2 * half;
                    const int8_t weight = channel & 1 ? (int8_t)(pair[1] + (pair[0] < 0)) : pair[0];
                    sum += stapes_nn_half(patch[word], half) * weight;
                }
            }
            sum = stapes_nn_round_any(sum, layer->multiplier[channel], layer->shift[channel]);
            job->out[pixel * channels + channel] =
                stapes_nn_clamp(sum + layer->out_zero, layer->out_min, layer->out_max);
        }
    }
}

/* Whether the assembly can be used: all shifts are in [-22, -1]. */
static int stapes_nn_conv_is_fast(const stapes_nn_conv_layer *layer)
{
    const int8_t *const shift = layer->shift;
    uint32_t wrong = 0;
    int32_t i;
    for (i = 0; i < layer->out_channels; i += 4) {
        const int32_t left = layer->out_channels - i;
        const uint32_t less =
            ~(left < 4 ? stapes_nn_few(shift + i, left) | ~0u << 8 * left : stapes_nn_four(shift + i));
        wrong |= less | (less + 0x0A0A0A0Au); /* bytes of less: -1 - shift, wrong unless they are in [0, 21] */
    }
    return STAPES_NN_ASM && (wrong & 0xE0E0E0E0u) == 0;
}

/* Widen and interleave the taps of two pixels, four at a time; there are some. */
static inline void stapes_nn_conv_widen(const int8_t *a, const int8_t *b, uint32_t *patch, const uint32_t *patch_end)
{
#if STAPES_NN_ASM
    /* clang-format off */ /* it would not keep one instruction a line */
    __asm__ volatile(
        "1:\n\t"
        "ldr r4, [%[a]], #4\n\t"
        "ldr r5, [%[b]], #4\n\t"
        "sxtb16 r2, r4\n\t"
        "sxtb16 r3, r5\n\t"
        "sxtb16 r4, r4, ror #8\n\t"
        "sxtb16 r5, r5, ror #8\n\t"
        "stmia %[patch]!, {r2-r5}\n\t"
        "cmp %[patch], %[patch_end]\n\t"
        "bne 1b"
        : [a] "+&r"(a), [b] "+&r"(b), [patch] "+&r"(patch)
        : [patch_end] "r"(patch_end)
        : "r2", "r3", "r4", "r5", "cc", "memory");
    /* clang-format on */
#else
    for (; patch < patch_end; patch += 4, a += 4, b += 4) {
        const uint32_t bytes_a = stapes_nn_four(a), bytes_b = stapes_nn_four(b);
        patch[0] = stapes_nn_even(bytes_a);
        patch[1] = stapes_nn_even(bytes_b);
        patch[2] = stapes_nn_odd(bytes_a);
        patch[3] = stapes_nn_odd(bytes_b);
    }
#endif
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

/* Where the taps of the next pixel are. */
typedef struct {
    const stapes_nn_conv_layer *layer;
    const int8_t *in;
    int32_t y, columns;   /* the pixel's row, and how many pixels of it are left */
    int32_t top, left;    /* the pixel's first tap */
    int32_t first, row;   /* bytes from `in` to it, and to that of the first pixel of the row */
    int32_t along, pitch; /* bytes from a pixel's first tap to that of the next pixel, and of a row of the input */
    int32_t run;          /* bytes of a pixel's taps in one row of the input */
    uint32_t tops, lefts; /* how many places there are for the first tap of a pixel whose taps lie inside */
    int inside;           /* whether the taps of all pixels lie inside of the input, side by side */
    int gathers;          /* whether taps inside of the input are gathered nevertheless */
} stapes_nn_conv_place;

/* Begin at the first pixel. */
static stapes_nn_conv_place stapes_nn_conv_begin(const stapes_nn_conv_layer *layer, const int8_t *in)
{
    const int dilated = layer->dilation_height != 1 || layer->dilation_width != 1;
    const int32_t tops = dilated ? 0 : layer->in_height - layer->kernel_height + 1,
                  lefts = layer->in_width - layer->kernel_width + 1;
    stapes_nn_conv_place place;
    place.layer = layer;
    place.in = in;
    place.y = 0;
    place.columns = layer->out_width;
    place.top = -layer->pad_top;
    place.left = -layer->pad_left;
    place.along = layer->stride_width * layer->in_channels;
    place.pitch = layer->in_width * layer->in_channels;
    place.run = layer->kernel_width * layer->in_channels;
    place.first = place.row = place.top * place.pitch + place.left * layer->in_channels;
    place.tops = (uint32_t)(tops > 0 ? tops : 0);
    place.lefts = (uint32_t)(lefts > 0 ? lefts : 0);
    place.inside = layer->pad_top == 0 && layer->pad_left == 0 &&
                   (layer->out_height - 1) * layer->stride_height < tops &&
                   (layer->out_width - 1) * layer->stride_width < lefts;
    place.gathers = layer->kernel_height != 1 || place.run % 4 != 0;
    return place;
}

/* Return the taps of the next pixel as one run, in the input or gathered, and go on to the pixel after it. They are
 * read up to a multiple of four bytes: those after the pixel's own taps are multiplied by weights of zero. */
static inline const int8_t *stapes_nn_conv_next(stapes_nn_conv_place *place, int8_t *gathered)
{
    const stapes_nn_conv_layer *const layer = place->layer;
    const int8_t *found = gathered;
    if (!place->inside && ((uint32_t)place->top >= place->tops || (uint32_t)place->left >= place->lefts)) {
        stapes_nn_conv_border(layer, place->in, place->top, place->left, gathered);
    } else if (place->gathers) {
        stapes_nn_conv_copy(gathered, place->in + place->first, place->run, layer->kernel_height, place->pitch);
    } else {
        found = place->in + place->first;
    }
    place->left += layer->stride_width;
    place->first += place->along;
    if (--place->columns == 0) {
        place->y++;
        place->columns = layer->out_width;
        place->top += layer->stride_height;
        place->left = -layer->pad_left;
        place->first = place->row += layer->stride_height * place->pitch;
    }
    return found;
}

/* scratch: the constants of all groups of channels, the widened taps of a pair of pixels, and their gathered taps; or
 * the constants of one group, the widened taps of several pairs, and the gathered taps of one. Gathered taps take 8
 * bytes per four taps, and no room where none are gathered. */
STAPES_NN_API void stapes_nn_conv(const stapes_nn_conv_layer *layer, const int8_t *in, int8_t *out, int8_t *scratch)
{
    const int32_t taps = layer->kernel_height * layer->kernel_width * layer->in_channels;
    const int32_t channels = layer->out_channels, words = (taps + 3) / 4 * 4;
    const int32_t groups = (channels + STAPES_NN_CONV_GROUP - 1) / STAPES_NN_CONV_GROUP;
    stapes_nn_conv_place place = stapes_nn_conv_begin(layer, in);
    const int32_t to_gather = place.inside && !place.gathers ? 0 : words / 2;
    const int32_t free = (groups - 1) * STAPES_NN_CONV_GROUP_CONSTANTS + words / 2 - to_gather;
    const int32_t possible = 1 + free / words; /* pairs of pixels beside the constants of one group */
    const int kept = possible < STAPES_NN_CONV_LEAST_PAIRS;
    const int32_t pairs = kept ? 1 : possible;
    const int fast = stapes_nn_conv_is_fast(layer);
    int32_t *const constants = (int32_t *)(void *)scratch;
    uint32_t *const patches = (uint32_t *)(void *)(constants + (kept ? groups : 1) * STAPES_NN_CONV_GROUP_CONSTANTS);
    int8_t *const gathered = (int8_t *)(void *)(patches + pairs * words);
    stapes_nn_conv_job job = {(const int8_t *)layer->weights,
                              layer->bias,
                              layer->multiplier,
                              layer->shift,
                              2 * layer->out_zero + 1,
                              constants,
                              kept ? 4 * STAPES_NN_CONV_GROUP_CONSTANTS : 0,
                              0,
                              patches,
                              words,
                              0,
                              out};
    int32_t batch;
    (void)fast;
    for (batch = 0; batch < layer->batches; batch++) {
        for (; place.y < layer->out_height; job.out += job.pixels * channels) {
            uint32_t *patch = patches;
            job.pixels = 0;
            for (; patch < patches + pairs * words && place.y < layer->out_height; patch += words) {
                const int8_t *const a = stapes_nn_conv_next(&place, gathered), *b = a;
                job.pixels++;
                if (place.y < layer->out_height) {
                    b = stapes_nn_conv_next(&place, gathered + words);
                    job.pixels++;
                }
                stapes_nn_conv_widen(a, b, patch, patch + words);
            }
#if STAPES_NN_ASM
            if (fast) {
                stapes_nn_conv_fast(layer, &job);
                continue;
            }
#endif
            stapes_nn_conv_plain(layer, &job);
        }
        place.in += layer->in_height * place.pitch;
        place.y = 0;
        place.top = -layer->pad_top;
        place.first = place.row -= layer->out_height * layer->stride_height * place.pitch;
    }
    stapes_nn_limit(out, (int32_t)(job.out - out), layer->out_min, layer->out_max);
}

#endif
