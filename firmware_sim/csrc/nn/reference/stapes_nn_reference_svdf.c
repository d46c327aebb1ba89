/* stapes_nn_reference_svdf.c -- SVDF. Apache-2.0. */
#include "stapes_nn_reference.h"

/* The sum of one filter. |sum| < 2^31 at every input: proved by the compiler. */
static int32_t reference_svdf_feature(int32_t bias, const int8_t *weights, const int8_t *in, int32_t count)
{
    int32_t sum = bias;
    for (int32_t k = 0; k < count; k++) {
        sum += in[k] * weights[k];
    }
    return sum;
}

/* The code of a unit, whose sum over time is taken modulo 2^32, as LiteRT and TensorFlow Lite Micro do. */
static int8_t reference_svdf_output(int64_t sum, int32_t multiplier, int32_t shift, int32_t zero)
{
    const uint32_t low = (uint32_t)((uint64_t)sum & 0xffffffffu);
    const int32_t wrapped = (int32_t)(low >= 0x80000000u ? (int64_t)low - 0x100000000LL : (int64_t)low);
    const int32_t scaled = reference_multiply_by_quantized_multiplier(wrapped, multiplier, shift);
    return reference_clamp_to_int8((int64_t)scaled + zero, -128, 127);
}

void stapes_nn_reference_svdf(const stapes_nn_svdf_layer *layer, const int8_t *in, int16_t *memory, int8_t *out)
{
    const int32_t filters = layer->units * layer->rank, steps = layer->steps;
    for (int32_t batch = 0; batch < layer->batches; batch++) {
        for (int32_t filter = 0; filter < filters; filter++) {
            int16_t *kept = memory + (batch * filters + filter) * steps;
            int32_t sum = reference_svdf_feature(layer->feature_bias[filter], layer->weights + filter * layer->in_size,
                                                 in + batch * layer->in_size, layer->in_size);
            sum = reference_multiply_by_quantized_multiplier(sum, layer->in_multiplier, layer->in_shift);
            for (int32_t step = 0; step + 1 < steps; step++) {
                kept[step] = kept[step + 1];
            }
            kept[steps - 1] = (int16_t)(sum < -32768 ? -32768 : sum > 32767 ? 32767 : sum);
        }
        for (int32_t unit = 0; unit < layer->units; unit++) {
            int64_t sum = layer->bias[unit]; /* |sum| < 2^24 * 2^30 + 2^31 */
            for (int32_t i = unit * layer->rank * steps; i < (unit + 1) * layer->rank * steps; i++) {
                sum += (int32_t)layer->time_weights[i] * memory[batch * filters * steps + i];
            }
            *out++ = reference_svdf_output(sum, layer->out_multiplier, layer->out_shift, layer->out_zero);
        }
    }
}

void stapes_nn_reference_svdf_8(const stapes_nn_svdf_8_layer *layer, const int8_t *in, int8_t *memory, int8_t *out)
{
    const int32_t filters = layer->units * layer->rank, steps = layer->steps;
    for (int32_t batch = 0; batch < layer->batches; batch++) {
        for (int32_t filter = 0; filter < filters; filter++) {
            int8_t *kept = memory + (batch * filters + filter) * steps;
            int32_t sum = reference_svdf_feature(layer->feature_bias[filter], layer->weights + filter * layer->in_size,
                                                 in + batch * layer->in_size, layer->in_size);
            sum = reference_multiply_by_quantized_multiplier(sum, layer->in_multiplier, layer->in_shift);
            for (int32_t step = 0; step + 1 < steps; step++) {
                kept[step] = kept[step + 1];
            }
            const int32_t code = reference_clamp_to_int8(sum, -128, 127) + layer->memory_zero; /* [-256, 254] */
            kept[steps - 1] = (int8_t)((code + 384) % 256 - 128);                              /* modulo 2^8 */
        }
        for (int32_t unit = 0; unit < layer->units; unit++) {
            int64_t sum = layer->bias[unit]; /* |sum| < 2^24 * 2^15 + 2^31 */
            for (int32_t i = unit * layer->rank * steps; i < (unit + 1) * layer->rank * steps; i++) {
                sum += layer->time_weights[i] * (memory[batch * filters * steps + i] - layer->memory_zero);
            }
            *out++ = reference_svdf_output(sum, layer->out_multiplier, layer->out_shift, layer->out_zero);
        }
    }
}
