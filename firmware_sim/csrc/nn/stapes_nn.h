/* stapes_nn.h -- int8 kernels called by the models that `stapes compile` writes. Apache-2.0.
 *
 * Every kernel gives the bits of LiteRT's reference kernels (BUILTIN_REF) on any machine: integers only, no heap, no
 * recursion, no function pointer. One constant struct per layer lies in flash; activations, variables and scratch
 * belong to the caller. Each file of convert/lower/layers/ states the rounding rule of its operator.
 *
 * LAYOUTS. Weights are repacked when a model is compiled, in the order in which the kernel for a kind of processor
 * reads them; stapes_nn_layout.h names the layouts. The kernels of all layouts have the same prototypes. Folders:
 *
 *   portable/   kernels of the layout STAPES_NN_ROWS, and those whose weights every layout holds alike
 *   dsp/  mve/  host/   kernels with a packing of their own, named stapes_nn_<family>_<folder>.c
 *   reference/  what every kernel computes, as plainly as possible: the specification; never part of generated C
 *
 * To add a kernel with a packing of its own:
 *
 *   1. convert/lower/packing.py: write a function from the weights of the .tflite to the packed array, whose dtype
 *      sets the C type and hence the alignment, and one for the bytes of scratch memory; state the tile (see ORDER).
 *      Enter them in the Layout of that processor, with the file of the kernel in Layout.sources. A new Layout also
 *      needs a macro in stapes_nn_layout.h, an entry in TARGETS and its folder in firmware_sim/sources.py.
 *   2. <layout>/stapes_nn_<family>_<layout>.c: write the kernel under the name that it has in this file, all of it
 *      within `#if STAPES_NN_LAYOUT == STAPES_NN_<LAYOUT>`. Intrinsics and assembly stand under `#if STAPES_NN_ASM` or
 *      the like; under `#else` stands plain C that reads the same packed array, by which the tests run the packing on
 *      any computer with -DSTAPES_NN_LAYOUT=...
 *   3. portable/stapes_nn_<family>.c: exclude the layout by the `#if` at its head, if it is not excluded already.
 *   4. All names of a file begin with stapes_nn_ or STAPES_NN_ and are unique within a layout, so that
 *      `stapes compile --single-file` can join the files. Blocks for one layout within a file of several end in
 *      `#endif` with the layout's macro in a comment, so that they can be left out.
 *
 * A new family also needs its struct and prototype here and a plain kernel in reference/.
 *
 * ORDER. The memory plan lets an output overlap an input that is not read again, so kernels write in ascending order:
 *
 *   conv, depthwise   A tile of pixels at a time. Layout.conv_tile and .depthwise_tile in convert/lower/packing.py say
 *                     how many pixels a tile has, and whether the kernel still reads the inputs of a tile while it
 *                     writes its outputs; kernels that gather the inputs first do not.
 *   depthwise         In ROWS, DSP and MVE one or four channels at a time, which are gathered before they are
 *                     written: the output may start whole pixels before the input, or, when it has as many channels,
 *                     where the input does.
 *   pools             Pixel by pixel.
 *   add, mul, lookup, extreme, prelu, squared_difference, compare, select, div
 *                     Element by element, or in blocks that are read before they are written.
 *
 * The other kernels' outputs never overlap their inputs.
 */
#ifndef STAPES_NN_H
#define STAPES_NN_H

#include <stddef.h>
#include <stdint.h>

#include "stapes_nn_layout.h"

#define STAPES_NN_VERSION 5

/* `stapes compile --single-file` makes the kernels static, so that one program can contain several such files. */
#ifndef STAPES_NN_API
#define STAPES_NN_API
#define STAPES_NN_STATIC 0
#else
#define STAPES_NN_STATIC 1
#endif

/* Attributes, where the compiler knows them:
 *
 *   STAPES_NN_MAYBE_UNUSED  not every set of layers calls the function
 *   STAPES_NN_NOINLINE      one copy of the code for several callers
 *   STAPES_NN_HOT           optimized for speed even where only cold functions call it
 *   STAPES_NN_COLD          runs seldom or for few values: optimized for size
 *
 * On a laptop size does not matter, so only the warning about unused functions is suppressed there. */
#if !defined(__GNUC__)
#define STAPES_NN_MAYBE_UNUSED
#define STAPES_NN_NOINLINE
#define STAPES_NN_HOT
#define STAPES_NN_COLD
#elif STAPES_NN_LAYOUT == STAPES_NN_HOST
#define STAPES_NN_MAYBE_UNUSED __attribute__((unused))
#define STAPES_NN_NOINLINE
#define STAPES_NN_HOT
#define STAPES_NN_COLD __attribute__((unused))
#else
#define STAPES_NN_MAYBE_UNUSED __attribute__((unused))
#define STAPES_NN_NOINLINE __attribute__((noinline))
#define STAPES_NN_HOT __attribute__((hot, noinline))
#define STAPES_NN_COLD __attribute__((cold, noinline, unused))
#endif

/* Weights that a kernel reads several times before it goes on to the next ones begin with a line of the cache: a small
 * one might hold them, but not one line more. */
#if defined(__GNUC__)
#define STAPES_NN_CACHE_LINE __attribute__((aligned(32)))
#else
#define STAPES_NN_CACHE_LINE
#endif

/* Small functions of the headers. */
#define STAPES_NN_INLINE static inline STAPES_NN_MAYBE_UNUSED

/* Functions of the headers that several kernels call, but seldom: the linker keeps one copy. */
#if defined(__GNUC__) && defined(__ELF__) && STAPES_NN_LAYOUT != STAPES_NN_HOST && !STAPES_NN_STATIC
#define STAPES_NN_SHARED __attribute__((weak, noinline))
#else
#define STAPES_NN_SHARED static STAPES_NN_NOINLINE STAPES_NN_MAYBE_UNUSED
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* An output channel is requantized by sum -> clamp(out_zero + round(sum * multiplier * 2^(shift - 31))).
 * `bias` holds the model's bias plus -zero_point * (sum of the channel's weights), so that kernels multiply raw int8
 * values. */

/* Added to the shift of a channel whose sums may reach 2^30, in the layouts ROWS and DSP: their fast roundings do not
 * take such sums (stapes_nn_round_any does). In DSP also to that of a channel of stapes_nn_conv that
 * dsp/stapes_nn_conv_dsp.c cannot compute along with its neighbour. */
#define STAPES_NN_WIDE_SHIFT 64

/* CONV_2D in NHWC order. Rounds twice (stapes_nn_round_twice). The compiler proves |sum| < 2^31, for all partial sums
 * too, |sum| < 2^30 without STAPES_NN_WIDE_SHIFT in ROWS and DSP, and |sum << shift| < 2^31. */
typedef struct {
    uint16_t batches;
    uint16_t in_height, in_width, in_channels;
    uint16_t out_height, out_width, out_channels;
    uint16_t kernel_height, kernel_width;
    uint16_t stride_height, stride_width;
    uint16_t dilation_height, dilation_width;
    uint16_t pad_top, pad_left;
    int8_t in_zero; /* value of the taps outside of the input */
    int8_t out_zero, out_min, out_max;
    const void *weights; /* ROWS: int8_t [out_channels][kernel_height][kernel_width][in_channels]; others: see the
                            kernel's file */
    const int32_t *bias;
    const int32_t *multiplier; /* 0 or 2^30 .. 2^31 - 1 */
    const int8_t *shift;       /* -31 .. 30, negative is to the right; or STAPES_NN_WIDE_SHIFT + (-31 .. -1) */
} stapes_nn_conv_layer;

/* scratch: working memory of as many bytes as Layout.conv_scratch in convert/lower/packing.py says. It is aligned to 4
 * bytes, here and below. */
STAPES_NN_API void stapes_nn_conv(const stapes_nn_conv_layer *layer, const int8_t *in, int8_t *out, int8_t *scratch);

/* The same, for one batch, with weights that are all multiples of 16, whose upper four bits are kept.
 *
 *   weights  uint32_t, for each STAPES_NN_CONV_4BIT_BLOCK channels the weights of stapes_nn_conv, eight in a word; see
 *            the kernel's file
 *            HOST: those of stapes_nn_conv */
STAPES_NN_API void stapes_nn_conv_4bit(const stapes_nn_conv_layer *layer, const int8_t *in, int8_t *out,
                                       int8_t *scratch);

/* DEPTHWISE_CONV_2D in NHWC order; out_channels = in_channels * depth multiplier. Rounds twice.
 *
 *   weights  ROWS and HOST: int8_t [kernel_height][kernel_width][out_channels]
 *            DSP: in groups of four channels and of three taps; see the kernel's file
 *            MVE: [out_channels / 4, rounded up][kernel_height][kernel_width][4]
 *   scratch  ROWS: one padded channel; DSP: four, and their constants; MVE: four
 *            HOST: kernel_height * kernel_width * in_channels bytes when there is padding */
STAPES_NN_API void stapes_nn_depthwise(const stapes_nn_conv_layer *layer, const int8_t *in, int8_t *out,
                                       int8_t *scratch);

/* FULLY_CONNECTED. Rounds once: (sum * multiplier + 2^(shift - 1)) >> shift with 1 <= shift <= 62 and multiplier >= 0.
 * The compiler proves |sum| < 2^31, for all partial sums too. DSP with common_shift > 0: all channels are shifted by
 * 32 + common_shift, with multipliers that are proved to give the same bits; `bias` and `multiplier` are padded with
 * zeros to a multiple of four channels, and `shift` may be NULL. */
typedef struct {
    int32_t rows, in_size, out_size;
    int8_t out_zero, out_min, out_max;
    int8_t common_shift;
    const void *weights; /* ROWS: int8_t [out_size][in_size]; others: see the kernel's file */
    const int32_t *bias;
    const int32_t *multiplier;
    const int8_t *shift;
} stapes_nn_dense_layer;

/* scratch: DSP: the input in 16 bits, padded to a multiple of four values; HOST: the input, padded to a multiple of
 * four bytes; others: none. */
STAPES_NN_API void stapes_nn_dense(const stapes_nn_dense_layer *layer, const int8_t *in, int8_t *out, int8_t *scratch);

/* FULLY_CONNECTED where no multiplier of 31 bits gives the reference's bits for every sum of a channel. Rounds once,
 * as stapes_nn_dense, with 0 <= multiplier < 2^62 and 32 <= shift <= 93. The compiler proves |sum| < 2^31, for all
 * partial sums too. */
typedef struct {
    int32_t rows, in_size, out_size;
    int8_t out_zero, out_min, out_max;
    const int8_t *weights; /* [out_size][in_size] */
    const int32_t *bias;
    const int64_t *multiplier;
    const int8_t *shift;
} stapes_nn_dense_exact_layer;

STAPES_NN_API void stapes_nn_dense_exact(const stapes_nn_dense_exact_layer *layer, const int8_t *in, int8_t *out);

/* ADD and SUB with broadcasting: loops over `shape`; an input is repeated along an axis by a stride of 0. The
 * innermost strides are 0 or 1. out = clamp((a * factor_a + b * factor_b + offset) >> shift), with numbers that are
 * proved to give the reference's bits for every a and b: 128 * (|factor_a| + |factor_b|) + |offset| < 2^31, 1 <= shift
 * <= 30. */
typedef struct {
    int32_t shape[4];
    int32_t stride_a[4], stride_b[4];
    int32_t factor_a, factor_b, offset;
    int8_t shift;
    int8_t out_min, out_max;
} stapes_nn_add_layer;

STAPES_NN_API void stapes_nn_add(const stapes_nn_add_layer *layer, const int8_t *a, const int8_t *b, int8_t *out);

/* ADD and SUB where there are no such numbers: both inputs and their sum are requantized as the reference does it,
 * each of them rounded twice. multiplier_b < 0 subtracts. */
typedef struct {
    int32_t shape[4];
    int32_t stride_a[4], stride_b[4];
    int32_t multiplier_a, multiplier_b, multiplier_out;
    int8_t shift_a, shift_b, shift_out;
    int8_t zero_a, zero_b;
    int8_t out_zero, out_min, out_max;
} stapes_nn_add_requantized_layer;

STAPES_NN_API void stapes_nn_add_requantized(const stapes_nn_add_requantized_layer *layer, const int8_t *a,
                                             const int8_t *b, int8_t *out);

/* MUL with broadcasting, strides as in ADD. Rounds twice. */
typedef struct {
    int32_t shape[4];
    int32_t stride_a[4], stride_b[4];
    int32_t multiplier;
    int8_t shift;
    int8_t zero_a, zero_b;
    int8_t out_zero, out_min, out_max;
} stapes_nn_mul_layer;

STAPES_NN_API void stapes_nn_mul(const stapes_nn_mul_layer *layer, const int8_t *a, const int8_t *b, int8_t *out);

/* MAXIMUM and MINIMUM with broadcasting, strides as in ADD: the greater code, or the lesser one. Of bytes that are 0
 * or 1 that is LOGICAL_OR and LOGICAL_AND. */
typedef struct {
    int32_t shape[4];
    int32_t stride_a[4], stride_b[4];
    int8_t greatest; /* 1: MAXIMUM, 0: MINIMUM */
} stapes_nn_extreme_layer;

STAPES_NN_API void stapes_nn_extreme(const stapes_nn_extreme_layer *layer, const int8_t *a, const int8_t *b,
                                     int8_t *out);

/* PRELU with broadcasting, strides as in ADD: x, or x * alpha below zero. Rounds both twice. */
typedef struct {
    int32_t shape[4];
    int32_t stride_a[4], stride_b[4];
    int32_t multiplier, multiplier_below;
    int8_t shift, shift_below;
    int8_t zero_in, zero_alpha, out_zero;
} stapes_nn_prelu_layer;

STAPES_NN_API void stapes_nn_prelu(const stapes_nn_prelu_layer *layer, const int8_t *in, const int8_t *alpha,
                                   int8_t *out);

/* SQUARED_DIFFERENCE with broadcasting, strides as in ADD. Rounds both inputs, and the square, twice. */
typedef struct {
    int32_t shape[4];
    int32_t stride_a[4], stride_b[4];
    int32_t multiplier_a, multiplier_b, multiplier_out;
    int8_t shift_a, shift_b, shift_out;
    int8_t zero_a, zero_b, out_zero;
} stapes_nn_squared_difference_layer;

STAPES_NN_API void stapes_nn_squared_difference(const stapes_nn_squared_difference_layer *layer, const int8_t *a,
                                                const int8_t *b, int8_t *out);

/* DIV with broadcasting, strides as in ADD: a * inverses[|b|], rounded, times the factor of the scales, rounded twice.
 */
typedef struct {
    int32_t shape[4];
    int32_t stride_a[4], stride_b[4];
    const int32_t *inverses; /* [256]: 2^power / b in Q0.31, where 2^power <= b; that of 0 is that of 1 */
    int32_t multiplier;
    int8_t shift; /* power of the largest divisor .. 23 */
    int8_t zero_a, zero_b;
    int8_t out_zero, out_min, out_max;
} stapes_nn_div_layer;

STAPES_NN_API void stapes_nn_div(const stapes_nn_div_layer *layer, const int8_t *a, const int8_t *b, int8_t *out);

/* Comparisons with broadcasting, strides as in ADD: 1 where a lies within [lowest[b + 128], highest[b + 128]], else 0;
 * the opposite where inverted is 1. */
typedef struct {
    int32_t shape[4];
    int32_t stride_a[4], stride_b[4];
    const int8_t *lowest, *highest;
    int8_t inverted;
} stapes_nn_compare_layer;

STAPES_NN_API void stapes_nn_compare(const stapes_nn_compare_layer *layer, const int8_t *a, const int8_t *b,
                                     int8_t *out);

/* SELECT and SELECT_V2 with broadcasting, strides as in ADD: a where the condition c is not 0, otherwise b. */
typedef struct {
    int32_t shape[4];
    int32_t stride_a[4], stride_b[4], stride_c[4];
} stapes_nn_select_layer;

STAPES_NN_API void stapes_nn_select(const stapes_nn_select_layer *layer, const int8_t *a, const int8_t *b,
                                    const int8_t *condition, int8_t *out);

/* LOGISTIC, TANH, RELU, QUANTIZE and other functions of one value: out[i] = table[in[i] + 128]. */
STAPES_NN_API void stapes_nn_lookup(const int8_t table[256], const int8_t *in, int8_t *out, int32_t count);

/* QUANTIZE from float32 and DEQUANTIZE to it: real = scale * (q - zero_point), where q is from low to high, -128 to
 * 127 of an int8 or 0 to 255 of a uint8. */
typedef struct {
    int32_t count;
    float scale;
    int32_t zero_point, low, high;
} stapes_nn_real_layer;

STAPES_NN_API void stapes_nn_quantize(const stapes_nn_real_layer *layer, const float *in, int8_t *out);
STAPES_NN_API void stapes_nn_dequantize(const stapes_nn_real_layer *layer, const int8_t *in, float *out);

/* AVERAGE_POOL_2D and MAX_POOL_2D in NHWC order. Taps outside of the input do not count. */
typedef struct {
    uint16_t batches;
    uint16_t in_height, in_width, channels;
    uint16_t out_height, out_width;
    uint16_t kernel_height, kernel_width;
    uint16_t stride_height, stride_width;
    uint16_t pad_top, pad_left;
    int8_t out_min, out_max;
} stapes_nn_pool_layer;

STAPES_NN_API void stapes_nn_average_pool(const stapes_nn_pool_layer *layer, const int8_t *in, int8_t *out);
STAPES_NN_API void stapes_nn_max_pool(const stapes_nn_pool_layer *layer, const int8_t *in, int8_t *out);

/* MEAN over any axes: loops over the kept axes, within them over the reduced axes. Rounds twice. */
typedef struct {
    int32_t kept[4], kept_stride[4];
    int32_t reduced[4], reduced_stride[4];
    int32_t bias; /* -zero_point * number of elements in a mean */
    int32_t multiplier, shift;
    int32_t out_zero;
} stapes_nn_mean_layer;

STAPES_NN_API void stapes_nn_mean(const stapes_nn_mean_layer *layer, const int8_t *in, int8_t *out);

/* SUM over any axes, as LiteRT's reference has it: like MEAN, but it takes the bytes for uint8_t on both sides. */
STAPES_NN_API void stapes_nn_sum(const stapes_nn_mean_layer *layer, const int8_t *in, int8_t *out);

/* REDUCE_MAX and REDUCE_MIN over any axes: loops as in MEAN. */
typedef struct {
    int32_t kept[4], kept_stride[4];
    int32_t reduced[4], reduced_stride[4];
    int8_t greatest; /* 1: REDUCE_MAX, 0: REDUCE_MIN */
} stapes_nn_reduce_extreme_layer;

STAPES_NN_API void stapes_nn_reduce_extreme(const stapes_nn_reduce_extreme_layer *layer, const int8_t *in,
                                            int8_t *out);

/* ARG_MAX and ARG_MIN over the middle axis of [outer][size][inner]: the position of the first of the greatest codes,
 * or of the least, as int32_t or int64_t. */
typedef struct {
    int32_t outer, size, inner;
    int8_t greatest; /* 1: ARG_MAX, 0: ARG_MIN */
    int8_t width;    /* bytes of a position: 4 or 8 */
} stapes_nn_position_layer;

STAPES_NN_API void stapes_nn_position(const stapes_nn_position_layer *layer, const int8_t *in, int8_t *out);

/* L2_NORMALIZATION of [rows][depth]; the output has the scale 1/128. depth <= 33025. */
typedef struct {
    int32_t rows, depth;
    int8_t zero_in;
} stapes_nn_l2_normalize_layer;

STAPES_NN_API void stapes_nn_l2_normalize(const stapes_nn_l2_normalize_layer *layer, const int8_t *in, int8_t *out);

/* LOG_SOFTMAX over the last axis of [rows][depth]. differences[d] is -d * scale in Q5.26 and exponentials[d] is exp of
 * that in Q0.31, which is 0 from d = length on. 1 <= length <= 256, depth <= 4095. */
typedef struct {
    int32_t rows, depth;
    int32_t length;
    const int32_t *exponentials, *differences;
    int32_t reverse_multiplier; /* from Q5.26 to codes */
    int8_t reverse_right;       /* 0 .. 31 */
} stapes_nn_log_softmax_layer;

STAPES_NN_API void stapes_nn_log_softmax(const stapes_nn_log_softmax_layer *layer, const int8_t *in, int8_t *out);

/* SOFTMAX over the last axis of [rows][depth]. exponentials[d] is exp(-d * beta * scale) in Q0.31, and 0 from d =
 * length on. 1 <= length <= 256. */
typedef struct {
    int32_t rows, depth;
    int32_t length;
    const int32_t *exponentials;
} stapes_nn_softmax_layer;

STAPES_NN_API void stapes_nn_softmax(const stapes_nn_softmax_layer *layer, const int8_t *in, int8_t *out);

/* The same to int16 in units of 2^-16, with the zero point -32768. depth < 4096. */
STAPES_NN_API void stapes_nn_softmax_8_to_16(const stapes_nn_softmax_layer *layer, const int8_t *in, int16_t *out);

/* UNIDIRECTIONAL_SEQUENCE_LSTM. The gates are input, forget, cell, output, in this order. Rounds twice. The compiler
 * proves |sum << shift| < 2^30. */
typedef struct {
    int32_t batches, time_steps;
    int32_t batch_stride, time_stride; /* rows of in and out from a batch or a time step to the next one */
    int32_t in_size, units;
    int32_t in_multiplier[4], hidden_multiplier[4]; /* to Q3.12 */
    int8_t in_shift[4], hidden_shift[4];
    int8_t cell_bits; /* 0 .. 6: real = cell * 2^(cell_bits - 15) */
    int16_t cell_min, cell_max;
    int32_t out_multiplier;
    int8_t out_shift, out_zero; /* -31 .. 0 */
    const int8_t *weights;      /* [units][in_size / 4, then units / 4][gates][4], both rounded up */
    const int32_t *bias;        /* [units][2][gates]: of the sums over in and over hidden; with zero points */
} stapes_nn_lstm_layer;

/* in and out have one row of in_size and of units values per batch and time step. hidden [batches][units] and
 * cell [batches][units] are states: they are read and written, and must be kept between calls. */
STAPES_NN_API void stapes_nn_lstm(const stapes_nn_lstm_layer *layer, const int8_t *in, int8_t *hidden, int16_t *cell,
                                  int8_t *out);

/* INT16. Activations of 16 bits have the zero point 0; weights have 8 bits. The kernels' names end in _16, they are
 * the same on every processor, and none of them lets its output overlap an input, except for those of single values.
 *
 * CONV_2D and DEPTHWISE_CONV_2D in NHWC order, in groups of channels: each output channel reads in_channels / groups
 * input channels. Rounds once: (sum * multiplier + 2^(shift - 1)) >> shift with 8 <= shift <= 46 and
 * 0 <= multiplier < 2^15. The compiler proves |sum| < 2^47, for all partial sums too, and |result| < 2^31. With
 * narrow_sums it rounds twice, as the kernels of int8 do, and the compiler proves |sum| < 2^31 and
 * |sum << shift| < 2^31. */
typedef struct {
    uint16_t batches;
    uint16_t in_height, in_width, in_channels;
    uint16_t out_height, out_width, out_channels;
    uint16_t kernel_height, kernel_width;
    uint16_t stride_height, stride_width;
    uint16_t dilation_height, dilation_width;
    uint16_t pad_top, pad_left;
    uint16_t groups;
    uint16_t narrow_sums; /* 0 or 1 */
    int16_t out_min, out_max;
    const int8_t *weights; /* [out_channels][kernel_height][kernel_width][in_channels / groups] */
    const int64_t *bias;
    const int32_t *multiplier;
    const int8_t *shift;
} stapes_nn_conv_16_layer;

STAPES_NN_API void stapes_nn_conv_16(const stapes_nn_conv_16_layer *layer, const int16_t *in, int16_t *out);

/* TRANSPOSE_CONV of int16, with one group and no dilation; sums and roundings are those of stapes_nn_conv_16. */
STAPES_NN_API void stapes_nn_transpose_conv_16(const stapes_nn_conv_16_layer *layer, const int16_t *in, int16_t *out);

/* FULLY_CONNECTED. Rounds the product of the sum and a double, mantissa * 2^-exponent, as processors do, and then that
 * to a whole number, halves away from zero. 2^52 <= mantissa < 2^53. The compiler proves |sum| < 2^53, for all partial
 * sums too, and |result| < 2^31. */
typedef struct {
    int32_t rows, in_size, out_size;
    int16_t out_min, out_max;
    const int8_t *weights; /* [out_size][in_size] */
    const int64_t *bias;
    const int64_t *multiplier; /* the mantissa */
    const int16_t *shift;      /* the exponent: 23 .. 149 */
} stapes_nn_dense_16_layer;

STAPES_NN_API void stapes_nn_dense_16(const stapes_nn_dense_16_layer *layer, const int16_t *in, int16_t *out);

/* ADD and SUB with broadcasting, strides as in ADD of int8: inputs * 2^15 and their sum are each rounded twice
 * (stapes_nn_round_any). multiplier_b < 0 subtracts. -31 <= shift <= 0, multipliers of the inputs are up to 1/2. */
typedef struct {
    int32_t shape[4];
    int32_t stride_a[4], stride_b[4];
    int32_t multiplier_a, multiplier_b, multiplier_out;
    int8_t shift_a, shift_b, shift_out;
    int16_t out_min, out_max;
} stapes_nn_add_16_layer;

STAPES_NN_API void stapes_nn_add_16(const stapes_nn_add_16_layer *layer, const int16_t *a, const int16_t *b,
                                    int16_t *out);

/* MUL with broadcasting. Rounds twice; -31 <= shift <= 0. */
typedef struct {
    int32_t shape[4];
    int32_t stride_a[4], stride_b[4];
    int32_t multiplier;
    int8_t shift;
    int16_t out_min, out_max;
} stapes_nn_mul_16_layer;

STAPES_NN_API void stapes_nn_mul_16(const stapes_nn_mul_16_layer *layer, const int16_t *a, const int16_t *b,
                                    int16_t *out);

/* QUANTIZE, RELU and LEAKY_RELU from or to int16: x less its zero point is rounded twice, with another factor where it
 * is negative. in and out are int16_t where wide_in and wide_out are 1, else int8_t. The compiler proves that the
 * results fit 30 bits. */
typedef struct {
    int32_t count;
    int32_t multiplier, multiplier_below;
    int8_t shift, shift_below;
    int8_t wide_in, wide_out;
    int16_t zero_in, zero_out;
    int16_t out_min, out_max;
} stapes_nn_rescale_16_layer;

STAPES_NN_API void stapes_nn_rescale_16(const stapes_nn_rescale_16_layer *layer, const void *in, void *out);

/* QUANTIZE from int16 to int32 with the zero point 0: x less its zero point is rounded twice. The compiler proves
 * |x << shift| < 2^31. */
typedef struct {
    int32_t count;
    int32_t multiplier;
    int8_t shift;
    int16_t zero_in;
} stapes_nn_rescale_32_layer;

STAPES_NN_API void stapes_nn_rescale_32(const stapes_nn_rescale_32_layer *layer, const int16_t *in, int8_t *out);

/* LOGISTIC and TANH of int16 to the scale 2^-15: between the entries of a table of the logistic function, at steps of
 * 1/24, they are straight lines. x * multiplier / 2^shift, rounded halves up, counts steps of 1/12288 (LOGISTIC), or
 * half of such steps (TANH). */
typedef struct {
    int32_t count;
    int32_t multiplier; /* 0 .. 2^15 - 1 */
    int8_t shift;       /* 0 .. 31 */
    int8_t is_tanh;
    const uint16_t *sigmoid; /* 256 values, 65536 times the function */
} stapes_nn_sigmoid_16_layer;

STAPES_NN_API void stapes_nn_sigmoid_16(const stapes_nn_sigmoid_16_layer *layer, const int16_t *in, int16_t *out);

/* AVERAGE_POOL_2D and MAX_POOL_2D in NHWC order. Taps outside of the input do not count. */
typedef struct {
    uint16_t batches;
    uint16_t in_height, in_width, channels;
    uint16_t out_height, out_width;
    uint16_t kernel_height, kernel_width;
    uint16_t stride_height, stride_width;
    uint16_t pad_top, pad_left;
    int16_t out_min, out_max;
    int8_t averages; /* 1: the average, 0: the maximum */
} stapes_nn_pool_16_layer;

STAPES_NN_API void stapes_nn_pool_16(const stapes_nn_pool_16_layer *layer, const int16_t *in, int16_t *out);

/* MEAN over any axes, as MEAN of int8. */
STAPES_NN_API void stapes_nn_mean_16(const stapes_nn_mean_layer *layer, const int16_t *in, int16_t *out);

/* SOFTMAX over the last axis of [rows][depth], to Q0.15. The tables hold exp and 1 / (1 + x) at every 128th int16, in
 * Q0.15. shift <= 14, depth < 2^16. */
typedef struct {
    int32_t rows, depth;
    int32_t multiplier;
    int8_t shift;
    const int16_t *exponentials, *reciprocals; /* 513 values each */
} stapes_nn_softmax_16_layer;

STAPES_NN_API void stapes_nn_softmax_16(const stapes_nn_softmax_16_layer *layer, const int16_t *in, int16_t *out);

/* CONCATENATION, SPLIT, SLICE, PAD and TRANSPOSE copy runs of `run` bytes, one for each index of `shape`, between two
 * arrays that must not overlap. Strides are in bytes. */
typedef struct {
    int32_t shape[5];
    int32_t in_stride[5], out_stride[5];
    int32_t run;
} stapes_nn_move_layer;

STAPES_NN_API void stapes_nn_move(const stapes_nn_move_layer *layer, const int8_t *in, int8_t *out);

/* SVDF: `rank` filters per unit, each of which remembers its features of the last `steps` steps. Rounds twice, the
 * feature to int16 and the unit to int8. The compiler proves that sums of features are below 2^31; the sum over time
 * wraps around, as LiteRT's does, and -31 <= out_shift < 0. */
typedef struct {
    int32_t batches, in_size, units, rank, steps;
    int32_t in_multiplier, in_shift, out_multiplier, out_shift;
    int32_t out_zero;
    const int8_t *weights;       /* [units][rank][in_size] */
    const int32_t *feature_bias; /* [units][rank]: -zero_point * (sum of weights) */
    const int16_t *time_weights; /* [units][rank][steps], the oldest first */
    const int32_t *bias;         /* [units] */
} stapes_nn_svdf_layer;

/* in and out have a row per batch. memory [batches][units][rank][steps] is a state: it is read and written, and must
 * be kept between calls. */
STAPES_NN_API void stapes_nn_svdf(const stapes_nn_svdf_layer *layer, const int8_t *in, int16_t *memory, int8_t *out);

/* SVDF whose memory and time weights are int8, as TensorFlow Lite Micro has it. A feature is rounded to int8, then
 * memory_zero is added modulo 2^8; otherwise as stapes_nn_svdf. */
typedef struct {
    int32_t batches, in_size, units, rank, steps;
    int32_t in_multiplier, in_shift, out_multiplier, out_shift;
    int32_t out_zero, memory_zero;
    const int8_t *weights;       /* [units][rank][in_size] */
    const int32_t *feature_bias; /* [units][rank]: -zero_point * (sum of weights) */
    const int8_t *time_weights;  /* [units][rank][steps], the oldest first */
    const int32_t *bias;         /* [units] */
} stapes_nn_svdf_8_layer;

STAPES_NN_API void stapes_nn_svdf_8(const stapes_nn_svdf_8_layer *layer, const int8_t *in, int8_t *memory,
                                    int8_t *out);

/* TRANSPOSE_CONV in NHWC order. Rounds twice. Only the taps that meet an input pixel count, so that in_zero is taken
 * from each value and `bias` is the model's. `weights`: int8_t
 * [out_channels][kernel_height][kernel_width][in_channels]; there is no dilation. The compiler proves |sum| < 2^31,
 * for all partial sums too, and |sum << shift| < 2^31. */
STAPES_NN_API void stapes_nn_transpose_conv(const stapes_nn_conv_layer *layer, const int8_t *in, int8_t *out);

/* BATCH_MATMUL: out[row][column] = sum(a[row][k] * b[k][column]), k below `depth`, for each of the batches, along
 * which an input may be repeated with a stride of 0. Rounds twice. Strides are in bytes. The compiler proves
 * |sum| < 2^31, for all partial sums too, and |sum << shift| < 2^31. */
typedef struct {
    int32_t batches[3], a_batch[3], b_batch[3];
    int32_t rows, columns, depth;
    int32_t a_row, a_step;    /* to the next row, to the next k */
    int32_t b_column, b_step; /* to the next column, to the next k; one of them is 1 */
    int32_t a_zero, b_zero, out_zero;
    int32_t multiplier, shift;
} stapes_nn_batch_matmul_layer;

STAPES_NN_API void stapes_nn_batch_matmul(const stapes_nn_batch_matmul_layer *layer, const int8_t *a, const int8_t *b,
                                          int8_t *out);

/* RESIZE_NEAREST_NEIGHBOR, GATHER and MIRROR_PAD, where their positions are too irregular for a move: for each block,
 * a run of `run` bytes per row and column, from in + rows[row] + columns[column]. Strides and offsets are in bytes. */
typedef struct {
    int32_t blocks, block_stride;
    int32_t row_count, column_count, run;
    const int32_t *rows, *columns;
} stapes_nn_take_layer;

STAPES_NN_API void stapes_nn_take(const stapes_nn_take_layer *layer, const int8_t *in, int8_t *out);

/* RESIZE_BILINEAR in NHWC order. Output pixel i lies at (start + i * step) / 2^10 of the input, along each axis. The
 * compiler proves -2^9 <= start + i * step < 2^10 * size. */
typedef struct {
    uint16_t batches;
    uint16_t in_height, in_width, channels;
    uint16_t out_height, out_width;
    int32_t row_start, row_step, column_start, column_step;
} stapes_nn_resize_bilinear_layer;

STAPES_NN_API void stapes_nn_resize_bilinear(const stapes_nn_resize_bilinear_layer *layer, const int8_t *in,
                                             int8_t *out);

#ifdef __cplusplus
}
#endif

#endif
