/* stapes_nn_lookup.c -- LOGISTIC, TANH, RELU, QUANTIZE and other functions of one value, from a table. Apache-2.0. */
#include "stapes_nn.h"

STAPES_NN_API void stapes_nn_lookup(const int8_t table[256], const int8_t *in, int8_t *out, int32_t count)
{
    int32_t i;
    for (i = 0; i < count; i++) {
        out[i] = table[in[i] + 128];
    }
}
