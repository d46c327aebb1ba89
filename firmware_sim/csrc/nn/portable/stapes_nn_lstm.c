/* stapes_nn_lstm.c -- UNIDIRECTIONAL_SEQUENCE_LSTM: int8 in and out, int16 cell. Apache-2.0.
 *
 * The weights of the four gates of a unit alternate, four taps each, so that all gates of the unit are computed at the
 * same time and the kernel needs no scratch. Qm.n means m integer bits and n fractional bits, besides the sign. */
#include <string.h>

#include "stapes_nn.h"
#include "stapes_nn_arithmetic.h"
#if STAPES_NN_LAYOUT == STAPES_NN_DSP
#include "stapes_nn_dsp.h"
#endif /* STAPES_NN_DSP */
#if STAPES_NN_LAYOUT == STAPES_NN_MVE
#include "stapes_nn_mve.h"
#endif /* STAPES_NN_MVE */

#define STAPES_NN_LSTM_GATES 4 /* input, forget, cell, output */

/* round(a * b / 2^15), halves up; |a|, |b| <= 2^15, not both -2^15. */
static inline int32_t stapes_nn_lstm_multiply_q15(int32_t a, int32_t b)
{
    return (a * b + (1 << 14)) >> 15;
}

/* round(x / 2^bits), halves away from zero; |x| <= 2^30, 15 <= bits <= 21. */
static inline int32_t stapes_nn_lstm_divide(int32_t x, int32_t bits)
{
    return (x + ((int32_t)1 << (bits - 1)) + (x >> 31)) >> bits; /* |sum| < 2^30 + 2^20 */
}

static inline int32_t stapes_nn_lstm_clamp(int32_t x, int32_t low, int32_t high)
{
    x = x < low ? low : x;
    return x > high ? high : x;
}

/* Return exp(x) in Q0.15 for x in Q(bits).(15 - bits), -2^15 <= x < 0, 1 <= bits <= 7. x is split into a multiple of
 * -1/4 and a remainder in [-1/4, 0): the result is a Taylor series of the remainder around -1/8, times exp(-2^k) for
 * each bit that is set in the multiple. */
static int32_t stapes_nn_lstm_exp(int32_t x, int32_t bits)
{
    static const int16_t factors[7] = {25520, 19875, 12055, 4435, 600, 11, 0}; /* exp(-2^k) in Q0.15, k = -2 .. 4 */
    const int16_t *factor = factors;
    const int32_t quarter = (int32_t)1 << (13 - bits);
    const int32_t low = (x & (quarter - 1)) - quarter;      /* [-quarter, -1]: -1/4 to 0 */
    int32_t quarters = (low - x) >> (13 - bits);            /* [0, 2^(bits + 2)) */
    const int32_t d = low * (1 << bits) + (1 << 12);        /* Q0.15, from -1/8: [-2^12, 2^12) */
    const int32_t d2 = stapes_nn_lstm_multiply_q15(d, d);   /* [0, 2^9] */
    const int32_t d3 = stapes_nn_lstm_multiply_q15(d2, d);  /* [-2^6, 2^6] */
    const int32_t d4 = stapes_nn_lstm_multiply_q15(d2, d2); /* [0, 2^3] */
    /* d^4 / 12 + d^3 / 3 + d^2: [0, 534] */
    const int32_t series = stapes_nn_lstm_multiply_q15(((d4 + 2) >> 2) + d3, 10923) + d2;
    /* exp(-1/8) * (1 + d + series / 2): [25520, 32767] */
    int32_t result = 28918 + stapes_nn_lstm_multiply_q15(28918, d + ((series + 1) >> 1));
    if (quarters >= 128) {
        return 0; /* below -32 */
    }
    for (; quarters > 0; quarters >>= 1, factor++) {
        if (quarters & 1) {
            result = stapes_nn_lstm_multiply_q15(result, *factor);
        }
    }
    return result;
}

/* One iteration of Newton's method for 1 / d, d = half / 2^15 in [1/2, 1). guess: Q2.13, in [7710, 2^14]. */
static inline int32_t stapes_nn_lstm_newton(int32_t guess, int32_t half)
{
    const int32_t error =
        (1 << 13) - stapes_nn_lstm_multiply_q15(half, guess);     /* 1 - d * guess, Q2.13: |error| < 2^9 */
    return guess + 4 * stapes_nn_lstm_multiply_q15(guess, error); /* Q4.11 to Q2.13; it changes by less than 2^10 */
}

/* Return 2 / (1 + exp(-|x|)) in Q2.13 for x in Q(bits).(15 - bits), -2^15 <= x < 2^15, x != 0. The result is in
 * [2^13 - 2, 2^14], for bits = 3 in [2^13, 2^14 - 6]. Three iterations of Newton's method begin at 48/17 - 32/17 d
 * with d = (1 + exp(-|x|)) / 2. */
static int32_t STAPES_NN_NOINLINE stapes_nn_lstm_twice_sigmoid(int32_t x, int32_t bits)
{
    const int32_t half = (stapes_nn_lstm_exp(x < 0 ? x : -x, bits) + (1 << 15)) >> 1; /* d in Q0.15: [2^14, 2^15) */
    const int32_t guess = 23130 + stapes_nn_lstm_multiply_q15(half, -15420);          /* [7710, 15420] */
    return stapes_nn_lstm_newton(stapes_nn_lstm_newton(stapes_nn_lstm_newton(guess, half), half), half);
}

/* Return 1 / (1 + exp(-x)) in Q0.15 for x in Q3.12. The result is in [11, 32756]. */
static int32_t stapes_nn_lstm_sigmoid(int32_t x)
{
    int32_t twice;
    if (x == 0) {
        return 1 << 14;
    }
    twice = 2 * stapes_nn_lstm_twice_sigmoid(x, 3); /* [2^14, 2^15 - 12] */
    return x > 0 ? twice : 32767 - twice;
}

/* Return tanh(x) = 2 / (1 + exp(-2 x)) - 1 in Q0.15 for x in Q(bits).(15 - bits), 0 <= bits <= 6. The result is in
 * [-32767, 32767]. */
static int32_t stapes_nn_lstm_tanh(int32_t x, int32_t bits)
{
    int32_t twice;
    if (x == 0) {
        return 0;
    }
    twice = stapes_nn_lstm_twice_sigmoid(x, bits + 1) - (1 << 13); /* [-2, 2^13] */
    twice = twice > 8191 ? 32767 : 4 * twice;
    return x < 0 ? -twice : twice;
}

#if STAPES_NN_LAYOUT == STAPES_NN_DSP

/* Return sum plus the products of four values, given as two pairs, with four weights. */
static inline int32_t stapes_nn_lstm_four(uint32_t even, uint32_t odd, const int8_t *weights, int32_t sum)
{
    const uint32_t w = stapes_nn_four(weights);
    return stapes_nn_add_pair(stapes_nn_add_pair(sum, even, stapes_nn_even(w)), odd, stapes_nn_odd(w));
}

#endif /* STAPES_NN_DSP */

#define STAPES_NN_LSTM_TAP(k)        \
    {                                \
        const int32_t x = in[k];     \
        sum0 += x * weights[k];      \
        sum1 += x * weights[4 + k];  \
        sum2 += x * weights[8 + k];  \
        sum3 += x * weights[12 + k]; \
    }

/* Add the products of `count` inputs with the weights of a unit's gates to the sums. Returns the address after the
 * weights. |sum| < 2^30 for all partial sums: proved by the compiler. */
static const int8_t *STAPES_NN_NOINLINE stapes_nn_lstm_products(const int8_t *in, int32_t count, const int8_t *weights,
                                                                int32_t sums[STAPES_NN_LSTM_GATES])
{
    int32_t sum0 = sums[0], sum1 = sums[1], sum2 = sums[2], sum3 = sums[3], k;
#if STAPES_NN_LAYOUT == STAPES_NN_MVE
#if STAPES_NN_ASM
    /* VLD4 takes words apart: those of one gate come into one vector. It needs an aligned address. */
    for (; count >= 16 && ((uintptr_t)weights & 3) == 0; count -= 16, in += 16, weights += 64) {
        const int32x4x4_t gates = vld4q_s32((const int32_t *)(const void *)weights);
        const int8x16_t x = vldrbq_s8(in);
        sum0 = vmladavaq_s8(sum0, x, vreinterpretq_s8_s32(gates.val[0]));
        sum1 = vmladavaq_s8(sum1, x, vreinterpretq_s8_s32(gates.val[1]));
        sum2 = vmladavaq_s8(sum2, x, vreinterpretq_s8_s32(gates.val[2]));
        sum3 = vmladavaq_s8(sum3, x, vreinterpretq_s8_s32(gates.val[3]));
    }
#endif
#endif /* STAPES_NN_MVE */
    for (; count >= 4; count -= 4, in += 4, weights += 16) {
#if STAPES_NN_LAYOUT == STAPES_NN_DSP
        const uint32_t x = stapes_nn_four(in), even = stapes_nn_even(x), odd = stapes_nn_odd(x);
        sum0 = stapes_nn_lstm_four(even, odd, weights, sum0);
        sum1 = stapes_nn_lstm_four(even, odd, weights + 4, sum1);
        sum2 = stapes_nn_lstm_four(even, odd, weights + 8, sum2);
        sum3 = stapes_nn_lstm_four(even, odd, weights + 12, sum3);
#endif /* STAPES_NN_DSP */
#if STAPES_NN_LAYOUT != STAPES_NN_DSP
        STAPES_NN_LSTM_TAP(0)
        STAPES_NN_LSTM_TAP(1)
        STAPES_NN_LSTM_TAP(2)
        STAPES_NN_LSTM_TAP(3)
#endif
    }
    for (k = 0; k < count; k++) {
        STAPES_NN_LSTM_TAP(k)
    }
    sums[0] = sum0;
    sums[1] = sum1;
    sums[2] = sum2;
    sums[3] = sum3;
    return count > 0 ? weights + 16 : weights;
}

/* Compute one time step of one unit: returns its output and updates *cell. */
static int8_t stapes_nn_lstm_unit(const stapes_nn_lstm_layer *layer, int32_t unit, const int8_t *in,
                                  const int8_t *hidden, int16_t *cell)
{
    const int32_t in_fours = (layer->in_size + 3) >> 2, hidden_fours = (layer->units + 3) >> 2;
    const int8_t *weights = layer->weights + unit * 16 * (in_fours + hidden_fours);
    int32_t from_in[STAPES_NN_LSTM_GATES], from_hidden[STAPES_NN_LSTM_GATES], gates[STAPES_NN_LSTM_GATES];
    int32_t candidate, state, output, bits = layer->cell_bits, i;
    memcpy(from_in, layer->bias + unit * 8, sizeof from_in);
    memcpy(from_hidden, layer->bias + unit * 8 + 4, sizeof from_hidden);
    weights = stapes_nn_lstm_products(in, layer->in_size, weights, from_in);
    stapes_nn_lstm_products(hidden, layer->units, weights, from_hidden);
    for (i = 0; i < STAPES_NN_LSTM_GATES; i++) { /* in Q3.12; both rounded sums are below 2^30 */
        gates[i] = stapes_nn_lstm_clamp(stapes_nn_round_twice(from_in[i], layer->in_multiplier[i], layer->in_shift[i]),
                                        -32768, 32767);
        gates[i] += stapes_nn_round_twice(from_hidden[i], layer->hidden_multiplier[i], layer->hidden_shift[i]);
        gates[i] = stapes_nn_lstm_clamp(gates[i], -32768, 32767);
    }
    candidate = stapes_nn_lstm_sigmoid(gates[0]) * stapes_nn_lstm_tanh(gates[2], 3); /* |candidate| < 2^30 */
    state = stapes_nn_lstm_divide(stapes_nn_lstm_sigmoid(gates[1]) * *cell, 15);     /* |state| < 2^15 */
    state += stapes_nn_lstm_divide(candidate, 15 + bits);                            /* |state| < 2^16 */
    state = stapes_nn_lstm_clamp(state, layer->cell_min, layer->cell_max);
    *cell = (int16_t)state;
    output = stapes_nn_lstm_sigmoid(gates[3]) * stapes_nn_lstm_tanh(state, bits); /* |output| < 2^30 */
    output = stapes_nn_round_twice(output, layer->out_multiplier, layer->out_shift);
    return stapes_nn_clamp(output + layer->out_zero, -128, 127);
}

STAPES_NN_API void stapes_nn_lstm(const stapes_nn_lstm_layer *layer, const int8_t *in, int8_t *hidden, int16_t *cell,
                                  int8_t *out)
{
    const int32_t units = layer->units;
    int32_t batch, time, unit;
    for (batch = 0; batch < layer->batches; batch++, hidden += units, cell += units) {
        const int8_t *before = hidden;
        for (time = 0; time < layer->time_steps; time++) {
            const int32_t row = batch * layer->batch_stride + time * layer->time_stride;
            for (unit = 0; unit < units; unit++) {
                out[row * units + unit] =
                    stapes_nn_lstm_unit(layer, unit, in + row * layer->in_size, before, cell + unit);
            }
            before = out + row * units;
        }
        memcpy(hidden, before, (size_t)units);
    }
}
