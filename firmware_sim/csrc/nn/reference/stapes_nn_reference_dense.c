/* stapes_nn_reference_dense.c -- FULLY_CONNECTED. Apache-2.0. */
#include "stapes_nn_reference.h"

void stapes_nn_reference_dense(const stapes_nn_dense_layer *layer, const int8_t *in, int8_t *out)
{
    const int8_t *weights = (const int8_t *)layer->weights; /* [out_size][in_size] */
    for (int32_t row = 0; row < layer->rows; row++) {
        for (int32_t channel = 0; channel < layer->out_size; channel++) {
            int32_t sum = layer->bias[channel]; /* |sum| < 2^31 at every tap: proved when the model was compiled */
            for (int32_t i = 0; i < layer->in_size; i++) {
                sum += in[row * layer->in_size + i] * weights[channel * layer->in_size + i];
            }
            /* LiteRT rounds a double here, once. The compiler chose a multiplier and a shift that give the same bits
             * for every sum that the layer can form. */
            const int64_t product = (int64_t)sum * layer->multiplier[channel]; /* |product| < 2^62 */
            const int32_t shift = layer->shift[channel];                       /* 1 .. 62 */
            const int64_t scaled = (product + (1LL << (shift - 1))) >> shift;  /* |product| + 2^61 < 2^63 */
            *out++ = reference_clamp_to_int8(scaled + layer->out_zero, layer->out_min, layer->out_max);
        }
    }
}

/* round(sum * multiplier / 2^shift), halves up. The product of 93 bits is upper * 2^31 + lower, 0 <= lower < 2^31;
 * since half of the divisor is a multiple of 2^31, too, the lower part does not change the result. */
static int64_t reference_scale_exactly(int32_t sum, int64_t multiplier, int32_t shift)
{
    const int64_t from_lower = (sum * (multiplier % (1LL << 31))) >> 31; /* |product| < 2^62 */
    const int64_t upper = sum * (multiplier / (1LL << 31)) + from_lower; /* |upper| < 2^62 */
    return (upper + (1LL << (shift - 32))) >> (shift - 31);              /* |upper| + 2^61 < 2^63 */
}

void stapes_nn_reference_dense_exact(const stapes_nn_dense_exact_layer *layer, const int8_t *in, int8_t *out)
{
    for (int32_t row = 0; row < layer->rows; row++) {
        for (int32_t channel = 0; channel < layer->out_size; channel++) {
            int32_t sum = layer->bias[channel]; /* |sum| < 2^31 at every tap: proved when the model was compiled */
            for (int32_t i = 0; i < layer->in_size; i++) {
                sum += in[row * layer->in_size + i] * layer->weights[channel * layer->in_size + i];
            }
            const int64_t scaled = reference_scale_exactly(sum, layer->multiplier[channel], layer->shift[channel]);
            *out++ = reference_clamp_to_int8(scaled + layer->out_zero, layer->out_min, layer->out_max);
        }
    }
}
