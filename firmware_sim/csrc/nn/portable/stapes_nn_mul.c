/* stapes_nn_mul.c -- MUL with broadcasting. Apache-2.0. */
#include "stapes_nn.h"
#include "stapes_nn_arithmetic.h"
#if STAPES_NN_LAYOUT == STAPES_NN_HOST
#include "stapes_nn_host.h"
#endif /* STAPES_NN_HOST */
#if STAPES_NN_LAYOUT == STAPES_NN_MVE
#include "stapes_nn_mve.h"
#endif /* STAPES_NN_MVE */

#if STAPES_NN_LAYOUT == STAPES_NN_HOST
#if STAPES_NN_VECTORS

/* stapes_nn_mul_row for the 8 * vectors elements that fit 1 to 4 vectors. */
STAPES_NN_ALWAYS_INLINE void stapes_nn_mul_lanes(const stapes_nn_mul_layer *layer, const int8_t *a, const int8_t *b,
                                                 int8_t *out, int vectors)
{
    const int32_t stride_a = layer->stride_a[3], stride_b = layer->stride_b[3];
    const stapes_nn_scales scales =
        stapes_nn_make_scales(stapes_nn_splat(layer->multiplier), stapes_nn_splat(layer->shift));
    stapes_nn_v8si products[4];
    int i;
    for (i = 0; i < vectors; i++) {
        const stapes_nn_v8si x = stapes_nn_load_elements(a + 8 * i * stride_a, stride_a) - layer->zero_a;
        const stapes_nn_v8si y = stapes_nn_load_elements(b + 8 * i * stride_b, stride_b) - layer->zero_b;
        products[i] = stapes_nn_round_lanes(x * y, &scales);
    }
    stapes_nn_store_lanes(products, vectors, layer->out_zero, layer->out_min, layer->out_max, out, 8 * vectors);
}

#endif
#endif /* STAPES_NN_HOST */

/* The elements up to `end` for any multiplier and shift. */
static void STAPES_NN_COLD stapes_nn_mul_any(const stapes_nn_mul_layer *layer, const int8_t *a, const int8_t *b,
                                             int8_t *out, const int8_t *end)
{
    for (; out < end; a += layer->stride_a[3], b += layer->stride_b[3]) {
        const int32_t product = (*a - layer->zero_a) * (*b - layer->zero_b); /* |product| <= 255 * 255 < 2^16 */
        const int32_t scaled = stapes_nn_round_twice(product, layer->multiplier, layer->shift);
        *out++ = stapes_nn_clamp(scaled + layer->out_zero, layer->out_min, layer->out_max);
    }
}

/* One row of outputs. The inputs' strides are 0 or 1. */
static void STAPES_NN_HOT stapes_nn_mul_row(const stapes_nn_mul_layer *layer, const int8_t *a, const int8_t *b,
                                            int8_t *out)
{
    const int32_t multiplier = layer->multiplier, right = -layer->shift, zero_a = layer->zero_a,
                  zero_b = layer->zero_b;
    const int32_t low = layer->out_min, high = layer->out_max, stride_a = layer->stride_a[3],
                  stride_b = layer->stride_b[3];
    const int8_t *const end = out + layer->shape[3];
    int32_t rounding;
#if STAPES_NN_LAYOUT == STAPES_NN_HOST
#if STAPES_NN_VECTORS
    for (; end - out >= 32; out += 32, a += 32 * stride_a, b += 32 * stride_b) {
        stapes_nn_mul_lanes(layer, a, b, out, 4);
    }
    for (; end - out >= 8; out += 8, a += 8 * stride_a, b += 8 * stride_b) {
        stapes_nn_mul_lanes(layer, a, b, out, 1);
    }
#endif
#endif /* STAPES_NN_HOST */
    if (right < 1 || right > 22) {
        stapes_nn_mul_any(layer, a, b, out, end);
        return;
    }
    /* 2^(right - 1) + out_zero * 2^right, |.| <= 255 * 2^21 */
    rounding = (2 * layer->out_zero + 1) * ((int32_t)1 << (right - 1));
#if STAPES_NN_LAYOUT == STAPES_NN_MVE
#if STAPES_NN_ASM
    if (stride_a == 1 && stride_b == 1) { /* as below, four at a time; VQRDMULH is stapes_nn_multiply_high */
        for (; end - out >= 4; out += 4, a += 4, b += 4) {
            const int32x4_t x = vsubq_n_s32(vldrbq_s32(a), zero_a), y = vsubq_n_s32(vldrbq_s32(b), zero_b);
            const int32x4_t scaled = vqrdmulhq_n_s32(vmulq_s32(x, y), multiplier);
            const int32x4_t away = vaddq_n_s32(vaddq_s32(scaled, vshrq_n_s32(scaled, 31)), rounding);
            stapes_nn_mve_store(vshlq_r_s32(away, -right), out);
        }
    }
#endif
#endif /* STAPES_NN_MVE */
    /* stapes_nn_round_twice, with the output's zero point in `rounding` */
    for (; out < end; a += stride_a, b += stride_b) {
        const int32_t scaled = stapes_nn_multiply_high((*a - zero_a) * (*b - zero_b), multiplier); /* |.| < 2^16 */
        *out++ = stapes_nn_narrow((scaled + (scaled >> 31) + rounding) >> right, low, high);
    }
    stapes_nn_limit(out - layer->shape[3], layer->shape[3], low, high);
}

STAPES_NN_API void STAPES_NN_COLD stapes_nn_mul(const stapes_nn_mul_layer *layer, const int8_t *a, const int8_t *b,
                                                int8_t *out)
{
    int32_t i, j, k;
    for (i = 0; i < layer->shape[0]; i++) {
        for (j = 0; j < layer->shape[1]; j++) {
            for (k = 0; k < layer->shape[2]; k++) {
                stapes_nn_mul_row(layer, a + i * layer->stride_a[0] + j * layer->stride_a[1] + k * layer->stride_a[2],
                                  b + i * layer->stride_b[0] + j * layer->stride_b[1] + k * layer->stride_b[2], out);
                out += layer->shape[3];
            }
        }
    }
}
