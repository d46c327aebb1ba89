/* The frontend on a board: tables.bin and input.pcm in, log2.bin and int8.bin out, one frame a hop. Instructions of
 * the initialisation and of each frame are counted. */
#include "stapes_board.h"
#include "stapes_frontend.h"

STAPES_REGION(init)
STAPES_REGION(frame)

static uint32_t tables_memory[16384 / 4];
static int16_t pcm[65536];
static int32_t work[2048];

int main(void)
{
    const stapes_frontend_tables *tables = (const stapes_frontend_tables *)tables_memory;
    const int32_t bytes = board_read(board_open("tables.bin", 'r'), tables_memory, sizeof tables_memory);
    const size_t samples = (size_t)board_read(board_open("input.pcm", 'r'), pcm, sizeof pcm) / sizeof pcm[0];
    STAPES_BEGIN(init);
    int32_t problem = stapes_frontend_init(tables, (size_t)bytes);
    STAPES_END(init);
    if (problem == STAPES_FRONTEND_OK)
        problem = stapes_frontend_check_crc(tables);
    const int32_t log2_file = board_open("log2.bin", 'w'), int8_file = board_open("int8.bin", 'w');
    for (size_t t = 0; problem == STAPES_FRONTEND_OK && t < stapes_frontend_frames(tables, samples); t++) {
        static int8_t features[128];
        static int16_t log2_bands[128];
        const int16_t *frame = pcm + t * tables->hop;
        STAPES_BEGIN(frame);
        stapes_frontend_frame(tables, frame, work, features, NULL);
        STAPES_END(frame);
        stapes_frontend_frame(tables, frame, work, NULL, log2_bands);
        board_write(int8_file, features, tables->n_bands);
        board_write(log2_file, log2_bands, 2 * tables->n_bands);
    }
    board_close(log2_file);
    board_close(int8_file);
    return problem;
}
