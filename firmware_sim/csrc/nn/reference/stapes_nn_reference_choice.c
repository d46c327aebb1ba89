/* stapes_nn_reference_choice.c -- comparisons, and a choice between two inputs. Apache-2.0. */
#include "stapes_nn_reference.h"

void stapes_nn_reference_compare(const stapes_nn_compare_layer *layer, const int8_t *a, const int8_t *b, int8_t *out)
{
    int32_t i[4] = {0, 0, 0, 0};
    do {
        /* The compiler found the codes of a that LiteRT's rounding puts on the right side of each code of b. */
        const int8_t value = a[reference_offset_of(i, layer->stride_a)];
        const int32_t code = b[reference_offset_of(i, layer->stride_b)] + 128; /* 0 .. 255 */
        const int within = layer->lowest[code] <= value && value <= layer->highest[code];
        *out++ = (int8_t)(layer->inverted ? !within : within);
    } while (reference_next_element(i, layer->shape));
}

void stapes_nn_reference_select(const stapes_nn_select_layer *layer, const int8_t *a, const int8_t *b,
                                const int8_t *condition, int8_t *out)
{
    int32_t i[4] = {0, 0, 0, 0};
    do {
        *out++ = condition[reference_offset_of(i, layer->stride_c)] ? a[reference_offset_of(i, layer->stride_a)]
                                                                    : b[reference_offset_of(i, layer->stride_b)];
    } while (reference_next_element(i, layer->shape));
}
