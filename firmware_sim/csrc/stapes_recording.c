/* Whole recordings on a computer: vectors where there are any. */
#include "stapes_frontend.h"

#include <string.h>

#include "stapes_recording_api.h"

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#define VECTORS 1

/* Of 64-bit lanes below 2^56, 64 for zero. Without each bit that follows a set one, no rounding reaches the next power of two,
 * so the exponent of the float64 tells. 2^52 + x has x in its low bits; the upper and the lower word are converted like that. */
static inline __attribute__((always_inline, target("avx2"))) __m256i leading_zeros64_8(__m256i x)
{
    const __m256i sparse = _mm256_andnot_si256(_mm256_srli_epi64(x, 1), x);
    const __m256d two52 = _mm256_set1_pd(4503599627370496.0);
    const __m256i magic = _mm256_castpd_si256(two52);
    const __m256i upper = _mm256_or_si256(_mm256_srli_epi64(sparse, 32), magic);
    const __m256i lower = _mm256_blend_epi32(sparse, magic, 0xAA);
    const __m256d high = _mm256_mul_pd(_mm256_sub_pd(_mm256_castsi256_pd(upper), two52), _mm256_set1_pd(4294967296.0));
    const __m256d low = _mm256_sub_pd(_mm256_castsi256_pd(lower), two52);
    const __m256i exponent = _mm256_srli_epi64(_mm256_castpd_si256(_mm256_add_pd(high, low)), 52); /* 1023 + log2 */
    const __m256i zeros = _mm256_sub_epi64(_mm256_set1_epi64x(1023 + 63), exponent);
    return _mm256_min_epi32(zeros, _mm256_set1_epi64x(64));
}

/* Eight words from each of eight places to eight vectors of the first, ..., the eighth words. */
static inline __attribute__((always_inline, target("avx2"))) void loaded_8(const int16_t *const *starts, int32_t at, __m256i *words)
{
    __m256i row[8], pair[8], four[8];
    for (int32_t n = 0; n < 8; n++)
        row[n] = _mm256_loadu_si256((const __m256i *)(const void *)(starts[n] + at));
    for (int32_t n = 0; n < 8; n += 2) {
        pair[n] = _mm256_unpacklo_epi32(row[n], row[n + 1]);
        pair[n + 1] = _mm256_unpackhi_epi32(row[n], row[n + 1]);
    }
    for (int32_t n = 0; n < 8; n += 4)
        for (int32_t m = 0; m < 2; m++) {
            four[n + 2 * m] = _mm256_unpacklo_epi64(pair[n + m], pair[n + m + 2]);
            four[n + 2 * m + 1] = _mm256_unpackhi_epi64(pair[n + m], pair[n + m + 2]);
        }
    for (int32_t n = 0; n < 4; n++) {
        words[n] = _mm256_permute2x128_si256(four[n], four[n + 4], 0x20);
        words[n + 4] = _mm256_permute2x128_si256(four[n], four[n + 4], 0x31);
    }
}

#define LANES 8
#define TARGET "avx2"
#define WORDS __m256i
#define NAME(x) x##_8
#define ADD _mm256_add_epi32
#define SUB _mm256_sub_epi32
#define OR _mm256_or_si256
#define XOR _mm256_xor_si256
#define ADD64 _mm256_add_epi64
#define SUB64 _mm256_sub_epi64
#define UP _mm256_slli_epi32
#define UP64 _mm256_slli_epi64
#define DOWN64(x) _mm256_srli_epi64(x, 32)
#define TIMES _mm256_mul_epi32
#define TIMES_UNSIGNED _mm256_mul_epu32
#define TIMES32 _mm256_mullo_epi32
#define SIGNED_LOW(x) _mm256_srai_epi32(_mm256_slli_epi32(x, 16), 16)
#define SIGNED_HIGH(x) _mm256_srai_epi32(x, 16)
#define EACH _mm256_set1_epi32
#define UPPER(even, odd) _mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, 0xAA)
#define GATHERED(base, at) _mm256_i32gather_epi32((const int *)(const void *)(base), at, 2)
#define AND _mm256_and_si256
#define AND_NOT _mm256_andnot_si256
#define RIGHT _mm256_srli_epi32
#define SIGNED_RIGHT(x, n) _mm256_srai_epi32(x, n)
#define LEAST _mm256_min_epi32
#define MOST _mm256_max_epi32
#define EACH64 _mm256_set1_epi64x
#define UP_EACH64 _mm256_sllv_epi64
#define UP_EACH _mm256_sllv_epi32
#define LOADED loaded_8
#define IS_ZERO64(x) _mm256_cmpeq_epi64(x, _mm256_setzero_si256())
#define LEADING_ZEROS64 leading_zeros64_8
#include "stapes_recording_lanes.h"

static inline __attribute__((always_inline, target("avx512f,avx512cd"))) void loaded_16(const int16_t *const *starts,
                                                                                       int32_t at, __m512i *words)
{
    __m256i lower[8], upper[8];
    loaded_8(starts, at, lower);
    loaded_8(starts + 8, at, upper);
    for (int32_t n = 0; n < 8; n++)
        words[n] = _mm512_inserti64x4(_mm512_castsi256_si512(lower[n]), upper[n], 1);
}

#define LANES 16
#define TARGET "avx512f,avx512cd"
#define WORDS __m512i
#define NAME(x) x##_16
#define ADD _mm512_add_epi32
#define SUB _mm512_sub_epi32
#define OR _mm512_or_si512
#define XOR _mm512_xor_si512
#define ADD64 _mm512_add_epi64
#define SUB64 _mm512_sub_epi64
#define UP _mm512_slli_epi32
#define UP64 _mm512_slli_epi64
#define DOWN64(x) _mm512_srli_epi64(x, 32)
#define TIMES _mm512_mul_epi32
#define TIMES_UNSIGNED _mm512_mul_epu32
#define TIMES32 _mm512_mullo_epi32
#define SIGNED_LOW(x) _mm512_srai_epi32(_mm512_slli_epi32(x, 16), 16)
#define SIGNED_HIGH(x) _mm512_srai_epi32(x, 16)
#define EACH _mm512_set1_epi32
#define UPPER(even, odd) _mm512_mask_blend_epi32(0xAAAA, _mm512_srli_epi64(even, 32), odd)
#define GATHERED(base, at) _mm512_i32gather_epi32(at, (const void *)(base), 2)
#define AND _mm512_and_si512
#define AND_NOT _mm512_andnot_si512
#define RIGHT _mm512_srli_epi32
#define SIGNED_RIGHT(x, n) _mm512_srai_epi32(x, n)
#define LEAST _mm512_min_epi32
#define MOST _mm512_max_epi32
#define EACH64 _mm512_set1_epi64
#define UP_EACH64 _mm512_sllv_epi64
#define UP_EACH _mm512_sllv_epi32
#define LOADED loaded_16
#define IS_ZERO64(x) _mm512_maskz_set1_epi64(_mm512_cmpeq_epi64_mask(x, _mm512_setzero_si512()), -1)
#define LEADING_ZEROS64 _mm512_lzcnt_epi64
#include "stapes_recording_lanes.h"
#endif

int32_t stapes_recording_lanes(void)
{
#if defined(VECTORS)
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512cd") ? 16 : __builtin_cpu_supports("avx2") ? 8 : 1;
#else
    return 1;
#endif
}

void stapes_recording(const stapes_frontend_tables *tables, const int16_t *pcm, size_t samples, int32_t lanes,
                               int32_t *work, int8_t *features, int16_t *log2_bands)
{
    const size_t frames = stapes_frontend_frames(tables, samples), bands = tables->n_bands, width = (size_t)lanes;
    if (width == 1 || frames < width) {
        stapes_frontend_file(tables, pcm, samples, work, features, log2_bands);
        return;
    }
#if defined(VECTORS)
    for (size_t done = 0; done < frames; done += width) {
        const size_t t = done + width <= frames ? done : frames - width; /* the last frames a second time */
        (width == 16 ? frames_16 : frames_8)(tables, pcm + t * tables->hop, work, features ? features + t * bands : NULL,
                                             log2_bands ? log2_bands + t * bands : NULL);
    }
#endif
}
