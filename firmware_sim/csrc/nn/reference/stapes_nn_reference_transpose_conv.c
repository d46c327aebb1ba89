/* stapes_nn_reference_transpose_conv.c -- TRANSPOSE_CONV. Apache-2.0. */
#include "stapes_nn_reference.h"

/* One output value: each input pixel and each tap that meet there, if any do. */
static int32_t reference_transpose_conv_sum(const stapes_nn_conv_layer *layer, const int8_t *image, int32_t y,
                                            int32_t x, int32_t channel)
{
    int32_t sum = layer->bias[channel]; /* |sum| < 2^31 at every tap: proved when the model was compiled */
    for (int32_t row = 0; row < layer->in_height; row++) {
        for (int32_t column = 0; column < layer->in_width; column++) {
            const int32_t ky = y + layer->pad_top - row * layer->stride_height;
            const int32_t kx = x + layer->pad_left - column * layer->stride_width;
            if (ky < 0 || ky >= layer->kernel_height || kx < 0 || kx >= layer->kernel_width) {
                continue;
            }
            const int32_t tap = (channel * layer->kernel_height + ky) * layer->kernel_width + kx;
            for (int32_t c = 0; c < layer->in_channels; c++) {
                const int32_t value = image[(row * layer->in_width + column) * layer->in_channels + c];
                sum += (value - layer->in_zero) * ((const int8_t *)layer->weights)[tap * layer->in_channels + c];
            }
        }
    }
    return sum;
}

void stapes_nn_reference_transpose_conv(const stapes_nn_conv_layer *layer, const int8_t *in, int8_t *out)
{
    for (int32_t batch = 0; batch < layer->batches; batch++) {
        const int8_t *image = in + batch * layer->in_height * layer->in_width * layer->in_channels;
        for (int32_t y = 0; y < layer->out_height; y++) {
            for (int32_t x = 0; x < layer->out_width; x++) {
                for (int32_t channel = 0; channel < layer->out_channels; channel++) {
                    const int32_t sum = reference_transpose_conv_sum(layer, image, y, x, channel);
                    const int32_t scaled = reference_multiply_by_quantized_multiplier(sum, layer->multiplier[channel],
                                                                                      layer->shift[channel]);
                    *out++ =
                        reference_clamp_to_int8((int64_t)scaled + layer->out_zero, layer->out_min, layer->out_max);
                }
            }
        }
    }
}
