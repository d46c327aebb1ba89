/* Between the start-up code of an architecture and what all boards share. */
#ifndef STAPES_BOARD_INTERNAL_H
#define STAPES_BOARD_INTERNAL_H

#include <stdint.h>

/* Of the linker script. Both stacks grow down; below the thread's lies no memory or a guard, so running over is a
 * fault. */
extern uint32_t board_stack_bottom[], board_stack_top[];
extern uint32_t board_handler_stack_bottom[], board_handler_stack_top[];
extern uint32_t board_data_begin[], board_data_end[], board_data_in_flash[];
extern uint32_t board_bss_begin[], board_bss_end[];

/* Of the architecture. */
uint32_t board_semihosting(uint32_t operation, const void *parameters);
uint32_t *board_stack_pointer(void);

/* Of all boards. */
void board_prepare_memory(void);                /* copy .data, clear .bss, paint both stacks */
void board_run(void) __attribute__((noreturn)); /* main, on the thread's stack */
void board_fault(const char *cause, uint32_t program_counter) __attribute__((noreturn));

#endif
