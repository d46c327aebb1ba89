/* stapes_nn_reference_extreme.c -- the greater or lesser of two inputs, and of the elements of some axes. Apache-2.0.
 */
#include "stapes_nn_reference.h"

static int8_t reference_extreme_of(int32_t greatest, int8_t a, int8_t b)
{
    return (greatest ? a > b : a < b) ? a : b;
}

void stapes_nn_reference_extreme(const stapes_nn_extreme_layer *layer, const int8_t *a, const int8_t *b, int8_t *out)
{
    int32_t i[4] = {0, 0, 0, 0};
    do {
        *out++ = reference_extreme_of(layer->greatest, a[reference_offset_of(i, layer->stride_a)],
                                      b[reference_offset_of(i, layer->stride_b)]);
    } while (reference_next_element(i, layer->shape));
}

void stapes_nn_reference_reduce_extreme(const stapes_nn_reduce_extreme_layer *layer, const int8_t *in, int8_t *out)
{
    int32_t kept[4] = {0, 0, 0, 0};
    do {
        const int8_t *first = in + reference_offset_of(kept, layer->kept_stride);
        int32_t reduced[4] = {0, 0, 0, 0};
        *out = *first;
        do {
            *out = reference_extreme_of(layer->greatest, *out,
                                        first[reference_offset_of(reduced, layer->reduced_stride)]);
        } while (reference_next_element(reduced, layer->reduced));
        out++;
    } while (reference_next_element(kept, layer->kept));
}
