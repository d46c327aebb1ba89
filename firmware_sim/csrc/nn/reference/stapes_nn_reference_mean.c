/* stapes_nn_reference_mean.c -- MEAN and SUM over any axes. Apache-2.0. */
#include "stapes_nn_reference.h"

/* The sum over the reduced axes, less the zero point of each element. |sum| <= 256 * elements < 2^30. */
static int32_t reference_sum_from(const stapes_nn_mean_layer *layer, const int8_t *first)
{
    const int32_t *n = layer->reduced, *stride = layer->reduced_stride;
    int32_t sum = layer->bias;
    for (int32_t i = 0; i < n[0]; i++) {
        for (int32_t j = 0; j < n[1]; j++) {
            for (int32_t k = 0; k < n[2]; k++) {
                for (int32_t l = 0; l < n[3]; l++) {
                    sum += first[i * stride[0] + j * stride[1] + k * stride[2] + l * stride[3]];
                }
            }
        }
    }
    return sum;
}

void stapes_nn_reference_mean(const stapes_nn_mean_layer *layer, const int8_t *in, int8_t *out)
{
    const int32_t *n = layer->kept, *stride = layer->kept_stride;
    for (int32_t i = 0; i < n[0]; i++) {
        for (int32_t j = 0; j < n[1]; j++) {
            for (int32_t k = 0; k < n[2]; k++) {
                for (int32_t l = 0; l < n[3]; l++) {
                    const int8_t *first = in + i * stride[0] + j * stride[1] + k * stride[2] + l * stride[3];
                    /* The multiplier contains 1 / elements. */
                    const int32_t scaled = reference_multiply_by_quantized_multiplier(reference_sum_from(layer, first),
                                                                                      layer->multiplier, layer->shift);
                    *out++ = reference_clamp_to_int8((int64_t)scaled + layer->out_zero, -128, 127);
                }
            }
        }
    }
}

/* LiteRT's reference kernel takes the codes of int8 for bytes without a sign, those of the output too. */
void stapes_nn_reference_sum(const stapes_nn_mean_layer *layer, const int8_t *in, int8_t *out)
{
    int32_t kept[4] = {0, 0, 0, 0};
    do {
        const uint8_t *first = (const uint8_t *)in + reference_offset_of(kept, layer->kept_stride);
        int32_t reduced[4] = {0, 0, 0, 0};
        int32_t sum = layer->bias; /* -zero point * elements; |sum| < 512 * elements <= 2^29 */
        int32_t scaled;
        do {
            sum += first[reference_offset_of(reduced, layer->reduced_stride)];
        } while (reference_next_element(reduced, layer->reduced));
        scaled = reference_multiply_by_quantized_multiplier(sum, layer->multiplier, layer->shift) + layer->out_zero;
        *(uint8_t *)out++ = (uint8_t)(scaled < 0 ? 0 : scaled > 255 ? 255 : scaled);
    } while (reference_next_element(kept, layer->kept));
}
