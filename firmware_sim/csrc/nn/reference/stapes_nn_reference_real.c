/* stapes_nn_reference_real.c -- QUANTIZE from float32 and DEQUANTIZE to it. Apache-2.0. */
#include <math.h>

#include "stapes_nn_reference.h"

void stapes_nn_reference_quantize(const stapes_nn_real_layer *layer, const float *in, int8_t *out)
{
    for (int32_t i = 0; i < layer->count; i++) {
        const float quotient = in[i] / layer->scale;
        const float code =
            (isnan(quotient) ? 0.0f : roundf(quotient)) + (float)layer->zero_point; /* exact below 2^24 */
        out[i] = (int8_t)(int32_t)fminf(fmaxf(code, (float)layer->low), (float)layer->high);
    }
}

void stapes_nn_reference_dequantize(const stapes_nn_real_layer *layer, const int8_t *in, float *out)
{
    for (int32_t i = 0; i < layer->count; i++) {
        const int32_t q = layer->low == 0 ? (uint8_t)in[i] : in[i];
        out[i] = (float)((double)layer->scale * (double)(q - layer->zero_point));
    }
}
