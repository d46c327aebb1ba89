/* Fixed-point log-mel frontend: window, real FFT by a complex one of half the size, power, triangles, log2.
 *
 * Intervals. N = n_fft, M = N / 2, W = window <= N. A frame's samples are shifted up by its headroom and windowed to
 * |y_n| <= 2^b * w_n + 1, b = input_bits = 28 - log2(N), w the Hann window: its sum is W / 2, its sum of squares 3 W / 8.
 * The complex FFT takes z_n = y_2n + i y_2n+1. Whatever it makes is a part of z times numbers of modulus one, added:
 *   |Z| <= sum |z_n| <= sqrt(2) * 2^b * W / 4 <= 0.71 * 2^27.
 * With E and O the DFTs of the even and the odd y, by Parseval for 0 < k < M / 2 (a real sequence has each bin twice):
 *   2 |O_k|^2 <= M * sum(y^2 over odd n) <= (3/32) N W 2^2b  =>  |2 O_k|, |2 E_k| <= 0.87 * 2^27.
 * With X the DFT of y, by the same for 0 < k < M:
 *   2 |X_k|^2 <= N * sum(y^2) <= (3/8) N W 2^2b  =>  |2 X_k| <= 0.87 * 2^28, and the sum of |2 X_k|^2 over k <= 0.75 * 2^56.
 * Rounding adds a few units per stage, far less than what is left. make_tables checks these bounds with the window it made.
 * No band uses k = 0 or k = M.
 */
#include "stapes_frontend.h"

#if defined(__ARM_FEATURE_DSP) && defined(__GNUC__)
#define DSP 1 /* SMULWB, SMMLA */
#elif defined(__ARM_ARCH_6M__) || defined(__ARM_ARCH_8M_BASE__)
#define ONLY_SHORT_PRODUCTS 1 /* 32 by 32 bits to 32 */
#endif

enum { SEGMENT_BITS = 6 }; /* of the log2 table */

typedef struct {
    int32_t re, im;
} point;

/* floor(weight * sample / 2^16), sample within int16; |result| <= |weight| / 2. */
static inline int32_t weighted(int32_t weight, int32_t sample)
{
#if defined(DSP)
    int32_t product;
    __asm__("smulwb %0, %1, %2" : "=r"(product) : "r"(weight), "r"(sample));
    return product;
#elif defined(ONLY_SHORT_PRODUCTS) /* weight = high * 2^16 + low; |low * sample| < 2^31 */
    return (weight >> 16) * sample + (((weight & 0xFFFF) * sample) >> 16);
#else /* |product| <= 2^62 */
    return (int32_t)(((int64_t)weight * (sample * 65536)) >> 32);
#endif
}

/* floor(x * y / 2^32) */
static inline int32_t high_product(int32_t x, int32_t y)
{
    return (int32_t)(((int64_t)x * y) >> 32);
}

#if defined(DSP)
/* z - ceil(x * y / 2^32) */
static inline int32_t minus_up(int32_t x, int32_t y, int32_t z)
{
    int32_t difference;
    __asm__("smmls %0, %1, %2, %3" : "=r"(difference) : "r"(x), "r"(y), "r"(z));
    return difference;
}
#endif

/* Half of z * (c + i s), with w = (c, s) * 2^31 of 18 significant bits and a sign, so that a core without a long product can
 * make it of two short ones. |z| <= 0.87 * 2^27. One product of each sum is rounded down and the other up: rounded alike, the
 * sums would carry a bias, which gathers in few bins. */
static inline point half_rotated(point z, point w)
{
#if defined(DSP)
    const int32_t up = minus_up(z.re, w.im, -high_product(z.im, w.re));
    const point turned = {high_product(z.re, w.re) - high_product(z.im, w.im), -up};
#elif defined(ONLY_SHORT_PRODUCTS)
    /* z = high * 2^14 + low, |high| < 0.88 * 2^13, |low| <= 2^13; |c|, |s| < 2^18: floor(z c / 2^19) without overflow. */
    const int32_t re_high = (z.re + 8192) >> 14, re_low = z.re - re_high * 16384;
    const int32_t im_high = (z.im + 8192) >> 14, im_low = z.im - im_high * 16384;
    const int32_t c = w.re >> 13, s = w.im >> 13;
    const point turned = {
        ((re_high * c + ((re_low * c) >> 14)) >> 5) - ((im_high * s + ((im_low * s) >> 14)) >> 5),
        ((im_high * c + ((im_low * c) >> 14)) >> 5) - ((re_high * -s + ((re_low * -s) >> 14)) >> 5),
    };
#else
    const point turned = {
        high_product(z.re, w.re) - high_product(z.im, w.im),
        high_product(z.im, w.re) - high_product(z.re, -w.im),
    };
#endif
    return turned;
}

/* re^2 + im^2 for |re|, |im| < 2^28. */
static inline uint64_t squared(int32_t re, int32_t im)
{
#if defined(ONLY_SHORT_PRODUCTS) /* x = high * 2^14 + low: the three sums are below 2^30 */
    const int32_t re_high = re >> 14, re_low = re & 0x3FFF, im_high = im >> 14, im_low = im & 0x3FFF;
    const uint32_t high = (uint32_t)(re_high * re_high + im_high * im_high);
    const int32_t middle = re_high * re_low + im_high * im_low;
    const uint32_t low = (uint32_t)(re_low * re_low + im_low * im_low);
    return ((uint64_t)high << 28) + (uint64_t)((int64_t)middle * 32768) + low;
#else
    return (uint64_t)((int64_t)re * re) + (uint64_t)((int64_t)im * im);
#endif
}

/* x * weight for a sum, weight < 2^16. */
static inline uint64_t long_product(uint32_t x, uint32_t weight)
{
#if defined(ONLY_SHORT_PRODUCTS)
    return ((uint64_t)((x >> 16) * weight) << 16) + (x & 0xFFFFu) * weight;
#else
    return (uint64_t)x * weight;
#endif
}

/* Leading zeros of x > 0. */
static inline int32_t leading_zeros(uint32_t x)
{
#if defined(__GNUC__)
    return __builtin_clz(x);
#else
    int32_t zeros = 0;
    for (; !(x & 0x80000000u); x <<= 1)
        zeros++;
    return zeros;
#endif
}

/* A frame's samples on their way to y. */
typedef struct {
    const int16_t *pcm;
    int32_t length;   /* W */
    int32_t exponent; /* samples times 2^exponent fill 16 bits, or 31 bits without the mean */
    int32_t sum;      /* of the samples */
} input;

/* Headroom 0..14 of all samples. A bit of x ^ 2x is set where two neighbouring bits of x differ; the highest such place says
 * how many bits x needs. The lowest bit is not counted. */
static int32_t headroom(const int16_t *pcm, int32_t samples)
{
    uint32_t used = 0;
    for (int32_t n = 0; n < samples; n++)
        used |= (uint32_t)(pcm[n] ^ (pcm[n] * 2));
    return leading_zeros((used & 0xFFFEu) | 2u) - 16;
}

/* d = W * x - sum(x), W times the sample without the frame's mean, exactly. |sum| <= 2^26, |d| <= W * 65535 < 2^27. */
static inline int32_t without_mean(const input *in, int32_t n)
{
    return in->length * in->pcm[n] - in->sum;
}

/* Sets sum and exponent: |d| * 2^exponent < 2^31, exponent 0..30. */
static void measure_without_mean(input *in)
{
    in->sum = 0;
    for (int32_t n = 0; n < in->length; n++)
        in->sum += in->pcm[n];
    uint32_t used = 1;
    for (int32_t n = 0; n < in->length; n++) {
        const int32_t d = without_mean(in, n);
        used |= (uint32_t)(d ^ (d >> 31));
    }
    in->exponent = leading_zeros(used) - 1;
}

/* Sample n times its weight of the window (2^(b + 1) at the centre), rounded down: within 2^b. */
static inline int32_t windowed(const input *in, int32_t n, int32_t weight, int dc_blocker)
{
    if (!dc_blocker)
        return weighted(weight, in->pcm[n] * (1 << in->exponent));
    return high_product(weight, without_mean(in, n) * (1 << in->exponent));
}

/* Even samples rounded down and odd ones up: so rounding puts its bias at half the sample rate, where no band is. */
static inline point windowed_pair(const input *in, int32_t pair, int32_t even_weight, int32_t odd_weight, int dc_blocker)
{
    const point y = {windowed(in, 2 * pair, even_weight, dc_blocker),
                     -windowed(in, 2 * pair + 1, -odd_weight, dc_blocker)};
    return y;
}

/* z_n to where the first stage wants it: the n-th of each of `radix` blocks stands in the group order[n]. */
static inline void windowed_in_order(const stapes_frontend_tables *tables, const input *in, point *z, int dc_blocker)
{
    const int32_t *window = stapes_frontend_table(tables, tables->window_at);
    const int32_t radix = tables->first_radix, block = tables->n_fft / 2 / radix;
    const int32_t middle = (in->length + 2) / 4, pairs = in->length / 2;
    for (int32_t place = 0, pair = 0; place < radix; place++) {
        const uint8_t *order = stapes_frontend_table(tables, tables->order_at);
        point *to = z + place;
        const int32_t end = (place + 1) * block;
        for (const int32_t rising = end < middle ? end : middle; pair < rising; pair++)
            to[radix * *order++] = windowed_pair(in, pair, window[2 * pair], window[2 * pair + 1], dc_blocker);
        for (const int32_t falling = end < pairs ? end : pairs; pair < falling; pair++)
            to[radix * *order++] = windowed_pair(in, pair, window[in->length - 2 * pair],
                                                 window[in->length - 2 * pair - 1], dc_blocker);
        for (; pair < end; pair++)
            to[radix * *order++] = (point){0, 0};
    }
}

/* Four-point DFT, b to d given as halves, to z[0], z[step], z[2 step], z[3 step]. */
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

/* The same without a turn: exact. */
static inline void plain_butterfly(point *z, int32_t step)
{
    const point a = z[0], b = z[step], c = z[2 * step], d = z[3 * step];
    const point even = {a.re + c.re, a.im + c.im}, odd = {a.re - c.re, a.im - c.im};
    const point sum = {b.re + d.re, b.im + d.im}, difference = {b.re - d.re, b.im - d.im};
    z[0].re = even.re + sum.re;
    z[0].im = even.im + sum.im;
    z[step].re = odd.re + difference.im;
    z[step].im = odd.im - difference.re;
    z[2 * step].re = even.re - sum.re;
    z[2 * step].im = even.im - sum.im;
    z[3 * step].re = odd.re - difference.im;
    z[3 * step].im = odd.im + difference.re;
}

/* In place: a first stage of radix 4, or 2 where M is an odd power of two, then radix 4. */
static void transform(const stapes_frontend_tables *tables, point *z)
{
    const point *twiddles = stapes_frontend_table(tables, tables->twiddles_at);
    const int32_t half = tables->n_fft / 2;
    int32_t quarter = 1;
    if (tables->first_radix == 2) {
        for (point *a = z; a < z + half; a += 2) {
            const point sum = {a[0].re + a[1].re, a[0].im + a[1].im};
            const point difference = {a[0].re - a[1].re, a[0].im - a[1].im};
            a[0] = sum;
            a[1] = difference;
        }
        quarter = 2;
    }
    for (; quarter < half; quarter *= 4) {
        for (point *a = z; a < z + half; a += 4 * quarter)
            plain_butterfly(a, quarter);
        const int32_t stride = 3 * (half / 4 / quarter);
        const point *turns = twiddles - 3 + stride; /* the table begins at one turn */
        for (int32_t j = 1; j < quarter; j++, turns += stride)
            for (point *a = z + j; a < z + half; a += 4 * quarter)
                butterfly(a, quarter, *a, half_rotated(a[quarter], turns[0]), half_rotated(a[2 * quarter], turns[1]),
                          half_rotated(a[3 * quarter], turns[2]));
    }
}

/* |x|^2, stored over the point it came from, low word first. */
static inline void store_power(point *at, int32_t re, int32_t im)
{
    const uint64_t power = squared(re, im);
    at->re = (int32_t)(uint32_t)power;
    at->im = (int32_t)(uint32_t)(power >> 32);
}

/* 2 X_k = 2 E + W^k 2 O, 2 X_M-k = conj(2 E - W^k 2 O), 2 E = Z_k + conj Z_M-k, 2 O = -i (Z_k - conj Z_M-k): the power of both in
 * place. Even k find W^k among the twiddles of the last stage, odd ones in a table of their own. */
static void split_and_square(const stapes_frontend_tables *tables, point *z)
{
    const int32_t half = tables->n_fft / 2;
    for (int32_t k = 1; k <= 2; k++) {
        const point *turn = stapes_frontend_table(tables, k == 1 ? tables->odd_turns_at : tables->twiddles_at);
        const int32_t stride = k == 1 ? 1 : 3;
        for (point *low = z + k, *high = z + half - k; low < high; low += 2, high -= 2, turn += stride) {
            const point even = {low->re + high->re, low->im - high->im};
            const point odd = {low->im + high->im, high->re - low->re};
            const point turned = half_rotated(odd, *turn);
            store_power(low, even.re + 2 * turned.re, even.im + 2 * turned.im);
            store_power(high, even.re - 2 * turned.re, even.im - 2 * turned.im);
        }
    }
    store_power(z + half / 2, 2 * z[half / 2].re, 2 * z[half / 2].im);
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
 * band j = rising_j + (plain - rising)_j+1. Sums of power stay below 2^56 (head of this file), and times w < 2^16: the upper
 * words' sum below 2^40, the lower words' below bins * 2^48. `offset`: of log2, Q15, with the rounding to Q10. */
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
            upper += long_product(high, *weights);
            lower += long_product(low, *weights);
        }
        const uint64_t rising = (upper << 16) + (lower >> 16); /* <= plain */
        if (j > 0) {
            const uint64_t sum = last_rising + (plain - rising); /* < 2^56 */
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
    input in = {.pcm = pcm, .length = tables->window};
    point *z = (point *)work;
    if (tables->dc_blocker) {
        measure_without_mean(&in);
        windowed_in_order(tables, &in, z, 1);
    } else {
        in.exponent = headroom(pcm, in.length);
        windowed_in_order(tables, &in, z, 0);
    }
    transform(tables, z);
    split_and_square(tables, z);
    /* The power is 2^(2 exponent) times too large. */
    bands(tables, z, tables->log2_offset - in.exponent * 65536 + 16, features, log2_bands);
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
