/* stapes_nn_conv.c -- CONV_2D, weights in rows. Apache-2.0.
 *
 * A word holds the same tap of two neighbouring pixels, a + 2^16 b, so that one product of 32 bits serves both pixels.
 * The products of two taps can be added before the halves must be separated: a product is in [-127 * 128, 128 * 128],
 * so the sum of two plus the offset 2 * 127 * 128 = 0x7F00 is in [0, 0xFF00], within 16 bits. */
#include "stapes_nn.h"

#if STAPES_NN_LAYOUT == STAPES_NN_ROWS

#include "stapes_nn_arithmetic.h"
#include "stapes_nn_taps.h"

#define STAPES_NN_CONV_OFFSET 0x7F00u

/* Channels, and words of two pixels, that are processed at a time: as many as the registers of the core hold sums for.
 */
#if STAPES_NN_SMALL_CORE
#define STAPES_NN_CONV_CHANNELS 1
#define STAPES_NN_CONV_WORDS 1
#define STAPES_NN_CONV_EACH(DO) DO(0)
#define STAPES_NN_CONV_EACH_WORD(DO, n) DO(n, 0)
#elif defined(__arm__)
#define STAPES_NN_CONV_CHANNELS 2
#define STAPES_NN_CONV_WORDS 1
#define STAPES_NN_CONV_EACH(DO) DO(0) DO(1)
#define STAPES_NN_CONV_EACH_WORD(DO, n) DO(n, 0)
#else
#define STAPES_NN_CONV_CHANNELS 2
#define STAPES_NN_CONV_WORDS 2
#define STAPES_NN_CONV_EACH(DO) DO(0) DO(1)
#define STAPES_NN_CONV_EACH_WORD(DO, n) DO(n, 0) DO(n, 1)
#endif
#define STAPES_NN_CONV_PIXELS (2 * STAPES_NN_CONV_WORDS)

/* Make the compiler compute a value here: GCC would otherwise load the next taps early and add late, for which there
 * are not enough registers. */
#if defined(__GNUC__)
#define STAPES_NN_CONV_BARRIER(x) __asm__ volatile("" : "+r"(x) : : "memory")
#else
#define STAPES_NN_CONV_BARRIER(x) (void)(x)
#endif

/* Neighbouring pixels: their words, tap by tap, and the address of their outputs. */
typedef struct {
    const uint32_t *words;
    int8_t *out;
    int32_t taps, pixels;
} stapes_nn_conv_tile;

/* Requantize `count` channels from `channel` on. |sum| < 2^30 where the shift is to the right, else 2^31, and
 * |scaled| < 2^31 - 2^8: proved by the compiler. */
static inline void stapes_nn_conv_finish(const stapes_nn_conv_layer *layer, const stapes_nn_conv_tile *tile,
                                         int32_t channel, int32_t count, int32_t (*sums)[STAPES_NN_CONV_PIXELS])
{
    const int32_t zero = layer->out_zero, low = layer->out_min, high = layer->out_max, channels = layer->out_channels;
    const int32_t *multipliers = layer->multiplier + channel;
    const int8_t *shifts = layer->shift + channel;
    const int32_t pixels = tile->pixels;
    int8_t *first = tile->out + channel;
    for (; count > 0; count--, sums++) {
        const int32_t multiplier = *multipliers++, right = -*shifts++;
        const int32_t *sum = *sums, *const end = sum + pixels;
        int8_t *out = first++;
        if (right <= 0) {
            stapes_nn_finish_any(layer, sum, end, multiplier, -right, out, channels);
            continue;
        }
        do {
            *out = stapes_nn_clamp(stapes_nn_round_right(*sum, multiplier, right) + zero, low, high);
            out += channels;
        } while (++sum != end);
    }
}

/* The macros below expand once for each channel n of the group and for each word w of two pixels. All sums are modulo
 * 2^32: `upper` is the sum of the second pixel; `both` is the sum of the first pixel plus 2^16 * upper. */
#define STAPES_NN_CONV_DECLARE(n) const int8_t *weights##n = weights + (n) * channel_stride * taps;

/* The sums begin with the bias less the offsets that all taps will add. */
#define STAPES_NN_CONV_BEGIN(n, w)                                            \
    uint32_t upper##n##w = (uint32_t)bias[(n) * channel_stride] - offset_sum; \
    uint32_t both##n##w = upper##n##w + (upper##n##w << 16);
#define STAPES_NN_CONV_BEGIN_ALL(n) STAPES_NN_CONV_EACH_WORD(STAPES_NN_CONV_BEGIN, n)

#define STAPES_NN_CONV_ADD(n, w)                 \
    {                                            \
        uint32_t x = offset + first##w * weight; \
        STAPES_NN_CONV_BARRIER(x);               \
        x += second##w * weight2;                \
        STAPES_NN_CONV_BARRIER(x);               \
        upper##n##w += x >> 16;                  \
        both##n##w += x;                         \
        STAPES_NN_CONV_BARRIER(upper##n##w);     \
        STAPES_NN_CONV_BARRIER(both##n##w);      \
    }

#define STAPES_NN_CONV_TWO_TAPS(n)                                                          \
    {                                                                                       \
        const uint32_t weight = (uint32_t)weights##n[0], weight2 = (uint32_t)weights##n[1]; \
        STAPES_NN_CONV_EACH_WORD(STAPES_NN_CONV_ADD, n)                                     \
        weights##n += 2;                                                                    \
    }
#define STAPES_NN_CONV_LOAD(n, w) const uint32_t first##w = words[w], second##w = words[STAPES_NN_CONV_WORDS + (w)];
#define STAPES_NN_CONV_NEXT_TAPS                         \
    {                                                    \
        STAPES_NN_CONV_EACH_WORD(STAPES_NN_CONV_LOAD, 0) \
        STAPES_NN_CONV_EACH(STAPES_NN_CONV_TWO_TAPS)     \
        words += 2 * STAPES_NN_CONV_WORDS;               \
    }

/* A single tap, for the taps after the last whole eight. */
#define STAPES_NN_CONV_ADD_ONE(n, w)             \
    {                                            \
        uint32_t x = offset + words[w] * weight; \
        STAPES_NN_CONV_BARRIER(x);               \
        upper##n##w += x >> 16;                  \
        both##n##w += x;                         \
    }
#define STAPES_NN_CONV_ONE_TAP(n)                           \
    {                                                       \
        const uint32_t weight = (uint32_t)*weights##n++;    \
        STAPES_NN_CONV_EACH_WORD(STAPES_NN_CONV_ADD_ONE, n) \
    }

#define STAPES_NN_CONV_STORE(n, w)                                  \
    sums[n][2 * (w)] = (int32_t)(both##n##w - (upper##n##w << 16)); \
    sums[n][2 * (w) + 1] = (int32_t)upper##n##w;
#define STAPES_NN_CONV_STORE_ALL(n) STAPES_NN_CONV_EACH_WORD(STAPES_NN_CONV_STORE, n)

#if STAPES_NN_SMALL_CORE && defined(__GNUC__)

/* STAPES_NN_CONV_NEXT_TAPS for one channel and one word: the taps at `first` and `second` behind the weights. */
#define STAPES_NN_CONV_TWO_TAPS_BY_HAND(first, second) \
    "ldmia %[words]!, {r5, r6}\n\t"                    \
    "movs r4, #" first "\n\t"                          \
    "ldrsb r4, [%[weights], r4]\n\t"                   \
    "muls r5, r4, r5\n\t"                              \
    "movs r4, #" second "\n\t"                         \
    "ldrsb r4, [%[weights], r4]\n\t"                   \
    "muls r6, r4, r6\n\t"                              \
    "add r5, r5, %[offset]\n\t"                        \
    "adds r5, r5, r6\n\t"                              \
    "adds %[both], %[both], r5\n\t"                    \
    "lsrs r5, r5, #16\n\t"                             \
    "adds %[upper], %[upper], r5\n\t"

/* The taps of a channel that are next, and its sums. */
typedef struct {
    const uint32_t *words;
    const int8_t *weights;
    uint32_t upper, both;
} stapes_nn_conv_state;

/* Add all whole eights of taps; there are some. The registers are named because compilers find none for operands that
 * must lie in upper or in lower registers. */
static inline stapes_nn_conv_state stapes_nn_conv_eights(stapes_nn_conv_state state, const uint32_t *end,
                                                         uint32_t offset_pair)
{
    register const uint32_t *words __asm__("r0") = state.words;
    register const int8_t *weights __asm__("r1") = state.weights;
    register uint32_t upper __asm__("r2") = state.upper;
    register uint32_t both __asm__("r3") = state.both;
    register const uint32_t *const eights __asm__("r8") = end;
    register const uint32_t offset __asm__("r9") = offset_pair;
    /* clang-format off */ /* it would not keep one instruction or macro a line */
    __asm__ volatile(
        ".syntax unified\n"
        "1:\n\t"
        STAPES_NN_CONV_TWO_TAPS_BY_HAND("0", "1")
        STAPES_NN_CONV_TWO_TAPS_BY_HAND("2", "3")
        STAPES_NN_CONV_TWO_TAPS_BY_HAND("4", "5")
        STAPES_NN_CONV_TWO_TAPS_BY_HAND("6", "7")
        "adds %[weights], #8\n\t"
        "cmp %[words], %[eights]\n\t"
        "bne 1b"
        : [words] "+&r"(words), [weights] "+&r"(weights), [upper] "+&r"(upper), [both] "+&r"(both)
        : [eights] "r"(eights), [offset] "r"(offset)
        : "r4", "r5", "r6", "cc", "memory");
    /* clang-format on */
    state.words = words;
    state.weights = weights;
    state.upper = upper;
    state.both = both;
    return state;
}

#endif

/* STAPES_NN_CONV_CHANNELS channels from `channel` on; with channel_stride 0 the same channel several times, of which
 * one is stored. `offset_sum` is the sum of the offsets that all taps add to a sum. */
static void stapes_nn_conv_channels(const stapes_nn_conv_layer *layer, const stapes_nn_conv_tile *tile,
                                    int32_t channel, int32_t channel_stride, uint32_t offset_sum)
{
    const int32_t taps = tile->taps;
    const int8_t *const weights = (const int8_t *)layer->weights + channel * taps;
    const int32_t *const bias = layer->bias + channel;
    const uint32_t *words = tile->words;
    const uint32_t *const eights = words + STAPES_NN_CONV_WORDS * (taps & ~7);
    const uint32_t *const end = words + STAPES_NN_CONV_WORDS * taps;
    uint32_t offset = STAPES_NN_CONV_OFFSET * 0x10001u;
    int32_t sums[STAPES_NN_CONV_CHANNELS][STAPES_NN_CONV_PIXELS];
    STAPES_NN_CONV_EACH(STAPES_NN_CONV_DECLARE)
    STAPES_NN_CONV_EACH(STAPES_NN_CONV_BEGIN_ALL)
    STAPES_NN_CONV_BARRIER(offset);
#if STAPES_NN_SMALL_CORE && defined(__GNUC__)
    if (words != eights) {
        const stapes_nn_conv_state begin = {words, weights0, upper00, both00};
        const stapes_nn_conv_state state = stapes_nn_conv_eights(begin, eights, offset);
        words = state.words;
        weights0 = state.weights;
        upper00 = state.upper;
        both00 = state.both;
    }
#else
    while (words != eights) {
        STAPES_NN_CONV_NEXT_TAPS
        STAPES_NN_CONV_NEXT_TAPS
        STAPES_NN_CONV_NEXT_TAPS
        STAPES_NN_CONV_NEXT_TAPS
    }
#endif
    for (; words != end; words += STAPES_NN_CONV_WORDS) {
        STAPES_NN_CONV_EACH(STAPES_NN_CONV_ONE_TAP)
    }
    STAPES_NN_CONV_EACH(STAPES_NN_CONV_STORE_ALL)
    stapes_nn_conv_finish(layer, tile, channel, channel_stride ? STAPES_NN_CONV_CHANNELS : 1, sums);
}

/* Combine the taps of up to STAPES_NN_CONV_PIXELS pixels from (y, x) on into words. Returns the number of pixels, and
 * moves (y, x) to the pixel after them. */
static int32_t stapes_nn_conv_load_pixels(const stapes_nn_conv_layer *layer, const int8_t *in, int32_t *y, int32_t *x,
                                          uint32_t *words)
{
    const int32_t taps = layer->kernel_height * layer->kernel_width * layer->in_channels;
    int8_t *const gathered = (int8_t *)(void *)(words + STAPES_NN_CONV_WORDS * taps);
    const int8_t *found[2] = {in, in};
    int32_t pixels = 0, i, k, w;
    for (w = 0; w < STAPES_NN_CONV_WORDS; w++) {
        uint32_t *word = words + w;
        for (i = 0; i < 2; i++) {
            if (*y == layer->out_height) {
                found[i] = found[0];
                continue;
            }
            found[i] = stapes_nn_taps(layer, in, *y, *x, gathered + i * taps);
            pixels++;
            if (++*x == layer->out_width) {
                *x = 0;
                ++*y;
            }
        }
        for (k = 0; k < taps; k++) {
            *word = (uint32_t)found[0][k] + ((uint32_t)found[1][k] << 16);
            word += STAPES_NN_CONV_WORDS;
        }
    }
    return pixels;
}

/* scratch: STAPES_NN_CONV_WORDS words per tap, then the taps of two pixels in bytes. */
STAPES_NN_API void stapes_nn_conv(const stapes_nn_conv_layer *layer, const int8_t *in, int8_t *out, int8_t *scratch)
{
    const int32_t taps = layer->kernel_height * layer->kernel_width * layer->in_channels,
                  channels = layer->out_channels;
    const int32_t group = channels < STAPES_NN_CONV_CHANNELS ? 1 : STAPES_NN_CONV_CHANNELS;
    const int32_t offsets = taps / 8 * 4 + taps % 8; /* one per two taps of an eight, one per tap after them */
    const uint32_t offset_sum = STAPES_NN_CONV_OFFSET * (uint32_t)offsets;
    uint32_t *const words = (uint32_t *)(void *)scratch;
    stapes_nn_conv_tile tile;
    int32_t batch, y, x, channel;
    tile.words = words;
    tile.taps = taps;
    for (batch = 0; batch < layer->batches; batch++) {
        for (y = 0, x = 0; y < layer->out_height;) {
            tile.pixels = stapes_nn_conv_load_pixels(layer, in, &y, &x, words);
            tile.out = out;
            for (channel = 0; channel < channels; channel += group) { /* the last group may overlap the one before */
                const int32_t first = channel + group <= channels ? channel : channels - group;
                stapes_nn_conv_channels(layer, &tile, first, group > 1, offset_sum);
            }
            out += tile.pixels * channels;
        }
        in += layer->in_height * layer->in_width * layer->in_channels;
    }
}

#endif
