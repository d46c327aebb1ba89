/* stapes_nn_take.c -- RESIZE_NEAREST_NEIGHBOR, GATHER, MIRROR_PAD: copy runs of bytes from any places. Apache-2.0.
 */
#include <string.h>

#include "stapes_nn.h"

STAPES_NN_API void stapes_nn_take(const stapes_nn_take_layer *layer, const int8_t *in, int8_t *out)
{
    const size_t run = (size_t)layer->run;
    int32_t block, row, column;
    for (block = 0; block < layer->blocks; block++) {
        for (row = 0; row < layer->row_count; row++) {
            const int8_t *const from = in + layer->rows[row];
            for (column = 0; column < layer->column_count; column++) {
                memcpy(out, from + layer->columns[column], run);
                out += run;
            }
        }
        in += layer->block_stride;
    }
}
