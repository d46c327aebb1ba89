/* stapes_nn_rescale_32.c -- QUANTIZE from int16 to int32. Apache-2.0. */
#include <string.h>

#include "stapes_nn_arithmetic.h"
#include "stapes_nn_int16.h"

STAPES_NN_API void stapes_nn_rescale_32(const stapes_nn_rescale_32_layer *layer, const int16_t *in, int8_t *out)
{
    int32_t i;
    for (i = 0; i < layer->count; i++) {
        const int32_t x = stapes_nn_get_16(in + i) - layer->zero_in; /* |x| < 2^16 */
        const int32_t code = stapes_nn_round_any(x, layer->multiplier, layer->shift);
        memcpy(out, &code, sizeof code);
        out += sizeof code;
    }
}
