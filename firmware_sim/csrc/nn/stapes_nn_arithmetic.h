/* stapes_nn_arithmetic.h -- the roundings of the int8 kernels. Apache-2.0. */
#ifndef STAPES_NN_ARITHMETIC_H
#define STAPES_NN_ARITHMETIC_H

#include "stapes_nn.h"

#if (-3 >> 1) != -2
#error "stapes needs an arithmetic right shift of negative integers"
#endif

/* ARMv6-M and ARMv8-M baseline: most instructions reach only eight registers, and products have only 32 bits. */
#if defined(__thumb__) && !defined(__thumb2__)
#define STAPES_NN_SMALL_CORE 1
#else
#define STAPES_NN_SMALL_CORE 0
#endif

/* round(x * multiplier / 2^31), halves up. |x| < 2^30;  0 <= multiplier < 2^31;  |result| <= |x|. */
STAPES_NN_INLINE int32_t stapes_nn_multiply_high(int32_t x, int32_t multiplier)
{
#if STAPES_NN_SMALL_CORE
    /* x = xh 2^16 + xl, multiplier = mh 2^16 + ml: x * multiplier = xh mh 2^32 + (xh ml + xl mh) 2^16 + xl ml */
    const int32_t xh = x >> 16, mh = multiplier >> 16; /* |xh| <= 2^14, mh < 2^15 */
    const uint32_t xl = (uint32_t)x & 0xffffu, ml = (uint32_t)multiplier & 0xffffu;
    const int32_t outer = xh * (int32_t)ml + (int32_t)((xl * ml) >> 16); /* [-2^30 + 2^14, 2^30 - 2^14] */
    const uint32_t middle =
        (uint32_t)outer + xl * (uint32_t)mh + (1u << 14) + (1u << 30); /* [2^15, 2^32 - 2^16): no wrap */
    return 2 * xh * mh + (int32_t)(middle >> 15) - (1 << 15);          /* 2 |xh mh| < 2^30 */
#elif defined(__ARM_FEATURE_DSP) && defined(__GNUC__)
    int32_t high; /* the upper word of the product of 64 bits, rounded */
    __asm__("smmulr %0, %1, %2" : "=r"(high) : "r"(2 * x), "r"(multiplier));
    return high;
#else
    const int64_t product = (int64_t)(2 * x) * multiplier; /* |product| < 2^62 */
    return (int32_t)(product >> 32) + (int32_t)((uint32_t)product >> 31);
#endif
}

/* The shared functions below have external linkage on some targets, hence their prototypes. */
STAPES_NN_SHARED int32_t stapes_nn_round_left(int32_t x, int32_t multiplier, int32_t shift);
STAPES_NN_SHARED void stapes_nn_clamp_all(int8_t *values, int32_t count, int32_t low, int32_t high);
STAPES_NN_SHARED int32_t stapes_nn_round_any(int32_t x, int32_t multiplier, int32_t shift);
STAPES_NN_SHARED void STAPES_NN_COLD stapes_nn_finish_any(const stapes_nn_conv_layer *layer, const int32_t *sum,
                                                          const int32_t *end, int32_t multiplier, int32_t shift,
                                                          int8_t *out, int32_t stride);

/* stapes_nn_round_twice where shift >= 0: one rounding. |result| <= |x * 2^shift|. */
STAPES_NN_SHARED int32_t stapes_nn_round_left(int32_t x, int32_t multiplier, int32_t shift)
{
    return (int32_t)(((int64_t)(x * ((int32_t)1 << shift)) * multiplier + (1 << 30)) >> 31);
}

/* stapes_nn_round_twice where shift = -right < 0. |result| <= |x|. */
STAPES_NN_INLINE int32_t stapes_nn_round_right(int32_t x, int32_t multiplier, int32_t right)
{
    int32_t high = stapes_nn_multiply_high(x, multiplier); /* |high| <= |x| < 2^30 */
    high += high >> 31;                                    /* rounds halves below zero down */
    return (high + ((int32_t)1 << (right - 1))) >> right;  /* |sum| < 2^30 + 2^30 */
}

/* round(round(x * multiplier / 2^31) / 2^-shift): the inner rounding takes halves up, the outer one away from zero.
 * |x| < 2^30 and |x * 2^shift| < 2^31;  0 <= multiplier < 2^31;  -31 <= shift <= 30. */
STAPES_NN_INLINE int32_t stapes_nn_round_twice(int32_t x, int32_t multiplier, int32_t shift)
{
    return shift >= 0 ? stapes_nn_round_left(x, multiplier, shift) : stapes_nn_round_right(x, multiplier, -shift);
}

/* stapes_nn_round_twice for |x| < 2^31, in 64 bits; a shift above 31 is STAPES_NN_WIDE_SHIFT more than it stands for.
 * To the left |x * 2^shift| < 2^31. */
STAPES_NN_SHARED int32_t stapes_nn_round_any(int32_t x, int32_t multiplier, int32_t shift)
{
    const int32_t right = shift > 31 ? STAPES_NN_WIDE_SHIFT - shift : -shift; /* <= 31 */
    int64_t high;
    if (right <= 0) {
        return stapes_nn_round_left(x, multiplier, -right);
    }
    high = ((int64_t)x * multiplier + ((int64_t)1 << 30)) >> 31;     /* |high| <= |x| < 2^31 */
    high += high >> 63;                                              /* rounds halves below zero down */
    return (int32_t)((high + ((int64_t)1 << (right - 1))) >> right); /* |sum| < 2^31 + 2^30, |result| <= 2^30 */
}

/* round(x * multiplier / 2^shift), halves up. |x| < 2^31;  0 <= multiplier < 2^31;  1 <= shift <= 62.
 * The compiler chose the multiplier so that every sum that the layer can form gives the bits of the reference, which
 * rounds a double. */
STAPES_NN_INLINE int64_t stapes_nn_round_once(int32_t x, int32_t multiplier, int32_t shift)
{
    return ((((int64_t)x * multiplier) >> (shift - 1)) + 1) >> 1; /* |product| < 2^62 */
}

STAPES_NN_INLINE int8_t stapes_nn_clamp(int32_t x, int32_t low, int32_t high)
{
    if (x < low) {
        x = low;
    }
    if (x > high) {
        x = high;
    }
    return (int8_t)x;
}

/* Arm with the DSP extension saturates to int8 in one instruction. stapes_nn_narrow does so there, and ignores
 * [low, high]; stapes_nn_limit then clamps to a narrower range afterwards. Elsewhere stapes_nn_narrow clamps to
 * [low, high] and stapes_nn_limit does nothing. */
#if defined(__ARM_FEATURE_DSP) && defined(__GNUC__)
#define STAPES_NN_NARROWS 1
#else
#define STAPES_NN_NARROWS 0
#endif

STAPES_NN_INLINE int8_t stapes_nn_narrow(int32_t x, int32_t low, int32_t high)
{
#if STAPES_NN_NARROWS
    (void)low, (void)high;
    __asm__("ssat %0, #8, %0" : "+r"(x));
    return (int8_t)x;
#else
    return stapes_nn_clamp(x, low, high);
#endif
}

/* Clamp `count` values to [low, high], where that is less than the range of int8. */
STAPES_NN_SHARED void stapes_nn_clamp_all(int8_t *values, int32_t count, int32_t low, int32_t high)
{
    for (; count > 0 && (low > -128 || high < 127); count--, values++) {
        *values = stapes_nn_clamp(*values, low, high);
    }
}

STAPES_NN_INLINE void stapes_nn_limit(int8_t *values, int32_t count, int32_t low, int32_t high)
{
    if (STAPES_NN_NARROWS) {
        stapes_nn_clamp_all(values, count, low, high);
    }
}

/* Requantize the sums of a channel whose shift is to the left, or whose sums reach 2^30, as seldom happens. Its pixels
 * are `stride` bytes apart in `out`. |sum| < 2^31, |sum * 2^shift| < 2^31: proved by the compiler. */
STAPES_NN_SHARED void STAPES_NN_COLD stapes_nn_finish_any(const stapes_nn_conv_layer *layer, const int32_t *sum,
                                                          const int32_t *end, int32_t multiplier, int32_t shift,
                                                          int8_t *out, int32_t stride)
{
    for (; sum != end; sum++) {
        *out = stapes_nn_clamp(stapes_nn_round_any(*sum, multiplier, shift) + layer->out_zero, layer->out_min,
                               layer->out_max);
        out += stride;
    }
}

#endif
