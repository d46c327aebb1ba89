/* xtensa_arithmetic.c -- functions that GCC calls on a Xtensa LX106, and that Debian's compiler lacks: products of 64
 * bits and division. They are counted as part of the program. Apache-2.0. */
#include <stdint.h>

uint64_t __muldi3(uint64_t a, uint64_t b);
uint32_t __udivsi3(uint32_t a, uint32_t b);
uint32_t __umodsi3(uint32_t a, uint32_t b);
int32_t __divsi3(int32_t a, int32_t b);

/* The low 64 bits of the product. The core multiplies 16 x 16 and 32 x 32 to 32 bits. */
uint64_t __muldi3(uint64_t a, uint64_t b)
{
    uint32_t a_low = (uint32_t)a, b_low = (uint32_t)b;
    uint32_t a0 = a_low & 0xFFFFU, a1 = a_low >> 16, b0 = b_low & 0xFFFFU, b1 = b_low >> 16;
    uint32_t low = a0 * b0;                                   /* < 2^32 */
    uint32_t middle = a1 * b0 + (low >> 16);                  /* <= (2^16 - 1)^2 + 2^16 - 1 < 2^32 */
    uint32_t other = a0 * b1 + (middle & 0xFFFFU);            /* the same */
    uint32_t high = a1 * b1 + (middle >> 16) + (other >> 16); /* the product of 32 x 32 bits has 64 bits */

    high += (uint32_t)(a >> 32) * b_low + a_low * (uint32_t)(b >> 32); /* modulo 2^32 */
    return (uint64_t)high << 32 | other << 16 | (low & 0xFFFFU);
}

uint32_t __udivsi3(uint32_t a, uint32_t b)
{
    uint32_t quotient = 0, bit = 1;

    if (b == 0) {
        return 0xFFFFFFFFU;
    }
    while (b < a && (b & 0x80000000U) == 0) {
        b <<= 1;
        bit <<= 1;
    }
    for (; bit != 0; bit >>= 1, b >>= 1) {
        if (a >= b) {
            a -= b;
            quotient |= bit;
        }
    }
    return quotient;
}

uint32_t __umodsi3(uint32_t a, uint32_t b)
{
    return a - __udivsi3(a, b) * b;
}

int32_t __divsi3(int32_t a, int32_t b)
{
    uint32_t quotient = __udivsi3(a < 0 ? 0U - (uint32_t)a : (uint32_t)a, b < 0 ? 0U - (uint32_t)b : (uint32_t)b);

    return (int32_t)((a < 0) != (b < 0) ? 0U - quotient : quotient);
}
