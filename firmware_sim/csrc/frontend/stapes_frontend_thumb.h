/* stapes_frontend_thumb.h -- inner loops of stapes_frontend.c in assembly for Arm's Thumb, because compilers spill
 * values that would fit the registers. Apache-2.0. Only stapes_frontend.c includes this file. Each function has a
 * plain C form of the same name there, with the reasons and the intervals; both give the same bits.
 *
 *   STAPES_FRONTEND_ASM_THUMB2   Thumb-2: LDRD and STRD.
 *   STAPES_FRONTEND_ASM_DSP      Thumb-2 with the DSP extension: SMMUL and SMMLA. It needs thirteen registers, which
 *                                clang does not provide.
 *   STAPES_FRONTEND_ASM_THUMB1   Thumb-1: seven registers for products of 32 bits (the eighth may be the frame
 *                                pointer), and high registers, which GCC does not use when it optimizes for size. */
#if defined(__GNUC__) && defined(__OPTIMIZE__)
#if defined(__thumb2__)
#define STAPES_FRONTEND_ASM_THUMB2 1
#if defined(STAPES_FRONTEND_DSP) && !defined(__clang__)
#define STAPES_FRONTEND_ASM_DSP 1
#endif
#elif defined(STAPES_FRONTEND_SHORT_PRODUCTS) && !defined(__clang__) && !defined(__OPTIMIZE_SIZE__)
#define STAPES_FRONTEND_ASM_THUMB1 1
#endif
#endif

#if defined(STAPES_FRONTEND_ASM_THUMB2)
/* Multiply a pair of samples by the window. `weights` is the instruction that loads the weights of the even and of the
 * odd sample and advances to the next pair. */
#define STAPES_FRONTEND_ASM_WINDOW_PAIRS(weights)                                                        \
    __asm__ volatile("ldrsh %[even], [%[pcm]], #2                      \n"                               \
                     "ldrsh %[odd], [%[pcm]], #2                       \n"                               \
                     "ldrh  %[at], [%[order]], #2                      \n"                               \
                     "mla   %[even], %[even], %[factor], %[offset]     \n"                               \
                     "mla   %[odd], %[odd], %[factor], %[offset]       \n" weights                       \
                     "add   %[at], %[z]                                \n"                               \
                     "smull %[w], %[even], %[even], %[w]               \n"                               \
                     "smull %[v], %[odd], %[odd], %[v]                 \n"                               \
                     "strd  %[even], %[odd], [%[at]]                   \n"                               \
                     : [even] "=&r"(even), [odd] "=&r"(odd), [w] "=&r"(w), [v] "=&r"(v), [at] "=&r"(at), \
                       [pcm] "+&r"(pcm), [weight] "+&r"(weight), [order] "+&r"(order)                    \
                     : [factor] "r"(in->factor), [offset] "r"(in->offset), [z] "r"(z)                    \
                     : "memory")

static inline void stapes_frontend_window_pairs(const stapes_frontend_input *in, const int16_t *pcm,
                                                const int32_t *weight, int32_t direction, const uint16_t *order,
                                                const uint16_t *stop, stapes_frontend_point *z)
{
    int32_t even, odd, w, v, at;
    if (direction > 0) {
        while (order < stop)
            STAPES_FRONTEND_ASM_WINDOW_PAIRS("ldrd %[w], %[v], [%[weight]], #8 \n");
    } else {
        weight--;
        while (order < stop)
            STAPES_FRONTEND_ASM_WINDOW_PAIRS("ldrd %[v], %[w], [%[weight]], #-8 \n");
    }
}
#undef STAPES_FRONTEND_ASM_WINDOW_PAIRS

/* x - y is computed as (x + y) - 2 y, so that only the points themselves need registers. */
static inline void stapes_frontend_first_stage(stapes_frontend_point *z, const stapes_frontend_point *end)
{
    while (z < end) {
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
}

static inline stapes_frontend_sums stapes_frontend_sum_powers(const stapes_frontend_point *power,
                                                              const stapes_frontend_point *end)
{
    stapes_frontend_sums sum = {0, 0};
    while (power < end) {
        uint32_t low, high;
        __asm__ volatile("ldrd  %[low], %[high], [%[power]], #8   \n"
                         "adds  %Q[weighted], %Q[weighted], %Q[plain]   \n"
                         "adc   %R[weighted], %R[weighted], %R[plain]   \n"
                         "adds  %Q[plain], %Q[plain], %[low]      \n"
                         "adc   %R[plain], %R[plain], %[high]     \n"
                         : [low] "=&r"(low), [high] "=&r"(high), [power] "+r"(power), [plain] "+r"(sum.plain),
                           [weighted] "+r"(sum.weighted)
                         :
                         : "cc", "memory");
    }
    return sum;
}
#endif

#if defined(STAPES_FRONTEND_ASM_DSP)
static inline void stapes_frontend_rotated_butterflies(stapes_frontend_point *z, const stapes_frontend_point *end,
                                                       int32_t quarter, const stapes_frontend_point *twiddles,
                                                       int32_t stride)
{
    const int32_t quarter_bytes = quarter * (int32_t)sizeof *z, twiddle_bytes = stride * (int32_t)sizeof *twiddles;
    for (; z < end; z += 4 * quarter) {
        const stapes_frontend_point *w = twiddles;
        const stapes_frontend_point *const last = z + quarter; /* read from the stack, since no register is free */
        stapes_frontend_point *next = z + 1;
        stapes_frontend_point *at = z + 1 + quarter; /* the second, the fourth, the third of four points, and back */
        int32_t a, b, c, d, e, f, g, h, i;
        __asm__ volatile("1:                                     \n"
                         "ldrd  %[a], %[b], [%[at]]              \n"
                         "ldrd  %[c], %[d], [%[w]]               \n"
                         "add   %[at], %[at], %[quarter_bytes], lsl #1    \n"
                         "smmul %[e], %[a], %[c]                 \n" /* re */
                         "smmul %[c], %[b], %[c]                 \n"
                         "smmul %[b], %[b], %[d]                 \n"
                         "smmla %[c], %[a], %[d], %[c]           \n" /* im */
                         "sub   %[e], %[e], %[b]                 \n"
                         "ldrd  %[a], %[b], [%[at]]              \n"
                         "ldrd  %[d], %[f], [%[w], #16]          \n"
                         "sub   %[at], %[at], %[quarter_bytes]            \n"
                         "smmul %[g], %[a], %[d]                 \n" /* re */
                         "smmul %[d], %[b], %[d]                 \n"
                         "smmul %[b], %[b], %[f]                 \n"
                         "smmla %[d], %[a], %[f], %[d]           \n" /* im */
                         "sub   %[g], %[g], %[b]                 \n"
                         "add   %[a], %[e], %[g]                 \n" /* sum */
                         "add   %[b], %[c], %[d]                 \n"
                         "sub   %[e], %[e], %[g]                 \n" /* difference */
                         "sub   %[c], %[c], %[d]                 \n"
                         "ldrd  %[d], %[f], [%[at]]              \n"
                         "ldrd  %[g], %[h], [%[w], #8]           \n"
                         "smmul %[i], %[d], %[g]                 \n" /* re */
                         "smmul %[g], %[f], %[g]                 \n"
                         "smmul %[f], %[f], %[h]                 \n"
                         "smmla %[g], %[d], %[h], %[g]           \n" /* im */
                         "sub   %[i], %[i], %[f]                 \n"
                         "ldrd  %[d], %[f], [%[next]]            \n"
                         "ldr   %[h], %[twiddle_bytes]               \n"
                         "add   %[d], %[i], %[d], asr #1         \n" /* even */
                         "add   %[f], %[g], %[f], asr #1         \n"
                         "add   %[w], %[w], %[h]                 \n"
                         "sub   %[i], %[d], %[i], lsl #1         \n" /* odd = even - 2 c */
                         "sub   %[g], %[f], %[g], lsl #1         \n"
                         "add   %[d], %[d], %[a]                 \n" /* even + sum */
                         "add   %[f], %[f], %[b]                 \n"
                         "sub   %[a], %[d], %[a], lsl #1         \n" /* even - sum */
                         "sub   %[b], %[f], %[b], lsl #1         \n"
                         "strd  %[d], %[f], [%[next]], #8        \n"
                         "strd  %[a], %[b], [%[at]]              \n"
                         "add   %[at], %[at], %[quarter_bytes]            \n"
                         "sub   %[i], %[i], %[c]                 \n" /* odd + i difference */
                         "add   %[g], %[g], %[e]                 \n"
                         "ldr   %[h], %[last]                    \n"
                         "add   %[c], %[i], %[c], lsl #1         \n" /* odd - i difference */
                         "sub   %[e], %[g], %[e], lsl #1         \n"
                         "strd  %[i], %[g], [%[at]]              \n"
                         "sub   %[at], %[at], %[quarter_bytes], lsl #1    \n"
                         "strd  %[c], %[e], [%[at]], #8          \n"
                         "cmp   %[next], %[h]                    \n"
                         "blo   1b                               \n"
                         : [a] "=&r"(a), [b] "=&r"(b), [c] "=&r"(c), [d] "=&r"(d), [e] "=&r"(e), [f] "=&r"(f),
                           [g] "=&r"(g), [h] "=&r"(h), [i] "=&r"(i), [next] "+&r"(next), [at] "+&r"(at), [w] "+&r"(w)
                         : [quarter_bytes] "r"(quarter_bytes), [twiddle_bytes] "m"(twiddle_bytes), [last] "m"(last)
                         : "cc", "memory");
    }
}

__attribute__((always_inline)) /* because `stride` must be a constant */
static inline void
stapes_frontend_split_pairs(stapes_frontend_point *low, stapes_frontend_point *high,
                            const stapes_frontend_point *twiddle, int32_t stride)
{
    while (low < high) {
        int32_t a, b, c, d, e, f, g;
        __asm__ volatile("ldrd  %[a], %[b], [%[low]]             \n"
                         "ldrd  %[c], %[d], [%[high]]            \n"
                         "ldrd  %[f], %[g], [%[twiddle]], %[stride] \n"
                         "add   %[e], %[a], %[c]                 \n" /* even.re */
                         "sub   %[c], %[c], %[a]                 \n" /* odd.im */
                         "add   %[a], %[b], %[d]                 \n" /* odd.re */
                         "sub   %[b], %[b], %[d]                 \n" /* even.im */
                         "smmul %[d], %[a], %[f]                 \n" /* rotated.re */
                         "smmul %[f], %[c], %[f]                 \n" /* rotated.im */
                         "smmla %[f], %[a], %[g], %[f]           \n"
                         "smmul %[c], %[c], %[g]                 \n"
                         "sub   %[d], %[d], %[c]                 \n"
                         "sub   %[a], %[e], %[d], lsl #1         \n"
                         "sub   %[c], %[b], %[f], lsl #1         \n"
                         "add   %[e], %[e], %[d], lsl #1         \n"
                         "add   %[b], %[b], %[f], lsl #1         \n"
                         "smull %[d], %[f], %[a], %[a]           \n"
                         "smlal %[d], %[f], %[c], %[c]           \n"
                         "strd  %[d], %[f], [%[low]], #16        \n"
                         "smull %[d], %[f], %[e], %[e]           \n"
                         "smlal %[d], %[f], %[b], %[b]           \n"
                         "strd  %[d], %[f], [%[high]], #-16      \n"
                         : [a] "=&r"(a), [b] "=&r"(b), [c] "=&r"(c), [d] "=&r"(d), [e] "=&r"(e), [f] "=&r"(f),
                           [g] "=&r"(g), [low] "+r"(low), [high] "+r"(high), [twiddle] "+r"(twiddle)
                         : [stride] "i"(stride * (int32_t)sizeof *twiddle)
                         : "memory");
    }
}
#endif

#if defined(STAPES_FRONTEND_ASM_THUMB1)
static inline stapes_frontend_point stapes_frontend_half_rotated(stapes_frontend_point z, stapes_frontend_point w)
{
    int32_t w_part = w.re, re_high, im_high, t, u, re_c, im_c;
    __asm__(".syntax unified                        \n"
            "asrs %[w], %[w], #13                   \n" /* c */
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
            "muls %[t], %[w], %[t]                  \n"
            "asrs %[t], %[t], #14                   \n"
            "movs %[u], %[re_high]                  \n"
            "muls %[u], %[w], %[u]                  \n"
            "adds %[t], %[t], %[u]                  \n"
            "asrs %[t], %[t], #5                    \n"
            "mov  %[re_c], %[t]                     \n"
            "movs %[t], %[im]                       \n"
            "muls %[t], %[w], %[t]                  \n"
            "asrs %[t], %[t], #14                   \n"
            "movs %[u], %[im_high]                  \n"
            "muls %[u], %[w], %[u]                  \n"
            "adds %[t], %[t], %[u]                  \n"
            "asrs %[t], %[t], #5                    \n"
            "mov  %[im_c], %[t]                     \n"
            "mov  %[w], %[s]                        \n"
            "asrs %[w], %[w], #13                   \n" /* s */
            "muls %[im], %[w], %[im]                \n"
            "asrs %[im], %[im], #14                 \n"
            "muls %[im_high], %[w], %[im_high]      \n"
            "adds %[im], %[im], %[im_high]          \n"
            "asrs %[im], %[im], #5                  \n" /* im s */
            "muls %[re], %[w], %[re]                \n"
            "asrs %[re], %[re], #14                 \n"
            "muls %[re_high], %[w], %[re_high]      \n"
            "adds %[re], %[re], %[re_high]          \n"
            "asrs %[re], %[re], #5                  \n" /* re s */
            "mov  %[t], %[re_c]                     \n"
            "subs %[t], %[t], %[im]                 \n" /* re c - im s */
            "mov  %[u], %[im_c]                     \n"
            "adds %[u], %[u], %[re]                 \n" /* im c + re s */
            : [re] "+l"(z.re), [im] "+l"(z.im), [w] "+l"(w_part), [re_high] "=&l"(re_high), [im_high] "=&l"(im_high),
              [t] "=&l"(t), [u] "=&l"(u), [re_c] "=&h"(re_c), [im_c] "=&h"(im_c)
            : [s] "h"(w.im)
            : "cc");
    return (stapes_frontend_point){t, u};
}

static inline stapes_frontend_sums stapes_frontend_sum_powers(const stapes_frontend_point *power,
                                                              const stapes_frontend_point *end)
{
    stapes_frontend_sums sum = {0, 0};
    while (power < end) {
        uint32_t low, high;
        __asm__ volatile(".syntax unified                   \n"
                         "adds  %Q[weighted], %Q[weighted], %Q[plain]   \n"
                         "adcs  %R[weighted], %R[plain]     \n"
                         "ldr   %[low], [%[power]]          \n"
                         "ldr   %[high], [%[power], #4]     \n"
                         "adds  %Q[plain], %Q[plain], %[low]      \n"
                         "adcs  %R[plain], %[high]          \n"
                         "adds  %[power], #8                \n"
                         : [low] "=&l"(low), [high] "=&l"(high), [power] "+l"(power), [plain] "+l"(sum.plain),
                           [weighted] "+l"(sum.weighted)
                         :
                         : "cc", "memory");
    }
    return sum;
}
#endif
