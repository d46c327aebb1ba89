/* string.c -- the functions of libc/string.h: a word at a time where both sides are aligned, else byte by byte.
 * Apache-2.0.
 *
 * It must be built with -fno-tree-loop-distribute-patterns, or the compiler would turn the loops into calls of these
 * same functions. */
#include <stdint.h>
#include <string.h>

typedef uint32_t __attribute__((may_alias)) word;

static int both_aligned(const void *a, const void *b)
{
    return (((uintptr_t)a | (uintptr_t)b) & 3U) == 0;
}

/* Copy from the lowest address up. If out <= in, each word is read before anything is written to its address. */
static inline void copy_up(unsigned char *out, const unsigned char *in, size_t bytes)
{
    if (both_aligned(out, in)) {
        for (; bytes >= 16; bytes -= 16, out += 16, in += 16) {
            word a = ((const word *)in)[0], b = ((const word *)in)[1], c = ((const word *)in)[2],
                 d = ((const word *)in)[3];
            ((word *)out)[0] = a, ((word *)out)[1] = b, ((word *)out)[2] = c, ((word *)out)[3] = d;
        }
        for (; bytes >= 4; bytes -= 4, out += 4, in += 4) {
            *(word *)out = *(const word *)in;
        }
    }
    while (bytes-- > 0) {
        *out++ = *in++;
    }
}

void *memcpy(void *restrict to, const void *restrict from, size_t bytes)
{
    copy_up(to, from, bytes);
    return to;
}

void *memmove(void *to, const void *from, size_t bytes)
{
    unsigned char *out = to;
    const unsigned char *in = from;

    if ((uintptr_t)out <= (uintptr_t)in) {
        copy_up(out, in, bytes);
    } else {
        while (bytes-- > 0) {
            out[bytes] = in[bytes];
        }
    }
    return to;
}

void *memset(void *to, int value, size_t bytes)
{
    unsigned char *out = to;
    unsigned char byte = (unsigned char)value;

    if (both_aligned(to, to)) {
        word four = byte * 0x01010101U;
        for (; bytes >= 4; bytes -= 4, out += 4) {
            *(word *)out = four;
        }
    }
    while (bytes-- > 0) {
        *out++ = byte;
    }
    return to;
}

int memcmp(const void *left, const void *right, size_t bytes)
{
    const unsigned char *a = left, *b = right;

    for (; bytes > 0; bytes--, a++, b++) {
        if (*a != *b) {
            return *a < *b ? -1 : 1;
        }
    }
    return 0;
}
