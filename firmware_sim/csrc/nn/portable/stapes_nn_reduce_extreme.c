/* stapes_nn_reduce_extreme.c -- REDUCE_MAX and REDUCE_MIN over any axes. Apache-2.0. */
#include "stapes_nn.h"

/* The greatest of the reduced elements, or the least of them. */
static int8_t stapes_nn_extreme_of(const stapes_nn_reduce_extreme_layer *layer, const int8_t *in)
{
    const int32_t stride = layer->reduced_stride[3];
    int8_t most = *in;
    int32_t i, j, k, l;
    for (i = 0; i < layer->reduced[0]; i++) {
        for (j = 0; j < layer->reduced[1]; j++) {
            for (k = 0; k < layer->reduced[2]; k++) {
                const int8_t *value =
                    in + i * layer->reduced_stride[0] + j * layer->reduced_stride[1] + k * layer->reduced_stride[2];
                for (l = layer->reduced[3]; l > 0; l--, value += stride) {
                    if (layer->greatest ? *value > most : *value < most) {
                        most = *value;
                    }
                }
            }
        }
    }
    return most;
}

STAPES_NN_API void stapes_nn_reduce_extreme(const stapes_nn_reduce_extreme_layer *layer, const int8_t *in, int8_t *out)
{
    int32_t i, j, k, l;
    for (i = 0; i < layer->kept[0]; i++) {
        for (j = 0; j < layer->kept[1]; j++) {
            for (k = 0; k < layer->kept[2]; k++) {
                for (l = 0; l < layer->kept[3]; l++) {
                    *out++ = stapes_nn_extreme_of(layer, in + i * layer->kept_stride[0] + j * layer->kept_stride[1] +
                                                             k * layer->kept_stride[2] + l * layer->kept_stride[3]);
                }
            }
        }
    }
}
