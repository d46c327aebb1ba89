/* stapes_nn_reference_conv.c -- CONV_2D. Apache-2.0. */
#include "stapes_nn_reference.h"

/* The weight of this number, of a layer whose weights lie in bytes. */
static int32_t reference_conv_weight(const stapes_nn_conv_layer *layer, int32_t channel, int32_t tap, int32_t taps)
{
    return ((const int8_t *)layer->weights)[channel * taps + tap];
}

/* The same where they have four bits: words of eight weights, in blocks of 64 channels that begin with a word. The
 * lower halves of the bytes of a word are the upper halves of the first four weights, from the lowest byte on. */
static int32_t reference_conv_weight_4bit(const stapes_nn_conv_layer *layer, int32_t channel, int32_t tap,
                                          int32_t taps)
{
    const int32_t number = channel % 64 * taps + tap;
    const uint32_t word = ((const uint32_t *)layer->weights)[channel / 64 * (64 * taps / 8) + number / 8];
    const uint32_t bits = word >> (8 * (number % 4) + (number % 8 < 4 ? 0 : 4)) & 15u;
    return 16 * ((int32_t)bits - (bits > 7u ? 16 : 0));
}

typedef int32_t (*reference_weight)(const stapes_nn_conv_layer *layer, int32_t channel, int32_t tap, int32_t taps);

/* One output value: the bias plus the products of all taps with their weights. A tap outside of the input reads as the
 * input's zero point. The bias contains -zero_point * (sum of weights), so the taps are multiplied as they are. */
static int32_t reference_conv_sum(const stapes_nn_conv_layer *layer, const int8_t *image, int32_t y, int32_t x,
                                  int32_t channel, reference_weight weight)
{
    const int32_t taps = layer->kernel_height * layer->kernel_width * layer->in_channels;
    int32_t number = 0;                 /* of the tap */
    int32_t sum = layer->bias[channel]; /* |sum| < 2^31 at every tap: proved when the model was compiled */
    for (int32_t ky = 0; ky < layer->kernel_height; ky++) {
        for (int32_t kx = 0; kx < layer->kernel_width; kx++) {
            const int32_t row = y * layer->stride_height - layer->pad_top + ky * layer->dilation_height;
            const int32_t column = x * layer->stride_width - layer->pad_left + kx * layer->dilation_width;
            const int inside = row >= 0 && row < layer->in_height && column >= 0 && column < layer->in_width;
            for (int32_t c = 0; c < layer->in_channels; c++) {
                const int32_t tap =
                    inside ? image[(row * layer->in_width + column) * layer->in_channels + c] : layer->in_zero;
                sum += tap * weight(layer, channel, number++, taps);
            }
        }
    }
    return sum;
}

static void reference_conv(const stapes_nn_conv_layer *layer, const int8_t *in, int8_t *out, reference_weight weight)
{
    for (int32_t batch = 0; batch < layer->batches; batch++) {
        const int8_t *image = in + batch * layer->in_height * layer->in_width * layer->in_channels;
        for (int32_t y = 0; y < layer->out_height; y++) {
            for (int32_t x = 0; x < layer->out_width; x++) {
                for (int32_t channel = 0; channel < layer->out_channels; channel++) {
                    const int32_t sum = reference_conv_sum(layer, image, y, x, channel, weight);
                    const int32_t scaled = reference_multiply_by_quantized_multiplier(sum, layer->multiplier[channel],
                                                                                      layer->shift[channel]);
                    *out++ =
                        reference_clamp_to_int8((int64_t)scaled + layer->out_zero, layer->out_min, layer->out_max);
                }
            }
        }
    }
}

void stapes_nn_reference_conv(const stapes_nn_conv_layer *layer, const int8_t *in, int8_t *out)
{
    reference_conv(layer, in, out, reference_conv_weight);
}

void stapes_nn_reference_conv_4bit(const stapes_nn_conv_layer *layer, const int8_t *in, int8_t *out)
{
    reference_conv(layer, in, out, reference_conv_weight_4bit);
}
