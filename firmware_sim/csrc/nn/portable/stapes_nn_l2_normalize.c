/* stapes_nn_l2_normalize.c -- L2_NORMALIZATION. Apache-2.0. */
#include "stapes_nn.h"
#include "stapes_nn_arithmetic.h"
#include "stapes_nn_fixed_point.h"

/* Find 1 / sqrt(x) = multiplier * 2^(-31 - right) for 0 <= x < 2^31; 0 is taken for 1. */
static int32_t stapes_nn_l2_inverse_root(int32_t x, int32_t *right)
{
    int32_t half, root = (int32_t)1 << 28, i; /* root: 1 in Q3.28 */
    *right = 11;
    if (x <= 1) {
        *right = 0;
        return INT32_MAX;
    }
    while (x >= (int32_t)1 << 29) {
        x /= 4;
        (*right)++;
    }
    while (x < (int32_t)1 << 27) {
        x *= 4;
        (*right)--;
    }
    half = ((x >> 1) + 1) >> 1; /* x / 2 is in [2^26, 2^28), which is [1/4, 1) in Q3.28 */
    for (i = 0; i < 5; i++) {
        /* root < 2, so its cube is below 8. Products of Q3.28 are Q6.25, and Q9.22. */
        const int32_t cube = stapes_nn_multiply_q31(stapes_nn_multiply_q31(root, root), root) * (1 << 6);
        root = (stapes_nn_multiply_q31((int32_t)3 << 27, root) - stapes_nn_multiply_q31(half, cube)) * (1 << 3);
    }
    root = stapes_nn_multiply_q31(root, 1518500250); /* * sqrt(1/2): below 2^29 * 0.71 */
    if (*right < 0) {                                /* x is 2 or 3, and right is -2, or 4 .. 15, and it is -1 */
        root *= (int32_t)1 << -*right;
        *right = 0;
    }
    return root;
}

STAPES_NN_API void stapes_nn_l2_normalize(const stapes_nn_l2_normalize_layer *layer, const int8_t *in, int8_t *out)
{
    int32_t row, i;
    for (row = 0; row < layer->rows; row++) {
        int32_t squares = 0, right, multiplier; /* squares <= depth * 255^2 < 2^31: the compiler refuses longer rows */
        for (i = 0; i < layer->depth; i++) {
            squares += (in[i] - layer->zero_in) * (in[i] - layer->zero_in);
        }
        multiplier = stapes_nn_l2_inverse_root(squares, &right);
        for (i = 0; i < layer->depth; i++) { /* the output's scale is 2^-7 */
            out[i] = stapes_nn_clamp(stapes_nn_round_twice(in[i] - layer->zero_in, multiplier, 7 - right), -128, 127);
        }
        in += layer->depth;
        out += layer->depth;
    }
}
