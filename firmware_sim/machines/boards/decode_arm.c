/* decode_arm.c -- the kind and registers of a Thumb-2 instruction, from the encodings of the Armv8-M architecture
 * reference manual (DDI0553), chapters C2.2 and C2.3. Apache-2.0. */
#include <string.h>

#include "instruction.h"

#define R(number) CORE_REGISTER(number)

static const unsigned SP = 13, LR = 14, PC = 15;

static int count_bits(uint32_t word)
{
    int count = 0;
    for (; word != 0; word &= word - 1) {
        count++;
    }
    return count;
}

/* A load whose destination is the program counter is a branch. */
static void finish_load(struct instruction *to)
{
    if (to->writes & R(PC)) {
        to->branch = BRANCH_FROM_MEMORY;
    }
}

static void load_or_store(struct instruction *to, int load, unsigned data, unsigned base, int narrow)
{
    to->kind = load ? KIND_load : KIND_store;
    to->addresses = R(base);
    to->narrow = narrow;
    *(load ? &to->writes : &to->stores) = R(data);
}

static void several(struct instruction *to, int load, uint32_t list, unsigned base)
{
    to->kind = load ? KIND_load_several : KIND_store_several;
    to->registers = count_bits(list);
    to->addresses = R(base);
    *(load ? &to->writes : &to->stores) = list;
    finish_load(to);
}

static void decode_16_data(uint32_t op, struct instruction *to)
{
    unsigned operation = BITS(op, 9, 6), first = BITS(op, 2, 0), second = BITS(op, 5, 3);
    to->kind = operation == 13 ? KIND_multiply_flags : KIND_alu;
    to->sets_flags = 1;
    to->reads = R(first) | R(second);
    if (operation == 9 || operation == 15) { /* RSB, MVN */
        to->reads = R(second);
    }
    if (operation != 8 && operation != 10 && operation != 11) { /* TST, CMP, CMN */
        to->writes = R(first);
    }
}

static void decode_16_high_registers(uint32_t op, struct instruction *to)
{
    unsigned operation = BITS(op, 9, 8), first = BITS(op, 2, 0) | BITS(op, 7, 7) << 3, second = BITS(op, 6, 3);
    to->simple = 1;
    if (operation == 3) { /* BX, BLX */
        to->kind = KIND_branch;
        to->branch = BRANCH_INDIRECT;
        to->reads = R(second);
        to->writes = BITS(op, 7, 7) ? R(LR) : 0;
        return;
    }
    to->reads = R(second) | (operation == 2 ? 0 : R(first));
    to->sets_flags = operation == 1;
    to->writes = operation == 1 ? 0 : R(first);
    if (to->writes & R(PC)) {
        to->branch = BRANCH_INDIRECT;
    }
}

static void decode_16_misc(uint32_t op, struct instruction *to)
{
    if ((op & 0xF500) == 0xB100) { /* CBZ, CBNZ */
        to->kind = KIND_branch;
        to->branch = BRANCH_CONDITIONAL;
        to->reads = R(BITS(op, 2, 0));
    } else if ((op & 0xFE00) == 0xB400) { /* PUSH */
        several(to, 0, (op & 0xFF) | BITS(op, 8, 8) << LR, SP);
        to->updates = R(SP);
    } else if ((op & 0xFE00) == 0xBC00) { /* POP */
        several(to, 1, (op & 0xFF) | BITS(op, 8, 8) << PC, SP);
        to->updates = R(SP);
    } else if ((op & 0xFF00) == 0xB000) { /* ADD, SUB of the stack pointer */
        to->simple = 1;
        to->reads = to->writes = R(SP);
    } else if ((op & 0xFF00) == 0xB200 || (op & 0xFF00) == 0xBA00) { /* extensions, reversals */
        to->kind = KIND_bits;
        to->early = 1;
        to->reads = R(BITS(op, 5, 3));
        to->writes = R(BITS(op, 2, 0));
    } else if ((op & 0xFF00) == 0xBF00) {
        to->kind = (op & 0xF) != 0 ? KIND_if_then : KIND_nop;
    } else {
        to->kind = KIND_system;
    }
}

static void decode_16_branch(uint32_t op, struct instruction *to)
{
    to->kind = BITS(op, 11, 8) == 15 && BITS(op, 15, 12) == 13 ? KIND_system : KIND_branch;
    to->branch = to->kind == KIND_system ? BRANCH_NONE : BRANCH_CONDITIONAL;
    to->backward = BITS(op, 7, 7) != 0;
    if (BITS(op, 15, 12) == 14) {
        to->branch = BRANCH_DIRECT;
        to->backward = BITS(op, 10, 10) != 0;
    }
}

static void decode_16(uint32_t op, struct instruction *to)
{
    static const int narrow_by_operation[8] = {0, 1, 1, 1, 0, 1, 1, 1};
    unsigned low = BITS(op, 2, 0), middle = BITS(op, 5, 3), high = BITS(op, 10, 8), major = BITS(op, 15, 11);
    if (major <= 3) { /* shifts by constants, sums */
        to->sets_flags = 1;
        to->simple = 1;
        to->reads = R(middle) | (major == 3 && !BITS(op, 10, 10) ? R(BITS(op, 8, 6)) : 0);
        to->writes = R(low);
    } else if (major <= 7) { /* MOV, CMP, ADD, SUB with constants */
        to->sets_flags = 1;
        to->simple = 1;
        to->reads = major == 4 ? 0 : R(high);
        to->writes = major == 5 ? 0 : R(high);
    } else if (BITS(op, 15, 10) == 16) {
        decode_16_data(op, to);
    } else if (BITS(op, 15, 10) == 17) {
        decode_16_high_registers(op, to);
    } else if (major == 9) {
        load_or_store(to, 1, high, PC, 0);
    } else if (BITS(op, 15, 12) == 5) {
        unsigned operation = BITS(op, 11, 9);
        load_or_store(to, operation >= 3, low, middle, narrow_by_operation[operation]);
        to->addresses |= R(BITS(op, 8, 6));
        to->kind = operation >= 3 ? KIND_load : KIND_store_indexed;
    } else if (major >= 12 && major <= 17) {
        load_or_store(to, BITS(op, 11, 11) != 0, low, middle, major >= 14);
    } else if (major == 18 || major == 19) {
        load_or_store(to, major == 19, high, SP, 0);
    } else if (major == 20 || major == 21) {
        to->simple = 1;
        to->reads = major == 21 ? R(SP) : 0;
        to->writes = R(high);
    } else if (BITS(op, 15, 12) == 11) {
        decode_16_misc(op, to);
    } else if (major == 24 || major == 25) {
        several(to, major == 25, op & 0xFF, high);
        to->updates = R(high);
    } else {
        decode_16_branch(op, to);
    }
}

/* LDM, STM, LDRD, STRD, exclusive accesses, table branches. */
static void decode_32_several(uint32_t one, uint32_t two, struct instruction *to)
{
    unsigned base = BITS(one, 3, 0), load = BITS(one, 4, 4);
    if (!BITS(one, 6, 6)) {
        several(to, load != 0, two, base);
        to->updates = BITS(one, 5, 5) ? R(base) : 0;
    } else if ((one & 0xFFF0) == 0xE8D0 && (two & 0xFFE0) == 0xF000) { /* TBB, TBH */
        to->kind = KIND_load;
        to->addresses = R(base) | R(BITS(two, 3, 0));
        to->branch = BRANCH_FROM_MEMORY;
    } else if (BITS(one, 8, 8) || BITS(one, 5, 5)) {
        several(to, load != 0, 0, base);
        to->registers = 2;
        *(load ? &to->writes : &to->stores) = R(BITS(two, 15, 12)) | R(BITS(two, 11, 8));
        to->updates = BITS(one, 5, 5) ? R(base) : 0;
    } else {
        load_or_store(to, load != 0, BITS(two, 15, 12), base, 0);
    }
}

static void decode_32_shifted(uint32_t one, uint32_t two, struct instruction *to)
{
    unsigned operation = BITS(one, 8, 5), first = BITS(one, 3, 0), destination = BITS(two, 11, 8);
    int shifted = (two & 0x70F0) != 0, moves = first == PC && (operation == 2 || operation == 3);
    to->reads = (moves ? 0 : R(first)) | R(BITS(two, 3, 0));
    to->writes = destination == PC ? 0 : R(destination);
    to->sets_flags = BITS(one, 4, 4) != 0;
    if (operation == 6) { /* PKHBT, PKHTB */
        to->kind = KIND_bits;
        to->early = 1;
    } else if (shifted && !moves) {
        to->kind = KIND_alu_shifted;
        to->early = 1;
    } else {
        to->simple = moves || operation == 8 || operation == 13;
    }
}

static void decode_32_constant(uint32_t one, uint32_t two, struct instruction *to)
{
    unsigned first = BITS(one, 3, 0), destination = BITS(two, 11, 8), operation = BITS(one, 8, 4);
    to->writes = destination == PC ? 0 : R(destination);
    if (BITS(one, 9, 9)) { /* plain constants: ADDW, MOVW, MOVT, SSAT, SBFX, BFI, USAT, UBFX */
        to->reads = operation == 4 || (operation == 0 && first == PC) ? 0 : R(first);
        to->simple = operation < 16;
        if (operation >= 16) {
            to->kind = operation == 22 ? KIND_insert : KIND_bits;
            to->early = 1;
        }
        if (operation == 12 || operation == 22) { /* MOVT and BFI change a part of the register */
            to->reads |= R(destination);
        }
        return;
    }
    unsigned form = BITS(one, 10, 10) << 3 | BITS(two, 14, 12); /* i:imm3; 4 and more: a shifted constant */
    to->reads = first == PC ? 0 : R(first);
    to->sets_flags = BITS(one, 4, 4) != 0;
    to->simple = form < 4;
    if (form >= 4 && first != PC) {
        to->kind = to->sets_flags ? KIND_flags_shifted : KIND_alu_shifted;
    }
}

static void decode_32_branch(uint32_t one, uint32_t two, struct instruction *to)
{
    if ((one & 0xFF80) == 0xF000 && (two & 0xD001) == 0xC001) { /* WLS, DLS, LE and their forms with predicates */
        int end = BITS(two, 15, 12) == 12 && (one & 0xFFCF) == 0xF00F;
        int start = BITS(two, 15, 12) == 12 && !end;
        to->kind = KIND_branch;
        to->branch = end ? BRANCH_LOOP : start ? BRANCH_CONDITIONAL : BRANCH_NONE;
        to->reads = end ? 0 : R(BITS(one, 3, 0));
        to->backward = end;
    } else if ((two & 0x5000) == 0x5000) { /* BL */
        to->kind = KIND_branch;
        to->branch = BRANCH_DIRECT;
        to->writes = R(LR);
    } else if ((two & 0x5000) == 0x1000) { /* B.W */
        to->kind = KIND_branch;
        to->branch = BRANCH_DIRECT;
        to->backward = BITS(one, 10, 10) != 0;
    } else if (BITS(one, 9, 7) != 7) {
        to->kind = KIND_branch;
        to->branch = BRANCH_CONDITIONAL;
        to->backward = BITS(one, 10, 10) != 0;
    } else {
        to->kind = (one & 0xFFF0) == 0xF3A0 && (two & 0xFF) == 0 ? KIND_nop : KIND_system;
    }
}

static void decode_32_memory(uint32_t one, uint32_t two, struct instruction *to)
{
    unsigned base = BITS(one, 3, 0), data = BITS(two, 15, 12), load = BITS(one, 4, 4), size = BITS(one, 6, 5);
    if (load && data == PC && size < 2) { /* PLD */
        to->kind = KIND_nop;
        return;
    }
    load_or_store(to, load != 0, data, base, size < 2);
    if (base != PC && !BITS(one, 7, 7)) {
        if (!BITS(two, 11, 11)) {
            to->addresses |= R(BITS(two, 3, 0));
            to->kind = load ? KIND_load : KIND_store_indexed;
        } else if (BITS(two, 8, 8)) {
            to->updates = R(base);
        }
    }
    finish_load(to);
}

static void decode_32_registers(uint32_t one, uint32_t two, struct instruction *to)
{
    unsigned first = BITS(one, 3, 0);
    to->reads = (first == PC ? 0 : R(first)) | R(BITS(two, 3, 0));
    to->writes = R(BITS(two, 11, 8));
    if (!BITS(one, 7, 7) && !BITS(two, 7, 7)) { /* shifts by a register */
        to->sets_flags = BITS(one, 4, 4) != 0;
        to->simple = 1;
        return;
    }
    to->kind = KIND_bits;
    to->early = 1;
}

static void decode_32_multiply(uint32_t one, uint32_t two, struct instruction *to)
{
    unsigned third = BITS(two, 15, 12), operation = BITS(one, 6, 4);
    to->reads = R(BITS(one, 3, 0)) | R(BITS(two, 3, 0));
    to->writes = R(BITS(two, 11, 8));
    if (!BITS(one, 7, 7)) {
        to->kind = third == PC ? KIND_multiply : KIND_accumulate;
        to->accumulates = third == PC ? 0 : R(third);
    } else if (operation == 1 || operation == 3) {
        to->kind = KIND_divide;
    } else {
        to->kind = operation == 0 || operation == 2 ? KIND_long_multiply : KIND_long_accumulate;
        to->writes |= R(third);
        to->accumulates = to->kind == KIND_long_accumulate ? to->writes : 0;
    }
    to->reads |= to->accumulates;
}

static uint64_t floats(unsigned first, unsigned count)
{
    return ((UINT64_C(1) << count) - 1) << 32 << (first & 31);
}

static uint64_t vector(unsigned number)
{
    return floats(4 * number, 4);
}

static void decode_vector_memory(uint32_t one, uint32_t two, struct instruction *to)
{
    unsigned destination = BITS(two, 15, 13), second = BITS(two, 3, 1), base = BITS(one, 3, 0);
    int load = BITS(one, 4, 4) != 0, gathers = !BITS(one, 8, 8) && !BITS(one, 5, 5);
    if ((one & 0xFFE0) == 0xEC00) { /* VMOV between two lanes and two core registers */
        to->kind = KIND_float_move;
        *(load ? &to->reads : &to->writes) = vector(destination);
        *(load ? &to->writes : &to->reads) |= R(base) | R(BITS(two, 3, 0));
        return;
    }
    to->kind = load ? KIND_vector_load : KIND_vector_store;
    if ((one & 0xFF00) == 0xFC00 && BITS(two, 12, 12)) { /* VLD2, VLD4, VST2, VST4 */
        gathers = 0;
        to->narrow = 1;
    }
    to->addresses = R(base) | (gathers ? vector(second) : 0);
    *(load ? &to->writes : &to->stores) = vector(destination);
    to->updates = BITS(one, 5, 5) && !gathers ? R(base) : 0;
}

/* What shares its encodings with Neon: sums, logic, products of vectors, shifts by constants. */
static void decode_vector_common(uint32_t one, uint32_t two, struct instruction *to)
{
    unsigned operation = BITS(two, 11, 8);
    to->reads = vector(BITS(two, 3, 1)) | (BITS(one, 7, 7) ? 0 : vector(BITS(one, 3, 1)));
    to->writes = vector(BITS(two, 15, 13));
    to->kind = KIND_vector_integer;
    if (!BITS(one, 7, 7)) { /* 5: VRSHL, VQRSHL */
        to->kind = operation == 9 || operation >= 11 ? KIND_vector_multiply
                   : operation == 5                  ? KIND_vector_shift
                                                     : KIND_vector_integer;
    } else if (BITS(two, 4, 4) && BITS(one, 5, 3) != 0) { /* by constants: VRSHR, VSRI, VSLI */
        int inserts = BITS(one, 12, 12) && (operation == 4 || operation == 5);
        to->kind = operation == 2 || inserts ? KIND_vector_shift : KIND_vector_integer;
        to->reads |= inserts ? to->writes : 0;
    }
}

static void decode_vector_sum(uint32_t one, uint32_t two, struct instruction *to)
{
    int of_products = BITS(two, 11, 8) != 15 || !BITS(one, 0, 0); /* else VADDV, VADDLV */
    to->kind = of_products ? KIND_vector_reduce : KIND_vector_integer;
    to->writes = R(BITS(two, 15, 13) << 1);
    to->accumulates = BITS(two, 5, 5) ? to->writes : 0;
    to->reads = (of_products ? vector(BITS(one, 3, 1)) : 0) | vector(BITS(two, 3, 1)) | to->accumulates;
}

/* The vector instructions of Armv8.1-M: coprocessor fields 14 and 15. */
static void decode_vector(uint32_t one, uint32_t two, struct instruction *to)
{
    unsigned operation = BITS(two, 11, 8);
    if ((one & 0xEE00) == 0xEC00) {
        decode_vector_memory(one, two, to);
        return;
    }
    if ((one & 0xEF00) == 0xEF00) {
        decode_vector_common(one, two, to);
        return;
    }
    if (BITS(one, 7, 7) && BITS(two, 7, 6) == 0) {
        decode_vector_sum(one, two, to);
        return;
    }
    to->kind = operation == 14 ? KIND_vector_multiply : KIND_vector_integer;
    to->reads = vector(BITS(one, 3, 1)) | (BITS(two, 6, 6) ? R(BITS(two, 3, 0)) : vector(BITS(two, 3, 1)));
    to->writes = vector(BITS(two, 15, 13));
    if (operation == 14 && BITS(one, 5, 4) == 3 && BITS(two, 6, 6)) { /* by a core register: VSHL, VRSHL */
        to->kind = BITS(one, 1, 1) ? KIND_vector_shift : KIND_vector_integer;
        to->reads = to->writes | R(BITS(two, 3, 0));
    } else if ((operation == 14 && BITS(one, 5, 4) == 3) || /* VMOVN, VQMOVN, VSHLL by the width of a lane */
               (operation == 15 && BITS(one, 7, 7) && BITS(two, 6, 6) && !(BITS(one, 5, 5) && BITS(two, 7, 7)))) {
        to->kind = KIND_vector_shift; /* VSHRN, VRSHRN, VSHLL, VMOVL */
        to->reads = vector(BITS(two, 3, 1));
    }
}

static void decode_float_memory(uint32_t one, uint32_t two, struct instruction *to)
{
    unsigned base = BITS(one, 3, 0), load = BITS(one, 4, 4), twice = BITS(two, 8, 8);
    unsigned data = twice ? (BITS(two, 15, 12) << 1) : (BITS(two, 15, 12) << 1 | BITS(one, 6, 6));
    unsigned count = twice ? 2 : 1;
    if ((one & 0xFFE0) == 0xEC40) { /* VMOV of two core registers */
        to->kind = KIND_float_move;
        *(load ? &to->writes : &to->reads) = R(BITS(two, 15, 12)) | R(BITS(one, 3, 0));
        return;
    }
    if ((one & 0x0120) == 0x0100) { /* VLDR, VSTR */
        load_or_store(to, load != 0, 0, base, 0);
        to->kind = load ? KIND_float_load : KIND_float_store;
    } else {
        count = BITS(two, 7, 0);
        several(to, load != 0, 0, base);
        to->updates = BITS(one, 5, 5) ? R(base) : 0;
    }
    *(load ? &to->writes : &to->stores) = floats(data, count > 31 ? 31 : count);
    if (count > 1) {
        to->kind = load ? KIND_load_several : KIND_store_several;
        to->registers = (int)count;
    }
}

static void decode_float(uint32_t one, uint32_t two, struct instruction *to)
{
    unsigned operation = BITS(one, 7, 4) & 11, destination = BITS(two, 15, 12) << 1 | BITS(one, 6, 6);
    if (BITS(two, 4, 4) && BITS(two, 11, 8) == 11 && BITS(one, 7, 7) && !BITS(one, 4, 4)) { /* VDUP */
        to->kind = KIND_vector_integer;
        to->reads = R(BITS(two, 15, 12));
        to->writes = vector(BITS(one, 3, 1));
        return;
    }
    if (BITS(two, 4, 4)) { /* moves between the core and the floats */
        unsigned single = BITS(one, 3, 0) << 1 | BITS(two, 7, 7);
        to->kind = KIND_float_move;
        *(BITS(one, 4, 4) ? &to->writes : &to->reads) = BITS(two, 15, 12) == PC ? 0 : R(BITS(two, 15, 12));
        *(BITS(one, 4, 4) ? &to->reads : &to->writes) |= floats(single, 1);
        return;
    }
    to->reads = floats(BITS(one, 3, 0) << 1 | BITS(two, 7, 7), 1) | floats(BITS(two, 3, 0) << 1 | BITS(two, 5, 5), 1);
    to->writes = floats(destination, 1);
    to->kind = KIND_float_alu;
    if (operation == 8 || (operation == 11 && BITS(one, 3, 0) == 1 && BITS(two, 7, 6) == 3)) { /* VDIV, VSQRT */
        to->kind = KIND_float_divide;
    } else if (operation <= 1 || operation == 9 || operation == 10) {
        to->kind = KIND_float_accumulate;
        to->accumulates = to->writes;
        to->reads |= to->writes;
    } else if (operation == 11 && (BITS(one, 3, 0) <= 1 || !BITS(two, 6, 6))) { /* VMOV, VABS, VNEG */
        to->kind = KIND_float_move;
    }
}

static void decode_32(uint32_t one, uint32_t two, struct instruction *to)
{
    if ((one & 0xEC00) == 0xEC00) {
        if (BITS(two, 11, 9) == 7 || (one & 0xEF00) == 0xEF00) {
            decode_vector(one, two, to);
        } else if ((one & 0xEE00) == 0xEC00) {
            decode_float_memory(one, two, to);
        } else {
            decode_float(one, two, to);
        }
    } else if ((one & 0xFE00) == 0xE800) {
        decode_32_several(one, two, to);
    } else if ((one & 0xFE00) == 0xEA00) {
        decode_32_shifted(one, two, to);
    } else if ((one & 0xF800) == 0xF000) {
        if (BITS(two, 15, 15)) {
            decode_32_branch(one, two, to);
        } else {
            decode_32_constant(one, two, to);
        }
    } else if ((one & 0xFE00) == 0xF800) {
        decode_32_memory(one, two, to);
    } else if ((one & 0xFF00) == 0xFA00) {
        decode_32_registers(one, two, to);
    } else if ((one & 0xFF00) == 0xFB00) {
        decode_32_multiply(one, two, to);
    }
}

void decode_arm(const uint8_t *bytes, uint64_t address, struct instruction *to)
{
    uint32_t one = (uint32_t)(bytes[0] | bytes[1] << 8);
    memset(to, 0, sizeof *to);
    to->address = address;
    to->bytes = BITS(one, 15, 11) >= 29 ? 4 : 2;
    if (to->bytes == 2) {
        decode_16(one, to);
    } else {
        decode_32(one, (uint32_t)(bytes[2] | bytes[3] << 8), to);
    }
}
