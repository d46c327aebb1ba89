/* One program that does, by its first argument, what each test of the emulator asks for. */
#include <string.h>

#include "stapes_board.h"

STAPES_REGION(short_stretch)
STAPES_REGION(long_stretch)
STAPES_REGION(fatal)

static const int32_t table[] = {3, 1, 4, 1, 5};
static volatile uint32_t ticks;

void board_on_timer(void)
{
    ticks++;
}

__attribute__((noipa)) static int32_t recurse(int32_t n)
{
    volatile uint8_t frame[500];
    frame[0] = (uint8_t)n;
    return n > 0 ? recurse(n - 1) + frame[0] : frame[0];
}

__attribute__((naked, noipa)) static void thousand_nops(void)
{
    __asm__ volatile(".rept 1000\n nop\n .endr\n" BOARD_RETURN);
}

static void count(void)
{
    for (int32_t pass = 0; pass < 3; pass++) {
        STAPES_BEGIN(short_stretch);
        __asm__ volatile(".rept 10\n nop\n .endr");
        STAPES_END(short_stretch);
    }
    STAPES_BEGIN(long_stretch);
    thousand_nops();
    STAPES_END(long_stretch);
}

static void copy(void)
{
    static uint8_t bytes[100];
    static int32_t sums[5] = {1, 1, 1, 1, 1};
    int32_t in = board_open("in.bin", 'r');
    int32_t n = board_read(in, bytes, sizeof bytes);
    int32_t out = board_open("out.bin", 'w');

    board_close(in);
    (void)board_write(out, bytes, n);
    memmove(bytes + 1, bytes, 10);
    memcpy(bytes + 20, table, sizeof table);
    memset(bytes + 40, 7, 9);
    (void)board_write(out, bytes, 50);
    board_close(out);
    for (int32_t i = 0; i < 5; i++) {
        sums[i] += table[i];
        board_print_i64(sums[i]);
        board_print(" ");
    }
    board_print_i64(-9223372036854775807 - 1);
    board_print(" ");
    board_print_hex(0x1234abcd);
}

static void wait_for_timer(void)
{
    board_timer_start(BOARD_TIMER_HZ / 1000);
    while (ticks < 5) {
        board_wait();
    }
    board_timer_stop();
    board_print_i64(ticks);
}

/* A frame that reaches beyond the stack at once. Loops for as long as the value that was written cannot be read. */
__attribute__((noinline)) static int leap(void)
{
    volatile uint8_t wide[20000];

    do {
        wide[0] = 1;
    } while (wide[0] != 1);
    return wide[0];
}

static int is(const char *task, const char *name)
{
    while (*name != 0 && *task == *name) {
        task++, name++;
    }
    return *task == *name;
}

int main(void)
{
    const char *task = board_argument(0);

    if (is(task, "count")) {
        count();
    } else if (is(task, "copy")) {
        copy();
    } else if (is(task, "stack")) {
        return recurse(3) + recurse(2);
    } else if (is(task, "timer")) {
        wait_for_timer();
    } else if (is(task, "overflow")) {
        STAPES_BEGIN(fatal);
        return recurse(1000);
    } else if (is(task, "leap")) {
        STAPES_BEGIN(fatal);
        return leap();
    } else if (is(task, "nowhere")) {
        STAPES_BEGIN(fatal);
        *(volatile uint32_t *)0xE1000000 = 1;
    } else if (is(task, "forever")) {
        for (;;) {
        }
    }
    return board_argument(1) == NULL ? 0 : 9;
}
