/* stapes_nn_reference_batch_matmul.c -- BATCH_MATMUL. Apache-2.0. */
#include "stapes_nn_reference.h"

static int8_t reference_batch_matmul_value(const stapes_nn_batch_matmul_layer *layer, const int8_t *a, const int8_t *b)
{
    int32_t sum = 0; /* |sum| < 2^31 at every product: proved when the model was compiled */
    for (int32_t k = 0; k < layer->depth; k++) {
        sum += (a[k * layer->a_step] - layer->a_zero) * (b[k * layer->b_step] - layer->b_zero);
    }
    const int32_t scaled = reference_multiply_by_quantized_multiplier(sum, layer->multiplier, layer->shift);
    return reference_clamp_to_int8((int64_t)scaled + layer->out_zero, -128, 127);
}

void stapes_nn_reference_batch_matmul(const stapes_nn_batch_matmul_layer *layer, const int8_t *a, const int8_t *b,
                                      int8_t *out)
{
    const int32_t *n = layer->batches;
    for (int32_t batch = 0; batch < n[0] * n[1] * n[2]; batch++) {
        int32_t rest = batch, from_a = 0, from_b = 0;
        for (int axis = 2; axis >= 0; axis--) {
            from_a += rest % n[axis] * layer->a_batch[axis];
            from_b += rest % n[axis] * layer->b_batch[axis];
            rest /= n[axis];
        }
        for (int32_t row = 0; row < layer->rows; row++) {
            for (int32_t column = 0; column < layer->columns; column++) {
                *out++ = reference_batch_matmul_value(layer, a + from_a + row * layer->a_row,
                                                      b + from_b + column * layer->b_column);
            }
        }
    }
}
