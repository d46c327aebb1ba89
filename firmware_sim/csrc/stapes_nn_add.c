/* stapes_nn_add.c -- ADD and SUB with broadcasting. Apache-2.0. */
#include "stapes_nn.h"
#include "stapes_nn_arithmetic.h"

static int8_t stapes_nn_add_one(const stapes_nn_add_layer *layer, int32_t a, int32_t b)
{
    const int32_t high_a = (a - layer->zero_a) * (1 << 20); /* |.| <= 255 * 2^20 < 2^28 */
    const int32_t high_b = (b - layer->zero_b) * (1 << 20);
    const int32_t scaled_a = stapes_nn_round_twice(high_a, layer->multiplier_a, layer->shift_a); /* multipliers <= 1/2: |.| < 2^27 */
    int32_t scaled_b;
    if (layer->multiplier_b < 0) {
        scaled_b = -stapes_nn_round_twice(high_b, -layer->multiplier_b, layer->shift_b);
    } else {
        scaled_b = stapes_nn_round_twice(high_b, layer->multiplier_b, layer->shift_b);
    }
    return stapes_nn_clamp(stapes_nn_round_twice(scaled_a + scaled_b, layer->multiplier_out, layer->shift_out) + layer->out_zero,
                           layer->out_min, layer->out_max);
}

STAPES_NN_API void stapes_nn_add(const stapes_nn_add_layer *layer, const int8_t *a, const int8_t *b, int8_t *out)
{
    int32_t i, j, k, l;
    for (i = 0; i < layer->shape[0]; i++) {
        for (j = 0; j < layer->shape[1]; j++) {
            for (k = 0; k < layer->shape[2]; k++) {
                const int8_t *pa = a + i * layer->step_a[0] + j * layer->step_a[1] + k * layer->step_a[2];
                const int8_t *pb = b + i * layer->step_b[0] + j * layer->step_b[1] + k * layer->step_b[2];
                for (l = 0; l < layer->shape[3]; l++) {
                    *out++ = stapes_nn_add_one(layer, *pa, *pb);
                    pa += layer->step_a[3];
                    pb += layer->step_b[3];
                }
            }
        }
    }
}
