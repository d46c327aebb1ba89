/* stapes_frontend.c -- a log-mel frontend in fixed point: window, real FFT by a complex FFT of half the size, power,
 * triangular bands, log2. Apache-2.0.
 *
 * Names that are private to this file, to stapes_frontend_thumb.h and to stapes_frontend_mve.h begin with
 * stapes_frontend_ or STAPES_FRONTEND_.
 *
 * INTERVALS. N = n_fft, M = N / 2, W = window <= N.
 *
 * A frame's samples are shifted up by their headroom and multiplied by the Hann window w, giving |y_n| <= 2^b * w_n +
 * 1 with b = input_bits = 28 - log2(N). The sum of w is W / 2, its sum of squares is 3 W / 8.
 *
 * The complex FFT takes z_n = y_2n + i y_2n+1. Every intermediate value Z is a sum of parts of the z_n, each times a
 * number of modulus one:
 *
 *   |Z| <= sum |z_n| <= sqrt(2) * 2^b * W / 4 <= 0.71 * 2^27.
 *
 * Let E and O be the DFTs of the even and of the odd y. A real sequence has each bin twice, so by Parseval for
 * 0 < k < M / 2:
 *
 *   2 |O_k|^2 <= M * sum(y^2 over odd n) <= (3/32) N W 2^2b, hence |2 O_k|, |2 E_k| <= 0.87 * 2^27.
 *
 * Let X be the DFT of y. In the same way, for 0 < k < M:
 *
 *   2 |X_k|^2 <= N * sum(y^2) <= (3/8) N W 2^2b, hence |2 X_k| <= 0.87 * 2^28,
 *
 * and the sum of |2 X_k|^2 over k is at most 0.75 * 2^56. Rounding adds a few units per stage, far less than the room
 * that is left. make_tables in device/frontend.py checks these bounds for the window that it makes. No band uses k = 0
 * or k = M. */
#include "stapes_frontend.h"

#include <string.h>

#if defined(__ARM_ARCH_6M__) || defined(__ARM_ARCH_8M_BASE__)
#define STAPES_FRONTEND_SHORT_PRODUCTS 1 /* products of 32 by 32 bits have 32 bits */
#endif
#if defined(__ARM_FEATURE_MVE) && defined(__GNUC__) && defined(__OPTIMIZE__) && !defined(STAPES_FRONTEND_BIG_ENDIAN)
#define STAPES_FRONTEND_MVE 1
#endif
#if defined(__riscv)
#define STAPES_FRONTEND_MANY_REGISTERS 1 /* four points and their twiddles fit the registers */
#endif

#if defined(__GNUC__)
#define STAPES_FRONTEND_ALIGNED(pointer, bytes) __builtin_assume_aligned(pointer, bytes)
#define STAPES_FRONTEND_STAGE __attribute__((noinline)) static /* the loops of a stage then have all registers */
#else
#define STAPES_FRONTEND_ALIGNED(pointer, bytes) (pointer)
#define STAPES_FRONTEND_STAGE static
#endif

typedef struct {
    int32_t re, im;
} stapes_frontend_point;

/* The power of the bins between two neighbouring band centres: its sum, and its sum weighted with bins - 1, ..., 1, 0.
 */
typedef struct {
    uint64_t plain, weighted;
} stapes_frontend_sums;

static inline int32_t stapes_frontend_min(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

/* The DFT of four points a, b, c, d, stored at z[0], z[stride], ...; exact. */
static inline void stapes_frontend_dft4(stapes_frontend_point *z, int32_t stride, stapes_frontend_point a,
                                        stapes_frontend_point b, stapes_frontend_point c, stapes_frontend_point d)
{
    const stapes_frontend_point even = {a.re + c.re, a.im + c.im}, odd = {a.re - c.re, a.im - c.im};
    const stapes_frontend_point sum = {b.re + d.re, b.im + d.im}, difference = {b.re - d.re, b.im - d.im};
    z[0] = (stapes_frontend_point){even.re + sum.re, even.im + sum.im};
    z[stride] = (stapes_frontend_point){odd.re + difference.im, odd.im - difference.re};
    z[2 * stride] = (stapes_frontend_point){even.re - sum.re, even.im - sum.im};
    z[3 * stride] = (stapes_frontend_point){odd.re - difference.im, odd.im + difference.re};
}

#if defined(STAPES_FRONTEND_MVE)
#include "stapes_frontend_mve.h"
#else
#if !defined(STAPES_FRONTEND_BIG_ENDIAN)
#include "stapes_frontend_thumb.h"
#endif

#if !defined(STAPES_FRONTEND_ASM_DSP)
/* Return floor(x * y / 2^32). */
static inline int32_t stapes_frontend_multiply_high(int32_t x, int32_t y)
{
    return (int32_t)(((int64_t)x * y) >> 32);
}
#endif

/* Return half of z * (c + i s) for w = (c, s) * 2^31. c and s have 18 significant bits and a sign, so that a core
 * without long products can use two short ones. |z| <= 0.87 * 2^27. Each product is rounded down, so that the
 * imaginary part is too low by half a unit, twice. The DFT of this constant falls into a few bins, and later stages
 * halve it. */
#if !defined(STAPES_FRONTEND_ASM_THUMB1) && !defined(STAPES_FRONTEND_ASM_DSP)
static inline stapes_frontend_point stapes_frontend_half_rotated(stapes_frontend_point z, stapes_frontend_point w)
{
#if defined(STAPES_FRONTEND_SHORT_PRODUCTS)
    /* z = high * 2^14 + low, |high| < 0.88 * 2^13, |low| <= 2^13; |c|, |s| < 2^18: floor(z c / 2^19), no overflow. */
    const int32_t re_high = (z.re + 8192) >> 14, re_low = z.re - re_high * 16384;
    const int32_t im_high = (z.im + 8192) >> 14, im_low = z.im - im_high * 16384;
    const int32_t c = w.re >> 13, s = w.im >> 13;
    const int32_t re_c = (re_high * c + ((re_low * c) >> 14)) >> 5, im_s = (im_high * s + ((im_low * s) >> 14)) >> 5;
    const int32_t im_c = (im_high * c + ((im_low * c) >> 14)) >> 5, re_s = (re_high * s + ((re_low * s) >> 14)) >> 5;
    return (stapes_frontend_point){re_c - im_s, im_c + re_s};
#else
    return (stapes_frontend_point){
        stapes_frontend_multiply_high(z.re, w.re) - stapes_frontend_multiply_high(z.im, w.im),
        stapes_frontend_multiply_high(z.im, w.re) + stapes_frontend_multiply_high(z.re, w.im)};
#endif
}
#endif

/* Return re^2 + im^2 for |re|, |im| < 2^28. */
static inline uint64_t stapes_frontend_squared_magnitude(int32_t re, int32_t im)
{
#if defined(STAPES_FRONTEND_SHORT_PRODUCTS) /* x = high * 2^14 + low: the three sums are below 2^30 */
    const int32_t re_high = re >> 14, re_low = re & 0x3FFF, im_high = im >> 14, im_low = im & 0x3FFF;
    const uint32_t high = (uint32_t)(re_high * re_high + im_high * im_high);
    const int32_t middle = re_high * re_low + im_high * im_low;
    const uint32_t low = (uint32_t)(re_low * re_low + im_low * im_low);
    const uint32_t upper = (high >> 4) + (uint32_t)(middle >> 17), lower = high << 28, part = (uint32_t)middle << 15;
    return (((uint64_t)upper << 32) | lower) + part + low;
#else
    return (uint64_t)((int64_t)re * re) + (uint64_t)((int64_t)im * im);
#endif
}

/* Return the headroom, 0..14 bits, of an even number of samples. A bit of x ^ 2x is set where two neighbouring bits of
 * x differ; the highest such bit tells how many bits x needs. The lowest bit is ignored, so that one word can hold two
 * samples. */
static int32_t stapes_frontend_headroom(const int16_t *pcm, int32_t samples)
{
    uint32_t used = 2, two;
    if (((uintptr_t)pcm & 2) != 0) { /* the first and the last sample alone, all others in aligned words */
        used |= (uint32_t)((pcm[0] ^ (pcm[0] * 2)) | (pcm[samples - 1] ^ (pcm[samples - 1] * 2)));
        pcm++;
        samples -= 2;
    }
    const int16_t *end = pcm + samples;
    if (samples % 4 != 0) {
        memcpy(&two, STAPES_FRONTEND_ALIGNED(pcm, 4), sizeof two);
        used |= two ^ (two << 1);
        pcm += 2;
    }
    for (; pcm < end; pcm += 4) {
        uint32_t next;
        memcpy(&two, STAPES_FRONTEND_ALIGNED(pcm, 4), sizeof two);
        memcpy(&next, STAPES_FRONTEND_ALIGNED(pcm + 2, 4), sizeof next);
        used |= (two ^ (two << 1)) | (next ^ (next << 1));
    }
    return stapes_frontend_leading_zeros((used | used >> 16) & 0xFFFEu) - 16;
}

/* Return the point `bytes` bytes after z. */
static inline stapes_frontend_point *stapes_frontend_point_at(stapes_frontend_point *z, uint16_t bytes)
{
    return (stapes_frontend_point *)(void *)((uint8_t *)z + bytes);
}

/* Multiply pairs of samples by the weights of the window, weight[0] and weight[direction], which are 2^(b + 1) at the
 * centre: |y| <= 2^b, stored at the places that `order` lists. The even sample is rounded down, the odd sample, whose
 * weight is negative, up: the bias of the rounding then lies at half the sample rate, where there is no band. */
#if !defined(STAPES_FRONTEND_ASM_THUMB2)
/* Return floor(weight * (sample * factor + offset) / 2^32). Without an offset, the lower 16 bits of the factor are 0.
 */
static inline int32_t stapes_frontend_windowed_sample(int32_t weight, int16_t sample, uint32_t factor, uint32_t offset)
{
    const int32_t word = (int32_t)((uint32_t)sample * factor + offset);
#if defined(STAPES_FRONTEND_SHORT_PRODUCTS)
    if (offset == 0) /* weight < 2^26 */
        return (weight >> 16) * (word >> 16) + (((weight & 0xFFFF) * (word >> 16)) >> 16);
#endif
    return stapes_frontend_multiply_high(weight, word);
}

static inline void stapes_frontend_window_scaled_pairs(const int16_t *pcm, uint32_t factor, uint32_t offset,
                                                       const int32_t *weight, int32_t direction, const uint16_t *order,
                                                       const uint16_t *stop, stapes_frontend_point *z)
{
    for (; order < stop; pcm += 2, weight += 2 * direction) {
        stapes_frontend_point *y = stapes_frontend_point_at(z, *order++);
        y->re = stapes_frontend_windowed_sample(weight[0], pcm[0], factor, offset);
        y->im = stapes_frontend_windowed_sample(weight[direction], pcm[1], factor, offset);
    }
}

static inline void stapes_frontend_window_pairs(const stapes_frontend_input *in, const int16_t *pcm,
                                                const int32_t *weight, int32_t direction, const uint16_t *order,
                                                const uint16_t *stop, stapes_frontend_point *z)
{
    if ((in->offset | (in->factor & 0xFFFF)) != 0)
        stapes_frontend_window_scaled_pairs(pcm, in->factor, in->offset, weight, direction, order, stop, z);
    else if (direction > 0)
        stapes_frontend_window_scaled_pairs(pcm, in->factor, 0, weight, 1, order, stop, z);
    else
        stapes_frontend_window_scaled_pairs(pcm, in->factor, 0, weight, -1, order, stop, z);
}
#endif

/* Store each z_n where the first stage of the FFT reads it: the n-th point of each of first_radix blocks goes to the
 * group at order[n]. The table of the window is read forward to its centre and then backward; after the window come
 * zeros. */
STAPES_FRONTEND_STAGE void stapes_frontend_window_in_order(const stapes_frontend_tables *tables,
                                                           const stapes_frontend_input *in, stapes_frontend_point *z)
{
    const int16_t *pcm = in->pcm;
    const int32_t *weight = stapes_frontend_table(tables, tables->window_at);
    const int32_t rising = (in->length + 2) / 4, falling = in->length / 2 - rising;
    int32_t direction = 1, left = rising; /* pairs up to the centre, then up to the end */
    for (const stapes_frontend_point *after = z + tables->first_radix; z < after; z++) {
        const uint16_t *order = stapes_frontend_table(tables, tables->order_at);
        const uint16_t *const end = order + tables->n_fft / 2 / tables->first_radix;
        for (;;) {
            const int32_t count = stapes_frontend_min(left, (int32_t)(end - order));
            stapes_frontend_window_pairs(in, pcm, weight, direction, order, order + count, z);
            pcm += 2 * count;
            weight += 2 * count * direction;
            order += count;
            left -= count;
            if (order == end || direction < 0)
                break;
            direction = -1;
            weight -= 2 * (rising - falling);
            left = falling;
        }
        while (order < end)
            *stapes_frontend_point_at(z, *order++) = (stapes_frontend_point){0, 0};
    }
}

/* Return z / 2, rounded down: it matches the halving of stapes_frontend_half_rotated. */
static inline stapes_frontend_point stapes_frontend_halved(stapes_frontend_point z)
{
    return (stapes_frontend_point){z.re >> 1, z.im >> 1};
}

/* The first stage with radix 4: DFTs of neighbouring points. */
#if !defined(STAPES_FRONTEND_ASM_THUMB2)
static inline void stapes_frontend_first_stage(stapes_frontend_point *z, const stapes_frontend_point *end)
{
    for (; z < end; z += 4)
        stapes_frontend_dft4(z, 1, z[0], z[1], z[2], z[3]);
}
#endif

/* The butterflies of all groups of 4 * quarter points, except the first butterfly of each group, whose twiddles are 1.
 * The last three points of each butterfly are rotated by the twiddles first. */
#if !defined(STAPES_FRONTEND_ASM_DSP)
static inline void stapes_frontend_rotated_butterflies(stapes_frontend_point *z, const stapes_frontend_point *end,
                                                       int32_t quarter, const stapes_frontend_point *twiddles,
                                                       int32_t stride)
{
#if defined(STAPES_FRONTEND_MANY_REGISTERS)
    if (end - z > 4 * quarter) { /* for each butterfly, the twiddles stay in registers over all groups */
        for (const stapes_frontend_point *last = z + quarter; ++z < last; twiddles += stride) {
            const stapes_frontend_point first = twiddles[0], second = twiddles[1], third = twiddles[2];
            for (stapes_frontend_point *a = z; a < end; a += 4 * quarter)
                stapes_frontend_dft4(a, quarter, stapes_frontend_halved(a[0]),
                                     stapes_frontend_half_rotated(a[quarter], first),
                                     stapes_frontend_half_rotated(a[2 * quarter], second),
                                     stapes_frontend_half_rotated(a[3 * quarter], third));
        }
        return;
    }
#endif
    for (; z < end; z += 4 * quarter) {
        const stapes_frontend_point *w = twiddles;
        for (stapes_frontend_point *a = z + 1; a < z + quarter; a++, w += stride)
            stapes_frontend_dft4(a, quarter, stapes_frontend_halved(a[0]),
                                 stapes_frontend_half_rotated(a[quarter], w[0]),
                                 stapes_frontend_half_rotated(a[2 * quarter], w[1]),
                                 stapes_frontend_half_rotated(a[3 * quarter], w[2]));
    }
}
#endif

/* The complex FFT in place: a first stage of radix 4, or 2 where M is an odd power of two, then stages of radix 4. */
STAPES_FRONTEND_STAGE void stapes_frontend_fft(const stapes_frontend_tables *tables, stapes_frontend_point *z)
{
    const stapes_frontend_point *twiddles = stapes_frontend_table(tables, tables->twiddles_at);
    stapes_frontend_point *const end = z + tables->n_fft / 2;
    int32_t quarter = 4;
    int32_t stride = 3 * tables->n_fft / 32; /* of the twiddles in a stage with groups of 4 * quarter points */
    if (tables->first_radix == 4) {
        stapes_frontend_first_stage(z, end);
    } else {
        for (stapes_frontend_point *a = z; a < end; a += 2) {
            const stapes_frontend_point sum = {a[0].re + a[1].re, a[0].im + a[1].im};
            const stapes_frontend_point difference = {a[0].re - a[1].re, a[0].im - a[1].im};
            a[0] = sum;
            a[1] = difference;
        }
        quarter = 2;
        stride *= 2;
    }
    for (; stride > 0; quarter *= 4, stride /= 4) {
        for (stapes_frontend_point *a = z; a < end; a += 4 * quarter)
            stapes_frontend_dft4(a, quarter, stapes_frontend_halved(a[0]), stapes_frontend_halved(a[quarter]),
                                 stapes_frontend_halved(a[2 * quarter]), stapes_frontend_halved(a[3 * quarter]));
        /* The first twiddles of a stage are 1; the table leaves them out. */
        stapes_frontend_rotated_butterflies(z, end, quarter, twiddles + stride - 3, stride);
    }
}

/* Store |re + i im|^2 over a point, low word first. */
static inline void stapes_frontend_store_power(stapes_frontend_point *at, int32_t re, int32_t im)
{
    const uint64_t power = stapes_frontend_squared_magnitude(re, im);
    at->re = (int32_t)(uint32_t)power;
    at->im = (int32_t)(uint32_t)(power >> 32);
}

/* Replace pairs of points by pairs of powers: every second pair, from the outside to the middle. */
#if !defined(STAPES_FRONTEND_ASM_DSP)
static inline void stapes_frontend_split_pairs(stapes_frontend_point *low, stapes_frontend_point *high,
                                               const stapes_frontend_point *twiddle, int32_t stride)
{
    for (; low < high; low += 2, high -= 2, twiddle += stride) {
        const stapes_frontend_point a = *low, b = *high;
        const stapes_frontend_point even = {a.re + b.re, a.im - b.im};
        const stapes_frontend_point rotated =
            stapes_frontend_half_rotated((stapes_frontend_point){a.im + b.im, b.re - a.re}, *twiddle);
        stapes_frontend_store_power(low, even.re - 2 * rotated.re, even.im - 2 * rotated.im);
        stapes_frontend_store_power(high, even.re + 2 * rotated.re, even.im + 2 * rotated.im);
    }
}
#endif

/* Replace the points Z of the complex FFT by the powers |2 X_k|^2 of the real one. With E and O the DFTs of the even
 * and of the odd y, and Z = E - i O, since the signs of the odd y were changed by their negative weights:
 *
 *   2 X_k = 2 E + W^k 2 O              2 E = Z_k + conj Z_M-k
 *   2 X_M-k = conj(2 E - W^k 2 O)      -2 O = -i (Z_k - conj Z_M-k)
 *
 * For even k, W^k is among the twiddles of the last stage; for odd k there is a table. */
STAPES_FRONTEND_STAGE void stapes_frontend_split_and_square(const stapes_frontend_tables *tables,
                                                            stapes_frontend_point *z)
{
    const int32_t half = tables->n_fft / 2;
    stapes_frontend_split_pairs(z + 1, z + half - 1, stapes_frontend_table(tables, tables->odd_twiddles_at), 1);
    stapes_frontend_split_pairs(z + 2, z + half - 2, stapes_frontend_table(tables, tables->twiddles_at), 3);
    stapes_frontend_store_power(z + half / 2, 2 * z[half / 2].re, 2 * z[half / 2].im);
}

/* Return the sums of the powers of bins [power, end). The sum of all powers is below 2^56 for up to 512 points and
 * below 2^54 for more (see the head of this file), so that the weighted sum is below 255 * 2^56 or 1023 * 2^54: no
 * overflow. */
#if !defined(STAPES_FRONTEND_ASM_THUMB2) && !defined(STAPES_FRONTEND_ASM_THUMB1)
#if UINTPTR_MAX > 0xFFFFFFFFu
static inline stapes_frontend_sums stapes_frontend_sum_powers(const stapes_frontend_point *power,
                                                              const stapes_frontend_point *end)
{
    stapes_frontend_sums sum = {0, 0};
    for (; power < end; power++) {
        sum.weighted += sum.plain;
        sum.plain += ((uint64_t)(uint32_t)power->im << 32) | (uint32_t)power->re;
    }
    return sum;
}
#else /* by words of 32 bits and two bins per iteration, because compilers copy 64-bit values needlessly */
typedef struct {
    uint32_t plain, plain_upper, weighted, weighted_upper;
} stapes_frontend_sums_in_words;

static inline void stapes_frontend_add_power(stapes_frontend_sums_in_words *sum, const stapes_frontend_point *power)
{
    const uint32_t low = (uint32_t)power->re;
    sum->weighted += sum->plain;
    sum->weighted_upper += sum->plain_upper + (sum->weighted < sum->plain);
    sum->plain += low;
    sum->plain_upper += (uint32_t)power->im + (sum->plain < low);
}

static inline stapes_frontend_sums stapes_frontend_sum_powers(const stapes_frontend_point *power,
                                                              const stapes_frontend_point *end)
{
    stapes_frontend_sums_in_words sum = {0, 0, 0, 0};
    if (((end - power) & 1) != 0)
        stapes_frontend_add_power(&sum, power++);
    for (; power < end; power += 2) {
        stapes_frontend_add_power(&sum, power);
        stapes_frontend_add_power(&sum, power + 1);
    }
    return (stapes_frontend_sums){((uint64_t)sum.plain_upper << 32) | sum.plain,
                                  ((uint64_t)sum.weighted_upper << 32) | sum.weighted};
}
#endif
#endif

/* Return floor(x * y / 2^32). */
static inline uint64_t stapes_frontend_multiply_q32(uint64_t x, uint32_t y)
{
    return (x >> 32) * y + (((x & 0xFFFFFFFFu) * y) >> 32);
}

/* Return the part of the power that lies under a falling slope, at most all of it. */
static inline uint64_t stapes_frontend_under_slope(stapes_frontend_sums sum, const stapes_frontend_segment *segment)
{
    return stapes_frontend_multiply_q32(sum.plain, segment->last) +
           stapes_frontend_multiply_q32(sum.weighted, segment->slope);
}

/* Compute log2 of each band. The power of a band is the part under its falling slope plus the part under its rising
 * slope, which is all that does not lie under the falling slope of the band below. log2_bands may overlap the powers
 * from their start on: when band j is stored, at least the powers of j / 2 bins are no longer needed. */
STAPES_FRONTEND_STAGE void stapes_frontend_bands(const stapes_frontend_tables *tables,
                                                 const stapes_frontend_point *power, int32_t offset,
                                                 uint8_t *log2_bands)
{
    const stapes_frontend_segment *segment = stapes_frontend_table(tables, tables->segments_at);
    const uint16_t *log2_table = stapes_frontend_table(tables, tables->log2_at);
    const int32_t n_bands = tables->n_bands;
    uint64_t rising = 0;
    power += tables->first_bin;
    for (int32_t band = -1; band < n_bands; band++, segment++) { /* the first segment only rises */
        const stapes_frontend_sums sum = stapes_frontend_sum_powers(power, power + segment->bins);
        const uint64_t falling = stapes_frontend_under_slope(sum, segment);
        if (band >= 0) {
            const int16_t value = stapes_frontend_log2_q10(log2_table, rising + falling, offset); /* power < 2^56 */
            memcpy(STAPES_FRONTEND_ALIGNED(log2_bands + 2 * band, 2), &value, sizeof value);
        }
        rising = sum.plain - falling;
        power += segment->bins;
    }
}

/* |log2 * multiplier| <= 2^46 and |offset| <= 2^47, so the sum fits 64 bits. */
void stapes_frontend_quantized(const stapes_frontend_tables *tables, const void *log2_bands, int8_t *features)
{
    const int32_t multiplier = tables->int8_multiplier, shift = tables->int8_shift - 32;
    const int64_t offset = (int64_t)tables->int8_offset * 65536;
    const uint8_t *bytes = log2_bands;
    for (const int8_t *end = features + tables->n_bands; features < end; bytes += 2) {
        int16_t value;
        memcpy(&value, STAPES_FRONTEND_ALIGNED(bytes, 2), sizeof value);
        *features++ =
            (int8_t)stapes_frontend_saturated((int32_t)((offset + (int64_t)multiplier * value) >> 32) >> shift, 8);
    }
}

#endif

/* Let samples x become words x * 2^(16 + headroom). */
static void stapes_frontend_use_samples(stapes_frontend_input *in)
{
    in->exponent = stapes_frontend_headroom(in->pcm, in->length);
    in->factor = (uint32_t)1 << (16 + in->exponent);
    in->offset = 0;
}

/* Let samples x become words d * 2^exponent, exponent 0..30, with d = W * x - sum(x): exactly W times the sample less
 * the mean of the frame. |sum| <= 2^26, |d| <= W * 65535 < 2^27. */
void stapes_frontend_use_samples_without_mean(stapes_frontend_input *in)
{
    int32_t sum = 0;
    for (int32_t n = 0; n < in->length; n++)
        sum += in->pcm[n];
    uint32_t used = 1;
    for (int32_t n = 0; n < in->length; n++) {
        const int32_t d = in->length * in->pcm[n] - sum;
        used |= (uint32_t)(d ^ (d >> 31));
    }
    in->exponent = stapes_frontend_leading_zeros(used) - 1;
    in->factor = (uint32_t)in->length << in->exponent;
    in->offset = 0u - ((uint32_t)sum << in->exponent);
}

void stapes_frontend_frame(const stapes_frontend_tables *tables, const int16_t *pcm, int32_t *work, int8_t *features,
                           int16_t *log2_bands)
{
    stapes_frontend_input in = {.pcm = pcm, .length = tables->window};
    stapes_frontend_point *z = (stapes_frontend_point *)work;
    if (tables->dc_blocker)
        stapes_frontend_use_samples_without_mean(&in);
    else
        stapes_frontend_use_samples(&in);
    stapes_frontend_window_in_order(tables, &in, z);
    stapes_frontend_fft(tables, z);
    stapes_frontend_split_and_square(tables, z);
    /* The power is too large by a factor of 2^(2 exponent). */
    uint8_t *values = log2_bands ? (uint8_t *)log2_bands : (uint8_t *)work;
    stapes_frontend_bands(tables, z, tables->log2_offset - in.exponent * 65536 + 16, values);
    if (features)
        stapes_frontend_quantized(tables, values, features);
}

size_t stapes_frontend_frames(const stapes_frontend_tables *tables, size_t samples)
{
    return samples < tables->window ? 0 : 1 + (samples - tables->window) / tables->hop;
}

void stapes_frontend_file(const stapes_frontend_tables *tables, const int16_t *pcm, size_t samples, int32_t *work,
                          int8_t *features, int16_t *log2_bands)
{
    const size_t frames = stapes_frontend_frames(tables, samples);
    for (size_t t = 0; t < frames; t++)
        stapes_frontend_frame(tables, pcm + t * tables->hop, work, features ? features + t * tables->n_bands : NULL,
                              log2_bands ? log2_bands + t * tables->n_bands : NULL);
}

/* Return where byte n of frontend.bin, whose numbers are little-endian, lies in the tables, whose numbers have the
 * order of this processor. Past the head, the head must be in place. */
static inline size_t stapes_frontend_place(const stapes_frontend_tables *tables, size_t n)
{
#if defined(STAPES_FRONTEND_BIG_ENDIAN)
    const size_t sizes = offsetof(stapes_frontend_tables, n_fft),
                 sizes_end = offsetof(stapes_frontend_tables, int8_multiplier);
    const size_t places = offsetof(stapes_frontend_tables, window_at),
                 places_end = offsetof(stapes_frontend_tables, settings);
    const int has_16_bits =
        n < sizeof *tables ? (n >= sizes && n < sizes_end) || (n >= places && n < places_end) : n >= tables->log2_at;
    return n ^ (has_16_bits ? 1u : 3u);
#else
    (void)tables;
    return n;
#endif
}

void stapes_frontend_read(uint32_t *memory, const uint8_t *file, size_t bytes)
{
    for (size_t n = 0; n < bytes; n++)
        ((uint8_t *)memory)[stapes_frontend_place((const stapes_frontend_tables *)memory, n)] = file[n];
}

int32_t stapes_frontend_init(const stapes_frontend_tables *tables, size_t bytes)
{
    if (((uintptr_t)tables & 3) != 0 || bytes < sizeof *tables || tables->magic != STAPES_FRONTEND_MAGIC)
        return STAPES_FRONTEND_NOT_TABLES;
    if (tables->arithmetic != STAPES_FRONTEND_ARITHMETIC)
        return STAPES_FRONTEND_OTHER_ARITHMETIC;
    const uint32_t n_fft = tables->n_fft;
    const int sizes_fit = bytes == tables->bytes && n_fft >= 64 && n_fft <= 2048 && (n_fft & (n_fft - 1)) == 0 &&
                          tables->window >= 2 && tables->window <= n_fft && tables->window % 2 == 0 &&
                          tables->hop >= 1 && tables->hop <= tables->window && tables->n_bands >= 1 &&
                          tables->n_bands <= 128;
    return sizes_fit ? STAPES_FRONTEND_OK : STAPES_FRONTEND_BAD_SIZE;
}

int32_t stapes_frontend_check_crc(const stapes_frontend_tables *tables)
{
    const uint8_t *bytes = (const uint8_t *)tables;
    uint32_t crc = 0xFFFFFFFFu;
    for (size_t n = offsetof(stapes_frontend_tables, crc32) + sizeof tables->crc32; n < tables->bytes; n++) {
        crc ^= bytes[stapes_frontend_place(tables, n)];
        for (int32_t bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ (0xEDB88320u & (0u - (crc & 1u)));
    }
    return ~crc == tables->crc32 ? STAPES_FRONTEND_OK : STAPES_FRONTEND_BAD_CRC;
}
