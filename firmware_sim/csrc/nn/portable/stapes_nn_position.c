/* stapes_nn_position.c -- ARG_MAX and ARG_MIN. Apache-2.0. */
#include <string.h>

#include "stapes_nn.h"

/* The position of the first of the greatest, or of the least, of `size` values that are `stride` bytes apart. */
static int32_t stapes_nn_position_of(const stapes_nn_position_layer *layer, const int8_t *in, int32_t stride)
{
    int32_t best = 0, i;
    int8_t most = *in;
    for (i = 1; i < layer->size; i++) {
        in += stride;
        if (layer->greatest ? *in > most : *in < most) {
            most = *in;
            best = i;
        }
    }
    return best;
}

STAPES_NN_API void stapes_nn_position(const stapes_nn_position_layer *layer, const int8_t *in, int8_t *out)
{
    int32_t i, j;
    for (i = 0; i < layer->outer; i++) {
        for (j = 0; j < layer->inner; j++) {
            const int32_t found = stapes_nn_position_of(layer, in + j, layer->inner);
            if (layer->width == 8) {
                const int64_t wide = found;
                memcpy(out, &wide, sizeof wide); /* the arena is aligned to 4 bytes only */
            } else {
                memcpy(out, &found, sizeof found);
            }
            out += layer->width;
        }
        in += layer->size * layer->inner;
    }
}
