/* stapes_nn_reference_softmax.c -- SOFTMAX and LOG_SOFTMAX in fixed point. Apache-2.0.
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

typedef struct {
    int32_t highest;  /* code of the row */
    uint32_t sum;     /* of its exponentials, in Q12.19 */
    int32_t headroom; /* zero bits above the highest one of the sum: at most 12 where the sum did not wrap */
    int32_t scale;    /* 2^(12 - headroom) / sum in Q0.31 */
} reference_row;

/* What the shares of a row have in common. The sum wraps from 8192 equal elements on, as LiteRT's does; where it is 0
 * there is no scale. */
static reference_row reference_row_of(const stapes_nn_softmax_layer *layer, const int8_t *in)
{
    reference_row row = {-128, 0, 0, 0};
    for (int32_t i = 0; i < layer->depth; i++) {
        row.highest = in[i] > row.highest ? in[i] : row.highest;
    }
    for (int32_t i = 0; i < layer->depth; i++) {
        const int32_t exponential = reference_exponential(layer, row.highest - in[i]);
        row.sum += (uint32_t)reference_rounding_divide_by_power_of_two(exponential, 12);
    }
    if (row.sum > 0) {
        while ((row.sum << row.headroom) < 1u << 31) {
            row.headroom++;
        }
        /* sum * 2^headroom / 2^31 is within [1, 2): 1 + x with x in Q0.31. */
        row.scale = reference_reciprocal_of_one_plus((int32_t)((row.sum << row.headroom) - (1u << 31)));
    }
    return row;
}

/* The share of a code in units of 2^-bits. 0 <= 12 - headroom + 31 - bits <= 31. */
static int32_t reference_share(const stapes_nn_softmax_layer *layer, const reference_row *row, int8_t code,
                               int32_t bits)
{
    const int32_t exponential = reference_exponential(layer, row->highest - code);
    const int32_t share = reference_saturating_rounding_doubling_high_mul(row->scale, exponential);
    return reference_rounding_divide_by_power_of_two(share, 12 - row->headroom + 31 - bits);
}

void stapes_nn_reference_softmax(const stapes_nn_softmax_layer *layer, const int8_t *in, int8_t *out)
{
    for (int32_t r = 0; r < layer->rows; r++) {
        const reference_row row = reference_row_of(layer, in);
        const int32_t gives_up = row.sum == 0 || row.sum >= 1u << 28; /* 512 and more: LiteRT ends the process */
        for (int32_t i = 0; i < layer->depth; i++) {                  /* there, each share is less than half a code */
            const int32_t share = gives_up ? 0 : reference_share(layer, &row, *in, 8);
            *out++ = reference_clamp_to_int8((int64_t)share - 128, -128, 127);
            in++;
        }
    }
}

void stapes_nn_reference_softmax_8_to_16(const stapes_nn_softmax_layer *layer, const int8_t *in, int16_t *out)
{
    for (int32_t r = 0; r < layer->rows; r++) {
        const reference_row row = reference_row_of(layer, in);
        for (int32_t i = 0; i < layer->depth; i++) {
            *out++ = reference_limit_to_int16((int64_t)reference_share(layer, &row, *in++, 16) - 32768, -32768, 32767);
        }
    }
}

/* Zero bits above the highest one of x > 0. */
static int32_t reference_leading_zeros(int32_t x)
{
    int32_t zeros = 0;
    while (((uint32_t)x << zeros) < 1u << 31) {
        zeros++;
    }
    return zeros;
}

/* x * 2^bits for x >= 0, saturated to int32. */
static int32_t reference_saturating_left_shift(int32_t x, int32_t bits)
{
    const int64_t wide = (int64_t)x << bits;
    return (int32_t)(wide > INT32_MAX ? INT32_MAX : wide);
}

/* log(x) in Q5.26 for x >= 1 in Q12.19. x is written as r * 2^power in two ways, with whole powers and a quarter less
 * or more, of which the one is taken whose r, in Q0.31, is nearer to c = sqrt(sqrt(1/2)). */
static int32_t reference_log(int32_t x)
{
    const int32_t root_half = 1518500250, c = 1805811301; /* Q0.31 */
    const int32_t quarter = 1 << 23, log_2 = 1488522236;  /* Q6.25, Q0.31 */
    const int32_t zeros_a = reference_leading_zeros(x);   /* 1 .. 12 */
    const int32_t x_b = reference_saturating_rounding_doubling_high_mul(x, root_half);
    const int32_t zeros_b = reference_leading_zeros(x_b) - 1; /* 0 .. 12 */
    const int32_t r_a = reference_saturating_left_shift(
        reference_saturating_rounding_doubling_high_mul(x << (zeros_a - 1), root_half), 1);
    const int32_t r_b = reference_saturating_left_shift(x, zeros_b);
    const int32_t power_a = (12 - zeros_a) * (1 << 25) + quarter; /* Q6.25 */
    const int32_t power_b = (12 - zeros_b) * (1 << 25) - quarter;
    const int32_t power = power_a > power_b ? power_a : power_b;
    const int32_t r = r_a < r_b ? r_a : r_b;
    /* log(r) - log(c) as a rational function of r and c; everything is Q0.31 and stays below 1. */
    const int32_t p = (int32_t)(((int64_t)r + c + 1) / 2);
    const int32_t q = (r - c) * 2; /* |q| < 0.33 */
    const int32_t square = reference_saturating_rounding_doubling_high_mul(q, q);
    const int32_t numerator = reference_saturating_rounding_doubling_high_mul(q, r) +
                              reference_saturating_rounding_doubling_high_mul(
                                  reference_saturating_rounding_doubling_high_mul(q, square), 117049297);
    const int32_t denominator_minus_one =
        reference_saturating_rounding_doubling_high_mul(
            p, 1057819769 + q + reference_saturating_rounding_doubling_high_mul(127690142, square)) +
        reference_saturating_rounding_doubling_high_mul(638450708, q);
    const int32_t log_r = reference_saturating_rounding_doubling_high_mul(
        reference_rounding_divide_by_power_of_two(numerator, 6), /* Q6.25 */
        reference_reciprocal_of_one_plus(denominator_minus_one));
    return (reference_saturating_rounding_doubling_high_mul(power, log_2) + log_r) * 2; /* below log(4096) = 8.4 */
}

static void reference_log_softmax_row(const stapes_nn_log_softmax_layer *layer, const int8_t *in, int8_t *out)
{
    int32_t highest = -128, sum = 0;
    for (int32_t i = 0; i < layer->depth; i++) {
        highest = in[i] > highest ? in[i] : highest;
    }
    for (int32_t i = 0; i < layer->depth; i++) { /* Q12.19: 2^19 <= sum <= 4095 * 2^19 < 2^31 */
        const int32_t below = highest - in[i];
        sum += below < layer->length ? reference_rounding_divide_by_power_of_two(layer->exponentials[below], 12) : 0;
    }
    const int32_t log = reference_log(sum);
    /* Codes as far below the highest as this have results that leave Q5.26. */
    const int32_t end = -reference_rounding_divide_by_power_of_two(
        reference_saturating_rounding_doubling_high_mul(INT32_MIN + log, layer->reverse_multiplier),
        layer->reverse_right);
    for (int32_t i = 0; i < layer->depth; i++) {
        const int32_t below = highest - in[i];
        out[i] = -128;
        if (below < layer->length && below < end) {
            const int32_t scaled = reference_rounding_divide_by_power_of_two(layer->differences[below] - log, 22);
            out[i] = reference_clamp_to_int8((int64_t)scaled + 127, -128, 127); /* in 1/16 */
        }
    }
}

void stapes_nn_reference_log_softmax(const stapes_nn_log_softmax_layer *layer, const int8_t *in, int8_t *out)
{
    for (int32_t row = 0; row < layer->rows; row++) {
        reference_log_softmax_row(layer, in + row * layer->depth, out + row * layer->depth);
    }
}
