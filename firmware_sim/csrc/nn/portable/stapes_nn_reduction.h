/* stapes_nn_reduction.h -- the sum that MEAN and SUM make of the elements they reduce. Apache-2.0. */
#ifndef STAPES_NN_REDUCTION_H
#define STAPES_NN_REDUCTION_H

#include "stapes_nn.h"

/* The sum of the reduced elements, plus the bias. mask: -1, or 255 for bytes without a sign. |sum| < 2^30: the
 * compiler refuses larger sums. */
static inline int32_t stapes_nn_reduced_sum(const stapes_nn_mean_layer *layer, const int8_t *in, int32_t mask)
{
    int32_t sum = layer->bias;
    int32_t i, j, k, l;
    for (i = 0; i < layer->reduced[0]; i++) {
        for (j = 0; j < layer->reduced[1]; j++) {
            for (k = 0; k < layer->reduced[2]; k++) {
                const int8_t *value =
                    in + i * layer->reduced_stride[0] + j * layer->reduced_stride[1] + k * layer->reduced_stride[2];
                for (l = 0; l < layer->reduced[3]; l++) {
                    sum += *value & mask;
                    value += layer->reduced_stride[3];
                }
            }
        }
    }
    return sum;
}

#endif
