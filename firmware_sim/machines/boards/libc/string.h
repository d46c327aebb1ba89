/* string.h -- the four functions of <string.h> that device code may use, for toolchains without a C library.
 * Apache-2.0. */
#ifndef STAPES_BOARD_STRING_H
#define STAPES_BOARD_STRING_H

#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t bytes);
void *memmove(void *to, const void *from, size_t bytes);
void *memset(void *to, int value, size_t bytes);
int memcmp(const void *left, const void *right, size_t bytes);

#endif
