/* stapes_nn_add_16.c -- ADD and SUB of int16 with broadcasting. Apache-2.0. */
#include "stapes_nn_arithmetic.h"
#include "stapes_nn_int16.h"

STAPES_NN_API void stapes_nn_add_16(const stapes_nn_add_16_layer *layer, const int16_t *a, const int16_t *b,
                                    int16_t *out)
{
    const int32_t sign = layer->multiplier_b < 0 ? -1 : 1;
    int32_t i, j, k, l;
    for (i = 0; i < layer->shape[0]; i++) {
        for (j = 0; j < layer->shape[1]; j++) {
            for (k = 0; k < layer->shape[2]; k++) {
                const int16_t *x = a + i * layer->stride_a[0] + j * layer->stride_a[1] + k * layer->stride_a[2];
                const int16_t *y = b + i * layer->stride_b[0] + j * layer->stride_b[1] + k * layer->stride_b[2];
                for (l = 0; l < layer->shape[3]; l++, x += layer->stride_a[3], y += layer->stride_b[3]) {
                    const int32_t from_a = stapes_nn_round_any(stapes_nn_get_16(x) * 32768, layer->multiplier_a,
                                                               layer->shift_a); /* |x| <= 2^30, |from_a| <= 2^29 */
                    const int32_t from_b =
                        stapes_nn_round_any(stapes_nn_get_16(y) * 32768, sign * layer->multiplier_b, layer->shift_b);
                    const int32_t sum = from_a + sign * from_b; /* |sum| <= 2^30 */
                    stapes_nn_put_16(out++, stapes_nn_round_any(sum, layer->multiplier_out, layer->shift_out),
                                     layer->out_min, layer->out_max);
                }
            }
        }
    }
}
