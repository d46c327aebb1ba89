/* decode_riscv.c -- the kind and registers of an RV32IMAC instruction with Zba, Zbb and Zbs, from the encodings of the
 * RISC-V unprivileged specification (20191213, chapters 2, 7, 8, 16 and 24). Apache-2.0. */
#include <string.h>

#include "instruction.h"

#define R(number) (CORE_REGISTER(number) & ~UINT64_C(1)) /* x0 is always ready */

static void load_or_store(struct instruction *to, int load, unsigned data, unsigned base, int narrow)
{
    to->kind = load ? KIND_load : KIND_store;
    to->addresses = R(base);
    to->narrow = narrow;
    *(load ? &to->writes : &to->stores) = R(data);
}

static void jump(struct instruction *to, enum branch_kind branch, int backward)
{
    to->kind = KIND_branch;
    to->branch = branch;
    to->backward = backward;
}

/* The instructions of quadrant 1: constants, sums, logic, jumps, branches. */
static void decode_compressed_1(uint32_t op, struct instruction *to)
{
    unsigned full = BITS(op, 11, 7), small = 8 + BITS(op, 9, 7), other = 8 + BITS(op, 4, 2),
             function = BITS(op, 15, 13);
    if (function == 1 || function == 5) { /* C.JAL, C.J */
        jump(to, BRANCH_DIRECT, BITS(op, 12, 12) != 0);
        to->writes = function == 1 ? R(1) : 0;
    } else if (function >= 6) {
        jump(to, BRANCH_CONDITIONAL, BITS(op, 12, 12) != 0);
        to->reads = R(small);
    } else if (function == 4) {
        to->reads = R(small) | (BITS(op, 11, 10) == 3 ? R(other) : 0);
        to->writes = R(small);
    } else {
        to->reads = function == 0 || (function == 3 && full == 2) ? R(full) : 0;
        to->writes = R(full);
    }
}

static void decode_compressed_2(uint32_t op, struct instruction *to)
{
    unsigned full = BITS(op, 11, 7), other = BITS(op, 6, 2), function = BITS(op, 15, 13);
    if (function == 2) {
        load_or_store(to, 1, full, 2, 0);
    } else if (function == 6) {
        load_or_store(to, 0, other, 2, 0);
    } else if (function == 4 && other == 0) {
        jump(to, BRANCH_INDIRECT, 0);
        to->kind = full == 0 ? KIND_system : KIND_branch;
        to->reads = R(full);
        to->writes = BITS(op, 12, 12) ? R(1) : 0;
    } else {
        to->reads = function == 4 ? R(other) | (BITS(op, 12, 12) ? R(full) : 0) : R(full);
        to->writes = R(full);
    }
}

static void decode_compressed(uint32_t op, struct instruction *to)
{
    unsigned small = 8 + BITS(op, 9, 7), other = 8 + BITS(op, 4, 2), function = BITS(op, 15, 13);
    if ((op & 3) == 1) {
        decode_compressed_1(op, to);
    } else if ((op & 3) == 2) {
        decode_compressed_2(op, to);
    } else if (function == 2 || function == 6) {
        load_or_store(to, function == 2, other, small, 0);
    } else { /* C.ADDI4SPN */
        to->reads = R(2);
        to->writes = R(other);
    }
}

static void decode_register_sum(uint32_t op, struct instruction *to)
{
    unsigned function = BITS(op, 14, 12);
    if (BITS(op, 31, 25) == 1) {
        to->kind = function >= 4 ? KIND_divide : function == 0 ? KIND_multiply : KIND_long_multiply;
    } else if (BITS(op, 31, 25) != 0 && BITS(op, 31, 25) != 32) { /* Zba, Zbb, Zbs */
        to->kind = KIND_bits;
    }
    to->reads = R(BITS(op, 19, 15)) | R(BITS(op, 24, 20));
    to->writes = R(BITS(op, 11, 7));
}

static void decode_full(uint32_t op, struct instruction *to)
{
    unsigned destination = BITS(op, 11, 7), first = BITS(op, 19, 15), second = BITS(op, 24, 20);
    switch (BITS(op, 6, 0)) {
    case 0x03:
        load_or_store(to, 1, destination, first, BITS(op, 13, 12) < 2);
        break;
    case 0x23:
        load_or_store(to, 0, second, first, BITS(op, 13, 12) < 2);
        break;
    case 0x13: /* sums with constants */
        to->reads = R(first);
        to->writes = R(destination);
        break;
    case 0x17: /* AUIPC */
    case 0x37:
        to->writes = R(destination);
        break;
    case 0x33:
        decode_register_sum(op, to);
        break;
    case 0x63:
        jump(to, BRANCH_CONDITIONAL, BITS(op, 31, 31) != 0);
        to->reads = R(first) | R(second);
        break;
    case 0x67:
        jump(to, BRANCH_INDIRECT, 0);
        to->reads = R(first);
        to->writes = R(destination);
        break;
    case 0x6F:
        jump(to, BRANCH_DIRECT, BITS(op, 31, 31) != 0);
        to->writes = R(destination);
        break;
    case 0x2F:
        load_or_store(to, 1, destination, first, 0);
        break;
    default:
        to->kind = KIND_system;
    }
}

void decode_riscv(const uint8_t *bytes, uint64_t address, struct instruction *to)
{
    uint32_t low = (uint32_t)(bytes[0] | bytes[1] << 8);
    memset(to, 0, sizeof *to);
    to->address = address;
    to->bytes = (low & 3) == 3 ? 4 : 2;
    if (to->bytes == 2) {
        decode_compressed(low, to);
    } else {
        decode_full(low | (uint32_t)(bytes[2] | bytes[3] << 8) << 16, to);
    }
}
