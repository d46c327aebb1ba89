/* stapes_nn_reference_conv_16.c -- CONV_2D, DEPTHWISE_CONV_2D and TRANSPOSE_CONV of int16. Apache-2.0. */
#include "stapes_nn_reference.h"

/* The output value of a sum: rounded once, or with narrow_sums twice, as the kernels of int8 do. */
static int16_t reference_conv_16_output(const stapes_nn_conv_16_layer *layer, int32_t channel, int64_t sum)
{
    const int32_t multiplier = layer->multiplier[channel], shift = layer->shift[channel];
    const int64_t scaled = layer->narrow_sums
                               ? reference_multiply_by_quantized_multiplier((int32_t)sum, multiplier, shift)
                               : (sum * multiplier + (1LL << (shift - 1))) >> shift; /* |product| < 2^62 */
    return reference_limit_to_int16(scaled, layer->out_min, layer->out_max);
}

/* One output value before it is scaled. A tap outside of the input is 0, which is its zero point. */
static int64_t reference_conv_16_sum(const stapes_nn_conv_16_layer *layer, const int16_t *image, int32_t y, int32_t x,
                                     int32_t channel)
{
    const int32_t channels = layer->in_channels / layer->groups;
    const int32_t first = channel / (layer->out_channels / layer->groups) * channels;
    const int8_t *weight = layer->weights + channel * layer->kernel_height * layer->kernel_width * channels;
    int64_t sum = layer->bias[channel]; /* |sum| < 2^47 at every tap: proved when the model was compiled */
    for (int32_t ky = 0; ky < layer->kernel_height; ky++) {
        for (int32_t kx = 0; kx < layer->kernel_width; kx++) {
            const int32_t row = y * layer->stride_height - layer->pad_top + ky * layer->dilation_height;
            const int32_t column = x * layer->stride_width - layer->pad_left + kx * layer->dilation_width;
            const int inside = row >= 0 && row < layer->in_height && column >= 0 && column < layer->in_width;
            for (int32_t c = 0; c < channels; c++) {
                const int32_t tap =
                    inside ? image[(row * layer->in_width + column) * layer->in_channels + first + c] : 0;
                sum += tap * *weight++;
            }
        }
    }
    return sum;
}

/* One output value before it is scaled: each input pixel and each tap that meet there, if any do. */
static int64_t reference_transpose_conv_16_sum(const stapes_nn_conv_16_layer *layer, const int16_t *image, int32_t y,
                                               int32_t x, int32_t channel)
{
    int64_t sum = layer->bias[channel]; /* |sum| < 2^47 at every tap: proved when the model was compiled */
    for (int32_t row = 0; row < layer->in_height; row++) {
        for (int32_t column = 0; column < layer->in_width; column++) {
            const int32_t ky = y + layer->pad_top - row * layer->stride_height;
            const int32_t kx = x + layer->pad_left - column * layer->stride_width;
            if (ky < 0 || ky >= layer->kernel_height || kx < 0 || kx >= layer->kernel_width) {
                continue;
            }
            const int32_t tap = (channel * layer->kernel_height + ky) * layer->kernel_width + kx;
            for (int32_t c = 0; c < layer->in_channels; c++) {
                sum += image[(row * layer->in_width + column) * layer->in_channels + c] *
                       layer->weights[tap * layer->in_channels + c];
            }
        }
    }
    return sum;
}

/* All output values, each of them scaled from what `sum_of` returns. */
static void reference_conv_16_outputs(const stapes_nn_conv_16_layer *layer, const int16_t *in, int16_t *out,
                                      int64_t (*sum_of)(const stapes_nn_conv_16_layer *layer, const int16_t *image,
                                                        int32_t y, int32_t x, int32_t channel))
{
    for (int32_t batch = 0; batch < layer->batches; batch++) {
        const int16_t *image = in + batch * layer->in_height * layer->in_width * layer->in_channels;
        for (int32_t y = 0; y < layer->out_height; y++) {
            for (int32_t x = 0; x < layer->out_width; x++) {
                for (int32_t channel = 0; channel < layer->out_channels; channel++) {
                    const int64_t sum = sum_of(layer, image, y, x, channel);
                    *out++ = reference_conv_16_output(layer, channel, sum);
                }
            }
        }
    }
}

void stapes_nn_reference_conv_16(const stapes_nn_conv_16_layer *layer, const int16_t *in, int16_t *out)
{
    reference_conv_16_outputs(layer, in, out, reference_conv_16_sum);
}

void stapes_nn_reference_transpose_conv_16(const stapes_nn_conv_16_layer *layer, const int16_t *in, int16_t *out)
{
    reference_conv_16_outputs(layer, in, out, reference_transpose_conv_16_sum);
}
