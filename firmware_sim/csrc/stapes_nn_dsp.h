/* stapes_nn_dsp.h -- pairs of 16-bit values in a word, as SMLAD multiplies them. Apache-2.0.
 *
 * Each helper is one instruction with the DSP extension; the C beside it says what that does. STAPES_NN_ASM is set where the assembly
 * of the DSP kernels is used: it takes every register, so not without optimization, where one is kept for frames, and not with clang. */
#ifndef STAPES_NN_DSP_H
#define STAPES_NN_DSP_H

#include "stapes_nn.h"

#if STAPES_NN_LAYOUT == STAPES_NN_DSP

#include <string.h>

#if defined(__ARM_FEATURE_DSP) && defined(__GNUC__) && !defined(__clang__) && defined(__OPTIMIZE__)
#define STAPES_NN_ASM 1
/* A function that is assembly has no frame pointer, whatever the flags say: its register is needed. */
#define STAPES_NN_BY_HAND __attribute__((noinline, optimize("omit-frame-pointer")))
#else
#define STAPES_NN_ASM 0
#endif

/* The half of a pair: 0 low, 1 high. */
static inline int32_t stapes_nn_half(uint32_t pair, int32_t which)
{
    return which ? (int32_t)pair >> 16 : (int32_t)(pair << 16) >> 16;
}

/* Bytes 0 and 2 of a word as a pair. */
static inline uint32_t stapes_nn_even(uint32_t bytes)
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

/* Bytes 1 and 3 of a word as a pair. */
static inline uint32_t stapes_nn_odd(uint32_t bytes)
{
#if STAPES_NN_ASM
    uint32_t pair;
    __asm__("sxtb16 %0, %1, ror #8" : "=r"(pair) : "r"(bytes));
    return pair;
#else
    return stapes_nn_even(bytes >> 8);
#endif
}

/* Both halves of a pair doubled; they are within 15 bits. */
static inline uint32_t stapes_nn_double(uint32_t pair)
{
#if STAPES_NN_ASM
    __asm__("sadd16 %0, %0, %0" : "+r"(pair));
    return pair;
#else
    return (pair << 1 & 0xFFFEFFFEu);
#endif
}

/* Four bytes from any address as a word. */
static inline uint32_t stapes_nn_four(const int8_t *bytes)
{
    uint32_t word;
    memcpy(&word, bytes, 4);
    return word;
}

/* What 1 <= count <= 3 bytes hold, zeros above them. */
static inline uint32_t stapes_nn_few(const int8_t *bytes, int32_t count)
{
    uint32_t word = 0;
    while (count-- > 0) {
        word = word << 8 | (uint8_t)bytes[count];
    }
    return word;
}

#endif

#endif
