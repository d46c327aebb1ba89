/* stapes_nn_reference_lstm.c -- UNIDIRECTIONAL_SEQUENCE_LSTM with int8 values and an int16 cell. Apache-2.0.
 *
 * Qm.n: m integer bits and n fractional bits beside the sign, 16 bits in all. exp, the logistic function and tanh are
 * computed as in gemmlowp's fixedpoint.h, which LiteRT's kernel uses. */
#include "stapes_nn_reference.h"

enum { INPUT_GATE, FORGET_GATE, CELL_GATE, OUTPUT_GATE, GATES };

/* x, limited to [low, high], which lies within the range of int16. */
static int32_t reference_clamp_to_int16(int32_t x, int32_t low, int32_t high)
{
    return x < low ? low : x > high ? high : x;
}

/* a * b / 2^15, rounded to the nearest, halves up: a product of two values in Q0.15, or of Qm.n with Q0.15. */
static int32_t reference_multiply_16(int32_t a, int32_t b)
{
    const int32_t product = a * b;                                /* |product| <= 2^30 */
    const int32_t nudge = product >= 0 ? 1 << 14 : 1 - (1 << 14); /* half of the divisor; the division truncates */
    /* Only -2^15 * -2^15 saturates. */
    return reference_clamp_to_int16((product + nudge) / (1 << 15), -32768, 32767);
}

/* exp(x) in Q0.15 for x in Q0.15 within [-1/4, 0): the Taylor series around -1/8, to the fourth power. */
static int32_t reference_exp_within_last_quarter(int32_t x)
{
    const int32_t exp_of_minus_eighth = 28918, third = 10923;                          /* Q0.15 */
    const int32_t d = x + (1 << 12);                                                   /* x + 1/8, [-2^12, 2^12) */
    const int32_t d2 = reference_multiply_16(d, d), d3 = reference_multiply_16(d2, d); /* [0, 2^9], [-2^6, 2^6] */
    const int32_t d4 = reference_multiply_16(d2, d2);                                  /* [0, 2^3] */
    const int32_t d4_quarter = reference_rounding_divide_by_power_of_two(d4, 2);
    /* (((d^4 / 4 + d^3) / 3) + d^2) / 2 = d^4 / 24 + d^3 / 6 + d^2 / 2 */
    const int32_t series =
        reference_rounding_divide_by_power_of_two(reference_multiply_16(d4_quarter + d3, third) + d2, 1);
    return exp_of_minus_eighth + reference_multiply_16(exp_of_minus_eighth, d + series); /* [25520, 32767] */
}

/* exp(x) in Q0.15 for x < 0 in Q(bits).(15 - bits), 1 <= bits <= 7. x is split into a multiple of -1/4 and a remainder
 * in [-1/4, 0): the result is exp(remainder) times exp(-2^k) for each bit that is set in the multiple. */
static int32_t reference_exp_on_negative_values(int32_t x, int32_t bits)
{
    static const int32_t exp_of_minus_power[7] = {25520, 19875, 12055, 4435, 600, 11, 0}; /* Q0.15, k = -2 .. 4 */
    const int32_t fraction_bits = 15 - bits, quarter = 1 << (fraction_bits - 2);
    const int32_t in_last_quarter = (x & (quarter - 1)) - quarter; /* [-quarter, 0) */
    const int32_t quarters = (in_last_quarter - x) / quarter;      /* [0, 2^(bits + 2)) */
    int32_t result = reference_exp_within_last_quarter(in_last_quarter * (1 << bits));
    for (int k = 0; k < 7; k++) {
        if (quarters & (1 << k)) {
            result = reference_multiply_16(result, exp_of_minus_power[k]);
        }
    }
    return quarters >= 128 ? 0 : result; /* below -32 */
}

/* 1 / d in Q2.13, for d = (1 + x) / 2 and x in Q0.15 within [0, 1]: three Newton iterations. */
static int32_t reference_reciprocal_of_half_of_one_plus(int32_t x)
{
    const int32_t one = 1 << 13;                              /* Q2.13 */
    const int32_t d = (x + (1 << 15)) >> 1;                   /* Q0.15: [2^14, 2^15); 1 + x, halved, rounded down */
    int32_t guess = 23130 + reference_multiply_16(d, -15420); /* 48/17 - 32/17 d: [7710, 15420] */
    for (int i = 0; i < 3; i++) {
        const int32_t error = one - reference_multiply_16(d, guess); /* |error| < 2^9 */
        guess += reference_multiply_16(guess, error) * 4;            /* Q4.11 to Q2.13: [7710, 2^14] */
    }
    return guess;
}

/* 1 / (1 + exp(-x)) in Q0.15 for x in Q3.12: computed for |x|; the value for -|x| is 1 minus that. */
static int32_t reference_logistic(int32_t x)
{
    if (x == 0) {
        return 1 << 14;
    }
    const int32_t of_magnitude =
        2 * reference_reciprocal_of_half_of_one_plus(reference_exp_on_negative_values(x < 0 ? x : -x, 3));
    return x > 0 ? of_magnitude : 32767 - of_magnitude;
}

/* tanh(x) in Q0.15 for x in Q(bits).(15 - bits), 0 <= bits <= 6: 2 / (1 + exp(-2 |x|)) - 1 with the sign of x. The
 * same 16 bits stand for twice the value when they are read with one more integer bit. */
static int32_t reference_hyperbolic_tangent(int32_t x, int32_t bits)
{
    if (x == 0) {
        return 0;
    }
    const int32_t twice = x < 0 ? x : -x; /* -2 |x| in Q(bits + 1).(14 - bits); may be -2^15 */
    const int32_t q213 =
        reference_reciprocal_of_half_of_one_plus(reference_exp_on_negative_values(twice, bits + 1)) - (1 << 13);
    const int32_t of_magnitude = reference_clamp_to_int16(q213 * 4, -32768, 32767); /* Q2.13 to Q0.15 */
    return x > 0 ? of_magnitude : -of_magnitude;
}

/* The sum of one gate over a row of values. The weights of a unit are stored as [fours of values][gates][4]. */
static int32_t reference_gate_sum(const int8_t *values, int32_t count, const int8_t *weights, int32_t gate,
                                  int32_t bias)
{
    int32_t sum = bias; /* |sum| < 2^30: proved when the model was compiled */
    for (int32_t i = 0; i < count; i++) {
        sum += values[i] * weights[i / 4 * 4 * GATES + gate * 4 + i % 4];
    }
    return sum;
}

/* The value of a gate before its activation function, in Q3.12. */
static int32_t reference_gate_value(const stapes_nn_lstm_layer *layer, int32_t unit, int32_t gate, const int8_t *in,
                                    const int8_t *hidden)
{
    const int32_t in_fours = (layer->in_size + 3) / 4, hidden_fours = (layer->units + 3) / 4;
    const int8_t *from_in = layer->weights + unit * 4 * GATES * (in_fours + hidden_fours);
    const int8_t *from_hidden = from_in + 4 * GATES * in_fours;
    const int32_t *bias = layer->bias + unit * 2 * GATES;
    const int32_t in_sum = reference_gate_sum(in, layer->in_size, from_in, gate, bias[gate]);
    const int32_t hidden_sum = reference_gate_sum(hidden, layer->units, from_hidden, gate, bias[GATES + gate]);
    const int32_t in_part =
        reference_multiply_by_quantized_multiplier(in_sum, layer->in_multiplier[gate], layer->in_shift[gate]);
    const int32_t hidden_part = reference_multiply_by_quantized_multiplier(hidden_sum, layer->hidden_multiplier[gate],
                                                                           layer->hidden_shift[gate]);
    return reference_clamp_to_int16(reference_clamp_to_int16(in_part, -32768, 32767) + hidden_part, -32768, 32767);
}

/* One time step of one unit: returns its output and changes its cell. */
static int8_t reference_lstm_unit(const stapes_nn_lstm_layer *layer, int32_t unit, const int8_t *in,
                                  const int8_t *hidden, int16_t *cell)
{
    int32_t value[GATES];
    for (int32_t gate = 0; gate < GATES; gate++) {
        value[gate] = reference_gate_value(layer, unit, gate, in, hidden);
    }
    /* |kept|, |added|, |sum|: below 2^30, 2^30, 2^16 */
    const int32_t kept = reference_logistic(value[FORGET_GATE]) * *cell;
    const int32_t added = reference_logistic(value[INPUT_GATE]) * reference_hyperbolic_tangent(value[CELL_GATE], 3);
    const int32_t sum = reference_rounding_divide_by_power_of_two(kept, 15) +
                        reference_rounding_divide_by_power_of_two(added, 15 + layer->cell_bits);
    *cell = (int16_t)reference_clamp_to_int16(sum, layer->cell_min, layer->cell_max);
    const int32_t output = reference_logistic(value[OUTPUT_GATE]) *
                           reference_hyperbolic_tangent(*cell, layer->cell_bits); /* |output| < 2^30 */
    const int32_t scaled = reference_multiply_by_quantized_multiplier(output, layer->out_multiplier, layer->out_shift);
    return reference_clamp_to_int8((int64_t)scaled + layer->out_zero, -128, 127);
}

void stapes_nn_reference_lstm(const stapes_nn_lstm_layer *layer, const int8_t *in, int8_t *hidden, int16_t *cell,
                              int8_t *out)
{
    const int32_t units = layer->units;
    for (int32_t batch = 0; batch < layer->batches; batch++) {
        const int8_t *before = hidden + batch * units; /* the outputs of the previous time step */
        for (int32_t time = 0; time < layer->time_steps; time++) {
            const int32_t row = batch * layer->batch_stride + time * layer->time_stride;
            for (int32_t unit = 0; unit < units; unit++) {
                out[row * units + unit] =
                    reference_lstm_unit(layer, unit, in + row * layer->in_size, before, cell + batch * units + unit);
            }
            before = out + row * units;
        }
        for (int32_t unit = 0; unit < units; unit++) {
            hidden[batch * units + unit] = before[unit];
        }
    }
}
