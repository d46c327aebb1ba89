/* stapes_board_internal.h -- the interface between the start-up code of an architecture and stapes_board.c.
 * Apache-2.0. */
#ifndef STAPES_BOARD_INTERNAL_H
#define STAPES_BOARD_INTERNAL_H

#include <stdint.h>

/* Defined by the linker script. Both stacks grow downward. Below that of the thread lies no memory, or a guard, so
 * that an overflow is a fault. */
extern uint32_t board_stack_bottom[], board_stack_top[];
extern uint32_t board_handler_stack_bottom[], board_handler_stack_top[];
extern uint32_t board_data_begin[], board_data_end[], board_data_in_flash[];
extern uint32_t board_bss_begin[], board_bss_end[];

/* Defined by the start-up code of the architecture. */
uint32_t board_semihosting(uint32_t operation, const void *parameters);
uint32_t *board_stack_pointer(void);
void board_simcall_put(char c); /* Xtensa alone: writes a letter of the text, as a UART does */

/* Defined by stapes_board.c. */
void board_prepare_memory(void);                /* copies .data, clears .bss, paints both stacks */
void board_run(void) __attribute__((noreturn)); /* runs main, on the stack of the thread */
void board_fault(const char *cause, uint32_t program_counter) __attribute__((noreturn));

#endif
