/* core_model.h -- the price, in cycles, of a straight run of instructions on an in-order core. Apache-2.0. */
#ifndef STAPES_CORE_MODEL_H
#define STAPES_CORE_MODEL_H

#include <stddef.h>

#include "instruction.h"

/* The properties of a core, in cycles where nothing else is said. core_timing.py holds their values and sources, and
 * says what each of them means. */
/* clang-format off */
#define CORE_PROPERTIES(X) \
    X(load_tail) X(store_then_load) X(early_stage) X(narrow_load) X(words_per_cycle) \
    X(issue_width) X(it_folds) X(predictor) X(miss) X(taken) X(taken_always) \
    X(taken_call) X(taken_indirect) X(taken_from_memory) X(straddling_target) X(vector_beats)
/* clang-format on */
#define CORE_PROPERTY(name) int name;
struct core {
    int issue[KINDS];   /* how long an instruction keeps the next one from beginning */
    int latency[KINDS]; /* from its beginning to that of an instruction that needs its result */
    CORE_PROPERTIES(CORE_PROPERTY)
};

enum { SINGLE_ISSUE = 1, SHORT_PAIRS = 2, FULL_PAIRS = 3 };                 /* issue_width */
enum { NO_EARLY_STAGE = 0, EARLY_ADDRESSES = 1, EARLY_AND_LATE_ALU = 2 };   /* early_stage */
enum { NO_PREDICTOR = 0, TWO_BIT_PREDICTOR = 1, LAST_BACKWARD_BRANCH = 2 }; /* predictor */

struct price {
    int cycles;      /* when the branch at its end is not taken */
    int taken_extra; /* more when it is */
};

/* Set the property `name` from the text `value`: "2" for a property, "1:2" for issue and latency of a kind of
 * instructions. Return 0 when there is none of this name. */
int core_set(struct core *core, const char *name, const char *value);

enum { REGISTERS = 64, UNITS = 3 };

/* What the instructions that have begun leave to the next one. Cycles are counted from the start of a run. */
struct pipeline {
    struct instruction last;    /* of 0 bytes: none, or one that has left nothing */
    int next_begin;             /* the earliest of the next instruction */
    int paired;                 /* the last instruction shares its cycle with the one before it */
    int ready[REGISTERS];       /* when results can be used as most operands */
    int ready_early[REGISTERS]; /* for addresses, and for operands that an early stage needs */
    int ready_late[REGISTERS];  /* for what is added last to a product, and for what is stored */
    int unit_free[UNITS];       /* vector units */
};

/* Price a run of instructions. `state` is what ran before has left, in the cycles of its own run; a state of zeros
 * stands for nothing: every operand is ready. It becomes what this run leaves. Where `before` is not NULL, before[i]
 * becomes the cycles until instruction i begins. */
struct price core_price(const struct core *core, const struct instruction *run, size_t length, struct pipeline *state,
                        int *before);

#endif
