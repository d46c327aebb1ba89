/* Whole recordings on a computer: a frame in each lane of a vector, where there are any. */
#include "stapes_frontend.h"

#include <string.h>

#include "stapes_recording_api.h"

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#define VECTORS 1
#elif defined(__AARCH64EL__) && defined(__GNUC__)
#include <arm_neon.h>
#define VECTORS 1
#endif

#if defined(VECTORS)
/* 0 past the end. */
static inline int32_t window_weight(const stapes_frontend_tables *tables, int32_t sample)
{
    const int32_t *rising = stapes_frontend_table(tables, tables->window_at), window = tables->window;
    return sample >= window ? 0 : rising[sample <= window / 2 ? sample : window - sample];
}

#if defined(__x86_64__)
/* The window's weights of a pair of samples in half words, weight = upper * 2^16 + low, |low| <= 2^15, |upper| <= 2^9.
 */
typedef struct {
    __attribute__((aligned(16))) int16_t low[8]; /* of the even sample four times, then of the odd one */
    int16_t even[8], odd[8];                     /* upper and one, four times */
} pair_weights;
#else
typedef struct {
    int32_t weight[2];
} pair_weights;
#endif

enum { MOST_PAIRS = 1024 };

/* Four values, or as many as there are. */
static inline void copied_4(void *to, const void *from, size_t value_bytes, size_t count)
{
    if (count >= 4)
        memcpy(to, from, 4 * value_bytes);
    else
        memcpy(to, from, count * value_bytes);
}

/* As many frames from pcm on as there are lanes; either output may be NULL. */
typedef void frames_function(const stapes_frontend_tables *tables, const pair_weights *weights, const int16_t *pcm,
                             int32_t *work, int8_t *features, int16_t *log2_bands);

/* Past the end there are zeros, for four pairs are used at a time. */
static void split_weights(const stapes_frontend_tables *tables, pair_weights *weights)
{
    for (int32_t sample = 0; sample < (tables->window + 7) / 8 * 8; sample++) {
        const int32_t weight = window_weight(tables, sample);
        pair_weights *pair = weights + sample / 2;
#if defined(__x86_64__)
        const int32_t upper = (weight + 32768) >> 16;
        int16_t *lows = pair->low + 4 * (sample % 2), *uppers = sample % 2 ? pair->odd : pair->even;
        for (int32_t n = 0; n < 4; n++) {
            lows[n] = (int16_t)(weight - upper * 65536);
            uppers[2 * n] = (int16_t)upper;
            uppers[2 * n + 1] = 1;
        }
#else
        pair->weight[sample % 2] = weight;
#endif
    }
}

#if defined(__x86_64__)
/* What all widths have in common. TIMES reads the even words of its operands. */
#define TIMES(x, y) ((LONGS)MM(mul_epi32)((REGISTER)(x), (REGISTER)(y)))
#define LOW_TIMES(x, y) ((LONGS)MM(mul_epu32)((REGISTER)(x), (REGISTER)(y)))
#define OTHERS(x) ((WORDS)((LONGS)(x) >> 32))
#define UPPER(some, others) ((WORDS)MM(shuffle_ps)((FLOATS)(some), (FLOATS)(others), 0xDD))
#define REORDERED(x) ((WORDS)MM(shuffle_epi32)((REGISTER)(x), 0xD8))
#define ORDERED(lane) ((lane) / 4 * 4 + (lane) % 2 * 2 + (lane) / 2 % 2)
#define ZIPPED_LOW(x, y) ((HALVES)MM(unpacklo_epi16)((REGISTER)(x), (REGISTER)(y)))
#define ZIPPED_HIGH(x, y) ((HALVES)MM(unpackhi_epi16)((REGISTER)(x), (REGISTER)(y)))
#define HIGH16(x, y) ((HALVES)MM(mulhi_epi16)((REGISTER)(x), (REGISTER)(y)))
#define PAIR_SUMS(x, y) ((WORDS)MM(madd_epi16)((REGISTER)(x), (REGISTER)(y)))
#define LEAST(x, y) ((WORDS)MM(min_epi32)((REGISTER)(x), (REGISTER)(y)))
#define MOST(x, y) ((WORDS)MM(max_epi32)((REGISTER)(x), (REGISTER)(y)))
#define EIGHT(at) _mm_loadu_si128((const __m128i *)(const void *)(at))

#define LANES 4
#define TARGET __attribute__((target("sse4.1")))
#define NAME(x) x##_4
#define REGISTER __m128i
#define FLOATS __m128
#define MM(x) _mm_##x
#define EIGHT_AT(at) ((HALVES)_mm_load_si128((const __m128i *)(const void *)(at)))
#define ROW(starts, at) ((HALVES)EIGHT((starts)[0] + (at)))
#include "stapes_recording_lanes.h"

#define LANES 8
#define TARGET __attribute__((target("avx2")))
#define NAME(x) x##_8
#define REGISTER __m256i
#define FLOATS __m256
#define MM(x) _mm256_##x
#define EIGHT_AT(at) ((HALVES)_mm256_broadcastsi128_si256(EIGHT(at)))
#define ROW(starts, at) \
    ((HALVES)_mm256_inserti128_si256(_mm256_castsi128_si256(EIGHT((starts)[0] + (at))), EIGHT((starts)[4] + (at)), 1))
#include "stapes_recording_lanes.h"

#define LANES 16
#define TARGET __attribute__((target("avx512bw")))
#define NAME(x) x##_16
#define REGISTER __m512i
#define FLOATS __m512
#define MM(x) _mm512_##x
#define EIGHT_AT(at) ((HALVES)_mm512_broadcast_i32x4(EIGHT(at)))
#define BESIDE(row, starts, at, n) _mm512_inserti32x4(row, EIGHT((starts)[4 * (n)] + (at)), n)
#define ROW(starts, at)                                                                                              \
    ((HALVES)BESIDE(BESIDE(BESIDE(_mm512_castsi128_si512(EIGHT((starts)[0] + (at))), starts, at, 1), starts, at, 2), \
                    starts, at, 3))
#include "stapes_recording_lanes.h"
#else

#define LANES 4
#define TARGET
#define NAME(x) x##_4
#define TIMES(x, y) ((LONGS)vmull_s32(vget_low_s32((int32x4_t)(x)), vget_low_s32((int32x4_t)(y))))
#define LOW_TIMES(x, y) ((LONGS)vmull_u32(vmovn_u64((uint64x2_t)(x)), vmovn_u64((uint64x2_t)(y))))
#define OTHERS(x) ((WORDS)vextq_u32((uint32x4_t)(x), (uint32x4_t)(x), 2))
#define UPPER(some, others) ((WORDS)vuzp2q_u32((uint32x4_t)(some), (uint32x4_t)(others)))
#define REORDERED(x) (x)
#define ORDERED(lane) (lane)
#define DOUBLED_HIGH(x, y, n) ((WORDS)vqdmulhq_laneq_s32((int32x4_t)(x), (int32x4_t)(y), n))
#define ZIPPED_LOW(x, y) ((HALVES)vzip1q_u16((uint16x8_t)(x), (uint16x8_t)(y)))
#define ZIPPED_HIGH(x, y) ((HALVES)vzip2q_u16((uint16x8_t)(x), (uint16x8_t)(y)))
#define LEAST(x, y) ((WORDS)vminq_s32((int32x4_t)(x), (int32x4_t)(y)))
#define MOST(x, y) ((WORDS)vmaxq_s32((int32x4_t)(x), (int32x4_t)(y)))
#define ROW(starts, at) ((HALVES)vld1q_s16((starts)[0] + (at)))
#include "stapes_recording_lanes.h"
#endif
#endif

int32_t stapes_recording_lanes(void)
{
#if defined(__x86_64__) && defined(VECTORS)
    return __builtin_cpu_supports("avx512bw") ? 16
           : __builtin_cpu_supports("avx2")   ? 8
           : __builtin_cpu_supports("sse4.1") ? 4
                                              : 1;
#elif defined(VECTORS)
    return 4;
#else
    return 1;
#endif
}

void stapes_recording(const stapes_frontend_tables *tables, const int16_t *pcm, size_t samples, int32_t lanes,
                      int32_t *work, int8_t *features, int16_t *log2_bands)
{
    const size_t frames = stapes_frontend_frames(tables, samples), bands = tables->n_bands;
    size_t width = (size_t)lanes;
    while (width > 1 && width > frames) /* fewer than fill the lanes */
        width = width > 4 ? width / 2 : 1;
    if (width == 1) {
        stapes_frontend_file(tables, pcm, samples, work, features, log2_bands);
        return;
    }
#if defined(VECTORS)
    pair_weights weights[MOST_PAIRS];
    split_weights(tables, weights);
#if defined(__x86_64__)
    frames_function *const at_once = width == 16 ? frames_16 : width == 8 ? frames_8 : frames_4;
#else
    frames_function *const at_once = frames_4;
#endif
    for (size_t done = 0; done < frames; done += width) {
        const size_t t = done + width <= frames ? done : frames - width; /* the last frames a second time */
        at_once(tables, weights, pcm + t * tables->hop, work, features ? features + t * bands : NULL,
                log2_bands ? log2_bands + t * bands : NULL);
    }
#endif
}
