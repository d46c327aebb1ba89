/* stapes_nn_reference.h -- what every kernel computes, written as plainly as possible. Apache-2.0.
 *
 * These functions are the readable specification of the kernels of stapes_nn.h. They take the same layer structs, with
 * the weights as the layout STAPES_NN_ROWS holds them, and give the same bits, without packed words, blocks of
 * channels or processor instructions. Inputs and outputs must not overlap. They are slow, they are never part of
 * generated or exported C, and tests/convert/test_reference_kernels.py holds all layouts of the fast kernels against
 * them.
 */
#ifndef STAPES_NN_REFERENCE_H
#define STAPES_NN_REFERENCE_H

#include "stapes_nn.h"

void stapes_nn_reference_conv(const stapes_nn_conv_layer *layer, const int8_t *in, int8_t *out);
void stapes_nn_reference_conv_4bit(const stapes_nn_conv_layer *layer, const int8_t *in, int8_t *out);
void stapes_nn_reference_depthwise(const stapes_nn_conv_layer *layer, const int8_t *in, int8_t *out);
void stapes_nn_reference_dense(const stapes_nn_dense_layer *layer, const int8_t *in, int8_t *out);
void stapes_nn_reference_dense_exact(const stapes_nn_dense_exact_layer *layer, const int8_t *in, int8_t *out);
void stapes_nn_reference_add(const stapes_nn_add_layer *layer, const int8_t *a, const int8_t *b, int8_t *out);
void stapes_nn_reference_add_requantized(const stapes_nn_add_requantized_layer *layer, const int8_t *a,
                                         const int8_t *b, int8_t *out);
void stapes_nn_reference_mul(const stapes_nn_mul_layer *layer, const int8_t *a, const int8_t *b, int8_t *out);
void stapes_nn_reference_extreme(const stapes_nn_extreme_layer *layer, const int8_t *a, const int8_t *b, int8_t *out);
void stapes_nn_reference_prelu(const stapes_nn_prelu_layer *layer, const int8_t *in, const int8_t *alpha, int8_t *out);
void stapes_nn_reference_squared_difference(const stapes_nn_squared_difference_layer *layer, const int8_t *a,
                                            const int8_t *b, int8_t *out);
void stapes_nn_reference_compare(const stapes_nn_compare_layer *layer, const int8_t *a, const int8_t *b, int8_t *out);
void stapes_nn_reference_select(const stapes_nn_select_layer *layer, const int8_t *a, const int8_t *b,
                                const int8_t *condition, int8_t *out);
void stapes_nn_reference_div(const stapes_nn_div_layer *layer, const int8_t *a, const int8_t *b, int8_t *out);
void stapes_nn_reference_lookup(const int8_t table[256], const int8_t *in, int8_t *out, int32_t count);
void stapes_nn_reference_quantize(const stapes_nn_real_layer *layer, const float *in, int8_t *out);
void stapes_nn_reference_dequantize(const stapes_nn_real_layer *layer, const int8_t *in, float *out);
void stapes_nn_reference_average_pool(const stapes_nn_pool_layer *layer, const int8_t *in, int8_t *out);
void stapes_nn_reference_max_pool(const stapes_nn_pool_layer *layer, const int8_t *in, int8_t *out);
void stapes_nn_reference_mean(const stapes_nn_mean_layer *layer, const int8_t *in, int8_t *out);
void stapes_nn_reference_sum(const stapes_nn_mean_layer *layer, const int8_t *in, int8_t *out);
void stapes_nn_reference_reduce_extreme(const stapes_nn_reduce_extreme_layer *layer, const int8_t *in, int8_t *out);
void stapes_nn_reference_position(const stapes_nn_position_layer *layer, const int8_t *in, int8_t *out);
void stapes_nn_reference_l2_normalize(const stapes_nn_l2_normalize_layer *layer, const int8_t *in, int8_t *out);
void stapes_nn_reference_log_softmax(const stapes_nn_log_softmax_layer *layer, const int8_t *in, int8_t *out);
void stapes_nn_reference_softmax(const stapes_nn_softmax_layer *layer, const int8_t *in, int8_t *out);
void stapes_nn_reference_softmax_8_to_16(const stapes_nn_softmax_layer *layer, const int8_t *in, int16_t *out);
void stapes_nn_reference_lstm(const stapes_nn_lstm_layer *layer, const int8_t *in, int8_t *hidden, int16_t *cell,
                              int8_t *out);
void stapes_nn_reference_move(const stapes_nn_move_layer *layer, const int8_t *in, int8_t *out);
void stapes_nn_reference_svdf(const stapes_nn_svdf_layer *layer, const int8_t *in, int16_t *memory, int8_t *out);
void stapes_nn_reference_svdf_8(const stapes_nn_svdf_8_layer *layer, const int8_t *in, int8_t *memory, int8_t *out);
void stapes_nn_reference_transpose_conv(const stapes_nn_conv_layer *layer, const int8_t *in, int8_t *out);
void stapes_nn_reference_batch_matmul(const stapes_nn_batch_matmul_layer *layer, const int8_t *a, const int8_t *b,
                                      int8_t *out);
void stapes_nn_reference_take(const stapes_nn_take_layer *layer, const int8_t *in, int8_t *out);
void stapes_nn_reference_resize_bilinear(const stapes_nn_resize_bilinear_layer *layer, const int8_t *in, int8_t *out);

void stapes_nn_reference_conv_16(const stapes_nn_conv_16_layer *layer, const int16_t *in, int16_t *out);
void stapes_nn_reference_transpose_conv_16(const stapes_nn_conv_16_layer *layer, const int16_t *in, int16_t *out);
void stapes_nn_reference_dense_16(const stapes_nn_dense_16_layer *layer, const int16_t *in, int16_t *out);
void stapes_nn_reference_add_16(const stapes_nn_add_16_layer *layer, const int16_t *a, const int16_t *b, int16_t *out);
void stapes_nn_reference_mul_16(const stapes_nn_mul_16_layer *layer, const int16_t *a, const int16_t *b, int16_t *out);
void stapes_nn_reference_rescale_16(const stapes_nn_rescale_16_layer *layer, const void *in, void *out);
void stapes_nn_reference_rescale_32(const stapes_nn_rescale_32_layer *layer, const int16_t *in, int32_t *out);
void stapes_nn_reference_sigmoid_16(const stapes_nn_sigmoid_16_layer *layer, const int16_t *in, int16_t *out);
void stapes_nn_reference_pool_16(const stapes_nn_pool_16_layer *layer, const int16_t *in, int16_t *out);
void stapes_nn_reference_mean_16(const stapes_nn_mean_layer *layer, const int16_t *in, int16_t *out);
void stapes_nn_reference_softmax_16(const stapes_nn_softmax_16_layer *layer, const int16_t *in, int16_t *out);

/* The roundings that LiteRT's reference kernels are made of, under the names that they have there (gemmlowp). */

/* a * b / 2^31, rounded to the nearest, halves up. |a|, |b| < 2^31, so that the result does not saturate. */
static inline int32_t reference_saturating_rounding_doubling_high_mul(int32_t a, int32_t b)
{
    const int64_t product = (int64_t)a * b;                           /* |product| < 2^62 */
    const int64_t nudge = product >= 0 ? 1LL << 30 : 1 - (1LL << 30); /* half of the divisor; the division truncates */
    return (int32_t)((product + nudge) / (1LL << 31));                /* |result| < 2^31 */
}

/* x / 2^exponent, rounded to the nearest, halves away from zero; 0 <= exponent <= 31. */
static inline int32_t reference_rounding_divide_by_power_of_two(int32_t x, int32_t exponent)
{
    const int64_t half = exponent > 0 ? (int64_t)1 << (exponent - 1) : 0; /* <= 2^30 */
    const int64_t magnitude = x < 0 ? -(int64_t)x : (int64_t)x;           /* <= 2^31 */
    const int64_t quotient = (magnitude + half) >> exponent;              /* the sum is <= 2^31 + 2^30 */
    return (int32_t)(x < 0 ? -quotient : quotient);
}

/* x * multiplier * 2^(shift - 31), rounded twice. Where shift > 0, the compiler proves |x * 2^shift| < 2^31. A shift
 * above 31 is STAPES_NN_WIDE_SHIFT more than it stands for. */
static inline int32_t reference_multiply_by_quantized_multiplier(int32_t x, int32_t multiplier, int32_t shift)
{
    const int32_t exponent = shift > 31 ? shift - STAPES_NN_WIDE_SHIFT : shift;
    const int32_t left = exponent > 0 ? exponent : 0, right = exponent > 0 ? 0 : -exponent;
    const int32_t shifted = (int32_t)(x * (1LL << left)); /* |shifted| < 2^31 */
    return reference_rounding_divide_by_power_of_two(
        reference_saturating_rounding_doubling_high_mul(shifted, multiplier), right);
}

/* x, limited to [low, high], which lies within the range of int8. */
static inline int8_t reference_clamp_to_int8(int64_t x, int32_t low, int32_t high)
{
    return (int8_t)(x < low ? low : x > high ? high : x);
}

/* x, limited to [low, high], which lies within the range of int16. */
static inline int16_t reference_limit_to_int16(int64_t x, int32_t low, int32_t high)
{
    return (int16_t)(x < low ? low : x > high ? high : x);
}

/* Where element (i[0], i[1], i[2], i[3]) of an input lies; a stride of 0 repeats the input along that axis. */
static inline int32_t reference_offset_of(const int32_t i[4], const int32_t strides[4])
{
    return i[0] * strides[0] + i[1] * strides[1] + i[2] * strides[2] + i[3] * strides[3];
}

/* Advance the indices to the next element in the order of the output. Returns 0 after the last element. */
static inline int reference_next_element(int32_t i[4], const int32_t shape[4])
{
    for (int axis = 3; axis >= 0; axis--) {
        if (++i[axis] < shape[axis]) {
            return 1;
        }
        i[axis] = 0;
    }
    return 0;
}

#endif
