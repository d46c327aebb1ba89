/* core_model.c -- see core_model.h. Apache-2.0.
 *
 * Instructions begin in order. One begins when the one before it has left the first stage, its operands are ready and
 * its unit is free. A pair of them may begin in one cycle on cores that issue two. */
#include "core_model.h"

#include <stdlib.h>
#include <string.h>

enum unit { UNIT_NONE = -1, UNIT_MEMORY, UNIT_INTEGER, UNIT_MULTIPLY };

static int larger(int a, int b)
{
    return a > b ? a : b;
}

static int latest(const int *ready, uint64_t registers, int begin)
{
    for (int number = 0; registers != 0; number++, registers >>= 1) {
        if (registers & 1) {
            begin = larger(begin, ready[number]);
        }
    }
    return begin;
}

static void set_ready(int *ready, uint64_t registers, int when)
{
    for (int number = 0; registers != 0; number++, registers >>= 1) {
        if (registers & 1) {
            ready[number] = when;
        }
    }
}

static int is_store(const struct instruction *one)
{
    return one->kind == KIND_store || one->kind == KIND_store_indexed || one->kind == KIND_store_several ||
           one->kind == KIND_float_store || one->kind == KIND_vector_store;
}

static int is_multiply(const struct instruction *one)
{
    return one->kind >= KIND_multiply && one->kind <= KIND_long_accumulate;
}

static int is_single_access(const struct instruction *one)
{
    return one->kind == KIND_load || one->kind == KIND_store || one->kind == KIND_store_indexed;
}

static enum unit unit_of(const struct instruction *one)
{
    switch (one->kind) {
    case KIND_vector_load:
    case KIND_vector_store:
        return UNIT_MEMORY;
    case KIND_vector_integer:
    case KIND_vector_shift:
        return UNIT_INTEGER;
    case KIND_vector_multiply:
    case KIND_vector_reduce:
        return UNIT_MULTIPLY;
    default:
        return UNIT_NONE;
    }
}

static int issue_cycles(const struct core *core, const struct instruction *one)
{
    int cycles = core->issue[one->kind];
    if (one->kind == KIND_load_several || one->kind == KIND_store_several) {
        cycles += (one->registers + core->words_per_cycle - 1) / core->words_per_cycle;
    }
    return cycles;
}

/* Two 16-bit instructions of which the second does no work in the ALU. */
static int is_short_pair(const struct instruction *older, const struct instruction *younger)
{
    return older->bytes == 2 && younger->bytes == 2 && older->kind != KIND_branch && older->kind != KIND_system &&
           (younger->kind == KIND_nop || younger->kind == KIND_if_then || younger->kind == KIND_branch);
}

static int uses_shifter(const struct instruction *one)
{
    return one->kind >= KIND_alu_shifted && one->kind <= KIND_insert;
}

static int can_pair(const struct instruction *one)
{
    return one->kind != KIND_load_several && one->kind != KIND_store_several && one->kind != KIND_divide &&
           one->kind != KIND_system && one->kind != KIND_float_divide;
}

/* Any two instructions that share no unit; whether operands are ready is seen elsewhere. */
static int is_full_pair(const struct instruction *older, const struct instruction *younger)
{
    int two_floats = older->kind >= KIND_float_alu && younger->kind >= KIND_float_alu;
    return can_pair(older) && can_pair(younger) && !two_floats && !(uses_shifter(older) && uses_shifter(younger)) &&
           !(is_multiply(older) && is_multiply(younger)) && !(is_store(older) && is_store(younger)) &&
           !(is_multiply(older) && is_store(younger)) && !(is_store(older) && is_multiply(younger)) &&
           !(older->branch != BRANCH_NONE && younger->branch != BRANCH_NONE);
}

static int may_pair(const struct core *core, const struct pipeline *state, const struct instruction *next)
{
    if (state->last.bytes == 0 || state->paired) {
        return 0;
    }
    switch (core->issue_width) {
    case SHORT_PAIRS:
        return is_short_pair(&state->last, next);
    case FULL_PAIRS:
        return is_full_pair(&state->last, next);
    default:
        return 0;
    }
}

/* When all operands of `next` are ready, if it does not begin before `begin`. */
static int operands_ready(const struct core *core, const struct pipeline *state, const struct instruction *next,
                          int begin)
{
    uint64_t plain = next->reads & ~next->accumulates;
    int early = core->early_stage == EARLY_AND_LATE_ALU && next->early;
    begin = latest(early ? state->ready_early : state->ready, plain, begin);
    begin = latest(state->ready_early, next->addresses, begin);
    return latest(state->ready_late, next->accumulates | next->stores, begin);
}

/* The stall behind single loads and stores of cores whose bus has an address and a data phase. */
static int bus_stall(const struct core *core, const struct instruction *last, const struct instruction *next)
{
    if (last->bytes == 0) {
        return 0;
    }
    if (last->kind == KIND_load && !is_single_access(next) && next->kind != KIND_nop) {
        return core->load_tail;
    }
    if (is_store(last) && last->kind != KIND_store_several && next->kind == KIND_load) {
        return core->store_then_load;
    }
    return 0;
}

/* Note when the results of `one`, which began at `begin`, are ready. */
static void note_results(const struct core *core, struct pipeline *state, const struct instruction *one, int begin)
{
    int ready = begin + core->latency[one->kind] + (one->narrow && is_load(one) ? core->narrow_load : 0);
    int early = ready, late = larger(begin + 1, ready - 1);
    if (one->kind == KIND_load_several) {
        ready += (one->registers - 1) / core->words_per_cycle;
        early = late = ready;
    }
    if (core->early_stage == EARLY_ADDRESSES) {
        early = larger(begin + 2, ready);
    } else if (core->early_stage == EARLY_AND_LATE_ALU) {
        int in_early_alu = one->simple && !state->paired && latest(state->ready_early, one->reads, begin) <= begin;
        ready -= in_early_alu;
        late = in_early_alu || is_load(one) ? begin : late;
        early = ready + 1;
    }
    set_ready(state->ready, one->writes, ready);
    set_ready(state->ready_early, one->writes, early);
    set_ready(state->ready_late, one->writes, late);
    set_ready(state->ready, one->updates, begin + 1);
    set_ready(state->ready_early, one->updates, begin + 1 + (core->early_stage == EARLY_ADDRESSES));
    set_ready(state->ready_late, one->updates, begin + 1);
}

/* Return the cycle in which `next` begins. */
static int begin_next(const struct core *core, struct pipeline *state, const struct instruction *next)
{
    enum unit unit = unit_of(next);
    int begin = state->next_begin;
    state->paired = may_pair(core, state, next) && operands_ready(core, state, next, begin - 1) == begin - 1;
    if (state->paired) {
        begin--;
    } else {
        begin = operands_ready(core, state, next, begin + bus_stall(core, &state->last, next));
        if (unit != UNIT_NONE) {
            begin = larger(begin, state->unit_free[unit]);
        }
        int folds = core->it_folds && next->kind == KIND_if_then && state->last.bytes == 2;
        state->next_begin = begin + (folds ? 0 : issue_cycles(core, next));
    }
    if (unit != UNIT_NONE) {
        state->unit_free[unit] = begin + core->vector_beats;
    }
    return begin;
}

/* The cycles that the branch `last` adds when it is taken; `before` is the instruction before it. */
static int taken_extra(const struct core *core, const struct instruction *before, const struct instruction *last,
                       int paired)
{
    switch (last->branch) {
    case BRANCH_NONE:
        return 0;
    case BRANCH_INDIRECT:
        return core->taken_indirect;
    case BRANCH_FROM_MEMORY:
        return core->taken_from_memory;
    default:
        break;
    }
    /* A branch that shares its cycle with the instruction that sets its flags has to wait for them. */
    int waits = core->issue_width == SHORT_PAIRS && paired && before->sets_flags;
    if (last->branch == BRANCH_DIRECT) {
        return (last->writes != 0 ? core->taken_call : core->taken_always) + waits;
    }
    return core->taken + waits;
}

/* Count the cycles of what ran before from the start of the run that follows it. */
static void begin_run(struct pipeline *state)
{
    for (int number = 0; number < REGISTERS; number++) {
        state->ready[number] -= state->next_begin;
        state->ready_early[number] -= state->next_begin;
        state->ready_late[number] -= state->next_begin;
    }
    for (int unit = 0; unit < UNITS; unit++) {
        state->unit_free[unit] -= state->next_begin;
    }
    state->next_begin = 0;
}

struct price core_price(const struct core *core, const struct instruction *run, size_t length, struct pipeline *state,
                        int *before)
{
    struct instruction older = state->last;
    struct price price = {0, 0};
    begin_run(state);
    for (size_t i = 0; i < length; i++) {
        int begin = begin_next(core, state, &run[i]);
        if (before != NULL) {
            before[i] = begin;
        }
        older = state->last;
        state->last = run[i];
        note_results(core, state, &run[i], begin);
    }
    price.cycles = state->next_begin;
    price.taken_extra = taken_extra(core, &older, &state->last, state->paired);
    return price;
}

#define KIND_NAME(name) #name,
static const char *const kind_names[] = {INSTRUCTION_KINDS(KIND_NAME)};

int core_set(struct core *core, const char *name, const char *value)
{
    char *rest;
    int first = (int)strtol(value, &rest, 10);
    for (int kind = 0; kind < KINDS; kind++) {
        if (strcmp(name, kind_names[kind]) == 0 && *rest == ':') {
            core->issue[kind] = first;
            core->latency[kind] = (int)strtol(rest + 1, NULL, 10);
            return 1;
        }
    }
#define SET_PROPERTY(property)          \
    if (strcmp(name, #property) == 0) { \
        core->property = first;         \
        return 1;                       \
    }
    CORE_PROPERTIES(SET_PROPERTY)
    return 0;
}
