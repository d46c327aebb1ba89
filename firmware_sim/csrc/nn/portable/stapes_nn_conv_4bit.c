/* stapes_nn_conv_4bit.c -- CONV_2D with weights of four bits. Apache-2.0.
 *
 * The weights are int8 that are all multiples of 16. The constants hold the upper four bits of each, two in a byte: in
 * a word, the lower halves of the bytes belong to the first four weights, the upper halves to the next four. A block
 * of channels at a time is unpacked into the scratch memory, as stapes_nn_conv of the layout wants it, which computes
 * it. So the results are those of stapes_nn_conv. In HOST flash does not matter, and the weights lie there as bytes.
 */
#include <string.h>

#include "stapes_nn.h"

#define STAPES_NN_CONV_4BIT_BLOCK 64 /* channels: FOUR_BIT_BLOCK in convert/lower/packing.py */
#define STAPES_NN_CONV_4BIT_UPPER 0xF0F0F0F0u

/* For each layout: the bytes that stapes_nn_conv needs for the weights of some channels, and how words of eight are
 * unpacked. */
#if STAPES_NN_LAYOUT == STAPES_NN_ROWS
#define STAPES_NN_CONV_4BIT_BYTES(channels, taps) ((channels) * (taps))

/* The first weight of a word is at the lowest address, whatever the order of the bytes of a word is. */
static inline void stapes_nn_conv_4bit_store(uint32_t *to, uint32_t weights)
{
#if STAPES_NN_BIG_ENDIAN
    *to = weights << 24 | (weights & 0xFF00u) << 8 | (weights >> 8 & 0xFF00u) | weights >> 24;
#else
    *to = weights;
#endif
}

static void stapes_nn_conv_4bit_unpack(const uint32_t *packed, uint32_t *to, int32_t words)
{
    for (; words > 0; words--) {
        const uint32_t both = *packed++;
        stapes_nn_conv_4bit_store(to++, both << 4 & STAPES_NN_CONV_4BIT_UPPER);
        stapes_nn_conv_4bit_store(to++, both & STAPES_NN_CONV_4BIT_UPPER);
    }
}
#endif /* STAPES_NN_ROWS */

#if STAPES_NN_LAYOUT == STAPES_NN_DSP
#include "stapes_nn_dsp.h"

#define STAPES_NN_CONV_4BIT_BYTES(channels, taps) (((channels) + 3) / 4 * 4 * (((taps) + 3) / 4 * 4))

/* stapes_nn_conv takes 256 * w1 + w0 in each half of a word. Here the lower byte of a half holds w0 + 128, 0 to 240,
 * so that 128 less gives this. `words` is even: four taps of four channels are two words. */
#if STAPES_NN_ASM
/* Unpack words by fours; there are some. */
static void stapes_nn_conv_4bit_fours(const uint32_t *packed, const uint32_t *end,
                                      uint32_t *to) STAPES_NN_ASM_FUNCTION;
static void stapes_nn_conv_4bit_fours(const uint32_t *packed, const uint32_t *end, uint32_t *to)
{
    /* clang-format off */ /* it would not keep one instruction or macro a line */
#define STAPES_NN_CONV_4BIT_TWO                   \
        "ldmia %[packed]!, {r3, r4}\n\t"          \
        "and r5, %[upper], r3, lsl #4\n\t"        \
        "and r6, %[upper], r3\n\t"                \
        "and r8, %[upper], r4, lsl #4\n\t"        \
        "and r9, %[upper], r4\n\t"                \
        "ssub16 r5, r5, %[less]\n\t"              \
        "ssub16 r6, r6, %[less]\n\t"              \
        "ssub16 r8, r8, %[less]\n\t"              \
        "ssub16 r9, r9, %[less]\n\t"              \
        "stmia %[to]!, {r5, r6, r8, r9}\n\t"
    __asm__ volatile(
        "1:\n\t"
        STAPES_NN_CONV_4BIT_TWO
        STAPES_NN_CONV_4BIT_TWO
        "cmp %[packed], %[end]\n\t"
        "bne 1b"
        : [packed] "+&r"(packed), [to] "+&r"(to)
        : [end] "r"(end), [upper] "r"(STAPES_NN_CONV_4BIT_UPPER), [less] "r"(0x00800080u)
        : "r3", "r4", "r5", "r6", "r8", "r9", "cc", "memory");
    /* clang-format on */
}
#endif

static uint32_t stapes_nn_conv_4bit_halves(uint32_t halves)
{
    return ((halves - 0x80u) & 0xFFFFu) | ((halves & 0xFFFF0000u) - 0x800000u);
}

static void stapes_nn_conv_4bit_unpack(const uint32_t *packed, uint32_t *to, int32_t words)
{
#if STAPES_NN_ASM
    const int32_t fours = words / 4 * 4;
    if (fours > 0) {
        stapes_nn_conv_4bit_fours(packed, packed + fours, to);
        packed += fours;
        to += 2 * fours;
        words -= fours;
    }
#endif
    for (; words > 0; words--) {
        const uint32_t both = *packed++;
        *to++ = stapes_nn_conv_4bit_halves(both << 4 & STAPES_NN_CONV_4BIT_UPPER);
        *to++ = stapes_nn_conv_4bit_halves(both & STAPES_NN_CONV_4BIT_UPPER);
    }
}
#endif /* STAPES_NN_DSP */

#if STAPES_NN_LAYOUT == STAPES_NN_MVE
#include "stapes_nn_mve.h"

#define STAPES_NN_CONV_4BIT_BYTES(channels, taps) (((channels) + 3) / 4 * 4 * (((taps) + 15) / 16 * 16))

/* `words` is a multiple of four: 16 taps of four channels are eight words. */
static void stapes_nn_conv_4bit_unpack(const uint32_t *packed, uint32_t *to, int32_t words)
{
#if STAPES_NN_ASM
    for (; words > 0; words -= 4) {
        const uint8x16_t both = vreinterpretq_u8_u32(vldrwq_u32(packed));
        uint32x4x2_t halves;
        halves.val[0] = vreinterpretq_u32_u8(vshlq_n_u8(both, 4));
        halves.val[1] = vandq_u32(vreinterpretq_u32_u8(both), vdupq_n_u32(STAPES_NN_CONV_4BIT_UPPER));
        vst2q_u32(to, halves);
        packed += 4;
        to += 8;
    }
#else
    for (; words > 0; words--) {
        const uint32_t both = *packed++;
        *to++ = both << 4 & STAPES_NN_CONV_4BIT_UPPER;
        *to++ = both & STAPES_NN_CONV_4BIT_UPPER;
    }
#endif
}
#endif /* STAPES_NN_MVE */

#if STAPES_NN_LAYOUT != STAPES_NN_HOST

/* Words of eight weights, the last of which may be filled up. */
static int32_t stapes_nn_conv_4bit_words(int32_t channels, int32_t taps)
{
    return (STAPES_NN_CONV_4BIT_BYTES(channels, taps) + 7) / 8;
}

/* scratch: the weights of a block, its outputs, and what stapes_nn_conv takes for so many channels. */
STAPES_NN_API void stapes_nn_conv_4bit(const stapes_nn_conv_layer *layer, const int8_t *in, int8_t *out,
                                       int8_t *scratch)
{
    const int32_t channels = layer->out_channels, pixels = layer->out_height * layer->out_width;
    const int32_t taps = layer->kernel_height * layer->kernel_width * layer->in_channels;
    const int32_t most = channels < STAPES_NN_CONV_4BIT_BLOCK ? channels : STAPES_NN_CONV_4BIT_BLOCK;
    const uint32_t *packed = (const uint32_t *)layer->weights;
    uint32_t *const weights = (uint32_t *)(void *)scratch;
    int8_t *const outputs = scratch + 8 * stapes_nn_conv_4bit_words(most, taps);
    int8_t *const rest = outputs + (pixels * most + 3) / 4 * 4;
    int32_t channel, pixel;
    for (channel = 0; channel < channels; channel += most) {
        const int32_t count = channels - channel < most ? channels - channel : most;
        const int32_t words = stapes_nn_conv_4bit_words(count, taps);
        stapes_nn_conv_layer block = *layer;
        stapes_nn_conv_4bit_unpack(packed, weights, words);
        packed += words;
        block.out_channels = (uint16_t)count;
        block.weights = weights;
        block.bias += channel;
        block.multiplier += channel;
        block.shift += channel;
        stapes_nn_conv(&block, in, outputs, rest);
        for (pixel = 0; pixel < pixels; pixel++) {
            memcpy(out + pixel * channels + channel, outputs + pixel * count, (size_t)count);
        }
    }
}

#else

STAPES_NN_API void stapes_nn_conv_4bit(const stapes_nn_conv_layer *layer, const int8_t *in, int8_t *out,
                                       int8_t *scratch)
{
    stapes_nn_conv(layer, in, out, scratch);
}

#endif
