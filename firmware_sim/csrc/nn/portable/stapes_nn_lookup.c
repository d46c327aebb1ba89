/* stapes_nn_lookup.c -- LOGISTIC, TANH, RELU, QUANTIZE and other functions of one value, from a table. Apache-2.0. */
#include "stapes_nn.h"
#if STAPES_NN_LAYOUT == STAPES_NN_HOST
#include "stapes_nn_host.h"
#endif /* STAPES_NN_HOST */
#if STAPES_NN_LAYOUT == STAPES_NN_MVE
#include "stapes_nn_mve.h"
#endif /* STAPES_NN_MVE */

#if STAPES_NN_LAYOUT == STAPES_NN_HOST
#if STAPES_NN_SHUFFLES

/* Look up 32 values. Each shuffle reads 64 entries of the table by the lower six bits of a value; the upper two bits
 * then select one of four results. */
STAPES_NN_ALWAYS_INLINE stapes_nn_v32qi stapes_nn_lookup_lanes(const int8_t table[256], stapes_nn_v32qi values)
{
    const stapes_nn_v32qi negative = (stapes_nn_v32qi)(values < 0), odd = (stapes_nn_v32qi)((values & 64) != 0);
    stapes_nn_v32qi part[8], quarter[4];
    int i;
    memcpy(part, table, 256);
    for (i = 0; i < 4; i++) {
        quarter[i] = __builtin_shuffle(part[2 * i], part[2 * i + 1], values);
    }
    return (((quarter[0] & ~odd) | (quarter[1] & odd)) & negative) |
           (((quarter[2] & ~odd) | (quarter[3] & odd)) & ~negative);
}

#endif
#endif /* STAPES_NN_HOST */

STAPES_NN_API void stapes_nn_lookup(const int8_t table[256], const int8_t *in, int8_t *out, int32_t count)
{
    int32_t i = 0;
#if STAPES_NN_LAYOUT == STAPES_NN_HOST
#if STAPES_NN_SHUFFLES
    for (; count - i >= 32; i += 32) {
        stapes_nn_v32qi values;
        memcpy(&values, in + i, sizeof values);
        values = stapes_nn_lookup_lanes(table, values);
        memcpy(out + i, &values, sizeof values);
    }
    for (; count - i >= 8; i += 8) {
        stapes_nn_v4di eight = {0, 0, 0, 0};
        int64_t values;
        memcpy(&values, in + i, sizeof values);
        eight[0] = values;
        values = ((stapes_nn_v4di)stapes_nn_lookup_lanes(table, (stapes_nn_v32qi)eight))[0];
        memcpy(out + i, &values, sizeof values);
    }
#endif
#endif /* STAPES_NN_HOST */
#if STAPES_NN_LAYOUT == STAPES_NN_MVE
#if STAPES_NN_ASM
    for (; count - i >= 16; i += 16) { /* with its upper bit changed, a value is 128 more and unsigned */
        const uint8x16_t at = veorq_u8(vreinterpretq_u8_s8(vldrbq_s8(in + i)), vdupq_n_u8(128));
        vstrbq_s8(out + i, vldrbq_gather_offset_s8(table, at));
    }
#endif
#endif /* STAPES_NN_MVE */
    for (; i < count; i++) {
        out[i] = table[in[i] + 128];
    }
}
