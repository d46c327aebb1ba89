/* stapes_nn_sum.c -- SUM over any axes, of bytes without a sign. Apache-2.0. */
#include "stapes_nn_arithmetic.h"
#include "stapes_nn_reduction.h"

STAPES_NN_API void stapes_nn_sum(const stapes_nn_mean_layer *layer, const int8_t *in, int8_t *out)
{
    uint8_t *target = (uint8_t *)out;
    int32_t i, j, k, l;
    for (i = 0; i < layer->kept[0]; i++) {
        for (j = 0; j < layer->kept[1]; j++) {
            for (k = 0; k < layer->kept[2]; k++) {
                for (l = 0; l < layer->kept[3]; l++) {
                    const int8_t *first = in + i * layer->kept_stride[0] + j * layer->kept_stride[1] +
                                          k * layer->kept_stride[2] + l * layer->kept_stride[3];
                    const int32_t sum = stapes_nn_reduced_sum(layer, first, 255);
                    const int32_t scaled =
                        stapes_nn_round_twice(sum, layer->multiplier, layer->shift) + layer->out_zero;
                    *target++ = (uint8_t)(scaled < 0 ? 0 : scaled > 255 ? 255 : scaled);
                }
            }
        }
    }
}
