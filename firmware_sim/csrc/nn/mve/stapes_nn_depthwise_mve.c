/* stapes_nn_depthwise_mve.c -- DEPTHWISE_CONV_2D with Helium: four channels at a time. Apache-2.0.
 *
 * Four channels are gathered into a plane with their padding, four bytes per pixel, so that no tap must be tested for
 * lying inside of the input. Weights lie in groups of four output channels: [group][kernel_height][kernel_width][4],
 * padded with zeros.
 *
 * A kernel of 3 x 3 taps with a stride of 1, whose negative results are clamped, computes tiles of 2 x 2 pixels of one
 * channel: their patch of 4 x 4 inputs is one vector, which VMLADAV multiplies with the weights of each pixel. All
 * others compute the four channels of one pixel at a time. */
#include "stapes_nn.h"

#if STAPES_NN_LAYOUT == STAPES_NN_MVE

#include <string.h>

#include "stapes_nn_arithmetic.h"
#include "stapes_nn_mve.h"

/* Height and width of the plane: the part of the padded input that the taps of all pixels read. */
typedef struct {
    int32_t height, width;
} stapes_nn_mve_plane;

static stapes_nn_mve_plane stapes_nn_depthwise_plane(const stapes_nn_conv_layer *layer)
{
    stapes_nn_mve_plane size;
    size.height =
        (layer->out_height - 1) * layer->stride_height + (layer->kernel_height - 1) * layer->dilation_height + 1;
    size.width = (layer->out_width - 1) * layer->stride_width + (layer->kernel_width - 1) * layer->dilation_width + 1;
    return size;
}

#if STAPES_NN_ASM

/* Pixels along an axis of an input and of its plane, and the bytes from one to the next. */
typedef struct {
    int32_t count, from, to;
} stapes_nn_mve_pixels;

/* Copy four bytes of each pixel. All addresses are aligned to four bytes. */
static void stapes_nn_depthwise_copy(stapes_nn_mve_pixels outer, stapes_nn_mve_pixels inner, const int8_t *in,
                                     int8_t *plane)
{
    const uint32x4_t from_each = vmulq_n_u32(vidupq_n_u32(0, 1), (uint32_t)inner.from);
    const uint32x4_t to_each = vmulq_n_u32(vidupq_n_u32(0, 1), (uint32_t)inner.to);
    for (; outer.count > 0; outer.count--, in += outer.from, plane += outer.to) {
        const int8_t *from = in;
        int8_t *to = plane;
        int32_t left;
        for (left = inner.count; left > 0; left -= 4) {
            const mve_pred16_t some = vctp32q((uint32_t)left);
            const int32x4_t words = vldrwq_gather_offset_z_s32((const int32_t *)(const void *)from, from_each, some);
            vstrwq_scatter_offset_p_s32((int32_t *)(void *)to, to_each, words, some);
            from += 4 * inner.from;
            to += 4 * inner.to;
        }
    }
}

#endif

/* Copy the input channels of output channels group .. group + 3 into the plane; with a depth multiplier they may be
 * the same channel. */
static void STAPES_NN_NOINLINE stapes_nn_depthwise_gather(const stapes_nn_conv_layer *layer, stapes_nn_mve_plane size,
                                                          const int8_t *in, int32_t group, int8_t *plane)
{
    const int32_t channels = layer->in_channels, copies = layer->out_channels / channels;
    const int32_t rows =
        size.height - layer->pad_top < layer->in_height ? size.height - layer->pad_top : layer->in_height;
    const int32_t columns =
        size.width - layer->pad_left < layer->in_width ? size.width - layer->pad_left : layer->in_width;
    const int whole = copies == 1 && group + 4 <= channels;
    int32_t y, x, i;
    plane += (layer->pad_top * size.width + layer->pad_left) * 4;
#if STAPES_NN_ASM
    if (copies == 1 && (channels | (int32_t)((uintptr_t)in & 3)) % 4 == 0) {
        const stapes_nn_mve_pixels down = {rows, layer->in_width * channels, 4 * size.width};
        const stapes_nn_mve_pixels right = {columns, channels, 4};
        stapes_nn_depthwise_copy(rows > columns ? right : down, rows > columns ? down : right, in + group, plane);
        return;
    }
#endif
    for (y = 0; y < rows; y++) {
        const int8_t *from = in + y * layer->in_width * channels;
        int8_t *to = plane + y * size.width * 4;
        for (x = 0; x < columns; x++) {
            if (whole) {
                memcpy(to, from + group, 4);
            }
            for (i = 0; !whole && i < 4 && group + i < layer->out_channels; i++) {
                to[i] = from[(group + i) / copies];
            }
            to += 4;
            from += channels;
        }
    }
}

#if STAPES_NN_ASM

/* Multiply and add one tap of four channels. */
#define STAPES_NN_DEPTHWISE_TAP(tap, weight)     \
    "vldrb.s32 q1, [" tap "]\n\t"                \
    "vldrb.s32 q2, [%[weight], #" weight "]\n\t" \
    "vmul.i32 q1, q1, q2\n\t"                    \
    "vadd.i32 q0, q0, q1\n\t"

/* Requantize four sums in q0 with the multipliers in q4 and the shifts in q5, none of them to the left. This is the
 * end of stapes_nn_mve_round_twice. */
#define STAPES_NN_DEPTHWISE_FINISH \
    "vqrdmulh.s32 q0, q0, q4\n\t"  \
    "vand q1, q0, q5\n\t"          \
    "vshr.s32 q1, q1, #31\n\t"     \
    "vadd.i32 q0, q0, q1\n\t"      \
    "vrshl.s32 q0, q0, q5\n\t"     \
    "vadd.i32 q0, q0, %[zero]\n\t" \
    "vqmovnb.s32 q0, q0\n\t"       \
    "vqmovnb.s16 q0, q0\n\t"       \
    "vstrb.32 q0, [%[out]]\n\t"

/* Compute one row of pixels of a kernel of 3 x 3 taps without dilation. The end is that of stapes_nn_mve_round_twice.
 * This is assembly because GCC 12 spills vectors and computes the address of each load. */
static void stapes_nn_depthwise_row(const stapes_nn_mve_channels *own, const stapes_nn_conv_layer *layer,
                                    const int8_t *weight, const int8_t *taps, int32_t pitch, int8_t *out)
{
    const int8_t *row1 = taps + pitch, *row2 = row1 + pitch;
    const int32_t *constants = own->bias;
    register int32_t pixels __asm__("lr") = layer->out_width;
    const int32_t zero = layer->out_zero, channels = layer->out_channels, step = 4 * layer->stride_width;
    /* clang-format off */ /* it would not keep one instruction or macro a line */
    __asm__ volatile(
        "vldrw.u32 q3, [%[constants]]\n\t"
        "vldrw.u32 q4, [%[constants], #16]\n\t"
        "vldrw.u32 q5, [%[constants], #32]\n\t"
        "vldrb.s32 q6, [%[weight]]\n\t"
        "vldrb.s32 q7, [%[weight], #4]\n\t"
        "dls lr, lr\n"
        "1:\n\t"
        "vldrb.s32 q0, [%[row0]]\n\t"
        "vldrb.s32 q1, [%[row0], #4]\n\t"
        "vmul.i32 q0, q0, q6\n\t"
        "vmul.i32 q1, q1, q7\n\t"
        "vadd.i32 q0, q0, q3\n\t"
        "vadd.i32 q0, q0, q1\n\t"
        STAPES_NN_DEPTHWISE_TAP("%[row0], #8", "8")
        STAPES_NN_DEPTHWISE_TAP("%[row1]", "12")
        STAPES_NN_DEPTHWISE_TAP("%[row1], #4", "16")
        STAPES_NN_DEPTHWISE_TAP("%[row1], #8", "20")
        STAPES_NN_DEPTHWISE_TAP("%[row2]", "24")
        STAPES_NN_DEPTHWISE_TAP("%[row2], #4", "28")
        STAPES_NN_DEPTHWISE_TAP("%[row2], #8", "32")
        "add %[row0], %[row0], %[step]\n\t"
        "add %[row1], %[row1], %[step]\n\t"
        "add %[row2], %[row2], %[step]\n\t"
        STAPES_NN_DEPTHWISE_FINISH
        "add %[out], %[out], %[channels]\n\t"
        "le lr, 1b"
        : [row0] "+&l"(taps), [row1] "+&l"(row1), [row2] "+&l"(row2), [out] "+&l"(out), "+&r"(pixels)
        : [weight] "l"(weight), [constants] "r"(constants), [zero] "r"(zero), [channels] "r"(channels),
          [step] "r"(step)
        : "q0", "q1", "q2", "q3", "q4", "q5", "q6", "q7", "cc", "memory");
    /* clang-format on */
}

/* Where the taps of the four outputs of a tile, (along, across) = (0, 0), (0, 1), (1, 0) and (1, 1), lie in
 * stapes_nn_mve_nine for each byte of its patch of 4 x 4 inputs. The bytes of a patch are those of lines 0 and 2, and
 * then of lines 1 and 3, by turns. */
static const uint8_t stapes_nn_depthwise_tile[4][16] = {
    {0, 24, 4, 28, 8, 32, 36, 36, 12, 36, 16, 36, 20, 36, 36, 36},
    {36, 36, 0, 24, 4, 28, 8, 32, 36, 36, 12, 36, 16, 36, 20, 36},
    {36, 12, 36, 16, 36, 20, 36, 36, 0, 24, 4, 28, 8, 32, 36, 36},
    {36, 36, 36, 12, 36, 16, 36, 20, 36, 36, 0, 24, 4, 28, 8, 32},
};

/* The weights of four channels: taps [along][across], and a tap of zero. */
typedef struct {
    int8_t taps[10][4];
} stapes_nn_mve_nine;

/* An axis of the pixels: how many there are, and the bytes from one to the next. */
typedef struct {
    int32_t count;
    int32_t in, out; /* in the plane, in the output */
    int32_t weights;
} stapes_nn_mve_axis;

/* What the tiles of a layer have in common; `along` is its longer axis. */
typedef struct {
    stapes_nn_mve_axis along, across;
    uint16_t places[8]; /* two lines of four inputs each, from the first: at most 3 * in + in of the axes */
    int32_t pixels[4];  /* the outputs of a tile, from the first */
} stapes_nn_mve_tiles;

/* Compute 2 x 2 pixels. The register `lines` holds the first two lines of the patch and then those of the next tile.
 * The end is that of stapes_nn_mve_round_twice, but halves below zero go up. */
#define STAPES_NN_DEPTHWISE_TILE                           \
    "add %[taps], %[taps], %[in_step]\n\t"                 \
    "vldrb.u16 q1, [%[taps], %q[places]]\n\t"              \
    "vmovnt.i16 %q[lines], q1\n\t"                         \
    "vmladav.s8 r6, %q[lines], %q[w0]\n\t"                 \
    "vmladav.s8 r8, %q[lines], %q[w1]\n\t"                 \
    "vmladav.s8 r10, %q[lines], %q[w2]\n\t"                \
    "vmladav.s8 r12, %q[lines], %q[w3]\n\t"                \
    "vmov %q[lines][2], %q[lines][0], r6, r10\n\t"         \
    "vmov %q[lines][3], %q[lines][1], r8, r12\n\t"         \
    "vadd.i32 %q[lines], %q[lines], %[bias]\n\t"           \
    "vqrdmulh.s32 %q[lines], %q[lines], %[multiplier]\n\t" \
    "vrshl.s32 %q[lines], %[shift]\n\t"                    \
    "vadd.i32 %q[lines], %q[lines], %[zero]\n\t"           \
    "vqmovnb.s32 %q[lines], %q[lines]\n\t"                 \
    "vqmovnb.s16 %q[lines], %q[lines]\n\t"                 \
    "vstrb.32 %q[lines], [%[out], %q[pixels]]\n\t"         \
    "vmov %q[lines], q1\n\t"                               \
    "add %[out], %[out], %[out_step]\n"

/* Compute one channel, two lines of pixels along an axis at a time. Where the number of lines or of their pixels is
 * odd, the last tile begins one pixel earlier and computes pixels again. VRSHL reads the lowest byte of `shift`; the
 * next bit says that a line has an odd number of pixels. */
static void STAPES_NN_NOINLINE stapes_nn_depthwise_channel(const stapes_nn_mve_tiles *size,
                                                           const stapes_nn_mve_nine *nine,
                                                           const stapes_nn_conv_layer *layer, int32_t channel,
                                                           const int8_t *plane, int8_t *plane_out)
{
    const int8_t *const first = &nine->taps[0][channel % 4];
    const int8x16_t w0 = vldrbq_gather_offset_s8(first, vldrbq_u8(stapes_nn_depthwise_tile[0]));
    const int8x16_t w1 = vldrbq_gather_offset_s8(first, vldrbq_u8(stapes_nn_depthwise_tile[1]));
    const int8x16_t w2 = vldrbq_gather_offset_s8(first, vldrbq_u8(stapes_nn_depthwise_tile[2]));
    const int8x16_t w3 = vldrbq_gather_offset_s8(first, vldrbq_u8(stapes_nn_depthwise_tile[3]));
    const uint16x8_t places = vldrhq_u16(size->places);
    const int32x4_t pixels = vldrwq_s32(size->pixels);
    int32_t line;
    for (line = 0; line < size->across.count; line += 2) {
        const int32_t from = line < size->across.count - 2 ? line : size->across.count - 2;
        const int8_t *taps = plane + from * size->across.in;
        int8_t *out = plane_out + from * size->across.out;
        int32_t shift = (layer->shift[channel] & 255) + ((size->along.count & 1) << 8);
        register int32_t tiles __asm__("lr") = size->along.count / 2;
        register const int32_t zero __asm__("r9") = layer->out_zero, out_step __asm__("r11") = 2 * size->along.out;
        int8x16_t lines;
        /* clang-format off */ /* it would not keep one instruction or macro a line */
        __asm__ volatile(
            "1:\n\t"
            "vldrb.u16 %q[lines], [%[taps], %q[places]]\n\t"
            "dls lr, lr\n"
            "2:\n\t"
            STAPES_NN_DEPTHWISE_TILE
            "le lr, 2b\n\t"
            "lsrs r6, %[shift], #8\n\t"
            "uxtb %[shift], %[shift]\n\t"
            "mov lr, #1\n\t"
            "sub %[taps], %[taps], %[in_step], asr #1\n\t"
            "sub %[out], %[out], %[out_step], asr #1\n\t"
            "bne 1b"
            : [taps] "+&r"(taps), [out] "+&r"(out), [lines] "=&w"(lines), "+&r"(tiles), [shift] "+&r"(shift)
            : [places] "w"(places), [pixels] "w"(pixels), [w0] "w"(w0), [w1] "w"(w1), [w2] "w"(w2), [w3] "w"(w3),
              [in_step] "r"(2 * size->along.in), [out_step] "r"(out_step), [bias] "r"(layer->bias[channel]),
              [multiplier] "r"(layer->multiplier[channel]), [zero] "r"(zero)
            : "q1", "r6", "r8", "r10", "r12", "cc", "memory");
        /* clang-format on */
    }
}

/* Order the weights of four channels by the axes. */
static void stapes_nn_depthwise_order(const stapes_nn_mve_tiles *size, const int8_t *weights, stapes_nn_mve_nine *nine)
{
    int32_t along, across;
    for (along = 0; along < 3; along++) {
        for (across = 0; across < 3; across++) {
            memcpy(nine->taps[3 * along + across],
                   weights + along * size->along.weights + across * size->across.weights, 4);
        }
    }
    memset(nine->taps[9], 0, 4);
}

/* With fewer pixels, preparing the tiles of each channel costs more than they save. */
#define STAPES_NN_DEPTHWISE_LEAST 12

/* Fill in the sizes. Returns whether the layer can be computed in tiles. As these do not round away from zero,
 * negative results must be clamped. */
static int stapes_nn_depthwise_tileable(const stapes_nn_conv_layer *layer, int32_t pitch, stapes_nn_mve_tiles *size)
{
    const stapes_nn_mve_axis down = {layer->out_height, pitch, layer->out_width * layer->out_channels, 12};
    const stapes_nn_mve_axis right = {layer->out_width, 4, layer->out_channels, 4};
    int32_t i;
    size->along = layer->out_height > layer->out_width ? down : right;
    size->across = layer->out_height > layer->out_width ? right : down;
    for (i = 0; i < 8; i++) {
        size->places[i] = (uint16_t)(i / 4 * size->along.in + i % 4 * size->across.in);
        size->pixels[i / 2] = i / 4 * size->along.out + i / 2 % 2 * size->across.out;
    }
    return layer->kernel_height == 3 && layer->kernel_width == 3 && layer->stride_height == 1 &&
           layer->stride_width == 1 && layer->dilation_height == 1 && layer->dilation_width == 1 &&
           layer->out_min >= layer->out_zero && size->across.count >= 2 && pitch < 1 << 14 &&
           layer->out_height * layer->out_width >= STAPES_NN_DEPTHWISE_LEAST && stapes_nn_mve_no_left_shifts(layer);
}

/* Compute one image with a kernel of 3 x 3 taps in tiles of 2 x 2 pixels. |sum| < 2^31 for all partial sums: proved by
 * the compiler. Returns 0 and does nothing where the layer cannot be computed so. */
static int STAPES_NN_NOINLINE stapes_nn_depthwise_in_tiles(const stapes_nn_conv_layer *layer,
                                                           stapes_nn_mve_plane plane, const int8_t *in, int8_t *out,
                                                           int8_t *scratch)
{
    stapes_nn_mve_tiles size;
    int32_t channel;
    if (!stapes_nn_depthwise_tileable(layer, 4 * plane.width, &size)) {
        return 0;
    }
    for (channel = 0; channel < layer->out_channels; channel++) {
        stapes_nn_mve_nine nine;
        if (channel % 4 == 0) {
            stapes_nn_depthwise_gather(layer, plane, in, channel, scratch);
            stapes_nn_depthwise_order(&size, (const int8_t *)layer->weights + 9 * channel, &nine);
        }
        stapes_nn_depthwise_channel(&size, &nine, layer, channel, scratch + channel % 4, out + channel);
    }
    return 1;
}

/* Four output channels: their constants and weights, and the bytes from tap to tap and from row to row of taps. */
typedef struct {
    stapes_nn_mve_channels own;
    const int8_t *weights;
    int32_t tap_stride, row_stride;
} stapes_nn_mve_group;

/* Compute one pixel, where no channel is shifted to the left. */
STAPES_NN_INLINE void stapes_nn_depthwise_pixel(const stapes_nn_mve_group *four, const stapes_nn_conv_layer *layer,
                                                const int8_t *taps, int8_t *out)
{
    const int32_t *constants = four->own.bias;
    const int8_t *weight = four->weights;
    const int32_t width = layer->kernel_width, zero = layer->out_zero;
    const int32_t to_next_row = four->row_stride - width * four->tap_stride;
    int32_t rows = layer->kernel_height;
    /* clang-format off */ /* it would not keep one instruction or macro a line */
    __asm__ volatile(
        "vldrw.u32 q0, [%[constants]]\n\t"
        "vldrw.u32 q4, [%[constants], #16]\n\t"
        "vldrw.u32 q5, [%[constants], #32]\n"
        "1:\n\t"
        "dls lr, %[width]\n"
        "2:\n\t"
        "vldrb.s32 q1, [%[taps]]\n\t"
        "vldrb.s32 q2, [%[weight]], #4\n\t"
        "vmul.i32 q1, q1, q2\n\t"
        "vadd.i32 q0, q0, q1\n\t"
        "add %[taps], %[taps], %[tap_stride]\n\t"
        "le lr, 2b\n\t"
        "add %[taps], %[taps], %[to_next_row]\n\t"
        "subs %[rows], %[rows], #1\n\t"
        "bne 1b\n\t"
        STAPES_NN_DEPTHWISE_FINISH
        : [taps] "+&l"(taps), [weight] "+&l"(weight), [rows] "+&r"(rows)
        : [constants] "r"(constants), [width] "r"(width), [tap_stride] "r"(four->tap_stride),
          [to_next_row] "r"(to_next_row), [zero] "r"(zero), [out] "l"(out)
        : "q0", "q1", "q2", "q4", "q5", "lr", "cc", "memory");
    /* clang-format on */
}

/* Compute one pixel of any layer. */
static void STAPES_NN_COLD stapes_nn_depthwise_any_pixel(const stapes_nn_mve_group *four,
                                                         const stapes_nn_conv_layer *layer, const int8_t *taps,
                                                         int8_t *out)
{
    const int8_t *weight = four->weights;
    int32x4_t sum = vldrwq_s32(four->own.bias);
    int32_t ky, kx;
    for (ky = 0; ky < layer->kernel_height; ky++) {
        for (kx = 0; kx < layer->kernel_width; kx++) {
            const int8_t *const tap = taps + ky * four->row_stride + kx * four->tap_stride;
            sum = stapes_nn_mve_add(sum, vldrbq_s32(tap), vldrbq_s32(weight));
            weight += 4;
        }
    }
    stapes_nn_mve_round_twice(sum, vldrwq_s32(four->own.multiplier), vldrwq_s32(four->own.shift), layer->out_zero, out,
                              four->own.count);
}

/* Compute output channels group .. group + 3 of every pixel. |sum| < 2^31 for all partial sums: proved by the
 * compiler. */
static void STAPES_NN_NOINLINE stapes_nn_depthwise_four(const stapes_nn_conv_layer *layer, int32_t group,
                                                        const int8_t *plane, int32_t pitch, int8_t *out)
{
    const int32_t step = 4 * layer->stride_width, channels = layer->out_channels;
    stapes_nn_mve_group four;
    int32_t y, x;
    int fast, nine;
    stapes_nn_mve_load(&four.own, layer, group);
    four.weights = (const int8_t *)layer->weights + group * layer->kernel_height * layer->kernel_width;
    four.tap_stride = layer->dilation_width * 4;
    four.row_stride = layer->dilation_height * pitch;
    fast = four.own.count >= 4 && four.own.shift[0] <= 0 && four.own.shift[1] <= 0 && four.own.shift[2] <= 0 &&
           four.own.shift[3] <= 0;
    nine = fast && layer->kernel_height == 3 && layer->kernel_width == 3 && layer->dilation_width == 1;
    out += group;
    for (y = 0; y < layer->out_height; y++) {
        const int8_t *taps = plane + y * layer->stride_height * pitch;
        if (nine) {
            stapes_nn_depthwise_row(&four.own, layer, four.weights, taps, four.row_stride, out);
            out += layer->out_width * channels;
            continue;
        }
        for (x = layer->out_width; x > 0; x--) {
            if (fast) {
                stapes_nn_depthwise_pixel(&four, layer, taps, out);
            } else {
                stapes_nn_depthwise_any_pixel(&four, layer, taps, out);
            }
            out += channels;
            taps += step;
        }
    }
}

#else

/* The same in C: the specification of the intrinsics and of the assembly. */
static void stapes_nn_depthwise_four(const stapes_nn_conv_layer *layer, int32_t group, const int8_t *plane,
                                     int32_t pitch, int8_t *out)
{
    const int8_t *const weights = (const int8_t *)layer->weights + group * layer->kernel_height * layer->kernel_width;
    const int32_t pixels = layer->out_height * layer->out_width;
    int32_t pixel, i, ky, kx;
    for (pixel = 0; pixel < pixels; pixel++) {
        const int32_t y = pixel / layer->out_width, x = pixel % layer->out_width;
        const int8_t *const taps = plane + y * layer->stride_height * pitch + x * layer->stride_width * 4;
        for (i = 0; i < 4 && group + i < layer->out_channels; i++) {
            int32_t sum = layer->bias[group + i];
            for (ky = 0; ky < layer->kernel_height; ky++) {
                for (kx = 0; kx < layer->kernel_width; kx++) {
                    sum += taps[ky * layer->dilation_height * pitch + kx * layer->dilation_width * 4 + i] *
                           weights[(ky * layer->kernel_width + kx) * 4 + i];
                }
            }
            sum = stapes_nn_round_any(sum, layer->multiplier[group + i], layer->shift[group + i]);
            out[pixel * layer->out_channels + group + i] =
                stapes_nn_clamp(sum + layer->out_zero, layer->out_min, layer->out_max);
        }
    }
}

#endif

/* scratch: the plane. */
STAPES_NN_API void stapes_nn_depthwise(const stapes_nn_conv_layer *layer, const int8_t *in, int8_t *out,
                                       int8_t *scratch)
{
    const stapes_nn_mve_plane size = stapes_nn_depthwise_plane(layer);
    const int32_t count = layer->out_height * layer->out_width * layer->out_channels;
    int32_t batch, group;
    memset(scratch, layer->in_zero, (size_t)(4 * size.height * size.width));
    for (batch = 0; batch < layer->batches; batch++) {
#if STAPES_NN_ASM
        if (!stapes_nn_depthwise_in_tiles(layer, size, in, out, scratch))
#endif
        {
            for (group = 0; group < layer->out_channels; group += 4) {
                stapes_nn_depthwise_gather(layer, size, in, group, scratch);
                stapes_nn_depthwise_four(layer, group, scratch, 4 * size.width, out);
            }
        }
#if STAPES_NN_ASM
        stapes_nn_mve_limit(out, count, layer->out_min, layer->out_max);
#endif
        in += layer->in_height * layer->in_width * layer->in_channels;
        out += count;
    }
}

#endif
