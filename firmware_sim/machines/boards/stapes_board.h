/* stapes_board.h -- services for firmware on an emulated board: text on the UART, files of the host, counted regions.
 * Apache-2.0.
 *
 *   #include "stapes_board.h"
 *
 *   STAPES_REGION(sum)                        // at file scope
 *
 *   int main(void)                            // its return value is the exit code
 *   {
 *       static int16_t pcm[512];
 *       int32_t file = board_open("in.pcm", 'r');
 *       while (board_read(file, pcm, sizeof pcm) > 0) {
 *           STAPES_BEGIN(sum);
 *           int32_t sum = add_up(pcm, 512);   // instructions from here ...
 *           STAPES_END(sum);                  // ... to here are counted, each time
 *           board_print_i64(sum);
 *           board_print("\n");
 *       }
 *       return 0;
 *   }
 */
#ifndef STAPES_BOARD_H
#define STAPES_BOARD_H

#include <stddef.h>
#include <stdint.h>

/* UART */
void board_print(const char *text);
void board_print_i64(int64_t number);
void board_print_hex(uint32_t number); /* eight digits */

/* Files of the host: paths are relative to the directory of the run, or absolute. */
int32_t board_open(const char *path, char mode);                    /* mode 'r' or 'w'; negative on failure */
int32_t board_read(int32_t file, void *to, int32_t bytes);          /* returns the bytes read; 0 at the end */
int32_t board_write(int32_t file, const void *from, int32_t bytes); /* returns the bytes written */
void board_close(int32_t file);
const char *board_argument(int32_t index); /* argument of the run, from 0; NULL: none */

/* Timer: its interrupt calls board_on_timer(), on the stack of the handlers. */
void board_timer_start(uint32_t period_ticks); /* ticks of BOARD_TIMER_HZ; at most 2^24 */
void board_timer_stop(void);
void board_on_timer(void); /* defined by the firmware */
void board_wait(void);     /* sleep until an interrupt */

void board_exit(int32_t code) __attribute__((noreturn));

/* The region that was begun last, which the report of a fault names. */
extern const char *volatile board_stage;

/* Instructions between STAPES_BEGIN(name) and STAPES_END(name) are counted, including those of interrupts; the cost of
 * the marks themselves is subtracted. STAPES_REGION(name) must stand once at file scope, without a semicolon. */
#if defined __riscv || defined __XTENSA__
#define BOARD_RETURN "ret"
#else
#define BOARD_RETURN "bx lr"
#endif
#ifdef __XTENSA__
#define BOARD_NAKED /* GCC has no naked functions there; this one saves nothing */
#else
#define BOARD_NAKED naked,
#endif
#define BOARD_MARKS(kind) section("." kind ".board_marks") /* not counted as the program's flash */
#define BOARD_MARK(mark)                                                                 \
    __attribute__((BOARD_NAKED noipa, used, BOARD_MARKS("text"))) static void mark(void) \
    {                                                                                    \
        __asm__ volatile(BOARD_RETURN);                                                  \
    }
#define STAPES_REGION(name)                                                                \
    BOARD_MARK(stapes_begin_##name)                                                        \
    BOARD_MARK(stapes_end_##name)                                                          \
    static const char board_name_##name[] __attribute__((BOARD_MARKS("rodata"))) = #name;  \
    __attribute__((noipa, used, BOARD_MARKS("text"))) static void board_enter_##name(void) \
    {                                                                                      \
        board_stage = board_name_##name;                                                   \
    }
#define STAPES_BEGIN(name) (board_enter_##name(), stapes_begin_##name())
#define STAPES_END(name) stapes_end_##name()

#endif
