/* stapes_nn_mve.h -- requantizing the sums of four channels with Helium. Apache-2.0. */
#ifndef STAPES_NN_MVE_H
#define STAPES_NN_MVE_H

#include "stapes_nn.h"

#if STAPES_NN_LAYOUT == STAPES_NN_MVE

/* STAPES_NN_ASM is 1 where intrinsics and assembly are used. The assembly needs nearly every register; therefore
 * neither is used without optimization. */
#if defined(__ARM_FEATURE_MVE) && defined(__GNUC__) && defined(__OPTIMIZE__)
#define STAPES_NN_ASM 1
#else
#define STAPES_NN_ASM 0
#endif

#if STAPES_NN_ASM

#include <arm_mve.h>

/* Whether no channel of the layer is shifted to the left, which the assembly cannot do. */
STAPES_NN_INLINE int stapes_nn_mve_no_left_shifts(const stapes_nn_conv_layer *layer)
{
    int32_t i;
    for (i = 0; i < layer->out_channels; i++) {
        if (layer->shift[i] > 0) {
            return 0;
        }
    }
    return 1;
}

/* The constants of four channels; those past the last channel are 0. */
typedef struct {
    int32_t bias[4], multiplier[4], shift[4];
    int32_t count;
} stapes_nn_mve_channels;

/* Load the constants of channels first .. first + 3. */
STAPES_NN_INLINE void stapes_nn_mve_load(stapes_nn_mve_channels *channels, const stapes_nn_conv_layer *layer,
                                         int32_t first)
{
    const mve_pred16_t some = vctp32q((uint32_t)(layer->out_channels - first));
    vstrwq_s32(channels->bias, vldrwq_z_s32(layer->bias + first, some));
    vstrwq_s32(channels->multiplier, vldrwq_z_s32(layer->multiplier + first, some));
    vstrwq_s32(channels->shift, vldrbq_z_s32(layer->shift + first, some));
    channels->count = layer->out_channels - first;
}

/* Apply stapes_nn_round_twice to four sums, add the zero point of the output, saturate to int8 and store the first
 * `count`. VQRDMULH does the inner rounding. VRSHL rounds halves up; so that halves below zero go down, 1 is
 * subtracted first from negative numbers, where there is a shift to the right. */
STAPES_NN_INLINE void stapes_nn_mve_round_twice(int32x4_t sum, int32x4_t multiplier, int32x4_t shift, int32_t zero,
                                                int8_t *out, int32_t count)
{
    const int32x4_t right = vminq_s32(shift, vdupq_n_s32(0));
    const int32x4_t left = vsubq_s32(shift, right); /* |sum << left| < 2^31: proved by the compiler */
    const int32x4_t high = vqrdmulhq_s32(vshlq_s32(sum, left), multiplier); /* |high| <= |sum << left| */
    const int32x4_t away = vaddq_s32(high, vshrq_n_s32(vandq_s32(high, right), 31));
    const int32x4_t scaled = vaddq_n_s32(vrshlq_s32(away, right), zero); /* |scaled| < 2^31: proved by the compiler */
    const int16x8_t half = vqmovnbq_s32(vdupq_n_s16(0), scaled);
    const int32x4_t byte = vreinterpretq_s32_s8(vqmovnbq_s16(vdupq_n_s8(0), half));
    if (count >= 4) {
        vstrbq_s32(out, byte);
    } else {
        vstrbq_p_s32(out, byte, vctp32q((uint32_t)count));
    }
}

/* Saturate four values to int8 and store them. The narrowed values replace the lower parts of the wide ones; only the
 * lowest bytes are stored. */
STAPES_NN_INLINE void stapes_nn_mve_store(int32x4_t values, int8_t *out)
{
    const int16x8_t half = vqmovnbq_s32(vreinterpretq_s16_s32(values), values);
    vstrbq_s32(out, vreinterpretq_s32_s8(vqmovnbq_s16(vreinterpretq_s8_s16(half), half)));
}

/* Clamp values to [low, high], where that is less than the range of int8. */
STAPES_NN_INLINE void stapes_nn_mve_limit(int8_t *values, int32_t count, int32_t low, int32_t high)
{
    if (low == -128 && high == 127) {
        return;
    }
    for (; count > 0; count -= 16) {
        const mve_pred16_t some = vctp8q((uint32_t)count);
        const int8x16_t limited =
            vmaxq_s8(vminq_s8(vldrbq_z_s8(values, some), vdupq_n_s8((int8_t)high)), vdupq_n_s8((int8_t)low));
        vstrbq_p_s8(values, limited, some);
        values += 16;
    }
}

/* Return sum + a * b, lane by lane. */
STAPES_NN_INLINE int32x4_t stapes_nn_mve_add(int32x4_t sum, int32x4_t a, int32x4_t b)
{
    return vaddq_s32(sum, vmulq_s32(a, b));
}

/* Return a vector of four sums. */
STAPES_NN_INLINE int32x4_t stapes_nn_mve_four(int32_t a, int32_t b, int32_t c, int32_t d)
{
    int32x4_t four = vdupq_n_s32(a);
    four = vsetq_lane_s32(b, four, 1);
    four = vsetq_lane_s32(c, four, 2);
    return vsetq_lane_s32(d, four, 3);
}

#endif

#endif

#endif
