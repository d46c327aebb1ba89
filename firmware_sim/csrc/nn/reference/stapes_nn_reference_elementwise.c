/* stapes_nn_reference_elementwise.c -- ADD, SUB, MUL and PRELU with broadcasting, and lookup tables. Apache-2.0. */
#include "stapes_nn_reference.h"

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

void stapes_nn_reference_prelu(const stapes_nn_prelu_layer *layer, const int8_t *in, const int8_t *alpha, int8_t *out)
{
    int32_t i[4] = {0, 0, 0, 0};
    do {
        const int32_t x = in[reference_offset_of(i, layer->stride_a)] - layer->zero_in; /* |x| <= 255 */
        const int32_t slope = alpha[reference_offset_of(i, layer->stride_b)] - layer->zero_alpha;
        /* |x * slope| <= 255^2 < 2^16 */
        const int32_t scaled = x >= 0 ? reference_multiply_by_quantized_multiplier(x, layer->multiplier, layer->shift)
                                      : reference_multiply_by_quantized_multiplier(x * slope, layer->multiplier_below,
                                                                                   layer->shift_below);
        *out++ = reference_clamp_to_int8((int64_t)scaled + layer->out_zero, -128, 127);
    } while (reference_next_element(i, layer->shape));
}

void stapes_nn_reference_squared_difference(const stapes_nn_squared_difference_layer *layer, const int8_t *a,
                                            const int8_t *b, int8_t *out)
{
    int32_t i[4] = {0, 0, 0, 0};
    do {
        /* Both inputs are shifted left by 7 bits and brought to a common scale by factors of at most 1/2. */
        const int32_t wide_a = (a[reference_offset_of(i, layer->stride_a)] - layer->zero_a) * (1 << 7);
        const int32_t wide_b = (b[reference_offset_of(i, layer->stride_b)] - layer->zero_b) * (1 << 7);
        const int32_t difference =
            reference_multiply_by_quantized_multiplier(wide_a, layer->multiplier_a, layer->shift_a) -
            reference_multiply_by_quantized_multiplier(wide_b, layer->multiplier_b, layer->shift_b);
        /* |difference| <= 255 * 2^7, and its square < 2^30 */
        const int32_t scaled = reference_multiply_by_quantized_multiplier(difference * difference,
                                                                          layer->multiplier_out, layer->shift_out);
        *out++ = reference_clamp_to_int8((int64_t)scaled + layer->out_zero, -128, 127);
    } while (reference_next_element(i, layer->shape));
}

/* Sign bits of x beyond the first one. */
static int32_t reference_leading_sign_bits(int32_t x)
{
    int32_t bits = 0;
    for (int64_t wide = x; INT32_MIN <= wide * 2 && wide * 2 <= INT32_MAX && bits < 31; wide *= 2) {
        bits++;
    }
    return bits;
}

void stapes_nn_reference_div(const stapes_nn_div_layer *layer, const int8_t *a, const int8_t *b, int8_t *out)
{
    int32_t i[4] = {0, 0, 0, 0};
    do {
        const int32_t signed_divisor = b[reference_offset_of(i, layer->stride_b)] - layer->zero_b;
        const int32_t sign = signed_divisor < 0 ? -1 : 1, divisor = sign * signed_divisor; /* 0 .. 255 */
        const int32_t dividend = sign * (a[reference_offset_of(i, layer->stride_a)] - layer->zero_a);
        const int32_t left = reference_leading_sign_bits(dividend); /* 31 for 0 and -1 */
        int32_t power = 0;                                          /* 2^power <= divisor */
        while (divisor >> (power + 1) > 0) {
            power++;
        }
        const int32_t quotient = reference_saturating_rounding_doubling_high_mul((int32_t)(dividend * (1LL << left)),
                                                                                 layer->inverses[divisor]);
        const int32_t scaled = reference_rounding_divide_by_power_of_two(
            reference_saturating_rounding_doubling_high_mul(quotient, layer->multiplier),
            dividend == 0 ? 0 : left + power - layer->shift); /* 0 .. 31: proved by the compiler */
        *out++ = reference_clamp_to_int8((int64_t)scaled + layer->out_zero, layer->out_min, layer->out_max);
    } while (reference_next_element(i, layer->shape));
}

void stapes_nn_reference_lookup(const int8_t table[256], const int8_t *in, int8_t *out, int32_t count)
{
    for (int32_t i = 0; i < count; i++) {
        out[i] = table[in[i] + 128];
    }
}
