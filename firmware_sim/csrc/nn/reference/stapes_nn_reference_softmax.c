/* stapes_nn_reference_softmax.c -- SOFTMAX in fixed point. Apache-2.0.
 *
 * Qm.n: m integer bits and n fractional bits beside the sign. */
#include "stapes_nn_reference.h"

/* x * 4, saturated to int32. */
static int32_t reference_saturating_times_four(int32_t x)
{
    const int64_t wide = (int64_t)x * 4;
    return (int32_t)(wide > INT32_MAX ? INT32_MAX : wide < INT32_MIN ? INT32_MIN : wide);
}

/* 1 / (1 + x) in Q0.31, for x in Q0.31 within [0, 1). Newton's method finds 1 / d for d = (1 + x) / 2, within
 * [1/2, 1), from the line 48/17 - 32/17 d; 1 / (1 + x) is half of that. */
static int32_t reference_reciprocal_of_one_plus(int32_t x)
{
    const int32_t one = 1 << 29;                                   /* in Q2.29 */
    const int32_t d = (int32_t)(((int64_t)x + INT32_MAX + 1) / 2); /* Q0.31, [2^30, 2^31) */
    int32_t guess =
        1515870810 + reference_saturating_rounding_doubling_high_mul(d, -1010580540); /* Q2.29, [0.94, 1.89] */
    for (int i = 0; i < 3; i++) {
        const int32_t error = one - reference_saturating_rounding_doubling_high_mul(d, guess);    /* Q2.29 */
        const int32_t correction = reference_saturating_rounding_doubling_high_mul(guess, error); /* Q4.27 */
        guess += reference_saturating_times_four(correction);                                     /* Q2.29, [1, 2] */
    }
    /* Half of the guess, converted from Q2.29 to Q0.31: doubled. */
    return guess > INT32_MAX / 2 ? INT32_MAX : guess * 2;
}

/* exp(-below * scale * beta) in Q0.31, for a value that lies `below` under the highest of its row: from the table, and
 * 0 after its end. */
static int32_t reference_exponential(const stapes_nn_softmax_layer *layer, int32_t below)
{
    return below < layer->length ? layer->exponentials[below] : 0;
}

static void reference_softmax_row(const stapes_nn_softmax_layer *layer, const int8_t *in, int8_t *out)
{
    int32_t highest = -128, headroom = 0;
    uint32_t sum = 0; /* Q12.19. It wraps from 8192 equal elements on, as LiteRT's does. */
    for (int32_t i = 0; i < layer->depth; i++) {
        highest = in[i] > highest ? in[i] : highest;
    }
    for (int32_t i = 0; i < layer->depth; i++) {
        sum += (uint32_t)reference_rounding_divide_by_power_of_two(reference_exponential(layer, highest - in[i]), 12);
    }
    if (sum == 0 || sum >= 1u << 28) { /* 512 and more: LiteRT ends the process; each share is less than half a code */
        for (int32_t i = 0; i < layer->depth; i++) {
            out[i] = -128;
        }
        return;
    }
    while ((sum << headroom) < 1u << 31) {
        headroom++; /* at least 4; at most 12 where the sum did not wrap */
    }
    /* sum * 2^headroom / 2^31 is within [1, 2): 1 + x with x in Q0.31. */
    const int32_t scale = reference_reciprocal_of_one_plus((int32_t)((sum << headroom) - (1u << 31)));
    for (int32_t i = 0; i < layer->depth; i++) {
        const int32_t share =
            reference_saturating_rounding_doubling_high_mul(scale, reference_exponential(layer, highest - in[i]));
        const int32_t scaled = reference_rounding_divide_by_power_of_two(share, 12 - headroom + 31 - 8); /* in 1/256 */
        out[i] = reference_clamp_to_int8((int64_t)scaled - 128, -128, 127);
    }
}

void stapes_nn_reference_softmax(const stapes_nn_softmax_layer *layer, const int8_t *in, int8_t *out)
{
    for (int32_t row = 0; row < layer->rows; row++) {
        reference_softmax_row(layer, in + row * layer->depth, out + row * layer->depth);
    }
}
