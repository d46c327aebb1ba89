/* Hears a recording from stdin (int16) and loads the model of the file argv[1] after argv[2] hops, in the middle of
 * whatever goes on. Prints the clock and the threshold of the first class before and after the load, then every
 * event: its class, the samples at which it begins and ends, and its score. */
#include <stdio.h>
#include <stdlib.h>

#include "detector_detector.h"

static detector_detector_t detector;
static uint32_t blob[65536];

static void print_events(const stapes_event *events, int32_t n)
{
    for (int32_t i = 0; i < n; i++) {
        printf("%s %lld %lld %d\n", detector_label(&detector, events[i].class_index),
               (long long)events[i].onset_sample, (long long)events[i].offset_sample, events[i].confidence);
    }
}

static void print_clock(const char *when)
{
    printf("%s %lld %d %u\n", when, (long long)detector.core.sample, detector.classes[0].on_score,
           (unsigned)detector.core.samples_lost);
}

static int load(const char *path)
{
    FILE *file = fopen(path, "rb");
    size_t size = file == NULL ? 0 : fread(blob, 1, sizeof blob, file);

    print_clock("before");
    int32_t found = detector_load(&detector, blob, size);
    print_clock("after");
    return found == STAPES_BLOB_OK ? 0 : 1;
}

int main(int argc, char **argv)
{
    stapes_event events[DETECTOR_EVENTS_MAX];
    int16_t hop[DETECTOR_HOP_SAMPLES];
    size_t samples;
    int32_t n, hops = argc == 3 ? atoi(argv[2]) : 0;

    if (hops == 0 || detector_start(&detector) != STAPES_FRONTEND_OK) {
        return 2;
    }
    stapes_set_sensitivity(&detector.core, 0, 3);
    while ((samples = fread(hop, sizeof hop[0], DETECTOR_HOP_SAMPLES, stdin)) > 0) {
        stapes_push(&detector.core, hop, (uint32_t)samples);
        if (--hops == 0 && load(argv[1]) != 0) {
            return 1;
        }
        while ((n = stapes_poll(&detector.core, events)) != STAPES_IDLE) {
            if (hops <= 0) {
                print_events(events, n);
            }
        }
    }
    while ((n = stapes_finish(&detector.core, events)) > 0) {
        print_events(events, n);
    }
    return 0;
}
