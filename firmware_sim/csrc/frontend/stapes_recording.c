/* stapes_recording.c -- the frontend over whole recordings on a computer, one frame in each lane of a vector.
 * Apache-2.0.
 *
 * Names that are private to this file and to stapes_recording_lanes.h begin with stapes_recording_ or REC_. */
#include "stapes_frontend.h"

#include <string.h>

#include "stapes_recording_api.h"

#if defined(STAPES_FRONTEND_BIG_ENDIAN)
#error "stapes in Python needs a little-endian computer; what it exports runs on big-endian processors, too"
#endif

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#define REC_VECTORS 1
#elif defined(__AARCH64EL__) && defined(__GNUC__)
#include <arm_neon.h>
#define REC_VECTORS 1
#endif

#if defined(REC_VECTORS)
/* Return the weight of the window for a sample of the frame; 0 after the window. */
static inline int32_t stapes_recording_window_weight(const stapes_frontend_tables *tables, int32_t sample)
{
    const int32_t *rising = stapes_frontend_table(tables, tables->window_at), window = tables->window;
    return sample >= window ? 0 : rising[sample <= window / 2 ? sample : window - sample];
}

#if defined(__x86_64__)
/* The weights of a pair of samples in half words: weight = upper * 2^16 + low, |low| <= 2^15, |upper| <= 2^9. */
typedef struct {
    __attribute__((aligned(16))) int16_t low[8]; /* low of the even sample four times, then of the odd one */
    int16_t even[8], odd[8];                     /* (upper, 1), four times */
} stapes_recording_pair_weights;
#else
typedef struct {
    int32_t weight[2];
} stapes_recording_pair_weights;
#endif

enum { REC_MAX_PAIRS = 1024 };

/* Copy four values, or `count` if there are fewer. */
static inline void stapes_recording_copy_4(void *to, const void *from, size_t value_bytes, size_t count)
{
    if (count >= 4)
        memcpy(to, from, 4 * value_bytes);
    else
        memcpy(to, from, count * value_bytes);
}

/* Computes one frame per lane from pcm on; either output may be NULL. */
typedef void stapes_recording_frames_function(const stapes_frontend_tables *tables,
                                              const stapes_recording_pair_weights *weights, const int16_t *pcm,
                                              int32_t *work, int8_t *features, int16_t *log2_bands);

/* Split all weights of the window. Zeros follow, because four pairs are read at a time. */
static void stapes_recording_split_weights(const stapes_frontend_tables *tables,
                                           stapes_recording_pair_weights *weights)
{
    for (int32_t sample = 0; sample < (tables->window + 7) / 8 * 8; sample++) {
        const int32_t weight = stapes_recording_window_weight(tables, sample);
        stapes_recording_pair_weights *pair = weights + sample / 2;
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
/* Operations that all widths share; see stapes_recording_lanes.h. REC_MULTIPLY reads the even words of its operands.
 */
#define REC_MULTIPLY(x, y) ((REC_LONGS)REC_MM(mul_epi32)((REC_REGISTER)(x), (REC_REGISTER)(y)))
#define REC_MULTIPLY_UNSIGNED(x, y) ((REC_LONGS)REC_MM(mul_epu32)((REC_REGISTER)(x), (REC_REGISTER)(y)))
#define REC_OTHER_HALF(x) ((REC_WORDS)((REC_LONGS)(x) >> 32))
#define REC_UPPER_WORDS(some, others) ((REC_WORDS)REC_MM(shuffle_ps)((REC_FLOATS)(some), (REC_FLOATS)(others), 0xDD))
#define REC_REORDER(x) ((REC_WORDS)REC_MM(shuffle_epi32)((REC_REGISTER)(x), 0xD8))
#define REC_LANE_AT(lane) ((lane) / 4 * 4 + (lane) % 2 * 2 + (lane) / 2 % 2)
#define REC_ZIP_LOW(x, y) ((REC_HALVES)REC_MM(unpacklo_epi16)((REC_REGISTER)(x), (REC_REGISTER)(y)))
#define REC_ZIP_HIGH(x, y) ((REC_HALVES)REC_MM(unpackhi_epi16)((REC_REGISTER)(x), (REC_REGISTER)(y)))
#define REC_MULTIPLY_HIGH16(x, y) ((REC_HALVES)REC_MM(mulhi_epi16)((REC_REGISTER)(x), (REC_REGISTER)(y)))
#define REC_DOT_PAIRS(x, y) ((REC_WORDS)REC_MM(madd_epi16)((REC_REGISTER)(x), (REC_REGISTER)(y)))
#define REC_MIN(x, y) ((REC_WORDS)REC_MM(min_epi32)((REC_REGISTER)(x), (REC_REGISTER)(y)))
#define REC_MAX(x, y) ((REC_WORDS)REC_MM(max_epi32)((REC_REGISTER)(x), (REC_REGISTER)(y)))
#define REC_LOAD8(at) _mm_loadu_si128((const __m128i *)(const void *)(at))

#define REC_LANES 4
#define REC_TARGET __attribute__((target("sse4.1")))
#define REC_NAME(x) stapes_recording_##x##_4
#define REC_REGISTER __m128i
#define REC_FLOATS __m128
#define REC_MM(x) _mm_##x
#define REC_LOAD8_REPEATED(at) ((REC_HALVES)_mm_load_si128((const __m128i *)(const void *)(at)))
#define REC_LOAD_ROW(starts, at) ((REC_HALVES)REC_LOAD8((starts)[0] + (at)))
#include "stapes_recording_lanes.h"

#define REC_LANES 8
#define REC_TARGET __attribute__((target("avx2")))
#define REC_NAME(x) stapes_recording_##x##_8
#define REC_REGISTER __m256i
#define REC_FLOATS __m256
#define REC_MM(x) _mm256_##x
#define REC_LOAD8_REPEATED(at) ((REC_HALVES)_mm256_broadcastsi128_si256(REC_LOAD8(at)))
#define REC_LOAD_ROW(starts, at)                                                                \
    ((REC_HALVES)_mm256_inserti128_si256(_mm256_castsi128_si256(REC_LOAD8((starts)[0] + (at))), \
                                         REC_LOAD8((starts)[4] + (at)), 1))
#include "stapes_recording_lanes.h"

#define REC_LANES 16
#define REC_TARGET __attribute__((target("avx512bw")))
#define REC_NAME(x) stapes_recording_##x##_16
#define REC_REGISTER __m512i
#define REC_FLOATS __m512
#define REC_MM(x) _mm512_##x
#define REC_LOAD8_REPEATED(at) ((REC_HALVES)_mm512_broadcast_i32x4(REC_LOAD8(at)))
#define REC_INSERT(row, starts, at, n) _mm512_inserti32x4(row, REC_LOAD8((starts)[4 * (n)] + (at)), n)
#define REC_LOAD_ROW(starts, at)                                                                                     \
    ((REC_HALVES)REC_INSERT(                                                                                         \
        REC_INSERT(REC_INSERT(_mm512_castsi128_si512(REC_LOAD8((starts)[0] + (at))), starts, at, 1), starts, at, 2), \
        starts, at, 3))
#include "stapes_recording_lanes.h"
#else

#define REC_LANES 4
#define REC_TARGET
#define REC_NAME(x) stapes_recording_##x##_4
#define REC_MULTIPLY(x, y) ((REC_LONGS)vmull_s32(vget_low_s32((int32x4_t)(x)), vget_low_s32((int32x4_t)(y))))
#define REC_MULTIPLY_UNSIGNED(x, y) ((REC_LONGS)vmull_u32(vmovn_u64((uint64x2_t)(x)), vmovn_u64((uint64x2_t)(y))))
#define REC_OTHER_HALF(x) ((REC_WORDS)vextq_u32((uint32x4_t)(x), (uint32x4_t)(x), 2))
#define REC_UPPER_WORDS(some, others) ((REC_WORDS)vuzp2q_u32((uint32x4_t)(some), (uint32x4_t)(others)))
#define REC_REORDER(x) (x)
#define REC_LANE_AT(lane) (lane)
#define REC_MULTIPLY_HIGH_DOUBLED(x, y, n) ((REC_WORDS)vqdmulhq_laneq_s32((int32x4_t)(x), (int32x4_t)(y), n))
#define REC_ZIP_LOW(x, y) ((REC_HALVES)vzip1q_u16((uint16x8_t)(x), (uint16x8_t)(y)))
#define REC_ZIP_HIGH(x, y) ((REC_HALVES)vzip2q_u16((uint16x8_t)(x), (uint16x8_t)(y)))
#define REC_MIN(x, y) ((REC_WORDS)vminq_s32((int32x4_t)(x), (int32x4_t)(y)))
#define REC_MAX(x, y) ((REC_WORDS)vmaxq_s32((int32x4_t)(x), (int32x4_t)(y)))
#define REC_LOAD_ROW(starts, at) ((REC_HALVES)vld1q_s16((starts)[0] + (at)))
#include "stapes_recording_lanes.h"
#endif
#endif

int32_t stapes_recording_lanes(void)
{
#if defined(__x86_64__) && defined(REC_VECTORS)
    return __builtin_cpu_supports("avx512bw") ? 16
           : __builtin_cpu_supports("avx2")   ? 8
           : __builtin_cpu_supports("sse4.1") ? 4
                                              : 1;
#elif defined(REC_VECTORS)
    return 4;
#else
    return 1;
#endif
}

void stapes_recording(const stapes_frontend_tables *tables, const int16_t *pcm, size_t samples, int32_t lanes,
                      int32_t *work, int8_t *features, int16_t *log2_bands)
{
    const size_t frames = stapes_frontend_frames(tables, samples);
    size_t width = (size_t)lanes;
    while (width > 1 && width > frames) /* too few frames to fill the lanes */
        width = width > 4 ? width / 2 : 1;
    if (width == 1) {
        stapes_frontend_file(tables, pcm, samples, work, features, log2_bands);
        return;
    }
#if defined(REC_VECTORS)
    const size_t bands = tables->n_bands;
    stapes_recording_pair_weights weights[REC_MAX_PAIRS];
    stapes_recording_split_weights(tables, weights);
#if defined(__x86_64__)
    stapes_recording_frames_function *const at_once = width == 16  ? stapes_recording_frames_16
                                                      : width == 8 ? stapes_recording_frames_8
                                                                   : stapes_recording_frames_4;
#else
    stapes_recording_frames_function *const at_once = stapes_recording_frames_4;
#endif
    for (size_t done = 0; done < frames; done += width) {
        const size_t t = done + width <= frames ? done : frames - width; /* the last frames may be computed twice */
        at_once(tables, weights, pcm + t * tables->hop, work, features ? features + t * bands : NULL,
                log2_bands ? log2_bands + t * bands : NULL);
    }
#endif
}
