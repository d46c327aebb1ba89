/* Tries blobs on a loadable detector: reads pairs of a size (uint32) and as many bytes from stdin, copies the bytes to
 * memory of exactly this size, loads them and, where the detector takes them, runs it over noise. Prints a line per
 * blob: what detector_load returned, and a checksum of the scores. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "detector_detector.h"
#include "stapes_selftest.h"

enum { FRAMES = 40 };

static detector_detector_t detector;
static stapes_sound sound = {1, 0};

static uint32_t run(void)
{
    stapes_event events[DETECTOR_EVENTS_MAX];
    uint32_t crc = 0;

    for (int32_t i = 0; i < FRAMES * DETECTOR_HOP_SAMPLES; i++) {
        int16_t sample = stapes_sound_next(&sound);
        stapes_push(&detector.core, &sample, 1);
        if (stapes_poll(&detector.core, events) != STAPES_IDLE) {
            crc = stapes_crc32(crc, detector.scores, sizeof detector.scores);
        }
    }
    return crc;
}

static size_t length_of_labels(void)
{
    size_t length = 0;

    for (int32_t i = -1; i <= DETECTOR_CLASSES; i++) {
        length += strlen(detector_label(&detector, i));
    }
    return length;
}

int main(void)
{
    uint32_t size;
    void *blob = NULL; /* the one in use */

    if (detector_start(&detector) != STAPES_FRONTEND_OK) {
        return 2;
    }
    if (detector_load(&detector, NULL, 0) != STAPES_BLOB_NOT_A_BLOB ||
        detector_load(&detector, (const char *)&sound + 1, 128) != STAPES_BLOB_MISALIGNED) {
        return 4;
    }
    while (fread(&size, sizeof size, 1, stdin) == 1) {
        void *candidate = malloc(size);
        int32_t found;
        if (size != 0 && fread(candidate, size, 1, stdin) != 1) {
            return 3;
        }
        found = detector_load(&detector, candidate, size);
        if (found == STAPES_BLOB_OK) {
            free(blob);
            blob = candidate;
            printf("%d %zu %08x\n", (int)found, length_of_labels(), (unsigned)run());
        } else {
            free(candidate);
            printf("%d %s\n", (int)found, stapes_blob_error(found));
        }
        fflush(stdout);
    }
    free(blob);
    return 0;
}
