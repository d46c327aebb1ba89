/* stapes_nn_conv_mve.c -- CONV_2D with Helium: four channels of one pixel at a time. Apache-2.0.
 *
 * The taps of a pixel are read where they lie, or gathered. Weights lie in the order of use: for every group of four
 * channels and every sixteen taps, those of the four channels one after the other. Taps and channels are padded with
 * zeros. */
#include "stapes_nn.h"

#if STAPES_NN_LAYOUT == STAPES_NN_MVE

#include <string.h>

#include "stapes_nn_arithmetic.h"
#include "stapes_nn_mve.h"
#include "stapes_nn_taps.h"

#if STAPES_NN_ASM

/* Requantize and store one group of four channels, or of fewer at the end. */
static inline void stapes_nn_conv_finish(const stapes_nn_conv_layer *layer, int32_t channel, int32x4_t sums,
                                         int8_t *out)
{
    if (channel + 4 <= layer->out_channels) {
        stapes_nn_mve_round_twice(vaddq_s32(sums, vldrwq_s32(layer->bias + channel)),
                                  vldrwq_s32(layer->multiplier + channel), vldrbq_s32(layer->shift + channel),
                                  layer->out_zero, out + channel, 4);
    } else {
        stapes_nn_mve_channels few;
        stapes_nn_mve_load(&few, layer, channel);
        stapes_nn_mve_round_twice(vaddq_s32(sums, vldrwq_s32(few.bias)), vldrwq_s32(few.multiplier),
                                  vldrwq_s32(few.shift), layer->out_zero, out + channel, few.count);
    }
}

/* Multiply sixteen taps with the weights of four channels; r8, r10, r12 and r6 hold the sums. */
#define STAPES_NN_CONV_FOUR(multiply, x)                                                                      \
    "vldrb.8 q4, [%[weights]], #16\n\t"                                                                       \
    "vldrb.8 q5, [%[weights]], #16\n\t"                                                                       \
    "vldrb.8 q6, [%[weights]], #16\n\t"                                                                       \
    "vldrb.8 q7, [%[weights]], #16\n\t" multiply " r8, " x ", q4\n\t" multiply " r10, " x ", q5\n\t" multiply \
    " r12, " x ", q6\n\t" multiply " r6, " x ", q7\n\t"

/* Return the sums of four channels of a pixel with 16 * vectors taps. |sum| < 2^31 for all partial sums: proved by the
 * compiler. */
static inline int32x4_t stapes_nn_conv_sums(const int8_t *weights, const int8_t *patch, int32_t vectors)
{
    int32x4_t sums;
    /* clang-format off */ /* it would not keep one instruction or macro a line */
    __asm__ volatile(
        "mov r8, #0\n\t"
        "mov r10, #0\n\t"
        "mov r12, #0\n\t"
        "movs r6, #0\n\t"
        "dls lr, %[vectors]\n"
        "1:\n\t"
        "vldrb.8 q0, [%[patch]], #16\n\t"
        STAPES_NN_CONV_FOUR("vmladava.s8", "q0")
        "le lr, 1b\n\t"
        "vmov %q[sums][2], %q[sums][0], r8, r12\n\t"
        "vmov %q[sums][3], %q[sums][1], r10, r6"
        : [sums] "=&w"(sums), [weights] "+&r"(weights), [patch] "+&r"(patch)
        : [vectors] "r"(vectors)
        : "r6", "r8", "r10", "r12", "lr", "q0", "q4", "q5", "q6", "q7", "cc", "memory");
    /* clang-format on */
    return sums;
}

/* Requantize the four sums in q4 and store them; the other arguments are registers as well. This is the end of
 * stapes_nn_mve_round_twice where no channel is shifted to the left, but negative results that are clamped anyway are
 * not rounded away from zero. */
#define STAPES_NN_CONV_FINISH(clamped, bias, multiplier, shift) \
    "vadd.i32 q4, q4, " bias "\n\t"                             \
    "vqrdmulh.s32 q4, q4, " multiplier "\n\t"                   \
    "cbnz " clamped ", 3f\n\t"                                  \
    "vand q5, q4, " shift "\n\t"                                \
    "vshr.s32 q5, q5, #31\n\t"                                  \
    "vadd.i32 q4, q4, q5\n"                                     \
    "3:\n\t"                                                    \
    "vrshl.s32 q4, q4, " shift "\n\t"                           \
    "vadd.i32 q4, q4, %[zero]\n\t"                              \
    "vqmovnb.s32 q4, q4\n\t"                                    \
    "vqmovnb.s16 q4, q4\n\t"                                    \
    "vstrb.32 q4, [%[out]], #4\n\t"

/* What is needed once for each group of four channels of a pixel: registers are few. */
typedef struct {
    const int8_t *patch;
    int32_t rest; /* vectors of taps after the first one */
    int32_t clamped;
    const int8_t *out_end;
} stapes_nn_conv_run;

/* Compute whole groups of a pixel with 16 * vectors taps, at least 32; there is at least one group. */
static void stapes_nn_conv_groups(const stapes_nn_conv_layer *layer, const int8_t *patch, int32_t vectors,
                                  int32_t groups, int8_t *out)
{
    const int8_t *weights = (const int8_t *)layer->weights, *shift = layer->shift, *at;
    const int32_t *bias = layer->bias, *multiplier = layer->multiplier;
    const stapes_nn_conv_run run = {patch, vectors - 1, layer->out_min >= layer->out_zero, out + 4 * groups};
    register const int32_t zero __asm__("r9") = layer->out_zero;
    /* clang-format off */ /* it would not keep one instruction or macro a line */
    __asm__ volatile(
        "1:\n\t"
        "ldrd %[at], lr, [%[run]]\n\t"
        "vldrb.8 q0, [%[at]], #16\n\t"
        STAPES_NN_CONV_FOUR("vmladav.s8", "q0")
        "dls lr, lr\n"
        "2:\n\t"
        "vldrb.8 q0, [%[at]], #16\n\t"
        STAPES_NN_CONV_FOUR("vmladava.s8", "q0")
        "le lr, 2b\n\t"
        "vmov q4[2], q4[0], r8, r12\n\t"
        "vmov q4[3], q4[1], r10, r6\n\t"
        "vldrw.u32 q5, [%[bias]], #16\n\t"
        "vldrw.u32 q6, [%[multiplier]], #16\n\t"
        "vldrb.s32 q7, [%[shift]], #4\n\t"
        "ldr r6, [%[run], #8]\n\t"
        STAPES_NN_CONV_FINISH("r6", "q5", "q6", "q7")
        "ldr r6, [%[run], #12]\n\t"
        "cmp %[out], r6\n\t"
        "bne 1b"
        : [weights] "+&r"(weights), [at] "=&r"(at), [bias] "+&r"(bias), [multiplier] "+&r"(multiplier),
          [shift] "+&l"(shift), [out] "+&l"(out)
        : [run] "r"(&run), [zero] "r"(zero)
        : "r6", "r8", "r10", "r12", "lr", "q0", "q4", "q5", "q6", "q7", "cc", "memory");
    /* clang-format on */
}

/* Compute one pixel with 16 * vectors taps: the first `fast` channels, in groups of four, by assembly. */
static void STAPES_NN_NOINLINE stapes_nn_conv_pixel(const stapes_nn_conv_layer *layer, const int8_t *patch,
                                                    int32_t vectors, int32_t fast, int8_t *out)
{
    const int8_t *const weights = (const int8_t *)layer->weights;
    int32_t channel;
    if (fast > 0) {
        stapes_nn_conv_groups(layer, patch, vectors, fast / 4, out);
    }
    for (channel = fast; channel < layer->out_channels; channel += 4) {
        const int32x4_t sums = stapes_nn_conv_sums(weights + 16 * channel * vectors, patch, vectors);
        stapes_nn_conv_finish(layer, channel, sums, out);
    }
    stapes_nn_mve_limit(out, layer->out_channels, layer->out_min, layer->out_max);
}

/* Compute the whole groups of one pixel with at most 64 taps, which stay in registers; x1 is not used with at most 48
 * taps, x2 not with at most 32, x3 not with at most 16: a jump passes over their instructions, 32 bytes each. This is
 * assembly because GCC 12 spills vectors and computes the address of each load. */
static void stapes_nn_conv_pixel_64(const stapes_nn_conv_layer *layer, const int8_t *patch, int32_t vectors,
                                    int8_t *out)
{
    const int8_t *weights = (const int8_t *)layer->weights, *shift = layer->shift;
    const int32_t *bias = layer->bias, *multiplier = layer->multiplier;
    const int32_t groups = layer->out_channels / 4, clamped = layer->out_min >= layer->out_zero;
    register int32_t count __asm__("lr") = groups;
    register const int32_t zero __asm__("r9") = layer->out_zero;
    register int32_t rest __asm__("r11") = vectors - 1;
    const int8x16_t x0 = vldrbq_s8(patch), x3 = vldrbq_s8(patch + 16 * rest);
    const int8x16_t x2 = vectors > 2 ? vldrbq_s8(patch + 16 * rest - 16) : x0;
    const int8x16_t x1 = vectors > 3 ? vldrbq_s8(patch + 16 * rest - 32) : x0;
    /* clang-format off */ /* it would not keep one instruction or macro a line */
    __asm__ volatile(
        ".p2align 2\n\t" /* ADR counts from a multiple of four, which the section must then be aligned to */
        "adr r6, 2f + 1\n\t" /* 1: Thumb */
        "sub %[rest], r6, %[rest], lsl #5\n\t"
        "dls lr, lr\n"
        "1:\n\t"
        STAPES_NN_CONV_FOUR("vmladav.s8", "%q[x0]")
        "bx %[rest]\n\t"
        STAPES_NN_CONV_FOUR("vmladava.s8", "%q[x1]")
        STAPES_NN_CONV_FOUR("vmladava.s8", "%q[x2]")
        STAPES_NN_CONV_FOUR("vmladava.s8", "%q[x3]")
        "2:\n\t"
        "vmov q4[2], q4[0], r8, r12\n\t"
        "vmov q4[3], q4[1], r10, r6\n\t"
        "vldrw.u32 q5, [%[bias]], #16\n\t"
        "vldrw.u32 q6, [%[multiplier]], #16\n\t"
        "vldrb.s32 q7, [%[shift]], #4\n\t"
        STAPES_NN_CONV_FINISH("%[clamped]", "q5", "q6", "q7")
        "le lr, 1b"
        : [weights] "+&r"(weights), [bias] "+&r"(bias), [multiplier] "+&r"(multiplier), [shift] "+&l"(shift),
          [out] "+&l"(out), [rest] "+&r"(rest), "+&r"(count)
        : [clamped] "l"(clamped), [zero] "r"(zero), [x0] "w"(x0), [x1] "w"(x1), [x2] "w"(x2), [x3] "w"(x3)
        : "r6", "r8", "r10", "r12", "q4", "q5", "q6", "q7", "cc", "memory");
    /* clang-format on */
    stapes_nn_mve_limit(out - 4 * groups, 4 * groups, layer->out_min, layer->out_max);
}

#else

/* The same in C: the specification of the intrinsics and of the assembly. */
static void stapes_nn_conv_pixel(const stapes_nn_conv_layer *layer, const int8_t *patch, int32_t vectors, int8_t *out)
{
    int32_t channel, k;
    for (channel = 0; channel < layer->out_channels; channel++) {
        const int8_t *const weights = (const int8_t *)layer->weights + channel / 4 * vectors * 64 + channel % 4 * 16;
        int32_t sum = layer->bias[channel];
        for (k = 0; k < 16 * vectors; k++) {
            sum += patch[k] * weights[k / 16 * 64 + k % 16];
        }
        sum = stapes_nn_round_any(sum, layer->multiplier[channel], layer->shift[channel]);
        out[channel] = stapes_nn_clamp(sum + layer->out_zero, layer->out_min, layer->out_max);
    }
}

#endif

/* Whether each output pixel reads the input pixel at its own place. */
static int stapes_nn_conv_is_pointwise(const stapes_nn_conv_layer *layer)
{
    return layer->kernel_height == 1 && layer->kernel_width == 1 && layer->in_width == layer->out_width &&
           layer->in_height == layer->out_height && layer->pad_top == 0 && layer->pad_left == 0;
}

/* scratch: the taps of one pixel, padded to a multiple of sixteen. */
STAPES_NN_API void stapes_nn_conv(const stapes_nn_conv_layer *layer, const int8_t *in, int8_t *out, int8_t *scratch)
{
    const int32_t taps = layer->kernel_height * layer->kernel_width * layer->in_channels;
    const int32_t vectors = (taps + 15) / 16;
    const int in_place = taps % 16 == 0 && stapes_nn_conv_is_pointwise(layer);
    int32_t batch, y, x;
#if STAPES_NN_ASM
    const int32_t fast = stapes_nn_mve_no_left_shifts(layer) ? layer->out_channels / 4 * 4 : 0;
#endif
    memset(scratch + taps, 0, (size_t)(16 * vectors - taps)); /* these are multiplied by weights of zero */
    for (batch = 0; batch < layer->batches; batch++) {
        for (y = 0; y < layer->out_height; y++) {
            for (x = 0; x < layer->out_width; x++) {
                const int8_t *patch =
                    in_place ? in + (y * layer->out_width + x) * taps : stapes_nn_taps(layer, in, y, x, scratch);
                if (!in_place && patch != scratch && taps % 16 != 0) {
                    (void)stapes_nn_taps_copy(scratch, patch, taps);
                    patch = scratch;
                }
#if STAPES_NN_ASM
                if (fast == layer->out_channels && vectors <= 4) {
                    stapes_nn_conv_pixel_64(layer, patch, vectors, out);
                } else {
                    stapes_nn_conv_pixel(layer, patch, vectors, vectors > 1 ? fast : 0, out);
                }
#else
                stapes_nn_conv_pixel(layer, patch, vectors, out);
#endif
                out += layer->out_channels;
            }
        }
        in += layer->in_height * layer->in_width * layer->in_channels;
    }
}

#endif
