/* stapes_nn_dequantize.c -- DEQUANTIZE to float32. Apache-2.0. */
#include "stapes_nn.h"

STAPES_NN_API void stapes_nn_dequantize(const stapes_nn_real_layer *layer, const int8_t *in, float *out)
{
    int32_t i;
    for (i = 0; i < layer->count; i++) {
        const int32_t q = in[i] < layer->low ? in[i] + 256 : in[i]; /* of a uint8 from 128 on, in[i] is q - 256 */
        out[i] = layer->scale * (float)(q - layer->zero_point); /* |q - zero_point| < 2^8: exact before the product */
    }
}
