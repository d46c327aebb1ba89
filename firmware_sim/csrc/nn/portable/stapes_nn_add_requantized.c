/* stapes_nn_add_requantized.c -- ADD and SUB that no linear form of the inputs reproduces: both inputs and their sum
 * are requantized. Apache-2.0. */
#include "stapes_nn.h"
#include "stapes_nn_arithmetic.h"

/* The constants of stapes_nn_round_twice for a shift to the right by `right` >= 0 bits: `away` is -1 and `half` is
 * 2^(right - 1); both are 0 when right is 0. */
typedef struct {
    int32_t multiplier, away, half, right;
} stapes_nn_add_requantized_scale;

static stapes_nn_add_requantized_scale stapes_nn_add_requantized_scaling(int32_t multiplier, int32_t shift)
{
    stapes_nn_add_requantized_scale scale;
    scale.multiplier = multiplier;
    scale.right = shift < 0 ? -shift : 0;
    scale.away = shift < 0 ? -1 : 0;
    scale.half = shift < 0 ? (int32_t)1 << (-shift - 1) : 0;
    return scale;
}

/* stapes_nn_round_twice with these constants. |x| < 2^30;  |result| <= |x|. */
static inline int32_t stapes_nn_add_requantized_scaled(int32_t x, const stapes_nn_add_requantized_scale *scale)
{
    int32_t high = stapes_nn_multiply_high(x, scale->multiplier);
    high += (high >> 31) & scale->away; /* rounds halves below zero down */
    return (high + scale->half) >> scale->right;
}

static void STAPES_NN_NOINLINE stapes_nn_add_requantized_row(const stapes_nn_add_requantized_layer *layer,
                                                             const int8_t *a, const int8_t *b, int8_t *out)
{
    const stapes_nn_add_requantized_scale scale_a =
        stapes_nn_add_requantized_scaling(layer->multiplier_a, layer->shift_a); /* the factor is at most 1/2 */
    const int32_t sign = layer->multiplier_b < 0 ? -1 : 1;
    const stapes_nn_add_requantized_scale scale_b =
        stapes_nn_add_requantized_scaling(sign * layer->multiplier_b, layer->shift_b);
    const stapes_nn_add_requantized_scale scale_out =
        stapes_nn_add_requantized_scaling(layer->multiplier_out, layer->shift_out);
    /* A shift of 1 to the left comes from a factor just below 1 that was rounded up to 2^30 * 2^(1 - 31). */
    const int32_t twice = layer->shift_out > 0 ? 2 : 1;
    const int32_t zero_a = layer->zero_a, zero_b = layer->zero_b, zero = layer->out_zero;
    const int32_t low = layer->out_min, high = layer->out_max, stride_a = layer->stride_a[3],
                  stride_b = layer->stride_b[3];
    const int8_t *const end = out + layer->shape[3];
    while (out < end) {
        const int32_t scaled_a =
            stapes_nn_add_requantized_scaled((*a - zero_a) * (1 << 20), &scale_a); /* |.| <= 255 * 2^19 < 2^27 */
        const int32_t scaled_b = stapes_nn_add_requantized_scaled((*b - zero_b) * (1 << 20), &scale_b);
        const int32_t sum = (scaled_a + sign * scaled_b) * twice; /* |.| < 2^29 */
        *out++ = stapes_nn_clamp(stapes_nn_add_requantized_scaled(sum, &scale_out) + zero, low, high);
        a += stride_a;
        b += stride_b;
    }
}

STAPES_NN_API void STAPES_NN_COLD stapes_nn_add_requantized(const stapes_nn_add_requantized_layer *layer,
                                                            const int8_t *a, const int8_t *b, int8_t *out)
{
    int32_t i, j, k;
    for (i = 0; i < layer->shape[0]; i++) {
        for (j = 0; j < layer->shape[1]; j++) {
            for (k = 0; k < layer->shape[2]; k++) {
                stapes_nn_add_requantized_row(
                    layer, a + i * layer->stride_a[0] + j * layer->stride_a[1] + k * layer->stride_a[2],
                    b + i * layer->stride_b[0] + j * layer->stride_b[1] + k * layer->stride_b[2], out);
                out += layer->shape[3];
            }
        }
    }
}
