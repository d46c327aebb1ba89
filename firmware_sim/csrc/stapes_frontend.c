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

#include <string.h>

#if defined(__thumb2__) && defined(__GNUC__) && defined(__OPTIMIZE__)
#define THUMB2 1 /* LDRD, SMULL, UMLAL: inner loops by hand, for compilers spill what fits the registers */
#endif
#if defined(STAPES_FRONTEND_DSP)
#define DSP 1 /* SMMUL, SMMLS */
#elif defined(__ARM_ARCH_6M__) || defined(__ARM_ARCH_8M_BASE__)
#define ONLY_SHORT_PRODUCTS 1 /* 32 by 32 bits to 32 */
#if defined(__GNUC__) && !defined(__clang__) && defined(__OPTIMIZE__)
#define THUMB1 1 /* eight registers for products: by hand */
#endif
#endif

#if defined(__GNUC__)
#define ALIGNED(pointer, bytes) __builtin_assume_aligned(pointer, bytes)
#define STAGE __attribute__((noinline)) static /* its loops then have the registers to themselves */
#else
#define ALIGNED(pointer, bytes) (pointer)
#define STAGE static
#endif

typedef struct {
    int32_t re, im;
} point;

static inline point loaded(const point *at)
{
#if defined(THUMB2)
    point value;
    __asm__("ldrd %0, %1, %2" : "=r"(value.re), "=r"(value.im) : "Q"(*at));
    return value;
#else
    return *at;
#endif
}

/* floor(x * y / 2^32) */
static inline int32_t high_product(int32_t x, int32_t y)
{
#if defined(ONLY_SHORT_PRODUCTS)
    if ((y & 0xFFFF) == 0) /* samples with their mean: |x & 0xFFFF| * |y >> 16| < 2^31 */
        return (x >> 16) * (y >> 16) + (((x & 0xFFFF) * (y >> 16)) >> 16);
#endif
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
#if defined(THUMB1)
    point turned = z;
    int32_t c = w.re, s = w.im, re_high, im_high, t, u, kept;
    __asm__(".syntax unified                        \n"
            "asrs %[c], %[c], #13                   \n"
            "asrs %[s], %[s], #13                   \n"
            "movs %[t], #1                          \n"
            "lsls %[t], %[t], #13                   \n"
            "adds %[re_high], %[re], %[t]           \n"
            "asrs %[re_high], %[re_high], #14       \n"
            "adds %[im_high], %[im], %[t]           \n"
            "asrs %[im_high], %[im_high], #14       \n"
            "lsls %[t], %[re_high], #14             \n"
            "subs %[re], %[re], %[t]                \n" /* re.low */
            "lsls %[t], %[im_high], #14             \n"
            "subs %[im], %[im], %[t]                \n" /* im.low */
            "movs %[t], %[re]                       \n"
            "muls %[t], %[c], %[t]                  \n"
            "asrs %[t], %[t], #14                   \n"
            "movs %[u], %[re_high]                  \n"
            "muls %[u], %[c], %[u]                  \n"
            "adds %[t], %[t], %[u]                  \n"
            "asrs %[t], %[t], #5                    \n"
            "mov  %[kept], %[t]                     \n" /* re c */
            "movs %[t], %[im]                       \n"
            "muls %[t], %[s], %[t]                  \n"
            "asrs %[t], %[t], #14                   \n"
            "movs %[u], %[im_high]                  \n"
            "muls %[u], %[s], %[u]                  \n"
            "adds %[t], %[t], %[u]                  \n"
            "asrs %[t], %[t], #5                    \n"
            "mov  %[u], %[kept]                     \n"
            "subs %[t], %[u], %[t]                  \n" /* re c - im s */
            "muls %[im], %[c], %[im]                \n"
            "asrs %[im], %[im], #14                 \n"
            "muls %[im_high], %[c], %[im_high]      \n"
            "adds %[im], %[im], %[im_high]          \n"
            "asrs %[im], %[im], #5                  \n" /* im c */
            "rsbs %[s], %[s], #0                    \n"
            "muls %[re], %[s], %[re]                \n"
            "asrs %[re], %[re], #14                 \n"
            "muls %[re_high], %[s], %[re_high]      \n"
            "adds %[re], %[re], %[re_high]          \n"
            "asrs %[re], %[re], #5                  \n" /* re * -s */
            "subs %[im], %[im], %[re]               \n"
            "movs %[re], %[t]                       \n"
            : [re] "+l"(turned.re), [im] "+l"(turned.im), [c] "+l"(c), [s] "+l"(s), [re_high] "=&l"(re_high),
              [im_high] "=&l"(im_high), [t] "=&l"(t), [u] "=&l"(u), [kept] "=&h"(kept)
            :
            : "cc");
#else
    const int32_t re_high = (z.re + 8192) >> 14, re_low = z.re - re_high * 16384;
    const int32_t im_high = (z.im + 8192) >> 14, im_low = z.im - im_high * 16384;
    const int32_t c = w.re >> 13, s = w.im >> 13;
    const point turned = {
        ((re_high * c + ((re_low * c) >> 14)) >> 5) - ((im_high * s + ((im_low * s) >> 14)) >> 5),
        ((im_high * c + ((im_low * c) >> 14)) >> 5) - ((re_high * -s + ((re_low * -s) >> 14)) >> 5),
    };
#endif
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
    const uint32_t upper = (high >> 4) + (uint32_t)(middle >> 17), lower = high << 28, part = (uint32_t)middle << 15;
    return (((uint64_t)upper << 32) | lower) + part + low;
#else
    return (uint64_t)((int64_t)re * re) + (uint64_t)((int64_t)im * im);
#endif
}

#if defined(ONLY_SHORT_PRODUCTS)
/* Sum of every second word times its weight, below 2^16: x * w = (high * 2^16 + low) * w, in two products below 2^32. */
static inline uint64_t weighted_sum(const int32_t *word, const uint16_t *weight, int32_t count)
{
    uint64_t sum = 0;
#if defined(THUMB1)
    for (const uint16_t *end = weight + count; weight < end;) {
        uint32_t high, low, w;
        __asm__ volatile(".syntax unified                   \n"
                         "ldr  %[high], [%[word]]           \n"
                         "ldrh %[w], [%[weight]]            \n"
                         "adds %[word], #8                  \n"
                         "adds %[weight], #2                \n"
                         "uxth %[low], %[high]              \n"
                         "lsrs %[high], %[high], #16        \n"
                         "muls %[low], %[w], %[low]         \n"
                         "muls %[high], %[w], %[high]       \n"
                         "lsls %[w], %[high], #16           \n"
                         "lsrs %[high], %[high], #16        \n"
                         "adds %Q[sum], %Q[sum], %[low]     \n"
                         "adcs %R[sum], %[high]             \n"
                         "movs %[high], #0                  \n" /* leaves the carry */
                         "adds %Q[sum], %Q[sum], %[w]       \n"
                         "adcs %R[sum], %[high]             \n"
                         : [high] "=&l"(high), [low] "=&l"(low), [w] "=&l"(w), [word] "+l"(word), [weight] "+l"(weight),
                           [sum] "+l"(sum)
                         :
                         : "cc", "memory");
    }
#else
    for (; count > 0; count--, word += 2, weight++) {
        const uint32_t x = (uint32_t)*word;
        sum += ((uint64_t)((x >> 16) * *weight) << 16) + (x & 0xFFFFu) * *weight;
    }
#endif
    return sum;
}
#endif

/* Headroom 0..14 of all samples, an even number. A bit of x ^ 2x is set where two neighbouring bits of x differ; the highest
 * such place says how many bits x needs. The lowest bit is not counted, so two samples can be done in one word. */
static int32_t headroom(const int16_t *pcm, int32_t samples)
{
    uint32_t used = 2, two;
    if (((uintptr_t)pcm & 2) != 0) { /* the first and the last alone, the others in aligned words */
        used |= (uint32_t)((pcm[0] ^ (pcm[0] * 2)) | (pcm[samples - 1] ^ (pcm[samples - 1] * 2)));
        pcm++;
        samples -= 2;
    }
    const int16_t *end = pcm + samples;
    if (samples % 4 != 0) {
        memcpy(&two, ALIGNED(pcm, 4), sizeof two);
        used |= two ^ (two << 1);
        pcm += 2;
    }
    for (; pcm < end; pcm += 4) {
        uint32_t next;
        memcpy(&two, ALIGNED(pcm, 4), sizeof two);
        memcpy(&next, ALIGNED(pcm + 2, 4), sizeof next);
        used |= (two ^ (two << 1)) | (next ^ (next << 1));
    }
    return stapes_frontend_leading_zeros((used | used >> 16) & 0xFFFEu) - 16;
}

/* Words x * 2^(16 + headroom). */
static void use_samples(stapes_frontend_input *in)
{
    in->exponent = headroom(in->pcm, in->length);
    in->factor = (uint32_t)1 << (16 + in->exponent);
    in->offset = 0;
}

/* Words d * 2^exponent, exponent 0..30, of d = W * x - sum(x): W times the sample without the frame's mean, exactly.
 * |sum| <= 2^26, |d| <= W * 65535 < 2^27. */
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

static inline int32_t smaller(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

/* Pairs of samples times their weights of the window, weight[0] and weight[step], 2^(b + 1) at its centre: y within 2^b, to
 * z[order]. The even one is rounded down and the odd one, whose weight is negative, up: so rounding puts its bias at half the
 * sample rate, where no band is. */
static inline void windowed(const stapes_frontend_input *in, const int16_t *pcm, const int32_t *weight, int32_t step,
                            const uint16_t *order, const uint16_t *stop, point *z)
{
    const uint32_t factor = in->factor, offset = in->offset;
#if defined(THUMB2)
    while (order < stop) {
        int32_t even, odd, low, at;
        __asm__ volatile("ldrsh %[even], [%[pcm]], #2                      \n"
                         "ldrsh %[odd], [%[pcm]], #2                       \n"
                         "ldrh  %[at], [%[order]], #2                      \n"
                         "mla   %[even], %[even], %[factor], %[offset]     \n"
                         "mla   %[odd], %[odd], %[factor], %[offset]       \n"
                         "ldr   %[low], [%[weight]]                        \n"
                         "add   %[at], %[z], %[at], lsl #3                 \n"
                         "smull %[low], %[even], %[even], %[low]           \n"
                         "ldr   %[low], [%[weight], %[step], lsl #2]       \n"
                         "smull %[low], %[odd], %[odd], %[low]             \n"
                         "add   %[weight], %[weight], %[step], lsl #3      \n"
                         "rsb   %[odd], %[odd], #0                         \n"
                         "strd  %[even], %[odd], [%[at]]                   \n"
                         : [even] "=&r"(even), [odd] "=&r"(odd), [low] "=&r"(low), [at] "=&r"(at), [pcm] "+r"(pcm),
                           [weight] "+r"(weight), [order] "+r"(order)
                         : [factor] "r"(factor), [offset] "r"(offset), [step] "r"(step), [z] "r"(z)
                         : "memory");
    }
#else
    for (; order < stop; pcm += 2, weight += 2 * step) {
        point *y = z + *order++;
        y->re = high_product(weight[0], (int32_t)((uint32_t)pcm[0] * factor + offset));
        y->im = -high_product(weight[step], (int32_t)((uint32_t)pcm[1] * factor + offset));
    }
#endif
}

/* z_n to where the first stage wants it: the n-th of each of `radix` blocks stands in the group at order[n]. The window's
 * table is read up to its centre and back; past its end are zeros. */
STAGE void windowed_in_order(const stapes_frontend_tables *tables, const stapes_frontend_input *in, point *z)
{
    const int16_t *pcm = in->pcm;
    const int32_t *weight = stapes_frontend_table(tables, tables->window_at);
    const int32_t rising = (in->length + 2) / 4, falling = in->length / 2 - rising;
    int32_t step = 1, left = rising; /* pairs until the centre, then the end */
    for (const point *after = z + tables->first_radix; z < after; z++) {
        const uint16_t *order = stapes_frontend_table(tables, tables->order_at);
        const uint16_t *const end = order + tables->n_fft / 2 / tables->first_radix;
        for (;;) {
            const int32_t count = smaller(left, (int32_t)(end - order));
            windowed(in, pcm, weight, step, order, order + count, z);
            pcm += 2 * count;
            weight += 2 * count * step;
            order += count;
            left -= count;
            if (order == end || step < 0)
                break;
            step = -1;
            weight -= 2 * (rising - falling);
            left = falling;
        }
        while (order < end)
            z[*order++] = (point){0, 0};
    }
}

/* Four-point DFT of points `step` apart, in place, the last three turned first. */
static inline void butterfly(point *z, int32_t step, const point *turns)
{
#if defined(DSP) && defined(THUMB2)
    /* As below. n is minus the imaginary part, as half_rotated has it. */
    int32_t *at, a, b, c, d, e, f, g, h, i;
    __asm__ volatile("add   %[at], %[z], %[step]              \n" /* b */
            "ldrd  %[a], %[b], [%[at]]               \n"
            "ldrd  %[c], %[d], [%[turns]]            \n"
            "add   %[at], %[at], %[step], lsl #1     \n"
            "smmul %[e], %[a], %[c]                  \n"
            "smmul %[c], %[b], %[c]                  \n"
            "smmul %[b], %[b], %[d]                  \n"
            "rsb   %[c], %[c], #0                    \n"
            "smmls %[c], %[a], %[d], %[c]            \n" /* b.n */
            "sub   %[e], %[e], %[b]                  \n" /* b.re */
            "ldrd  %[a], %[b], [%[at]]               \n" /* d */
            "ldrd  %[d], %[f], [%[turns], #16]       \n"
            "sub   %[at], %[at], %[step]             \n"
            "smmul %[g], %[a], %[d]                  \n"
            "smmul %[d], %[b], %[d]                  \n"
            "smmul %[b], %[b], %[f]                  \n"
            "rsb   %[d], %[d], #0                    \n"
            "smmls %[d], %[a], %[f], %[d]            \n" /* d.n */
            "sub   %[g], %[g], %[b]                  \n" /* d.re */
            "add   %[a], %[e], %[g]                  \n" /* sum.re */
            "sub   %[e], %[e], %[g]                  \n" /* difference.re */
            "add   %[b], %[c], %[d]                  \n" /* sum.n */
            "sub   %[c], %[c], %[d]                  \n" /* difference.n */
            "ldrd  %[d], %[f], [%[at]]               \n" /* c */
            "ldrd  %[g], %[h], [%[turns], #8]        \n"
            "smmul %[i], %[d], %[g]                  \n"
            "smmul %[g], %[f], %[g]                  \n"
            "smmul %[f], %[f], %[h]                  \n"
            "rsb   %[g], %[g], #0                    \n"
            "smmls %[g], %[d], %[h], %[g]            \n" /* c.n */
            "sub   %[i], %[i], %[f]                  \n" /* c.re */
            "ldrd  %[d], %[f], [%[z]]                \n" /* a */
            "add   %[d], %[d], %[i], lsl #1          \n" /* even */
            "sub   %[f], %[f], %[g], lsl #1          \n"
            "sub   %[i], %[d], %[i], lsl #2          \n" /* odd = even - 4 c */
            "add   %[g], %[f], %[g], lsl #2          \n"
            "add   %[d], %[d], %[a], lsl #1          \n" /* even + 2 sum */
            "sub   %[f], %[f], %[b], lsl #1          \n"
            "sub   %[a], %[d], %[a], lsl #2          \n" /* even - 2 sum */
            "add   %[b], %[f], %[b], lsl #2          \n"
            "strd  %[d], %[f], [%[z]]                \n"
            "strd  %[a], %[b], [%[at]]               \n"
            "add   %[at], %[at], %[step]             \n"
            "sub   %[i], %[i], %[c], lsl #1          \n" /* odd - 2i difference */
            "sub   %[g], %[g], %[e], lsl #1          \n"
            "add   %[c], %[i], %[c], lsl #2          \n" /* odd + 2i difference */
            "add   %[e], %[g], %[e], lsl #2          \n"
            "strd  %[c], %[e], [%[at]]               \n"
            "sub   %[at], %[at], %[step], lsl #1     \n"
            "strd  %[i], %[g], [%[at]]               \n"
            : [at] "=&r"(at), [a] "=&r"(a), [b] "=&r"(b), [c] "=&r"(c), [d] "=&r"(d), [e] "=&r"(e), [f] "=&r"(f),
              [g] "=&r"(g), [h] "=&r"(h), [i] "=&r"(i)
            : [z] "r"(z), [step] "r"(step * (int32_t)sizeof *z), [turns] "r"(turns)
            : "memory");
#else
    const point b = half_rotated(z[step], turns[0]), d = half_rotated(z[3 * step], turns[2]);
    const point sum = {b.re + d.re, b.im + d.im};
    const point difference = {b.re - d.re, b.im - d.im};
    const point c = half_rotated(z[2 * step], turns[1]);
    const point even = {z->re + 2 * c.re, z->im + 2 * c.im};
    const point odd = {z->re - 2 * c.re, z->im - 2 * c.im};
    z[0].re = even.re + 2 * sum.re;
    z[0].im = even.im + 2 * sum.im;
    z[2 * step].re = even.re - 2 * sum.re;
    z[2 * step].im = even.im - 2 * sum.im;
    z[step].re = odd.re + 2 * difference.im;
    z[step].im = odd.im - 2 * difference.re;
    z[3 * step].re = odd.re - 2 * difference.im;
    z[3 * step].im = odd.im + 2 * difference.re;
#endif
}

/* The same without a turn: exact. */
static inline void plain_butterfly(point *z, int32_t step)
{
    const point b = z[step], d = z[3 * step];
    const point sum = {b.re + d.re, b.im + d.im}, difference = {b.re - d.re, b.im - d.im};
    const point a = z[0], c = z[2 * step];
    const point even = {a.re + c.re, a.im + c.im}, odd = {a.re - c.re, a.im - c.im};
    z[0].re = even.re + sum.re;
    z[0].im = even.im + sum.im;
    z[2 * step].re = even.re - sum.re;
    z[2 * step].im = even.im - sum.im;
    z[step].re = odd.re + difference.im;
    z[step].im = odd.im - difference.re;
    z[3 * step].re = odd.re - difference.im;
    z[3 * step].im = odd.im + difference.re;
}

/* The first stage: points beside each other. */
static inline void first_butterflies(point *z, const point *end)
{
#if defined(THUMB2)
    while (z < end) { /* x - y as (x + y) - 2 y, so that no register is needed beside the points' */
        int32_t a, b, c, d, e, f, g, h;
        __asm__ volatile("ldrd %[a], %[b], [%[z]]             \n"
                         "ldrd %[e], %[f], [%[z], #16]        \n"
                         "ldrd %[c], %[d], [%[z], #8]         \n"
                         "ldrd %[g], %[h], [%[z], #24]        \n"
                         "add  %[a], %[a], %[e]               \n" /* even */
                         "add  %[b], %[b], %[f]               \n"
                         "sub  %[e], %[a], %[e], lsl #1       \n" /* odd */
                         "sub  %[f], %[b], %[f], lsl #1       \n"
                         "add  %[c], %[c], %[g]               \n" /* sum */
                         "add  %[d], %[d], %[h]               \n"
                         "sub  %[g], %[c], %[g], lsl #1       \n" /* difference */
                         "sub  %[h], %[d], %[h], lsl #1       \n"
                         "add  %[a], %[a], %[c]               \n"
                         "add  %[b], %[b], %[d]               \n"
                         "sub  %[c], %[a], %[c], lsl #1       \n"
                         "sub  %[d], %[b], %[d], lsl #1       \n"
                         "add  %[e], %[e], %[h]               \n"
                         "sub  %[f], %[f], %[g]               \n"
                         "sub  %[h], %[e], %[h], lsl #1       \n"
                         "add  %[g], %[f], %[g], lsl #1       \n"
                         "strd %[e], %[f], [%[z], #8]         \n"
                         "strd %[c], %[d], [%[z], #16]        \n"
                         "strd %[h], %[g], [%[z], #24]        \n"
                         "strd %[a], %[b], [%[z]], #32        \n"
                         : [a] "=&r"(a), [b] "=&r"(b), [c] "=&r"(c), [d] "=&r"(d), [e] "=&r"(e), [f] "=&r"(f),
                           [g] "=&r"(g), [h] "=&r"(h), [z] "+r"(z)
                         :
                         : "memory");
    }
#else
    for (; z < end; z += 4)
        plain_butterfly(z, 1);
#endif
}

/* In place: a first stage of radix 4, or 2 where M is an odd power of two, then radix 4. */
STAGE void transform(const stapes_frontend_tables *tables, point *z)
{
    const point *twiddles = stapes_frontend_table(tables, tables->twiddles_at);
    point *const end = z + tables->n_fft / 2;
    int32_t quarter = 4, stride = 3 * tables->n_fft / 32; /* of the twiddles, for 4 * quarter points */
    if (tables->first_radix == 4) {
        first_butterflies(z, end);
    } else {
        for (point *a = z; a < end; a += 2) {
            const point sum = {a[0].re + a[1].re, a[0].im + a[1].im};
            const point difference = {a[0].re - a[1].re, a[0].im - a[1].im};
            a[0] = sum;
            a[1] = difference;
        }
        quarter = 2;
        stride *= 2;
    }
    for (; stride > 0; quarter *= 4, stride /= 4) {
        for (point *group = z; group < end; group += 4 * quarter) {
            plain_butterfly(group, quarter);
            const point *turns = twiddles - 3; /* the table begins at one turn */
            for (point *a = group + 1; a < group + quarter; a++)
                butterfly(a, quarter, turns += stride);
        }
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
STAGE void split_and_square(const stapes_frontend_tables *tables, point *z)
{
    const int32_t half = tables->n_fft / 2;
    for (int32_t k = 1; k <= 2; k++) {
        const point *turn = stapes_frontend_table(tables, k == 1 ? tables->odd_turns_at : tables->twiddles_at);
        const int32_t stride = k == 1 ? 1 : 3;
        for (point *low = z + k, *high = z + half - k; low < high; low += 2, high -= 2, turn += stride) {
            const point a = loaded(low), b = loaded(high);
            const point even = {a.re + b.re, a.im - b.im}, odd = {a.im + b.im, b.re - a.re};
            const point turned = half_rotated(odd, loaded(turn));
            store_power(low, even.re + 2 * turned.re, even.im + 2 * turned.im);
            store_power(high, even.re - 2 * turned.re, even.im - 2 * turned.im);
        }
    }
    store_power(z + half / 2, 2 * z[half / 2].re, 2 * z[half / 2].im);
}

/* Power between two neighbouring centres, plainly added and through the rising slope. Sums of power stay below 2^56 (head of
 * this file); times the weight, below 2^16, the sum of their upper words below 2^40, of their lower words below bins * 2^48. */
typedef struct {
    uint64_t plain, rising; /* rising <= plain */
} slopes;

static inline slopes summed(const point *power, const uint16_t *weights, int32_t bins)
{
    uint64_t plain = 0, upper = 0, lower = 0;
#if defined(THUMB2)
    for (const uint16_t *end = weights + bins; weights < end;) {
        uint32_t low, high, weight;
        __asm__ volatile("ldrd  %[low], %[high], [%[power]], #8   \n"
                         "ldrh  %[weight], [%[weights]], #2       \n"
                         "adds  %Q[plain], %Q[plain], %[low]      \n"
                         "adc   %R[plain], %R[plain], %[high]     \n"
                         "umlal %Q[upper], %R[upper], %[high], %[weight]  \n"
                         "umlal %Q[lower], %R[lower], %[low], %[weight]   \n"
                         : [low] "=&r"(low), [high] "=&r"(high), [weight] "=&r"(weight), [power] "+r"(power),
                           [weights] "+r"(weights), [plain] "+r"(plain), [upper] "+r"(upper), [lower] "+r"(lower)
                         :
                         : "cc", "memory");
    }
#elif defined(ONLY_SHORT_PRODUCTS) /* few registers: one sum at a time */
    const point *const end = power + bins;
    for (const point *p = power; p < end; p++)
        plain += ((uint64_t)(uint32_t)p->im << 32) | (uint32_t)p->re;
    upper = weighted_sum(&power->im, weights, bins);
    lower = weighted_sum(&power->re, weights, bins);
#else
    for (const uint16_t *end = weights + bins; weights < end; power++) {
        const uint32_t low = (uint32_t)power->re, high = (uint32_t)power->im, weight = *weights++;
        plain += ((uint64_t)high << 32) | low;
        upper += (uint64_t)high * weight;
        lower += (uint64_t)low * weight;
    }
#endif
    const slopes sum = {plain, (upper << 16) + (lower >> 16)};
    return sum;
}

/* log2 of each band. Triangles share their edges: where band j rises (weight w), band j - 1 falls (1 - w), so it is
 * rising_j-1 + plain_j - rising_j. The values may lie over bins that are
 * done with: band j has needed j / 2 of them. */
STAGE void bands(const stapes_frontend_tables *tables, const point *power, int32_t offset, uint8_t *log2_bands)
{
    const uint16_t *segments = stapes_frontend_table(tables, tables->segments_at);
    const uint16_t *weights = stapes_frontend_table(tables, tables->weights_at);
    const uint16_t *log2_table = stapes_frontend_table(tables, tables->log2_at);
    power += tables->first_bin;
    uint64_t rising = summed(power, weights, *segments).rising;
    for (uint8_t *end = log2_bands + 2 * tables->n_bands; log2_bands < end; log2_bands += 2) {
        power += *segments;
        weights += *segments++;
        const slopes next = summed(power, weights, *segments);
        const uint64_t sum = rising + (next.plain - next.rising); /* < 2^56 */
        rising = next.rising;
        const int16_t value = stapes_frontend_log2_q10(log2_table, sum, offset);
        memcpy(ALIGNED(log2_bands, 2), &value, sizeof value);
    }
}

/* |log2 * multiplier| <= 2^46, |offset| <= 2^47. */
void stapes_frontend_quantized(const stapes_frontend_tables *tables, const void *log2_bands, int8_t *features)
{
    const int32_t multiplier = tables->int8_multiplier, shift = tables->int8_shift - 32;
    const int64_t offset = (int64_t)tables->int8_offset * 65536;
    const uint8_t *bytes = log2_bands;
    for (const int8_t *end = features + tables->n_bands; features < end; bytes += 2) {
        int16_t value;
        memcpy(&value, ALIGNED(bytes, 2), sizeof value);
        *features++ = (int8_t)stapes_frontend_saturated((int32_t)((offset + (int64_t)multiplier * value) >> 32) >> shift, 8);
    }
}

void stapes_frontend_frame(const stapes_frontend_tables *tables, const int16_t *pcm, int32_t *work, int8_t *features,
                           int16_t *log2_bands)
{
    stapes_frontend_input in = {.pcm = pcm, .length = tables->window};
    point *z = (point *)work;
    if (tables->dc_blocker)
        stapes_frontend_use_samples_without_mean(&in);
    else
        use_samples(&in);
    windowed_in_order(tables, &in, z);
    transform(tables, z);
    split_and_square(tables, z);
    /* The power is 2^(2 exponent) times too large. */
    uint8_t *values = log2_bands ? (uint8_t *)log2_bands : (uint8_t *)work;
    bands(tables, z, tables->log2_offset - in.exponent * 65536 + 16, values);
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
