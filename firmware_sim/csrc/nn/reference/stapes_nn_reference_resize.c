/* stapes_nn_reference_resize.c -- RESIZE_BILINEAR, and the lookup of RESIZE_NEAREST_NEIGHBOR and others. Apache-2.0.
 */
#include "stapes_nn_reference.h"

void stapes_nn_reference_take(const stapes_nn_take_layer *layer, const int8_t *in, int8_t *out)
{
    for (int32_t block = 0; block < layer->blocks; block++) {
        for (int32_t row = 0; row < layer->row_count; row++) {
            for (int32_t column = 0; column < layer->column_count; column++) {
                for (int32_t byte = 0; byte < layer->run; byte++) {
                    *out++ = in[block * layer->block_stride + layer->rows[row] + layer->columns[column] + byte];
                }
            }
        }
    }
}

/* The position of output pixel i along an axis, in 2^-10, split into its two neighbours. */
static void reference_neighbours(int32_t position, int32_t size, int32_t near[2], int32_t weight[2])
{
    const int32_t below = position / 1024, above = (position + 1023) / 1024; /* rounded towards zero */
    near[0] = below > 0 ? below : 0;
    near[1] = above < size - 1 ? above : size - 1;
    weight[1] = position - 1024 * near[0];
    weight[0] = 1024 - weight[1];
}

void stapes_nn_reference_resize_bilinear(const stapes_nn_resize_bilinear_layer *layer, const int8_t *in, int8_t *out)
{
    const int32_t height = layer->in_height, width = layer->in_width;
    for (int32_t batch = 0; batch < layer->batches; batch++) {
        for (int32_t y = 0; y < layer->out_height; y++) {
            for (int32_t x = 0; x < layer->out_width; x++) {
                int32_t rows[2], row_weight[2], columns[2], column_weight[2];
                reference_neighbours(layer->row_start + y * layer->row_step, height, rows, row_weight);
                reference_neighbours(layer->column_start + x * layer->column_step, width, columns, column_weight);
                for (int32_t c = 0; c < layer->channels; c++) {
                    int64_t sum = 0;
                    for (int i = 0; i < 4; i++) {
                        const int32_t pixel = (batch * height + rows[i / 2]) * width + columns[i % 2];
                        sum += (int64_t)in[pixel * layer->channels + c] * row_weight[i / 2] * column_weight[i % 2];
                    }
                    *out++ = (int8_t)((sum + (sum > 0 ? 1 << 19 : -(1 << 19))) / (1 << 20));
                }
            }
        }
    }
}
