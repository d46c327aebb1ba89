/* stapes_nn_dense_16.c -- FULLY_CONNECTED of int16. Apache-2.0. */
#include "stapes_nn_int16.h"

/* The upper 64 bits of a product of 128 bits; the lowest bit is also set where any bit below it is. */
static uint64_t stapes_nn_dense_16_multiply(uint64_t a, uint64_t b)
{
    const uint64_t a0 = a & 0xffffffffu, a1 = a >> 32, b0 = b & 0xffffffffu, b1 = b >> 32;
    const uint64_t low = a0 * b0;
    const uint64_t middle = a1 * b0 + (low >> 32);             /* < 2^64, as (2^32 - 1)^2 + 2^32 - 1 is */
    const uint64_t middle2 = a0 * b1 + (middle & 0xffffffffu); /* < 2^64 */
    const uint64_t below = ((middle2 << 32) | (low & 0xffffffffu)) != 0 ? 1u : 0u;
    return (a1 * b1 + (middle >> 32) + (middle2 >> 32)) | below;
}

/* Return x * multiplier * 2^-shift, rounded to a double of 53 bits, halves to even, then to a whole number, halves up.
 * 0 <= x < 2^53, 2^52 <= multiplier < 2^53. The result is below 2^31. */
static int64_t stapes_nn_dense_16_scale(uint64_t x, int64_t multiplier, int32_t shift)
{
    uint64_t product, rest;
    int32_t right = shift - 64;
    if (x == 0) {
        return 0;
    }
    for (; x < (uint64_t)1 << 63; x <<= 1) {
        right++;
    }
    product = stapes_nn_dense_16_multiply(x, (uint64_t)multiplier << 11); /* >= 2^62 */
    if (product < (uint64_t)1 << 63) {
        product <<= 1;
        right++;
    }
    rest = product & 0x7ffu; /* what the 53 upper bits leave; its last bits say whether it is more than a half */
    product >>= 11;
    product += rest > 0x400u || (rest == 0x400u && (product & 1u)) ? 1u : 0u;             /* <= 2^53 */
    return right > 54 ? 0 : (int64_t)((product + ((uint64_t)1 << (right - 1))) >> right); /* 22 <= right */
}

STAPES_NN_API void stapes_nn_dense_16(const stapes_nn_dense_16_layer *layer, const int16_t *in, int16_t *out)
{
    int32_t row, channel, k;
    for (row = 0; row < layer->rows; row++, in += layer->in_size) {
        const int8_t *weight = layer->weights;
        for (channel = 0; channel < layer->out_size; channel++) {
            int64_t sum = layer->bias[channel], scaled;
            for (k = 0; k < layer->in_size; k++) {
                sum += stapes_nn_get_16(in + k) * *weight++; /* |product| <= 2^22 */
            }
            scaled = stapes_nn_dense_16_scale((uint64_t)(sum < 0 ? -sum : sum), layer->multiplier[channel],
                                              layer->shift[channel]);
            stapes_nn_put_16(out++, sum < 0 ? -scaled : scaled, layer->out_min, layer->out_max);
        }
    }
}
