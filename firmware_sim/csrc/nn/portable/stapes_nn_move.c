/* stapes_nn_move.c -- CONCATENATION, SPLIT, SLICE, PAD, TRANSPOSE: copy runs of bytes between arrays. Apache-2.0. */
#include <string.h>

#include "stapes_nn.h"

STAPES_NN_API void stapes_nn_move(const stapes_nn_move_layer *layer, const int8_t *in, int8_t *out)
{
    const int32_t *n = layer->shape, *from = layer->in_stride, *to = layer->out_stride;
    int32_t i, j, k, l, m;
    for (i = 0; i < n[0]; i++) {
        for (j = 0; j < n[1]; j++) {
            for (k = 0; k < n[2]; k++) {
                for (l = 0; l < n[3]; l++) {
                    const int8_t *source = in + i * from[0] + j * from[1] + k * from[2] + l * from[3];
                    int8_t *target = out + i * to[0] + j * to[1] + k * to[2] + l * to[3];
                    for (m = 0; m < n[4]; m++) {
                        memcpy(target, source, (size_t)layer->run);
                        source += from[4];
                        target += to[4];
                    }
                }
            }
        }
    }
}
