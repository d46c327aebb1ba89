/* stapes_nn_reference_l2_normalize.c -- rows divided by their length. Apache-2.0. */
#include "stapes_nn_reference.h"

/* 1 / sqrt(x) = result * 2^(shift - 31) for 0 <= x < 2^31; 0 is taken for 1. */
static int32_t reference_inverse_root(int32_t x, int32_t *shift)
{
    int32_t power = 11;
    if (x <= 1) {
        *shift = 0;
        return INT32_MAX;
    }
    for (; x >= 1 << 29; power++) {
        x /= 4;
    }
    for (; x < 1 << 27; power--) {
        x *= 4;
    }
    /* Newton's method for 1 / sqrt(d), d = x / 2 in Q3.28, within [1/4, 1): root' = 3/2 root - d/2 root^3. It starts
     * at 1 and approaches the solution, which is at most 2, from below. */
    const int32_t half_d = reference_rounding_divide_by_power_of_two(x >> 1, 1);
    int32_t root = 1 << 28;
    for (int i = 0; i < 5; i++) {
        /* The products of one step are rounded at Q6.25 and Q9.22; their difference too. */
        const int32_t square = reference_saturating_rounding_doubling_high_mul(root, root);
        const int32_t cube = reference_saturating_rounding_doubling_high_mul(square, root) * 64;
        root = (reference_saturating_rounding_doubling_high_mul(3 << 27, root) -
                reference_saturating_rounding_doubling_high_mul(half_d, cube)) *
               8;
    }
    const int32_t result = reference_saturating_rounding_doubling_high_mul(root, 1518500250); /* sqrt(1/2) */
    *shift = power < 0 ? 0 : -power;
    return power < 0 ? result * (1 << -power) : result;
}

void stapes_nn_reference_l2_normalize(const stapes_nn_l2_normalize_layer *layer, const int8_t *in, int8_t *out)
{
    for (int32_t row = 0; row < layer->rows; row++, in += layer->depth, out += layer->depth) {
        int32_t squares = 0, shift; /* squares <= depth * 255^2 < 2^31 */
        for (int32_t i = 0; i < layer->depth; i++) {
            squares += (in[i] - layer->zero_in) * (in[i] - layer->zero_in);
        }
        const int32_t inverse = reference_inverse_root(squares, &shift);
        for (int32_t i = 0; i < layer->depth; i++) {
            const int32_t scaled =
                reference_multiply_by_quantized_multiplier(in[i] - layer->zero_in, inverse, shift + 7);
            out[i] = reference_clamp_to_int8(scaled, -128, 127);
        }
    }
}
