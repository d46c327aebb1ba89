/* stapes_nn_batch_matmul.c -- BATCH_MATMUL. Apache-2.0. */
#include <string.h>

#include "stapes_nn.h"
#include "stapes_nn_arithmetic.h"

static int8_t stapes_nn_batch_matmul_finish(const stapes_nn_batch_matmul_layer *layer, int32_t sum)
{
    return stapes_nn_clamp(stapes_nn_round_any(sum, layer->multiplier, layer->shift) + layer->out_zero, -128, 127);
}

/* A row of a: its values less the zero point are x, and `total` is b_zero * sum(x). Then
 * sum(x * (b - b_zero)) = sum(x * b) - total; the compiler proves that each of these is below 2^31. */
typedef struct {
    const int8_t *a;
    int32_t total;
} stapes_nn_batch_matmul_row;

#define STAPES_NN_BATCH_MATMUL_ADD(b0, b1, b2, b3) \
    {                                              \
        const int32_t x = *a - zero; /* <= 255 */  \
        a += step;                                 \
        sums[0] += x * (b0);                       \
        sums[1] += x * (b1);                       \
        sums[2] += x * (b2);                       \
        sums[3] += x * (b3);                       \
    }

/* The sums of four columns whose values lie side by side: b[k * b_step + column]. */
static void stapes_nn_batch_matmul_beside(const stapes_nn_batch_matmul_layer *layer, const int8_t *a, const int8_t *b,
                                          int32_t *out)
{
    const int32_t zero = layer->a_zero, step = layer->a_step, b_step = layer->b_step;
    int32_t sums[4] = {0, 0, 0, 0}, left;
    for (left = layer->depth; left > 0; left--) {
        STAPES_NN_BATCH_MATMUL_ADD(b[0], b[1], b[2], b[3])
        b += b_step;
    }
    memcpy(out, sums, sizeof sums);
}

/* The sums of four columns that are `stride` bytes apart, each of which is one run. */
static void stapes_nn_batch_matmul_runs(const stapes_nn_batch_matmul_layer *layer, const int8_t *a, const int8_t *b,
                                        int32_t stride, int32_t *out)
{
    const int8_t *const b1 = b + stride, *const b2 = b1 + stride, *const b3 = b2 + stride;
    const int32_t zero = layer->a_zero, step = layer->a_step, depth = layer->depth;
    int32_t sums[4] = {0, 0, 0, 0}, k;
    for (k = 0; k < depth; k++) {
        STAPES_NN_BATCH_MATMUL_ADD(b[k], b1[k], b2[k], b3[k])
    }
    memcpy(out, sums, sizeof sums);
}

/* The sum of one column. */
static int32_t stapes_nn_batch_matmul_one(const stapes_nn_batch_matmul_layer *layer, const int8_t *a, const int8_t *b)
{
    const int32_t zero = layer->a_zero;
    int32_t sum = 0, left;
    for (left = layer->depth; left > 0; left--) {
        sum += (*a - zero) * *b;
        a += layer->a_step;
        b += layer->b_step;
    }
    return sum;
}

static void stapes_nn_batch_matmul_columns(const stapes_nn_batch_matmul_layer *layer,
                                           const stapes_nn_batch_matmul_row *row, const int8_t *b, int8_t *out)
{
    const int32_t stride = layer->b_column;
    int32_t column, i, sums[4];
    for (column = 0; column + 4 <= layer->columns; column += 4) {
        if (layer->b_step == 1) {
            stapes_nn_batch_matmul_runs(layer, row->a, b + column * stride, stride, sums);
        } else {
            stapes_nn_batch_matmul_beside(layer, row->a, b + column, sums);
        }
        for (i = 0; i < 4; i++) {
            out[column + i] = stapes_nn_batch_matmul_finish(layer, sums[i] - row->total);
        }
    }
    for (; column < layer->columns; column++) {
        const int32_t sum = stapes_nn_batch_matmul_one(layer, row->a, b + column * stride);
        out[column] = stapes_nn_batch_matmul_finish(layer, sum - row->total);
    }
}

/* One matrix. */
static void stapes_nn_batch_matmul_matrix(const stapes_nn_batch_matmul_layer *layer, const int8_t *a, const int8_t *b,
                                          int8_t *out)
{
    int32_t i, k;
    for (i = 0; i < layer->rows; i++) {
        stapes_nn_batch_matmul_row row;
        row.a = a;
        row.total = 0;
        for (k = 0; k < layer->depth; k++) {
            row.total += a[k * layer->a_step] - layer->a_zero;
        }
        row.total *= layer->b_zero;
        stapes_nn_batch_matmul_columns(layer, &row, b, out);
        a += layer->a_row;
        out += layer->columns;
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
