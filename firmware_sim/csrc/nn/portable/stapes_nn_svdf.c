/* stapes_nn_svdf.c -- SVDF. Apache-2.0. */
#include "stapes_nn.h"
#include "stapes_nn_arithmetic.h"
#include "stapes_nn_svdf.h"

static int16_t stapes_nn_svdf_latest(const stapes_nn_svdf_layer *layer, const int8_t *in, int32_t filter)
{
    int32_t sum = stapes_nn_svdf_feature(layer->feature_bias[filter], layer->weights + filter * layer->in_size, in,
                                         layer->in_size);
    sum = stapes_nn_round_any(sum, layer->in_multiplier, layer->in_shift);
    return (int16_t)(sum < -32768 ? -32768 : sum > 32767 ? 32767 : sum);
}

/* Move the memory of one filter on by a step, to which `latest` is added. Returns its product with the time weights,
 * modulo 2^32. */
static uint32_t stapes_nn_svdf_remember(const int16_t *weights, int16_t *memory, int32_t steps, int16_t latest)
{
    uint32_t sum = (uint32_t)(latest * weights[steps - 1]); /* each product is in [-2^30 + 2^15, 2^30] */
    int32_t step;
    for (step = 0; step < steps - 1; step++) {
        memory[step] = memory[step + 1];
        sum += (uint32_t)(memory[step] * weights[step]);
    }
    memory[steps - 1] = latest;
    return sum;
}

STAPES_NN_API void stapes_nn_svdf(const stapes_nn_svdf_layer *layer, const int8_t *in, int16_t *memory, int8_t *out)
{
    const int32_t steps = layer->steps;
    int32_t batch, unit, i;
    for (batch = 0; batch < layer->batches; batch++) {
        const int16_t *weights = layer->time_weights;
        int32_t filter = 0;
        for (unit = 0; unit < layer->units; unit++) {
            uint32_t sum = (uint32_t)layer->bias[unit]; /* modulo 2^32, as in LiteRT */
            int32_t scaled;
            for (i = 0; i < layer->rank; i++) {
                sum += stapes_nn_svdf_remember(weights, memory, steps, stapes_nn_svdf_latest(layer, in, filter++));
                weights += steps;
                memory += steps;
            }
            scaled = stapes_nn_round_any((int32_t)sum, layer->out_multiplier, layer->out_shift); /* <= 2^30 */
            *out++ = stapes_nn_clamp(scaled + layer->out_zero, -128, 127);
        }
        in += layer->in_size;
    }
}
