/* stapes_nn_dense_dsp.c -- FULLY_CONNECTED with SMLAD: four channels at a time. Apache-2.0.
 *
 * The input is widened to pairs of 16-bit values: for every four of it the words (x0, x2), (x1, x3). Weights lie as in
 * stapes_nn_conv_dsp.c: for every group of four channels, every four inputs k and each of the pairs (k, k + 2), (k + 1, k + 3): the bytes
 * c0 k, c1 k, c0 k+2, c1 k+2, then those of c2 and c3. Inputs and channels are filled up with zeros to multiples of four. */
#include "stapes_nn.h"

#if STAPES_NN_LAYOUT == STAPES_NN_DSP

#include "stapes_nn_arithmetic.h"
#include "stapes_nn_dsp.h"

#define STAPES_NN_DENSE_GROUP 4

/* Where some groups of channels begin. */
typedef struct {
    const int8_t *weights, *shift;
    const int32_t *bias, *multiplier;
    const uint32_t *pairs, *pairs_end;
    int8_t *out;
} stapes_nn_dense_job;

#if STAPES_NN_ASM

/* 16 products: four inputs, four channels. */
#define STAPES_NN_DENSE_FOUR \
    "ldmia r0!, {r8-r11}\n\t" \
    "ldmia r1!, {r12, lr}\n\t" \
    "sxtb16 r3, r8\n\t" \
    "smlad r4, r3, r12, r4\n\t" \
    "sxtb16 r8, r8, ror #8\n\t" \
    "smlad r5, r8, r12, r5\n\t" \
    "sxtb16 r3, r9\n\t" \
    "smlad r6, r3, r12, r6\n\t" \
    "sxtb16 r9, r9, ror #8\n\t" \
    "smlad r7, r9, r12, r7\n\t" \
    "sxtb16 r3, r10\n\t" \
    "smlad r4, r3, lr, r4\n\t" \
    "sxtb16 r10, r10, ror #8\n\t" \
    "smlad r5, r10, lr, r5\n\t" \
    "sxtb16 r3, r11\n\t" \
    "smlad r6, r3, lr, r6\n\t" \
    "sxtb16 r11, r11, ror #8\n\t" \
    "smlad r7, r11, lr, r7\n\t"

/* (sum * multiplier + 2^(shift - 1) + out_zero * 2^shift) >> shift from the upper word of the product: with r = shift - 32 that is
 * (upper + 2^(r - 1) + out_zero * 2^r) >> r. |upper| < 2^30, |2^(r - 1) + out_zero * 2^r| <= 255 * 2^21 as 1 <= r <= 22. */
#define STAPES_NN_DENSE_FINISH(sum, multiplier) \
    "ldrsb r3, [r1], #1\n\t" \
    "subs r3, r3, #32\n\t" \
    "lsl r12, lr, r3\n\t" \
    "asr r12, r12, #1\n\t" \
    "smmla " sum ", " sum ", " multiplier ", r12\n\t" \
    "asr " sum ", " sum ", r3\n\t" \
    "ssat " sum ", #8, " sum "\n\t" \
    "strb " sum ", [r2], #1\n\t"

/* Some groups of four channels. */
static void stapes_nn_dense_groups(const stapes_nn_dense_job *job, int32_t groups, int32_t out_zero) STAPES_NN_BY_HAND;
static void stapes_nn_dense_groups(const stapes_nn_dense_job *job, int32_t groups, int32_t out_zero)
{
    const int8_t *const weights = job->weights, *shift = job->shift;
    const int32_t *bias = job->bias, *multiplier = job->multiplier;
    const uint32_t *const pairs = job->pairs, *const pairs_end = job->pairs_end;
    const int32_t odd = (pairs_end - pairs) & 2; /* an odd number of fours: begin in the middle */
    const int32_t twice_zero = 2 * out_zero + 1;
    int8_t *out = job->out;
    __asm__ volatile("ldr r0, %[weights]\n"
                     "1:\n\t"
                     "ldr r3, %[bias]\n\t"
                     "ldr lr, %[odd]\n\t"
                     "ldmia r3!, {r4-r7}\n\t"
                     "ldr r1, %[pairs]\n\t"
                     "ldr r2, %[pairs_end]\n\t"
                     "str r3, %[bias]\n\t"
                     "cmp lr, #0\n\t"
                     "bne 3f\n"
                     "2:\n\t" STAPES_NN_DENSE_FOUR
                     "3:\n\t" STAPES_NN_DENSE_FOUR
                     "cmp r1, r2\n\t"
                     "bne 2b\n\t"
                     "ldr r12, %[multiplier]\n\t"
                     "ldr r1, %[shift]\n\t"
                     "ldr r2, %[out]\n\t"
                     "ldmia r12!, {r8-r11}\n\t"
                     "ldr lr, %[twice_zero]\n\t"
                     "str r12, %[multiplier]\n\t" STAPES_NN_DENSE_FINISH("r4", "r8") STAPES_NN_DENSE_FINISH("r5", "r9")
                         STAPES_NN_DENSE_FINISH("r6", "r10") STAPES_NN_DENSE_FINISH("r7", "r11")
                     "ldr r3, %[groups]\n\t"
                     "str r1, %[shift]\n\t"
                     "str r2, %[out]\n\t"
                     "subs r3, r3, #1\n\t"
                     "str r3, %[groups]\n\t"
                     "bne 1b"
                     : [bias] "+m"(bias), [multiplier] "+m"(multiplier), [shift] "+m"(shift), [out] "+m"(out), [groups] "+m"(groups)
                     : [weights] "m"(weights), [pairs] "m"(pairs), [pairs_end] "m"(pairs_end), [odd] "m"(odd), [twice_zero] "m"(twice_zero)
                     : "r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "lr", "cc", "memory");
}

/* Whole groups, then a last one of fewer channels by way of copies. Returns 0 where the assembly does not serve. */
static int stapes_nn_dense_fast(const stapes_nn_dense_layer *layer, const uint32_t *pairs, const uint32_t *pairs_end, int8_t *out)
{
    const int32_t groups = layer->out_size / STAPES_NN_DENSE_GROUP, rest = layer->out_size % STAPES_NN_DENSE_GROUP;
    const int32_t done = layer->out_size - rest;
    stapes_nn_dense_job job;
    int32_t i;
    for (i = 0; i < layer->out_size; i++) {
        if (layer->shift[i] < 33 || layer->shift[i] > 54) {
            return 0;
        }
    }
    job.weights = (const int8_t *)layer->weights;
    job.shift = layer->shift;
    job.bias = layer->bias;
    job.multiplier = layer->multiplier;
    job.pairs = pairs;
    job.pairs_end = pairs_end;
    job.out = out;
    if (groups > 0) {
        stapes_nn_dense_groups(&job, groups, layer->out_zero);
    }
    if (rest > 0) {
        int32_t bias[STAPES_NN_DENSE_GROUP] = {0, 0, 0, 0}, multiplier[STAPES_NN_DENSE_GROUP] = {0, 0, 0, 0};
        int8_t shift[STAPES_NN_DENSE_GROUP] = {33, 33, 33, 33}, few[STAPES_NN_DENSE_GROUP];
        for (i = 0; i < rest; i++) {
            bias[i] = layer->bias[done + i];
            multiplier[i] = layer->multiplier[done + i];
            shift[i] = layer->shift[done + i];
        }
        job.weights += 8 * done / STAPES_NN_DENSE_GROUP * (pairs_end - pairs);
        job.shift = shift;
        job.bias = bias;
        job.multiplier = multiplier;
        job.out = few;
        stapes_nn_dense_groups(&job, 1, layer->out_zero);
        for (i = 0; i < rest; i++) {
            out[done + i] = few[i];
        }
    }
    stapes_nn_limit(out, layer->out_size, layer->out_min, layer->out_max);
    return 1;
}

#endif

/* The same in C: what the assembly stands for, and for layers whose shifts it does not take. |sum| < 2^31: proved. */
static void STAPES_NN_COLD stapes_nn_dense_plain(const stapes_nn_dense_layer *layer, const uint32_t *pairs, const uint32_t *pairs_end, int8_t *out)
{
    const int32_t words = (int32_t)(pairs_end - pairs);
    int32_t channel, word, half;
    for (channel = 0; channel < layer->out_size; channel++) {
        const int8_t *const weights =
            (const int8_t *)layer->weights + channel / STAPES_NN_DENSE_GROUP * 8 * words + (channel & 1) + 2 * (channel & 2);
        int32_t sum = layer->bias[channel];
        int64_t scaled;
        for (word = 0; word < words; word++) {
            for (half = 0; half < 2; half++) {
                sum += stapes_nn_half(pairs[word], half) * weights[8 * word + 2 * half];
            }
        }
        scaled = stapes_nn_round_once(sum, layer->multiplier[channel], layer->shift[channel]) + layer->out_zero;
        out[channel] = (int8_t)(scaled < layer->out_min ? layer->out_min : scaled > layer->out_max ? layer->out_max : scaled);
    }
}

STAPES_NN_API void stapes_nn_dense(const stapes_nn_dense_layer *layer, const int8_t *in, int8_t *out, int8_t *scratch)
{
    uint32_t *const pairs = (uint32_t *)(void *)scratch;
    int32_t row;
    for (row = 0; row < layer->rows; row++) {
        uint32_t *pair = pairs;
        int32_t left;
        for (left = layer->in_size; left > 0; left -= 4) {
            const uint32_t bytes = left >= 4 ? stapes_nn_four(in) : stapes_nn_few(in, left);
            *pair++ = stapes_nn_even(bytes);
            *pair++ = stapes_nn_odd(bytes);
            in += left >= 4 ? 4 : left;
        }
#if STAPES_NN_ASM
        if (!stapes_nn_dense_fast(layer, pairs, pair, out))
#endif
        {
            stapes_nn_dense_plain(layer, pairs, pair, out);
        }
        out += layer->out_size;
    }
}

#endif
