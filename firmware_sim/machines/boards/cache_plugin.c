/* cache_plugin.c -- a QEMU plugin (interface 1) that counts what the cache in front of a flash misses. Apache-2.0.
 *
 *   out=FILE                     the file to which the counts are written
 *   region=BEGIN:END             hexadecimal addresses of two instructions: what runs from BEGIN up to END is counted,
 *                                and at END a line "region NUMBER CODE DATA" is written; the cache is never emptied
 *   flash=BEGIN:END              hexadecimal addresses of the flash; what lies elsewhere is not counted
 *   code=SETS:WAYS:LINE:WORD     the cache of instructions: sets, lines of a set, bytes of a line and of the word that
 *                                the flash delivers at once, which is what a miss reads
 *   data=SETS:WAYS:LINE:WORD     the cache of constants; without it they share the cache of instructions
 *
 * CODE and DATA are the words that were read from the flash. The line that was used least recently is replaced. */
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
extern size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
extern int qemu_plugin_mem_is_store(uint32_t information);
extern void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id,
                                                  void (*callback)(qemu_plugin_id_t, struct qemu_plugin_tb *));
extern void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn,
                                                   void (*callback)(unsigned int, void *), int flags, void *data);
extern void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *insn,
                                             void (*callback)(unsigned int, uint32_t, uint64_t, void *), int flags,
                                             int accesses, void *data);
extern void qemu_plugin_register_atexit_cb(qemu_plugin_id_t id, void (*callback)(qemu_plugin_id_t, void *),
                                           void *data);

extern __attribute__((visibility("default"))) int qemu_plugin_version;
int qemu_plugin_version = 1;

enum { REGIONS_MAX = 256, LINES_MAX = 4096, LOADS_AND_STORES = 3 };
struct line {
    uint64_t number; /* its address / line_bytes + 1; 0: empty */
    uint64_t words;  /* a bit per word that is there */
    uint64_t used_at;
};
struct cache {
    unsigned sets, ways, line_bytes, word_bytes;
    struct line lines[LINES_MAX];
};
struct region {
    uint64_t begin, end, code_before, data_before;
    int open;
};

static struct cache code_cache, data_cache, *constants = &code_cache;
static struct region regions[REGIONS_MAX];
static size_t region_count;
static uint64_t flash_begin, flash_end, accesses, code_misses, data_misses;
static FILE *out;

/* Return 1 when the word at an address has to be read from the flash, 0 when the cache has it. */
static uint64_t misses(struct cache *cache, uint64_t address)
{
    uint64_t number = address / cache->line_bytes + 1;
    uint64_t word = 1ull << address % cache->line_bytes / cache->word_bytes;
    struct line *set = &cache->lines[number % cache->sets * cache->ways], *oldest = set;
    accesses++;
    for (struct line *line = set; line < set + cache->ways; line++) {
        if (line->number == number) {
            uint64_t missing = !(line->words & word);
            line->words |= word;
            line->used_at = accesses;
            return missing;
        }
        if (line->used_at < oldest->used_at) {
            oldest = line;
        }
    }
    *oldest = (struct line){number, word, accesses};
    return 1;
}

static int is_in_flash(uint64_t address)
{
    return address >= flash_begin && address < flash_end;
}

static void on_fetch(unsigned int cpu, void *address)
{
    (void)cpu;
    code_misses += misses(&code_cache, (uint64_t)(uintptr_t)address);
}

static void on_access(unsigned int cpu, uint32_t information, uint64_t address, void *data)
{
    (void)cpu;
    (void)data;
    if (is_in_flash(address) && !qemu_plugin_mem_is_store(information)) {
        data_misses += misses(constants, address);
    }
}

static void on_begin(unsigned int cpu, void *data)
{
    struct region *region = data;
    (void)cpu;
    region->code_before = code_misses;
    region->data_before = data_misses;
    region->open = 1;
}

static void on_end(unsigned int cpu, void *data)
{
    struct region *region = data;
    (void)cpu;
    if (region->open) {
        fprintf(out, "region %zu %llu %llu\n", (size_t)(region - regions),
                (unsigned long long)(code_misses - region->code_before),
                (unsigned long long)(data_misses - region->data_before));
    }
    region->open = 0;
}

/* A word of code is looked up once for all instructions of a block that lie in it one behind the other. */
static void on_translate(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    uint64_t word = UINT64_MAX;
    (void)id;
    for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        uint64_t address = qemu_plugin_insn_vaddr(insn), last = address + qemu_plugin_insn_size(insn) - 1;
        for (size_t r = 0; r < region_count; r++) {
            if (regions[r].end == address) {
                qemu_plugin_register_vcpu_insn_exec_cb(insn, on_end, 0, &regions[r]);
            }
            if (regions[r].begin == address) {
                qemu_plugin_register_vcpu_insn_exec_cb(insn, on_begin, 0, &regions[r]);
            }
        }
        if (is_in_flash(address) && address / code_cache.word_bytes != word) {
            qemu_plugin_register_vcpu_insn_exec_cb(insn, on_fetch, 0, (void *)(uintptr_t)address);
        }
        word = last / code_cache.word_bytes;
        if (is_in_flash(last) && word != address / code_cache.word_bytes) {
            qemu_plugin_register_vcpu_insn_exec_cb(insn, on_fetch, 0, (void *)(uintptr_t)last);
        }
        /* QEMU 7.2 calls back for stores alone when only loads are asked for. */
        qemu_plugin_register_vcpu_mem_cb(insn, on_access, 0, LOADS_AND_STORES, NULL);
    }
}

static void close_file(qemu_plugin_id_t id, void *data)
{
    (void)id;
    (void)data;
    fclose(out);
}

/* Read SETS:WAYS:LINE:WORD; return 0 when that is no cache. */
static int read_cache(const char *text, struct cache *cache)
{
    return sscanf(text, "%u:%u:%u:%u", &cache->sets, &cache->ways, &cache->line_bytes, &cache->word_bytes) == 4 &&
           cache->sets * cache->ways - 1 < LINES_MAX && cache->word_bytes != 0 &&
           cache->line_bytes / cache->word_bytes - 1 < 64;
}

static int read_argument(const char *text)
{
    char *middle;
    if (strncmp(text, "out=", 4) == 0) {
        return (out = fopen(text + 4, "w")) != NULL;
    }
    if (strncmp(text, "region=", 7) == 0 && region_count < REGIONS_MAX) {
        regions[region_count].begin = strtoull(text + 7, &middle, 16);
        regions[region_count++].end = strtoull(middle + 1, NULL, 16);
        return 1;
    }
    if (strncmp(text, "flash=", 6) == 0) {
        flash_begin = strtoull(text + 6, &middle, 16);
        flash_end = strtoull(middle + 1, NULL, 16);
        return 1;
    }
    if (strncmp(text, "data=", 5) == 0) {
        constants = &data_cache;
        return read_cache(text + 5, &data_cache);
    }
    return strncmp(text, "code=", 5) == 0 && read_cache(text + 5, &code_cache);
}

__attribute__((visibility("default"))) int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc,
                                                               char **argv);
int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv)
{
    (void)info;
    for (int i = 0; i < argc; i++) {
        if (!read_argument(argv[i])) {
            fprintf(stderr, "cache plugin: cannot use the argument %s\n", argv[i]);
            return 1;
        }
    }
    if (out == NULL || code_cache.sets == 0) {
        fprintf(stderr, "cache plugin: the argument out=FILE or code=SETS:WAYS:LINE:WORD is missing\n");
        return 1;
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translate);
    qemu_plugin_register_atexit_cb(id, close_file, NULL);
    return 0;
}
