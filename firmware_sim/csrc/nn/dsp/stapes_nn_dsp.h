/* stapes_nn_dsp.h -- pairs of 16-bit values in a word, as SMLAD multiplies them. Apache-2.0.
 *
 * Each helper is one instruction of the DSP extension; the C beside it says what the instruction does. STAPES_NN_ASM
 * is 1 where the assembly of the DSP kernels is used. It needs every register; therefore it is not used without
 * optimization, when GCC reserves a frame pointer, nor with clang. */
#ifndef STAPES_NN_DSP_H
#define STAPES_NN_DSP_H

#include "stapes_nn.h"

#if STAPES_NN_LAYOUT == STAPES_NN_DSP

#include <string.h>

#include "stapes_nn_arithmetic.h"

#if defined(__ARM_FEATURE_DSP) && defined(__GNUC__) && !defined(__clang__) && defined(__OPTIMIZE__)
#define STAPES_NN_ASM 1
/* A function that consists of assembly has no frame pointer, whatever the flags say: its register is needed. It begins
 * with a line of the code's cache: a small one might hold its loops, but not one line more. */
#define STAPES_NN_ASM_FUNCTION __attribute__((noinline, aligned(32), optimize("omit-frame-pointer")))
#define STAPES_NN_ASM_INLINE __attribute__((always_inline)) /* inlined into such a function */
#else
#define STAPES_NN_ASM_FUNCTION
#define STAPES_NN_ASM 0
#endif

/* Return one half of a pair: the lower one for 0, the upper one for 1. */
STAPES_NN_INLINE int32_t stapes_nn_half(uint32_t pair, int32_t which)
{
    return which ? (int32_t)pair >> 16 : (int32_t)(pair << 16) >> 16;
}

/* Return bytes 0 and 2 of a word as a pair. */
STAPES_NN_INLINE uint32_t stapes_nn_even(uint32_t bytes)
{
#if STAPES_NN_ASM
    uint32_t pair;
    __asm__("sxtb16 %0, %1" : "=r"(pair) : "r"(bytes));
    return pair;
#else
    const int32_t low = (int8_t)(bytes & 0xFFu), high = (int8_t)(bytes >> 16 & 0xFFu);
    return ((uint32_t)low & 0xFFFFu) | (uint32_t)high << 16;
#endif
}

/* Return bytes 1 and 3 of a word as a pair. */
STAPES_NN_INLINE uint32_t stapes_nn_odd(uint32_t bytes)
{
#if STAPES_NN_ASM
    uint32_t pair;
    __asm__("sxtb16 %0, %1, ror #8" : "=r"(pair) : "r"(bytes));
    return pair;
#else
    return stapes_nn_even(bytes >> 8);
#endif
}

/* Return two values of at most 16 bits as a pair. */
STAPES_NN_INLINE uint32_t stapes_nn_pair(int32_t low, int32_t high)
{
#if STAPES_NN_ASM
    uint32_t pair;
    __asm__("pkhbt %0, %1, %2, lsl #16" : "=r"(pair) : "r"(low), "r"(high));
    return pair;
#else
    return ((uint32_t)low & 0xFFFFu) | (uint32_t)high << 16;
#endif
}

/* Return a pair with both halves doubled; they fit 15 bits before. */
STAPES_NN_INLINE uint32_t stapes_nn_double(uint32_t pair)
{
#if STAPES_NN_ASM
    __asm__("sadd16 %0, %0, %0" : "+r"(pair));
    return pair;
#else
    return (pair << 1 & 0xFFFEFFFEu);
#endif
}

/* Return the sum plus the products of the lower and of the upper halves. */
STAPES_NN_INLINE int32_t stapes_nn_add_pair(int32_t sum, uint32_t a, uint32_t b)
{
#if STAPES_NN_ASM
    __asm__("smlad %0, %1, %2, %0" : "+r"(sum) : "r"(a), "r"(b));
    return sum;
#else
    return sum + stapes_nn_half(a, 0) * stapes_nn_half(b, 0) + stapes_nn_half(a, 1) * stapes_nn_half(b, 1);
#endif
}

/* Store a pair as two neighbouring values. */
STAPES_NN_INLINE void stapes_nn_put_pair(int16_t *to, uint32_t pair)
{
    memcpy(to, &pair, sizeof pair);
}

/* Load two bytes from any address. */
STAPES_NN_INLINE uint32_t stapes_nn_two(const int8_t *bytes)
{
    uint16_t half;
    memcpy(&half, bytes, 2);
    return half;
}

/* Load four bytes from any address as a word. */
STAPES_NN_INLINE uint32_t stapes_nn_four(const int8_t *bytes)
{
    uint32_t word;
    memcpy(&word, bytes, 4);
    return word;
}

/* Load 1 to 3 bytes into the lower bytes of a word. */
STAPES_NN_INLINE uint32_t stapes_nn_few(const int8_t *bytes, int32_t count)
{
    uint32_t word = 0;
    while (count-- > 0) {
        word = word << 8 | (uint8_t)bytes[count];
    }
    return word;
}

/* Return what is added to the upper word of a product before it is shifted: half a unit of the result, and the zero
 * point. 1 <= shift <= 22. */
STAPES_NN_INLINE int32_t stapes_nn_rounding(int32_t out_zero, int32_t shift)
{
    return (2 * out_zero + 1) * ((int32_t)1 << (shift - 1)); /* |result| <= 255 * 2^21 */
}

/* sum = clamp((upper word of sum * multiplier + rounding) >> shift) to int8; the arguments are registers.
 * |upper word| < 2^30, since |sum| < 2^31 and 0 <= multiplier < 2^31. */
#define STAPES_NN_ROUND_ONCE(sum, multiplier, rounding, shift) \
    "smmla " sum ", " sum ", " multiplier ", " rounding "\n\t" \
    "asr " sum ", " sum ", " shift "\n\t"                      \
    "ssat " sum ", #8, " sum "\n\t"

/* sum = stapes_nn_round_twice(sum / 2, ...) plus the zero point, clamped to int8; the arguments are registers, and
 * `free` is overwritten. With h = round(sum * multiplier / 2^32), |h| < 2^30, this is (h + rounding + (sum < 0 ? -1 :
 * 0)) >> shift. stapes_nn_round_twice takes the sign of h instead of that of the sum: where they differ h is 0, and
 * (2^(shift - 1) - 1) >> shift is 0, too. */
#define STAPES_NN_ROUND_TWICE(sum, multiplier, rounding, shift, free) \
    "add " free ", " rounding ", " sum ", asr #31\n\t"                \
    "smmlar " sum ", " sum ", " multiplier ", " free "\n\t"           \
    "asr " sum ", " sum ", " shift "\n\t"                             \
    "ssat " sum ", #8, " sum "\n\t"

#endif

#endif
