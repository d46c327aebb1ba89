/* stapes_board.c -- what all emulated boards share: UART, semihosting, painted stacks, and the report at the end.
 * Apache-2.0. */
#include "stapes_board.h"

#include <string.h>

#include "stapes_board_internal.h"

enum { PAINT = (int32_t)0xA5A5A5A5, ARGUMENT_BYTES = 512, ARGUMENTS = 16 };
enum { SYS_OPEN = 1, SYS_CLOSE = 2, SYS_WRITE = 5, SYS_READ = 6, SYS_GET_CMDLINE = 0x15, SYS_EXIT_EXTENDED = 0x20 };
enum { APPLICATION_EXIT = 0x20026 };

int main(void);

const char *volatile board_stage;

/* UART: one variant per kind. The build defines BOARD_UART_<KIND> and BOARD_UART_ADDRESS from boards/__init__.py. */
static volatile uint32_t *uart_register(uint32_t offset)
{
    return (volatile uint32_t *)(BOARD_UART_ADDRESS + offset);
}

#if defined BOARD_UART_CMSDK
static void uart_start(void)
{
    *uart_register(0x10) = 16; /* divisor: the smallest that is allowed */
    *uart_register(0x08) = 1;  /* enable the transmitter */
}

static void uart_put(char c)
{
    while (*uart_register(0x04) & 1U) { /* the buffer is full */
    }
    *uart_register(0x00) = (uint8_t)c;
}
#elif defined BOARD_UART_NRF51
static void uart_start(void)
{
    *uart_register(0x500) = 4; /* enable */
    *uart_register(0x008) = 1; /* start transmitting */
}

static void uart_put(char c)
{
    *uart_register(0x51C) = (uint8_t)c;
    while (*uart_register(0x11C) == 0) { /* until the byte is sent */
    }
    *uart_register(0x11C) = 0;
}
#elif defined BOARD_UART_16550
static void uart_start(void)
{
}

static void uart_put(char c)
{
    while ((*(volatile uint8_t *)(BOARD_UART_ADDRESS + 5U) & 0x20U) == 0) { /* not ready */
    }
    *(volatile uint8_t *)BOARD_UART_ADDRESS = (uint8_t)c;
}
#elif defined BOARD_UART_SIMCALL
static void uart_start(void)
{
}

static void uart_put(char c)
{
    board_simcall_put(c);
}
#else
#error "no BOARD_UART_...: build through stapes.firmware_sim.machines.firmware"
#endif

void board_print(const char *text)
{
    while (*text != 0) {
        uart_put(*text++);
    }
}

void board_print_hex(uint32_t number)
{
    for (int32_t shift = 28; shift >= 0; shift -= 4) {
        uart_put("0123456789abcdef"[(number >> shift) & 15U]);
    }
}

/* Write the decimal digits of a number to `text`, which it returns. Subtracting powers of ten needs no division, so
 * that no library function for it is linked. */
static char *decimal(int64_t number, char *text)
{
    static const uint64_t powers[] = {
        10000000000000000000U,
        1000000000000000000U,
        100000000000000000U,
        10000000000000000U,
        1000000000000000U,
        100000000000000U,
        10000000000000U,
        1000000000000U,
        100000000000U,
        10000000000U,
        1000000000U,
        100000000U,
        10000000U,
        1000000U,
        100000U,
        10000U,
        1000U,
        100U,
        10U,
        1U,
    };
    uint64_t rest = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
    char *end = text;

    if (number < 0) {
        *end++ = '-';
    }
    const char *first = end;
    for (const uint64_t *power = powers; power < powers + 20; power++) {
        char digit = '0';
        while (rest >= *power) {
            rest -= *power;
            digit++;
        }
        if (digit != '0' || end > first || *power == 1) {
            *end++ = digit;
        }
    }
    *end = 0;
    return text;
}

void board_print_i64(int64_t number)
{
    char text[22];
    board_print(decimal(number, text));
}

/* Semihosting. The operations and their parameters are those of Arm's specification. */
static uint32_t length(const char *text)
{
    uint32_t n = 0;
    while (text[n] != 0) {
        n++;
    }
    return n;
}

int32_t board_open(const char *path, char mode)
{
    const uint32_t parameters[] = {(uint32_t)path, mode == 'w' ? 5 : 1, length(path)}; /* wb, rb */
    return (int32_t)board_semihosting(SYS_OPEN, parameters);
}

int32_t board_read(int32_t file, void *to, int32_t bytes)
{
    const uint32_t parameters[] = {(uint32_t)file, (uint32_t)to, (uint32_t)bytes};
    return bytes - (int32_t)board_semihosting(SYS_READ, parameters);
}

int32_t board_write(int32_t file, const void *from, int32_t bytes)
{
    const uint32_t parameters[] = {(uint32_t)file, (uint32_t)from, (uint32_t)bytes};
    return bytes - (int32_t)board_semihosting(SYS_WRITE, parameters);
}

void board_close(int32_t file)
{
    const uint32_t parameters[] = {(uint32_t)file};
    (void)board_semihosting(SYS_CLOSE, parameters);
}

const char *board_argument(int32_t index)
{
    static char line[ARGUMENT_BYTES];
    const uint32_t parameters[] = {(uint32_t)line, sizeof line};
    char *word = line;

    if (board_semihosting(SYS_GET_CMDLINE, parameters) != 0) {
        return NULL;
    }
    /* Words are separated by one space; the first word is the name of the program. */
    for (int32_t skipped = 0; skipped <= index; skipped++) {
        while (*word != ' ') {
            if (*word++ == 0) {
                return NULL;
            }
        }
        word++;
    }
    for (char *end = word; *end != 0; end++) {
        if (*end == ' ') {
            *end = 0;
            break;
        }
    }
    return word;
}

/* The report: a file that machines/emulator.py reads when the run has ended. */
static void report_text(int32_t file, const char *text)
{
    (void)board_write(file, text, (int32_t)length(text));
}

static void report_number(int32_t file, const char *name, uint32_t number)
{
    char text[22];
    report_text(file, name);
    report_text(file, decimal(number, text));
    report_text(file, "\n");
}

/* Return how many bytes of a painted stack have been overwritten. */
static uint32_t painted_use(const uint32_t *bottom, const uint32_t *top)
{
    const uint32_t *lowest = bottom;
    while (lowest < top && *lowest == (uint32_t)PAINT) {
        lowest++;
    }
    return (uint32_t)(top - lowest) * 4U;
}

/* Write the report and end the emulation. cause: NULL, or what kind of fault happened at program_counter. */
static void finish(int32_t code, const char *cause, uint32_t program_counter) __attribute__((noreturn));
static void finish(int32_t code, const char *cause, uint32_t program_counter)
{
    const uint32_t parameters[] = {APPLICATION_EXIT, (uint32_t)code};
    uint32_t stack = painted_use(board_stack_bottom, board_stack_top);
    uint32_t handler_stack = painted_use(board_handler_stack_bottom, board_handler_stack_top);
    const char *stage = board_stage;
    int32_t file = board_open("board.report", 'w');

    report_number(file, "stack ", stack);
    report_number(file, "handler_stack ", handler_stack);
    if (cause != NULL) {
        report_text(file, "fault ");
        report_text(file, cause);
        report_text(file, "\nstage ");
        report_text(file, stage);
        report_number(file, "\npc ", program_counter);
    }
    board_close(file);
    (void)board_semihosting(SYS_EXIT_EXTENDED, parameters);
    for (;;) {
    }
}

void board_exit(int32_t code)
{
    finish(code, NULL, 0);
}

void board_fault(const char *cause, uint32_t program_counter)
{
    finish(125, cause, program_counter);
}

__attribute__((weak)) void board_on_timer(void)
{
}

/* Start-up. */
void board_prepare_memory(void)
{
    const uint32_t *from = board_data_in_flash;

    for (volatile uint32_t *to = board_data_begin; to < board_data_end;) {
        *to++ = *from++;
    }
    for (volatile uint32_t *to = board_bss_begin; to < board_bss_end;) {
        *to++ = 0;
    }
    for (volatile uint32_t *to = board_stack_bottom; to < board_stack_top;) {
        *to++ = (uint32_t)PAINT;
    }
    for (volatile uint32_t *to = board_handler_stack_bottom; to < board_stack_pointer();) {
        *to++ = (uint32_t)PAINT;
    }
}

void board_run(void)
{
    uart_start();
    board_stage = "main";
    board_exit(main());
}
