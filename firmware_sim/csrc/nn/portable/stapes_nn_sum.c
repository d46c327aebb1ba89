/* stapes_nn_sum.c -- SUM over any axes, of bytes without a sign. Apache-2.0. */
#include "stapes_nn.h"
#include "stapes_nn_arithmetic.h"

/* The elements of one sum, plus the bias. |sum| < 512 * elements <= 2^29: the compiler refuses larger sums. */
static int32_t stapes_nn_sum_of(const stapes_nn_mean_layer *layer, const uint8_t *in)
{
    int32_t sum = layer->bias;
    int32_t i, j, k, l;
    for (i = 0; i < layer->reduced[0]; i++) {
        for (j = 0; j < layer->reduced[1]; j++) {
            for (k = 0; k < layer->reduced[2]; k++) {
                const uint8_t *value =
                    in + i * layer->reduced_stride[0] + j * layer->reduced_stride[1] + k * layer->reduced_stride[2];
                for (l = 0; l < layer->reduced[3]; l++) {
                    sum += *value;
                    value += layer->reduced_stride[3];
                }
            }
        }
    }
    return sum;
}

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
                    const int32_t sum = stapes_nn_sum_of(layer, (const uint8_t *)first);
                    const int32_t scaled =
                        stapes_nn_round_twice(sum, layer->multiplier, layer->shift) + layer->out_zero;
                    *target++ = (uint8_t)(scaled < 0 ? 0 : scaled > 255 ? 255 : scaled);
                }
            }
        }
    }
}
