/* stapes_nn_host.h -- eight int32 lanes for the kernels of laptops and servers. Apache-2.0.
 *
 * STAPES_NN_VECTORS is 1 where compiler and processor have such vectors; -DSTAPES_NN_PLAIN turns them off, so that the
 * plain C beside them can be tested. */
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

/* Where the taps of neighbouring pixels lie: `rows` runs of `run` bytes, a multiple of four, which begin `row_stride`
 * bytes apart; those of the next pixel lie `pixel_stride` bytes further on. Weights are padded with zeros to whole
 * runs. */
typedef struct {
    const int8_t *first;
    int32_t pixel_stride, row_stride, rows, run;
} stapes_nn_host_taps;

#if STAPES_NN_VECTORS

#define STAPES_NN_ALWAYS_INLINE STAPES_NN_INLINE __attribute__((always_inline))

#if defined(__AVX2__) && !defined(__clang__)
#define STAPES_NN_GCC_AVX2 1
typedef char stapes_nn_v16qi __attribute__((vector_size(16)));
typedef int64_t stapes_nn_v2di __attribute__((vector_size(16)));
#else
#define STAPES_NN_GCC_AVX2 0
#endif
typedef int8_t stapes_nn_v8qi __attribute__((vector_size(8)));
typedef int8_t stapes_nn_v32qi __attribute__((vector_size(32)));
typedef int16_t stapes_nn_v16hi __attribute__((vector_size(32)));
typedef int32_t stapes_nn_v8si __attribute__((vector_size(32)));
typedef uint32_t stapes_nn_v8su __attribute__((vector_size(32)));
typedef int64_t stapes_nn_v4di __attribute__((vector_size(32)));
typedef uint64_t stapes_nn_v4du __attribute__((vector_size(32)));
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
#define STAPES_NN_DPBUSD(sum, a, b) (stapes_nn_v8si) __builtin_ia32_vpdpbusd256(sum, a, b)
#else
#define STAPES_NN_DPBUSD(sum, a, b) (stapes_nn_v8si) __builtin_ia32_vpdpbusd_v8si(sum, a, b)
#endif
#endif

/* Keep a vector in a register: GCC would load it again at each use, and would move words from general registers
 * instead of loading them into all lanes. */
#if defined(__AVX512VL__)
#define STAPES_NN_IN_REGISTER(vector) __asm__("" : "+v"(vector))
#elif defined(__AVX2__)
#define STAPES_NN_IN_REGISTER(vector) __asm__("" : "+x"(vector))
#else
#define STAPES_NN_IN_REGISTER(vector) (void)(vector)
#endif

/* Return eight lanes with the same value. */
STAPES_NN_ALWAYS_INLINE stapes_nn_v8si stapes_nn_splat(int32_t x)
{
    return (stapes_nn_v8si){x, x, x, x, x, x, x, x};
}

/* Load the first count <= 8 elements of an array; the other lanes are 0. */
STAPES_NN_ALWAYS_INLINE stapes_nn_v8si stapes_nn_load_words(const int32_t *from, int32_t count)
{
    stapes_nn_v8si lanes = {0, 0, 0, 0, 0, 0, 0, 0};
    memcpy(&lanes, from, count == 8 ? sizeof lanes : (size_t)count * sizeof *from);
    return lanes;
}

/* The same for an array of bytes, which are widened. */
STAPES_NN_ALWAYS_INLINE stapes_nn_v8si stapes_nn_load_bytes(const int8_t *from, int32_t count)
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

/* Load eight elements of an array for stride 1, or its first element into all lanes for stride 0. */
STAPES_NN_ALWAYS_INLINE stapes_nn_v8si stapes_nn_load_elements(const int8_t *from, int32_t stride)
{
    return stride ? stapes_nn_load_bytes(from, 8) : stapes_nn_splat(*from);
}

#if STAPES_NN_VNNI
#define STAPES_NN_OFFSET ((int32_t)0x80808080u)
#else
#define STAPES_NN_OFFSET 0
#endif

/* Return the sums plus dot products of four bytes: lane c multiplies bytes 4 c .. 4 c + 3 of the weights with the four
 * values in lane c of `quad`, which were XORed with STAPES_NN_OFFSET. VNNI takes the values as unsigned numbers: the
 * XOR adds 128 to each of them, and the sums begin lower by 128 times the sum of the weights. */
STAPES_NN_ALWAYS_INLINE stapes_nn_v8si stapes_nn_dot_quad(stapes_nn_v8si sums, stapes_nn_v8si weights,
                                                          stapes_nn_v8si quad)
{
#if STAPES_NN_VNNI
    return STAPES_NN_DPBUSD(sums, quad, weights);
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

/* The constants of stapes_nn_round_twice for eight lanes. */
typedef struct {
    stapes_nn_v8si multiplier, left, right; /* either left or right is 0 */
    stapes_nn_v8si away;                    /* -1 where right > 0, to round halves below zero down */
    stapes_nn_v8si last;                    /* right - 1: the bit that decides the rounding; 0 where right is 0 */
} stapes_nn_scales;

/* Make the constants of a multiplier and a shift per lane. */
STAPES_NN_ALWAYS_INLINE stapes_nn_scales stapes_nn_make_scales(stapes_nn_v8si multiplier, stapes_nn_v8si shift)
{
    stapes_nn_scales scales;
    scales.multiplier = multiplier;
    scales.away = shift >> 31;
    scales.right = -shift & scales.away;
    scales.left = shift & ~scales.away;
    scales.last = scales.right + scales.away;
    return scales;
}

/* Apply stapes_nn_round_twice to eight lanes. */
STAPES_NN_ALWAYS_INLINE stapes_nn_v8si stapes_nn_round_lanes(stapes_nn_v8si x, const stapes_nn_scales *scales)
{
    const stapes_nn_v8si shifted = (stapes_nn_v8si)((stapes_nn_v8su)x << (stapes_nn_v8su)scales->left);
    stapes_nn_v8si high; /* bits 31 to 62 of each product, rounded */
#if defined(__AVX2__)
    const stapes_nn_v4du half = {1u << 30, 1u << 30, 1u << 30, 1u << 30};
    const stapes_nn_v8si odd_x = (stapes_nn_v8si)((stapes_nn_v4du)shifted >> 32);
    const stapes_nn_v8si odd_multiplier = (stapes_nn_v8si)((stapes_nn_v4du)scales->multiplier >> 32);
    const stapes_nn_v4du even = (stapes_nn_v4du)__builtin_ia32_pmuldq256(shifted, scales->multiplier) + half;
    const stapes_nn_v4du odd = (stapes_nn_v4du)__builtin_ia32_pmuldq256(odd_x, odd_multiplier) + half;
    high = (stapes_nn_v8si)__builtin_ia32_pblendd256((stapes_nn_v8si)(even >> 31), (stapes_nn_v8si)(odd << 1), 0xaa);
#else
    const stapes_nn_v8di product =
        __builtin_convertvector(shifted, stapes_nn_v8di) * __builtin_convertvector(scales->multiplier, stapes_nn_v8di);
    high = __builtin_convertvector((product + (1 << 30)) >> 31, stapes_nn_v8si);
#endif
    high += (high >> 31) & scales->away;
    return (high >> scales->right) + ((high >> scales->last) & scales->away & 1);
}

/* Apply stapes_nn_round_once to eight lanes. The results fit int32: proved by the compiler. */
STAPES_NN_ALWAYS_INLINE stapes_nn_v8si stapes_nn_round_once_lanes(stapes_nn_v8si x, stapes_nn_v8si multiplier,
                                                                  stapes_nn_v8si shift)
{
    const stapes_nn_v8di wide = __builtin_convertvector(shift, stapes_nn_v8di);
    const stapes_nn_v8di one = {1, 1, 1, 1, 1, 1, 1, 1};
    const stapes_nn_v8di product =
        __builtin_convertvector(x, stapes_nn_v8di) * __builtin_convertvector(multiplier, stapes_nn_v8di);
    return __builtin_convertvector((product + (one << (wide - 1))) >> wide, stapes_nn_v8si);
}

/* Add the zero point to 1 to 4 vectors, clamp to [low, high], and store the first `count` lanes. */
STAPES_NN_ALWAYS_INLINE void stapes_nn_store_lanes(const stapes_nn_v8si *lanes, int vectors, int32_t zero, int32_t low,
                                                   int32_t high, int8_t *out, int32_t count)
{
    stapes_nn_v32qi bytes, outside;
    int i;
#if defined(__AVX2__)
    /* Each instruction packs the two halves of its vectors separately and saturates, which the clamping below would do
     * anyway. */
    const stapes_nn_v16hi zeros = (stapes_nn_v16hi){0} + (int16_t)zero;
    const stapes_nn_v16hi front =
        __builtin_ia32_paddsw256(__builtin_ia32_packssdw256(lanes[0], lanes[vectors > 1 ? 1 : 0]), zeros);
    const stapes_nn_v16hi back = __builtin_ia32_paddsw256(
        __builtin_ia32_packssdw256(lanes[vectors > 2 ? 2 : 0], lanes[vectors > 3 ? 3 : 0]), zeros);
    const stapes_nn_v8si order = {0, 4, 1, 5, 2, 6, 3, 7};
    bytes =
        (stapes_nn_v32qi)__builtin_ia32_permvarsi256((stapes_nn_v8si)__builtin_ia32_packsswb256(front, back), order);
#else
    for (i = 0; i < vectors; i++) {
        const stapes_nn_v8si wide = lanes[i] + zero, below = (wide < INT8_MIN), above = (wide > INT8_MAX);
        const stapes_nn_v8qi eight = __builtin_convertvector(
            (wide & ~(below | above)) | (INT8_MIN & below) | (INT8_MAX & above), stapes_nn_v8qi);
        memcpy((int8_t *)&bytes + 8 * i, &eight, sizeof eight);
    }
#endif
    outside = bytes < (int8_t)low;
    bytes = (bytes & ~outside) | ((int8_t)low & outside);
    outside = bytes > (int8_t)high;
    bytes = (bytes & ~outside) | ((int8_t)high & outside);
    if (count == 32) {
        memcpy(out, &bytes, sizeof bytes);
        return;
    }
    for (i = 0; i < vectors; i++) {
        const int64_t eight = ((stapes_nn_v4di)bytes)[i];
        if (count >= 8 * i + 8) {
            memcpy(out + 8 * i, &eight, sizeof eight);
        } else if (count > 8 * i) {
            memcpy(out + 8 * i, &eight, (size_t)(count - 8 * i));
        }
    }
}

#define STAPES_NN_BLOCKS 6 /* the most blocks of eight channels, of two pixels, whose sums stay in registers */

/* Add four taps to the sums of a tile. `taps` are those of the first pixel; `weights` are those of the first block,
 * and those of the next block lie `next` bytes further on. */
STAPES_NN_ALWAYS_INLINE void stapes_nn_dot_quads(const int8_t *weights, int32_t next, const int8_t *taps,
                                                 int32_t pixel_stride, int pixels, int blocks, stapes_nn_v8si offset,
                                                 stapes_nn_v8si sums[2][STAPES_NN_BLOCKS])
{
    stapes_nn_v8si quads[2];
    int p, b;
    for (p = 0; p < pixels; p++) {
        int32_t quad;
        memcpy(&quad, taps + p * pixel_stride, sizeof quad);
        quads[p] = stapes_nn_splat(quad) ^ offset;
    }
    for (b = 0; b < blocks; b++) {
        stapes_nn_v8si block;
        memcpy(&block, weights + b * next, sizeof block);
        STAPES_NN_IN_REGISTER(block);
        for (p = 0; p < pixels; p++) {
            sums[p][b] = stapes_nn_dot_quad(sums[p][b], block, quads[p]);
        }
    }
}

/* Compute the sums of a tile: dot products of 1 or 2 pixels with `blocks` blocks of channels. Each block of weights is
 * followed by eight words: -128 times the sum of the weights of each channel. Each addition must wait for the one
 * before; where there are few sums, each of them is therefore split into `parts` = 1, 2 or 4 partial sums. `pixels`,
 * `blocks` and `parts` are constants where this is inlined. */
STAPES_NN_ALWAYS_INLINE void stapes_nn_dot_tile(const int8_t *weights, stapes_nn_host_taps taps, int pixels,
                                                int blocks, int parts, stapes_nn_v8si sums[2][STAPES_NN_BLOCKS])
{
    const int32_t next = 8 * (taps.rows * taps.run + 4);
    stapes_nn_v8si offset = stapes_nn_splat(STAPES_NN_OFFSET), part[4][2][STAPES_NN_BLOCKS];
    int32_t row, k;
    int p, b, i;
    STAPES_NN_IN_REGISTER(offset);
    for (b = 0; b < blocks; b++) {
        stapes_nn_v8si start = stapes_nn_splat(0);
#if STAPES_NN_VNNI
        memcpy(&start, weights + (b + 1) * next - 32, sizeof start);
#endif
        for (p = 0; p < pixels; p++) {
            part[0][p][b] = start;
            for (i = 1; i < parts; i++) {
                part[i][p][b] = stapes_nn_splat(0);
            }
        }
    }
    for (row = 0; row < taps.rows; row++, taps.first += taps.row_stride, weights += 8 * taps.run) {
        for (k = 0; k + 4 * parts <= taps.run; k += 4 * parts) {
            for (i = 0; i < parts; i++) {
                stapes_nn_dot_quads(weights + 8 * k + 32 * i, next, taps.first + k + 4 * i, taps.pixel_stride, pixels,
                                    blocks, offset, part[i]);
            }
        }
        for (; k < taps.run; k += 4) {
            stapes_nn_dot_quads(weights + 8 * k, next, taps.first + k, taps.pixel_stride, pixels, blocks, offset,
                                part[0]);
        }
    }
    for (b = 0; b < blocks; b++) {
        for (p = 0; p < pixels; p++) {
            sums[p][b] = part[0][p][b];
            for (i = 1; i < parts; i++) {
                sums[p][b] += part[i][p][b];
            }
        }
    }
}

#endif

/* Whether one instruction selects bytes of two vectors by the bytes of a third one. */
#if STAPES_NN_VECTORS && !defined(__clang__) && defined(__AVX512VBMI__) && defined(__AVX512VL__)
#define STAPES_NN_SHUFFLES 1
#else
#define STAPES_NN_SHUFFLES 0
#endif

/* Return the dot product of the first pixel's taps and channel `channel` of packed weights, in plain C. */
STAPES_NN_INLINE int32_t stapes_nn_dot_plain(const int8_t *weights, stapes_nn_host_taps taps, int32_t channel)
{
    int32_t sum = 0, row, k;
    weights += (channel / 8) * 8 * (taps.rows * taps.run + 4) + (channel % 8) * 4;
    for (row = 0; row < taps.rows; row++) {
        for (k = 0; k < taps.run; k++) {
            sum += taps.first[k] * weights[(k / 4) * 32 + k % 4];
        }
        taps.first += taps.row_stride;
        weights += taps.run * 8;
    }
    return sum;
}

#endif

#endif
