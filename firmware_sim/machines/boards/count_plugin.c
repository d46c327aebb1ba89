/* count_plugin.c -- a QEMU plugin (interface 1) that counts executed instructions. Apache-2.0. Arguments:
 *
 *   out=FILE          the file to which the counts are written
 *   region=BEGIN:END  hexadecimal addresses of two instructions: the region is opened when BEGIN runs and closed when
 *                     END runs next, and then a line "region NUMBER COUNT" is written; BEGIN is counted, END is not
 *   profile=on        at the end also write a line "pc ADDRESS COUNT" for each instruction that ran
 *
 * The last line is "total COUNT". */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The part of the interface that is used here. Its header is not in Debian's packages. */
typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
extern struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t index);
extern uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
extern void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id,
                                                  void (*callback)(qemu_plugin_id_t, struct qemu_plugin_tb *));
extern void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn,
                                                   void (*callback)(unsigned int, void *), int flags, void *data);
extern void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *insn, int operation, void *counter,
                                                       uint64_t add);
extern void qemu_plugin_register_atexit_cb(qemu_plugin_id_t id, void (*callback)(qemu_plugin_id_t, void *),
                                           void *data);

extern __attribute__((visibility("default"))) int qemu_plugin_version;
int qemu_plugin_version = 1;

enum { REGIONS_MAX = 256, BUCKETS = 1 << 16 };
struct region {
    uint64_t begin, end, opened_at;
    int open;
};
struct counter {
    uint64_t address, count;
    struct counter *next;
};

static struct region regions[REGIONS_MAX];
static size_t region_count;
static struct counter *profile[BUCKETS];
static int profiling;
static uint64_t total;
static FILE *out;

/* on_begin and on_end are called before the instruction at their address is counted. */
static void on_begin(unsigned int cpu, void *data)
{
    struct region *region = data;
    (void)cpu;
    region->opened_at = total;
    region->open = 1;
}

static void on_end(unsigned int cpu, void *data)
{
    struct region *region = data;
    (void)cpu;
    if (region->open) {
        fprintf(out, "region %zu %llu\n", (size_t)(region - regions), (unsigned long long)(total - region->opened_at));
    }
    region->open = 0;
}

/* Return the counter of the instruction at an address, which is created at the first call. */
static struct counter *counter_of(uint64_t address)
{
    struct counter **place = &profile[(address >> 1) % BUCKETS];
    while (*place != NULL && (*place)->address != address) {
        place = &(*place)->next;
    }
    if (*place == NULL) {
        *place = calloc(1, sizeof **place);
        (*place)->address = address;
    }
    return *place;
}

static void on_translate(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    (void)id;
    for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        uint64_t address = qemu_plugin_insn_vaddr(insn);
        /* A region that ends here must be closed before one that begins here is opened. */
        for (size_t r = 0; r < region_count; r++) {
            if (regions[r].end == address) {
                qemu_plugin_register_vcpu_insn_exec_cb(insn, on_end, 0, &regions[r]);
            }
        }
        for (size_t r = 0; r < region_count; r++) {
            if (regions[r].begin == address) {
                qemu_plugin_register_vcpu_insn_exec_cb(insn, on_begin, 0, &regions[r]);
            }
        }
        qemu_plugin_register_vcpu_insn_exec_inline(insn, 0, &total, 1);
        if (profiling) {
            qemu_plugin_register_vcpu_insn_exec_inline(insn, 0, &counter_of(address)->count, 1);
        }
    }
}

static void write_counts(qemu_plugin_id_t id, void *data)
{
    (void)id;
    (void)data;
    for (size_t bucket = 0; profiling && bucket < BUCKETS; bucket++) {
        for (struct counter *one = profile[bucket]; one != NULL; one = one->next) {
            fprintf(out, "pc %llx %llu\n", (unsigned long long)one->address, (unsigned long long)one->count);
        }
    }
    fprintf(out, "total %llu\n", (unsigned long long)total);
    fclose(out);
}

__attribute__((visibility("default"))) int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc,
                                                               char **argv);
int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv)
{
    (void)info;
    for (int i = 0; i < argc; i++) {
        if (strncmp(argv[i], "out=", 4) == 0) {
            out = fopen(argv[i] + 4, "w");
        } else if (strncmp(argv[i], "region=", 7) == 0 && region_count < REGIONS_MAX) {
            char *middle;
            regions[region_count].begin = strtoull(argv[i] + 7, &middle, 16);
            regions[region_count++].end = strtoull(middle + 1, NULL, 16);
        } else if (strcmp(argv[i], "profile=on") == 0) {
            profiling = 1;
        } else {
            fprintf(stderr, "count plugin: the argument %s is unknown, or there are more than 256 regions\n", argv[i]);
            return 1;
        }
    }
    if (out == NULL) {
        fprintf(stderr, "count plugin: the argument out=FILE is missing, or the file cannot be written\n");
        return 1;
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translate);
    qemu_plugin_register_atexit_cb(id, write_counts, NULL);
    return 0;
}
