/* stapes_frontend.c with a frame in each lane of a vector; intervals and reasons stand there. Included once per width, with
 *   LANES, TARGET               lanes of 32 bits, and what the compiler may use
 *   WORDS                       the vector
 *   NAME(x)                     a name of this width
 *   ADD, SUB, NEGATIVE          of 32-bit lanes
 *   ADD64, UP(x, n), DOWN64(x)  of 64-bit lanes; shift of 32-bit lanes; upper words to the lower ones
 *   TIMES(x, y), TIMES_UNSIGNED products of the lower words, 64 bits
 *   EACH(x)                     the same word in each lane
 *   UPPER(even, odd)            upper words of the products of even and of odd lanes, in order
 *   GATHERED(base, at)          words at base + 2 * at
 */
#define INLINE static inline __attribute__((always_inline, target(TARGET)))

typedef struct {
    WORDS re, im;
} NAME(point);

INLINE NAME(point) NAME(half_rotated)(NAME(point) z, const int32_t *w)
{
    const WORDS c = EACH(w[0]), s = EACH(w[1]), minus_s = EACH(-w[1]);
    const WORDS re = DOWN64(z.re), im = DOWN64(z.im); /* odd lanes */
    const NAME(point) turned = {
        UPPER(SUB(TIMES(z.re, c), TIMES(z.im, s)), SUB(TIMES(re, c), TIMES(im, s))),
        UPPER(SUB(TIMES(z.im, c), TIMES(z.re, minus_s)), SUB(TIMES(im, c), TIMES(re, minus_s))),
    };
    return turned;
}

/* Pairs of samples, and each lane's factor and offset. Returns the exponents. */
INLINE void NAME(measured)(const stapes_frontend_tables *tables, const int16_t *pcm, WORDS *raw, WORDS *factor,
                           WORDS *offset, int32_t *exponents)
{
    int32_t starts[LANES], factors[LANES], offsets[LANES];
    uint32_t used[LANES] = {0};
    for (int32_t lane = 0; lane < LANES; lane++)
        starts[lane] = lane * tables->hop;
    WORDS at, bits = EACH(0);
    memcpy(&at, starts, sizeof at);
    const int32_t pairs = tables->window / 2;
    for (int32_t pair = 0; pair < pairs; pair++) {
        const WORDS two = GATHERED(pcm + 2 * pair, at);
        raw[pair] = two;
        bits = OR(bits, XOR(two, UP(two, 1)));
    }
    memcpy(used, &bits, sizeof used);
    for (int32_t lane = 0; lane < LANES; lane++) {
        if (tables->dc_blocker) {
            stapes_frontend_input in = {.pcm = pcm + starts[lane], .length = tables->window};
            stapes_frontend_use_samples_without_mean(&in);
            exponents[lane] = in.exponent;
            factors[lane] = (int32_t)in.factor;
            offsets[lane] = (int32_t)in.offset;
        } else {
            exponents[lane] = stapes_frontend_leading_zeros(((used[lane] | used[lane] >> 16) & 0xFFFEu) | 2u) - 16;
            factors[lane] = (int32_t)((uint32_t)1 << (16 + exponents[lane]));
            offsets[lane] = 0;
        }
    }
    memcpy(factor, factors, sizeof *factor);
    memcpy(offset, offsets, sizeof *offset);
}

INLINE WORDS NAME(weighted)(int32_t weight, WORDS sample)
{
    const WORDS w = EACH(weight);
    return UPPER(TIMES(sample, w), TIMES(DOWN64(sample), w));
}

INLINE void NAME(windowed)(const stapes_frontend_tables *tables, const WORDS *raw, WORDS factor, WORDS offset,
                           NAME(point) *z)
{
    const int32_t *window = stapes_frontend_table(tables, tables->window_at);
    const uint16_t *order = stapes_frontend_table(tables, tables->order_at);
    const int32_t pairs = tables->window / 2, radix = tables->first_radix, block = tables->n_fft / 2 / radix;
    for (int32_t place = 0, pair = 0; place < radix; place++)
        for (int32_t n = 0; n < block; n++, pair++) {
            NAME(point) *y = z + order[n] + place;
            if (pair >= pairs) {
                y->re = y->im = EACH(0);
                continue;
            }
            const int32_t even = 2 * pair, odd = even + 1, length = tables->window;
            const WORDS two = raw[pair];
            const WORDS first = ADD(TIMES32(SIGNED_LOW(two), factor), offset);
            const WORDS second = ADD(TIMES32(SIGNED_HIGH(two), factor), offset);
            y->re = NAME(weighted)(window[even <= length / 2 ? even : length - even], first);
            y->im = NEGATIVE(NAME(weighted)(window[odd <= length / 2 ? odd : length - odd], second));
        }
}

INLINE void NAME(butterfly)(NAME(point) *z, int32_t step, NAME(point) b, NAME(point) c, NAME(point) d)
{
    const NAME(point) a = z[0];
    const NAME(point) even = {ADD(a.re, c.re), ADD(a.im, c.im)}, odd = {SUB(a.re, c.re), SUB(a.im, c.im)};
    const NAME(point) sum = {ADD(b.re, d.re), ADD(b.im, d.im)}, difference = {SUB(b.re, d.re), SUB(b.im, d.im)};
    z[0] = (NAME(point)){ADD(even.re, sum.re), ADD(even.im, sum.im)};
    z[step] = (NAME(point)){ADD(odd.re, difference.im), SUB(odd.im, difference.re)};
    z[2 * step] = (NAME(point)){SUB(even.re, sum.re), SUB(even.im, sum.im)};
    z[3 * step] = (NAME(point)){SUB(odd.re, difference.im), ADD(odd.im, difference.re)};
}

INLINE NAME(point) NAME(rotated)(NAME(point) z, const int32_t *w)
{
    const NAME(point) half = NAME(half_rotated)(z, w);
    return (NAME(point)){UP(half.re, 1), UP(half.im, 1)};
}

INLINE void NAME(transform)(const stapes_frontend_tables *tables, NAME(point) *z)
{
    const int32_t *twiddles = stapes_frontend_table(tables, tables->twiddles_at);
    const int32_t half = tables->n_fft / 2;
    int32_t quarter = 1;
    if (tables->first_radix == 2) {
        for (int32_t n = 0; n < half; n += 2) {
            const NAME(point) a = z[n], b = z[n + 1];
            z[n] = (NAME(point)){ADD(a.re, b.re), ADD(a.im, b.im)};
            z[n + 1] = (NAME(point)){SUB(a.re, b.re), SUB(a.im, b.im)};
        }
        quarter = 2;
    }
    for (; quarter < half; quarter *= 4)
        for (int32_t group = 0; group < half; group += 4 * quarter) {
            NAME(point) *a = z + group;
            NAME(butterfly)(a, quarter, a[quarter], a[2 * quarter], a[3 * quarter]);
            for (int32_t j = 1; j < quarter; j++) {
                const int32_t *w = twiddles + 6 * (j * (half / 4 / quarter) - 1);
                a = z + group + j;
                NAME(butterfly)(a, quarter, NAME(rotated)(a[quarter], w), NAME(rotated)(a[2 * quarter], w + 2),
                                NAME(rotated)(a[3 * quarter], w + 4));
            }
        }
}

/* The power of even lanes over re, of odd ones over im. */
INLINE void NAME(store_power)(NAME(point) *at, WORDS re, WORDS im)
{
    const WORDS odd_re = DOWN64(re), odd_im = DOWN64(im);
    at->re = ADD64(TIMES(re, re), TIMES(im, im));
    at->im = ADD64(TIMES(odd_re, odd_re), TIMES(odd_im, odd_im));
}

INLINE void NAME(split_and_square)(const stapes_frontend_tables *tables, NAME(point) *z)
{
    const int32_t *odd_turns = stapes_frontend_table(tables, tables->odd_turns_at);
    const int32_t *twiddles = stapes_frontend_table(tables, tables->twiddles_at);
    const int32_t half = tables->n_fft / 2;
    for (int32_t k = 1; k < half / 2; k++) {
        const NAME(point) low = z[k], high = z[half - k];
        const NAME(point) even = {ADD(low.re, high.re), SUB(low.im, high.im)};
        const NAME(point) odd = {ADD(low.im, high.im), SUB(high.re, low.re)};
        const NAME(point) turned = NAME(rotated)(odd, k % 2 ? odd_turns + k - 1 : twiddles + 6 * (k / 2 - 1));
        NAME(store_power)(z + k, ADD(even.re, turned.re), ADD(even.im, turned.im));
        NAME(store_power)(z + half - k, SUB(even.re, turned.re), SUB(even.im, turned.im));
    }
    NAME(store_power)(z + half / 2, UP(z[half / 2].re, 1), UP(z[half / 2].im, 1));
}

typedef struct {
    WORDS plain[2], rising[2]; /* even, odd lanes */
} NAME(slopes);

INLINE NAME(slopes) NAME(summed)(const NAME(point) *power, const uint16_t *weights, int32_t bins)
{
    WORDS plain[2] = {EACH(0), EACH(0)}, upper[2] = {EACH(0), EACH(0)}, lower[2] = {EACH(0), EACH(0)};
    for (int32_t bin = 0; bin < bins; bin++) {
        const WORDS weight = EACH(weights[bin]);
        for (int32_t odd = 0; odd < 2; odd++) {
            const WORDS p = odd ? power[bin].im : power[bin].re;
            plain[odd] = ADD64(plain[odd], p);
            upper[odd] = ADD64(upper[odd], TIMES_UNSIGNED(DOWN64(p), weight));
            lower[odd] = ADD64(lower[odd], TIMES_UNSIGNED(p, weight));
        }
    }
    NAME(slopes) sum;
    for (int32_t odd = 0; odd < 2; odd++) {
        sum.plain[odd] = plain[odd];
        sum.rising[odd] = ADD64(UP64(upper[odd], 16), RIGHT64(lower[odd], 16));
    }
    return sum;
}

/* log2 of each band of each lane: log2_bands[LANES][n_bands] */
INLINE void NAME(bands)(const stapes_frontend_tables *tables, const NAME(point) *power, const int32_t *exponents,
                        int16_t *log2_bands)
{
    const uint16_t *segments = stapes_frontend_table(tables, tables->segments_at);
    const uint16_t *weights = stapes_frontend_table(tables, tables->weights_at);
    const uint16_t *log2_table = stapes_frontend_table(tables, tables->log2_at);
    power += tables->first_bin;
    NAME(slopes) last = NAME(summed)(power, weights, segments[0]);
    for (int32_t band = 0; band < tables->n_bands; band++) {
        power += segments[band];
        weights += segments[band];
        const NAME(slopes) next = NAME(summed)(power, weights, segments[band + 1]);
        for (int32_t odd = 0; odd < 2; odd++) {
            uint64_t sums[LANES / 2];
            const WORDS sum = ADD64(last.rising[odd], SUB64(next.plain[odd], next.rising[odd]));
            memcpy(sums, &sum, sizeof sums);
            for (int32_t n = 0; n < LANES / 2; n++) {
                const int32_t lane = 2 * n + odd;
                const int32_t offset = tables->log2_offset - exponents[lane] * 65536 + 16;
                log2_bands[lane * tables->n_bands + band] = stapes_frontend_log2_q10(log2_table, sums[n], offset);
            }
        }
        last = next;
    }
}

/* LANES frames from pcm on. */
static __attribute__((target(TARGET))) void NAME(frames)(const stapes_frontend_tables *tables, const int16_t *pcm,
                                                         int32_t *work, int16_t *log2_bands)
{
    NAME(point) *z = (NAME(point) *)(void *)work;
    WORDS raw[1024];
    WORDS factor, offset;
    int32_t exponents[LANES];
    NAME(measured)(tables, pcm, raw, &factor, &offset, exponents);
    NAME(windowed)(tables, raw, factor, offset, z);
    NAME(transform)(tables, z);
    NAME(split_and_square)(tables, z);
    NAME(bands)(tables, z, exponents, log2_bands);
}

#undef INLINE
#undef LANES
#undef TARGET
#undef WORDS
#undef NAME
#undef ADD
#undef SUB
#undef OR
#undef XOR
#undef NEGATIVE
#undef ADD64
#undef SUB64
#undef UP
#undef UP64
#undef RIGHT64
#undef DOWN64
#undef TIMES
#undef TIMES_UNSIGNED
#undef TIMES32
#undef SIGNED_LOW
#undef SIGNED_HIGH
#undef EACH
#undef UPPER
#undef GATHERED
