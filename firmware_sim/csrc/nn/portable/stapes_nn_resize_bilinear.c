/* stapes_nn_resize_bilinear.c -- RESIZE_BILINEAR. Apache-2.0. */
#include "stapes_nn.h"

/* The two neighbours of a position along one axis, and their weights, which together are 2^10. */
typedef struct {
    int32_t lower, upper;
    int32_t lower_weight, upper_weight; /* [1, 1536] and [-512, 1023] */
} stapes_nn_neighbours;

/* position: in 2^-10, from -2^9 on; the compiler proves position < 2^10 * size. */
static stapes_nn_neighbours stapes_nn_neighbours_of(int32_t position, int32_t size)
{
    stapes_nn_neighbours found;
    found.lower = position < 0 ? 0 : position >> 10;
    found.upper = (position + 1023) >> 10; /* >= 0 */
    if (found.upper > size - 1) {
        found.upper = size - 1;
    }
    found.upper_weight = position - found.lower * 1024;
    found.lower_weight = 1024 - found.upper_weight;
    return found;
}

STAPES_NN_API void stapes_nn_resize_bilinear(const stapes_nn_resize_bilinear_layer *layer, const int8_t *in,
                                             int8_t *out)
{
    const int32_t channels = layer->channels, width = layer->in_width * channels;
    int32_t batch, y, x, c;
    for (batch = 0; batch < layer->batches; batch++) {
        for (y = 0; y < layer->out_height; y++) {
            const stapes_nn_neighbours rows =
                stapes_nn_neighbours_of(layer->row_start + y * layer->row_step, layer->in_height);
            const int8_t *const top = in + rows.lower * width, *const bottom = in + rows.upper * width;
            for (x = 0; x < layer->out_width; x++) {
                const stapes_nn_neighbours columns =
                    stapes_nn_neighbours_of(layer->column_start + x * layer->column_step, layer->in_width);
                const int32_t left = columns.lower * channels, right = columns.upper * channels;
                /* |each| <= 1536^2, together at most 2^22, so that |sum| <= 2^29 */
                const int32_t top_left = rows.lower_weight * columns.lower_weight,
                              top_right = rows.lower_weight * columns.upper_weight,
                              bottom_left = rows.upper_weight * columns.lower_weight,
                              bottom_right = rows.upper_weight * columns.upper_weight;
                for (c = 0; c < channels; c++) {
                    const int32_t sum = top[left + c] * top_left + top[right + c] * top_right +
                                        bottom[left + c] * bottom_left + bottom[right + c] * bottom_right;
                    *out++ = (int8_t)((sum + (1 << 19) - (sum < 0)) >> 20); /* halves away from zero */
                }
            }
        }
        in += layer->in_height * width;
    }
}
