/* stapes_nn_log_softmax.c -- LOG_SOFTMAX in fixed point. Apache-2.0.
 *
 * Qm.n means m integer bits and n fractional bits, besides the sign. */
#include <string.h>

#include "stapes_nn.h"
#include "stapes_nn_arithmetic.h"
#include "stapes_nn_fixed_point.h"

#define STAPES_NN_LOG_2 1488522236               /* log(2) in Q0.31 */
#define STAPES_NN_LOG_ROOT_HALF 1518500250       /* sqrt(1/2) in Q0.31 */
#define STAPES_NN_LOG_FOURTH_ROOT 1805811301     /* c = sqrt(sqrt(1/2)) in Q0.31 */
#define STAPES_NN_LOG_QUARTER ((int32_t)1 << 23) /* 1/4 in Q6.25 */

/* x * 2^bits for x >= 0, saturated. */
static int32_t stapes_nn_log_shifted(int32_t x, int32_t bits)
{
    return x > (INT32_MAX >> bits) ? INT32_MAX : (int32_t)((uint32_t)x << bits);
}

/* log(r) in Q6.25 for r in Q0.31 around c: a rational function of r - c, less the logarithm of c. */
static int32_t stapes_nn_log_around(int32_t r)
{
    const int32_t p = (int32_t)(((int64_t)r + STAPES_NN_LOG_FOURTH_ROOT + 1) >> 1);
    const int32_t q = (r - STAPES_NN_LOG_FOURTH_ROOT) * 2; /* r is in [0.70, 1), so |q| < 0.33 */
    const int32_t square = stapes_nn_multiply_q31(q, q);
    const int32_t numerator = stapes_nn_multiply_q31(q, r) +
                              stapes_nn_multiply_q31(stapes_nn_multiply_q31(q, square), 117049297); /* 11/240 / c */
    /* 2 c - 1 / c, 1/20 / c and 1/4 / c; the sum is below 0.49 + 0.33 + 0.01 */
    const int32_t inner = 1057819769 + q + stapes_nn_multiply_q31(127690142, square);
    const int32_t denominator = stapes_nn_multiply_q31(p, inner) + stapes_nn_multiply_q31(638450708, q);
    return stapes_nn_multiply_q31(stapes_nn_divide_by_power(numerator, 6),
                                  stapes_nn_reciprocal_of_one_plus(denominator));
}

/* log(x) in Q5.26 for x in Q12.19, x >= 1: x = r * 2^power with r near c, by one of two ways to choose the power. */
static int32_t stapes_nn_log_of(int32_t x)
{
    const int32_t zeros = stapes_nn_leading_zeros((uint32_t)x); /* 1 .. 12 */
    const int32_t lower = stapes_nn_multiply_q31(x, STAPES_NN_LOG_ROOT_HALF);
    const int32_t lower_zeros = stapes_nn_leading_zeros((uint32_t)lower) - 1; /* 0 .. 12 */
    const int32_t high = stapes_nn_multiply_q31(x * ((int32_t)1 << (zeros - 1)), STAPES_NN_LOG_ROOT_HALF);
    const int32_t r_a = stapes_nn_log_shifted(high, 1), r_b = stapes_nn_log_shifted(x, lower_zeros);
    const int32_t power_a = (12 - zeros) * ((int32_t)1 << 25) + STAPES_NN_LOG_QUARTER; /* Q6.25, below 12 */
    const int32_t power_b = (12 - lower_zeros) * ((int32_t)1 << 25) - STAPES_NN_LOG_QUARTER;
    const int32_t power = power_a > power_b ? power_a : power_b;
    const int32_t log = stapes_nn_multiply_q31(power, STAPES_NN_LOG_2) + stapes_nn_log_around(r_a < r_b ? r_a : r_b);
    return log * 2; /* below log(4096) = 8.4 */
}

static void stapes_nn_log_softmax_row(const stapes_nn_log_softmax_layer *layer, const int8_t *in, int8_t *out)
{
    int32_t most = -128, sum = 0, log, furthest, i;
    for (i = 0; i < layer->depth; i++) {
        if (in[i] > most) {
            most = in[i];
        }
    }
    for (i = 0; i < layer->depth; i++) { /* Q12.19, 2^19 <= sum <= 4095 * 2^19 < 2^31 */
        const int32_t below = most - in[i];
        if (below < layer->length) {
            sum += stapes_nn_divide_by_power(layer->exponentials[below], 12);
        }
    }
    log = stapes_nn_log_of(sum);
    /* How far below the highest a code may lie before its result leaves Q5.26. */
    furthest = -stapes_nn_divide_by_power(stapes_nn_multiply_q31(log + (-INT32_MAX - 1), layer->reverse_multiplier),
                                          layer->reverse_right);
    memset(out, -128, (size_t)layer->depth);
    for (i = 0; i < layer->depth; i++) {
        const int32_t below = most - in[i];
        if (below < layer->length && below < furthest) {
            /* from Q5.26 to Q4.4; |difference| < 2^31, as below < furthest */
            const int32_t scaled = stapes_nn_divide_by_power(layer->differences[below] - log, 22) + 127;
            out[i] = stapes_nn_clamp(scaled, -128, 127);
        }
    }
}

STAPES_NN_API void stapes_nn_log_softmax(const stapes_nn_log_softmax_layer *layer, const int8_t *in, int8_t *out)
{
    int32_t i;
    for (i = 0; i < layer->rows; i++) {
        stapes_nn_log_softmax_row(layer, in, out);
        in += layer->depth;
        out += layer->depth;
    }
}
