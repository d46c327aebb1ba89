/* stapes_nn_compare.c -- comparisons with broadcasting. Apache-2.0. */
#include "stapes_nn.h"
#include "stapes_nn_broadcast.h"

/* One row of outputs. The inputs' strides are 0 or 1. */
static void stapes_nn_compare_row(const stapes_nn_compare_layer *layer, const int8_t *a, const int8_t *b, int8_t *out)
{
    const int32_t stride_a = layer->stride_a[3], stride_b = layer->stride_b[3];
    const int8_t *const end = out + layer->shape[3];
    for (; out < end; a += stride_a, b += stride_b) {
        const int32_t code = *b + 128; /* 0 .. 255 */
        const int within = *a >= layer->lowest[code] && *a <= layer->highest[code];
        *out++ = (int8_t)(within != layer->inverted);
    }
}

STAPES_NN_API void stapes_nn_compare(const stapes_nn_compare_layer *layer, const int8_t *a, const int8_t *b,
                                     int8_t *out)
{
    int32_t row[3] = {0, 0, 0};
    do {
        stapes_nn_compare_row(layer, a + stapes_nn_row_start(row, layer->stride_a),
                              b + stapes_nn_row_start(row, layer->stride_b), out);
        out += layer->shape[3];
    } while (stapes_nn_next_row(row, layer->shape));
}
