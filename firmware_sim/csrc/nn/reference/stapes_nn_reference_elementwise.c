/* stapes_nn_reference_elementwise.c -- ADD, SUB and MUL with broadcasting, and lookup tables. Apache-2.0. */
#include "stapes_nn_reference.h"

/* Where element (i[0], i[1], i[2], i[3]) of an input lies; a stride of 0 repeats the input along that axis. */
static int32_t reference_offset_of(const int32_t i[4], const int32_t strides[4])
{
    return i[0] * strides[0] + i[1] * strides[1] + i[2] * strides[2] + i[3] * strides[3];
}

/* Advance the indices to the next element in the order of the output. Returns 0 after the last element. */
static int reference_next_element(int32_t i[4], const int32_t shape[4])
{
    for (int axis = 3; axis >= 0; axis--) {
        if (++i[axis] < shape[axis]) {
            return 1;
        }
        i[axis] = 0;
    }
    return 0;
}

void stapes_nn_reference_add(const stapes_nn_add_layer *layer, const int8_t *a, const int8_t *b, int8_t *out)
{
    int32_t i[4] = {0, 0, 0, 0};
    do {
        /* The compiler proved that this linear form gives LiteRT's bits for every pair of inputs, and |sum| < 2^31. */
        const int32_t sum = a[reference_offset_of(i, layer->stride_a)] * layer->factor_a +
                            b[reference_offset_of(i, layer->stride_b)] * layer->factor_b + layer->offset;
        *out++ = reference_clamp_to_int8(sum >> layer->shift, layer->out_min, layer->out_max);
    } while (reference_next_element(i, layer->shape));
}

void stapes_nn_reference_add_requantized(const stapes_nn_add_requantized_layer *layer, const int8_t *a,
                                         const int8_t *b, int8_t *out)
{
    const int32_t sign = layer->multiplier_b < 0 ? -1 : 1; /* -1 subtracts */
    int32_t i[4] = {0, 0, 0, 0};
    do {
        /* Both inputs are shifted left by 20 bits, |wide| <= 255 * 2^20, and brought to a common scale by factors of
         * at most 1/2. */
        const int32_t wide_a = (a[reference_offset_of(i, layer->stride_a)] - layer->zero_a) * (1 << 20);
        const int32_t wide_b = (b[reference_offset_of(i, layer->stride_b)] - layer->zero_b) * (1 << 20);
        const int32_t scaled_a =
            reference_multiply_by_quantized_multiplier(wide_a, layer->multiplier_a, layer->shift_a);
        const int32_t scaled_b =
            reference_multiply_by_quantized_multiplier(wide_b, sign * layer->multiplier_b, layer->shift_b);
        const int32_t sum = scaled_a + sign * scaled_b; /* |sum| < 2^28 */
        const int32_t scaled =
            reference_multiply_by_quantized_multiplier(sum, layer->multiplier_out, layer->shift_out);
        *out++ = reference_clamp_to_int8((int64_t)scaled + layer->out_zero, layer->out_min, layer->out_max);
    } while (reference_next_element(i, layer->shape));
}

void stapes_nn_reference_mul(const stapes_nn_mul_layer *layer, const int8_t *a, const int8_t *b, int8_t *out)
{
    int32_t i[4] = {0, 0, 0, 0};
    do {
        const int32_t value_a = a[reference_offset_of(i, layer->stride_a)] - layer->zero_a; /* |value| <= 255 */
        const int32_t value_b = b[reference_offset_of(i, layer->stride_b)] - layer->zero_b;
        const int32_t product = value_a * value_b; /* |product| <= 255^2 < 2^16 */
        const int32_t scaled = reference_multiply_by_quantized_multiplier(product, layer->multiplier, layer->shift);
        *out++ = reference_clamp_to_int8((int64_t)scaled + layer->out_zero, layer->out_min, layer->out_max);
    } while (reference_next_element(i, layer->shape));
}

void stapes_nn_reference_lookup(const int8_t table[256], const int8_t *in, int8_t *out, int32_t count)
{
    for (int32_t i = 0; i < count; i++) {
        out[i] = table[in[i] + 128];
    }
}
