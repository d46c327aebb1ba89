/* stapes_frontend_mve.h -- the stages of stapes_frontend.c with Helium, four points per vector. Apache-2.0. Only
 * stapes_frontend.c includes this file. Each stage has a plain C form of the same name there, with the reasons and the
 * intervals of points, bins and sums; both give the same bits. The intervals of what exists only here stand here.
 *
 * PLACES. The M = n_fft / 2 points of the FFT lie in rows of four: four real parts, then four imaginary parts.
 *
 *   1. The first samples of a frame are the points z_0 ... z_3, and so on. Every stage but the last computes four FFTs
 *      of L = M / 4 points at once: lane i holds that of z_i, z_i+4, z_i+8, ..., so that all lanes have one twiddle.
 *      Point p of these FFTs lies in row (p % 4) * L / 4 + p / 4.
 *   2. The last stage reads its four points from the four lanes and takes lanes from the rows p, p + 1, p + 2, p + 3,
 *      which lie L / 4 rows apart. It writes to the rows that it has read, where they then are in their natural order:
 *      row k / 4 holds the real and the imaginary parts of points k ... k + 3, now in turns.
 *   3. Bins take the places of points. Powers are not stored: stapes_frontend_sum_powers squares the bins. */
#include <arm_mve.h>

enum { STAPES_FRONTEND_ROW = 8 }; /* words in a row */

/* Four points. */
typedef struct {
    int32x4_t re, im;
} stapes_frontend_four;

/* See the plain form. x needs as many bits as -1 - x; the largest and the smallest sample stand for all. */
static int32_t stapes_frontend_headroom(const int16_t *pcm, int32_t samples)
{
    const int16_t *const end = pcm + samples;
    int16x8_t most = vdupq_n_s16(0), least = vdupq_n_s16(-1);
    for (; pcm < end - 7; pcm += 8) {
        const int16x8_t x = vldrhq_s16(pcm);
        most = vmaxq_s16(most, x);
        least = vminq_s16(least, x);
    }
    const int16x8_t rest = vldrhq_z_s16(pcm, vctp16q((uint32_t)(end - pcm)));
    most = vmaxq_s16(most, rest);
    least = vminq_s16(least, rest);
    const uint32_t used = (uint32_t)(vmaxvq_s16(0, most) | ~vminvq_s16(-1, least)); /* 0 .. 2^15 - 1 */
    return stapes_frontend_leading_zeros(used << 1 | 2) - 16;
}

/* How the samples of a frame become points. */
typedef struct {
    int32x4_t factor;
    int32_t offset;
} stapes_frontend_scale;

/* Return four points of eight samples: floor(weight * (sample * factor + offset) / 2^32). */
static inline stapes_frontend_four stapes_frontend_windowed(int16x8_t samples, int32x4_t even, int32x4_t odd,
                                                            const stapes_frontend_scale *scale)
{
    const int32x4_t re = vmlasq_n_s32(vmovlbq_s16(samples), scale->factor, scale->offset);
    const int32x4_t im = vmlasq_n_s32(vmovltq_s16(samples), scale->factor, scale->offset);
    return (stapes_frontend_four){vmulhq_s32(re, even), vmulhq_s32(im, odd)};
}

static inline void stapes_frontend_store_row(int32_t *row, stapes_frontend_four z)
{
    vstrwq_s32(row, z.re);
    vstrwq_s32(row + 4, z.im);
}

/* Store the real and the imaginary parts in turns. GCC 12 writes VST2 with an increment that the instruction does not
 * have, where it knows how an address was made. */
static inline void stapes_frontend_store_in_turns(int32_t *at, stapes_frontend_four z)
{
    __asm__("" : "+r"(at));
    vst2q_s32(at, ((int32x4x2_t){{z.re, z.im}}));
}

/* Return the row at a place that the table `order` lists for its first point: it counts bytes of points, and a row of
 * four points has its four FFTs at one point each. */
static inline int32_t *stapes_frontend_row_at(const stapes_frontend_tables *tables, int32_t *z, uint16_t bytes)
{
    if (tables->first_radix == 4)
        return (int32_t *)(void *)((uint8_t *)z + bytes);
    const int32_t point = bytes / 8; /* even */
    return z + (point % 4 * (tables->n_fft / 32) + point / 4) * STAPES_FRONTEND_ROW;
}

/* Return four points where the window passes its centre or ends. Sample i has the weight of sample W - i. */
static inline stapes_frontend_four stapes_frontend_windowed_edge(const stapes_frontend_input *in,
                                                                 const int32_t *weights, int32_t first,
                                                                 const stapes_frontend_scale *scale)
{
    const int32_t left = in->length - first; /* samples */
    const mve_pred16_t some = vctp32q((uint32_t)(left > 0 ? left / 2 : 0));
    const int32x4_t even = vaddq_n_s32(vreinterpretq_s32_u32(vidupq_n_u32(0, 2)), first), odd = vaddq_n_s32(even, 1);
    const int32x4_t length = vdupq_n_s32(in->length);
    const uint32x4_t even_at = vreinterpretq_u32_s32(vminq_s32(even, vsubq_s32(length, even)));
    const uint32x4_t odd_at = vreinterpretq_u32_s32(vminq_s32(odd, vsubq_s32(length, odd)));
    const int16x8_t samples = vldrhq_z_s16(in->pcm + first, vctp16q((uint32_t)(left > 0 ? left : 0)));
    return stapes_frontend_windowed(samples, vldrwq_gather_shifted_offset_z_s32(weights, even_at, some),
                                    vldrwq_gather_shifted_offset_z_s32(weights, odd_at, some), scale);
}

/* Window rows of points that all rise or all fall. `weight` belongs to the first sample. */
static inline void stapes_frontend_window_rows(const stapes_frontend_tables *tables, const int16_t *pcm,
                                               const int32_t *weight, int32_t direction, const uint16_t *order,
                                               const uint16_t *stop, const stapes_frontend_scale *scale, int32_t *z)
{
    const uint32x4_t at = vmulq_n_u32(vidupq_n_u32(0, 8), (uint32_t)direction); /* bytes */
    for (; order < stop; order += 4, pcm += 8, weight += 8 * direction)
        stapes_frontend_store_row(stapes_frontend_row_at(tables, z, *order),
                                  stapes_frontend_windowed(vldrhq_s16(pcm), vldrwq_gather_offset_s32(weight, at),
                                                           vldrwq_gather_offset_s32(weight + direction, at), scale));
}

STAPES_FRONTEND_STAGE void stapes_frontend_window_in_order(const stapes_frontend_tables *tables,
                                                           const stapes_frontend_input *in, stapes_frontend_point *z)
{
    const stapes_frontend_scale scale = {vdupq_n_s32((int32_t)in->factor), (int32_t)in->offset};
    const int32_t *weights = stapes_frontend_table(tables, tables->window_at);
    const int32_t rising = (in->length + 2) / 4 * 2; /* samples up to the centre */
    int32_t *rows = &z->re, first = 0;
    for (int32_t place = 0; place < tables->first_radix; place++, rows += tables->n_fft / 4) {
        const uint16_t *order = stapes_frontend_table(tables, tables->order_at);
        const uint16_t *const end = order + tables->n_fft / 2 / tables->first_radix;
        while (order < end) {
            const int32_t until = first < rising ? rising : in->length;
            const int32_t count = stapes_frontend_min((until - first) / 8, (int32_t)(end - order) / 4);
            if (first + 8 <= rising)
                stapes_frontend_window_rows(tables, in->pcm + first, weights + first, 1, order, order + 4 * count,
                                            &scale, rows);
            else if (first >= rising && first + 8 <= in->length)
                stapes_frontend_window_rows(tables, in->pcm + first, weights + in->length - first, -1, order,
                                            order + 4 * count, &scale, rows);
            else
                stapes_frontend_store_row(stapes_frontend_row_at(tables, rows, *order),
                                          stapes_frontend_windowed_edge(in, weights, first, &scale));
            const int32_t done = count > 0 ? count : 1;
            first += 8 * done;
            order += 4 * done;
        }
    }
}

/* Where the second, the third and the fourth row of a butterfly lie after the first, in words. */
typedef struct {
    int32_t b, c, d;
} stapes_frontend_steps;

/* Sums and differences of the second and the fourth of four points. */
typedef struct {
    stapes_frontend_four sum, difference;
} stapes_frontend_odd_half;

static inline stapes_frontend_odd_half stapes_frontend_odd_half_of(stapes_frontend_four b, stapes_frontend_four d)
{
    return (stapes_frontend_odd_half){{vaddq_s32(b.re, d.re), vaddq_s32(b.im, d.im)},
                                      {vsubq_s32(b.re, d.re), vsubq_s32(b.im, d.im)}};
}

/* Finish the DFTs of four points each, in place: the first points, still to be shifted right, are in the row at a. */
static inline void stapes_frontend_dft4_rows(int32_t *a, stapes_frontend_steps to, int32_t shift,
                                             stapes_frontend_odd_half odd, stapes_frontend_four c)
{
    int32x4_t first = vldrwq_s32(a);
    if (shift)
        first = vshrq_n_s32(first, 1);
    const int32x4_t even_re = vaddq_s32(first, c.re), odd_re = vsubq_s32(first, c.re);
    vstrwq_s32(a, vaddq_s32(even_re, odd.sum.re));
    vstrwq_s32(a + to.c, vsubq_s32(even_re, odd.sum.re));
    vstrwq_s32(a + to.b, vaddq_s32(odd_re, odd.difference.im));
    vstrwq_s32(a + to.d, vsubq_s32(odd_re, odd.difference.im));
    first = vldrwq_s32(a + 4);
    if (shift)
        first = vshrq_n_s32(first, 1);
    const int32x4_t even_im = vaddq_s32(first, c.im), odd_im = vsubq_s32(first, c.im);
    vstrwq_s32(a + 4, vaddq_s32(even_im, odd.sum.im));
    vstrwq_s32(a + to.c + 4, vsubq_s32(even_im, odd.sum.im));
    vstrwq_s32(a + to.b + 4, vsubq_s32(odd_im, odd.difference.re));
    vstrwq_s32(a + to.d + 4, vaddq_s32(odd_im, odd.difference.re));
}

/* Return a row, shifted right by 0 or 1. */
static inline stapes_frontend_four stapes_frontend_row(const int32_t *row, int32_t shift)
{
    const int32x4_t re = vldrwq_s32(row), im = vldrwq_s32(row + 4);
    return shift ? (stapes_frontend_four){vshrq_n_s32(re, 1), vshrq_n_s32(im, 1)} : (stapes_frontend_four){re, im};
}

/* The DFTs of rows a, a + step, ... before `end`, without twiddles. */
static inline void stapes_frontend_plain_butterflies(int32_t *a, const int32_t *end, int32_t step,
                                                     stapes_frontend_steps to, int32_t shift)
{
    for (; a < end; a += step)
        stapes_frontend_dft4_rows(
            a, to, shift,
            stapes_frontend_odd_half_of(stapes_frontend_row(a + to.b, shift), stapes_frontend_row(a + to.d, shift)),
            stapes_frontend_row(a + to.c, shift));
}

/* Return half of a row times c + i s for w = (c, s) * 2^31: see stapes_frontend_half_rotated. VQDMULH doubles the
 * product, and w / 2 is exact, because twiddles have 18 significant bits. */
static inline stapes_frontend_four stapes_frontend_rotated_row(const int32_t *row, stapes_frontend_point w)
{
    const int32x4_t re = vldrwq_s32(row), im = vldrwq_s32(row + 4);
    return (stapes_frontend_four){vsubq_s32(vqdmulhq_n_s32(re, w.re), vqdmulhq_n_s32(im, w.im)),
                                  vaddq_s32(vqdmulhq_n_s32(im, w.re), vqdmulhq_n_s32(re, w.im))};
}

/* The butterflies of rows a, a + step, ... before `end`, with the same twiddles. */
static inline void stapes_frontend_rotated_rows(int32_t *a, const int32_t *end, int32_t step, stapes_frontend_steps to,
                                                const stapes_frontend_point *w)
{
    const stapes_frontend_point first = {w[0].re >> 1, w[0].im >> 1}, second = {w[1].re >> 1, w[1].im >> 1},
                                third = {w[2].re >> 1, w[2].im >> 1};
    for (; a < end; a += step) {
        const stapes_frontend_four b = stapes_frontend_rotated_row(a + to.b, first);
        const stapes_frontend_odd_half odd =
            stapes_frontend_odd_half_of(b, stapes_frontend_rotated_row(a + to.d, third));
        stapes_frontend_dft4_rows(a, to, 1, odd, stapes_frontend_rotated_row(a + to.c, second));
    }
}

/* The last stage for four rows of each of four points, but the first row's first butterfly, which has no twiddles. */
static inline void stapes_frontend_last_stage(const stapes_frontend_tables *tables, int32_t *z)
{
    const int32_t step = tables->n_fft / 32 * STAPES_FRONTEND_ROW; /* words between rows p and p + 1 */
    const uint32x4_t lanes = vidupq_n_u32(0, 4);                   /* 0, 4, 8, 12 */
    uint32x4_t at = vaddq_n_u32(vmulq_n_u32(lanes, (uint32_t)step), (uint32_t)(uintptr_t)z);
    uint32x4_t w = vaddq_n_u32(vmulq_n_u32(lanes, 6),
                               (uint32_t)(uintptr_t)stapes_frontend_table(tables, tables->twiddles_at) - 24);
    for (int32_t *row = z; row < z + step; row += STAPES_FRONTEND_ROW) {
        stapes_frontend_four b, c, d;
#define STAPES_FRONTEND_ROTATED_LANE(point, lane)                           \
    do {                                                                    \
        const int32x4_t re = vldrwq_gather_base_s32(at, 4 * (lane)),        \
                        im = vldrwq_gather_base_s32(at, 4 * (lane) + 16),   \
                        cosine = vldrwq_gather_base_s32(w, 8 * (lane) - 8), \
                        sine = vldrwq_gather_base_s32(w, 8 * (lane) - 4);   \
        point.re = vsubq_s32(vmulhq_s32(re, cosine), vmulhq_s32(im, sine)); \
        point.im = vaddq_s32(vmulhq_s32(im, cosine), vmulhq_s32(re, sine)); \
    } while (0)
        STAPES_FRONTEND_ROTATED_LANE(b, 1);
        STAPES_FRONTEND_ROTATED_LANE(d, 3);
        const stapes_frontend_odd_half odd = stapes_frontend_odd_half_of(b, d);
        STAPES_FRONTEND_ROTATED_LANE(c, 2);
        const int32x4_t a_re = vshrq_n_s32(vldrwq_gather_base_s32(at, 0), 1),
                        a_im = vshrq_n_s32(vldrwq_gather_base_s32(at, 16), 1);
        const int32x4_t even_re = vaddq_s32(a_re, c.re), odd_re = vsubq_s32(a_re, c.re);
        const int32x4_t even_im = vaddq_s32(a_im, c.im), odd_im = vsubq_s32(a_im, c.im);
        stapes_frontend_store_in_turns(
            row, (stapes_frontend_four){vaddq_s32(even_re, odd.sum.re), vaddq_s32(even_im, odd.sum.im)});
        stapes_frontend_store_in_turns(row + step, (stapes_frontend_four){vaddq_s32(odd_re, odd.difference.im),
                                                                          vsubq_s32(odd_im, odd.difference.re)});
        stapes_frontend_store_in_turns(
            row + 2 * step, (stapes_frontend_four){vsubq_s32(even_re, odd.sum.re), vsubq_s32(even_im, odd.sum.im)});
        stapes_frontend_store_in_turns(row + 3 * step, (stapes_frontend_four){vsubq_s32(odd_re, odd.difference.im),
                                                                              vaddq_s32(odd_im, odd.difference.re)});
        at = vaddq_n_u32(at, 32);
        w = vaddq_n_u32(w, 96);
    }
}

/* The last stage's first butterfly has no twiddles. */
static inline void stapes_frontend_last_stage_with_first(const stapes_frontend_tables *tables, int32_t *z)
{
    stapes_frontend_point first[4];
    for (int32_t lane = 0; lane < 4; lane++)
        first[lane] = (stapes_frontend_point){z[lane] >> 1, z[lane + 4] >> 1};
    stapes_frontend_last_stage(tables, z);
    stapes_frontend_dft4((stapes_frontend_point *)z, tables->n_fft / 8, first[0], first[1], first[2], first[3]);
}

/* A first stage of radix 2: the DFTs of rows a, a + 1, ... with rows that lie `block` words after them. */
static inline void stapes_frontend_first_pairs(int32_t *a, int32_t block)
{
    for (const int32_t *const end = a + block; a < end; a += STAPES_FRONTEND_ROW) {
        const stapes_frontend_four x = stapes_frontend_row(a, 0), y = stapes_frontend_row(a + block, 0);
        stapes_frontend_store_row(a, (stapes_frontend_four){vaddq_s32(x.re, y.re), vaddq_s32(x.im, y.im)});
        stapes_frontend_store_row(a + block, (stapes_frontend_four){vsubq_s32(x.re, y.re), vsubq_s32(x.im, y.im)});
    }
}

/* See the plain form. */
STAPES_FRONTEND_STAGE void stapes_frontend_fft(const stapes_frontend_tables *tables, stapes_frontend_point *z)
{
    const stapes_frontend_point *twiddles = stapes_frontend_table(tables, tables->twiddles_at);
    const int32_t rows = tables->n_fft / 8, block = rows / 4 * STAPES_FRONTEND_ROW; /* words in a quarter of them */
    int32_t *const first = &z->re, quarter = 4;
    if (tables->first_radix == 4) {
        stapes_frontend_plain_butterflies(first, first + block, STAPES_FRONTEND_ROW,
                                          (stapes_frontend_steps){block, 2 * block, 3 * block}, 0);
    } else {
        stapes_frontend_first_pairs(first, block);
        stapes_frontend_first_pairs(first + 2 * block, block);
        const stapes_frontend_steps to = {2 * block, STAPES_FRONTEND_ROW, 2 * block + STAPES_FRONTEND_ROW};
        stapes_frontend_plain_butterflies(first, first + block, 2 * STAPES_FRONTEND_ROW, to, 1);
        stapes_frontend_rotated_rows(first + block, first + 2 * block, 2 * STAPES_FRONTEND_ROW, to,
                                     twiddles + 3 * (rows / 2 - 1));
        quarter = 8;
    }
    for (; quarter < rows; quarter *= 4) {
        const int32_t step = quarter / 4 * STAPES_FRONTEND_ROW;
        const stapes_frontend_steps to = {step, 2 * step, 3 * step};
        stapes_frontend_plain_butterflies(first, first + block, 4 * step, to, 1);
        for (int32_t j = 1; j < quarter; j++) {
            int32_t *const a = first + j % 4 * block;
            stapes_frontend_rotated_rows(a + j / 4 * STAPES_FRONTEND_ROW, a + block, 4 * step, to,
                                         twiddles + 3 * (j * (rows / quarter) - 1));
        }
    }
    stapes_frontend_last_stage_with_first(tables, first);
}

/* See the plain form, which squares the bins as well: here they are 2 X. The pairs are those of bins k, k + 1, k + 2,
 * k + 3 for k = 1, 5, ...; the last pair is the middle bin twice, which is done alone. */
STAPES_FRONTEND_STAGE void stapes_frontend_split_and_square(const stapes_frontend_tables *tables,
                                                            stapes_frontend_point *z)
{
    const int32_t half = tables->n_fft / 2;
    stapes_frontend_point *const middle = z + half / 2;
    const stapes_frontend_point doubled = {2 * middle->re, 2 * middle->im};
    const uint32x4_t down = vsubq_u32(vdupq_n_u32(24), vidupq_n_u32(0, 8)); /* 24, 16, 8, 0 */
    const uint32_t odd = (uint32_t)(uintptr_t)stapes_frontend_table(tables, tables->odd_twiddles_at),
                   even = (uint32_t)(uintptr_t)stapes_frontend_table(tables, tables->twiddles_at);
    const uint32_t start[4] = {odd, even, odd + 8, even + 24}, next[4] = {16, 48, 16, 48};
    uint32x4_t w = vldrwq_u32(start);
    const uint32x4_t step = vldrwq_u32(next);
    int32_t *low = &z[1].re, *high = &z[half - 4].re;
    for (; low <= &middle->re; low += 8, high -= 8) {
        const int32_t *from = low;
        __asm__("" : "+r"(from));
        const int32x4x2_t a = vld2q_s32(from);
        const int32x4_t b_re = vldrwq_gather_offset_s32(high, down), b_im = vldrwq_gather_offset_s32(high + 1, down);
        const int32x4_t even_re = vaddq_s32(a.val[0], b_re), even_im = vsubq_s32(a.val[1], b_im);
        const int32x4_t odd_re = vaddq_s32(a.val[1], b_im), odd_im = vsubq_s32(b_re, a.val[0]);
        const int32x4_t c = vldrwq_gather_base_s32(w, 0), s = vldrwq_gather_base_s32(w, 4);
        const int32x4_t re = vsubq_s32(vmulhq_s32(odd_re, c), vmulhq_s32(odd_im, s));
        const int32x4_t im = vaddq_s32(vmulhq_s32(odd_im, c), vmulhq_s32(odd_re, s));
        const int32x4_t re2 = vaddq_s32(re, re), im2 = vaddq_s32(im, im);
        stapes_frontend_store_in_turns(low, (stapes_frontend_four){vsubq_s32(even_re, re2), vsubq_s32(even_im, im2)});
        vstrwq_scatter_offset_s32(high, down, vaddq_s32(even_re, re2));
        vstrwq_scatter_offset_s32(high + 1, down, vaddq_s32(even_im, im2));
        w = vaddq_u32(w, step);
    }
    *middle = doubled;
}

enum { STAPES_FRONTEND_BINS = 8 }; /* bins with weights below 8: |2 X| * 7 < 2^31 */

/* Weights of the last bins before the end of a slope, each twice, and what a vector past them reads. */
static const int8_t stapes_frontend_weights[2 * STAPES_FRONTEND_BINS + 2] = {7, 7, 6, 6, 5, 5, 4, 4, 3,
                                                                             3, 2, 2, 1, 1, 0, 0, 0, 0};

/* See the plain form. Blocks of eight bins, the first of which may be shorter, are weighted with 7, ..., 0; the bins
 * before a block have 8 more in each block after their own. */
static inline stapes_frontend_sums stapes_frontend_sum_powers(const stapes_frontend_point *bin,
                                                              const stapes_frontend_point *end)
{
    stapes_frontend_sums sum = {0, 0};
    uint64_t before = 0;
    int32_t left = (int32_t)(end - bin), bins = (left - 1) % STAPES_FRONTEND_BINS + 1;
    while (left > 0) {
        const int32_t *at = &bin->re;
        const int8_t *weight = stapes_frontend_weights + 2 * (STAPES_FRONTEND_BINS - bins);
        before += sum.plain;
        __asm__ volatile("dlstp.32          lr, %[words]                       \n"
                         "1:                                                   \n"
                         "vldrw.u32         q0, [%[at]], #16                   \n"
                         "vldrb.s32         q1, [%[weight]], #4                \n"
                         "vmlaldava.s32     %Q[plain], %R[plain], q0, q0       \n"
                         "vmul.i32          q1, q1, q0                         \n"
                         "vmlaldava.s32     %Q[weighted], %R[weighted], q0, q1 \n"
                         "letp              lr, 1b                             \n"
                         : [at] "+r"(at), [weight] "+r"(weight), [plain] "+r"(sum.plain), [weighted] "+r"(sum.weighted)
                         : [words] "r"(2 * bins)
                         : "lr", "q0", "q1", "memory");
        bin += bins;
        left -= bins;
        bins = STAPES_FRONTEND_BINS;
    }
    sum.weighted += before * STAPES_FRONTEND_BINS;
    return sum;
}

/* Return log2 of four powers in Q10: see stapes_frontend_log2_q10. */
static inline int32x4_t stapes_frontend_log2_q10_of_four(const uint16_t *table, uint32x4x2_t power, int32_t offset)
{
    const uint32x4_t low = power.val[0], high = power.val[1];
    const int32x4_t upper_zeros = vreinterpretq_s32_u32(vclzq_u32(high));
    const uint32x4_t word = vorrq_u32(vshlq_u32(high, upper_zeros), vshlq_u32(low, vsubq_n_s32(upper_zeros, 32)));
    const int32x4_t more_zeros = vreinterpretq_s32_u32(vclzq_u32(word));
    const uint32x4_t mantissa = vshlq_u32(word, more_zeros);
    const int32x4_t zeros = vaddq_s32(upper_zeros, more_zeros); /* 64 for a power of 0 */
    const uint32x4_t segment = vshrq_n_u32(vshlq_n_u32(mantissa, 1), 32 - STAPES_FRONTEND_LOG2_SEGMENT_BITS);
    const uint32x4_t part = vshrq_n_u32(vshlq_n_u32(mantissa, 1 + STAPES_FRONTEND_LOG2_SEGMENT_BITS), 16);
    const uint32x4_t from = vldrhq_gather_shifted_offset_u32(table, segment),
                     to = vldrhq_gather_shifted_offset_u32(table + 1, segment);
    const uint32x4_t rise = vshrq_n_u32(vmulq_u32(vsubq_u32(to, from), part), 16); /* 733 * 2^16 at most, shifted */
    const int32x4_t log2_q15 =
        vsubq_s32(vreinterpretq_s32_u32(vaddq_u32(from, rise)), vshlq_n_s32(zeros, 15)); /* less 63 * 2^15 */
    const int32x4_t value = vshrq_n_s32(vaddq_n_s32(log2_q15, offset + 63 * 32768), 5);
    const int32x4_t saturated = vreinterpretq_s32_s16(vqmovnbq_s32(vdupq_n_s16(0), value));
    return vpselq_s32(vdupq_n_s32(INT16_MIN), saturated, vcmpeqq_n_u32(mantissa, 0));
}

/* See the plain form. Four bands at a time: their powers are read before the first is stored. */
STAPES_FRONTEND_STAGE void stapes_frontend_bands(const stapes_frontend_tables *tables,
                                                 const stapes_frontend_point *bin, int32_t offset, uint8_t *log2_bands)
{
    const stapes_frontend_segment *segment = stapes_frontend_table(tables, tables->segments_at);
    const uint16_t *log2_table = stapes_frontend_table(tables, tables->log2_at);
    bin += tables->first_bin;
    stapes_frontend_sums sum = stapes_frontend_sum_powers(bin, bin + segment->bins);
    bin += segment->bins;
    uint64_t rising = sum.plain - stapes_frontend_under_slope(sum, segment++);
    for (int32_t left = tables->n_bands; left > 0; left -= 4, log2_bands += 8) {
        uint64_t power[4] = {0, 0, 0, 0};
        for (int32_t band = 0; band < stapes_frontend_min(left, 4); band++, segment++) {
            sum = stapes_frontend_sum_powers(bin, bin + segment->bins);
            bin += segment->bins;
            const uint64_t falling = stapes_frontend_under_slope(sum, segment);
            power[band] = rising + falling;
            rising = sum.plain - falling;
        }
        vstrhq_p_s32((int16_t *)log2_bands,
                     stapes_frontend_log2_q10_of_four(log2_table, vld2q_u32((const uint32_t *)power), offset),
                     vctp32q((uint32_t)left));
    }
}

/* See the plain form: floor((value * multiplier + offset * 2^16) / 2^32), by the two halves of `offset`. value *
 * multiplier / 2^16 and the sum with the lower half are below 2^31; VMULH rounds the product down. */
void stapes_frontend_quantized(const stapes_frontend_tables *tables, const void *log2_bands, int8_t *features)
{
    const int32x4_t multiplier = vdupq_n_s32(tables->int8_multiplier);
    const int32_t low = tables->int8_offset & 0xFFFF, high = tables->int8_offset >> 16;
    const int16_t *values = log2_bands;
    for (int32_t left = tables->n_bands; left > 0; left -= 4, values += 4, features += 4) {
        const mve_pred16_t some = vctp32q((uint32_t)left);
        const int32x4_t product = vmulhq_s32(vshlq_n_s32(vldrhq_z_s32(values, some), 16), multiplier);
        const int32x4_t whole = vaddq_n_s32(vshrq_n_s32(vaddq_n_s32(product, low), 16), high);
        const int16x8_t half = vqmovnbq_s32(vdupq_n_s16(0), vshlq_r_s32(whole, 32 - tables->int8_shift));
        vstrbq_p_s32(features, vreinterpretq_s32_s8(vqmovnbq_s16(vdupq_n_s8(0), half)), some);
    }
}
