/* stapes_nn_batch_matmul.c -- BATCH_MATMUL. Apache-2.0. */
#include "stapes_nn.h"
#include "stapes_nn_arithmetic.h"

static int8_t stapes_nn_batch_matmul_finish(const stapes_nn_batch_matmul_layer *layer, int32_t sum)
{
    return stapes_nn_clamp(stapes_nn_round_any(sum, layer->multiplier, layer->shift) + layer->out_zero, -128, 127);
}

/* Four columns of a row of the output, or with stride 0 the same column four times, of which one is stored. With
 * x = a - a_zero, sum(x * (b - b_zero)) = sum(x * b) - b_zero * sum(x); the compiler proves that each of these sums,
 * and the whole, are below 2^31. */
static void stapes_nn_batch_matmul_columns(const stapes_nn_batch_matmul_layer *layer, const int8_t *a, const int8_t *b,
                                           int32_t stride, int8_t *out)
{
    const int8_t *b1 = b + stride, *b2 = b1 + stride, *b3 = b2 + stride;
    const int32_t zero = layer->a_zero, a_step = layer->a_step, b_step = layer->b_step;
    int32_t sum0 = 0, sum1 = 0, sum2 = 0, sum3 = 0, total = 0, left;
    for (left = layer->depth; left > 0; left--) {
        const int32_t x = *a - zero; /* |x| <= 255 */
        total += x;
        sum0 += x * *b;
        sum1 += x * *b1;
        sum2 += x * *b2;
        sum3 += x * *b3;
        a += a_step;
        b += b_step;
        b1 += b_step;
        b2 += b_step;
        b3 += b_step;
    }
    total *= layer->b_zero;
    out[0] = stapes_nn_batch_matmul_finish(layer, sum0 - total);
    if (stride > 0) {
        out[1] = stapes_nn_batch_matmul_finish(layer, sum1 - total);
        out[2] = stapes_nn_batch_matmul_finish(layer, sum2 - total);
        out[3] = stapes_nn_batch_matmul_finish(layer, sum3 - total);
    }
}

/* One matrix. */
static void stapes_nn_batch_matmul_matrix(const stapes_nn_batch_matmul_layer *layer, const int8_t *a, const int8_t *b,
                                          int8_t *out)
{
    const int32_t columns = layer->columns, group = columns < 4 ? 1 : 4;
    int32_t row, column;
    for (row = 0; row < layer->rows; row++) {
        for (column = 0; column < columns; column += group) { /* the last group may overlap the one before */
            const int32_t first = column + group <= columns ? column : columns - group;
            stapes_nn_batch_matmul_columns(layer, a, b + first * layer->b_column, group > 1 ? layer->b_column : 0,
                                           out + first);
        }
        a += layer->a_row;
        out += columns;
    }
}

STAPES_NN_API void stapes_nn_batch_matmul(const stapes_nn_batch_matmul_layer *layer, const int8_t *a, const int8_t *b,
                                          int8_t *out)
{
    const int32_t *const n = layer->batches, *const to_a = layer->a_batch, *const to_b = layer->b_batch;
    int32_t i, j, k;
    for (i = 0; i < n[0]; i++) {
        for (j = 0; j < n[1]; j++) {
            for (k = 0; k < n[2]; k++) {
                stapes_nn_batch_matmul_matrix(layer, a + i * to_a[0] + j * to_a[1] + k * to_a[2],
                                              b + i * to_b[0] + j * to_b[1] + k * to_b[2], out);
                out += layer->rows * layer->columns;
            }
        }
    }
}
