/* tables.bin frames.pcm log2.bin: each frame from a block of its own size, so that sanitizers see every read past it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "read_whole.h"
#include "stapes_frontend.h"

int main(int count, char **paths)
{
    (void)count;
    size_t bytes, samples;
    uint8_t *file = read_whole(paths[1], &bytes);
    uint32_t *memory = malloc(bytes); /* a multiple of four */
    stapes_frontend_read(memory, file, bytes);
    free(file);
    const stapes_frontend_tables *tables = (const stapes_frontend_tables *)memory;
    char *all = read_whole(paths[2], &samples);
    samples /= sizeof(int16_t);
    if (stapes_frontend_init(tables, bytes) || stapes_frontend_check_crc(tables))
        return 3;
    FILE *out = fopen(paths[3], "wb");
    const size_t frame_bytes = tables->window * sizeof(int16_t);
    for (size_t t = 0; t < samples / tables->window; t++) {
        const size_t at = t % 2 * 2; /* every other frame at an address that is not a multiple of four */
        char *block = malloc(at + frame_bytes);
        int16_t *pcm = (int16_t *)(void *)(block + at);
        memcpy(pcm, all + t * frame_bytes, frame_bytes);
        int32_t *work = malloc(tables->n_fft * sizeof *work);
        int16_t *log2_bands = malloc(tables->n_bands * sizeof *log2_bands);
        int8_t *features = malloc(tables->n_bands);
        stapes_frontend_frame(tables, pcm, work, features, NULL);
        stapes_frontend_frame(tables, pcm, work, NULL, log2_bands);
        fwrite(log2_bands, sizeof *log2_bands, tables->n_bands, out);
        fwrite(features, 1, tables->n_bands, out);
        free(features);
        free(log2_bands);
        free(work);
        free(block);
    }
    free(memory);
    free(all);
    return fclose(out);
}
