/* stapes_nn_reference_int16.c -- FULLY_CONNECTED, ADD, SUB, MUL and functions of one value, of int16. Apache-2.0. */
#include <math.h>

#include "stapes_nn_reference.h"

void stapes_nn_reference_dense_16(const stapes_nn_dense_16_layer *layer, const int16_t *in, int16_t *out)
{
    for (int32_t row = 0; row < layer->rows; row++) {
        for (int32_t channel = 0; channel < layer->out_size; channel++) {
            int64_t sum = layer->bias[channel]; /* |sum| < 2^53 at every tap: proved when the model was compiled */
            for (int32_t i = 0; i < layer->in_size; i++) {
                sum += in[row * layer->in_size + i] * layer->weights[channel * layer->in_size + i];
            }
            const double scale = ldexp((double)layer->multiplier[channel], -layer->shift[channel]);
            const int64_t scaled = llround((double)sum * scale);
            *out++ = reference_limit_to_int16(scaled, layer->out_min, layer->out_max);
        }
    }
}

/* Where element `index` of an output of this shape lies in an input, whose stride is 0 along the axes it is repeated.
 */
static int32_t reference_offset_16(int32_t index, const int32_t shape[4], const int32_t strides[4])
{
    int32_t offset = 0;
    for (int axis = 3; axis >= 0; axis--) {
        offset += index % shape[axis] * strides[axis];
        index /= shape[axis];
    }
    return offset;
}

void stapes_nn_reference_add_16(const stapes_nn_add_16_layer *layer, const int16_t *a, const int16_t *b, int16_t *out)
{
    const int32_t count = layer->shape[0] * layer->shape[1] * layer->shape[2] * layer->shape[3];
    const int32_t magnitude_b = layer->multiplier_b < 0 ? -layer->multiplier_b : layer->multiplier_b;
    for (int32_t i = 0; i < count; i++) {
        const int32_t x = a[reference_offset_16(i, layer->shape, layer->stride_a)] * (1 << 15); /* |x| <= 2^30 */
        const int32_t y = b[reference_offset_16(i, layer->shape, layer->stride_b)] * (1 << 15);
        const int32_t from_a = reference_multiply_by_quantized_multiplier(x, layer->multiplier_a, layer->shift_a);
        const int32_t from_b = reference_multiply_by_quantized_multiplier(y, magnitude_b, layer->shift_b);
        const int32_t sum = layer->multiplier_b < 0 ? from_a - from_b : from_a + from_b; /* |sum| <= 2^30 */
        const int32_t scaled =
            reference_multiply_by_quantized_multiplier(sum, layer->multiplier_out, layer->shift_out);
        out[i] = reference_limit_to_int16(scaled, layer->out_min, layer->out_max);
    }
}

void stapes_nn_reference_mul_16(const stapes_nn_mul_16_layer *layer, const int16_t *a, const int16_t *b, int16_t *out)
{
    const int32_t count = layer->shape[0] * layer->shape[1] * layer->shape[2] * layer->shape[3];
    for (int32_t i = 0; i < count; i++) {
        const int32_t product = a[reference_offset_16(i, layer->shape, layer->stride_a)] *
                                b[reference_offset_16(i, layer->shape, layer->stride_b)]; /* |product| <= 2^30 */
        const int32_t scaled = reference_multiply_by_quantized_multiplier(product, layer->multiplier, layer->shift);
        out[i] = reference_limit_to_int16(scaled, layer->out_min, layer->out_max);
    }
}

void stapes_nn_reference_rescale_16(const stapes_nn_rescale_16_layer *layer, const void *in, void *out)
{
    for (int32_t i = 0; i < layer->count; i++) {
        const int32_t code = layer->wide_in ? ((const int16_t *)in)[i] : ((const int8_t *)in)[i];
        const int32_t x = code - layer->zero_in;
        const int32_t multiplier = x < 0 ? layer->multiplier_below : layer->multiplier;
        const int32_t shift = x < 0 ? layer->shift_below : layer->shift;
        const int32_t result = reference_multiply_by_quantized_multiplier(x, multiplier, shift) + layer->zero_out;
        const int16_t limited = reference_limit_to_int16(result, layer->out_min, layer->out_max);
        if (layer->wide_out) {
            ((int16_t *)out)[i] = limited;
        } else {
            ((int8_t *)out)[i] = (int8_t)limited;
        }
    }
}

void stapes_nn_reference_rescale_32(const stapes_nn_rescale_32_layer *layer, const int16_t *in, int32_t *out)
{
    for (int32_t i = 0; i < layer->count; i++) {
        out[i] = reference_multiply_by_quantized_multiplier(in[i] - layer->zero_in, layer->multiplier, layer->shift);
    }
}

void stapes_nn_reference_sigmoid_16(const stapes_nn_sigmoid_16_layer *layer, const int16_t *in, int16_t *out)
{
    const int32_t bits = layer->is_tanh ? 8 : 9; /* fractional bits of a step through the table */
    for (int32_t i = 0; i < layer->count; i++) {
        const int64_t product = (int64_t)in[i] * layer->multiplier;
        const int64_t x = layer->shift > 0 ? (product + (1LL << (layer->shift - 1))) >> layer->shift : product;
        const int64_t steps = x < 0 ? -x : x, entry = steps >> bits, rest = steps & ((1 << bits) - 1);
        /* 2^16 times the logistic function of |x|, with `bits` more fractional bits */
        int64_t line = (int64_t)(layer->is_tanh ? 65535 : 65534) << bits;
        if (entry < 255) {
            line =
                ((int64_t)layer->sigmoid[entry] << bits) + rest * (layer->sigmoid[entry + 1] - layer->sigmoid[entry]);
        }
        if (layer->is_tanh) {
            const int64_t tanh = line - (1LL << 23); /* in 2^-23 */
            out[i] = (int16_t)(((x < 0 ? -tanh - 1 : tanh) + (1 << 7)) >> 8);
        } else {
            out[i] = (int16_t)(((x < 0 ? (1LL << 25) - line - 1 : line) + (1 << 9)) >> 10);
        }
    }
}

void stapes_nn_reference_pool_16(const stapes_nn_pool_16_layer *layer, const int16_t *in, int16_t *out)
{
    const int32_t pixels = layer->batches * layer->out_height * layer->out_width;
    for (int32_t i = 0; i < pixels * layer->channels; i++) {
        const int32_t channel = i % layer->channels, pixel = i / layer->channels;
        const int32_t x = pixel % layer->out_width, y = pixel / layer->out_width % layer->out_height;
        const int32_t batch = pixel / layer->out_width / layer->out_height;
        int32_t sum = 0, count = 0, highest = -32768;
        for (int32_t ky = 0; ky < layer->kernel_height; ky++) {
            for (int32_t kx = 0; kx < layer->kernel_width; kx++) {
                const int32_t row = y * layer->stride_height - layer->pad_top + ky;
                const int32_t column = x * layer->stride_width - layer->pad_left + kx;
                if (row >= 0 && row < layer->in_height && column >= 0 && column < layer->in_width) {
                    const int32_t place = (batch * layer->in_height + row) * layer->in_width + column;
                    const int32_t value = in[place * layer->channels + channel];
                    sum += value; /* |sum| <= 2^15 * count < 2^31 */
                    count++;
                    highest = value > highest ? value : highest;
                }
            }
        }
        const int32_t average = (sum > 0 ? sum + count / 2 : sum - count / 2) / count;
        out[i] = reference_limit_to_int16(layer->averages ? average : highest, layer->out_min, layer->out_max);
    }
}

void stapes_nn_reference_mean_16(const stapes_nn_mean_layer *layer, const int16_t *in, int16_t *out)
{
    const int32_t kept = layer->kept[0] * layer->kept[1] * layer->kept[2] * layer->kept[3];
    const int32_t reduced = layer->reduced[0] * layer->reduced[1] * layer->reduced[2] * layer->reduced[3];
    for (int32_t i = 0; i < kept; i++) {
        int32_t sum = layer->bias; /* |sum| <= 2^15 * elements < 2^30 */
        for (int32_t k = 0; k < reduced; k++) {
            sum += in[reference_offset_16(i, layer->kept, layer->kept_stride) +
                      reference_offset_16(k, layer->reduced, layer->reduced_stride)];
        }
        const int32_t scaled = reference_multiply_by_quantized_multiplier(sum, layer->multiplier, layer->shift);
        out[i] = reference_limit_to_int16((int64_t)scaled + layer->out_zero, -32768, 32767);
    }
}

/* A function by straight lines between 513 values, one for every 128th int16. */
static int32_t reference_line_16(const int16_t *table, int64_t x)
{
    const int32_t limited = reference_limit_to_int16(x, -32768, 32767) + 32768; /* 0 .. 65535 */
    const int32_t base = table[limited / 128], slope = table[limited / 128 + 1] - base;
    return base + ((slope * (limited % 128) + 64) >> 7);
}

void stapes_nn_reference_softmax_16(const stapes_nn_softmax_16_layer *layer, const int16_t *in, int16_t *out)
{
    for (int32_t row = 0; row < layer->rows; row++, in += layer->depth, out += layer->depth) {
        int32_t most = -32768, sum = 0, bits = 0;
        for (int32_t i = 0; i < layer->depth; i++) {
            most = in[i] > most ? in[i] : most;
        }
        for (int32_t i = 0; i < layer->depth; i++) {
            const int64_t scaled =
                reference_multiply_by_quantized_multiplier(in[i] - most, layer->multiplier, layer->shift);
            out[i] = (int16_t)reference_line_16(layer->exponentials, scaled + 32767); /* Q0.15 */
            sum += out[i];                                                            /* 2^14 < sum < 2^31 */
        }
        while (sum >> bits > 1) {
            bits++;
        }
        /* sum = (1 + x) 2^bits; the table has 1 / (1 + x) for x in [0, 1), which is from -2^15 to 2^15 in its steps */
        const int64_t upper = (((int64_t)sum << (30 - bits)) + (1 << 13)) >> 14; /* [2^16, 2^17] */
        const int64_t reciprocal = reference_line_16(layer->reciprocals, upper - 3 * (1 << 15));
        for (int32_t i = 0; i < layer->depth; i++) {
            out[i] = reference_limit_to_int16((out[i] * reciprocal + (1LL << (bits - 1))) >> bits, 0, 32767);
        }
    }
}
