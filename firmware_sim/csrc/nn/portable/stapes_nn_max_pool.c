/* stapes_nn_max_pool.c -- MAX_POOL_2D. Apache-2.0. */
#include "stapes_nn.h"
#include "stapes_nn_arithmetic.h"
#include "stapes_nn_window.h"

/* The maximum of one channel within a window. */
static int32_t stapes_nn_maximum(const stapes_nn_pool_layer *layer, const int8_t *in, const stapes_nn_window *w)
{
    int32_t most = -128;
    int32_t row, column;
    for (row = w->top; row < w->bottom; row++) {
        const int8_t *value = in + (row * layer->in_width + w->left) * layer->channels;
        for (column = w->left; column < w->right; column++) {
            if (*value > most) {
                most = *value;
            }
            value += layer->channels;
        }
    }
    return most;
}

STAPES_NN_API void stapes_nn_max_pool(const stapes_nn_pool_layer *layer, const int8_t *in, int8_t *out)
{
    int32_t batch, y, x, channel;
    for (batch = 0; batch < layer->batches; batch++) {
        for (y = 0; y < layer->out_height; y++) {
            for (x = 0; x < layer->out_width; x++) {
                const stapes_nn_window w = stapes_nn_window_at(layer, y, x);
                for (channel = 0; channel < layer->channels; channel++) {
                    *out++ =
                        stapes_nn_clamp(stapes_nn_maximum(layer, in + channel, &w), layer->out_min, layer->out_max);
                }
            }
        }
        in += layer->in_height * layer->in_width * layer->channels;
    }
}
