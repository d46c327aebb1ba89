/* stapes_frontend.c with a frame in each lane of a vector; intervals and reasons stand there. Included once per width, with
 *   LANES, TARGET, WORDS      lanes of 32 bits, what the compiler may use, the vector
 *   NAME(x)                   a name of this width
 *   ADD, SUB, AND, AND_NOT, OR, XOR, LEAST, MOST, TIMES32    of 32-bit lanes
 *   UP, RIGHT, SIGNED_RIGHT   shifts of 32-bit lanes, UP_EACH by each lane's own count; SIGNED_LOW, SIGNED_HIGH: their halves
 *   ADD64, SUB64, UP64, UP_EACH64, LEADING_ZEROS64, IS_ZERO64 of 64-bit lanes; DOWN64: upper words to lower ones
 *   TIMES, TIMES_UNSIGNED     64-bit products of the lower words of 64-bit lanes
 *   EACH, EACH64              the same number in each lane
 *   UPPER(even, odd)          upper words of even and of odd lanes, in order
 *   GATHERED(base, at)        words at base + 2 bytes * at
 *   LOADED(starts, at, words) words[0..7]: two samples each from starts[lane] + at on
 */
#define INLINE static inline __attribute__((always_inline, target(TARGET)))

typedef struct {
    WORDS re, im;
} NAME(point);

INLINE NAME(point) NAME(half_rotated)(NAME(point) z, const int32_t *w)
{
    const WORDS c = EACH(w[0]), s = EACH(w[1]);
    const WORDS re = DOWN64(z.re), im = DOWN64(z.im); /* odd lanes */
    const NAME(point) turned = {
        UPPER(SUB(TIMES(z.re, c), TIMES(z.im, s)), SUB(TIMES(re, c), TIMES(im, s))),
        UPPER(ADD(TIMES(z.im, c), TIMES(z.re, s)), ADD(TIMES(im, c), TIMES(re, s))),
    };
    return turned;
}

/* Pairs of samples, and each lane's factor and offset. Returns the exponents. */
INLINE void NAME(measured)(const stapes_frontend_tables *tables, const int16_t *pcm, WORDS *raw, WORDS *factor,
                           WORDS *offset, int32_t *exponents)
{
    int32_t factors[LANES], offsets[LANES], words[LANES];
    const int16_t *starts[LANES];
    uint32_t used[LANES];
    for (int32_t lane = 0; lane < LANES; lane++)
        starts[lane] = pcm + lane * tables->hop;
    WORDS bits = EACH(0);
    const int32_t pairs = tables->window / 2;
    int32_t pair = 0;
    for (; pair + 8 <= pairs; pair += 8) {
        LOADED(starts, 2 * pair, raw + pair);
        for (int32_t n = pair; n < pair + 8; n++)
            bits = OR(bits, XOR(raw[n], UP(raw[n], 1)));
    }
    for (; pair < pairs; pair++) {
        WORDS two;
        for (int32_t lane = 0; lane < LANES; lane++)
            memcpy(words + lane, starts[lane] + 2 * pair, sizeof *words);
        memcpy(&two, words, sizeof two);
        raw[pair] = two;
        bits = OR(bits, XOR(two, UP(two, 1)));
    }
    memcpy(used, &bits, sizeof used);
    for (int32_t lane = 0; lane < LANES; lane++) {
        if (tables->dc_blocker) {
            stapes_frontend_input in = {.pcm = starts[lane], .length = tables->window};
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

/* Samples as whole words, the first and the second of each pair. With `shift` they need no product. */
INLINE NAME(point) NAME(whole)(WORDS two, const WORDS *shift, WORDS factor, WORDS offset)
{
    if (shift)
        return (NAME(point)){UP_EACH(two, *shift), UP_EACH(AND(two, EACH(-65536)), SUB(*shift, EACH(16)))};
    return (NAME(point)){ADD(TIMES32(SIGNED_LOW(two), factor), offset), ADD(TIMES32(SIGNED_HIGH(two), factor), offset)};
}

INLINE void NAME(windowed)(const stapes_frontend_tables *tables, const WORDS *raw, const WORDS *shift, WORDS factor,
                           WORDS offset, NAME(point) *z)
{
    const int32_t *window = stapes_frontend_table(tables, tables->window_at);
    const uint16_t *order = stapes_frontend_table(tables, tables->order_at);
    const int32_t pairs = tables->window / 2, radix = tables->first_radix, block = tables->n_fft / 2 / radix;
    for (int32_t place = 0, pair = 0; place < radix; place++)
        for (int32_t n = 0; n < block; n++, pair++) {
            NAME(point) *y = z + order[n] / 8 + place;
            if (pair >= pairs) {
                y->re = y->im = EACH(0);
                continue;
            }
            const int32_t even = 2 * pair, odd = even + 1, length = tables->window;
            const NAME(point) x = NAME(whole)(raw[pair], shift, factor, offset);
            y->re = NAME(weighted)(window[even <= length / 2 ? even : length - even], x.re);
            y->im = NAME(weighted)(window[odd <= length / 2 ? odd : length - odd], x.im);
        }
}

INLINE NAME(point) NAME(halved)(NAME(point) z)
{
    return (NAME(point)){SIGNED_RIGHT(z.re, 1), SIGNED_RIGHT(z.im, 1)};
}

INLINE void NAME(combine)(NAME(point) *z, int32_t step, NAME(point) a, NAME(point) b, NAME(point) c, NAME(point) d)
{
    const NAME(point) even = {ADD(a.re, c.re), ADD(a.im, c.im)}, odd = {SUB(a.re, c.re), SUB(a.im, c.im)};
    const NAME(point) sum = {ADD(b.re, d.re), ADD(b.im, d.im)}, difference = {SUB(b.re, d.re), SUB(b.im, d.im)};
    z[0] = (NAME(point)){ADD(even.re, sum.re), ADD(even.im, sum.im)};
    z[step] = (NAME(point)){ADD(odd.re, difference.im), SUB(odd.im, difference.re)};
    z[2 * step] = (NAME(point)){SUB(even.re, sum.re), SUB(even.im, sum.im)};
    z[3 * step] = (NAME(point)){SUB(odd.re, difference.im), ADD(odd.im, difference.re)};
}

INLINE void NAME(transform)(const stapes_frontend_tables *tables, NAME(point) *z)
{
    const int32_t *twiddles = stapes_frontend_table(tables, tables->twiddles_at);
    const int32_t half = tables->n_fft / 2, radix = tables->first_radix;
    for (int32_t n = 0; n < half; n += radix) {
        NAME(point) *a = z + n;
        if (radix == 4) {
            NAME(combine)(a, 1, a[0], a[1], a[2], a[3]);
        } else {
            const NAME(point) first = a[0], second = a[1];
            a[0] = (NAME(point)){ADD(first.re, second.re), ADD(first.im, second.im)};
            a[1] = (NAME(point)){SUB(first.re, second.re), SUB(first.im, second.im)};
        }
    }
    for (int32_t quarter = radix; quarter < half; quarter *= 4)
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
        const NAME(point) half_turned = NAME(half_rotated)(odd, k % 2 ? odd_turns + k - 1 : twiddles + 6 * (k / 2 - 1));
        const NAME(point) turned = {UP(half_turned.re, 1), UP(half_turned.im, 1)};
        NAME(store_power)(z + k, SUB(even.re, turned.re), SUB(even.im, turned.im));
        NAME(store_power)(z + half - k, ADD(even.re, turned.re), ADD(even.im, turned.im));
    }
    NAME(store_power)(z + half / 2, UP(z[half / 2].re, 1), UP(z[half / 2].im, 1));
}

typedef struct {
    WORDS plain[2], falling[2]; /* even, odd lanes */
} NAME(slopes);

INLINE WORDS NAME(scaled)(WORDS x, WORDS y)
{
    return ADD64(TIMES_UNSIGNED(DOWN64(x), y), DOWN64(TIMES_UNSIGNED(x, y)));
}

INLINE NAME(slopes) NAME(summed)(const NAME(point) *power, const stapes_frontend_segment *segment)
{
    WORDS plain[2] = {EACH(0), EACH(0)}, sums[2] = {EACH(0), EACH(0)};
    for (const NAME(point) *end = power + segment->bins; power < end; power++) {
        sums[0] = ADD64(sums[0], plain[0]);
        sums[1] = ADD64(sums[1], plain[1]);
        plain[0] = ADD64(plain[0], power->re);
        plain[1] = ADD64(plain[1], power->im);
    }
    const WORDS last = EACH((int32_t)segment->last), slope = EACH((int32_t)segment->slope);
    return (NAME(slopes)){
        {plain[0], plain[1]},
        {ADD64(NAME(scaled)(plain[0], last), NAME(scaled)(sums[0], slope)),
         ADD64(NAME(scaled)(plain[1], last), NAME(scaled)(sums[1], slope))},
    };
}

/* log2 (Q10) of powers below 2^56, even and odd lanes apart, as stapes_frontend_log2_q10 has it. */
INLINE WORDS NAME(log2_q10)(const uint16_t *table, const WORDS power[2], WORDS offset)
{
    const WORDS zeros[2] = {LEADING_ZEROS64(power[0]), LEADING_ZEROS64(power[1])};
    const WORDS mantissa = UPPER(UP_EACH64(power[0], zeros[0]), UP_EACH64(power[1], zeros[1]));
    const WORDS octave = SUB(EACH(63), OR(zeros[0], UP64(zeros[1], 32)));
    const WORDS segment = AND(RIGHT(mantissa, 31 - SEGMENT_BITS), EACH((1 << SEGMENT_BITS) - 1));
    const WORDS part = AND(RIGHT(mantissa, 15 - SEGMENT_BITS), EACH(0xFFFF));
    const WORDS two = GATHERED(table, segment), low = AND(two, EACH(0xFFFF));
    const WORDS rise = RIGHT(TIMES32(SUB(RIGHT(two, 16), low), part), 16);
    const WORDS value = SIGNED_RIGHT(ADD(ADD(UP(octave, 15), offset), ADD(low, rise)), 5);
    const WORDS none = UPPER(UP64(IS_ZERO64(power[0]), 32), IS_ZERO64(power[1])); /* all bits of a lane without power */
    return OR(AND_NOT(none, LEAST(MOST(value, EACH(INT16_MIN)), EACH(INT16_MAX))), AND(none, EACH(INT16_MIN)));
}

/* int8 of log2 values, as stapes_frontend_quantized has it. */
INLINE WORDS NAME(quantized)(const stapes_frontend_tables *tables, WORDS value)
{
    const WORDS multiplier = EACH(tables->int8_multiplier);
    const WORDS offset = EACH64((int64_t)tables->int8_offset * 65536);
    const WORDS affine = UPPER(ADD64(TIMES(value, multiplier), offset), ADD64(TIMES(DOWN64(value), multiplier), offset));
    return LEAST(MOST(SIGNED_RIGHT(affine, tables->int8_shift - 32), EACH(INT8_MIN)), EACH(INT8_MAX));
}

/* Bands of LANES frames: features[LANES][n_bands], log2_bands[LANES][n_bands]; either may be NULL. */
INLINE void NAME(bands)(const stapes_frontend_tables *tables, const NAME(point) *power, const int32_t *exponents,
                        int8_t *features, int16_t *log2_bands)
{
    const stapes_frontend_segment *segment = stapes_frontend_table(tables, tables->segments_at);
    const uint16_t *log2_table = stapes_frontend_table(tables, tables->log2_at);
    const int32_t n_bands = tables->n_bands;
    WORDS offset;
    memcpy(&offset, exponents, sizeof offset);
    offset = SUB(EACH(tables->log2_offset + 16), UP(offset, 16));
    power += tables->first_bin;
    NAME(slopes) last = NAME(summed)(power, segment);
    for (int32_t band = 0; band < n_bands; band++) {
        power += segment++->bins;
        const NAME(slopes) next = NAME(summed)(power, segment);
        const WORDS sums[2] = {ADD64(SUB64(last.plain[0], last.falling[0]), next.falling[0]),
                               ADD64(SUB64(last.plain[1], last.falling[1]), next.falling[1])};
        last = next;
        const WORDS value = NAME(log2_q10)(log2_table, sums, offset);
        int32_t lanes[LANES];
        if (log2_bands) {
            memcpy(lanes, &value, sizeof lanes);
            for (int32_t lane = 0; lane < LANES; lane++)
                log2_bands[lane * n_bands + band] = (int16_t)lanes[lane];
        }
        if (features) {
            const WORDS quantized = NAME(quantized)(tables, value);
            memcpy(lanes, &quantized, sizeof lanes);
            for (int32_t lane = 0; lane < LANES; lane++)
                features[lane * n_bands + band] = (int8_t)lanes[lane];
        }
    }
}

/* LANES frames from pcm on. */
static __attribute__((target(TARGET))) void NAME(frames)(const stapes_frontend_tables *tables, const int16_t *pcm,
                                                         int32_t *work, int8_t *features, int16_t *log2_bands)
{
    NAME(point) *z = (NAME(point) *)(void *)work;
    WORDS raw[1024];
    WORDS factor, offset;
    int32_t exponents[LANES];
    NAME(measured)(tables, pcm, raw, &factor, &offset, exponents);
    if (tables->dc_blocker) {
        NAME(windowed)(tables, raw, NULL, factor, offset, z);
    } else {
        WORDS shift;
        memcpy(&shift, exponents, sizeof shift);
        shift = ADD(shift, EACH(16));
        NAME(windowed)(tables, raw, &shift, factor, offset, z);
    }
    NAME(transform)(tables, z);
    NAME(split_and_square)(tables, z);
    NAME(bands)(tables, z, exponents, features, log2_bands);
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
#undef ADD64
#undef SUB64
#undef UP
#undef UP64
#undef UP_EACH
#undef LOADED
#undef DOWN64
#undef TIMES
#undef TIMES_UNSIGNED
#undef TIMES32
#undef SIGNED_LOW
#undef SIGNED_HIGH
#undef EACH
#undef UPPER
#undef GATHERED
#undef AND
#undef AND_NOT
#undef RIGHT
#undef SIGNED_RIGHT
#undef LEAST
#undef MOST
#undef EACH64
#undef UP_EACH64
#undef IS_ZERO64
#undef LEADING_ZEROS64
