/* tiny.h -- written by stapes VERSION from a .tflite with sha256 6b32657eccc85524.
 * Regenerate, do not edit. This file belongs to whoever generated it; the kernels (stapes_nn) are Apache-2.0.
 *
 *   in     features    1x4x1  int8  real = 0.03125 * q             -4 to 3.96875
 *   out    scores      2      int8  real = 0.00390625 * (q + 128)  0 to 0.996094
 *   state  state_past  1x4x1  int8  real = 0.03125 * q             -4 to 3.96875
 */
#ifndef TINY_H
#define TINY_H

#include <stdint.h>

#define TINY_RAM_BYTES 72 /* sizeof(tiny_t) */
#define TINY_CHANNEL_BYTES 36 /* biases, multipliers, shifts */
#define TINY_TABLE_BYTES 256 /* lookup tables and other constants */
#define TINY_MACS 32 /* multiply-accumulates per step */
#define TINY_WEIGHT_BYTES 20

/* A q stands for the real value SCALE * (q - ZERO_POINT), which lies from REAL_MIN to REAL_MAX. */
#define TINY_FEATURES_COUNT 4
#define TINY_FEATURES_SCALE 0.03125f
#define TINY_FEATURES_ZERO_POINT 0
#define TINY_FEATURES_REAL_MIN (-4.0f)
#define TINY_FEATURES_REAL_MAX 3.96875f
#define TINY_SCORES_COUNT 2
#define TINY_SCORES_SCALE 0.00390625f
#define TINY_SCORES_ZERO_POINT (-128)
#define TINY_SCORES_REAL_MIN 0.0f
#define TINY_SCORES_REAL_MAX 0.99609375f

#ifdef __cplusplus
extern "C" {
#endif

/* All memory that changes, one per detector. The arena may be overwritten between steps, the states may not. */
typedef struct {
    int32_t arena[16]; /* tensors and scratch memory, aligned to 4 bytes */
    int8_t state_past[8]; /* the state is the first 4; a step appends its new values */
} tiny_t;

/* Set the states to their initial values: before the first step, and to start afresh. */
void tiny_reset(tiny_t *self);

/* One inference. The arrays must not overlap each other or *self. */
void tiny_step(tiny_t *self, const int8_t features[4], int8_t scores[2]);

/* The codes of real values, and the real values of codes: define this macro before the #include to have them. */
#ifdef TINY_WITH_FLOATS
/* stapes_nn_float.h -- from a real value to the code that stands for it. Apache-2.0. */
#ifndef STAPES_NN_FLOAT_H
#define STAPES_NN_FLOAT_H

/* The code in [low, high] with the nearest real value, halves away from the zero point, as LiteRT's QUANTIZE has it.
 * What lies beyond the range gives its end, NaN gives the zero point. The codes are those of at most 16 bits. */
static inline int32_t stapes_nn_code_of(float real, float scale, int32_t zero_point, int32_t low, int32_t high)
{
    const float quotient = real / scale;
    int32_t code;
    float rest;
    if (quotient >= 131072.0f || quotient <= -131072.0f) { /* 2^17: more than any code and zero point differ by */
        return quotient > 0.0f ? high : low;
    }
    if (quotient != quotient) {
        return zero_point;
    }
    code = (int32_t)quotient;      /* toward zero; |code| < 2^17 */
    rest = quotient - (float)code; /* exact, in (-1, 1) */
    code += zero_point + (rest >= 0.5f) - (rest <= -0.5f);
    return code < low ? low : code > high ? high : code;
}

#endif

static inline int8_t tiny_quantize_features(float real)
{
    return (int8_t)stapes_nn_code_of(real, 0.03125f, 0, -128, 127);
}

static inline float tiny_dequantize_scores(int8_t q)
{
    return 0.00390625f * (float)(q - (-128));
}
#endif

#ifdef __cplusplus
}
#endif

#endif
