/* stapes_nn_quantize.c -- QUANTIZE from float32. Apache-2.0. */
#include "stapes_nn.h"
#include "stapes_nn_float.h"

STAPES_NN_API void stapes_nn_quantize(const stapes_nn_real_layer *layer, const float *in, int8_t *out)
{
    int32_t i;
    for (i = 0; i < layer->count; i++) {
        out[i] = (int8_t)stapes_nn_code_of(in[i], layer->scale, layer->zero_point, layer->low, layer->high);
    }
}
