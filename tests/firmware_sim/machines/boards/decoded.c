/* decoded.c -- prints what the decoders of the counting plugin know of instructions. Apache-2.0.
 *
 * The standard input holds one instruction per line: its instruction set (arm or riscv), its length in bytes, and its
 * bytes in hexadecimal digits, as they lie in memory: "arm 2 70 47". A line of the output holds its kind, its branch,
 * whether that branch goes back, and its length. */
#include <stdio.h>
#include <string.h>

#include "instruction.h"

#define KIND_NAME(name) #name,
static const char *const kinds[] = {INSTRUCTION_KINDS(KIND_NAME)};
static const char *const branches[] = {"none", "direct", "conditional", "indirect", "from_memory", "loop"};

int main(void)
{
    char set[8];
    unsigned size, byte;
    while (scanf("%7s %u", set, &size) == 2) {
        uint8_t bytes[4] = {0, 0, 0, 0};
        struct instruction one;
        for (unsigned i = 0; i < size && i < sizeof bytes && scanf("%x", &byte) == 1; i++) {
            bytes[i] = (uint8_t)byte;
        }
        (strcmp(set, "riscv") == 0 ? decode_riscv : decode_arm)(bytes, 0, &one);
        printf("%s %s %d %d\n", kinds[one.kind], branches[one.branch], one.backward, one.bytes);
    }
    return 0;
}
