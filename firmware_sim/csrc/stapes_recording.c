/* Whole recordings on a computer: vectors where there are any. */
#include "stapes_frontend.h"

#include <string.h>

#include "stapes_recording_api.h"

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#define VECTORS 1

#define LANES 8
#define TARGET "avx2"
#define WORDS __m256i
#define NAME(x) x##_8
#define ADD _mm256_add_epi32
#define SUB _mm256_sub_epi32
#define OR _mm256_or_si256
#define XOR _mm256_xor_si256
#define NEGATIVE(x) _mm256_sub_epi32(_mm256_setzero_si256(), x)
#define ADD64 _mm256_add_epi64
#define SUB64 _mm256_sub_epi64
#define UP _mm256_slli_epi32
#define UP64 _mm256_slli_epi64
#define RIGHT64 _mm256_srli_epi64
#define DOWN64(x) _mm256_srli_epi64(x, 32)
#define TIMES _mm256_mul_epi32
#define TIMES_UNSIGNED _mm256_mul_epu32
#define TIMES32 _mm256_mullo_epi32
#define SIGNED_LOW(x) _mm256_srai_epi32(_mm256_slli_epi32(x, 16), 16)
#define SIGNED_HIGH(x) _mm256_srai_epi32(x, 16)
#define EACH _mm256_set1_epi32
#define UPPER(even, odd) _mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, 0xAA)
#define GATHERED(base, at) _mm256_i32gather_epi32((const int *)(const void *)(base), at, 2)
#include "stapes_recording_lanes.h"

#define LANES 16
#define TARGET "avx512f"
#define WORDS __m512i
#define NAME(x) x##_16
#define ADD _mm512_add_epi32
#define SUB _mm512_sub_epi32
#define OR _mm512_or_si512
#define XOR _mm512_xor_si512
#define NEGATIVE(x) _mm512_sub_epi32(_mm512_setzero_si512(), x)
#define ADD64 _mm512_add_epi64
#define SUB64 _mm512_sub_epi64
#define UP _mm512_slli_epi32
#define UP64 _mm512_slli_epi64
#define RIGHT64 _mm512_srli_epi64
#define DOWN64(x) _mm512_srli_epi64(x, 32)
#define TIMES _mm512_mul_epi32
#define TIMES_UNSIGNED _mm512_mul_epu32
#define TIMES32 _mm512_mullo_epi32
#define SIGNED_LOW(x) _mm512_srai_epi32(_mm512_slli_epi32(x, 16), 16)
#define SIGNED_HIGH(x) _mm512_srai_epi32(x, 16)
#define EACH _mm512_set1_epi32
#define UPPER(even, odd) _mm512_mask_blend_epi32(0xAAAA, _mm512_srli_epi64(even, 32), odd)
#define GATHERED(base, at) _mm512_i32gather_epi32(at, (const void *)(base), 2)
#include "stapes_recording_lanes.h"
#endif

int32_t stapes_recording_lanes(void)
{
#if defined(VECTORS)
    return __builtin_cpu_supports("avx512f") ? 16 : __builtin_cpu_supports("avx2") ? 8 : 1;
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
        int16_t values[16 * 128];
        (width == 16 ? frames_16 : frames_8)(tables, pcm + t * tables->hop, work, values);
        if (log2_bands)
            memcpy(log2_bands + t * bands, values, width * bands * sizeof *values);
        for (size_t lane = 0; features && lane < width; lane++)
            stapes_frontend_quantized(tables, values + lane * bands, features + (t + lane) * bands);
    }
#endif
}
