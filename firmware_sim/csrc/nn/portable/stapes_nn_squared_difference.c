/* stapes_nn_squared_difference.c -- SQUARED_DIFFERENCE with broadcasting. Apache-2.0. */
#include "stapes_nn.h"
#include "stapes_nn_arithmetic.h"
#include "stapes_nn_broadcast.h"

/* One row of outputs. The inputs' strides are 0 or 1. */
static void stapes_nn_squared_difference_row(const stapes_nn_squared_difference_layer *layer, const int8_t *a,
                                             const int8_t *b, int8_t *out)
{
    const int32_t stride_a = layer->stride_a[3], stride_b = layer->stride_b[3];
    const int8_t *const end = out + layer->shape[3];
    for (; out < end; a += stride_a, b += stride_b) {
        /* |scaled| <= 255 * 2^6: the factor is at most 1/2 */
        const int32_t scaled_a =
            stapes_nn_round_twice((*a - layer->zero_a) * (1 << 7), layer->multiplier_a, layer->shift_a);
        const int32_t scaled_b =
            stapes_nn_round_twice((*b - layer->zero_b) * (1 << 7), layer->multiplier_b, layer->shift_b);
        const int32_t difference = scaled_a - scaled_b; /* |difference| <= 255 * 2^7, its square < 2^30 */
        const int32_t scaled = stapes_nn_round_twice(difference * difference, layer->multiplier_out, layer->shift_out);
        *out++ = stapes_nn_clamp(scaled + layer->out_zero, -128, 127);
    }
}

STAPES_NN_API void stapes_nn_squared_difference(const stapes_nn_squared_difference_layer *layer, const int8_t *a,
                                                const int8_t *b, int8_t *out)
{
    int32_t row[3] = {0, 0, 0};
    do {
        stapes_nn_squared_difference_row(layer, a + stapes_nn_row_start(row, layer->stride_a),
                                         b + stapes_nn_row_start(row, layer->stride_b), out);
        out += layer->shape[3];
    } while (stapes_nn_next_row(row, layer->shape));
}
