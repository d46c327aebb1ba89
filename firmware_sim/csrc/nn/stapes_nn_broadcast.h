/* stapes_nn_broadcast.h -- loops over two inputs of which one may be repeated. Apache-2.0. */
#ifndef STAPES_NN_BROADCAST_H
#define STAPES_NN_BROADCAST_H

#include "stapes_nn.h"

/* Return where row (row[0], row[1], row[2]) of an array starts. A stride of 0 repeats the array along that axis. */
STAPES_NN_INLINE int32_t stapes_nn_row_start(const int32_t row[3], const int32_t stride[4])
{
    return row[0] * stride[0] + row[1] * stride[1] + row[2] * stride[2]; /* within the array, so below 2^24 */
}

/* Advance to the next row in the order of the output. Returns 0 after the last one. */
STAPES_NN_INLINE int stapes_nn_next_row(int32_t row[3], const int32_t shape[4])
{
    int axis;
    for (axis = 2; axis >= 0; axis--) {
        if (++row[axis] < shape[axis]) {
            return 1;
        }
        row[axis] = 0;
    }
    return 0;
}

#endif
