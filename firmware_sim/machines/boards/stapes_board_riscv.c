/* stapes_board_riscv.c -- RISC-V in machine mode: start-up, traps, timer. Apache-2.0.
 *
 * Traps use a stack of their own. A locked page without permissions lies below the stack of the thread, so that an
 * overflow is a fault. */
#include "stapes_board.h"
#include "stapes_board_internal.h"

/* The CSR instructions are enabled here and not by -march, because the compiler has no library for an -march with
 * zicsr. */
__asm__(".option arch, +zicsr");

enum { CAUSE_TIMER = 7, CAUSE_LOAD_FAULT = 5, CAUSE_STORE_FAULT = 7, CAUSE_ILLEGAL = 2 };

static volatile uint32_t *const TIMER_NOW = (volatile uint32_t *)0x0200BFF8;
static volatile uint32_t *const TIMER_NEXT = (volatile uint32_t *)0x02004000;
static uint64_t next_tick;
static uint32_t period;

void board_start(void);

__attribute__((naked, noinline)) static uint32_t trap_to_host(uint32_t operation, const void *parameters)
{
    (void)operation;
    (void)parameters;
    /* The emulator recognizes a semihosting call by these three instructions, uncompressed and in one page. */
    __asm__ volatile(".option push\n"
                     ".option norvc\n"
                     ".balign 16\n"
                     "slli x0, x0, 0x1f\n"
                     "ebreak\n"
                     "srai x0, x0, 7\n"
                     ".option pop\n"
                     "ret\n");
}

uint32_t board_semihosting(uint32_t operation, const void *parameters)
{
    __asm__ volatile("" ::: "memory");
    uint32_t result = trap_to_host(operation, parameters);
    __asm__ volatile("" ::: "memory");
    return result;
}

uint32_t *board_stack_pointer(void)
{
    uint32_t *pointer;
    __asm__ volatile("mv %0, sp" : "=r"(pointer));
    return pointer;
}

__attribute__((used)) static void on_trap(uint32_t cause, uint32_t program_counter, uint32_t address)
{
    uint32_t guard = (uint32_t)board_stack_bottom - BOARD_GUARD_BYTES;

    if (cause == (0x80000000U | CAUSE_TIMER)) {
        next_tick += period;
        TIMER_NEXT[1] = 0xFFFFFFFFU; /* no interrupt may occur between the two writes */
        TIMER_NEXT[0] = (uint32_t)next_tick;
        TIMER_NEXT[1] = (uint32_t)(next_tick >> 32);
        board_on_timer();
    } else if ((cause == CAUSE_LOAD_FAULT || cause == CAUSE_STORE_FAULT) && address - guard < BOARD_GUARD_BYTES) {
        board_fault("stack overflow", program_counter);
    } else if (cause == CAUSE_ILLEGAL) {
        board_fault("an undefined or unaligned instruction", program_counter);
    } else {
        board_fault("access to memory that is not there", program_counter);
    }
}

__attribute__((naked, used, aligned(4))) static void trap_entry(void)
{
    __asm__ volatile("csrrw sp, mscratch, sp\n"
                     "addi sp, sp, -64\n"
                     "sw ra, 0(sp)\n sw t0, 4(sp)\n sw t1, 8(sp)\n sw t2, 12(sp)\n"
                     "sw t3, 16(sp)\n sw t4, 20(sp)\n sw t5, 24(sp)\n sw t6, 28(sp)\n"
                     "sw a0, 32(sp)\n sw a1, 36(sp)\n sw a2, 40(sp)\n sw a3, 44(sp)\n"
                     "sw a4, 48(sp)\n sw a5, 52(sp)\n sw a6, 56(sp)\n sw a7, 60(sp)\n"
                     "csrr a0, mcause\n"
                     "csrr a1, mepc\n"
                     "csrr a2, mtval\n"
                     "call on_trap\n"
                     "lw ra, 0(sp)\n lw t0, 4(sp)\n lw t1, 8(sp)\n lw t2, 12(sp)\n"
                     "lw t3, 16(sp)\n lw t4, 20(sp)\n lw t5, 24(sp)\n lw t6, 28(sp)\n"
                     "lw a0, 32(sp)\n lw a1, 36(sp)\n lw a2, 40(sp)\n lw a3, 44(sp)\n"
                     "lw a4, 48(sp)\n lw a5, 52(sp)\n lw a6, 56(sp)\n lw a7, 60(sp)\n"
                     "addi sp, sp, 64\n"
                     "csrrw sp, mscratch, sp\n"
                     "mret\n");
}

__attribute__((used)) static void start_thread(void)
{
    uint32_t guard = (uint32_t)board_stack_bottom - BOARD_GUARD_BYTES;

    board_prepare_memory();
    __asm__ volatile("csrw pmpaddr0, %0" ::"r"((guard >> 2) | (BOARD_GUARD_BYTES / 8U - 1U)));
    __asm__ volatile("csrw pmpcfg0, %0" ::"r"(0x98U)); /* locked, naturally aligned, no permissions */
    __asm__ volatile("csrw mscratch, %0" ::"r"(board_handler_stack_top));
    __asm__ volatile("csrw mtvec, %0" ::"r"(trap_entry));
    __asm__ volatile("mv sp, %0\n"
                     "call board_run\n" ::"r"(board_stack_top)
                     : "memory");
    __builtin_unreachable();
}

__attribute__((naked, section(".vectors"), used)) void board_start(void)
{
    __asm__ volatile(".option push\n"
                     ".option norelax\n"
                     "la gp, __global_pointer$\n"
                     ".option pop\n"
                     "la sp, board_handler_stack_top\n"
                     "j start_thread\n");
}

void board_timer_start(uint32_t period_ticks)
{
    period = period_ticks;
    next_tick = TIMER_NOW[0] + (uint64_t)period_ticks; /* a run is shorter than 2^32 ticks */
    TIMER_NEXT[1] = (uint32_t)(next_tick >> 32);
    TIMER_NEXT[0] = (uint32_t)next_tick;
    __asm__ volatile("csrs mie, %0" ::"r"(1U << CAUSE_TIMER));
    __asm__ volatile("csrsi mstatus, 8"); /* interrupts on */
}

void board_timer_stop(void)
{
    __asm__ volatile("csrc mie, %0" ::"r"(1U << CAUSE_TIMER));
}

void board_wait(void)
{
    __asm__ volatile("wfi" ::: "memory");
}
