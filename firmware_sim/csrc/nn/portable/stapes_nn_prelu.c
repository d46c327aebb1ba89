/* stapes_nn_prelu.c -- PRELU with an alpha that may be repeated. Apache-2.0. */
#include "stapes_nn.h"
#include "stapes_nn_arithmetic.h"
#include "stapes_nn_broadcast.h"

/* One row of outputs. The strides of input and alpha are 0 or 1. */
static void stapes_nn_prelu_row(const stapes_nn_prelu_layer *layer, const int8_t *in, const int8_t *alpha, int8_t *out)
{
    const int32_t stride = layer->stride_a[3], stride_alpha = layer->stride_b[3];
    const int32_t zero_in = layer->zero_in, zero_alpha = layer->zero_alpha;
    const int8_t *const end = out + layer->shape[3];
    for (; out < end; in += stride, alpha += stride_alpha) {
        const int32_t x = *in - zero_in; /* |x| <= 255 */
        const int32_t scaled = x >= 0 ? stapes_nn_round_twice(x, layer->multiplier, layer->shift)
                                      : stapes_nn_round_twice(x * (*alpha - zero_alpha), /* |product| < 2^16 */
                                                              layer->multiplier_below, layer->shift_below);
        *out++ = stapes_nn_clamp(scaled + layer->out_zero, -128, 127);
    }
}

STAPES_NN_API void stapes_nn_prelu(const stapes_nn_prelu_layer *layer, const int8_t *in, const int8_t *alpha,
                                   int8_t *out)
{
    int32_t row[3] = {0, 0, 0};
    do {
        stapes_nn_prelu_row(layer, in + stapes_nn_row_start(row, layer->stride_a),
                            alpha + stapes_nn_row_start(row, layer->stride_b), out);
        out += layer->shape[3];
    } while (stapes_nn_next_row(row, layer->shape));
}
