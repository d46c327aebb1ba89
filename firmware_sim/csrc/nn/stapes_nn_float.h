/* stapes_nn_float.h -- from a real value to the code that stands for it. Apache-2.0. */
#ifndef STAPES_NN_FLOAT_H
#define STAPES_NN_FLOAT_H

#include <stdint.h>

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
