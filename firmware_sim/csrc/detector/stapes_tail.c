/* stapes_tail.c -- the tail that continues a recording which has ended; see stapes_tail_api.h. Apache-2.0. */
#include <stddef.h>
#include <stdint.h>

#include "stapes_tail_api.h"

/* Return n^2 times the variance of n < 2^16 samples. The variance ignores a constant offset of the microphone. */
static uint64_t stapes_tail_loudness(const int16_t *samples, uint32_t n)
{
    int64_t sum = 0;      /* |sum| <= 2^31 */
    uint64_t squares = 0; /* <= 2^46 */

    for (uint32_t i = 0; i < n; i++) {
        sum += samples[i];
        squares += (uint64_t)((int32_t)samples[i] * samples[i]);
    }
    return n * squares - (uint64_t)(sum * sum); /* sum^2 <= n * squares <= 2^62 */
}

void stapes_tail(const int16_t *recent, uint32_t n, uint32_t step, int16_t *out, uint32_t samples)
{
    uint32_t length = n < step ? n : step;
    const int16_t *last = recent + (n - length);
    const int16_t *quietest = last;
    uint64_t least = stapes_tail_loudness(last, length);

    for (uint32_t steps = n / length; steps > 1; steps--) {
        last -= length;
        uint64_t found = stapes_tail_loudness(last, length);
        if (found < least) {
            least = found;
            quietest = last;
        }
    }
    for (uint32_t i = 0; i < samples; i++) {
        uint32_t place = i % (2 * length); /* backward first: it continues a recording of one step without a jump */
        out[i] = quietest[place < length ? length - 1 - place : place - length];
    }
}
