/* Fixed-point log-mel frontend: window, real FFT by a complex one of half the size, power, triangles, log2.
 *
 * Intervals. N = n_fft, M = N / 2, W = window <= N, b = input_bits = 31 - log2(N). Windowed samples y_n: |y_n| <= 2^b * w_n + 1/2,
 * w the Hann window. Its sum is W / 2 and its sum of squares 3 W / 8, so with Parseval, for the DFT X of y and 0 < k < M:
 *   2 |X_k|^2 <= N * sum(y^2) <= (3/8) N W 2^2b  =>  |2 X_k| <= 0.87 * 2^31, and the sum of |2 X_k|^2 over all k is <= 0.75 * 2^62.
 * The complex FFT takes z_n = y_2n + i y_2n+1. Whatever it makes is a part of z times numbers of modulus one, added:
 *   |Z| <= sum |z_n| <= sqrt(2) * 2^b * W / 4 <= 0.36 * 2^31.
 * Rounding adds a few units per stage, far less than what is left. make_tables checks these bounds with the window it made.
 * M (k = N / 2) and k = 0, where |2 X_k| could reach 2^31, are not used by any band.
 */
#include "stapes_frontend.h"

enum { SEGMENT_BITS = 6 }; /* of the log2 table */

typedef struct {
    int32_t re, im;
} point;

/* floor(x * w / 2^16) with w in the low or the high half of `pair`. */
#if defined(__ARM_ARCH_6M__) || defined(__ARM_ARCH_8M_BASE__)
/* No long multiplication: x = high * 2^16 + low. |high * w| <= 2^30, |low * w| < 2^31. */
static inline int32_t half_product(int32_t x, int32_t w)
{
    return (x >> 16) * w + (((int32_t)(x & 0xFFFF) * w) >> 16);
}
static inline int32_t times_low(int32_t x, int32_t pair)
{
    return half_product(x, (int16_t)pair);
}
static inline int32_t times_high(int32_t x, int32_t pair)
{
    return half_product(x, pair >> 16);
}
#else
/* w in the upper half of a word: the high word of the 64-bit product is the result. |x * w * 2^16| <= 2^62. */
static inline int32_t times_low(int32_t x, int32_t pair)
{
    return (int32_t)(((int64_t)x * (int32_t)((uint32_t)pair << 16)) >> 32);
}
static inline int32_t times_high(int32_t x, int32_t pair)
{
    return (int32_t)(((int64_t)x * (int32_t)((uint32_t)pair & 0xFFFF0000u)) >> 32);
}
#endif

/* Leading zeros of x > 0. */
static inline int32_t leading_zeros(uint32_t x)
{
#if defined(__GNUC__)
    return __builtin_clz(x);
#else
    int32_t zeros = 0;
    while (!(x & 0x80000000u)) {
        x <<= 1;
        zeros++;
    }
    return zeros;
#endif
}

/* Half of z * (c + i s); pair = (c low, s high). |result| <= |z| / 2 + 1. */
static inline point half_rotated(point z, int32_t pair)
{
    const point turned = {times_low(z.re, pair) - times_high(z.im, pair), times_low(z.im, pair) + times_high(z.re, pair)};
    return turned;
}

/* How a frame's samples become y. */
typedef struct {
    const int16_t *pcm;
    const int16_t *window;
    int32_t pairs;    /* W / 2 */
    int32_t shift;    /* y = round(product / 2^shift) */
    int32_t rounding; /* 2^(shift - 1), or 0 */
    int32_t scale;    /* with the DC blocker: a power of two */
    int32_t sum;      /* with the DC blocker: of the frame's samples */
} input;

/* y_2n + i y_2n+1. |sample * window| <= 2^15 * 2^15, less than 2^(b + shift); zero past the window. */
static inline point windowed(const input *in, int32_t pair)
{
    point y = {0, 0};
    if (pair < in->pairs) {
        const int16_t *x = in->pcm + 2 * pair;
        const int16_t *w = in->window + 2 * pair;
        y.re = (x[0] * w[0] + in->rounding) >> in->shift;
        y.im = (x[1] * w[1] + in->rounding) >> in->shift;
    }
    return y;
}

/* The same with the mean removed, times W: d = W * x - sum(x) is exact, |d| <= W * 65535 < 2^27; |d * scale| <= 2^31;
 * its half product with the window is at most 2^30 <= 2^(b + shift). */
static inline point windowed_without_mean(const input *in, int32_t pair)
{
    point y = {0, 0};
    if (pair < in->pairs) {
        const int16_t *x = in->pcm + 2 * pair;
        const int16_t *w = in->window + 2 * pair;
        const int32_t length = 2 * in->pairs;
        y.re = (times_low((length * x[0] - in->sum) * in->scale, w[0]) + in->rounding) >> in->shift;
        y.im = (times_low((length * x[1] - in->sum) * in->scale, w[1]) + in->rounding) >> in->shift;
    }
    return y;
}

/* Bits set where some sample x differs from x >> 1 in a bit above the lowest: the highest one bounds them all.
 * x = -1 and x = 0 leave it at 0, -32768 and 32767 set bit 15. */
static uint32_t used_bits(const int16_t *pcm, int32_t samples)
{
    uint32_t used = 0;
    for (int32_t n = 0; n < samples; n++)
        used |= (uint32_t)(pcm[n] ^ (pcm[n] * 2));
    return used & 0xFFFEu;
}

/* Samples lie in [-2^(15 - h), 2^(15 - h)), h = 0..14 headroom; the product with the window is brought to 2^b where it is larger.
 * b <= 25, so 30 - h - b is 5..10 at h = 0. Returns s: y = pcm * window_Q15 / 2^s. */
static int32_t set_input(input *in, const stapes_frontend_tables *tables)
{
    const int32_t headroom = leading_zeros(used_bits(in->pcm, 2 * in->pairs) | 2u) - 16;
    const int32_t excess = 30 - tables->input_bits - headroom;
    in->shift = excess > 0 ? excess : 0;
    in->rounding = (1 << in->shift) >> 1;
    return in->shift;
}

/* d * scale fills 31 bits, scale = 2^e, e = 0..30. y = d * window_Q15 * 2^e / 2^(16 + 30 - b). Returns s = 46 - b - e. */
static int32_t set_input_without_mean(input *in, const stapes_frontend_tables *tables)
{
    const int32_t length = 2 * in->pairs;
    int32_t sum = 0; /* |sum| <= 2^15 * 2^11 */
    for (int32_t n = 0; n < length; n++)
        sum += in->pcm[n];
    uint32_t used = 1;
    for (int32_t n = 0; n < length; n++) {
        const int32_t d = length * in->pcm[n] - sum;
        used |= (uint32_t)(d ^ (d >> 31));
    }
    const int32_t exponent = leading_zeros(used) - 1;
    in->sum = sum;
    in->scale = 1 << exponent;
    in->shift = 30 - tables->input_bits;
    in->rounding = (1 << in->shift) >> 1;
    return in->shift + 16 - exponent;
}

/* Four-point DFT of values whose twiddles are applied, b to d given as halves; to z[0], z[step], z[2 step], z[3 step]. */
static inline void butterfly(point *z, int32_t step, point a, point b, point c, point d)
{
    const point even = {a.re + 2 * c.re, a.im + 2 * c.im};
    const point odd = {a.re - 2 * c.re, a.im - 2 * c.im};
    const point sum = {b.re + d.re, b.im + d.im};
    const point difference = {b.re - d.re, b.im - d.im};
    z[0].re = even.re + 2 * sum.re;
    z[0].im = even.im + 2 * sum.im;
    z[step].re = odd.re + 2 * difference.im;
    z[step].im = odd.im - 2 * difference.re;
    z[2 * step].re = even.re - 2 * sum.re;
    z[2 * step].im = even.im - 2 * sum.im;
    z[3 * step].re = odd.re - 2 * difference.im;
    z[3 * step].im = odd.im + 2 * difference.re;
}

/* Window, and the first stage of the FFT, which needs no twiddles: groups of `first_radix`, in the order that the next ones want. */
static inline void first_stage(const stapes_frontend_tables *tables, const input *in, point *z,
                               point (*load)(const input *, int32_t))
{
    const uint8_t *order = stapes_frontend_table(tables, tables->order_at);
    const int32_t half = tables->n_fft / 2;
    if (tables->first_radix == 2) {
        for (int32_t n = 0; n < half / 2; n++) {
            const point a = load(in, n), b = load(in, n + half / 2);
            point *out = z + 2 * order[n];
            out[0].re = a.re + b.re;
            out[0].im = a.im + b.im;
            out[1].re = a.re - b.re;
            out[1].im = a.im - b.im;
        }
        return;
    }
    for (int32_t n = 0; n < half / 4; n++) {
        const point a = load(in, n), b = load(in, n + half / 4), c = load(in, n + half / 2), d = load(in, n + 3 * (half / 4));
        const point even = {a.re + c.re, a.im + c.im}, odd = {a.re - c.re, a.im - c.im};
        const point sum = {b.re + d.re, b.im + d.im}, difference = {b.re - d.re, b.im - d.im};
        point *out = z + 4 * order[n];
        out[0].re = even.re + sum.re;
        out[0].im = even.im + sum.im;
        out[1].re = odd.re + difference.im;
        out[1].im = odd.im - difference.re;
        out[2].re = even.re - sum.re;
        out[2].im = even.im - sum.im;
        out[3].re = odd.re - difference.im;
        out[3].im = odd.im + difference.re;
    }
}

/* The radix-4 stages, in place. Those without a turn (twiddle 1) are exact. */
static void later_stages(const stapes_frontend_tables *tables, point *z)
{
    const int32_t *twiddles = stapes_frontend_table(tables, tables->twiddles_at);
    const int32_t half = tables->n_fft / 2;
    for (int32_t quarter = tables->first_radix; quarter < half; quarter *= 4) {
        const int32_t stride = 3 * (half / 4 / quarter);
        for (point *a = z; a < z + half; a += 4 * quarter) {
            const point b = a[quarter], c = a[2 * quarter], d = a[3 * quarter];
            const point even = {a->re + c.re, a->im + c.im}, odd = {a->re - c.re, a->im - c.im};
            const point sum = {b.re + d.re, b.im + d.im}, difference = {b.re - d.re, b.im - d.im};
            a[0].re = even.re + sum.re;
            a[0].im = even.im + sum.im;
            a[quarter].re = odd.re + difference.im;
            a[quarter].im = odd.im - difference.re;
            a[2 * quarter].re = even.re - sum.re;
            a[2 * quarter].im = even.im - sum.im;
            a[3 * quarter].re = odd.re - difference.im;
            a[3 * quarter].im = odd.im + difference.re;
        }
        const int32_t *turns = twiddles + stride - 3; /* the table begins at one turn */
        for (int32_t j = 1; j < quarter; j++, turns += stride)
            for (point *a = z + j; a < z + half; a += 4 * quarter)
                butterfly(a, quarter, *a, half_rotated(a[quarter], turns[0]), half_rotated(a[2 * quarter], turns[1]),
                          half_rotated(a[3 * quarter], turns[2]));
    }
}

/* |x|^2 <= 0.75 * 2^62; stored over the point it came from, low word first. */
static inline void store_power(point *at, int32_t re, int32_t im)
{
    const uint64_t power = (uint64_t)((int64_t)re * re) + (uint64_t)((int64_t)im * im);
    at->re = (int32_t)(uint32_t)power;
    at->im = (int32_t)(uint32_t)(power >> 32);
}

/* 2 X_k = (Z_k + conj Z_M-k) - i W^k (Z_k - conj Z_M-k), its power in place for 0 < k < M. |2 E|, |2 O| <= 2^30. */
static void split_and_square(const stapes_frontend_tables *tables, point *z)
{
    const int32_t *turns = stapes_frontend_table(tables, tables->split_at);
    const int32_t half = tables->n_fft / 2;
    point *low = z + 1, *high = z + half - 1;
    for (; low < high; low++, high--, turns++) {
        const point even = {low->re + high->re, low->im - high->im};
        const point odd = {low->re - high->re, low->im + high->im};
        const point turned = half_rotated(odd, *turns);
        store_power(low, even.re + 2 * turned.re, even.im + 2 * turned.im);
        store_power(high, even.re - 2 * turned.re, even.im - 2 * turned.im);
    }
    store_power(low, 2 * low->re, 2 * low->im); /* k = N / 4: |2 Z| <= 0.72 * 2^31 */
}

/* log2 in Q15 of power > 0: 0..64 * 2^15. */
static inline int32_t log2_q15(const uint16_t *table, uint64_t power)
{
    const uint32_t upper = (uint32_t)(power >> 32);
    const int32_t zeros = upper ? leading_zeros(upper) : 32 + leading_zeros((uint32_t)power);
    const uint32_t mantissa = (uint32_t)((power << zeros) >> 32); /* 2^31 .. 2^32 */
    const uint16_t *segment = table + ((mantissa >> (31 - SEGMENT_BITS)) & ((1u << SEGMENT_BITS) - 1));
    const uint32_t part = (mantissa >> (31 - SEGMENT_BITS - 16)) & 0xFFFFu;
    const uint32_t rise = (uint32_t)(segment[1] - segment[0]); /* <= 733 */
    return ((63 - zeros) << 15) + segment[0] + (int32_t)((rise * part) >> 16);
}

static inline int32_t clamped(int32_t value, int32_t low, int32_t high)
{
    return value < low ? low : value > high ? high : value;
}

/* Triangles that share their edges: in the segment between two centres, band j rises (weight w) and band j - 1 falls (1 - w).
 * band j = rising_j + (plain - rising)_j+1. Sums of power stay below 2^62 (head of this file), and times w < 2^16: the upper
 * words' sum below 2^46, the lower words' below bins * 2^48. `offset`: of log2, Q15, with the rounding to Q10. */
static void bands(const stapes_frontend_tables *tables, const point *powers, int32_t offset, int8_t *features,
                  int16_t *log2_bands)
{
    const uint16_t *segments = stapes_frontend_table(tables, tables->segments_at);
    const uint16_t *weights = stapes_frontend_table(tables, tables->weights_at);
    const uint16_t *log2_table = stapes_frontend_table(tables, tables->log2_at);
    const point *power = powers + tables->first_bin;
    uint64_t last_rising = 0; /* of band j - 1 */
    for (int32_t j = 0; j <= tables->n_bands; j++) {
        uint64_t plain = 0, upper = 0, lower = 0;
        for (int32_t bins = segments[j]; bins > 0; bins--, power++, weights++) {
            const uint32_t low = (uint32_t)power->re, high = (uint32_t)power->im;
            plain += ((uint64_t)high << 32) | low;
            upper += (uint64_t)high * *weights;
            lower += (uint64_t)low * *weights;
        }
        const uint64_t rising = (upper << 16) + (lower >> 16); /* <= plain */
        if (j > 0) {
            const uint64_t sum = last_rising + (plain - rising); /* < 2^63 */
            /* log2 + offset within +-2^22; Q10 of the output within +-2^17 before it is clamped */
            const int32_t value =
                sum == 0 ? INT16_MIN : clamped((log2_q15(log2_table, sum) + offset) >> 5, INT16_MIN, INT16_MAX);
            if (log2_bands)
                log2_bands[j - 1] = (int16_t)value;
            if (features) { /* |product| <= 2^15 * 2^31, |offset| <= 2^47 */
                const int64_t affine = (int64_t)value * tables->int8_multiplier + (int64_t)tables->int8_offset * 65536;
                features[j - 1] = (int8_t)clamped((int32_t)(affine >> 32) >> (tables->int8_shift - 32), INT8_MIN, INT8_MAX);
            }
        }
        last_rising = rising;
    }
}

void stapes_frontend_frame(const stapes_frontend_tables *tables, const int16_t *pcm, int32_t *work, int8_t *features,
                           int16_t *log2_bands)
{
    input in = {.pcm = pcm, .window = stapes_frontend_table(tables, tables->window_at), .pairs = tables->window / 2};
    point *z = (point *)work;
    int32_t shift; /* -9..26 */
    if (tables->dc_blocker) {
        shift = set_input_without_mean(&in, tables);
        first_stage(tables, &in, z, windowed_without_mean);
    } else {
        shift = set_input(&in, tables);
        first_stage(tables, &in, z, windowed);
    }
    later_stages(tables, z);
    split_and_square(tables, z);
    bands(tables, z, tables->log2_offset + shift * 65536 + 16, features, log2_bands);
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

int32_t stapes_frontend_init(const stapes_frontend_tables *tables, size_t bytes)
{
    if (((uintptr_t)tables & 3) != 0 || bytes < sizeof *tables || tables->magic != STAPES_FRONTEND_MAGIC)
        return STAPES_FRONTEND_NOT_TABLES;
    if (tables->arithmetic != STAPES_FRONTEND_ARITHMETIC)
        return STAPES_FRONTEND_OTHER_ARITHMETIC;
    const uint32_t n_fft = tables->n_fft;
    const int sizes_fit = bytes == tables->bytes && n_fft >= 64 && n_fft <= 2048 && (n_fft & (n_fft - 1)) == 0 &&
                          tables->window >= 2 && tables->window <= n_fft && tables->window % 2 == 0 && tables->hop >= 1 &&
                          tables->hop <= tables->window && tables->n_bands >= 1 && tables->n_bands <= 128;
    return sizes_fit ? STAPES_FRONTEND_OK : STAPES_FRONTEND_BAD_SIZE;
}

int32_t stapes_frontend_check_crc(const stapes_frontend_tables *tables)
{
    const uint8_t *bytes = (const uint8_t *)tables;
    uint32_t crc = 0xFFFFFFFFu;
    for (size_t n = offsetof(stapes_frontend_tables, crc32) + sizeof tables->crc32; n < tables->bytes; n++) {
        crc ^= bytes[n];
        for (int32_t bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ (0xEDB88320u & (0u - (crc & 1u)));
    }
    return ~crc == tables->crc32 ? STAPES_FRONTEND_OK : STAPES_FRONTEND_BAD_CRC;
}
