/* stapes_nn_average_pool.c -- AVERAGE_POOL_2D. Apache-2.0. */
#include "stapes_nn.h"
#include "stapes_nn_arithmetic.h"
#include "stapes_nn_window.h"

/* Divide, rounding halves away from zero. The compiler refuses windows that lie wholly outside of the input, so
 * count >= 1; |sum| <= 128 * count < 2^31. */
static int8_t STAPES_NN_COLD stapes_nn_average_finish(const stapes_nn_pool_layer *layer, int32_t sum, int32_t count)
{
    const int32_t average = sum > 0 ? (sum + count / 2) / count : (sum - count / 2) / count;
    return stapes_nn_clamp(average, layer->out_min, layer->out_max);
}

/* The average of one channel. */
static void STAPES_NN_COLD stapes_nn_average_one(const stapes_nn_pool_layer *layer, const int8_t *in,
                                                 const stapes_nn_window *w, int8_t *out)
{
    int32_t sum = 0, row, column;
    for (row = w->top; row < w->bottom; row++) {
        const int8_t *value = in + (row * layer->in_width + w->left) * layer->channels;
        for (column = w->left; column < w->right; column++) {
            sum += *value;
            value += layer->channels;
        }
    }
    *out = stapes_nn_average_finish(layer, sum, (w->bottom - w->top) * (w->right - w->left));
}

/* The averages of four neighbouring channels. */
static void stapes_nn_average_four(const stapes_nn_pool_layer *layer, const int8_t *in, const stapes_nn_window *w,
                                   int8_t *out)
{
    const int32_t count = (w->bottom - w->top) * (w->right - w->left);
    int32_t sum0 = 0, sum1 = 0, sum2 = 0, sum3 = 0, row, column, n;
    for (row = w->top; row < w->bottom; row++) {
        const int8_t *value = in + (row * layer->in_width + w->left) * layer->channels;
        for (column = w->left; column < w->right; column++) {
            sum0 += value[0];
            sum1 += value[1];
            sum2 += value[2];
            sum3 += value[3];
            value += layer->channels;
        }
    }
    for (n = 0; n < 4; n++) { /* a loop, so that the code contains the call only once */
        out[n] = stapes_nn_average_finish(layer, sum0, count);
        sum0 = sum1;
        sum1 = sum2;
        sum2 = sum3;
    }
}

STAPES_NN_API void stapes_nn_average_pool(const stapes_nn_pool_layer *layer, const int8_t *in, int8_t *out)
{
    int32_t batch, y, x, channel;
    for (batch = 0; batch < layer->batches; batch++) {
        for (y = 0; y < layer->out_height; y++) {
            for (x = 0; x < layer->out_width; x++) {
                const stapes_nn_window w = stapes_nn_window_at(layer, y, x);
                for (channel = 0; channel + 3 < layer->channels; channel += 4) {
                    stapes_nn_average_four(layer, in + channel, &w, out + channel);
                }
                for (; channel < layer->channels; channel++) {
                    stapes_nn_average_one(layer, in + channel, &w, out + channel);
                }
                out += layer->channels;
            }
        }
        in += layer->in_height * layer->in_width * layer->channels;
    }
}
