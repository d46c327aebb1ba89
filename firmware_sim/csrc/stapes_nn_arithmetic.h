/* stapes_nn_arithmetic.h -- the two roundings of the int8 kernels. Apache-2.0. */
#ifndef STAPES_NN_ARITHMETIC_H
#define STAPES_NN_ARITHMETIC_H

#include <stdint.h>

#if (-3 >> 1) != -2
#error "stapes needs an arithmetic right shift of negative integers"
#endif

/* round(round(x * multiplier / 2^31) / 2^-shift): the inner rounding takes halves up, the outer one away from zero.
 * |x| < 2^30 and |x * 2^shift| < 2^31;  0 <= multiplier < 2^31;  -31 <= shift <= 30. */
static inline int32_t stapes_nn_round_twice(int32_t x, int32_t multiplier, int32_t shift)
{
    const int64_t product = (int64_t)x * multiplier; /* |product| < 2^61 */
    int32_t high;
    if (shift >= 0) {
        return (int32_t)((product + ((int64_t)1 << (30 - shift))) >> (31 - shift)); /* |result| <= |x * 2^shift| < 2^31 */
    }
    high = (int32_t)((product + ((int64_t)1 << 30)) >> 31);       /* |high| <= |x| < 2^30 */
    high += high >> 31;                                           /* halves below zero go down */
    return (high + ((int32_t)1 << (-shift - 1))) >> -shift;       /* the sum < 2^30 + 2^30 */
}

/* round(x * multiplier / 2^shift), halves up. |x| < 2^31;  0 <= multiplier < 2^31;  1 <= shift <= 62.
 * The compiler chose the multiplier so that every sum that the layer can form gives the bits of the reference, which rounds a double. */
static inline int64_t stapes_nn_round_once(int32_t x, int32_t multiplier, int32_t shift)
{
    return ((int64_t)x * multiplier + ((int64_t)1 << (shift - 1))) >> shift; /* |sum| < 2^62 + 2^61 */
}

static inline int8_t stapes_nn_clamp(int32_t x, int32_t low, int32_t high)
{
    return (int8_t)(x < low ? low : x > high ? high : x);
}

#endif
