/* stapes_nn_softmax.c -- SOFTMAX in fixed point. Apache-2.0.
 *
 * Qm.n means m integer bits and n fractional bits, besides the sign. */
#include <string.h>

#include "stapes_nn.h"
#include "stapes_nn_arithmetic.h"

/* round(a * b / 2^31), halves up; a and b are not both -2^31. */
static int32_t stapes_nn_softmax_multiply_q31(int32_t a, int32_t b)
{
    return (int32_t)(((int64_t)a * b + ((int64_t)1 << 30)) >> 31);
}

/* round(x / 2^bits), halves away from zero; |x| < 2^31 - 2^bits. */
static int32_t stapes_nn_softmax_divide_by_power(int32_t x, int32_t bits)
{
    const int64_t half = bits > 0 ? (int64_t)1 << (bits - 1) : 0;
    return (int32_t)(((int64_t)x + half - (bits > 0 && x < 0 ? 1 : 0)) >> bits);
}

/* x * 4, saturated. */
static int32_t stapes_nn_softmax_quadruple(int32_t x)
{
    return x > INT32_MAX / 4 ? INT32_MAX : x < -(INT32_MAX / 4) - 1 ? -INT32_MAX - 1 : x * 4;
}

/* Return 1 / (1 + x) in Q0.31 for x in Q0.31, 0 <= x < 1: three iterations of Newton's method from 48/17 - 32/17 d
 * with d = (1 + x) / 2, in Q2.29. */
static int32_t stapes_nn_softmax_reciprocal_of_one_plus(int32_t x)
{
    const int32_t half = (int32_t)(((int64_t)x + INT32_MAX + 1) >> 1);              /* d in [2^30, 2^31) */
    int32_t guess = 1515870810 + stapes_nn_softmax_multiply_q31(half, -1010580540); /* [0.94, 1.89] in Q2.29 */
    int i;
    for (i = 0; i < 3; i++) {
        const int32_t error =
            ((int32_t)1 << 29) - stapes_nn_softmax_multiply_q31(half, guess); /* 1 - d * guess, Q2.29 */
        guess += stapes_nn_softmax_quadruple(stapes_nn_softmax_multiply_q31(guess, error));
    }
    /* The guess is 2 / (1 + x) in Q2.29, within [1, 2]. Half of it in Q0.31 is twice the integer. */
    return guess > INT32_MAX / 2 ? INT32_MAX : guess * 2;
}

/* Return exp(-below * beta * scale) in Q0.31. */
static int32_t stapes_nn_softmax_exponential(const stapes_nn_softmax_layer *layer, int32_t below)
{
    return below < layer->length ? layer->exponentials[below] : 0;
}

static void stapes_nn_softmax_one_row(const stapes_nn_softmax_layer *layer, const int8_t *in, int8_t *out)
{
    const int32_t depth = layer->depth;
    int32_t most = -128, headroom = 0, scale, exponent, i;
    uint32_t sum = 0;
    for (i = 0; i < depth; i++) {
        if (in[i] > most) {
            most = in[i];
        }
    }
    for (i = 0; i < depth; i++) {
        /* Q12.19. Each element adds at most 2^19: from 8192 elements on the sum may wrap, as the reference's does. */
        sum += (uint32_t)stapes_nn_softmax_divide_by_power(stapes_nn_softmax_exponential(layer, most - in[i]), 12);
    }
    if (sum == 0 || sum >= (uint32_t)1 << 28) { /* 512: no share reaches half a code, and the reference gives up */
        memset(out, -128, (size_t)depth);
        return;
    }
    while ((sum << headroom) < 0x80000000u) {
        headroom++;
    }
    /* 2^(12 - headroom) / sum */
    scale = stapes_nn_softmax_reciprocal_of_one_plus((int32_t)((sum << headroom) - 0x80000000u));
    exponent = 12 - headroom + 23; /* in [23, 31], since sum < 2^28 and, if it did not wrap, sum >= 2^19 */
    for (i = 0; i < depth; i++) {
        const int32_t share = stapes_nn_softmax_divide_by_power(
            stapes_nn_softmax_multiply_q31(scale, stapes_nn_softmax_exponential(layer, most - in[i])), exponent);
        out[i] = stapes_nn_clamp(share - 128, -128, 127);
    }
}

STAPES_NN_API void STAPES_NN_COLD stapes_nn_softmax(const stapes_nn_softmax_layer *layer, const int8_t *in,
                                                    int8_t *out)
{
    int32_t i;
    for (i = 0; i < layer->rows; i++) {
        stapes_nn_softmax_one_row(layer, in, out);
        in += layer->depth;
        out += layer->depth;
    }
}
