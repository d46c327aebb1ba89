/* stapes_board_host.c -- the services of stapes_board.h on this computer, so that firmware runs as a program: text
 * goes to stdout; there is no timer, and nothing is counted. Apache-2.0. */
#include "stapes_board.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *volatile board_stage;

int firmware_main(void);

static FILE *files[8];
static char **arguments;
static int argument_count;

void board_print(const char *text)
{
    fputs(text, stdout);
}

void board_print_i64(int64_t number)
{
    printf("%lld", (long long)number);
}

void board_print_hex(uint32_t number)
{
    printf("%08lx", (unsigned long)number);
}

int32_t board_open(const char *path, char mode)
{
    for (int32_t file = 0; file < (int32_t)(sizeof files / sizeof files[0]); file++) {
        if (files[file] == NULL) {
            files[file] = fopen(path, mode == 'w' ? "wb" : "rb");
            return files[file] == NULL ? -1 : file;
        }
    }
    return -1;
}

int32_t board_read(int32_t file, void *to, int32_t bytes)
{
    return (int32_t)fread(to, 1, (size_t)bytes, files[file]);
}

int32_t board_write(int32_t file, const void *from, int32_t bytes)
{
    return (int32_t)fwrite(from, 1, (size_t)bytes, files[file]);
}

void board_close(int32_t file)
{
    fclose(files[file]);
    files[file] = NULL;
}

const char *board_argument(int32_t index)
{
    return index + 1 < argument_count ? arguments[index + 1] : NULL;
}

void board_timer_start(uint32_t period_ticks)
{
    (void)period_ticks;
}

void board_timer_stop(void)
{
}

void board_wait(void)
{
}

void board_exit(int32_t code)
{
    exit(code);
}

int main(int count, char **values)
{
    argument_count = count;
    arguments = values;
    board_exit(firmware_main());
}
