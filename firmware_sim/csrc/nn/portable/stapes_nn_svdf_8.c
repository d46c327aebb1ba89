/* stapes_nn_svdf_8.c -- SVDF with a memory of int8. Apache-2.0. */
#include "stapes_nn.h"
#include "stapes_nn_arithmetic.h"
#include "stapes_nn_svdf.h"

/* Return what a filter remembers of this step: its feature and the zero point of the memory, modulo 2^8. */
static int8_t stapes_nn_svdf_8_latest(const stapes_nn_svdf_8_layer *layer, const int8_t *in, int32_t filter)
{
    int32_t code = stapes_nn_svdf_feature(layer->feature_bias[filter], layer->weights + filter * layer->in_size, in,
                                          layer->in_size);
    code = stapes_nn_clamp(stapes_nn_round_any(code, layer->in_multiplier, layer->in_shift), -128, 127);
    code += layer->memory_zero; /* [-256, 254] */
    return (int8_t)(code < -128 ? code + 256 : code > 127 ? code - 256 : code);
}

/* Move the memory of one filter on by a step, to which `latest` is added. Returns its product with the time weights,
 * modulo 2^32. */
static uint32_t stapes_nn_svdf_8_remember(const int8_t *weights, int8_t *memory, int32_t steps, int32_t zero,
                                          int8_t latest)
{
    uint32_t sum = (uint32_t)((latest - zero) * weights[steps - 1]); /* each product is in [-255 * 128, 255 * 128] */
    int32_t step;
    for (step = 0; step < steps - 1; step++) {
        memory[step] = memory[step + 1];
        sum += (uint32_t)((memory[step] - zero) * weights[step]);
    }
    memory[steps - 1] = latest;
    return sum;
}

STAPES_NN_API void stapes_nn_svdf_8(const stapes_nn_svdf_8_layer *layer, const int8_t *in, int8_t *memory, int8_t *out)
{
    const int32_t steps = layer->steps, zero = layer->memory_zero;
    int32_t batch, unit, i;
    for (batch = 0; batch < layer->batches; batch++) {
        const int8_t *weights = layer->time_weights;
        int32_t filter = 0;
        for (unit = 0; unit < layer->units; unit++) {
            uint32_t sum = (uint32_t)layer->bias[unit]; /* modulo 2^32 */
            int32_t scaled;
            for (i = 0; i < layer->rank; i++) {
                const int8_t latest = stapes_nn_svdf_8_latest(layer, in, filter++);
                sum += stapes_nn_svdf_8_remember(weights, memory, steps, zero, latest);
                weights += steps;
                memory += steps;
            }
            scaled = stapes_nn_round_any((int32_t)sum, layer->out_multiplier, layer->out_shift); /* <= 2^30 */
            *out++ = stapes_nn_clamp(scaled + layer->out_zero, -128, 127);
        }
        in += layer->in_size;
    }
}
