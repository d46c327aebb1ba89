/* The frontend alone (stapes_detector.h has it too), and what its files share beside the API: one frame at a time, and
 * one in each lane of a vector. */
#ifndef STAPES_FRONTEND_H
#define STAPES_FRONTEND_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#include "stapes_frontend_api.h"

#if (-1 >> 1) != -1
#error "the frontend needs an arithmetic right shift of negative numbers"
#endif
/* ... and uint32 to int32 by two's complement. */
typedef char stapes_frontend_needs_twos_complement[(int32_t)0xFFFFFFFFu == -1 ? 1 : -1];

#if (defined(__riscv) && !defined(__riscv_zbb)) || defined(__ARM_ARCH_6M__)
#define STAPES_FRONTEND_NO_CLZ 1 /* the compiler would call a function with a table */
#endif
#if defined(__ARM_FEATURE_DSP) && defined(__GNUC__)
#define STAPES_FRONTEND_DSP 1
#endif

static inline const void *stapes_frontend_table(const stapes_frontend_tables *tables, uint16_t at)
{
    return (const uint8_t *)tables + at;
}

/* A frame's samples, and how they become whole words: sample * factor + offset, without overflow within 32 bits. */
typedef struct {
    const int16_t *pcm;
    int32_t length; /* W */
    uint32_t factor, offset;
    int32_t exponent; /* of the factor, as log2_offset counts */
} stapes_frontend_input;

/* Sets factor, offset and exponent such that the frame's mean is removed. */
void stapes_frontend_use_samples_without_mean(stapes_frontend_input *in);

/* int8 of n_bands log2 values (int16, which may lie over the powers they were made of). */
void stapes_frontend_quantized(const stapes_frontend_tables *tables, const void *log2_bands, int8_t *features);

/* Leading zeros of x > 0. */
static inline int32_t stapes_frontend_leading_zeros(uint32_t x)
{
#if defined(__GNUC__) && !defined(STAPES_FRONTEND_NO_CLZ)
    return __builtin_clz(x);
#else
    int32_t zeros = 0;
    if (x >> 16 == 0)
        zeros = 16, x <<= 16;
    if (x >> 24 == 0)
        zeros += 8, x <<= 8;
    if (x >> 28 == 0)
        zeros += 4, x <<= 4;
    if (x >> 30 == 0)
        zeros += 2, x <<= 2;
    return zeros + (int32_t)(1 - (x >> 31));
#endif
}

enum { STAPES_FRONTEND_LOG2_SEGMENT_BITS = 6 }; /* of the log2 table */

/* log2 in Q15 of power > 0: 0..64 * 2^15. */
static inline int32_t stapes_frontend_log2_q15(const uint16_t *table, uint64_t power)
{
    const uint32_t upper = (uint32_t)(power >> 32);
    const int32_t zeros =
        upper ? stapes_frontend_leading_zeros(upper) : 32 + stapes_frontend_leading_zeros((uint32_t)power);
    const uint32_t mantissa = (uint32_t)((power << zeros) >> 32); /* 2^31 .. 2^32 */
    const uint16_t *segment = table + ((mantissa >> (31 - STAPES_FRONTEND_LOG2_SEGMENT_BITS)) &
                                       ((1u << STAPES_FRONTEND_LOG2_SEGMENT_BITS) - 1));
    const uint32_t part = (mantissa >> (31 - STAPES_FRONTEND_LOG2_SEGMENT_BITS - 16)) & 0xFFFFu;
    const uint32_t rise = (uint32_t)(segment[1] - segment[0]); /* <= 733 */
    return ((63 - zeros) << 15) + segment[0] + (int32_t)((rise * part) >> 16);
}

static inline int32_t stapes_frontend_saturated(int32_t value, int32_t bits)
{
#if defined(STAPES_FRONTEND_DSP)
    int32_t result;
    if (bits == 8)
        __asm__("ssat %0, #8, %1" : "=r"(result) : "r"(value));
    else
        __asm__("ssat %0, #16, %1" : "=r"(result) : "r"(value));
    return result;
#else
    const int32_t most = (1 << (bits - 1)) - 1;
    return value > most ? most : value < -most - 1 ? -most - 1 : value;
#endif
}

/* log2 of a power in Q10. `offset`: of log2, Q15, with the rounding to Q10. log2 + offset lies within +-2^22, so the
 * output within +-2^17 before it is saturated. No power is INT16_MIN. */
static inline int16_t stapes_frontend_log2_q10(const uint16_t *table, uint64_t power, int32_t offset)
{
    if (power == 0)
        return INT16_MIN;
    return (int16_t)stapes_frontend_saturated((stapes_frontend_log2_q15(table, power) + offset) >> 5, 16);
}

#ifdef __cplusplus
}
#endif

#endif
