/* stapes_nn_reference_pool.c -- AVERAGE_POOL_2D and MAX_POOL_2D. Apache-2.0. */
#include "stapes_nn_reference.h"

/* The sum, number and maximum of the taps of one window in one channel. Taps outside of the input do not count. */
typedef struct {
    int32_t sum, count, highest;
} reference_window_values;

static reference_window_values reference_values_in_window(const stapes_nn_pool_layer *layer, const int8_t *image,
                                                          int32_t y, int32_t x, int32_t channel)
{
    reference_window_values window = {0, 0, -128};
    for (int32_t ky = 0; ky < layer->kernel_height; ky++) {
        for (int32_t kx = 0; kx < layer->kernel_width; kx++) {
            const int32_t row = y * layer->stride_height - layer->pad_top + ky;
            const int32_t column = x * layer->stride_width - layer->pad_left + kx;
            if (row >= 0 && row < layer->in_height && column >= 0 && column < layer->in_width) {
                const int32_t value = image[(row * layer->in_width + column) * layer->channels + channel];
                window.sum += value; /* |sum| <= 128 * count < 2^31 */
                window.count++;
                window.highest = value > window.highest ? value : window.highest;
            }
        }
    }
    return window;
}

/* sum / count, rounded to the nearest, halves away from zero. The compiler refuses windows without a tap inside of the
 * input. */
static int32_t reference_average(reference_window_values window)
{
    const int32_t half = window.count / 2;
    return (window.sum > 0 ? window.sum + half : window.sum - half) / window.count;
}

static void reference_pool(const stapes_nn_pool_layer *layer, const int8_t *in, int8_t *out, int averages)
{
    for (int32_t batch = 0; batch < layer->batches; batch++) {
        const int8_t *image = in + batch * layer->in_height * layer->in_width * layer->channels;
        for (int32_t y = 0; y < layer->out_height; y++) {
            for (int32_t x = 0; x < layer->out_width; x++) {
                for (int32_t channel = 0; channel < layer->channels; channel++) {
                    const reference_window_values window = reference_values_in_window(layer, image, y, x, channel);
                    const int32_t value = averages ? reference_average(window) : window.highest;
                    *out++ = reference_clamp_to_int8(value, layer->out_min, layer->out_max);
                }
            }
        }
    }
}

void stapes_nn_reference_average_pool(const stapes_nn_pool_layer *layer, const int8_t *in, int8_t *out)
{
    reference_pool(layer, in, out, 1);
}

void stapes_nn_reference_max_pool(const stapes_nn_pool_layer *layer, const int8_t *in, int8_t *out)
{
    reference_pool(layer, in, out, 0);
}
