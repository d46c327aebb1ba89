/* stapes_nn_reference_position.c -- where along an axis the greatest or the least value is. Apache-2.0. */
#include <string.h>

#include "stapes_nn_reference.h"

void stapes_nn_reference_position(const stapes_nn_position_layer *layer, const int8_t *in, int8_t *out)
{
    for (int32_t outer = 0; outer < layer->outer; outer++) {
        for (int32_t inner = 0; inner < layer->inner; inner++) {
            const int8_t *first = in + outer * layer->size * layer->inner + inner;
            int64_t found = 0;
            for (int32_t i = 1; i < layer->size; i++) { /* of equal values the first one counts */
                const int8_t value = first[i * layer->inner], most = first[found * layer->inner];
                if (layer->greatest ? value > most : value < most) {
                    found = i;
                }
            }
            if (layer->width == 4) {
                const int32_t narrow = (int32_t)found;
                memcpy(out, &narrow, 4);
            } else {
                memcpy(out, &found, 8);
            }
            out += layer->width;
        }
    }
}
