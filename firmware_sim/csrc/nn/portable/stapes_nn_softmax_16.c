/* stapes_nn_softmax_16.c -- SOFTMAX of int16. Apache-2.0. */
#include "stapes_nn_arithmetic.h"
#include "stapes_nn_int16.h"

/* Return the function whose values at every 128th int16 are in the table, by straight lines; -2^15 <= x < 2^15. */
static int32_t stapes_nn_softmax_16_line(const int16_t *table, int32_t x)
{
    const int16_t *const entry = table + 256 + (x >> 7);
    return entry[0] + (((entry[1] - entry[0]) * (x & 127) + 64) >> 7); /* |product| < 2^23 */
}

/* Limit a value to int16. */
static int32_t stapes_nn_softmax_16_saturate(int32_t x)
{
    return x < -32768 ? -32768 : x > 32767 ? 32767 : x;
}

static void stapes_nn_softmax_16_row(const stapes_nn_softmax_16_layer *layer, const int16_t *in, int16_t *out)
{
    int32_t most = -32768, sum = 0, headroom = 0, reciprocal, i;
    for (i = 0; i < layer->depth; i++) {
        const int32_t x = stapes_nn_get_16(in + i);
        most = x > most ? x : most;
    }
    for (i = 0; i < layer->depth; i++) {                       /* exponentials in Q0.15, kept in the output */
        const int32_t below = stapes_nn_get_16(in + i) - most; /* > -2^16 */
        const int32_t scaled = stapes_nn_round_any(below, layer->multiplier, layer->shift); /* >= -2^31 + 2^16 */
        const int32_t exponential =
            stapes_nn_softmax_16_line(layer->exponentials, stapes_nn_softmax_16_saturate(scaled + 32767));
        stapes_nn_put_16(out + i, exponential, -32768, 32767);
        sum += exponential; /* 2^14 < sum < 2^31 */
    }
    while (((uint32_t)sum << headroom) < 0x40000000u) {
        headroom++;
    }
    /* sum * 2^headroom is in [2^30, 2^31); its upper bits, rounded, less 3 * 2^15 are in [-2^15, 2^15] */
    reciprocal = (int32_t)((((uint32_t)sum << headroom) + 8192u) >> 14) - 3 * 32768;
    reciprocal = stapes_nn_softmax_16_line(layer->reciprocals, stapes_nn_softmax_16_saturate(reciprocal));
    for (i = 0; i < layer->depth; i++) {
        const int32_t right = 30 - headroom; /* 14 .. 30 */
        const int64_t product = (int64_t)stapes_nn_get_16(out + i) * reciprocal;
        stapes_nn_put_16(out + i, (product + ((int64_t)1 << (right - 1))) >> right, 0, 32767);
    }
}

STAPES_NN_API void stapes_nn_softmax_16(const stapes_nn_softmax_16_layer *layer, const int16_t *in, int16_t *out)
{
    int32_t row;
    for (row = 0; row < layer->rows; row++) {
        stapes_nn_softmax_16_row(layer, in, out);
        in += layer->depth;
        out += layer->depth;
    }
}
