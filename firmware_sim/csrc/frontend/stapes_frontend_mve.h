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
    if (pcm < end) {
        const int16x8_t rest = vldrhq_z_s16(pcm, vctp16q((uint32_t)(end - pcm)));
        most = vmaxq_s16(most, rest);
        least = vminq_s16(least, rest);
    }
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

/* Return the row of four points whose first lies at a place that the table `order` lists, in bytes. With radix 4 the
 * first points of groups are points 0, 4, 8, ... of each of the four FFTs, with radix 2 every second is point 2, 6,
 * ... and lies half of all rows, L / 2, further: 16 * L bytes. */
static inline int32_t *stapes_frontend_row_at(int32_t *z, int32_t bytes, int32_t rows)
{
    return (int32_t *)(void *)((uint8_t *)z + bytes + (bytes & 16) * (rows - 1));
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

/* Window rows of points that all rise or all fall: the weights of a row lie `next` bytes after those of the row
 * before, `odd` are those of the odd samples. */
#define STAPES_FRONTEND_ASM_WINDOW_ROWS(next, odd)                                                       \
    __asm__ volatile("vmov      q5, %q[weights]                \n"                                       \
                     "dls       lr, %[count]                   \n"                                       \
                     "1:                                       \n"                                       \
                     "ldrh      %[row], [%[order]], #8         \n"                                       \
                     "vldrh.u16 q0, [%[pcm]], #16              \n"                                       \
                     "and       %[half], %[row], #16           \n" /* see stapes_frontend_row_at */      \
                     "vmovlb.s16 q1, q0                        \n"                                       \
                     "mla       %[row], %[half], %[others], %[row] \n"                                   \
                     "vmovlt.s16 q0, q0                        \n"                                       \
                     "vldrw.u32 q3, [q5, #" odd "]             \n"                                       \
                     "vmlas.s32 q1, %q[factor], %[offset]      \n"                                       \
                     "vldrw.u32 q2, [q5, #" next "]!           \n"                                       \
                     "vmlas.s32 q0, %q[factor], %[offset]      \n"                                       \
                     "add       %[row], %[row], %[z]           \n"                                       \
                     "vmulh.s32 q1, q1, q2                     \n"                                       \
                     "vstrw.32  q1, [%[row]]                   \n"                                       \
                     "vmulh.s32 q0, q0, q3                     \n"                                       \
                     "vstrw.32  q0, [%[row], #16]              \n"                                       \
                     "le        lr, 1b                         \n"                                       \
                     : [order] "+&r"(order), [pcm] "+&r"(pcm), [row] "=&r"(row), [half] "=&r"(half)      \
                     : [weights] "w"(weights), [factor] "w"(scale->factor), [offset] "r"(scale->offset), \
                       [others] "r"(n_rows - 1), [count] "r"(count), [z] "r"(z)                          \
                     : "lr", "memory", "q0", "q1", "q2", "q3", "q5")

/* `weight` belongs to the first sample. */
static inline void stapes_frontend_window_rows(const int16_t *pcm, const int32_t *weight, int32_t direction,
                                               const uint16_t *order, int32_t count, int32_t n_rows,
                                               const stapes_frontend_scale *scale, int32_t *z)
{
    int32_t row, half;
    const uint32_t before = (uint32_t)(uintptr_t)(weight - 8 * direction);
    const uint32x4_t weights = vaddq_n_u32(vmulq_n_u32(vidupq_n_u32(0, 8), (uint32_t)direction), before);
    if (direction > 0)
        STAPES_FRONTEND_ASM_WINDOW_ROWS("32", "36");
    else
        STAPES_FRONTEND_ASM_WINDOW_ROWS("-32", "-36");
}

STAPES_FRONTEND_STAGE void stapes_frontend_window_in_order(const stapes_frontend_tables *tables,
                                                           const stapes_frontend_input *in, stapes_frontend_point *z)
{
    const stapes_frontend_scale scale = {vdupq_n_s32((int32_t)in->factor), (int32_t)in->offset};
    const int32_t *weights = stapes_frontend_table(tables, tables->window_at);
    const stapes_frontend_four zero = {vdupq_n_s32(0), vdupq_n_s32(0)};
    const int32_t rising = (in->length + 2) / 4 * 2; /* samples up to the centre */
    const int32_t n_rows = tables->n_fft / 8;
    int32_t *rows = &z->re, first = 0;
    for (int32_t place = 0; place < tables->first_radix; place++, rows += tables->n_fft / 4) {
        const uint16_t *order = stapes_frontend_table(tables, tables->order_at);
        const uint16_t *const end = order + tables->n_fft / 2 / tables->first_radix;
        while (order < end) {
            const int32_t until = first < rising ? rising : in->length;
            const int32_t whole = stapes_frontend_min((until - first) / 8, (int32_t)(end - order) / 4);
            const int32_t count = whole > 0 ? whole : 1;
            if (first >= in->length) {
                for (; order < end; order += 4, first += 8)
                    stapes_frontend_store_row(stapes_frontend_row_at(rows, *order, n_rows), zero);
                break;
            }
            if (whole == 0)
                stapes_frontend_store_row(stapes_frontend_row_at(rows, *order, n_rows),
                                          stapes_frontend_windowed_edge(in, weights, first, &scale));
            else if (first < rising)
                stapes_frontend_window_rows(in->pcm + first, weights + first, 1, order, count, n_rows, &scale, rows);
            else
                stapes_frontend_window_rows(in->pcm + first, weights + in->length - first, -1, order, count, n_rows,
                                            &scale, rows);
            first += 8 * count;
            order += 4 * count;
        }
    }
}

/* The rows of a butterfly. */
typedef struct {
    int32_t *a, *b, *c, *d;
} stapes_frontend_rows;

/* In the assembly below, a point is a pair of vectors, and `scale` halves a vector or keeps it as it is. */
/* clang-format off */ /* it would not keep one instruction or macro a line */
#define STAPES_FRONTEND_ASM_HALVE(q) "vshr.s32 " q ", " q ", #1 \n"
#define STAPES_FRONTEND_ASM_KEEP(q) ""
#define STAPES_FRONTEND_ASM_VECTORS "q0", "q1", "q2", "q3", "q4", "q5", "q6", "q7"

/* Load a row to the vectors re and im. */
#define STAPES_FRONTEND_ASM_ROW(at, re, im, scale) \
    "vldrw.s32 " re ", [%[" at "]]       \n" \
    "vldrw.s32 " im ", [%[" at "], #16]  \n" \
    scale(re) \
    scale(im)

/* Load a row and rotate it by the twiddle that lies `offset` bytes after w: see stapes_frontend_half_rotated. VQDMULH
 * doubles the product, which does not saturate, since half of a twiddle is at most 2^30. It is exact, because twiddles
 * have 18 significant bits. */
#define STAPES_FRONTEND_ASM_ROTATED(at, offset, re, im, x, y) \
    "ldrd      %[cos], %[sin], [%[w], #" offset "] \n" \
    "vldrw.s32 " x ", [%[" at "]]        \n" \
    "asr       %[cos], %[cos], #1        \n" \
    "vqdmulh.s32 " re ", " x ", %[cos]   \n" \
    "vldrw.s32 " y ", [%[" at "], #16]   \n" \
    "asr       %[sin], %[sin], #1        \n" \
    "vqdmulh.s32 " im ", " y ", %[cos]   \n" \
    "vqdmulh.s32 " y ", " y ", %[sin]    \n" \
    "vqdmulh.s32 " x ", " x ", %[sin]    \n" \
    "vsub.i32  " re ", " re ", " y "     \n" \
    "vadd.i32  " im ", " im ", " x "     \n"

/* Rotate a point (x, y) by a twiddle (c, s) of each lane: see stapes_frontend_half_rotated. */
#define STAPES_FRONTEND_ASM_ROTATE(re, im, x, y, c, s) \
    "vmulh.s32 " re ", " x ", " c "      \n" \
    "vmulh.s32 " c ", " y ", " c "       \n" \
    "vmulh.s32 " y ", " y ", " s "       \n" \
    "vmulh.s32 " x ", " x ", " s "       \n" \
    "vsub.i32  " re ", " re ", " y "     \n" \
    "vadd.i32  " im ", " c ", " x "      \n"

/* Replace b in (q2, q3) and d in (q4, q5) by b + d in (q0, q1) and b - d in (q2, q3). */
#define STAPES_FRONTEND_ASM_ODD_HALF \
    "vadd.i32  q0, q2, q4               \n" \
    "vadd.i32  q1, q3, q5               \n" \
    "vsub.i32  q2, q2, q4               \n" \
    "vsub.i32  q3, q3, q5               \n"

/* Finish the butterfly with c in (q6, q7) and the row at a, and go on to the next row of each. */
#define STAPES_FRONTEND_ASM_FINISH(scale) \
    "vldrw.s32 q4, [%[a], #16]          \n" \
    scale("q4") \
    "vadd.i32  q5, q4, q7               \n" /* even.im */ \
    "vsub.i32  q4, q4, q7               \n" /* odd.im */ \
    "vadd.i32  q7, q5, q1               \n" \
    "vstrw.32  q7, [%[a], #16]          \n" \
    "vsub.i32  q5, q5, q1               \n" \
    "vstrw.32  q5, [%[c], #16]          \n" \
    "vsub.i32  q1, q4, q2               \n" \
    "vstrw.32  q1, [%[b], #16]          \n" \
    "vadd.i32  q4, q4, q2               \n" \
    "vstrw.32  q4, [%[d], #16]          \n" \
    "vldrw.s32 q4, [%[a]]               \n" \
    scale("q4") \
    "vadd.i32  q5, q4, q6               \n" /* even.re */ \
    "vsub.i32  q4, q4, q6               \n" /* odd.re */ \
    "vadd.i32  q6, q5, q0               \n" \
    "vstrw.32  q6, [%[a]], #32          \n" \
    "vsub.i32  q5, q5, q0               \n" \
    "vstrw.32  q5, [%[c]], #32          \n" \
    "vadd.i32  q0, q4, q3               \n" \
    "vstrw.32  q0, [%[b]], #32          \n" \
    "vsub.i32  q4, q4, q3               \n" \
    "vstrw.32  q4, [%[d]], #32          \n"

/* A butterfly with the twiddles at w, of halved points. */
#define STAPES_FRONTEND_ASM_ROTATED_BUTTERFLY \
    STAPES_FRONTEND_ASM_ROTATED("b", "0", "q2", "q3", "q0", "q1") \
    STAPES_FRONTEND_ASM_ROTATED("d", "16", "q4", "q5", "q0", "q1") \
    STAPES_FRONTEND_ASM_ODD_HALF \
    STAPES_FRONTEND_ASM_ROTATED("c", "8", "q6", "q7", "q4", "q5") \
    STAPES_FRONTEND_ASM_FINISH(STAPES_FRONTEND_ASM_HALVE)

/* Skip rows up to those of the next butterfly. */
#define STAPES_FRONTEND_ASM_SKIP \
    "add       %[a], %[a], %[skip]      \n" \
    "add       %[b], %[b], %[skip]      \n" \
    "add       %[c], %[c], %[skip]      \n" \
    "add       %[d], %[d], %[skip]      \n"

/* Butterflies without twiddles. */
#define STAPES_FRONTEND_ASM_PLAIN_BUTTERFLIES(scale, go_on) \
    __asm__ volatile( \
        "dls       lr, %[count]             \n" \
        "1:                                 \n" \
        STAPES_FRONTEND_ASM_ROW("b", "q2", "q3", scale) \
        STAPES_FRONTEND_ASM_ROW("d", "q4", "q5", scale) \
        STAPES_FRONTEND_ASM_ODD_HALF \
        STAPES_FRONTEND_ASM_ROW("c", "q6", "q7", scale) \
        STAPES_FRONTEND_ASM_FINISH(scale) \
        go_on \
        "le        lr, 1b                   \n" \
        : [a] "+&r"(rows.a), [b] "+&r"(rows.b), [c] "+&r"(rows.c), [d] "+&r"(rows.d) \
        : [skip] "r"(skip), [count] "r"(count) \
        : "lr", "memory", STAPES_FRONTEND_ASM_VECTORS)
/* clang-format on */

/* `count` butterflies without twiddles, of points as they are, in neighbouring rows. */
static inline void stapes_frontend_first_butterflies(stapes_frontend_rows rows, int32_t count)
{
    const int32_t skip = 0;
    STAPES_FRONTEND_ASM_PLAIN_BUTTERFLIES(STAPES_FRONTEND_ASM_KEEP, "");
}

/* The same of halved points, in every (skip / 32 + 1)-th row: `skip` counts bytes. */
static inline void stapes_frontend_halved_butterflies(stapes_frontend_rows rows, int32_t skip, int32_t count)
{
    STAPES_FRONTEND_ASM_PLAIN_BUTTERFLIES(STAPES_FRONTEND_ASM_HALVE, STAPES_FRONTEND_ASM_SKIP);
}

/* Butterflies with twiddles, which advance by `twiddle_step` bytes, in neighbouring rows. */
static inline void stapes_frontend_rotated_butterflies(stapes_frontend_rows rows, int32_t count,
                                                       const stapes_frontend_point *w, int32_t twiddle_step)
{
    int32_t cosine, sine;
    /* clang-format off */ /* it would not keep one instruction or macro a line */
    __asm__ volatile(
        "dls       lr, %[count]             \n"
        "1:                                 \n"
        STAPES_FRONTEND_ASM_ROTATED_BUTTERFLY
        "add       %[w], %[w], %[twiddle_step] \n"
        "le        lr, 1b                   \n"
        : [a] "+&r"(rows.a), [b] "+&r"(rows.b), [c] "+&r"(rows.c), [d] "+&r"(rows.d), [w] "+&r"(w),
          [cos] "=&r"(cosine), [sin] "=&r"(sine)
        : [count] "r"(count), [twiddle_step] "r"(twiddle_step)
        : "lr", "memory", STAPES_FRONTEND_ASM_VECTORS);
    /* clang-format on */
}

/* Butterflies that all have the twiddles at w, in every (skip / 32 + 1)-th row. */
static inline void stapes_frontend_alike_butterflies(stapes_frontend_rows rows, int32_t skip, int32_t count,
                                                     const stapes_frontend_point *w)
{
    int32_t cosine, sine;
    /* clang-format off */ /* it would not keep one instruction or macro a line */
    __asm__ volatile(
        "dls       lr, %[count]             \n"
        "1:                                 \n"
        STAPES_FRONTEND_ASM_ROTATED_BUTTERFLY
        STAPES_FRONTEND_ASM_SKIP
        "le        lr, 1b                   \n"
        : [a] "+&r"(rows.a), [b] "+&r"(rows.b), [c] "+&r"(rows.c), [d] "+&r"(rows.d),
          [cos] "=&r"(cosine), [sin] "=&r"(sine)
        : [w] "r"(w), [skip] "r"(skip), [count] "r"(count)
        : "lr", "memory", STAPES_FRONTEND_ASM_VECTORS);
    /* clang-format on */
}

/* What the loop of the last stage keeps in memory, because eight vectors are too few. Addresses are those of the
 * first use, less what the loop adds to them. */
typedef struct {
    uint32x4_t points;   /* 16 bytes before the four rows from which the next points come */
    uint32x4_t twiddles; /* 84 bytes before their twiddles */
    int32x4_t sum_re, difference_re;
} stapes_frontend_last_stage_state;

/* The butterflies of the last stage. The first comes out wrong in lane 0, where the table lacks twiddles of 1 and what
 * lies before it is read; stapes_frontend_last_stage does it alone. */
static inline void stapes_frontend_last_butterflies(stapes_frontend_rows rows, int32_t count,
                                                    stapes_frontend_last_stage_state *state)
{
    /* clang-format off */ /* it would not keep one instruction or macro a line */
    __asm__ volatile(
        "dls       lr, %[count]             \n"
        "1:                                 \n"
        "vldrw.u32 q7, [%[state]]           \n"
        "vldrw.u32 q6, [%[state], #16]      \n"
        "vldrw.u32 q0, [q7, #20]            \n" /* b */
        "vldrw.u32 q1, [q7, #36]            \n"
        "vldrw.u32 q2, [q6, #84]            \n"
        "vldrw.u32 q4, [q6, #88]            \n"
        STAPES_FRONTEND_ASM_ROTATE("q3", "q2", "q0", "q1", "q2", "q4")
        "vldrw.u32 q0, [q7, #28]            \n" /* d */
        "vldrw.u32 q1, [q7, #44]            \n"
        "vldrw.u32 q4, [q6, #100]           \n"
        "vldrw.u32 q5, [q6, #104]           \n"
        STAPES_FRONTEND_ASM_ROTATE("q6", "q4", "q0", "q1", "q4", "q5")
        "vadd.i32  q0, q3, q6               \n"
        "vstrw.32  q0, [%[state], #32]      \n" /* sum.re */
        "vsub.i32  q3, q3, q6               \n"
        "vstrw.32  q3, [%[state], #48]      \n" /* difference.re */
        "vadd.i32  q1, q2, q4               \n" /* sum.im */
        "vsub.i32  q2, q2, q4               \n" /* difference.im */
        "vldrw.u32 q6, [%[state], #16]      \n"
        "vldrw.u32 q4, [q7, #24]            \n" /* c */
        "vldrw.u32 q5, [q7, #40]            \n"
        "vldrw.u32 q7, [q6, #92]            \n"
        "vldrw.u32 q0, [q6, #96]!           \n"
        "vstrw.32  q6, [%[state], #16]      \n"
        STAPES_FRONTEND_ASM_ROTATE("q6", "q7", "q4", "q5", "q7", "q0")
        "vldrw.u32 q0, [%[state]]           \n"
        "vldrw.u32 q4, [q0, #16]            \n" /* a */
        "vldrw.u32 q5, [q0, #32]!           \n"
        "vstrw.32  q0, [%[state]]           \n"
        "vshr.s32  q4, q4, #1               \n"
        "vshr.s32  q5, q5, #1               \n"
        "vadd.i32  q0, q4, q6               \n" /* even.re */
        "vsub.i32  q4, q4, q6               \n" /* odd.re */
        "vadd.i32  q3, q5, q7               \n" /* even.im */
        "vsub.i32  q5, q5, q7               \n" /* odd.im */
        "vadd.i32  q7, q3, q1               \n"
        "vsub.i32  q1, q3, q1               \n"
        "vldrw.u32 q3, [%[state], #32]      \n"
        "vadd.i32  q6, q0, q3               \n"
        "vsub.i32  q0, q0, q3               \n"
        "vldrw.u32 q3, [%[state], #48]      \n"
        "vst20.32  {q6, q7}, [%[a]]         \n"
        "vst21.32  {q6, q7}, [%[a]]!        \n"
        "vst20.32  {q0, q1}, [%[c]]         \n"
        "vst21.32  {q0, q1}, [%[c]]!        \n"
        "vadd.i32  q6, q4, q2               \n"
        "vsub.i32  q7, q5, q3               \n"
        "vsub.i32  q4, q4, q2               \n"
        "vadd.i32  q5, q5, q3               \n"
        "vst20.32  {q6, q7}, [%[b]]         \n"
        "vst21.32  {q6, q7}, [%[b]]!        \n"
        "vst20.32  {q4, q5}, [%[d]]         \n"
        "vst21.32  {q4, q5}, [%[d]]!        \n"
        "le        lr, 1b                   \n"
        : [a] "+&r"(rows.a), [b] "+&r"(rows.b), [c] "+&r"(rows.c), [d] "+&r"(rows.d)
        : [state] "r"(state), [count] "r"(count)
        : "lr", "memory", STAPES_FRONTEND_ASM_VECTORS);
    /* clang-format on */
}

/* Return the rows of a butterfly from the first and the distance between them, in rows. */
static inline stapes_frontend_rows stapes_frontend_rows_at(int32_t *a, int32_t distance)
{
    distance *= STAPES_FRONTEND_ROW;
    return (stapes_frontend_rows){a, a + distance, a + 2 * distance, a + 3 * distance};
}

static inline void stapes_frontend_last_stage(const stapes_frontend_tables *tables, int32_t *z)
{
    const int32_t block = tables->n_fft / 32; /* rows */
    const uint32_t twiddles = (uint32_t)(uintptr_t)stapes_frontend_table(tables, tables->twiddles_at);
    const uint32x4_t lanes = vidupq_n_u32(0, 8); /* 0, 8, 16, 24 */
    stapes_frontend_last_stage_state state;
    state.points = vaddq_n_u32(vmulq_n_u32(lanes, (uint32_t)block * 4), (uint32_t)(uintptr_t)z - 16);
    state.twiddles = vaddq_n_u32(vmulq_n_u32(lanes, 3), twiddles - 24 - 84);
    stapes_frontend_point first[4]; /* of the first butterfly, which has no twiddles */
    for (int32_t lane = 0; lane < 4; lane++)
        first[lane] = (stapes_frontend_point){z[lane] >> 1, z[lane + 4] >> 1};
    stapes_frontend_last_butterflies(stapes_frontend_rows_at(z, block), block, &state);
    stapes_frontend_dft4((stapes_frontend_point *)z, tables->n_fft / 8, first[0], first[1], first[2], first[3]);
}

/* A first stage of radix 2: the DFTs of rows a, a + 1, ... with rows that lie `block` words after them. */
static inline void stapes_frontend_first_pairs(int32_t *a, int32_t block)
{
    for (const int32_t *const end = a + block; a < end; a += 4) {
        const int32x4_t x = vldrwq_s32(a), y = vldrwq_s32(a + block);
        vstrwq_s32(a, vaddq_s32(x, y));
        vstrwq_s32(a + block, vsubq_s32(x, y));
    }
}

/* Compute the first stages and return how many points their FFTs have: one of radix 4, or one of radix 2 and one
 * of radix 4. */
static inline int32_t stapes_frontend_first_stages(const stapes_frontend_tables *tables, int32_t *z, int32_t block)
{
    const int32_t row = STAPES_FRONTEND_ROW, bytes = row * (int32_t)sizeof *z;
    if (tables->first_radix == 4) {
        stapes_frontend_first_butterflies(stapes_frontend_rows_at(z, block), block);
        return 4;
    }
    stapes_frontend_first_pairs(z, block * row);
    stapes_frontend_first_pairs(z + 2 * block * row, block * row);
    const stapes_frontend_point *twiddles = stapes_frontend_table(tables, tables->twiddles_at);
    stapes_frontend_rows rows = {z, z + 2 * block * row, z + row, z + (2 * block + 1) * row};
    stapes_frontend_halved_butterflies(rows, bytes, block / 2);
    rows =
        (stapes_frontend_rows){rows.a + block * row, rows.b + block * row, rows.c + block * row, rows.d + block * row};
    stapes_frontend_alike_butterflies(rows, bytes, block / 2, twiddles + 3 * (2 * block - 1));
    return 8;
}

/* See the plain form. Butterfly j of a group of 4 * quarter points is in block j % 4 of the rows. */
STAPES_FRONTEND_STAGE void stapes_frontend_fft(const stapes_frontend_tables *tables, stapes_frontend_point *z)
{
    const stapes_frontend_point *twiddles = stapes_frontend_table(tables, tables->twiddles_at);
    const int32_t block = tables->n_fft / 32, row = STAPES_FRONTEND_ROW, bytes = row * (int32_t)sizeof z->re;
    int32_t *const first = &z->re, quarter = stapes_frontend_first_stages(tables, first, block);
    for (; quarter < 4 * block; quarter *= 4) {
        const int32_t stride = 12 * block / quarter; /* of twiddles */
        stapes_frontend_halved_butterflies(stapes_frontend_rows_at(first, quarter / 4), (quarter - 1) * bytes,
                                           block / quarter);
        for (int32_t part = 0; part < 4; part++) {
            int32_t *a = first + part * block * row;
            const int32_t j = part > 0 ? part : 4;
            if (quarter > 4)
                for (int32_t *const end = a + block * row; a < end; a += quarter * row)
                    stapes_frontend_rotated_butterflies(stapes_frontend_rows_at(a + j / 4 * row, quarter / 4),
                                                        quarter / 4 - j / 4, twiddles + j * stride - 3,
                                                        4 * stride * (int32_t)sizeof *twiddles);
            else if (part > 0) /* one butterfly in each group */
                stapes_frontend_alike_butterflies(stapes_frontend_rows_at(a, 1), 3 * bytes, block / 4,
                                                  twiddles + j * stride - 3);
        }
    }
    stapes_frontend_last_stage(tables, first);
}

/* What the loop of stapes_frontend_split_pairs keeps in memory. */
typedef struct {
    uint32x4_t twiddles, twiddle_steps; /* addresses and bytes */
    uint32x4_t high;                    /* 32 bytes after the upper points */
} stapes_frontend_split_state;

/* Replace pairs of points by pairs of bins, from the outside to the middle, four at a time. */
static inline void stapes_frontend_split_pairs(stapes_frontend_point *low, int32_t count,
                                               stapes_frontend_split_state *state)
{
    /* clang-format off */ /* it would not keep one instruction or macro a line */
    __asm__ volatile(
        "dls       lr, %[count]             \n"
        "vldrw.u32 q6, [%[state]]           \n"
        "vldrw.u32 q7, [%[state], #32]      \n"
        "1:                                 \n"
        "vld20.32  {q0, q1}, [%[low]]       \n"
        "vld21.32  {q0, q1}, [%[low]]       \n"
        "vldrw.u32 q2, [q7, #-32]           \n"
        "vldrw.u32 q3, [q7, #-28]           \n"
        "vadd.i32  q4, q1, q3               \n" /* odd.re */
        "vsub.i32  q5, q2, q0               \n" /* odd.im */
        "vadd.i32  q0, q0, q2               \n" /* even.re */
        "vsub.i32  q1, q1, q3               \n" /* even.im */
        "vldrw.u32 q2, [q6]                 \n"
        "vldrw.u32 q7, [q6, #4]             \n"
        STAPES_FRONTEND_ASM_ROTATE("q3", "q2", "q4", "q5", "q2", "q7")
        "vldrw.u32 q7, [%[state], #16]      \n"
        "vadd.i32  q3, q3, q3               \n"
        "vadd.i32  q2, q2, q2               \n"
        "vsub.i32  q4, q0, q3               \n"
        "vsub.i32  q5, q1, q2               \n"
        "vadd.i32  q6, q6, q7               \n"
        "vldrw.u32 q7, [%[state], #32]      \n"
        "vadd.i32  q0, q0, q3               \n"
        "vadd.i32  q1, q1, q2               \n"
        "vst20.32  {q4, q5}, [%[low]]       \n"
        "vst21.32  {q4, q5}, [%[low]]!      \n"
        "vstrw.32  q1, [q7, #-28]           \n"
        "vstrw.32  q0, [q7, #-32]!          \n"
        "vstrw.32  q7, [%[state], #32]      \n"
        "le        lr, 1b                   \n"
        : [low] "+&r"(low)
        : [state] "r"(state), [count] "r"(count)
        : "lr", "memory", STAPES_FRONTEND_ASM_VECTORS);
    /* clang-format on */
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
    stapes_frontend_split_state state = {vldrwq_u32(start), vldrwq_u32(next),
                                         vaddq_n_u32(down, (uint32_t)(uintptr_t)(z + half - 4) + 32)};
    stapes_frontend_split_pairs(z + 1, half / 8, &state);
    *middle = doubled;
}

enum { STAPES_FRONTEND_BINS = 8 }; /* bins with weights below 8: |2 X| * 7 < 2^31 */

/* Weights of the last bins of a slope, each for the real and the imaginary part. A vector may read two bytes more. */
static const int8_t stapes_frontend_weights[2 * STAPES_FRONTEND_BINS + 2] = {7, 7, 6, 6, 5, 5, 4, 4, 3,
                                                                             3, 2, 2, 1, 1, 0, 0, 0, 0};

/* See the plain form; `bin` goes on behind the bins. Of more than eight bins, the first few and then eight at a time
 * are added; the bins before each eight then weigh 8 more. */
static inline stapes_frontend_sums stapes_frontend_sum_powers(const stapes_frontend_point **bin, uint32_t bins)
{
    const stapes_frontend_point *at = *bin;
    const int8_t *const weights_end = stapes_frontend_weights + 2 * STAPES_FRONTEND_BINS, *weight;
    uint32_t left = 2 * bins, words;
    stapes_frontend_sums sum;
    __asm__ volatile("mov               %Q[plain], #0                          \n"
                     "mov               %R[plain], #0                          \n"
                     "mov               %Q[weighted], #0                       \n"
                     "mov               %R[weighted], #0                       \n"
                     "mov               %[words], %[left]                      \n"
                     "cmp               %[left], #16                           \n"
                     "bls               1f                                     \n"
                     "sub               %[words], %[left], #2                  \n"
                     "and               %[words], %[words], #15                \n"
                     "add               %[words], %[words], #2                 \n"
                     "1:                                                       \n"
                     "sub               %[weight], %[weights_end], %[words]    \n"
                     "wlstp.32          lr, %[words], 3f                       \n" /* a slope may have no bins */
                     "2:                                                       \n"
                     "vldrw.u32         q0, [%[at]], #16                       \n"
                     "vldrb.s32         q1, [%[weight]], #4                    \n"
                     "vmlaldava.s32     %Q[plain], %R[plain], q0, q0           \n"
                     "vmul.i32          q1, q1, q0                             \n"
                     "vmlaldava.s32     %Q[weighted], %R[weighted], q0, q1     \n"
                     "letp              lr, 2b                                 \n"
                     "subs              %[left], %[left], %[words]             \n"
                     "and               %[words], %[words], #2                 \n" /* an odd bin fills half a vector */
                     "sub               %[at], %[at], %[words], lsl #2         \n"
                     "beq               3f                                     \n"
                     "adds              %Q[weighted], %Q[weighted], %Q[plain], lsl #3 \n"
                     "adc               %R[weighted], %R[weighted], %R[plain], lsl #3 \n"
                     "add               %R[weighted], %R[weighted], %Q[plain], lsr #29 \n"
                     "mov               %[words], #16                          \n"
                     "b                 1b                                     \n"
                     "3:                                                       \n"
                     : [at] "+&r"(at), [left] "+&r"(left), [words] "=&r"(words), [weight] "=&l"(weight),
                       [plain] "=&r"(sum.plain), [weighted] "=&r"(sum.weighted)
                     : [weights_end] "r"(weights_end)
                     : "lr", "cc", "q0", "q1", "memory");
    *bin = at;
    return sum;
}

/* Add what lies under a falling slope to the power of its band, and set the power of the next band, which rises, to
 * the rest: see stapes_frontend_under_slope. The part under the slope is at most the whole, below 2^56. */
static inline void stapes_frontend_add_slope(stapes_frontend_sums sum, const stapes_frontend_segment *segment,
                                             uint32_t *power)
{
    uint32_t low, high, lost, last = segment->last;
    __asm__ volatile(
        "umull  %[lost], %[low], %Q[plain], %[last]           \n"
        "umull  %[lost], %[high], %Q[weighted], %[slope]      \n"
        "umaal  %[low], %[high], %R[plain], %[last]           \n"
        "umlal  %[low], %[high], %R[weighted], %[slope]       \n"
        "ldrd   %[lost], %[last], [%[power]]                  \n"
        "adds   %[lost], %[lost], %[low]                      \n"
        "adc    %[last], %[last], %[high]                     \n"
        "subs   %Q[plain], %Q[plain], %[low]                  \n"
        "sbc    %R[plain], %R[plain], %[high]                 \n"
        "strd   %[lost], %[last], [%[power]]                  \n"
        "strd   %Q[plain], %R[plain], [%[power], #8]          \n"
        : [low] "=&r"(low), [high] "=&r"(high), [lost] "=&r"(lost), [last] "+&r"(last), [plain] "+&r"(sum.plain)
        : [weighted] "r"(sum.weighted), [slope] "r"(segment->slope), [power] "r"(power)
        : "cc", "memory");
}

/* Return log2 of four powers in Q10, in the lower halves of the lanes: see stapes_frontend_log2_q10. */
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
    /* A power of 0 has no leading bit; 2^27 less then gives INT16_MIN. */
    const int32x4_t leading = vreinterpretq_s32_u32(vshrq_n_u32(mantissa, 31));
    const int32x4_t value = vaddq_n_s32(vmlaq_n_s32(log2_q15, leading, 1 << 27), offset + 63 * 32768 - (1 << 27));
    const int32x4_t shifted = vshrq_n_s32(value, 5);
    return vreinterpretq_s32_s16(vqmovnbq_s32(vreinterpretq_s16_s32(shifted), shifted));
}

/* See the plain form. Four bands at a time: their powers are read before the first is stored. */
STAPES_FRONTEND_STAGE void stapes_frontend_bands(const stapes_frontend_tables *tables,
                                                 const stapes_frontend_point *bin, int32_t offset, uint8_t *log2_bands)
{
    const stapes_frontend_segment *segment = stapes_frontend_table(tables, tables->segments_at);
    const uint16_t *log2_table = stapes_frontend_table(tables, tables->log2_at);
    uint32_t power[10]; /* of five bands, low words first */
    vstrwq_u32(power, vdupq_n_u32(0));
    vstrwq_u32(power + 4, vdupq_n_u32(0));
    bin += tables->first_bin;
    stapes_frontend_add_slope(stapes_frontend_sum_powers(&bin, segment->bins), segment, power + 6); /* only rises */
    for (int32_t left = tables->n_bands; left > 0; left -= 4, log2_bands += 8) {
        power[0] = power[8];
        power[1] = power[9];
        for (int32_t band = 0; band < stapes_frontend_min(left, 4); band++) {
            segment++;
            stapes_frontend_add_slope(stapes_frontend_sum_powers(&bin, segment->bins), segment, power + 2 * band);
        }
        int16_t *const values = (int16_t *)(void *)log2_bands;
        const int32x4_t four = stapes_frontend_log2_q10_of_four(log2_table, vld2q_u32(power), offset);
        if (left >= 4)
            vstrhq_s32(values, four);
        else
            vstrhq_p_s32(values, four, vctp32q((uint32_t)left));
    }
}

/* See the plain form: floor((value * multiplier + offset * 2^16) / 2^32), by the two halves of `offset`. value *
 * multiplier / 2^16 and the sum with the lower half are below 2^31; VMULH rounds the product down. */
static inline int32x4_t stapes_frontend_quantized_four(const stapes_frontend_tables *tables, int32x4_t log2_bands)
{
    const int32_t low = tables->int8_offset & 0xFFFF, high = tables->int8_offset >> 16;
    const int32x4_t product = vmulhq_s32(vshlq_n_s32(log2_bands, 16), vdupq_n_s32(tables->int8_multiplier));
    const int32x4_t whole = vaddq_n_s32(vshrq_n_s32(vaddq_n_s32(product, low), 16), high);
    const int32x4_t shifted = vshlq_r_s32(whole, 32 - tables->int8_shift);
    const int16x8_t half = vqmovnbq_s32(vreinterpretq_s16_s32(shifted), shifted);
    return vreinterpretq_s32_s8(vqmovnbq_s16(vreinterpretq_s8_s16(half), half)); /* in the lowest bytes of the lanes */
}

void stapes_frontend_quantized(const stapes_frontend_tables *tables, const void *log2_bands, int8_t *features)
{
    const int16_t *values = log2_bands;
    const int8_t *const end = features + tables->n_bands;
    for (; features < end - 3; values += 4, features += 4)
        vstrbq_s32(features, stapes_frontend_quantized_four(tables, vldrhq_s32(values)));
    if (features < end) {
        const mve_pred16_t some = vctp32q((uint32_t)(end - features));
        vstrbq_p_s32(features, stapes_frontend_quantized_four(tables, vldrhq_z_s32(values, some)), some);
    }
}
