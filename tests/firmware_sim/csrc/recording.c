/* tables.bin samples.pcm lanes out.bin: log2 values, then features, of a recording with all memory in blocks of their
 * own size. */
#include <stdio.h>
#include <stdlib.h>

#include "read_whole.h"
#include "stapes_frontend.h"
#include "stapes_recording_api.h"

int main(int count, char **arguments)
{
    (void)count;
    size_t bytes, samples;
    stapes_frontend_tables *tables = read_whole(arguments[1], &bytes);
    int16_t *pcm = read_whole(arguments[2], &samples);
    samples /= sizeof *pcm;
    const int32_t lanes = atoi(arguments[3]);
    if (stapes_frontend_init(tables, bytes) || lanes > stapes_recording_lanes())
        return 3;
    const size_t work_bytes = sizeof(int32_t) * tables->n_fft * (size_t)lanes;
    char *block = malloc(work_bytes + 64); /* the end of the aligned part is the block's end, or near it */
    int32_t *work = (int32_t *)(void *)(((uintptr_t)block + 63) / 64 * 64);
    const size_t values = stapes_frontend_frames(tables, samples) * tables->n_bands;
    int16_t *log2_bands = malloc(values * sizeof *log2_bands);
    int8_t *features = malloc(values);
    stapes_recording(tables, pcm, samples, lanes, work, NULL, log2_bands);
    stapes_recording(tables, pcm, samples, lanes, work, features, NULL);
    FILE *out = fopen(arguments[4], "wb");
    fwrite(log2_bands, sizeof *log2_bands, values, out);
    fwrite(features, 1, values, out);
    free(features);
    free(log2_bands);
    free(block);
    free(pcm);
    free(tables);
    return fclose(out);
}
