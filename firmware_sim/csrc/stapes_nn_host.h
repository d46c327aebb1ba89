/* stapes_nn_host.h -- eight int32 lanes for the kernels of laptops and servers. Apache-2.0.
 *
 * STAPES_NN_VECTORS is set where compiler and processor have such vectors, and nobody asked for the plain twins. */
#ifndef STAPES_NN_HOST_H
#define STAPES_NN_HOST_H

#include "stapes_nn.h"

#if STAPES_NN_LAYOUT == STAPES_NN_HOST

#include <string.h>

#if defined(__GNUC__) && (defined(__AVX2__) || defined(__aarch64__)) && !defined(STAPES_NN_PLAIN)
#define STAPES_NN_VECTORS 1
#else
#define STAPES_NN_VECTORS 0
#endif

/* Where the taps of neighbouring pixels lie: `rows` runs of `run` bytes, a multiple of four, `row_step` bytes apart; `pixel_step` bytes on
 * those of the next pixel. Weights are filled up with zeros to whole runs. */
typedef struct {
    const int8_t *first;
    int32_t pixel_step, row_step, rows, run;
} stapes_nn_host_taps;

#if STAPES_NN_VECTORS

#define STAPES_NN_ALWAYS static inline __attribute__((always_inline))

#if defined(__AVX2__) && !defined(__clang__)
#define STAPES_NN_GCC_AVX2 1
typedef char stapes_nn_v16qi __attribute__((vector_size(16)));
typedef int64_t stapes_nn_v2di __attribute__((vector_size(16)));
typedef int32_t stapes_nn_v4si __attribute__((vector_size(16)));
typedef long long stapes_nn_v4lli __attribute__((vector_size(32)));
typedef int16_t stapes_nn_v8hi __attribute__((vector_size(16)));
#else
#define STAPES_NN_GCC_AVX2 0
#endif
typedef int8_t stapes_nn_v8qi __attribute__((vector_size(8)));
typedef int16_t stapes_nn_v16hi __attribute__((vector_size(32)));
typedef int32_t stapes_nn_v8si __attribute__((vector_size(32)));
typedef uint32_t stapes_nn_v8su __attribute__((vector_size(32)));
typedef int64_t stapes_nn_v4di __attribute__((vector_size(32)));
typedef int64_t stapes_nn_v8di __attribute__((vector_size(64)));

#ifndef STAPES_NN_VNNI
#if (defined(__AVX512VNNI__) && defined(__AVX512VL__)) || defined(__AVXVNNI__)
#define STAPES_NN_VNNI 1
#else
#define STAPES_NN_VNNI 0
#endif
#endif
/* Clang and GCC name the builtins of one instruction differently. */
#if STAPES_NN_VNNI
#ifdef __clang__
#define STAPES_NN_DPBUSD(sum, a, b) (stapes_nn_v8si)__builtin_ia32_vpdpbusd256(sum, a, b)
#else
#define STAPES_NN_DPBUSD(sum, a, b) (stapes_nn_v8si)__builtin_ia32_vpdpbusd_v8si(sum, a, b)
#endif
#endif

STAPES_NN_ALWAYS stapes_nn_v8si stapes_nn_splat(int32_t x)
{
    return (stapes_nn_v8si){x, x, x, x, x, x, x, x};
}

/* Lanes `from` to `from` + count - 1 of an array, 0 in the others. */
STAPES_NN_ALWAYS stapes_nn_v8si stapes_nn_load_words(const int32_t *from, int32_t count)
{
    stapes_nn_v8si lanes = {0, 0, 0, 0, 0, 0, 0, 0};
    memcpy(&lanes, from, count == 8 ? sizeof lanes : (size_t)count * sizeof *from);
    return lanes;
}

STAPES_NN_ALWAYS stapes_nn_v8si stapes_nn_load_bytes(const int8_t *from, int32_t count)
{
#if STAPES_NN_GCC_AVX2 /* GCC 12 converts vectors of bytes one by one */
    stapes_nn_v2di lanes = {0, 0};
    memcpy(&lanes, from, count == 8 ? 8 : (size_t)count);
    return __builtin_ia32_pmovsxbd256((stapes_nn_v16qi)lanes);
#else
    stapes_nn_v8qi lanes = {0, 0, 0, 0, 0, 0, 0, 0};
    memcpy(&lanes, from, count == 8 ? sizeof lanes : (size_t)count);
    return __builtin_convertvector(lanes, stapes_nn_v8si);
#endif
}

/* Eight elements of an array, or one eight times: `step` is 1 or 0. */
STAPES_NN_ALWAYS stapes_nn_v8si stapes_nn_load_elements(const int8_t *from, int32_t step)
{
    return step ? stapes_nn_load_bytes(from, 8) : stapes_nn_splat(*from);
}

/* sums + dot products of four bytes each: lane c takes bytes 4 c .. 4 c + 3 of the weights and the four bytes of `quad`.
 * With VNNI the values count as unsigned, 128 too high: the sums begin 128 times the sum of the weights too low. */
STAPES_NN_ALWAYS stapes_nn_v8si stapes_nn_dot_quad(stapes_nn_v8si sums, stapes_nn_v8si weights, stapes_nn_v8si quad)
{
#if STAPES_NN_VNNI
    return STAPES_NN_DPBUSD(sums, quad ^ stapes_nn_splat((int32_t)0x80808080u), weights);
#elif defined(__AVX2__)
    const stapes_nn_v16hi w = (stapes_nn_v16hi)weights, x = (stapes_nn_v16hi)quad;
    sums += (stapes_nn_v8si)__builtin_ia32_pmaddwd256((w << 8) >> 8, (x << 8) >> 8);
    return sums + (stapes_nn_v8si)__builtin_ia32_pmaddwd256(w >> 8, x >> 8);
#else
    sums += ((weights << 24) >> 24) * ((quad << 24) >> 24);
    sums += ((weights << 16) >> 24) * ((quad << 16) >> 24);
    sums += ((weights << 8) >> 24) * ((quad << 8) >> 24);
    return sums + (weights >> 24) * (quad >> 24);
#endif
}

/* stapes_nn_round_twice on eight lanes; shift as there. */
STAPES_NN_ALWAYS stapes_nn_v8si stapes_nn_round_lanes(stapes_nn_v8si x, stapes_nn_v8si multiplier, stapes_nn_v8si shift)
{
    const stapes_nn_v8si to_right = shift >> 31; /* all ones where the shift is to the right */
    const stapes_nn_v8si right = -shift & to_right;
    const stapes_nn_v8si shifted = (stapes_nn_v8si)((stapes_nn_v8su)x << (stapes_nn_v8su)(shift & ~to_right));
    stapes_nn_v8si high;
#if defined(__AVX2__)
    const stapes_nn_v4di half = {1 << 30, 1 << 30, 1 << 30, 1 << 30};
    const stapes_nn_v8si low_words = {-1, 0, -1, 0, -1, 0, -1, 0};
    const stapes_nn_v4di even = (stapes_nn_v4di)__builtin_ia32_pmuldq256(shifted, multiplier) + half;
    const stapes_nn_v4di odd =
        (stapes_nn_v4di)__builtin_ia32_pmuldq256((stapes_nn_v8si)((stapes_nn_v4di)shifted >> 32), (stapes_nn_v8si)((stapes_nn_v4di)multiplier >> 32)) + half;
    high = ((stapes_nn_v8si)(even >> 31) & low_words) | ((stapes_nn_v8si)(odd << 1) & ~low_words); /* bits 31 to 62 of each product */
#else
    const stapes_nn_v8di product = __builtin_convertvector(shifted, stapes_nn_v8di) * __builtin_convertvector(multiplier, stapes_nn_v8di);
    high = __builtin_convertvector((product + (1 << 30)) >> 31, stapes_nn_v8si);
#endif
    high += (high >> 31) & to_right;
    return (high + (stapes_nn_v8si)(((stapes_nn_v8su)stapes_nn_splat(1) << (stapes_nn_v8su)right) >> 1)) >> right; /* unsigned: right may be 31 */
}

/* stapes_nn_round_once on eight lanes; the compiler proved that results fit int32. */
STAPES_NN_ALWAYS stapes_nn_v8si stapes_nn_round_once_lanes(stapes_nn_v8si x, stapes_nn_v8si multiplier, stapes_nn_v8si shift)
{
    const stapes_nn_v8di wide = __builtin_convertvector(shift, stapes_nn_v8di);
    const stapes_nn_v8di one = {1, 1, 1, 1, 1, 1, 1, 1};
    const stapes_nn_v8di product = __builtin_convertvector(x, stapes_nn_v8di) * __builtin_convertvector(multiplier, stapes_nn_v8di);
    return __builtin_convertvector((product + (one << (wide - 1))) >> wide, stapes_nn_v8si);
}

/* Clamp and store `count` lanes. */
STAPES_NN_ALWAYS void stapes_nn_store_lanes(stapes_nn_v8si lanes, int32_t low, int32_t high, int8_t *out, int32_t count)
{
#if STAPES_NN_GCC_AVX2
    const stapes_nn_v4lli halves = (stapes_nn_v4lli)lanes;
    const stapes_nn_v8hi words = __builtin_ia32_packssdw128((stapes_nn_v4si)__builtin_ia32_extract128i256(halves, 0),
                                                           (stapes_nn_v4si)__builtin_ia32_extract128i256(halves, 1));
    stapes_nn_v16qi bytes = __builtin_ia32_packsswb128(words, words);
    bytes = __builtin_ia32_pmaxsb128(bytes, (stapes_nn_v16qi){0} + (char)low);
    bytes = __builtin_ia32_pminsb128(bytes, (stapes_nn_v16qi){0} + (char)high);
#else
    const stapes_nn_v8si below = lanes < stapes_nn_splat(low), above = lanes > stapes_nn_splat(high);
    stapes_nn_v8qi bytes;
    lanes = (lanes & ~below) | (stapes_nn_splat(low) & below);
    lanes = (lanes & ~above) | (stapes_nn_splat(high) & above);
    bytes = __builtin_convertvector(lanes, stapes_nn_v8qi);
#endif
    memcpy(out, &bytes, count == 8 ? 8 : (size_t)count);
}

/* Dot products of `pixels` pixels with `blocks` blocks of eight channels, both small constants where this is inlined, so that the sums
 * stay in registers. Behind each block of weights lie eight words: -128 times the channel's sum. */
STAPES_NN_ALWAYS void stapes_nn_dot_tile(const int8_t *weights, stapes_nn_host_taps taps, int pixels, int blocks, stapes_nn_v8si sums[2][4])
{
    const int32_t block_bytes = 8 * (taps.rows * taps.run + 4);
    int32_t row, k;
    int p, b;
    for (b = 0; b < blocks; b++) {
        stapes_nn_v8si start = stapes_nn_splat(0);
#if STAPES_NN_VNNI
        memcpy(&start, weights + (b + 1) * block_bytes - 32, sizeof start);
#endif
        for (p = 0; p < pixels; p++) {
            sums[p][b] = start;
        }
    }
    for (row = 0; row < taps.rows; row++, taps.first += taps.row_step) {
        for (k = 0; k < taps.run; k += 4, weights += 32) {
            stapes_nn_v8si quads[2];
            for (p = 0; p < pixels; p++) {
                int32_t quad;
                memcpy(&quad, taps.first + p * taps.pixel_step + k, sizeof quad);
                quads[p] = stapes_nn_splat(quad);
            }
            for (b = 0; b < blocks; b++) {
                stapes_nn_v8si block;
                memcpy(&block, weights + b * block_bytes, sizeof block);
                for (p = 0; p < pixels; p++) {
                    sums[p][b] = stapes_nn_dot_quad(sums[p][b], block, quads[p]);
                }
            }
        }
    }
}

#endif

/* One sum of products for the plain twins: the first pixel's taps against channel `channel` of packed weights. */
static inline int32_t stapes_nn_dot_plain(const int8_t *weights, stapes_nn_host_taps taps, int32_t channel)
{
    int32_t sum = 0, row, k;
    weights += (channel / 8) * 8 * (taps.rows * taps.run + 4) + (channel % 8) * 4;
    for (row = 0; row < taps.rows; row++) {
        for (k = 0; k < taps.run; k++) {
            sum += taps.first[k] * weights[(k / 4) * 32 + k % 4];
        }
        taps.first += taps.row_step;
        weights += taps.run * 8;
    }
    return sum;
}

#endif

#endif
