/* stapes_nn_dense_dsp.c -- FULLY_CONNECTED with SMLAD: four channels at a time. Apache-2.0.
 *
 * The input is widened to pairs of 16-bit values: every four inputs become the words (x0, x2), (x1, x3).
 *
 * Weights lie in the order of use: for every group of four channels c0 .. c3, for every four inputs k .. k + 3 and for
 * each of the pairs (k, k + 2) and (k + 1, k + 3), one word for channels c0 and c1 and one for c2 and c3. The halves
 * of a word are 256 * w1 + w0, for k and for k + 2, where w1 is the weight of the odd channel. One product with the
 * word itself adds 256 * w1 x + w0 x to one sum; one product with its lower bytes adds w0 x to another sum. The
 * difference of the two is 256 times the sum of the odd channel and must be below 2^31, which holds for up to 512
 * inputs: layers with more inputs are summed in blocks. Inputs and channels are padded with zeros to multiples of
 * four. */
#include "stapes_nn.h"

#if STAPES_NN_LAYOUT == STAPES_NN_DSP

#include "stapes_nn_dsp.h"

#define STAPES_NN_DENSE_GROUP 4

#define STAPES_NN_DENSE_BLOCK 256 /* words of 512 inputs: |sum| <= 512 * 128 * 128 = 2^23 */

/* The groups of channels to compute: the addresses of the first one, and of the inputs. */
typedef struct {
    const int8_t *weights;
    const int32_t *bias, *multiplier;
    const uint32_t *pairs, *pairs_end;
    int8_t *out;
    int32_t *sums; /* not NULL: takes the four sums of one group instead of its outputs */
} stapes_nn_dense_job;

#if STAPES_NN_ASM

/* 16 products: four inputs, for four channels. No value is used right after it was unpacked or loaded, as a core with
 * a longer pipeline would wait for it; `between` is an instruction that needs none of them. */
#define STAPES_NN_DENSE_FOUR(between)                              \
    "ldmia r0!, {r8-r11}\n\t"                                      \
    "ldmia r1!, {r12, lr}\n\t" between "smlad r5, r8, r12, r5\n\t" \
    "sxtb16 r8, r8\n\t"                                            \
    "smlad r7, r9, r12, r7\n\t"                                    \
    "sxtb16 r9, r9\n\t"                                            \
    "smlad r4, r8, r12, r4\n\t"                                    \
    "smlad r5, r10, lr, r5\n\t"                                    \
    "sxtb16 r10, r10\n\t"                                          \
    "smlad r7, r11, lr, r7\n\t"                                    \
    "sxtb16 r11, r11\n\t"                                          \
    "smlad r6, r9, r12, r6\n\t"                                    \
    "smlad r4, r10, lr, r4\n\t"                                    \
    "smlad r6, r11, lr, r6\n\t"

#define STAPES_NN_DENSE_FINISH(sum, multiplier) \
    STAPES_NN_ROUND_ONCE(sum, multiplier, "r12", "r3") "strb " sum ", [r2], #1\n\t"

/* Compute `groups` groups of four channels. */
static void stapes_nn_dense_groups(const stapes_nn_dense_layer *layer, const stapes_nn_dense_job *job,
                                   int32_t groups) STAPES_NN_ASM_FUNCTION;
static void stapes_nn_dense_groups(const stapes_nn_dense_layer *layer, const stapes_nn_dense_job *job, int32_t groups)
{
    const int8_t *const weights = job->weights;
    const int32_t *bias = job->bias, *multiplier = job->multiplier;
    const uint32_t *const pairs = job->pairs, *const pairs_end = job->pairs_end;
    /* Not 0 for an odd number of groups of four inputs: then the assembly begins in the middle of its loop. */
    const int32_t odd = (pairs_end - pairs) & 2;
    const int32_t shift = layer->common_shift, rounding = stapes_nn_rounding(layer->out_zero, shift);
    int8_t *out = job->out;
    int32_t *const sums = job->sums;
    /* clang-format off */ /* it would not keep one instruction or macro a line */
    __asm__ volatile(
        "ldr r0, %[weights]\n"
        "1:\n\t"
        "ldr r3, %[odd]\n\t"
        "movs r4, #0\n\t"
        "movs r5, #0\n\t"
        "movs r6, #0\n\t"
        "movs r7, #0\n\t"
        "ldr r1, %[pairs]\n\t"
        "ldr r2, %[pairs_end]\n\t"
        "cmp r3, #0\n\t"
        "bne 3f\n"
        "2:\n\t"
        STAPES_NN_DENSE_FOUR("")
        "3:\n\t"
        STAPES_NN_DENSE_FOUR("cmp r1, r2\n\t")
        "bne 2b\n\t"
        "ldr r3, %[bias]\n\t"
        "ldr r1, %[sums]\n\t"
        "ldmia r3!, {r8-r11}\n\t"
        "sub r5, r5, r4\n\t"
        "sub r7, r7, r6\n\t"
        "add r4, r4, r8\n\t"
        "add r5, r9, r5, asr #8\n\t"
        "add r6, r6, r10\n\t"
        "add r7, r11, r7, asr #8\n\t"
        "cbz r1, 4f\n\t"
        "stmia r1!, {r4-r7}\n\t"
        "b 5f\n"
        "4:\n\t"
        "ldr r1, %[multiplier]\n\t"
        "ldr r2, %[out]\n\t"
        "ldmia r1!, {r8-r11}\n\t"
        "str r3, %[bias]\n\t"
        "ldr r12, %[rounding]\n\t"
        "ldr r3, %[shift]\n\t"
        "str r1, %[multiplier]\n\t"
        STAPES_NN_DENSE_FINISH("r4", "r8")
        STAPES_NN_DENSE_FINISH("r5", "r9")
        STAPES_NN_DENSE_FINISH("r6", "r10")
        STAPES_NN_DENSE_FINISH("r7", "r11")
        "ldr r3, %[groups]\n\t"
        "str r2, %[out]\n\t"
        "subs r3, r3, #1\n\t"
        "str r3, %[groups]\n\t"
        "bne 1b\n"
        "5:"
        : [bias] "+m"(bias), [multiplier] "+m"(multiplier), [out] "+m"(out), [groups] "+m"(groups)
        : [weights] "m"(weights), [pairs] "m"(pairs), [pairs_end] "m"(pairs_end), [odd] "m"(odd),
          [rounding] "m"(rounding), [shift] "m"(shift), [sums] "m"(sums)
        : "r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "lr", "cc", "memory");
    /* clang-format on */
}

/* Sum the inputs of one group, block by block, except the last block, which is left in `job` for the caller. */
static void STAPES_NN_COLD stapes_nn_dense_blocks_before_last(const stapes_nn_dense_layer *layer,
                                                              stapes_nn_dense_job *job, int32_t *sums)
{
    const uint32_t *const end = job->pairs_end;
    job->sums = sums;
    for (; end - job->pairs > STAPES_NN_DENSE_BLOCK; job->pairs = job->pairs_end) {
        job->pairs_end = job->pairs + STAPES_NN_DENSE_BLOCK;
        stapes_nn_dense_groups(layer, job, 1);
        job->bias = sums;
        job->weights += 8 * STAPES_NN_DENSE_BLOCK;
    }
    job->pairs_end = end;
    job->sums = NULL;
}

/* Compute one row of outputs: all whole groups at once, or one by one when there are several blocks of inputs; then by
 * way of a buffer a last group of fewer channels. */
static void stapes_nn_dense_fast(const stapes_nn_dense_layer *layer, const uint32_t *pairs, const uint32_t *pairs_end,
                                 int8_t *out)
{
    const int32_t words = (int32_t)(pairs_end - pairs), size = layer->out_size;
    int32_t done, groups, i;
    for (done = 0; done < size; done += STAPES_NN_DENSE_GROUP * groups) {
        int8_t few[STAPES_NN_DENSE_GROUP];
        int32_t sums[STAPES_NN_DENSE_GROUP];
        const int32_t whole = (size - done) / STAPES_NN_DENSE_GROUP;
        stapes_nn_dense_job job = {(const int8_t *)layer->weights + done * 2 * words,
                                   layer->bias + done,
                                   layer->multiplier + done,
                                   pairs,
                                   pairs_end,
                                   whole > 0 ? out + done : few,
                                   NULL};
        groups = whole > 0 ? whole : 1;
        if (words > STAPES_NN_DENSE_BLOCK) {
            groups = 1;
            stapes_nn_dense_blocks_before_last(layer, &job, sums);
        }
        stapes_nn_dense_groups(layer, &job, groups);
        for (i = done; whole == 0 && i < size; i++) {
            out[i] = few[i - done];
        }
    }
    stapes_nn_limit(out, size, layer->out_min, layer->out_max);
}

#endif

/* The same in C: the specification of the assembly, also used for layers without a common shift. |sum| < 2^31: proved
 * by the compiler. */
static void STAPES_NN_COLD stapes_nn_dense_plain(const stapes_nn_dense_layer *layer, const uint32_t *pairs,
                                                 const uint32_t *pairs_end, int8_t *out)
{
    const int32_t words = (int32_t)(pairs_end - pairs);
    int32_t channel, word, half;
    for (channel = 0; channel < layer->out_size; channel++) {
        const int8_t *const even =
            (const int8_t *)layer->weights + channel / STAPES_NN_DENSE_GROUP * 8 * words + 2 * (channel & 2);
        int32_t sum = layer->bias[channel];
        int64_t scaled;
        for (word = 0; word < words; word++) {
            for (half = 0; half < 2; half++) {
                const int8_t *const pair = even + 8 * word + 2 * half;
                const int8_t weight = channel & 1 ? (int8_t)(pair[1] + (pair[0] < 0)) : pair[0];
                sum += stapes_nn_half(pairs[word], half) * weight;
            }
        }
        scaled = stapes_nn_round_once(sum, layer->multiplier[channel],
                                      layer->common_shift ? 32 + layer->common_shift : layer->shift[channel]);
        scaled += layer->out_zero;
        out[channel] = (int8_t)(scaled < layer->out_min   ? layer->out_min
                                : scaled > layer->out_max ? layer->out_max
                                                          : scaled);
    }
}

STAPES_NN_API void stapes_nn_dense(const stapes_nn_dense_layer *layer, const int8_t *in, int8_t *out, int8_t *scratch)
{
    uint32_t *const pairs = (uint32_t *)(void *)scratch;
    int32_t row;
    for (row = 0; row < layer->rows; row++) {
        uint32_t *pair = pairs;
        int32_t left;
        for (left = layer->in_size; left >= 4; left -= 4, in += 4) {
            const uint32_t bytes = stapes_nn_four(in);
            *pair++ = stapes_nn_even(bytes);
            *pair++ = stapes_nn_odd(bytes);
        }
        if (left > 0) {
            const uint32_t bytes = stapes_nn_few(in, left);
            *pair++ = stapes_nn_even(bytes);
            *pair++ = stapes_nn_odd(bytes);
            in += left;
        }
#if STAPES_NN_ASM
        if (layer->common_shift) {
            stapes_nn_dense_fast(layer, pairs, pair, out);
        } else
#endif
        {
            stapes_nn_dense_plain(layer, pairs, pair, out);
        }
        out += layer->out_size;
    }
}

#endif
