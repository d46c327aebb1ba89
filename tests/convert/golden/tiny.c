/* tiny.c -- written by stapes VERSION from a .tflite with sha256 6b32657eccc85524.
 * Regenerate, do not edit. This file belongs to whoever generated it; the kernels (stapes_nn) are Apache-2.0.
 *
 *   layer            kernel    in     out    weight bytes  MACs  output
 *   filters          conv 2x3  2x4x1  1x2x2  12            24    real = 0.05 * (q + 128)
 *   logits           dense     1x2x2  2      8             8     real = 0.05 * q
 *   scores_logistic  lookup    2      2                          real = 0.00390625 * (q + 128)
 */
#include "tiny.h"

#include <string.h>

#include "stapes_nn.h"

#if STAPES_NN_VERSION != 5
#error "tiny.c was written for stapes_nn version 5: run `stapes compile` again"
#endif
#if STAPES_NN_LAYOUT != STAPES_NN_ROWS
#error "tiny.c holds weights for STAPES_NN_ROWS only; compile with another --target"
#endif

/* Stands before weights, biases and tables; puts them elsewhere: __attribute__((section("..."))). */
#ifndef TINY_CONST
#define TINY_CONST
#endif

static const stapes_nn_conv_layer filters;
static const stapes_nn_dense_layer logits;
static const TINY_CONST int8_t scores_logistic_table[256];

void tiny_reset(tiny_t *self)
{
    memset(self->state_past, 0, 4);
}

/* A line per layer, with inputs, output and, where the kernel needs some, scratch memory. Offsets into the arena are
 * those of the memory plan: tensors that are not needed at the same time share bytes, and a kernel may overwrite an
 * input that nothing reads afterwards. A copy is named after the tensor or state that it completes. */
void tiny_step(tiny_t *self, const int8_t features[4], int8_t scores[2])
{
    int8_t *const arena = (int8_t *)self->arena;

    memcpy(self->state_past + 4, features, 4); /* joined */
    stapes_nn_conv(&filters, self->state_past, arena + 60, arena); /* 2x4x1 -> 1x2x2 */
    stapes_nn_dense(&logits, arena + 60, arena, NULL); /* 1x2x2 -> 2 */
    stapes_nn_lookup(scores_logistic_table, arena, scores, 2); /* 2 -> 2 */
    memmove(self->state_past, self->state_past + 4, 4); /* state_past */
}

/* filters */
static const TINY_CONST int8_t filters_weights[12] = { /* 2x2x3x1 */
    58, 113, 97, 3, 112, 121, 120, -107, -12, 27, -55, -31
};

static const TINY_CONST int32_t filters_bias[2] = {
    703, 1486
};

static const TINY_CONST int32_t filters_multiplier[2] = {
    2067853569, 1347882700
};

static const TINY_CONST int8_t filters_shift[2] = {
    -8, -8
};

static const stapes_nn_conv_layer filters = {
    .batches = 1,
    .in_height = 2,
    .in_width = 4,
    .in_channels = 1,
    .out_height = 1,
    .out_width = 2,
    .out_channels = 2,
    .kernel_height = 2,
    .kernel_width = 3,
    .stride_height = 1,
    .stride_width = 1,
    .dilation_height = 1,
    .dilation_width = 1,
    .pad_top = 0,
    .pad_left = 0,
    .in_zero = 0,
    .out_zero = -128,
    .out_min = -128,
    .out_max = 127,
    .weights = filters_weights,
    .bias = filters_bias,
    .multiplier = filters_multiplier,
    .shift = filters_shift,
};

/* logits */
static const TINY_CONST int8_t logits_weights[8] = { /* 2x4 */
    -71, 11, -41, 103, -112, -6, 101, -18
};

static const TINY_CONST int32_t logits_bias[2] = {
    1975, -5002
};

static const TINY_CONST int32_t logits_multiplier[2] = {
    1257192704, 1394375040
};

static const TINY_CONST int8_t logits_shift[2] = {
    38, 38
};

static const stapes_nn_dense_layer logits = {
    .rows = 1,
    .in_size = 4,
    .out_size = 2,
    .out_zero = 0,
    .out_min = -128,
    .out_max = 127,
    .common_shift = 0,
    .weights = logits_weights,
    .bias = logits_bias,
    .multiplier = logits_multiplier,
    .shift = logits_shift,
};

/* scores_logistic */
static const TINY_CONST int8_t scores_logistic_table[256] = {
    -128, -128, -128, -128, -127, -127, -127, -127, -127, -127, -127, -127, -127, -127, -127, -127,
    -127, -127, -127, -127, -127, -127, -127, -127, -127, -127, -126, -126, -126, -126, -126, -126,
    -126, -126, -126, -126, -125, -125, -125, -125, -125, -125, -125, -124, -124, -124, -124, -124,
    -123, -123, -123, -123, -122, -122, -122, -122, -121, -121, -120, -120, -120, -119, -119, -118,
    -118, -117, -117, -116, -116, -115, -115, -114, -113, -113, -112, -111, -110, -109, -109, -108,
    -107, -106, -105, -104, -102, -101, -100, -99, -97, -96, -95, -93, -92, -90, -88, -87,
    -85, -83, -81, -79, -77, -75, -73, -71, -69, -66, -64, -62, -59, -57, -54, -51,
    -49, -46, -43, -40, -37, -34, -31, -28, -25, -22, -19, -16, -13, -10, -6, -3,
    0, 3, 6, 10, 13, 16, 19, 22, 25, 28, 31, 34, 37, 40, 43, 46,
    49, 51, 54, 57, 59, 62, 64, 66, 69, 71, 73, 75, 77, 79, 81, 83,
    85, 87, 88, 90, 92, 93, 95, 96, 97, 99, 100, 101, 102, 104, 105, 106,
    107, 108, 109, 109, 110, 111, 112, 113, 113, 114, 115, 115, 116, 116, 117, 117,
    118, 118, 119, 119, 120, 120, 120, 121, 121, 122, 122, 122, 122, 123, 123, 123,
    123, 124, 124, 124, 124, 124, 125, 125, 125, 125, 125, 125, 125, 126, 126, 126,
    126, 126, 126, 126, 126, 126, 126, 127, 127, 127, 127, 127, 127, 127, 127, 127,
    127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127
};
