/* stapes_nn_sigmoid_16.c -- LOGISTIC and TANH of int16. Apache-2.0. */
#include "stapes_nn_int16.h"

/* Return 2^16 * the logistic function, with `bits` more fractional bits, of steps / 2^bits entries of the table. Past
 * its end the function is `end` / 2^16. */
static int32_t stapes_nn_sigmoid_16_line(const uint16_t *table, uint32_t steps, int32_t bits, int32_t end)
{
    const uint32_t entry = steps >> bits, rest = steps & ((1u << bits) - 1u);
    if (entry >= 255) {
        return end * ((int32_t)1 << bits);
    }
    return (int32_t)(((uint32_t)table[entry] << bits) +
                     rest * (uint32_t)(table[entry + 1] - table[entry])); /* < 2^26 */
}

STAPES_NN_API void stapes_nn_sigmoid_16(const stapes_nn_sigmoid_16_layer *layer, const int16_t *in, int16_t *out)
{
    const int32_t half = layer->shift > 0 ? (int32_t)1 << (layer->shift - 1) : 0; /* <= 2^30 */
    int32_t i, y;
    for (i = 0; i < layer->count; i++) {
        const int32_t x = (stapes_nn_get_16(in + i) * layer->multiplier + half) >> layer->shift; /* |product| < 2^30 */
        const uint32_t steps = (uint32_t)(x < 0 ? -x : x);
        if (layer->is_tanh) { /* tanh(x) = 2 * logistic(2 * x) - 1, in 2^-23, to 2^-15 */
            y = stapes_nn_sigmoid_16_line(layer->sigmoid, steps, 8, 65535) - ((int32_t)1 << 23);
            y = ((x < 0 ? -y - 1 : y) + 128) >> 8;
        } else { /* logistic(-x) = 1 - logistic(x), in 2^-25, to 2^-15 */
            y = stapes_nn_sigmoid_16_line(layer->sigmoid, steps, 9, 65534);
            y = ((x < 0 ? ((int32_t)1 << 25) - y - 1 : y) + 512) >> 10;
        }
        stapes_nn_put_16(out + i, y, -32768, 32767);
    }
}
