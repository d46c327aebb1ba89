/* stapes_nn_reference_depthwise.c -- DEPTHWISE_CONV_2D. Apache-2.0. */
#include "stapes_nn_reference.h"

/* One output value: output channel c takes its taps from input channel c / depth_multiplier only. A tap outside of the
 * input reads as the input's zero point. The bias contains -zero_point * (sum of weights), so the taps are multiplied
 * as they are. */
static int32_t reference_depthwise_sum(const stapes_nn_conv_layer *layer, const int8_t *image, int32_t y, int32_t x,
                                       int32_t channel)
{
    const int32_t depth_multiplier = layer->out_channels / layer->in_channels;
    const int8_t *weights = (const int8_t *)layer->weights; /* [kernel_height][kernel_width][out_channels] */
    int32_t sum = layer->bias[channel]; /* |sum| < 2^31 at every tap: proved when the model was compiled */
    for (int32_t ky = 0; ky < layer->kernel_height; ky++) {
        for (int32_t kx = 0; kx < layer->kernel_width; kx++) {
            const int32_t row = y * layer->stride_height - layer->pad_top + ky * layer->dilation_height;
            const int32_t column = x * layer->stride_width - layer->pad_left + kx * layer->dilation_width;
            const int inside = row >= 0 && row < layer->in_height && column >= 0 && column < layer->in_width;
            const int32_t pixel = (row * layer->in_width + column) * layer->in_channels;
            const int32_t tap = inside ? image[pixel + channel / depth_multiplier] : layer->in_zero;
            sum += tap * weights[(ky * layer->kernel_width + kx) * layer->out_channels + channel];
        }
    }
    return sum;
}

void stapes_nn_reference_depthwise(const stapes_nn_conv_layer *layer, const int8_t *in, int8_t *out)
{
    for (int32_t batch = 0; batch < layer->batches; batch++) {
        const int8_t *image = in + batch * layer->in_height * layer->in_width * layer->in_channels;
        for (int32_t y = 0; y < layer->out_height; y++) {
            for (int32_t x = 0; x < layer->out_width; x++) {
                for (int32_t channel = 0; channel < layer->out_channels; channel++) {
                    const int32_t sum = reference_depthwise_sum(layer, image, y, x, channel);
                    const int32_t scaled = reference_multiply_by_quantized_multiplier(sum, layer->multiplier[channel],
                                                                                      layer->shift[channel]);
                    *out++ =
                        reference_clamp_to_int8((int64_t)scaled + layer->out_zero, layer->out_min, layer->out_max);
                }
            }
        }
    }
}
