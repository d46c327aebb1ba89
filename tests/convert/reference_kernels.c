/* The kernels of a generated model, answered by their plain specification in csrc/nn/reference.
 *
 * The memory plan lets the output of a convolution overlap its input. The fast kernels allow for that; the
 * specification does not, so its output is written to a separate array first. */
#include <string.h>

#include "stapes_nn_reference.h"

static int8_t separate[1 << 20];

static void copy_separate_to(int8_t *out, int32_t count)
{
    memcpy(out, separate, (size_t)count);
}

static int32_t conv_outputs(const stapes_nn_conv_layer *layer)
{
    return layer->batches * layer->out_height * layer->out_width * layer->out_channels;
}

STAPES_NN_API void stapes_nn_conv(const stapes_nn_conv_layer *layer, const int8_t *in, int8_t *out, int8_t *scratch)
{
    (void)scratch;
    stapes_nn_reference_conv(layer, in, separate);
    copy_separate_to(out, conv_outputs(layer));
}

STAPES_NN_API void stapes_nn_conv_4bit(const stapes_nn_conv_layer *layer, const int8_t *in, int8_t *out,
                                       int8_t *scratch)
{
    (void)scratch;
    stapes_nn_reference_conv_4bit(layer, in, out);
}

STAPES_NN_API void stapes_nn_depthwise(const stapes_nn_conv_layer *layer, const int8_t *in, int8_t *out,
                                       int8_t *scratch)
{
    (void)scratch;
    stapes_nn_reference_depthwise(layer, in, separate);
    copy_separate_to(out, conv_outputs(layer));
}

STAPES_NN_API void stapes_nn_dense(const stapes_nn_dense_layer *layer, const int8_t *in, int8_t *out, int8_t *scratch)
{
    (void)scratch;
    stapes_nn_reference_dense(layer, in, out);
}

STAPES_NN_API void stapes_nn_dense_exact(const stapes_nn_dense_exact_layer *layer, const int8_t *in, int8_t *out)
{
    stapes_nn_reference_dense_exact(layer, in, out);
}

STAPES_NN_API void stapes_nn_add(const stapes_nn_add_layer *layer, const int8_t *a, const int8_t *b, int8_t *out)
{
    stapes_nn_reference_add(layer, a, b, out);
}

STAPES_NN_API void stapes_nn_add_requantized(const stapes_nn_add_requantized_layer *layer, const int8_t *a,
                                             const int8_t *b, int8_t *out)
{
    stapes_nn_reference_add_requantized(layer, a, b, out);
}

STAPES_NN_API void stapes_nn_mul(const stapes_nn_mul_layer *layer, const int8_t *a, const int8_t *b, int8_t *out)
{
    stapes_nn_reference_mul(layer, a, b, out);
}

STAPES_NN_API void stapes_nn_extreme(const stapes_nn_extreme_layer *layer, const int8_t *a, const int8_t *b,
                                     int8_t *out)
{
    stapes_nn_reference_extreme(layer, a, b, out);
}

STAPES_NN_API void stapes_nn_prelu(const stapes_nn_prelu_layer *layer, const int8_t *in, const int8_t *alpha,
                                   int8_t *out)
{
    stapes_nn_reference_prelu(layer, in, alpha, out);
}

STAPES_NN_API void stapes_nn_squared_difference(const stapes_nn_squared_difference_layer *layer, const int8_t *a,
                                                const int8_t *b, int8_t *out)
{
    stapes_nn_reference_squared_difference(layer, a, b, out);
}

STAPES_NN_API void stapes_nn_compare(const stapes_nn_compare_layer *layer, const int8_t *a, const int8_t *b,
                                     int8_t *out)
{
    stapes_nn_reference_compare(layer, a, b, out);
}

STAPES_NN_API void stapes_nn_select(const stapes_nn_select_layer *layer, const int8_t *a, const int8_t *b,
                                    const int8_t *condition, int8_t *out)
{
    stapes_nn_reference_select(layer, a, b, condition, out);
}

STAPES_NN_API void stapes_nn_div(const stapes_nn_div_layer *layer, const int8_t *a, const int8_t *b, int8_t *out)
{
    stapes_nn_reference_div(layer, a, b, out);
}

STAPES_NN_API void stapes_nn_lookup(const int8_t table[256], const int8_t *in, int8_t *out, int32_t count)
{
    stapes_nn_reference_lookup(table, in, out, count);
}

STAPES_NN_API void stapes_nn_quantize(const stapes_nn_real_layer *layer, const float *in, int8_t *out)
{
    stapes_nn_reference_quantize(layer, in, out);
}

STAPES_NN_API void stapes_nn_dequantize(const stapes_nn_real_layer *layer, const int8_t *in, float *out)
{
    stapes_nn_reference_dequantize(layer, in, out);
}

STAPES_NN_API void stapes_nn_average_pool(const stapes_nn_pool_layer *layer, const int8_t *in, int8_t *out)
{
    stapes_nn_reference_average_pool(layer, in, out);
}

STAPES_NN_API void stapes_nn_max_pool(const stapes_nn_pool_layer *layer, const int8_t *in, int8_t *out)
{
    stapes_nn_reference_max_pool(layer, in, out);
}

STAPES_NN_API void stapes_nn_mean(const stapes_nn_mean_layer *layer, const int8_t *in, int8_t *out)
{
    stapes_nn_reference_mean(layer, in, out);
}

STAPES_NN_API void stapes_nn_sum(const stapes_nn_mean_layer *layer, const int8_t *in, int8_t *out)
{
    stapes_nn_reference_sum(layer, in, out);
}

STAPES_NN_API void stapes_nn_reduce_extreme(const stapes_nn_reduce_extreme_layer *layer, const int8_t *in, int8_t *out)
{
    stapes_nn_reference_reduce_extreme(layer, in, out);
}

STAPES_NN_API void stapes_nn_position(const stapes_nn_position_layer *layer, const int8_t *in, int8_t *out)
{
    stapes_nn_reference_position(layer, in, out);
}

STAPES_NN_API void stapes_nn_l2_normalize(const stapes_nn_l2_normalize_layer *layer, const int8_t *in, int8_t *out)
{
    stapes_nn_reference_l2_normalize(layer, in, out);
}

STAPES_NN_API void stapes_nn_log_softmax(const stapes_nn_log_softmax_layer *layer, const int8_t *in, int8_t *out)
{
    stapes_nn_reference_log_softmax(layer, in, out);
}

STAPES_NN_API void stapes_nn_softmax(const stapes_nn_softmax_layer *layer, const int8_t *in, int8_t *out)
{
    stapes_nn_reference_softmax(layer, in, out);
}

STAPES_NN_API void stapes_nn_softmax_8_to_16(const stapes_nn_softmax_layer *layer, const int8_t *in, int16_t *out)
{
    stapes_nn_reference_softmax_8_to_16(layer, in, out);
}

STAPES_NN_API void stapes_nn_lstm(const stapes_nn_lstm_layer *layer, const int8_t *in, int8_t *hidden, int16_t *cell,
                                  int8_t *out)
{
    stapes_nn_reference_lstm(layer, in, hidden, cell, out);
}

STAPES_NN_API void stapes_nn_move(const stapes_nn_move_layer *layer, const int8_t *in, int8_t *out)
{
    stapes_nn_reference_move(layer, in, out);
}

STAPES_NN_API void stapes_nn_take(const stapes_nn_take_layer *layer, const int8_t *in, int8_t *out)
{
    stapes_nn_reference_take(layer, in, out);
}

STAPES_NN_API void stapes_nn_resize_bilinear(const stapes_nn_resize_bilinear_layer *layer, const int8_t *in,
                                             int8_t *out)
{
    stapes_nn_reference_resize_bilinear(layer, in, out);
}

STAPES_NN_API void stapes_nn_transpose_conv(const stapes_nn_conv_layer *layer, const int8_t *in, int8_t *out)
{
    stapes_nn_reference_transpose_conv(layer, in, out);
}

STAPES_NN_API void stapes_nn_batch_matmul(const stapes_nn_batch_matmul_layer *layer, const int8_t *a, const int8_t *b,
                                          int8_t *out)
{
    stapes_nn_reference_batch_matmul(layer, a, b, out);
}

STAPES_NN_API void stapes_nn_svdf(const stapes_nn_svdf_layer *layer, const int8_t *in, int16_t *memory, int8_t *out)
{
    stapes_nn_reference_svdf(layer, in, memory, out);
}

STAPES_NN_API void stapes_nn_svdf_8(const stapes_nn_svdf_8_layer *layer, const int8_t *in, int8_t *memory, int8_t *out)
{
    stapes_nn_reference_svdf_8(layer, in, memory, out);
}

STAPES_NN_API void stapes_nn_conv_16(const stapes_nn_conv_16_layer *layer, const int16_t *in, int16_t *out)
{
    stapes_nn_reference_conv_16(layer, in, out);
}

STAPES_NN_API void stapes_nn_transpose_conv_16(const stapes_nn_conv_16_layer *layer, const int16_t *in, int16_t *out)
{
    stapes_nn_reference_transpose_conv_16(layer, in, out);
}

STAPES_NN_API void stapes_nn_dense_16(const stapes_nn_dense_16_layer *layer, const int16_t *in, int16_t *out)
{
    stapes_nn_reference_dense_16(layer, in, out);
}

STAPES_NN_API void stapes_nn_add_16(const stapes_nn_add_16_layer *layer, const int16_t *a, const int16_t *b,
                                    int16_t *out)
{
    stapes_nn_reference_add_16(layer, a, b, out);
}

STAPES_NN_API void stapes_nn_mul_16(const stapes_nn_mul_16_layer *layer, const int16_t *a, const int16_t *b,
                                    int16_t *out)
{
    stapes_nn_reference_mul_16(layer, a, b, out);
}

STAPES_NN_API void stapes_nn_rescale_16(const stapes_nn_rescale_16_layer *layer, const void *in, void *out)
{
    stapes_nn_reference_rescale_16(layer, in, out);
}

STAPES_NN_API void stapes_nn_rescale_32(const stapes_nn_rescale_32_layer *layer, const int16_t *in, int8_t *out)
{
    stapes_nn_reference_rescale_32(layer, in, (int32_t *)(void *)out);
}

STAPES_NN_API void stapes_nn_sigmoid_16(const stapes_nn_sigmoid_16_layer *layer, const int16_t *in, int16_t *out)
{
    stapes_nn_reference_sigmoid_16(layer, in, out);
}

STAPES_NN_API void stapes_nn_pool_16(const stapes_nn_pool_16_layer *layer, const int16_t *in, int16_t *out)
{
    stapes_nn_reference_pool_16(layer, in, out);
}

STAPES_NN_API void stapes_nn_mean_16(const stapes_nn_mean_layer *layer, const int16_t *in, int16_t *out)
{
    stapes_nn_reference_mean_16(layer, in, out);
}

STAPES_NN_API void stapes_nn_softmax_16(const stapes_nn_softmax_16_layer *layer, const int16_t *in, int16_t *out)
{
    stapes_nn_reference_softmax_16(layer, in, out);
}
