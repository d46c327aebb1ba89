/* stapes_detector_api.h -- the loop of a detector: samples go in from an interrupt, events come out in the main loop.
 * Apache-2.0. The caller owns all memory.
 *
 *   interrupt     stapes_push(&detector, samples, n);          copies the samples and never waits
 *   main loop     n = stapes_poll(&detector, events);          does the work of at most one frame
 *                 if (n == STAPES_IDLE) sleep until the next interrupt
 *
 * If the main loop is too slow and the ring is full, the newest samples are dropped and counted: there is a gap. All
 * samples before the gap are still processed and open events are completed; after the gap the model and the event
 * decoder start afresh. Reported times remain correct.
 *
 * This file has no preprocessor lines, because the C compiler and Python's cffi read the same declarations. Include
 * stapes_detector.h, which includes this file with the headers that it needs. */

/* stapes_poll returns this when it has nothing to do. */
enum { STAPES_IDLE = -1 };

/* Everything that is constant; it may lie in flash. */
typedef struct stapes_detector_setup {
    const stapes_frontend_tables *tables;
    const stapes_event_setup *events; /* with step_samples = frames_per_step * hop */
    uint32_t ring_samples;            /* any number from window + hop to 2^30 */
    uint32_t frames_per_step;
    void (*model_reset)(void *model); /* sets all states of the model to their initial values */
    /* runs one step: features[frames_per_step][n_bands] to scores[n_classes] */
    void (*model_step)(void *model, const int8_t *features, int8_t *scores);
} stapes_detector_setup;

/* Everything that changes. The sizes follow from the setup. */
typedef struct stapes_detector_memory {
    int16_t *ring;               /* [ring_samples] */
    int16_t *frame;              /* [window] */
    int32_t *work;               /* [n_fft] */
    int8_t *features;            /* [frames_per_step][n_bands] */
    int8_t *scores;              /* [n_classes] */
    stapes_event_class *classes; /* [n_classes] */
    void *model;                 /* states and working memory of the model */
} stapes_detector_memory;

typedef struct stapes_detector {
    const stapes_detector_setup *setup;
    stapes_detector_memory memory;

    /* Only the producer (stapes_push) writes these. */
    uint32_t written; /* index after the newest sample, 0..2 * ring_samples - 1 */
    uint32_t gaps;    /* number of gaps that have begun; wraps around */
    int64_t losing;   /* samples lost so far in the gap that is open */
    int64_t lost;     /* samples lost in the gap before; the consumer reads it after that gap was closed */
    uint32_t in_gap;  /* 1 while a gap is open */

    /* Only the consumer (stapes_poll) writes these. */
    uint32_t read;   /* index of the oldest sample, in the same range as `written` */
    uint32_t closed; /* number of gaps before which everything was processed; wraps around */

    /* Only the consumer accesses these. */
    int64_t sample;       /* the clock: number, in the stream, of the sample at `read`; always below 2^61 */
    int64_t samples_lost; /* in all gaps that were closed */
    uint32_t overruns;    /* number of gaps that were closed and accounted for; wraps around */
    uint32_t fresh;       /* 1: the next sample begins a segment without a gap */
    uint32_t closing;     /* 1: the events of the segment before a gap are being completed */
    uint32_t frames;      /* frames processed so far; wraps around */
    uint32_t steps;       /* steps that the model took so far; wraps around */
    uint32_t step_frames; /* frames that the coming step has already */
    stapes_events events;
} stapes_detector;

/* Begin at sample 0 with an empty ring. Everything that setup and memory point to must outlive the detector. */
void stapes_detector_init(stapes_detector *self, const stapes_detector_setup *setup,
                          const stapes_detector_memory *memory);

/* Start afresh with the next sample, with what the setup and the model's memory point to now: model and event decoder
 * forget what they heard, an open event too, and all sensitivities are 0. The ring, the clock and the counters go on.
 * Call it where stapes_poll is called. */
void stapes_detector_restart(stapes_detector *self);

/* Take n samples, always from the same interrupt or thread. Returns how many were stored. Never waits. */
uint32_t stapes_push(stapes_detector *self, const int16_t *samples, uint32_t n);

/* Set the sensitivity of a class as stapes_events_set_sensitivity does (stapes_sensitivity_api.h): steps > 0 hear
 * more, steps < 0 less, 0 restores the thresholds of the setup. Call it after stapes_detector_init, where stapes_poll
 * is called. Returns 0, or -1 when there is no such class. */
int32_t stapes_set_sensitivity(stapes_detector *self, int32_t class_index, int32_t steps);

/* Process one frame if all its samples are there. Writes up to 2 * n_classes events to `out` and returns how many.
 * Returns STAPES_IDLE when there is nothing to do until more samples arrive. */
int32_t stapes_poll(stapes_detector *self, stapes_event *out);

/* End the stream, after the producer has stopped and stapes_poll has returned STAPES_IDLE. Writes up to 2 * n_classes
 * events to `out` and returns how many; call it until it returns 0. If more samples follow, they begin a new segment
 * on the same clock. Answers that the model would have given later, because of its target delay, are lost: for a
 * recording, push its tail (stapes_tail_api.h) first. */
int32_t stapes_finish(stapes_detector *self, stapes_event *out);
