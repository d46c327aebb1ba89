/* stapes_recording_lanes.h -- stapes_frontend.c with one frame in each lane of a vector; reasons and intervals stand
 * there. Apache-2.0. stapes_recording.c includes this file once per width, after defining:
 *
 *   REC_LANES                     number of lanes, of 32 bits each
 *   REC_TARGET                    attribute that says which instructions the compiler may use
 *   REC_NAME(x)                   name of x for this width
 *   REC_MULTIPLY(x, y)            signed 64-bit products of one half of the lanes
 *   REC_MULTIPLY_UNSIGNED(x, y)   unsigned 64-bit products of the lower words of 64-bit lanes
 *   REC_OTHER_HALF(x)             moves the other half of the lanes to where REC_MULTIPLY reads
 *   REC_UPPER_WORDS(some, others) upper words of the products of both halves: all lanes, in another order
 *   REC_REORDER(x)                brings the lanes into that order; applied twice it changes nothing
 *   REC_LANE_AT(lane)             the lane that REC_REORDER moves to a lane
 *   REC_LOAD_ROW(starts, at)      eight samples each from starts[0] + at, starts[4] + at, ...
 *   REC_ZIP_LOW(x, y), REC_ZIP_HIGH(x, y)
 *                                 the first or last four of each eight half words of x, interleaved with those of y
 *   REC_MIN, REC_MAX              of signed words
 *
 * and either
 *
 *   REC_MULTIPLY_HIGH_DOUBLED(x, y, n)   floor(2 * x * y[n] / 2^32), where there is an instruction for it
 *
 * or
 *
 *   REC_LOAD8_REPEATED(at)        eight half words at an address, repeated over the vector
 *   REC_MULTIPLY_HIGH16(x, y)     upper halves of products of signed half words
 *   REC_DOT_PAIRS(x, y)           sums of two neighbouring products of signed half words */
#define REC_INLINE static inline __attribute__((always_inline)) REC_TARGET
#define REC_STAGE static __attribute__((noinline)) REC_TARGET
#define REC_WORDS REC_NAME(words)
#define REC_SIGNED_WORDS REC_NAME(signed_words)
#define REC_LONGS REC_NAME(longs)
#define REC_HALVES REC_NAME(halves)
#define REC_DOUBLES REC_NAME(doubles)
#define REC_SPLAT(x) ((REC_WORDS){0} + (uint32_t)(x))

typedef uint32_t REC_WORDS __attribute__((vector_size(4 * REC_LANES), may_alias));
typedef int32_t REC_SIGNED_WORDS __attribute__((vector_size(4 * REC_LANES), may_alias));
typedef uint64_t REC_LONGS __attribute__((vector_size(4 * REC_LANES), may_alias));
typedef uint16_t REC_HALVES __attribute__((vector_size(4 * REC_LANES), may_alias));
typedef double REC_DOUBLES __attribute__((vector_size(4 * REC_LANES), may_alias));

typedef struct {
    REC_WORDS re, im;
} REC_NAME(point);

typedef struct {
    REC_LONGS some, others; /* one half of the lanes, the other half */
} REC_NAME(power);

/* Load the word at an address to all lanes that REC_MULTIPLY reads, with one instruction. With four lanes, the next
 * word is loaded into the lanes between them. */
REC_INLINE REC_WORDS REC_NAME(factor_at)(const void *at)
{
#if REC_LANES > 4
    uint32_t one;
    memcpy(&one, at, sizeof one);
    return REC_SPLAT(one);
#else
    uint64_t two;
    memcpy(&two, at, sizeof two);
    return (REC_WORDS)((REC_LONGS){0} + two);
#endif
}

REC_INLINE REC_NAME(point) REC_NAME(half_rotated)(REC_NAME(point) z, const int32_t *w)
{
#if defined(REC_MULTIPLY_HIGH_DOUBLED)
    /* The shift is exact: twiddles have 18 significant bits. */
    const REC_WORDS twiddle = (REC_WORDS)((REC_SIGNED_WORDS)REC_NAME(factor_at)(w) >> 1);
    return (REC_NAME(point)){REC_MULTIPLY_HIGH_DOUBLED(z.re, twiddle, 0) - REC_MULTIPLY_HIGH_DOUBLED(z.im, twiddle, 1),
                             REC_MULTIPLY_HIGH_DOUBLED(z.im, twiddle, 0) +
                                 REC_MULTIPLY_HIGH_DOUBLED(z.re, twiddle, 1)};
#else
    const REC_WORDS c = REC_NAME(factor_at)(w), s = REC_NAME(factor_at)(w + 1);
    const REC_WORDS re = REC_OTHER_HALF(z.re), im = REC_OTHER_HALF(z.im);
    return (REC_NAME(point)){
        REC_UPPER_WORDS((REC_WORDS)REC_MULTIPLY(z.re, c) - (REC_WORDS)REC_MULTIPLY(z.im, s),
                        (REC_WORDS)REC_MULTIPLY(re, c) - (REC_WORDS)REC_MULTIPLY(im, s)),
        REC_UPPER_WORDS((REC_WORDS)REC_MULTIPLY(z.im, c) + (REC_WORDS)REC_MULTIPLY(z.re, s),
                        (REC_WORDS)REC_MULTIPLY(im, c) + (REC_WORDS)REC_MULTIPLY(re, s)),
    };
#endif
}

/* Return z / 2, rounded down, with its lanes in the order of points that were rotated. */
REC_INLINE REC_NAME(point) REC_NAME(halved)(REC_NAME(point) z)
{
    return (REC_NAME(point)){REC_REORDER((REC_WORDS)((REC_SIGNED_WORDS)z.re >> 1)),
                             REC_REORDER((REC_WORDS)((REC_SIGNED_WORDS)z.im >> 1))};
}

REC_INLINE void REC_NAME(dft4)(REC_NAME(point) * z, int32_t stride, REC_NAME(point) a, REC_NAME(point) b,
                               REC_NAME(point) c, REC_NAME(point) d)
{
    const REC_NAME(point) even = {a.re + c.re, a.im + c.im}, odd = {a.re - c.re, a.im - c.im};
    const REC_NAME(point) sum = {b.re + d.re, b.im + d.im}, difference = {b.re - d.re, b.im - d.im};
    z[0] = (REC_NAME(point)){even.re + sum.re, even.im + sum.im};
    z[stride] = (REC_NAME(point)){odd.re + difference.im, odd.im - difference.re};
    z[2 * stride] = (REC_NAME(point)){even.re - sum.re, even.im - sum.im};
    z[3 * stride] = (REC_NAME(point)){odd.re - difference.im, odd.im + difference.re};
}

/* The frames, and how their samples become words: see stapes_frontend_input. */
typedef struct {
    const int16_t *starts[REC_LANES];
    int32_t exponents[REC_LANES];
    REC_HALVES gain; /* 2^exponent */
    REC_WORDS factor, offset;
} REC_NAME(input);

/* Return the headroom of all samples, 0..14 bits: see stapes_frontend_headroom. */
REC_INLINE int32_t REC_NAME(headroom)(const int16_t *pcm, int32_t samples)
{
    enum { REC_BLOCK = 2 * REC_LANES };
    REC_HALVES used = {0}, some = {0};
    int32_t n = 0;
    for (; n + REC_BLOCK <= samples; n += REC_BLOCK) {
        memcpy(&some, pcm + n, sizeof some);
        used |= some ^ (some + some);
    }
    if (samples < REC_BLOCK)
        memcpy(&some, pcm, sizeof *pcm * (size_t)samples);
    else
        memcpy(&some, pcm + samples - REC_BLOCK, sizeof some); /* the last samples, of which some were read before */
    used |= some ^ (some + some);
    uint64_t parts[REC_LANES / 2];
    memcpy(parts, &used, sizeof parts);
    for (n = 1; n < REC_LANES / 2; n++)
        parts[0] |= parts[n];
    parts[0] |= parts[0] >> 32;
    return stapes_frontend_leading_zeros(((uint32_t)(parts[0] | parts[0] >> 16) & 0xFFFEu) | 2u) - 16;
}

/* Set how the samples of each frame become words: exponents, and either gain or factor and offset. */
REC_STAGE void REC_NAME(scale_samples)(const stapes_frontend_tables *tables, REC_NAME(input) * in)
{
    uint32_t factors[REC_LANES], offsets[REC_LANES];
    uint16_t gains[2 * REC_LANES];
    for (int32_t lane = 0; lane < REC_LANES; lane++) {
        if (tables->dc_blocker) {
            stapes_frontend_input one = {.pcm = in->starts[lane], .length = tables->window};
            stapes_frontend_use_samples_without_mean(&one);
            in->exponents[lane] = one.exponent;
            factors[lane] = one.factor;
            offsets[lane] = one.offset;
        } else {
            in->exponents[lane] = REC_NAME(headroom)(in->starts[lane], tables->window);
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

/* Return floor(weight * word / 2^32). */
REC_INLINE REC_WORDS REC_NAME(windowed_sample)(int32_t weight, REC_WORDS word)
{
    const REC_WORDS w = REC_SPLAT(weight);
    return REC_REORDER(
        REC_UPPER_WORDS((REC_WORDS)REC_MULTIPLY(word, w), (REC_WORDS)REC_MULTIPLY(REC_OTHER_HALF(word), w)));
}

/* Return floor(weight * sample / 2^16) for a pair of samples. By half words: the sample times the upper half of the
 * weight, plus the upper half of the sample times the lower half of the weight. */
REC_INLINE REC_NAME(point) REC_NAME(windowed)(const stapes_recording_pair_weights *weights, REC_HALVES samples)
{
#if defined(REC_MULTIPLY_HIGH_DOUBLED)
    const REC_HALVES zeros = {0};
    const REC_WORDS even = (REC_WORDS)((REC_SIGNED_WORDS)REC_ZIP_LOW(zeros, samples) >> 1),
                    odd = (REC_WORDS)((REC_SIGNED_WORDS)REC_ZIP_HIGH(zeros, samples) >> 1);
    const REC_WORDS two = REC_NAME(factor_at)(weights);
    return (REC_NAME(point)){REC_MULTIPLY_HIGH_DOUBLED(even, two, 0), REC_MULTIPLY_HIGH_DOUBLED(odd, two, 1)};
#else
    const REC_HALVES low = REC_MULTIPLY_HIGH16(samples, REC_LOAD8_REPEATED(weights->low));
    return (REC_NAME(point)){REC_DOT_PAIRS(REC_ZIP_LOW(samples, low), REC_LOAD8_REPEATED(weights->even)),
                             REC_DOT_PAIRS(REC_ZIP_HIGH(samples, low), REC_LOAD8_REPEATED(weights->odd))};
#endif
}

/* Load eight samples of each frame from `at` on as four pairs. A pair holds, for every four frames, their four first
 * samples and then their four second samples. */
REC_INLINE void REC_NAME(load_pairs)(const int16_t *const *frames, int32_t at, int32_t window, REC_HALVES *pairs)
{
    int16_t rest[REC_LANES][8];
    const int16_t *starts[REC_LANES];
    if (at + 8 > window) {
        memset(rest, 0, sizeof rest);
        for (int32_t lane = 0; lane < REC_LANES; lane++) {
            memcpy(rest[lane], frames[lane] + at, sizeof(int16_t) * (size_t)(window - at));
            starts[lane] = rest[lane];
        }
        frames = starts;
        at = 0;
    }
    const REC_HALVES a = REC_LOAD_ROW(frames, at), b = REC_LOAD_ROW(frames + 1, at), c = REC_LOAD_ROW(frames + 2, at),
                     d = REC_LOAD_ROW(frames + 3, at);
    const REC_HALVES low = REC_ZIP_LOW(a, c), next_low = REC_ZIP_LOW(b, d), high = REC_ZIP_HIGH(a, c),
                     next_high = REC_ZIP_HIGH(b, d);
    pairs[0] = REC_ZIP_LOW(low, next_low);
    pairs[1] = REC_ZIP_HIGH(low, next_low);
    pairs[2] = REC_ZIP_LOW(high, next_high);
    pairs[3] = REC_ZIP_HIGH(high, next_high);
}

/* Return a windowed pair of samples of 32-bit words, which have an offset. */
REC_INLINE REC_NAME(point) REC_NAME(windowed_whole)(const stapes_frontend_tables *tables, const REC_NAME(input) * in,
                                                    int32_t pair, REC_HALVES two)
{
    const REC_WORDS even = (REC_WORDS)((REC_SIGNED_WORDS)REC_ZIP_LOW(two, two) >> 16),
                    odd = (REC_WORDS)((REC_SIGNED_WORDS)REC_ZIP_HIGH(two, two) >> 16);
    return (REC_NAME(point)){
        REC_NAME(windowed_sample)(stapes_recording_window_weight(tables, 2 * pair), even * in->factor + in->offset),
        REC_NAME(windowed_sample)(stapes_recording_window_weight(tables, 2 * pair + 1),
                                  odd * in->factor + in->offset)};
}

/* Apply the window and the first stage of the FFT together. `radix` and `whole` are constants where this is inlined.
 */
REC_INLINE void REC_NAME(first_stage)(const stapes_frontend_tables *tables,
                                      const stapes_recording_pair_weights *weights, const REC_NAME(input) * in,
                                      REC_NAME(point) * z, int32_t radix, int32_t whole)
{
    const uint16_t *order = stapes_frontend_table(tables, tables->order_at);
    const int32_t window = tables->window, block = tables->n_fft / 2 / radix;
    for (int32_t n = 0; n < block; n += 4) {
        REC_HALVES samples[4][4];
        for (int32_t place = 0; place < radix; place++)
            if (2 * (place * block + n) < window)
                REC_NAME(load_pairs)(in->starts, 2 * (place * block + n), window, samples[place]);
        const int32_t blocks = (window / 2 - n + block - 1) / block; /* those whose n-th pair lies within the window */
        for (int32_t m = n; m < n + 4; m++) {
            REC_NAME(point) y[4], *group = z + order[m] / 8;
            for (int32_t place = 0; place < radix; place++) {
                const int32_t pair = place * block + m;
                if (place >= blocks)
                    y[place] = (REC_NAME(point)){REC_SPLAT(0), REC_SPLAT(0)};
                else if (whole)
                    y[place] = REC_NAME(windowed_whole)(tables, in, pair, samples[place][m - n]);
                else
                    y[place] = REC_NAME(windowed)(&weights[pair], samples[place][m - n] * in->gain);
            }
            if (radix == 4) {
                REC_NAME(dft4)(group, 1, y[0], y[1], y[2], y[3]);
            } else {
                group[0] = (REC_NAME(point)){y[0].re + y[1].re, y[0].im + y[1].im};
                group[1] = (REC_NAME(point)){y[0].re - y[1].re, y[0].im - y[1].im};
            }
        }
    }
}

REC_STAGE void REC_NAME(window_and_first_stage)(const stapes_frontend_tables *tables,
                                                const stapes_recording_pair_weights *weights,
                                                const REC_NAME(input) * in, REC_NAME(point) * z)
{
    if (tables->dc_blocker)
        REC_NAME(first_stage)(tables, weights, in, z, tables->first_radix, 1);
    else if (tables->first_radix == 4)
        REC_NAME(first_stage)(tables, weights, in, z, 4, 0);
    else
        REC_NAME(first_stage)(tables, weights, in, z, 2, 0);
}

/* All stages of the FFT but the first. Each stage changes the order of the lanes. */
REC_STAGE void REC_NAME(fft)(const stapes_frontend_tables *tables, REC_NAME(point) * z)
{
    const int32_t *twiddles = stapes_frontend_table(tables, tables->twiddles_at);
    const int32_t half = tables->n_fft / 2;
    for (int32_t quarter = tables->first_radix; quarter < half; quarter *= 4)
        for (int32_t group = 0; group < half; group += 4 * quarter) {
            REC_NAME(point) *a = z + group;
            REC_NAME(dft4)(a, quarter, REC_NAME(halved)(a[0]), REC_NAME(halved)(a[quarter]),
                           REC_NAME(halved)(a[2 * quarter]), REC_NAME(halved)(a[3 * quarter]));
            for (int32_t j = 1; j < quarter; j++) {
                const int32_t *w = twiddles + 6 * (j * (half / 4 / quarter) - 1);
                a++;
                REC_NAME(dft4)(a, quarter, REC_NAME(halved)(a[0]), REC_NAME(half_rotated)(a[quarter], w),
                               REC_NAME(half_rotated)(a[2 * quarter], w + 2),
                               REC_NAME(half_rotated)(a[3 * quarter], w + 4));
            }
        }
}

REC_INLINE void REC_NAME(store_power)(REC_NAME(point) * at, REC_WORDS re, REC_WORDS im)
{
    const REC_WORDS other_re = REC_OTHER_HALF(re), other_im = REC_OTHER_HALF(im);
    *(REC_NAME(power) *)at = (REC_NAME(power)){REC_MULTIPLY(re, re) + REC_MULTIPLY(im, im),
                                               REC_MULTIPLY(other_re, other_re) + REC_MULTIPLY(other_im, other_im)};
}

/* Replace pairs of points by pairs of powers: every second pair, from the outside to the middle. */
REC_INLINE void REC_NAME(split_pairs)(REC_NAME(point) * low, REC_NAME(point) * high, const int32_t *twiddle,
                                      int32_t stride)
{
    for (; low < high; low += 2, high -= 2, twiddle += stride) {
        const REC_NAME(point) even = {REC_REORDER(low->re + high->re), REC_REORDER(low->im - high->im)};
        const REC_NAME(point) odd = {low->im + high->im, high->re - low->re};
        const REC_NAME(point) half = REC_NAME(half_rotated)(odd, twiddle),
                              rotated = {half.re + half.re, half.im + half.im};
        REC_NAME(store_power)(low, even.re - rotated.re, even.im - rotated.im);
        REC_NAME(store_power)(high, even.re + rotated.re, even.im + rotated.im);
    }
}

REC_STAGE void REC_NAME(split_and_square)(const stapes_frontend_tables *tables, REC_NAME(point) * z)
{
    const int32_t half = tables->n_fft / 2;
    REC_NAME(point) *const middle = z + half / 2;
    REC_NAME(split_pairs)(z + 1, z + half - 1, stapes_frontend_table(tables, tables->odd_twiddles_at), 2);
    REC_NAME(split_pairs)(z + 2, z + half - 2, stapes_frontend_table(tables, tables->twiddles_at), 6);
    REC_NAME(store_power)(middle, REC_REORDER(middle->re + middle->re), REC_REORDER(middle->im + middle->im));
}

REC_INLINE REC_LONGS REC_NAME(multiply_q32)(REC_LONGS x, REC_WORDS y)
{
    return REC_MULTIPLY_UNSIGNED(x >> 32, y) + (REC_MULTIPLY_UNSIGNED(x, y) >> 32);
}

typedef struct {
    REC_NAME(power) plain, falling;
} REC_NAME(slopes);

REC_INLINE REC_NAME(slopes) REC_NAME(sum_powers)(const REC_NAME(power) * power, const stapes_frontend_segment *segment)
{
    REC_NAME(power) plain = {(REC_LONGS){0}, (REC_LONGS){0}}, sums = {(REC_LONGS){0}, (REC_LONGS){0}};
    for (const REC_NAME(power) *end = power + segment->bins; power < end; power++) {
        sums.some += plain.some;
        sums.others += plain.others;
        plain.some += power->some;
        plain.others += power->others;
    }
    const REC_WORDS last = REC_NAME(factor_at)(&segment->last), slope = REC_NAME(factor_at)(&segment->slope);
    return (REC_NAME(slopes)){
        plain,
        {REC_NAME(multiply_q32)(plain.some, last) + REC_NAME(multiply_q32)(sums.some, slope),
         REC_NAME(multiply_q32)(plain.others, last) + REC_NAME(multiply_q32)(sums.others, slope)}};
}

/* Return, for 64-bit lanes x < 2^56, a value whose upper word has floor(log2(x)) + 1 in its upper ten bits, followed
 * by the bits of x after its leading one; the word is 0 for x = 0. These are the bits of 4 x as a float64, shifted
 * left by two. Rounding cannot reach the bits that are used, because each bit of x 24 places below a set bit is
 * cleared first. Words are converted by adding the numbers 2^54 and 2^86, whose float64 then hold the words in their
 * low bits. */
REC_INLINE REC_WORDS REC_NAME(leading)(REC_LONGS x)
{
    const REC_DOUBLES magic = (REC_DOUBLES){0} + 0x1p54, upper_magic = (REC_DOUBLES){0} + 0x1p86;
    const REC_LONGS sparse = x & ~(x >> 24);
    const REC_DOUBLES lower = (REC_DOUBLES)((sparse & 0xFFFFFFFFu) | (REC_LONGS)magic),
                      upper = (REC_DOUBLES)((sparse >> 32) | (REC_LONGS)upper_magic);
    return (REC_WORDS)((REC_LONGS)(upper - (upper_magic + magic) + lower) << 2);
}

/* Compute the leading bits of the power of each band, followed by zeros up to a multiple of four bands. */
REC_STAGE void REC_NAME(bands)(const stapes_frontend_tables *tables, const REC_NAME(power) * power, REC_WORDS *leading)
{
    const stapes_frontend_segment *segment = stapes_frontend_table(tables, tables->segments_at);
    const int32_t n_bands = tables->n_bands;
    power += tables->first_bin;
    REC_NAME(slopes) last = REC_NAME(sum_powers)(power, segment);
    for (int32_t band = 0; band < n_bands; band++) {
        power += segment++->bins;
        const REC_NAME(slopes) next = REC_NAME(sum_powers)(power, segment);
        leading[band] =
            REC_UPPER_WORDS(REC_NAME(leading)(last.plain.some - last.falling.some + next.falling.some),
                            REC_NAME(leading)(last.plain.others - last.falling.others + next.falling.others));
        last = next;
    }
    for (int32_t band = n_bands; band % 4 != 0; band++)
        leading[band] = REC_SPLAT(0);
}

/* Return log2 in Q10 of a power given by its leading bits: see stapes_frontend_log2_q10. */
REC_INLINE REC_WORDS REC_NAME(log2_q10)(const uint16_t *table, const REC_WORDS *leading, REC_WORDS offset)
{
    uint32_t pairs[REC_LANES];
    for (int32_t lane = 0; lane < REC_LANES; lane++)
        memcpy(pairs + lane,
               table + (((const uint32_t *)leading)[lane] >> 16 & ((1 << STAPES_FRONTEND_LOG2_SEGMENT_BITS) - 1)),
               sizeof *pairs);
    REC_WORDS two;
    memcpy(&two, pairs, sizeof two);
    const REC_WORDS low = two & 0xFFFF, rise = ((two >> 16) - low) * (*leading & 0xFFFF) >> 16;
    const REC_WORDS log2_q15 = ((*leading >> 7) & 0x01FF8000) + low + rise; /* log2 of twice the power */
    const REC_WORDS none = (REC_WORDS)(*leading == 0) << 22; /* below any other value, for a power of 0 */
    const REC_WORDS value = (REC_WORDS)((REC_SIGNED_WORDS)(log2_q15 + offset) >> 5) + none;
    return REC_MIN(REC_MAX(value, REC_SPLAT(INT16_MIN)), REC_SPLAT(INT16_MAX));
}

/* Return log2 values quantized to int8: see stapes_frontend_quantized. */
REC_INLINE REC_WORDS REC_NAME(quantized)(const stapes_frontend_tables *tables, REC_WORDS value)
{
    const REC_WORDS multiplier = REC_SPLAT(tables->int8_multiplier);
    const REC_LONGS offset = (REC_LONGS){0} + (uint64_t)((int64_t)tables->int8_offset * 65536);
    const REC_WORDS affine = REC_REORDER(REC_UPPER_WORDS(REC_MULTIPLY(value, multiplier) + offset,
                                                         REC_MULTIPLY(REC_OTHER_HALF(value), multiplier) + offset));
    return REC_MIN(REC_MAX((REC_WORDS)((REC_SIGNED_WORDS)affine >> (tables->int8_shift - 32)), REC_SPLAT(INT8_MIN)),
                   REC_SPLAT(INT8_MAX));
}

/* Compute log2_bands[REC_LANES][n_bands] and features[REC_LANES][n_bands] of the leading bits of bands; either may be
 * NULL. */
REC_STAGE void REC_NAME(values)(const stapes_frontend_tables *tables, const REC_WORDS *leading,
                                const int32_t *exponents, int8_t *features, int16_t *log2_bands)
{
    const uint16_t *log2_table = stapes_frontend_table(tables, tables->log2_at);
    const int32_t n_bands = tables->n_bands;
    REC_WORDS offset;
    memcpy(&offset, exponents, sizeof offset);
    offset = REC_SPLAT(tables->log2_offset + 16 - 32768) - (offset << 16);
    for (int32_t band = 0; band < n_bands; band += 4) {
        REC_WORDS log2s[4], four = REC_SPLAT(0); /* features */
        for (int32_t n = 0; n < 4; n++) {
            log2s[n] = REC_NAME(log2_q10)(log2_table, leading + band + n, offset);
            four |= (REC_NAME(quantized)(tables, log2s[n]) & 0xFF) << (8 * n);
        }
        const REC_WORDS two[2] = {(log2s[0] & 0xFFFF) | log2s[1] << 16, (log2s[2] & 0xFFFF) | log2s[3] << 16};
        const size_t count = (size_t)(n_bands - band);
        for (int32_t lane = 0; lane < REC_LANES; lane++) {
            if (features)
                stapes_recording_copy_4(features + lane * n_bands + band, (const uint32_t *)&four + lane, 1, count);
            if (log2_bands) {
                const uint32_t values[2] = {((const uint32_t *)two)[lane], ((const uint32_t *)(two + 1))[lane]};
                stapes_recording_copy_4(log2_bands + lane * n_bands + band, values, sizeof *log2_bands, count);
            }
        }
    }
}

/* Compute REC_LANES frames from pcm on. The order of the lanes changes in each stage of the FFT but the first, when
 * powers are computed and when logarithms are; the frames begin in the order that ends with the first frame in the
 * first lane. */
static REC_TARGET void REC_NAME(frames)(const stapes_frontend_tables *tables,
                                        const stapes_recording_pair_weights *weights, const int16_t *pcm,
                                        int32_t *work, int8_t *features, int16_t *log2_bands)
{
    REC_NAME(point) *z = (REC_NAME(point) *)(void *)work;
    REC_NAME(input) in;
    int32_t exponents[REC_LANES], reordered = 0;
    for (int32_t points = tables->first_radix; points < tables->n_fft / 2; points *= 4)
        reordered ^= 1;
    for (int32_t lane = 0; lane < REC_LANES; lane++)
        in.starts[lane] = pcm + (reordered ? REC_LANE_AT(lane) : lane) * tables->hop;
    REC_NAME(scale_samples)(tables, &in);
    for (int32_t lane = 0; lane < REC_LANES; lane++)
        exponents[lane] = in.exponents[reordered ? REC_LANE_AT(lane) : lane];
    REC_NAME(window_and_first_stage)(tables, weights, &in, z);
    REC_NAME(fft)(tables, z);
    REC_NAME(split_and_square)(tables, z);
    REC_WORDS leading[128];
    REC_NAME(bands)(tables, (const REC_NAME(power) *)z, leading);
    REC_NAME(values)(tables, leading, exponents, features, log2_bands);
}

#undef REC_INLINE
#undef REC_STAGE
#undef REC_WORDS
#undef REC_SIGNED_WORDS
#undef REC_LONGS
#undef REC_HALVES
#undef REC_DOUBLES
#undef REC_SPLAT
#undef REC_LANES
#undef REC_TARGET
#undef REC_NAME
#undef REC_REGISTER
#undef REC_FLOATS
#undef REC_MM
#undef REC_LOAD8_REPEATED
#undef REC_LOAD_ROW
