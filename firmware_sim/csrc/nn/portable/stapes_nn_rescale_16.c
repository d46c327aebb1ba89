/* stapes_nn_rescale_16.c -- QUANTIZE, RELU and LEAKY_RELU from or to int16. Apache-2.0. */
#include "stapes_nn_arithmetic.h"
#include "stapes_nn_int16.h"

STAPES_NN_API void stapes_nn_rescale_16(const stapes_nn_rescale_16_layer *layer, const void *in, void *out)
{
    int32_t i;
    for (i = 0; i < layer->count; i++) {
        const int32_t code = layer->wide_in ? stapes_nn_get_16((const int16_t *)in + i) : ((const int8_t *)in)[i];
        const int32_t x = code - layer->zero_in; /* |x| < 2^16 */
        const int32_t scaled = x < 0 ? stapes_nn_round_any(x, layer->multiplier_below, layer->shift_below)
                                     : stapes_nn_round_any(x, layer->multiplier, layer->shift);
        const int32_t result = scaled + layer->zero_out; /* |scaled| <= 2^30: proved by the compiler */
        if (layer->wide_out) {
            stapes_nn_put_16((int16_t *)out + i, result, layer->out_min, layer->out_max);
        } else {
            ((int8_t *)out)[i] = stapes_nn_clamp(result, layer->out_min, layer->out_max);
        }
    }
}
