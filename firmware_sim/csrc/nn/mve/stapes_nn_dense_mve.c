/* stapes_nn_dense_mve.c -- FULLY_CONNECTED with Helium: four channels at a time. Apache-2.0.
 *
 * Weights lie in the order of use: for every group of four channels and every sixteen inputs, those of the four
 * channels one after the other. Inputs and channels are padded with zeros. */
#include "stapes_nn.h"

#if STAPES_NN_LAYOUT == STAPES_NN_MVE

#include "stapes_nn_arithmetic.h"
#include "stapes_nn_mve.h"

/* Requantize the sum of one channel. */
static int8_t stapes_nn_dense_finish(const stapes_nn_dense_layer *layer, int32_t channel, int32_t sum)
{
    const int64_t scaled =
        stapes_nn_round_once(sum, layer->multiplier[channel], layer->shift[channel]) + layer->out_zero;
    return (int8_t)(scaled < layer->out_min ? layer->out_min : scaled > layer->out_max ? layer->out_max : scaled);
}

#if STAPES_NN_ASM

/* Whether stapes_nn_dense_round can be used: 1 <= shift - 32 <= 22 for all channels. */
static int stapes_nn_dense_round_applies(const stapes_nn_dense_layer *layer)
{
    int32_t i;
    for (i = 0; i < layer->out_size; i++) {
        if (layer->shift[i] < 33 || layer->shift[i] > 54) {
            return 0;
        }
    }
    return 1;
}

/* Requantize and store up to four channels: (sum * multiplier + 2^(shift - 1) + out_zero * 2^shift) >> shift, clamped.
 * With r = shift - 32 the upper word of the product suffices: (upper + 2^(r - 1) + out_zero * 2^r) >> r.
 * |upper| < 2^30, |2^(r - 1) + out_zero * 2^r| <= 255 * 2^21. */
static void stapes_nn_dense_round(const stapes_nn_dense_layer *layer, int32_t channel, int32x4_t sum, int8_t *out)
{
    const mve_pred16_t some = vctp32q((uint32_t)(layer->out_size - channel));
    const int32x4_t biased =
        vaddq_s32(sum, vldrwq_z_s32(layer->bias + channel, some)); /* |biased| < 2^31: proved by the compiler */
    const int32x4_t upper = vmulhq_s32(biased, vldrwq_z_s32(layer->multiplier + channel, some));
    const int32x4_t right = vsubq_s32(vdupq_n_s32(32), vldrbq_z_s32(layer->shift + channel, some)); /* -r */
    const int32x4_t twice = vshlq_s32(vdupq_n_s32(2 * layer->out_zero + 1), vnegq_s32(right));
    const int32x4_t scaled = vshlq_s32(vaddq_s32(upper, vshrq_n_s32(twice, 1)), right);
    const int32x4_t limited = vminq_s32(vmaxq_s32(scaled, vdupq_n_s32(layer->out_min)), vdupq_n_s32(layer->out_max));
    vstrbq_p_s32(out + channel, limited, some);
}

/* Compute one row of outputs. */
static void stapes_nn_dense_row(const stapes_nn_dense_layer *layer, const int8_t *in, int8_t *out)
{
    const int8_t *weights = (const int8_t *)layer->weights;
    const int fast = stapes_nn_dense_round_applies(layer);
    int32_t channel, left, i;
    for (channel = 0; channel < layer->out_size; channel += 4) {
        const int8_t *from = in;
        int32_t sum0 = 0, sum1 = 0, sum2 = 0, sum3 = 0; /* |sum| < 2^31, partial sums too: proved by the compiler */
        for (left = layer->in_size; left > 0; left -= 16) {
            const int8x16_t x = vldrbq_z_s8(from, vctp8q((uint32_t)left));
            sum0 = vmladavaq_s8(sum0, x, vldrbq_s8(weights));
            sum1 = vmladavaq_s8(sum1, x, vldrbq_s8(weights + 16));
            sum2 = vmladavaq_s8(sum2, x, vldrbq_s8(weights + 32));
            sum3 = vmladavaq_s8(sum3, x, vldrbq_s8(weights + 48));
            weights += 64;
            from += 16;
        }
        if (fast) {
            stapes_nn_dense_round(layer, channel, stapes_nn_mve_four(sum0, sum1, sum2, sum3), out);
        } else {
            const int32_t sums[4] = {sum0, sum1, sum2, sum3};
            for (i = 0; i < 4 && channel + i < layer->out_size; i++) {
                out[channel + i] = stapes_nn_dense_finish(layer, channel + i, sums[i] + layer->bias[channel + i]);
            }
        }
    }
}

#else

/* The same in C: the specification of the intrinsics. */
static void stapes_nn_dense_row(const stapes_nn_dense_layer *layer, const int8_t *in, int8_t *out)
{
    const int32_t vectors = (layer->in_size + 15) / 16;
    int32_t channel, k;
    for (channel = 0; channel < layer->out_size; channel++) {
        const int8_t *const weights = (const int8_t *)layer->weights + channel / 4 * vectors * 64 + channel % 4 * 16;
        int32_t sum = layer->bias[channel];
        for (k = 0; k < layer->in_size; k++) {
            sum += in[k] * weights[k / 16 * 64 + k % 16];
        }
        out[channel] = stapes_nn_dense_finish(layer, channel, sum);
    }
}

#endif

STAPES_NN_API void stapes_nn_dense(const stapes_nn_dense_layer *layer, const int8_t *in, int8_t *out, int8_t *scratch)
{
    int32_t row;
    (void)scratch;
    for (row = 0; row < layer->rows; row++) {
        stapes_nn_dense_row(layer, in, out);
        in += layer->in_size;
        out += layer->out_size;
    }
}

#endif
