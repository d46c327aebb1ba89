/* count_plugin.c -- a QEMU plugin (interface 1) that counts executed instructions, and the cycles that a core would
 * need for them from memory without wait states. Apache-2.0. Arguments:
 *
 *   out=FILE          the file to which the counts are written
 *   region=BEGIN:END  hexadecimal addresses of two instructions: the region is opened when BEGIN runs and closed when
 *                     END runs next, and then a line "region NUMBER" and the five counts is written; BEGIN is counted,
 *                     END is not
 *   profile=on        at the end also write a line "run ADDRESS" and the five counts for each run of instructions
 *   isa=arm|riscv     also count cycles, words fetched, reads of the flash and taken branches
 *   flash=BEGIN:END   hexadecimal addresses of the flash, for its reads
 *   NAME=VALUE        a property of the core, see core_model.h
 *
 * The five counts are instructions, cycles, 32-bit words of code fetched, reads of data from the flash, taken
 * branches. The last line is "total" and the five counts. Without isa= all but the instructions are 0. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core_model.h"

/* The part of the interface that is used here. Its header is not in Debian's packages. */
typedef uint64_t qemu_plugin_id_t;
typedef uint32_t qemu_plugin_meminfo_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum { QEMU_NO_REGISTERS = 0, QEMU_READS_AND_WRITES = 3 }; /* QEMU 7.2 takes a read for a write and the reverse */
extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
extern uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
extern struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t index);
extern uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
extern const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
extern size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
extern void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id,
                                                  void (*callback)(qemu_plugin_id_t, struct qemu_plugin_tb *));
extern void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb, void (*callback)(unsigned int, void *),
                                                 int flags, void *data);
extern void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn,
                                                   void (*callback)(unsigned int, void *), int flags, void *data);
extern void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *insn, int operation, void *counter,
                                                       uint64_t add);
extern void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *insn,
                                             void (*callback)(unsigned int, qemu_plugin_meminfo_t, uint64_t, void *),
                                             int flags, int access, void *data);
extern void qemu_plugin_register_atexit_cb(qemu_plugin_id_t id, void (*callback)(qemu_plugin_id_t, void *),
                                           void *data);

extern __attribute__((visibility("default"))) int qemu_plugin_version;
int qemu_plugin_version = 1;

enum { REGIONS_MAX = 256, BUCKETS = 1 << 12 };

struct counts {
    uint64_t instructions, cycles, fetches, flash_reads, taken_branches;
};

struct region {
    uint64_t begin, end;
    struct counts opened_at;
    int open;
};

/* The price of a run behind another one whose branch has cost some cycles. */
struct continuation {
    const struct run *since;
    int cycles;
    struct price price;
    struct continuation *next;
};

/* A run of instructions that QEMU translates as one block: only its last instruction may branch. */
struct run {
    uint64_t address, end;
    struct instruction *instructions;
    size_t length;
    struct pipeline after; /* what it leaves to the next instruction */
    struct continuation *continuations;
    struct counts each; /* what every execution costs, if all operands are ready, without its branch */
    struct counts sum;  /* of all executions; filled for a profile */
    uint64_t executions;
    struct price price; /* when all operands are ready */
    enum branch_kind branch;
    struct prediction *prediction; /* of the branch at its end */
    int backward, straddles;       /* that branch goes back; the first instruction lies in two words */
    struct run *next;
};

/* What the core remembers of a branch. Several runs can end with it: code is entered in its middle, too. */
struct prediction {
    uint64_t end;         /* where the code goes on when the branch is not taken */
    uint64_t last_target; /* of an indirect branch */
    int taken;            /* of a two-bit predictor: 2 and 3 mean taken */
    struct prediction *next;
};

/* A mark within a run: the counts that belong to the rest of the run, which were added when it began. */
struct mark {
    struct region *region;
    struct counts rest;
};

static struct region regions[REGIONS_MAX];
static size_t region_count;
static struct run *runs[BUCKETS];
static struct prediction *predictions[BUCKETS];
static struct run *previous;
static const struct price *previous_price; /* of that execution of `previous` */
static uint64_t last_backward;             /* the end of the backward branch that was taken last */
static uint64_t last_loop;                 /* the end of the LE that went back last; 0: none */
static struct counts now;
static struct core core;
static void (*decode)(const uint8_t *, uint64_t, struct instruction *);
static uint64_t flash_begin, flash_end;
static int profiling;
static FILE *out;

static struct counts minus(struct counts a, struct counts b)
{
    a.instructions -= b.instructions;
    a.cycles -= b.cycles;
    a.fetches -= b.fetches;
    a.flash_reads -= b.flash_reads;
    a.taken_branches -= b.taken_branches;
    return a;
}

static void write_counts(struct counts one)
{
    fprintf(out, " %llu %llu %llu %llu %llu\n", (unsigned long long)one.instructions, (unsigned long long)one.cycles,
            (unsigned long long)one.fetches, (unsigned long long)one.flash_reads,
            (unsigned long long)one.taken_branches);
}

/* on_begin and on_end are called before the instruction at their address is counted. */
static void on_begin(unsigned int cpu, void *data)
{
    struct mark *mark = data;
    (void)cpu;
    mark->region->opened_at = minus(now, mark->rest);
    mark->region->open = 1;
}

static void on_end(unsigned int cpu, void *data)
{
    struct mark *mark = data;
    (void)cpu;
    if (mark->region->open) {
        fprintf(out, "region %zu", (size_t)(mark->region - regions));
        write_counts(minus(minus(now, mark->rest), mark->region->opened_at));
    }
    mark->region->open = 0;
}

/* Return 1 when the predictor foresaw what the branch at the end of `from` did, and let it learn. */
static int foreseen(const struct run *from, uint64_t target, int taken)
{
    struct prediction *prediction = from->prediction;
    if (core.predictor == LAST_BACKWARD_BRANCH) {
        int foretold = last_backward == from->end;
        if (from->branch != BRANCH_CONDITIONAL) {
            return 0;
        }
        if (taken && from->backward) {
            last_backward = from->end;
        } else if (foretold) {
            last_backward = 0;
        }
        return foretold == taken;
    }
    if (from->branch == BRANCH_INDIRECT || from->branch == BRANCH_FROM_MEMORY) {
        int same = prediction->last_target == target;
        prediction->last_target = target;
        return same;
    }
    if (from->branch != BRANCH_CONDITIONAL) {
        return 1;
    }
    int foretold = prediction->taken >= 2;
    prediction->taken += taken ? prediction->taken < 3 : -(prediction->taken > 0);
    return foretold == taken;
}

/* Return the cycles that the branch at the end of `from`, which is `previous`, costs beyond its price. */
static int branch_cycles(const struct run *from, uint64_t target, int taken)
{
    if (from->branch == BRANCH_LOOP) {
        /* Where the core remembers the loop, it goes back without executing LE: DDI0553, LO_BRANCH_INFO. */
        int remembered = last_loop == from->end;
        last_loop = taken ? from->end : 0;
        return !taken ? 0 : remembered ? -core.issue[KIND_branch] : previous_price->taken_extra;
    }
    if (core.predictor == NO_PREDICTOR) {
        return taken ? previous_price->taken_extra : 0;
    }
    return foreseen(from, target, taken) ? 0 : core.miss;
}

static void add_cycles(struct run *to, int cycles)
{
    now.cycles += (uint64_t)(int64_t)cycles;
    to->sum.cycles += (uint64_t)(int64_t)cycles;
}

/* Return the price of `run` behind `since`, whose results may not be ready yet, and whose branch cost `cycles`. */
static const struct price *continued(struct run *run, const struct run *since, int cycles)
{
    struct continuation **place = &run->continuations;
    while (*place != NULL && ((*place)->since != since || (*place)->cycles != cycles)) {
        place = &(*place)->next;
    }
    if (*place == NULL) {
        struct pipeline state = since->after;
        state.next_begin += cycles;
        if (since->end != run->address) { /* what a branch leads to begins with no other instruction */
            state.last.bytes = 0;
        }
        *place = calloc(1, sizeof **place);
        (*place)->since = since;
        (*place)->cycles = cycles;
        (*place)->price = core_price(&core, run->instructions, run->length, &state, NULL);
    }
    return &(*place)->price;
}

/* Called when a run begins. The costs of the branch that led here belong to the run that branched. */
static void on_run(unsigned int cpu, void *data)
{
    struct run *run = data;
    const struct price *price = &run->price;
    (void)cpu;
    if (previous != NULL) {
        int taken = previous->branch != BRANCH_NONE && previous->end != run->address;
        int cycles = previous->branch != BRANCH_NONE ? branch_cycles(previous, run->address, taken) : 0;
        if (taken) {
            cycles += run->straddles ? core.straddling_target : 0;
            uint64_t first_word = (run->address & 3) != 0; /* begins before the run, which does not count it */
            now.taken_branches++;
            now.fetches += first_word;
            previous->sum.taken_branches++;
            previous->sum.fetches += first_word;
        }
        price = continued(run, previous, cycles);
        add_cycles(previous, cycles);
    }
    now.instructions += run->each.instructions;
    now.cycles += run->each.cycles;
    now.fetches += run->each.fetches;
    add_cycles(run, price->cycles - run->price.cycles);
    run->executions++;
    previous = run;
    previous_price = price;
}

static void on_read(unsigned int cpu, qemu_plugin_meminfo_t info, uint64_t address, void *data)
{
    struct run *run = data;
    (void)cpu;
    (void)info;
    if (address - flash_begin < flash_end - flash_begin) {
        now.flash_reads++;
        run->sum.flash_reads++;
    }
}

/* Return the run of this place, which is created at the first call. */
static struct run *run_at(uint64_t address, uint64_t end)
{
    struct run **place = &runs[(address >> 1) % BUCKETS];
    while (*place != NULL && ((*place)->address != address || (*place)->end != end)) {
        place = &(*place)->next;
    }
    if (*place == NULL) {
        *place = calloc(1, sizeof **place);
        (*place)->address = address;
        (*place)->end = end;
    }
    return *place;
}

/* Return what the core remembers of the branch that ends here, which is created at the first call. */
static struct prediction *prediction_at(uint64_t end)
{
    struct prediction **place = &predictions[(end >> 1) % BUCKETS];
    while (*place != NULL && (*place)->end != end) {
        place = &(*place)->next;
    }
    if (*place == NULL) {
        *place = calloc(1, sizeof **place);
        (*place)->end = end;
        (*place)->taken = 2;
    }
    return *place;
}

static uint64_t words_between(uint64_t address, uint64_t end)
{
    return (end + 3) / 4 - (address + 3) / 4;
}

/* Call on_begin or on_end before instruction i, which begins `rest` before the end of its run. */
static void mark_regions(struct qemu_plugin_insn *insn, struct counts rest)
{
    uint64_t address = qemu_plugin_insn_vaddr(insn);
    /* A region that ends here must be closed before one that begins here is opened. */
    for (int begins = 0; begins <= 1; begins++) {
        for (size_t r = 0; r < region_count; r++) {
            if ((begins ? regions[r].begin : regions[r].end) == address) {
                struct mark *mark = malloc(sizeof *mark);
                mark->region = &regions[r];
                mark->rest = rest;
                qemu_plugin_register_vcpu_insn_exec_cb(insn, begins ? on_begin : on_end, QEMU_NO_REGISTERS, mark);
            }
        }
    }
}

static void on_translate_timed(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    static struct instruction decoded[1024];
    static int before[1024];
    size_t length = qemu_plugin_tb_n_insns(tb); /* QEMU translates at most 512 instructions at once */
    (void)id;
    for (size_t i = 0; i < length; i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        /* The length is that of the code: at the end of a page QEMU names that of the instruction and what follows. */
        decode(qemu_plugin_insn_data(insn), qemu_plugin_insn_vaddr(insn), &decoded[i]);
    }
    const struct instruction *last = &decoded[length - 1];
    struct run *run = run_at(decoded[0].address, last->address + (uint64_t)last->bytes);
    struct pipeline state = {0};
    run->price = core_price(&core, decoded, length, &state, before);
    if (run->instructions == NULL) {
        run->instructions = malloc(length * sizeof decoded[0]);
        memcpy(run->instructions, decoded, length * sizeof decoded[0]);
        run->length = length;
        run->after = state;
    }
    run->branch = last->branch;
    run->prediction = last->branch != BRANCH_NONE ? prediction_at(run->end) : NULL;
    run->backward = last->backward;
    run->straddles = decoded[0].bytes == 4 && (run->address & 3) != 0;
    run->each.instructions = length;
    run->each.cycles = (uint64_t)run->price.cycles;
    run->each.fetches = words_between(run->address, run->end);
    qemu_plugin_register_vcpu_tb_exec_cb(tb, on_run, QEMU_NO_REGISTERS, run);
    for (size_t i = 0; i < length; i++) {
        struct counts rest = {length - i, (uint64_t)(run->price.cycles - before[i]),
                              words_between(decoded[i].address, run->end), 0, 0};
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        mark_regions(insn, rest);
        if (flash_end > flash_begin && is_load(&decoded[i])) {
            qemu_plugin_register_vcpu_mem_cb(insn, on_read, QEMU_NO_REGISTERS, QEMU_READS_AND_WRITES, run);
        }
    }
}

/* Without a model of the core every instruction is counted by itself, which holds for any way of running QEMU: with
 * -icount a run may be left before its end. */
static void on_translate(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    (void)id;
    for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        struct counts nothing = {0, 0, 0, 0, 0};
        uint64_t address = qemu_plugin_insn_vaddr(insn);
        mark_regions(insn, nothing);
        qemu_plugin_register_vcpu_insn_exec_inline(insn, 0, &now.instructions, 1);
        if (profiling) {
            struct run *run = run_at(address, address + qemu_plugin_insn_size(insn));
            run->each.instructions = 1;
            qemu_plugin_register_vcpu_insn_exec_inline(insn, 0, &run->executions, 1);
        }
    }
}

static void write_all(qemu_plugin_id_t id, void *data)
{
    (void)id;
    (void)data;
    for (size_t bucket = 0; profiling && bucket < BUCKETS; bucket++) {
        for (struct run *run = runs[bucket]; run != NULL; run = run->next) {
            run->sum.instructions = run->executions * run->each.instructions;
            run->sum.cycles += run->executions * run->each.cycles;
            run->sum.fetches += run->executions * run->each.fetches;
            fprintf(out, "run %llx", (unsigned long long)run->address);
            write_counts(run->sum);
        }
    }
    fprintf(out, "total");
    write_counts(now);
    fclose(out);
}

/* Apply one argument; return 0 when it is unknown. */
static int apply(const char *name, const char *value)
{
    char *middle;
    if (strcmp(name, "out") == 0) {
        out = fopen(value, "w");
    } else if (strcmp(name, "region") == 0 && region_count < REGIONS_MAX) {
        regions[region_count].begin = strtoull(value, &middle, 16);
        regions[region_count++].end = strtoull(middle + 1, NULL, 16);
    } else if (strcmp(name, "profile") == 0) {
        profiling = 1;
    } else if (strcmp(name, "isa") == 0) {
        decode = strcmp(value, "riscv") == 0 ? decode_riscv : decode_arm;
    } else if (strcmp(name, "flash") == 0) {
        flash_begin = strtoull(value, &middle, 16);
        flash_end = strtoull(middle + 1, NULL, 16);
    } else {
        return core_set(&core, name, value);
    }
    return 1;
}

__attribute__((visibility("default"))) int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc,
                                                               char **argv);
int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv)
{
    (void)info;
    for (int i = 0; i < argc; i++) {
        char *value = strchr(argv[i], '=');
        char name[32] = "";
        if (value != NULL && (size_t)(value - argv[i]) < sizeof name) {
            memcpy(name, argv[i], (size_t)(value - argv[i]));
        }
        if (name[0] == '\0' || !apply(name, value + 1)) {
            fprintf(stderr, "count plugin: the argument %s is unknown, or there are more than 256 regions\n", argv[i]);
            return 1;
        }
    }
    if (out == NULL) {
        fprintf(stderr, "count plugin: the argument out=FILE is missing, or the file cannot be written\n");
        return 1;
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, decode != NULL ? on_translate_timed : on_translate);
    qemu_plugin_register_atexit_cb(id, write_all, NULL);
    return 0;
}
