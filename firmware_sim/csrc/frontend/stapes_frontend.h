/* stapes_frontend.h -- the frontend without a detector; stapes_detector.h includes its API, too. Apache-2.0. This file
 * also holds what stapes_frontend.c (one frame at a time) and stapes_recording.c (one frame per vector lane) share. */
#ifndef STAPES_FRONTEND_H
#define STAPES_FRONTEND_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#include "stapes_frontend_api.h"

#if defined(__BIG_ENDIAN__) || defined(__ARM_BIG_ENDIAN) || \
    (defined(__BYTE_ORDER__) && defined(__ORDER_BIG_ENDIAN__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)
#define STAPES_FRONTEND_BIG_ENDIAN 1
#elif defined(__BYTE_ORDER__) && defined(__ORDER_LITTLE_ENDIAN__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the frontend needs a little-endian or a big-endian processor: this one has another order of bytes"
#endif
#if defined(__INT_MAX__) && __INT_MAX__ < 2147483647
#error "the frontend needs an int of 32 bits: build for a processor whose compiler has one"
#endif
#if (-1 >> 1) != -1
#error "the frontend needs an arithmetic right shift of negative numbers"
#endif
/* It also needs conversions of uint32_t to int32_t to wrap around. */
typedef char stapes_frontend_needs_twos_complement[(int32_t)0xFFFFFFFFu == -1 ? 1 : -1];

#if (defined(__riscv) && !defined(__riscv_zbb)) || defined(__ARM_ARCH_6M__)
#define STAPES_FRONTEND_NO_CLZ 1 /* the compiler would call a library function that uses a table */
#endif
#if defined(__ARM_FEATURE_DSP) && defined(__GNUC__)
#define STAPES_FRONTEND_DSP 1
#endif

/* Return the table at offset `at` of the blob. */
static inline const void *stapes_frontend_table(const stapes_frontend_tables *tables, uint16_t at)
{
    return (const uint8_t *)tables + at;
}

/* The samples of a frame, and how they become words of 32 bits: sample * factor + offset, which does not overflow. */
typedef struct {
    const int16_t *pcm;
    int32_t length; /* W */
    uint32_t factor, offset;
    int32_t exponent; /* log2 of the factor, relative to input that is not shifted */
} stapes_frontend_input;

/* Set factor, offset and exponent such that the mean of the frame is removed. */
void stapes_frontend_use_samples_without_mean(stapes_frontend_input *in);

/* Quantize n_bands values of log2 to int8. log2_bands: int16[n_bands], 2-aligned, of any declared type. */
void stapes_frontend_quantized(const stapes_frontend_tables *tables, const void *log2_bands, int8_t *features);

/* Return the number of leading zeros of x > 0. */
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

enum { STAPES_FRONTEND_LOG2_SEGMENT_BITS = 6 }; /* log2 of the number of segments of the log2 table */

/* Return log2 of power > 0 in Q15: 0..64 * 2^15, by linear interpolation in the table. */
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

/* Return the value saturated to 8 or 16 bits. */
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

/* Return log2 of a power in Q10, and INT16_MIN for a power of 0. offset: what is added to log2, in Q15, including the
 * rounding to Q10. |log2 + offset| <= 2^22, so that the result is within +-2^17 before it is saturated. */
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
