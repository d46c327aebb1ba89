/* stapes_nn_mean_16.c -- MEAN of int16. Apache-2.0. */
#include "stapes_nn_arithmetic.h"
#include "stapes_nn_int16.h"

/* The sum of the elements of one mean. |sum| <= 2^15 * elements < 2^30: the compiler refuses larger means. */
static int32_t stapes_nn_mean_16_sum(const stapes_nn_mean_layer *layer, const int16_t *in)
{
    const int32_t *const n = layer->reduced, *const stride = layer->reduced_stride;
    int32_t sum = layer->bias, i, j, k, l;
    for (i = 0; i < n[0]; i++) {
        for (j = 0; j < n[1]; j++) {
            for (k = 0; k < n[2]; k++) {
                for (l = 0; l < n[3]; l++) {
                    sum += stapes_nn_get_16(in + i * stride[0] + j * stride[1] + k * stride[2] + l * stride[3]);
                }
            }
        }
    }
    return sum;
}

STAPES_NN_API void stapes_nn_mean_16(const stapes_nn_mean_layer *layer, const int16_t *in, int16_t *out)
{
    const int32_t *const n = layer->kept, *const stride = layer->kept_stride;
    int32_t i, j, k, l;
    for (i = 0; i < n[0]; i++) {
        for (j = 0; j < n[1]; j++) {
            for (k = 0; k < n[2]; k++) {
                for (l = 0; l < n[3]; l++) {
                    const int32_t sum = stapes_nn_mean_16_sum(layer, in + i * stride[0] + j * stride[1] +
                                                                         k * stride[2] + l * stride[3]);
                    const int32_t scaled = stapes_nn_round_any(sum, layer->multiplier, layer->shift);
                    stapes_nn_put_16(out++, scaled + layer->out_zero, -32768, 32767);
                }
            }
        }
    }
}
