/* stapes_nn_div.c -- DIV with broadcasting. Apache-2.0. */
#include "stapes_nn.h"
#include "stapes_nn_arithmetic.h"
#include "stapes_nn_broadcast.h"
#include "stapes_nn_fixed_point.h"

/* a / b in codes of the output, before its zero point is added. |a| <= 255, 0 <= b <= 255. */
static int32_t stapes_nn_quotient(const stapes_nn_div_layer *layer, int32_t a, int32_t b)
{
    const int32_t edge = (int32_t)1 << 30;
    int32_t right = -layer->shift, power = b;
    if (a == 0) {
        return 0;
    }
    for (; a < edge && a >= -edge; right++) { /* up to the sign: 2^30 <= |a| <= 2^31 */
        a *= 2;
    }
    for (; power > 1; right++) { /* b / 2^power is in [1, 2) */
        power >>= 1;
    }
    /* right is in [0, 31]: proved by the compiler */
    return stapes_nn_divide_by_power(
        stapes_nn_multiply_q31(stapes_nn_multiply_q31(a, layer->inverses[b]), layer->multiplier), right);
}

/* One row of outputs. The inputs' strides are 0 or 1. */
static void stapes_nn_div_row(const stapes_nn_div_layer *layer, const int8_t *a, const int8_t *b, int8_t *out)
{
    const int32_t stride_a = layer->stride_a[3], stride_b = layer->stride_b[3];
    const int8_t *const end = out + layer->shape[3];
    for (; out < end; a += stride_a, b += stride_b) {
        const int32_t dividend = *a - layer->zero_a, divisor = *b - layer->zero_b;
        const int32_t quotient = divisor < 0 ? stapes_nn_quotient(layer, -dividend, -divisor)
                                             : stapes_nn_quotient(layer, dividend, divisor);
        /* |quotient| <= 255 * 2^23 < 2^31 - 128 */
        *out++ = stapes_nn_clamp(quotient + layer->out_zero, layer->out_min, layer->out_max);
    }
}

STAPES_NN_API void stapes_nn_div(const stapes_nn_div_layer *layer, const int8_t *a, const int8_t *b, int8_t *out)
{
    int32_t row[3] = {0, 0, 0};
    do {
        stapes_nn_div_row(layer, a + stapes_nn_row_start(row, layer->stride_a),
                          b + stapes_nn_row_start(row, layer->stride_b), out);
        out += layer->shape[3];
    } while (stapes_nn_next_row(row, layer->shape));
}
