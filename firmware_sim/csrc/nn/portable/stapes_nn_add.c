/* stapes_nn_add.c -- ADD and SUB with broadcasting. Apache-2.0. */
#include "stapes_nn.h"
#include "stapes_nn_arithmetic.h"
#if STAPES_NN_LAYOUT == STAPES_NN_HOST
#include "stapes_nn_host.h"
#endif /* STAPES_NN_HOST */
#if STAPES_NN_LAYOUT == STAPES_NN_MVE
#include "stapes_nn_mve.h"
#endif /* STAPES_NN_MVE */

/* One row of outputs. An input that is repeated (its stride is 0) becomes part of the offset, so that the loop can
 * read both inputs with a stride of 1. */
static void STAPES_NN_HOT stapes_nn_add_row(const stapes_nn_add_layer *layer, const int8_t *a, const int8_t *b,
                                            int8_t *out)
{
    const int32_t shift = layer->shift, low = layer->out_min, high = layer->out_max, count = layer->shape[3];
    int32_t factor_a = layer->factor_a, factor_b = layer->factor_b, offset = layer->offset, i = 0;
    if (layer->stride_a[3] == 0) {
        offset += *a * factor_a;
        factor_a = 0;
        a = b;
    }
    if (layer->stride_b[3] == 0) {
        offset += *b * factor_b;
        factor_b = 0;
        b = a;
    }
#if STAPES_NN_LAYOUT == STAPES_NN_HOST
#if STAPES_NN_VECTORS
    for (; count - i >= 32; i += 32) {
        stapes_nn_v8si sums[4];
        int v;
        for (v = 0; v < 4; v++) {
            const stapes_nn_v8si x = stapes_nn_load_bytes(a + i + 8 * v, 8),
                                 y = stapes_nn_load_bytes(b + i + 8 * v, 8);
            sums[v] = (x * factor_a + y * factor_b + offset) >> shift;
        }
        stapes_nn_store_lanes(sums, 4, 0, low, high, out + i, 32);
    }
    for (; count - i >= 8; i += 8) {
        const stapes_nn_v8si x = stapes_nn_load_bytes(a + i, 8), y = stapes_nn_load_bytes(b + i, 8);
        const stapes_nn_v8si sum = (x * factor_a + y * factor_b + offset) >> shift;
        stapes_nn_store_lanes(&sum, 1, 0, low, high, out + i, 8);
    }
#endif
#endif /* STAPES_NN_HOST */
#if STAPES_NN_LAYOUT == STAPES_NN_MVE
#if STAPES_NN_ASM
    for (; count - i >= 4; i += 4) {
        const int32x4_t x = vldrbq_s32(a + i), y = vldrbq_s32(b + i);
        const int32x4_t sum = vaddq_n_s32(vmlaq_n_s32(vmulq_n_s32(x, factor_a), y, factor_b), offset);
        stapes_nn_mve_store(vshlq_r_s32(sum, -shift), out + i);
    }
#endif
#endif /* STAPES_NN_MVE */
    for (; i < count; i++) {
        /* |sum| < 2^31, partial sums too: proved by the compiler */
        out[i] = stapes_nn_narrow((a[i] * factor_a + b[i] * factor_b + offset) >> shift, low, high);
    }
    stapes_nn_limit(out, count, low, high);
}

STAPES_NN_API void STAPES_NN_COLD stapes_nn_add(const stapes_nn_add_layer *layer, const int8_t *a, const int8_t *b,
                                                int8_t *out)
{
    int32_t i, j, k;
    for (i = 0; i < layer->shape[0]; i++) {
        for (j = 0; j < layer->shape[1]; j++) {
            for (k = 0; k < layer->shape[2]; k++) {
                stapes_nn_add_row(layer, a + i * layer->stride_a[0] + j * layer->stride_a[1] + k * layer->stride_a[2],
                                  b + i * layer->stride_b[0] + j * layer->stride_b[1] + k * layer->stride_b[2], out);
                out += layer->shape[3];
            }
        }
    }
}
