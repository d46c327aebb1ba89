/* stapes_nn_reference_move.c -- CONCATENATION, SPLIT, SLICE, PAD, TRANSPOSE. Apache-2.0. */
#include "stapes_nn_reference.h"

/* Copy `run` bytes for each index of a block of up to five axes. */
void stapes_nn_reference_move(const stapes_nn_move_layer *layer, const int8_t *in, int8_t *out)
{
    const int32_t *n = layer->shape;
    const int32_t elements = n[0] * n[1] * n[2] * n[3] * n[4];
    for (int32_t element = 0; element < elements; element++) {
        int32_t rest = element, from = 0, to = 0;
        for (int axis = 4; axis >= 0; axis--) {
            from += rest % n[axis] * layer->in_stride[axis];
            to += rest % n[axis] * layer->out_stride[axis];
            rest /= n[axis];
        }
        for (int32_t byte = 0; byte < layer->run; byte++) {
            out[to + byte] = in[from + byte];
        }
    }
}
