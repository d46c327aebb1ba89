/* stapes_nn_fixed_point.h -- what the kernels compute with that need 32 bits of fixed point. Apache-2.0.
 *
 * Qm.n means m integer bits and n fractional bits, besides the sign. */
#ifndef STAPES_NN_FIXED_POINT_H
#define STAPES_NN_FIXED_POINT_H

#include "stapes_nn.h"

/* round(a * b / 2^31), halves up; a and b are not both -2^31. */
static STAPES_NN_MAYBE_UNUSED int32_t stapes_nn_multiply_q31(int32_t a, int32_t b)
{
    return (int32_t)(((int64_t)a * b + ((int64_t)1 << 30)) >> 31);
}

/* round(x / 2^bits), halves away from zero; |x| < 2^31 - 2^bits. */
static STAPES_NN_MAYBE_UNUSED int32_t stapes_nn_divide_by_power(int32_t x, int32_t bits)
{
    const int64_t half = bits > 0 ? (int64_t)1 << (bits - 1) : 0;
    return (int32_t)(((int64_t)x + half - (bits > 0 && x < 0 ? 1 : 0)) >> bits);
}

/* x * 4, saturated. */
static STAPES_NN_MAYBE_UNUSED int32_t stapes_nn_quadruple(int32_t x)
{
    return x > INT32_MAX / 4 ? INT32_MAX : x < -(INT32_MAX / 4) - 1 ? -INT32_MAX - 1 : x * 4;
}

/* Return 1 / (1 + x) in Q0.31 for x in Q0.31, 0 <= x < 1: three iterations of Newton's method from 48/17 - 32/17 d
 * with d = (1 + x) / 2, in Q2.29. */
static STAPES_NN_MAYBE_UNUSED int32_t stapes_nn_reciprocal_of_one_plus(int32_t x)
{
    const int32_t half = (int32_t)(((int64_t)x + INT32_MAX + 1) >> 1);      /* d in [2^30, 2^31) */
    int32_t guess = 1515870810 + stapes_nn_multiply_q31(half, -1010580540); /* [0.94, 1.89] in Q2.29 */
    int i;
    for (i = 0; i < 3; i++) {
        const int32_t error = ((int32_t)1 << 29) - stapes_nn_multiply_q31(half, guess); /* 1 - d * guess, Q2.29 */
        guess += stapes_nn_quadruple(stapes_nn_multiply_q31(guess, error));
    }
    /* The guess is 2 / (1 + x) in Q2.29, within [1, 2]. Half of it in Q0.31 is twice the integer. */
    return guess > INT32_MAX / 2 ? INT32_MAX : guess * 2;
}

/* Zero bits above the highest one of x > 0. */
static STAPES_NN_MAYBE_UNUSED int32_t stapes_nn_leading_zeros(uint32_t x)
{
    int32_t count = 0;
    while (x < 0x80000000u) {
        x <<= 1;
        count++;
    }
    return count;
}

#endif
