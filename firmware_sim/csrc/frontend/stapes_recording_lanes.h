/* stapes_frontend.c with a frame in each lane of a vector; intervals and reasons stand there. Included once per width,
 * with LANES, TARGET, NAME(x)    lanes of 32 bits, the attribute that says what the compiler may use, a name of this
 * width TIMES, OTHERS             signed 64-bit products of one half of the lanes; the other half, brought to where
 * TIMES reads UPPER(some, others)       upper words of the products of both halves: the lanes, in another order, which
 *   REORDERED, ORDERED        brings about as well (twice is none); the lane that comes to stand in a lane
 *   LOW_TIMES                 unsigned products of the lower words of 64-bit lanes
 *   EIGHT_AT(at)              eight half words at an address, over and over
 *   ROW(starts, at)           eight samples from each starts[0] + at, starts[4] + at, ...
 *   ZIPPED_LOW, ZIPPED_HIGH   of each eight half words the first or last four, between those of another vector
 *   HIGH16, PAIR_SUMS         upper halves of products of signed half words; sums of two neighbouring products
 *   LEAST, MOST               of signed words
 *   DOUBLED_HIGH(x, y, n)     floor(2 * x * y[n] / 2^32), where there is an instruction for it: then no EIGHT_AT,
 * HIGH16, PAIR_SUMS
 */
#define INLINE static inline __attribute__((always_inline)) TARGET
#define STAGE static __attribute__((noinline)) TARGET
#define WORDS NAME(words)
#define SIGNED NAME(signed_words)
#define LONGS NAME(longs)
#define HALVES NAME(halves)
#define DOUBLES NAME(doubles)
#define EACH(x) ((WORDS){0} + (uint32_t)(x))

typedef uint32_t WORDS __attribute__((vector_size(4 * LANES), may_alias));
typedef int32_t SIGNED __attribute__((vector_size(4 * LANES), may_alias));
typedef uint64_t LONGS __attribute__((vector_size(4 * LANES), may_alias));
typedef uint16_t HALVES __attribute__((vector_size(4 * LANES), may_alias));
typedef double DOUBLES __attribute__((vector_size(4 * LANES), may_alias));

typedef struct {
    WORDS re, im;
} NAME(point);

typedef struct {
    LONGS some, others; /* lanes */
} NAME(power);

/* The word at an address where TIMES and LOW_TIMES read, in one load; of four lanes the second is the next word. */
INLINE WORDS NAME(factor_at)(const void *at)
{
#if LANES > 4
    uint32_t one;
    memcpy(&one, at, sizeof one);
    return EACH(one);
#else
    uint64_t two;
    memcpy(&two, at, sizeof two);
    return (WORDS)((LONGS){0} + two);
#endif
}

INLINE NAME(point) NAME(half_rotated)(NAME(point) z, const int32_t *w)
{
#if defined(DOUBLED_HIGH)
    const WORDS turn = (WORDS)((SIGNED)NAME(factor_at)(w) >> 1); /* exact: of 18 significant bits */
    return (NAME(point)){DOUBLED_HIGH(z.re, turn, 0) - DOUBLED_HIGH(z.im, turn, 1),
                         DOUBLED_HIGH(z.im, turn, 0) + DOUBLED_HIGH(z.re, turn, 1)};
#else
    const WORDS c = NAME(factor_at)(w), s = NAME(factor_at)(w + 1);
    const WORDS re = OTHERS(z.re), im = OTHERS(z.im);
    return (NAME(point)){
        UPPER((WORDS)TIMES(z.re, c) - (WORDS)TIMES(z.im, s), (WORDS)TIMES(re, c) - (WORDS)TIMES(im, s)),
        UPPER((WORDS)TIMES(z.im, c) + (WORDS)TIMES(z.re, s), (WORDS)TIMES(im, c) + (WORDS)TIMES(re, s)),
    };
#endif
}

/* Beside points that were turned. */
INLINE NAME(point) NAME(halved)(NAME(point) z)
{
    return (NAME(point)){REORDERED((WORDS)((SIGNED)z.re >> 1)), REORDERED((WORDS)((SIGNED)z.im >> 1))};
}

INLINE void NAME(combine)(NAME(point) * z, int32_t step, NAME(point) a, NAME(point) b, NAME(point) c, NAME(point) d)
{
    const NAME(point) even = {a.re + c.re, a.im + c.im}, odd = {a.re - c.re, a.im - c.im};
    const NAME(point) sum = {b.re + d.re, b.im + d.im}, difference = {b.re - d.re, b.im - d.im};
    z[0] = (NAME(point)){even.re + sum.re, even.im + sum.im};
    z[step] = (NAME(point)){odd.re + difference.im, odd.im - difference.re};
    z[2 * step] = (NAME(point)){even.re - sum.re, even.im - sum.im};
    z[3 * step] = (NAME(point)){odd.re - difference.im, odd.im + difference.re};
}

/* The frames, and how their samples become whole words. */
typedef struct {
    const int16_t *starts[LANES];
    int32_t exponents[LANES];
    HALVES gain; /* 2^exponent */
    WORDS factor, offset;
} NAME(input);

/* Headroom 0..14 of all samples, as `headroom` there has it. */
INLINE int32_t NAME(headroom)(const int16_t *pcm, int32_t samples)
{
    enum { AT_ONCE = 2 * LANES };
    HALVES used = {0}, some = {0};
    int32_t n = 0;
    for (; n + AT_ONCE <= samples; n += AT_ONCE) {
        memcpy(&some, pcm + n, sizeof some);
        used |= some ^ (some + some);
    }
    if (samples < AT_ONCE)
        memcpy(&some, pcm, sizeof *pcm * (size_t)samples);
    else
        memcpy(&some, pcm + samples - AT_ONCE, sizeof some); /* the rest, and some again */
    used |= some ^ (some + some);
    uint64_t parts[LANES / 2];
    memcpy(parts, &used, sizeof parts);
    for (n = 1; n < LANES / 2; n++)
        parts[0] |= parts[n];
    parts[0] |= parts[0] >> 32;
    return stapes_frontend_leading_zeros(((uint32_t)(parts[0] | parts[0] >> 16) & 0xFFFEu) | 2u) - 16;
}

STAGE void NAME(measured)(const stapes_frontend_tables *tables, NAME(input) * in)
{
    uint32_t factors[LANES], offsets[LANES];
    uint16_t gains[2 * LANES];
    for (int32_t lane = 0; lane < LANES; lane++) {
        if (tables->dc_blocker) {
            stapes_frontend_input one = {.pcm = in->starts[lane], .length = tables->window};
            stapes_frontend_use_samples_without_mean(&one);
            in->exponents[lane] = one.exponent;
            factors[lane] = one.factor;
            offsets[lane] = one.offset;
        } else {
            in->exponents[lane] = NAME(headroom)(in->starts[lane], tables->window);
            uint16_t *gain = gains + lane / 4 * 8 + lane % 4;
            gain[0] = gain[4] = (uint16_t)(1u << in->exponents[lane]);
        }
    }
    if (tables->dc_blocker) {
        memcpy(&in->factor, factors, sizeof factors);
        memcpy(&in->offset, offsets, sizeof offsets);
    } else {
        memcpy(&in->gain, gains, sizeof gains);
    }
}

/* floor(weight * word / 2^32) */
INLINE WORDS NAME(weighted)(int32_t weight, WORDS word)
{
    const WORDS w = EACH(weight);
    return REORDERED(UPPER((WORDS)TIMES(word, w), (WORDS)TIMES(OTHERS(word), w)));
}

/* floor(weight * sample / 2^16); of half words, the sample times the weight's upper half, and what the lower half
 * adds. */
INLINE NAME(point) NAME(windowed)(const pair_weights *weights, HALVES samples)
{
#if defined(DOUBLED_HIGH)
    const HALVES zeros = {0};
    const WORDS even = (WORDS)((SIGNED)ZIPPED_LOW(zeros, samples) >> 1),
                odd = (WORDS)((SIGNED)ZIPPED_HIGH(zeros, samples) >> 1);
    const WORDS two = NAME(factor_at)(weights);
    return (NAME(point)){DOUBLED_HIGH(even, two, 0), DOUBLED_HIGH(odd, two, 1)};
#else
    const HALVES low = HIGH16(samples, EIGHT_AT(weights->low));
    return (NAME(point)){PAIR_SUMS(ZIPPED_LOW(samples, low), EIGHT_AT(weights->even)),
                         PAIR_SUMS(ZIPPED_HIGH(samples, low), EIGHT_AT(weights->odd))};
#endif
}

/* Eight samples of each frame from `at` on to four pairs: each four first ones, then the four second ones of four
 * frames. */
INLINE void NAME(loaded)(const int16_t *const *frames, int32_t at, int32_t window, HALVES *pairs)
{
    int16_t rest[LANES][8];
    const int16_t *starts[LANES];
    if (at + 8 > window) {
        memset(rest, 0, sizeof rest);
        for (int32_t lane = 0; lane < LANES; lane++) {
            memcpy(rest[lane], frames[lane] + at, sizeof(int16_t) * (size_t)(window - at));
            starts[lane] = rest[lane];
        }
        frames = starts;
        at = 0;
    }
    const HALVES a = ROW(frames, at), b = ROW(frames + 1, at), c = ROW(frames + 2, at), d = ROW(frames + 3, at);
    const HALVES low = ZIPPED_LOW(a, c), next_low = ZIPPED_LOW(b, d), high = ZIPPED_HIGH(a, c),
                 next_high = ZIPPED_HIGH(b, d);
    pairs[0] = ZIPPED_LOW(low, next_low);
    pairs[1] = ZIPPED_HIGH(low, next_low);
    pairs[2] = ZIPPED_LOW(high, next_high);
    pairs[3] = ZIPPED_HIGH(high, next_high);
}

INLINE NAME(point)
    NAME(windowed_whole)(const stapes_frontend_tables *tables, const NAME(input) * in, int32_t pair, HALVES two)
{
    const WORDS even = (WORDS)((SIGNED)ZIPPED_LOW(two, two) >> 16), odd = (WORDS)((SIGNED)ZIPPED_HIGH(two, two) >> 16);
    return (NAME(point)){NAME(weighted)(window_weight(tables, 2 * pair), even * in->factor + in->offset),
                         NAME(weighted)(window_weight(tables, 2 * pair + 1), odd * in->factor + in->offset)};
}

/* The first stage of the transform takes the points as they are made. `radix` and `whole` are constants. */
INLINE void NAME(begun)(const stapes_frontend_tables *tables, const pair_weights *weights, const NAME(input) * in,
                        NAME(point) * z, int32_t radix, int32_t whole)
{
    const uint16_t *order = stapes_frontend_table(tables, tables->order_at);
    const int32_t window = tables->window, block = tables->n_fft / 2 / radix;
    for (int32_t n = 0; n < block; n += 4) {
        HALVES samples[4][4];
        for (int32_t place = 0; place < radix; place++)
            if (2 * (place * block + n) < window)
                NAME(loaded)(in->starts, 2 * (place * block + n), window, samples[place]);
        const int32_t sounding = (window / 2 - n + block - 1) / block; /* places */
        for (int32_t m = n; m < n + 4; m++) {
            NAME(point) y[4], *group = z + order[m] / 8;
            for (int32_t place = 0; place < radix; place++) {
                const int32_t pair = place * block + m;
                if (place >= sounding)
                    y[place] = (NAME(point)){EACH(0), EACH(0)};
                else if (whole)
                    y[place] = NAME(windowed_whole)(tables, in, pair, samples[place][m - n]);
                else
                    y[place] = NAME(windowed)(&weights[pair], samples[place][m - n] * in->gain);
            }
            if (radix == 4) {
                NAME(combine)(group, 1, y[0], y[1], y[2], y[3]);
            } else {
                group[0] = (NAME(point)){y[0].re + y[1].re, y[0].im + y[1].im};
                group[1] = (NAME(point)){y[0].re - y[1].re, y[0].im - y[1].im};
            }
        }
    }
}

STAGE void NAME(windowed_and_combined)(const stapes_frontend_tables *tables, const pair_weights *weights,
                                       const NAME(input) * in, NAME(point) * z)
{
    if (tables->dc_blocker)
        NAME(begun)(tables, weights, in, z, tables->first_radix, 1);
    else if (tables->first_radix == 4)
        NAME(begun)(tables, weights, in, z, 4, 0);
    else
        NAME(begun)(tables, weights, in, z, 2, 0);
}

/* All stages but the first. Each changes the order of the lanes. */
STAGE void NAME(transform)(const stapes_frontend_tables *tables, NAME(point) * z)
{
    const int32_t *twiddles = stapes_frontend_table(tables, tables->twiddles_at);
    const int32_t half = tables->n_fft / 2;
    for (int32_t quarter = tables->first_radix; quarter < half; quarter *= 4)
        for (int32_t group = 0; group < half; group += 4 * quarter) {
            NAME(point) *a = z + group;
            NAME(combine)(a, quarter, NAME(halved)(a[0]), NAME(halved)(a[quarter]), NAME(halved)(a[2 * quarter]),
                          NAME(halved)(a[3 * quarter]));
            for (int32_t j = 1; j < quarter; j++) {
                const int32_t *w = twiddles + 6 * (j * (half / 4 / quarter) - 1);
                a++;
                NAME(combine)(a, quarter, NAME(halved)(a[0]), NAME(half_rotated)(a[quarter], w),
                              NAME(half_rotated)(a[2 * quarter], w + 2), NAME(half_rotated)(a[3 * quarter], w + 4));
            }
        }
}

INLINE void NAME(store_power)(NAME(point) * at, WORDS re, WORDS im)
{
    const WORDS other_re = OTHERS(re), other_im = OTHERS(im);
    *(NAME(power) *)at =
        (NAME(power)){TIMES(re, re) + TIMES(im, im), TIMES(other_re, other_re) + TIMES(other_im, other_im)};
}

/* Every second pair from the outside in. */
INLINE void NAME(split_pairs)(NAME(point) * low, NAME(point) * high, const int32_t *turn, int32_t stride)
{
    for (; low < high; low += 2, high -= 2, turn += stride) {
        const NAME(point) even = {REORDERED(low->re + high->re), REORDERED(low->im - high->im)};
        const NAME(point) odd = {low->im + high->im, high->re - low->re};
        const NAME(point) half = NAME(half_rotated)(odd, turn), turned = {half.re + half.re, half.im + half.im};
        NAME(store_power)(low, even.re - turned.re, even.im - turned.im);
        NAME(store_power)(high, even.re + turned.re, even.im + turned.im);
    }
}

STAGE void NAME(split_and_square)(const stapes_frontend_tables *tables, NAME(point) * z)
{
    const int32_t half = tables->n_fft / 2;
    NAME(point) *const middle = z + half / 2;
    NAME(split_pairs)(z + 1, z + half - 1, stapes_frontend_table(tables, tables->odd_turns_at), 2);
    NAME(split_pairs)(z + 2, z + half - 2, stapes_frontend_table(tables, tables->twiddles_at), 6);
    NAME(store_power)(middle, REORDERED(middle->re + middle->re), REORDERED(middle->im + middle->im));
}

INLINE LONGS NAME(scaled)(LONGS x, WORDS y)
{
    return LOW_TIMES(x >> 32, y) + (LOW_TIMES(x, y) >> 32);
}

typedef struct {
    NAME(power) plain, falling;
} NAME(slopes);

INLINE NAME(slopes) NAME(summed)(const NAME(power) * power, const stapes_frontend_segment *segment)
{
    NAME(power) plain = {(LONGS){0}, (LONGS){0}}, sums = {(LONGS){0}, (LONGS){0}};
    for (const NAME(power) *end = power + segment->bins; power < end; power++) {
        sums.some += plain.some;
        sums.others += plain.others;
        plain.some += power->some;
        plain.others += power->others;
    }
    const WORDS last = NAME(factor_at)(&segment->last), slope = NAME(factor_at)(&segment->slope);
    return (NAME(slopes)){plain,
                          {NAME(scaled)(plain.some, last) + NAME(scaled)(sums.some, slope),
                           NAME(scaled)(plain.others, last) + NAME(scaled)(sums.others, slope)}};
}

/* Of 64-bit lanes below 2^56: the upper word is floor(log2) + 1 in its upper ten bits and what follows the leading one
 * in the others; zero for zero. As the float64 of four times the number has it. No rounding reaches those bits, for a
 * bit that follows 24 places after a set one is cleared: among them the one after them. The words' magic: 2^54 + 4 x
 * has x in its low bits. */
INLINE WORDS NAME(leading)(LONGS x)
{
    const DOUBLES magic = (DOUBLES){0} + 0x1p54, upper_magic = (DOUBLES){0} + 0x1p86;
    const LONGS sparse = x & ~(x >> 24);
    const DOUBLES lower = (DOUBLES)((sparse & 0xFFFFFFFFu) | (LONGS)magic),
                  upper = (DOUBLES)((sparse >> 32) | (LONGS)upper_magic);
    return (WORDS)((LONGS)(upper - (upper_magic + magic) + lower) << 2);
}

/* The leading bits of the power in each band, and zeros up to a multiple of four bands. */
STAGE void NAME(bands)(const stapes_frontend_tables *tables, const NAME(power) * power, WORDS *leading)
{
    const stapes_frontend_segment *segment = stapes_frontend_table(tables, tables->segments_at);
    const int32_t n_bands = tables->n_bands;
    power += tables->first_bin;
    NAME(slopes) last = NAME(summed)(power, segment);
    for (int32_t band = 0; band < n_bands; band++) {
        power += segment++->bins;
        const NAME(slopes) next = NAME(summed)(power, segment);
        leading[band] = UPPER(NAME(leading)(last.plain.some - last.falling.some + next.falling.some),
                              NAME(leading)(last.plain.others - last.falling.others + next.falling.others));
        last = next;
    }
    for (int32_t band = n_bands; band % 4 != 0; band++)
        leading[band] = EACH(0);
}

/* log2 (Q10) of a power by its leading bits, as stapes_frontend_log2_q10 has it. */
INLINE WORDS NAME(log2_q10)(const uint16_t *table, const WORDS *leading, WORDS offset)
{
    uint32_t pairs[LANES];
    for (int32_t lane = 0; lane < LANES; lane++)
        memcpy(pairs + lane, table + (((const uint32_t *)leading)[lane] >> 16 & ((1 << SEGMENT_BITS) - 1)),
               sizeof *pairs);
    WORDS two;
    memcpy(&two, pairs, sizeof two);
    const WORDS low = two & 0xFFFF, rise = ((two >> 16) - low) * (*leading & 0xFFFF) >> 16;
    const WORDS log2_q15 = ((*leading >> 7) & 0x01FF8000) + low + rise; /* of twice the power */
    const WORDS none = (WORDS)(*leading == 0) << 22;                    /* less than any value */
    const WORDS value = (WORDS)((SIGNED)(log2_q15 + offset) >> 5) + none;
    return LEAST(MOST(value, EACH(INT16_MIN)), EACH(INT16_MAX));
}

/* int8 of log2 values, as stapes_frontend_quantized has it. */
INLINE WORDS NAME(quantized)(const stapes_frontend_tables *tables, WORDS value)
{
    const WORDS multiplier = EACH(tables->int8_multiplier);
    const LONGS offset = (LONGS){0} + (uint64_t)((int64_t)tables->int8_offset * 65536);
    const WORDS affine =
        REORDERED(UPPER(TIMES(value, multiplier) + offset, TIMES(OTHERS(value), multiplier) + offset));
    return LEAST(MOST((WORDS)((SIGNED)affine >> (tables->int8_shift - 32)), EACH(INT8_MIN)), EACH(INT8_MAX));
}

/* log2_bands[LANES][n_bands] and features[LANES][n_bands] of the leading bits of bands; either may be NULL. */
STAGE void NAME(values)(const stapes_frontend_tables *tables, const WORDS *leading, const int32_t *exponents,
                        int8_t *features, int16_t *log2_bands)
{
    const uint16_t *log2_table = stapes_frontend_table(tables, tables->log2_at);
    const int32_t n_bands = tables->n_bands;
    WORDS offset;
    memcpy(&offset, exponents, sizeof offset);
    offset = EACH(tables->log2_offset + 16 - 32768) - (offset << 16);
    for (int32_t band = 0; band < n_bands; band += 4) {
        WORDS log2s[4], four = EACH(0); /* features */
        for (int32_t n = 0; n < 4; n++) {
            log2s[n] = NAME(log2_q10)(log2_table, leading + band + n, offset);
            four |= (NAME(quantized)(tables, log2s[n]) & 0xFF) << (8 * n);
        }
        const WORDS two[2] = {(log2s[0] & 0xFFFF) | log2s[1] << 16, (log2s[2] & 0xFFFF) | log2s[3] << 16};
        const size_t count = (size_t)(n_bands - band);
        for (int32_t lane = 0; lane < LANES; lane++) {
            if (features)
                copied_4(features + lane * n_bands + band, (const uint32_t *)&four + lane, 1, count);
            if (log2_bands) {
                const uint32_t values[2] = {((const uint32_t *)two)[lane], ((const uint32_t *)(two + 1))[lane]};
                copied_4(log2_bands + lane * n_bands + band, values, sizeof *log2_bands, count);
            }
        }
    }
}

/* LANES frames from pcm on. They start in the order that ends with the first frame in the first lane: it changes in
 * each stage but the first, when powers are made and when logarithms are. */
static TARGET void NAME(frames)(const stapes_frontend_tables *tables, const pair_weights *weights, const int16_t *pcm,
                                int32_t *work, int8_t *features, int16_t *log2_bands)
{
    NAME(point) *z = (NAME(point) *)(void *)work;
    NAME(input) in;
    int32_t exponents[LANES], reordered = 0;
    for (int32_t points = tables->first_radix; points < tables->n_fft / 2; points *= 4)
        reordered ^= 1;
    for (int32_t lane = 0; lane < LANES; lane++)
        in.starts[lane] = pcm + (reordered ? ORDERED(lane) : lane) * tables->hop;
    NAME(measured)(tables, &in);
    for (int32_t lane = 0; lane < LANES; lane++)
        exponents[lane] = in.exponents[reordered ? ORDERED(lane) : lane];
    NAME(windowed_and_combined)(tables, weights, &in, z);
    NAME(transform)(tables, z);
    NAME(split_and_square)(tables, z);
    WORDS leading[128];
    NAME(bands)(tables, (const NAME(power) *)z, leading);
    NAME(values)(tables, leading, exponents, features, log2_bands);
}

#undef INLINE
#undef STAGE
#undef WORDS
#undef SIGNED
#undef LONGS
#undef HALVES
#undef DOUBLES
#undef EACH
#undef LANES
#undef TARGET
#undef NAME
#undef REGISTER
#undef FLOATS
#undef MM
#undef EIGHT_AT
#undef ROW
