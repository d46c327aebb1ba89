/* stapes_nn_mul_16.c -- MUL of int16 with broadcasting. Apache-2.0. */
#include "stapes_nn_arithmetic.h"
#include "stapes_nn_int16.h"

STAPES_NN_API void stapes_nn_mul_16(const stapes_nn_mul_16_layer *layer, const int16_t *a, const int16_t *b,
                                    int16_t *out)
{
    int32_t i, j, k, l;
    for (i = 0; i < layer->shape[0]; i++) {
        for (j = 0; j < layer->shape[1]; j++) {
            for (k = 0; k < layer->shape[2]; k++) {
                const int16_t *x = a + i * layer->stride_a[0] + j * layer->stride_a[1] + k * layer->stride_a[2];
                const int16_t *y = b + i * layer->stride_b[0] + j * layer->stride_b[1] + k * layer->stride_b[2];
                for (l = 0; l < layer->shape[3]; l++, x += layer->stride_a[3], y += layer->stride_b[3]) {
                    const int32_t product = stapes_nn_get_16(x) * stapes_nn_get_16(y); /* |product| <= 2^30 */
                    stapes_nn_put_16(out++, stapes_nn_round_any(product, layer->multiplier, layer->shift),
                                     layer->out_min, layer->out_max);
                }
            }
        }
    }
}
