/* stapes_board_arm.c -- Cortex-M: vectors, start-up, faults, SysTick. Apache-2.0.
 *
 * The thread uses the stack pointer PSP and handlers use MSP, so that a handler still has a stack when that of the
 * thread has overflowed. */
#include "stapes_board.h"
#include "stapes_board_internal.h"

static volatile uint32_t *const CPACR = (volatile uint32_t *)0xE000ED88;
static volatile uint32_t *const CFSR = (volatile uint32_t *)0xE000ED28;
static volatile uint32_t *const SYST = (volatile uint32_t *)0xE000E010; /* control, reload, current */
#if __ARM_ARCH < 8
static volatile uint32_t *const MPU = (volatile uint32_t *)0xE000ED90; /* type, control, region, base, size */
#endif

/* Faults of a stack overflow: data or an exception frame in the guard; a stack pointer below PSPLIM. */
enum { CFSR_GUARD = 0x1A, CFSR_STACK_LIMIT = 0x100000 };

void board_reset(void) __attribute__((noreturn));

uint32_t board_semihosting(uint32_t operation, const void *parameters)
{
    register uint32_t r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = parameters;
    __asm__ volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

uint32_t *board_stack_pointer(void)
{
    uint32_t *pointer;
    __asm__ volatile("mov %0, sp" : "=r"(pointer));
    return pointer;
}

/* Make a stack overflow a fault. The memory below the stack need not be missing: some boards ignore writes there.
 * ARMv8-M has a limit register for the stack pointer; older cores get a region without permissions below the stack, if
 * they have an MPU. */
static void guard_stack(void)
{
#if __ARM_ARCH >= 8
    __asm__ volatile("msr psplim, %0" ::"r"(board_stack_bottom));
#else
    if (MPU[0] >> 8 == 0) {
        return; /* no MPU: on the boards with such a core, there is no memory below the RAM */
    }
    MPU[3] = ((uint32_t)board_stack_bottom - BOARD_GUARD_BYTES) | 0x10U; /* region 0 */
    MPU[4] = 0x1000001FU;                                                /* 2^16 bytes, no permissions, on */
    MPU[1] = 5; /* on; everywhere else the default permissions apply */
#endif
}

void board_reset(void)
{
    board_prepare_memory();
    guard_stack();
#if __ARM_ARCH >= 7
    *CPACR |= 0xFU << 20; /* enable floating point and vectors */
    __asm__ volatile("dsb\n isb");
#endif
    __asm__ volatile("msr psp, %0\n"
                     "movs r0, #2\n"
                     "msr control, r0\n"
                     "isb\n"
                     "bl board_run\n"
                     :
                     : "r"(board_stack_top)
                     : "r0", "memory");
    __builtin_unreachable();
}

/* psp: the eight words that the core has pushed; the seventh is the program counter. */
__attribute__((used, noreturn)) static void fault_seen(const uint32_t *psp)
{
    if (psp < board_stack_bottom || psp > board_stack_top - 8) {
        board_fault("stack overflow", 0);
    }
#if __ARM_ARCH >= 7
    if (*CFSR & (CFSR_GUARD | CFSR_STACK_LIMIT)) {
        board_fault("stack overflow", psp[6]);
    }
    if (*CFSR & 0xFFFF0000U) {
        board_fault("an undefined or unaligned instruction", psp[6]);
    }
    board_fault("access to memory that is not there", psp[6]);
#else
    board_fault("a hard fault", psp[6]);
#endif
}

__attribute__((naked)) static void on_fault(void)
{
    __asm__ volatile("mrs r0, psp\n"
                     "bl fault_seen\n");
}

static void on_timer(void)
{
    board_on_timer();
}

void board_timer_start(uint32_t period_ticks)
{
    SYST[1] = period_ticks - 1;
    SYST[2] = 0;
    SYST[0] = 7; /* core clock, interrupt, on */
}

void board_timer_stop(void)
{
    SYST[0] = 0;
}

void board_wait(void)
{
    __asm__ volatile("wfi" ::: "memory");
}

typedef void (*handler)(void);
__attribute__((section(".vectors"), used)) static const handler vectors[16] = {
    [0] = (handler)(uintptr_t)board_handler_stack_top,
    [1] = (handler)(uintptr_t)board_reset,
    [2] = on_fault,
    [3] = on_fault,
    [4] = on_fault,
    [5] = on_fault,
    [6] = on_fault,
    [7] = on_fault,
    [11] = on_fault,
    [12] = on_fault,
    [14] = on_fault,
    [15] = on_timer,
};
