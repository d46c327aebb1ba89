/* stapes_nn_reference_int16.c -- FULLY_CONNECTED, ADD, SUB, MUL and functions of one value, of int16. Apache-2.0. */
#include <math.h>

#include "stapes_nn_reference.h"

void stapes_nn_reference_dense_16(const stapes_nn_dense_16_layer *layer, const int16_t *in, int16_t *out)
{
    for (int32_t row = 0; row < layer->rows; row++) {
        for (int32_t channel = 0; channel < layer->out_size; channel++) {
            int64_t sum = layer->bias[channel]; /* |sum| < 2^53 at every tap: proved when the model was compiled */
            for (int32_t i = 0; i < layer->in_size; i++) {
                sum += in[row * layer->in_size + i] * layer->weights[channel * layer->in_size + i];
            }
            const double scale = ldexp((double)layer->multiplier[channel], -layer->shift[channel]);
            const int64_t scaled = llround((double)sum * scale);
            *out++ = reference_limit_to_int16(scaled, layer->out_min, layer->out_max);
        }
    }
}

/* Where element `index` of an output of this shape lies in an input, whose stride is 0 along the axes it is repeated.
 */
static int32_t reference_offset_16(int32_t index, const int32_t shape[4], const int32_t strides[4])
{
    int32_t offset = 0;
    for (int axis = 3; axis >= 0; axis--) {
        offset += index % shape[axis] * strides[axis];
        index /= shape[axis];
    }
    return offset;
}

void stapes_nn_reference_add_16(const stapes_nn_add_16_layer *layer, const int16_t *a, const int16_t *b, int16_t *out)
{
    const int32_t count = layer->shape[0] * layer->shape[1] * layer->shape[2] * layer->shape[3];
    const int32_t magnitude_b = layer->multiplier_b < 0 ? -layer->multiplier_b : layer->multiplier_b;
    for (int32_t i = 0; i < count; i++) {
        const int32_t x = a[reference_offset_16(i, layer->shape, layer->stride_a)] * (1 << 15); /* |x| <= 2^30 */
        const int32_t y = b[reference_offset_16(i, layer->shape, layer->stride_b)] * (1 << 15);
        const int32_t from_a = reference_multiply_by_quantized_multiplier(x, layer->multiplier_a, layer->shift_a);
        const int32_t from_b = reference_multiply_by_quantized_multiplier(y, magnitude_b, layer->shift_b);
        const int32_t sum = layer->multiplier_b < 0 ? from_a - from_b : from_a + from_b; /* |sum| <= 2^30 */
        const int32_t scaled =
            reference_multiply_by_quantized_multiplier(sum, layer->multiplier_out, layer->shift_out);
        out[i] = reference_limit_to_int16(scaled, layer->out_min, layer->out_max);
    }
}

void stapes_nn_reference_mul_16(const stapes_nn_mul_16_layer *layer, const int16_t *a, const int16_t *b, int16_t *out)
{
    const int32_t count = layer->shape[0] * layer->shape[1] * layer->shape[2] * layer->shape[3];
    for (int32_t i = 0; i < count; i++) {
        const int32_t product = a[reference_offset_16(i, layer->shape, layer->stride_a)] *
                                b[reference_offset_16(i, layer->shape, layer->stride_b)]; /* |product| <= 2^30 */
        const int32_t scaled = reference_multiply_by_quantized_multiplier(product, layer->multiplier, layer->shift);
        out[i] = reference_limit_to_int16(scaled, layer->out_min, layer->out_max);
    }
}

void stapes_nn_reference_rescale_16(const stapes_nn_rescale_16_layer *layer, const void *in, void *out)
{
    for (int32_t i = 0; i < layer->count; i++) {
        const int32_t code = layer->wide_in ? ((const int16_t *)in)[i] : ((const int8_t *)in)[i];
        const int32_t x = code - layer->zero_in;
        const int32_t multiplier = x < 0 ? layer->multiplier_below : layer->multiplier;
        const int32_t shift = x < 0 ? layer->shift_below : layer->shift;
        const int32_t result = reference_multiply_by_quantized_multiplier(x, multiplier, shift) + layer->zero_out;
        const int16_t limited = reference_limit_to_int16(result, layer->out_min, layer->out_max);
        if (layer->wide_out) {
            ((int16_t *)out)[i] = limited;
        } else {
            ((int8_t *)out)[i] = (int8_t)limited;
        }
    }
}

void stapes_nn_reference_sigmoid_16(const stapes_nn_sigmoid_16_layer *layer, const int16_t *in, int16_t *out)
{
    const int32_t bits = layer->is_tanh ? 8 : 9; /* fractional bits of a step through the table */
    for (int32_t i = 0; i < layer->count; i++) {
        const int64_t product = (int64_t)in[i] * layer->multiplier;
        const int64_t x = layer->shift > 0 ? (product + (1LL << (layer->shift - 1))) >> layer->shift : product;
        const int64_t steps = x < 0 ? -x : x, entry = steps >> bits, rest = steps & ((1 << bits) - 1);
        /* 2^16 times the logistic function of |x|, with `bits` more fractional bits */
        int64_t line = (int64_t)(layer->is_tanh ? 65535 : 65534) << bits;
        if (entry < 255) {
            line =
                ((int64_t)layer->sigmoid[entry] << bits) + rest * (layer->sigmoid[entry + 1] - layer->sigmoid[entry]);
        }
        if (layer->is_tanh) {
            const int64_t tanh = line - (1LL << 23); /* in 2^-23 */
            out[i] = (int16_t)(((x < 0 ? -tanh - 1 : tanh) + (1 << 7)) >> 8);
        } else {
            out[i] = (int16_t)(((x < 0 ? (1LL << 25) - line - 1 : line) + (1 << 9)) >> 10);
        }
    }
}
