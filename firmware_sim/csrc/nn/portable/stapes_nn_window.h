/* stapes_nn_window.h -- pooling windows. Apache-2.0. */
#ifndef STAPES_NN_WINDOW_H
#define STAPES_NN_WINDOW_H

#include "stapes_nn.h"

/* The part of a pooling window that lies inside of the input: rows [top, bottom) and columns [left, right). */
typedef struct {
    int32_t top, bottom, left, right;
} stapes_nn_window;

/* Return the window of output pixel (y, x). */
STAPES_NN_INLINE stapes_nn_window stapes_nn_window_at(const stapes_nn_pool_layer *layer, int32_t y, int32_t x)
{
    stapes_nn_window w;
    w.top = y * layer->stride_height - layer->pad_top;
    w.left = x * layer->stride_width - layer->pad_left;
    w.bottom = w.top + layer->kernel_height;
    w.right = w.left + layer->kernel_width;
    if (w.top < 0) {
        w.top = 0;
    }
    if (w.left < 0) {
        w.left = 0;
    }
    if (w.bottom > layer->in_height) {
        w.bottom = layer->in_height;
    }
    if (w.right > layer->in_width) {
        w.right = layer->in_width;
    }
    return w;
}

#endif
