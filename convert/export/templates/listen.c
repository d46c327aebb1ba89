/* Reads raw int16 samples from stdin and writes one line per event to stdout:
 *   sox in.wav -t raw -r @SAMPLE_RATE_HZ@ -c 1 -e signed -b 16 - | example_listen */
#include <stdio.h>
#include <string.h>

#include "example_detector.h"

static example_detector_t detector;

enum { TAIL = EXAMPLE_TAIL_SAMPLES };
static int16_t recent[TAIL + EXAMPLE_HOP_SAMPLES]; /* the end of what was read, from which the tail is made */
static uint32_t n_recent;

static void print_events(const stapes_event *events, int32_t n)
{
    for (int32_t i = 0; i < n; i++) {
        const stapes_event *event = &events[i];
        if (event->kind == STAPES_EVENT_COMPLETED) {
            printf("%.3f\t%.3f\t%s\n", (double)event->onset_sample / EXAMPLE_SAMPLE_RATE_HZ,
                   (double)event->offset_sample / EXAMPLE_SAMPLE_RATE_HZ, example_labels[event->class_index]);
        }
    }
}

/* Push at most a hop of samples, and print the events that they complete. */
static void process(const int16_t *samples, uint32_t n)
{
    stapes_event events[EXAMPLE_EVENTS_MAX];
    int32_t found;

    stapes_push(&detector.core, samples, n);
    while ((found = stapes_poll(&detector.core, events)) != STAPES_IDLE) {
        print_events(events, found);
    }
}

static uint32_t at_most(uint32_t n, uint32_t most)
{
    return n < most ? n : most;
}

/* Keep the last samples of what was read. */
static void keep(const int16_t *samples, uint32_t n)
{
    uint32_t kept = at_most(n_recent, TAIL);

    memmove(recent, recent + (n_recent - kept), kept * sizeof recent[0]);
    memcpy(recent + kept, samples, n * sizeof recent[0]);
    n_recent = kept + n;
}

/* Process the tail that a recording needs so that its last events are found; a live stream does not end. */
static void process_tail(void)
{
    static int16_t tail[TAIL + 1];
    uint32_t n = at_most(n_recent, TAIL);

    if (n == 0) {
        return;
    }
    stapes_tail(recent + (n_recent - n), n, EXAMPLE_STEP_SAMPLES, tail, TAIL);
    for (uint32_t at = 0, left = TAIL; left > 0;) {
        n = at_most(left, EXAMPLE_HOP_SAMPLES);
        process(tail + at, n);
        at += n;
        left -= n;
    }
}

int main(void)
{
    stapes_event events[EXAMPLE_EVENTS_MAX];
    int16_t hop[EXAMPLE_HOP_SAMPLES];
    size_t samples;
    int32_t n;

    if (example_start(&detector) != STAPES_FRONTEND_OK) {
        return 1;
    }
    while ((samples = fread(hop, sizeof hop[0], EXAMPLE_HOP_SAMPLES, stdin)) > 0) {
        process(hop, (uint32_t)samples);
        keep(hop, (uint32_t)samples);
    }
    process_tail();
    while ((n = stapes_finish(&detector.core, events)) > 0) {
        print_events(events, n);
    }
    return 0;
}
