/* instruction.h -- what the counting plugin knows of one machine instruction: its kind and the registers that it needs
 * and gives. The decoders fill it from the instruction's bytes, the model of the core prices it. Apache-2.0. */
#ifndef STAPES_INSTRUCTION_H
#define STAPES_INSTRUCTION_H

#include <stdint.h>

/* Kinds of instructions with one price each; their names are the keys of core_timing.py. */
/* clang-format off */
#define INSTRUCTION_KINDS(X) \
    X(alu)            /* moves, sums, logic, comparisons, simple shifts */ \
    X(alu_shifted)    /* with a register or constant that is shifted on the way */ \
    X(flags_shifted)  /* with a shifted constant, and it sets flags */ \
    X(bits)           /* bit fields, extensions, reversals, parallel and saturating sums */ \
    X(insert)         /* BFI, BFC */ \
    X(multiply)       /* 32 x 32 -> 32 bits and products of half words */ \
    X(multiply_flags) /* the 16-bit MULS, which sets flags */ \
    X(accumulate)     /* products that are added to a register: MLA, SMLAD, SMLABB */ \
    X(long_multiply)  /* 64-bit products */ \
    X(long_accumulate) \
    X(divide) \
    X(load) \
    X(store) \
    X(store_indexed) /* the address is the sum of two registers */ \
    X(load_several)  /* LDM, POP, LDRD, VLDM */ \
    X(store_several) \
    X(float_load) \
    X(float_store) \
    X(branch) \
    X(if_then) \
    X(nop) \
    X(system) /* barriers, special registers, semihosting */ \
    X(float_alu) \
    X(float_move) \
    X(float_accumulate) \
    X(float_divide) \
    X(vector_load) \
    X(vector_store) \
    X(vector_integer) \
    X(vector_shift) /* shifts and moves that round, widen or narrow, and those that insert */ \
    X(vector_multiply) \
    X(vector_reduce) /* a sum of products into core registers */
/* clang-format on */
#define INSTRUCTION_KIND(name) KIND_##name,
enum instruction_kind { INSTRUCTION_KINDS(INSTRUCTION_KIND) KINDS };

enum branch_kind {
    BRANCH_NONE,
    BRANCH_DIRECT,      /* always, to a fixed address */
    BRANCH_CONDITIONAL, /* to a fixed address */
    BRANCH_INDIRECT,    /* to an address from a register */
    BRANCH_FROM_MEMORY, /* to an address that is loaded */
    BRANCH_LOOP         /* LE, LETP of Armv8.1-M */
};

/* Register sets: bits 0 to 31 are core registers (Arm uses 16), bits 32 to 63 single-precision floats; the vector
 * register q owns the four floats from 4 q on. */
#define CORE_REGISTER(number) (UINT64_C(1) << (number))

struct instruction {
    uint64_t address;
    uint64_t reads;       /* what must be ready when it begins, addresses aside */
    uint64_t addresses;   /* what its address is made of */
    uint64_t accumulates; /* what is added last; also in `reads` */
    uint64_t stores;      /* what a store writes; not in `reads` */
    uint64_t writes;
    uint64_t updates; /* the base register that a load or store changes */
    enum instruction_kind kind;
    enum branch_kind branch;
    int bytes;     /* 2 or 4 */
    int registers; /* that a load_several or store_several moves */
    int narrow;    /* a load of a byte, a half word or interleaved vectors */
    int sets_flags;
    int backward; /* a direct branch whose target lies before it */
    int early;    /* its operands are needed a cycle earlier on cores with an early and a late ALU */
    int simple;   /* sums and moves, which such cores can do early */
};

static inline int is_load(const struct instruction *one)
{
    return one->kind == KIND_load || one->kind == KIND_load_several || one->kind == KIND_float_load ||
           one->kind == KIND_vector_load;
}

/* The bits high to low of a word, in its lowest places. */
#define BITS(word, high, low) (((word) >> (low)) & ((1u << ((high) - (low) + 1)) - 1u))

/* Fill `to` from the 2 or 4 bytes of an instruction; unknown ones become KIND_alu without registers. */
void decode_arm(const uint8_t *bytes, uint64_t address, struct instruction *to);
void decode_riscv(const uint8_t *bytes, uint64_t address, struct instruction *to);

#endif
