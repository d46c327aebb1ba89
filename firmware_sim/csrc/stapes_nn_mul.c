/* stapes_nn_mul.c -- MUL with broadcasting. Apache-2.0. */
#include "stapes_nn.h"
#include "stapes_nn_arithmetic.h"

static int8_t stapes_nn_mul_one(const stapes_nn_mul_layer *layer, int32_t a, int32_t b)
{
    const int32_t product = (a - layer->zero_a) * (b - layer->zero_b); /* |product| <= 255 * 255 < 2^16 */
    return stapes_nn_clamp(stapes_nn_round_twice(product, layer->multiplier, layer->shift) + layer->out_zero, layer->out_min,
                           layer->out_max);
}

STAPES_NN_API void stapes_nn_mul(const stapes_nn_mul_layer *layer, const int8_t *a, const int8_t *b, int8_t *out)
{
    int32_t i, j, k, l;
    for (i = 0; i < layer->shape[0]; i++) {
        for (j = 0; j < layer->shape[1]; j++) {
            for (k = 0; k < layer->shape[2]; k++) {
                const int8_t *pa = a + i * layer->step_a[0] + j * layer->step_a[1] + k * layer->step_a[2];
                const int8_t *pb = b + i * layer->step_b[0] + j * layer->step_b[1] + k * layer->step_b[2];
                for (l = 0; l < layer->shape[3]; l++) {
                    *out++ = stapes_nn_mul_one(layer, *pa, *pb);
                    pa += layer->step_a[3];
                    pb += layer->step_b[3];
                }
            }
        }
    }
}
