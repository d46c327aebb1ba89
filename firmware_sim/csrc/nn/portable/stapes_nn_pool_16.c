/* stapes_nn_pool_16.c -- AVERAGE_POOL_2D and MAX_POOL_2D of int16. Apache-2.0. */
#include "stapes_nn_int16.h"

/* Return the average, halves away from zero, or the maximum of one channel in the window whose first tap is at (top,
 * left). The compiler refuses windows that lie wholly outside of the input. |sum| <= 2^15 * count < 2^31. */
static int32_t stapes_nn_pool_16_window(const stapes_nn_pool_16_layer *layer, const int16_t *in, int32_t top,
                                        int32_t left)
{
    int32_t sum = 0, most = -32768, count = 0, row, column;
    for (row = top; row < top + layer->kernel_height; row++) {
        for (column = left; column < left + layer->kernel_width; column++) {
            if (row >= 0 && row < layer->in_height && column >= 0 && column < layer->in_width) {
                const int32_t value = stapes_nn_get_16(in + (row * layer->in_width + column) * layer->channels);
                sum += value;
                count++;
                most = value > most ? value : most;
            }
        }
    }
    if (!layer->averages) {
        return most;
    }
    return (sum > 0 ? sum + count / 2 : sum - count / 2) / count;
}

STAPES_NN_API void stapes_nn_pool_16(const stapes_nn_pool_16_layer *layer, const int16_t *in, int16_t *out)
{
    int32_t batch, y, x, channel;
    for (batch = 0; batch < layer->batches; batch++) {
        for (y = 0; y < layer->out_height; y++) {
            for (x = 0; x < layer->out_width; x++) {
                for (channel = 0; channel < layer->channels; channel++) {
                    const int32_t value =
                        stapes_nn_pool_16_window(layer, in + channel, y * layer->stride_height - layer->pad_top,
                                                 x * layer->stride_width - layer->pad_left);
                    stapes_nn_put_16(out++, value, layer->out_min, layer->out_max);
                }
            }
        }
        in += layer->in_height * layer->in_width * layer->channels;
    }
}
