/* host_commands.c -- firmware that asks its emulator for what the services of stapes_board.h do not offer. */
#include "stapes_board.h"
#include "stapes_board_internal.h"

enum { SYS_WRITE0 = 4, SYS_SYSTEM = 0x12 };

int main(void)
{
    const char *kind = board_argument(0);
    const char *command = board_argument(1);
    volatile uint32_t length = 0; /* volatile: no strlen is linked */

    while (command[length] != 0) {
        length++;
    }
    if (kind[0] == 's') {
        const uint32_t parameters[] = {(uint32_t)command, length};
        board_print("before ");
        (void)board_semihosting(SYS_SYSTEM, parameters);
        board_print("after");
    } else {
        (void)board_semihosting(SYS_WRITE0, command);
        board_print("written");
    }
    return 0;
}
