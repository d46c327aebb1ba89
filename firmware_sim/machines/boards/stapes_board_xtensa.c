/* stapes_board_xtensa.c -- Xtensa LX106, call0 ABI: vectors, start-up, exceptions, timer. Apache-2.0.
 *
 * The simulator's calls (simcall) take the place of semihosting and of the UART. Exceptions and interrupts use a stack
 * of their own. No memory lies below the stack of the thread, so that an overflow is a fault. */
#include "stapes_board.h"
#include "stapes_board_internal.h"

enum { SIM_EXIT = 1, SIM_READ = 3, SIM_WRITE = 4, SIM_OPEN = 5, SIM_CLOSE = 6, SIM_ARGC = 1000, SIM_ARGV = 1002 };
enum { SYS_OPEN = 1, SYS_CLOSE = 2, SYS_WRITE = 5, SYS_READ = 6, SYS_GET_CMDLINE = 0x15, SYS_EXIT_EXTENDED = 0x20 };
enum { HOST_WRITE_CREATE_TRUNCATE = 01 | 0100 | 01000 }; /* Linux's flags of open(), which QEMU passes on */
enum { CAUSE_ILLEGAL = 0, CAUSE_INTERRUPT = 4, CAUSE_UNALIGNED = 9, TIMER_INTERRUPT = 6, ARGUMENTS_BYTES = 1024 };

static uint32_t period, next_tick;

void board_start_thread(void) __attribute__((noreturn));
void board_on_exception(uint32_t cause, uint32_t program_counter, uint32_t address);

/* Reset is the first vector. The others are those of the level-1 exceptions, at their offsets from VECBASE. Every one
 * is a jump; the handler saves what the call0 ABI does not keep. */
__asm__(".section .vectors, \"ax\"\n"
        ".global board_start\n"
        "board_start: j board_reset\n"
        ".org 0x30\n"
        "j board_exception\n" /* of the kernel, as which all code runs */
        ".org 0x50\n"
        "j board_exception\n" /* of a user program */
        ".org 0x70\n"
        "j board_exception\n" /* in a handler */
        ".text\n"
        ".literal_position\n"
        ".align 4\n"
        "board_reset:\n"
        "movi a2, board_start\n"
        "wsr a2, vecbase\n"
        "movi a2, 0\n"
        "wsr a2, intenable\n"
        "wsr a2, ps\n" /* exceptions and interrupts on */
        "rsync\n"
        "movi sp, board_handler_stack_top\n"
        "call0 board_prepare_memory\n"
        "movi sp, board_stack_top\n"
        "call0 board_start_thread\n"
        ".align 4\n"
        "board_exception:\n"
        "wsr a0, excsave1\n"
        "movi a0, board_handler_stack_top - 64\n"
        "s32i a1, a0, 0\n s32i a2, a0, 4\n s32i a3, a0, 8\n s32i a4, a0, 12\n s32i a5, a0, 16\n"
        "s32i a6, a0, 20\n s32i a7, a0, 24\n s32i a8, a0, 28\n s32i a9, a0, 32\n s32i a10, a0, 36\n s32i a11, a0, 40\n"
        "rsr a2, excsave1\n s32i a2, a0, 44\n"
        "rsr a2, sar\n s32i a2, a0, 48\n"
        "mov a1, a0\n"
        "rsr a2, exccause\n"
        "rsr a3, epc1\n"
        "rsr a4, excvaddr\n"
        "call0 board_on_exception\n"
        "l32i a2, a1, 48\n wsr a2, sar\n"
        "l32i a2, a1, 4\n l32i a3, a1, 8\n l32i a4, a1, 12\n l32i a5, a1, 16\n l32i a6, a1, 20\n l32i a7, a1, 24\n"
        "l32i a8, a1, 28\n l32i a9, a1, 32\n l32i a10, a1, 36\n l32i a11, a1, 40\n l32i a0, a1, 44\n l32i a1, a1, 0\n"
        "rfe\n");

static uint32_t simcall(uint32_t operation, uint32_t first, uint32_t second, uint32_t third)
{
    register uint32_t a2 __asm__("a2") = operation;
    register uint32_t a3 __asm__("a3") = first;
    register uint32_t a4 __asm__("a4") = second;
    register uint32_t a5 __asm__("a5") = third;

    __asm__ volatile("simcall" : "+r"(a2), "+r"(a3) : "r"(a4), "r"(a5) : "memory");
    return a2;
}

/* Write the arguments of the run, with a space between them, to `line`. Returns 0, or -1 when they do not fit. */
static uint32_t command_line(char *line, uint32_t bytes)
{
    static union {
        const char *words[ARGUMENTS_BYTES / 4];
        char text[ARGUMENTS_BYTES];
    } arguments; /* pointers to the arguments, then the arguments themselves */
    uint32_t n = simcall(SIM_ARGC, 0, 0, 0);

    (void)simcall(SIM_ARGV, (uint32_t)&arguments, 0, 0);
    for (uint32_t i = 0; i < n; i++) {
        for (const char *from = arguments.words[i]; *from != 0; from++, bytes--) {
            if (bytes < 2) {
                return (uint32_t)-1;
            }
            *line++ = *from;
        }
        *line++ = i + 1 < n ? ' ' : 0;
        bytes--;
    }
    return 0;
}

uint32_t board_semihosting(uint32_t operation, const void *parameters)
{
    const uint32_t *words = (const uint32_t *)parameters;
    uint32_t done;

    switch (operation) {
    case SYS_OPEN:
        return simcall(SIM_OPEN, words[0], words[1] == 1 ? 0 : HOST_WRITE_CREATE_TRUNCATE, 0644);
    case SYS_CLOSE:
        return simcall(SIM_CLOSE, words[0], 0, 0);
    case SYS_READ:
    case SYS_WRITE:
        done = simcall(operation == SYS_READ ? SIM_READ : SIM_WRITE, words[0], words[1], words[2]);
        return words[2] - ((int32_t)done < 0 ? 0 : done); /* the bytes that are left */
    case SYS_GET_CMDLINE:
        return command_line((char *)words[0], words[1]);
    case SYS_EXIT_EXTENDED:
        return simcall(SIM_EXIT, words[1], 0, 0);
    default:
        return (uint32_t)-1;
    }
}

void board_simcall_put(char c)
{
    (void)simcall(SIM_WRITE, 1, (uint32_t)&c, 1);
}

uint32_t *board_stack_pointer(void)
{
    uint32_t *pointer;
    __asm__ volatile("mov %0, sp" : "=r"(pointer));
    return pointer;
}

void board_on_exception(uint32_t cause, uint32_t program_counter, uint32_t address)
{
    if (cause == CAUSE_INTERRUPT) {
        next_tick += period;
        __asm__ volatile("wsr %0, ccompare0\n esync" ::"r"(next_tick)); /* also ends the interrupt */
        board_on_timer();
    } else if (cause == CAUSE_ILLEGAL || cause == CAUSE_UNALIGNED) {
        board_fault("an undefined or unaligned instruction", program_counter);
    } else if ((uint32_t)board_stack_bottom - address <= BOARD_GUARD_BYTES) {
        board_fault("stack overflow", program_counter);
    } else {
        board_fault("access to memory that is not there", program_counter);
    }
}

void board_start_thread(void)
{
    board_run();
}

void board_timer_start(uint32_t period_ticks)
{
    uint32_t now;

    period = period_ticks;
    __asm__ volatile("rsr %0, ccount" : "=r"(now));
    next_tick = now + period_ticks;
    __asm__ volatile("wsr %0, ccompare0\n"
                     "wsr %1, intenable\n"
                     "rsync\n" ::"r"(next_tick),
                     "r"(1U << TIMER_INTERRUPT));
}

void board_timer_stop(void)
{
    __asm__ volatile("wsr %0, intenable\n"
                     "rsync\n" ::"r"(0));
}

void board_wait(void)
{
    __asm__ volatile("waiti 0" ::: "memory");
}
