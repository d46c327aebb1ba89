/* stapes_nn_layout.h -- in which order a layer's weights lie, by kind of processor. Apache-2.0.
 *
 *   STAPES_NN_ROWS  one row of weights per output channel, as in the .tflite: any processor, also the host
 *   STAPES_NN_DSP   Armv7E-M and Armv8-M with the DSP extension (Cortex-M4, M7, M33): SMLAD
 *   STAPES_NN_MVE   Armv8.1-M with Helium (Cortex-M55, M85): VMLADAVA
 *   STAPES_NN_HOST  laptops and servers: the compiler's vectors, AVX2 and VNNI where the build has them
 *
 * All but the first are for little-endian processors only: the kernels take words of weights apart.
 *
 * The C compiler's own macros choose the layout; -DSTAPES_NN_LAYOUT=... overrides them. Where a model was compiled for
 * one layout only, `stapes compile` replaces the choice below by that layout. */
#ifndef STAPES_NN_LAYOUT_H
#define STAPES_NN_LAYOUT_H

#if defined(__BIG_ENDIAN__) || defined(__ARM_BIG_ENDIAN) || \
    (defined(__BYTE_ORDER__) && defined(__ORDER_BIG_ENDIAN__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)
#define STAPES_NN_BIG_ENDIAN 1
#else
#define STAPES_NN_BIG_ENDIAN 0
#if defined(__BYTE_ORDER__) && defined(__ORDER_LITTLE_ENDIAN__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the kernels need a little-endian or a big-endian processor: this one has another order of bytes"
#endif
#endif
#if defined(__INT_MAX__) && __INT_MAX__ < 2147483647
#error "the kernels need an int of 32 bits: build for a processor whose compiler has one"
#endif

#define STAPES_NN_ROWS 0
#define STAPES_NN_DSP 1
#define STAPES_NN_MVE 2
#define STAPES_NN_HOST 3

#ifndef STAPES_NN_LAYOUT
#if STAPES_NN_BIG_ENDIAN
#define STAPES_NN_LAYOUT STAPES_NN_ROWS
#elif defined(__ARM_FEATURE_MVE)
#define STAPES_NN_LAYOUT STAPES_NN_MVE
#elif defined(__ARM_FEATURE_DSP) && \
    !defined(__clang__) /* clang cannot compile the assembly; without it ROWS is faster */
#define STAPES_NN_LAYOUT STAPES_NN_DSP
#elif defined(__AVX2__) || defined(__aarch64__)
#define STAPES_NN_LAYOUT STAPES_NN_HOST
#else
#define STAPES_NN_LAYOUT STAPES_NN_ROWS
#endif
#endif

#if STAPES_NN_BIG_ENDIAN && STAPES_NN_LAYOUT != STAPES_NN_ROWS
#error "this model is packed for a kind of little-endian processors: compile it with --target portable"
#endif

#endif
