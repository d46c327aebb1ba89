/* The loop of a detector: samples in from an interrupt, events out in the main loop. All memory is the caller's.
 *
 *   interrupt     stapes_push(&detector, samples, n);          copies, never waits
 *   main loop     n = stapes_poll(&detector, events);          one frame of work at most
 *                 if (n == STAPES_IDLE) sleep until the next interrupt
 *
 * Where the main loop is too slow and the ring is full, the newest samples are dropped and counted. What lies before
 * the gap is heard to its end, open events are completed, and hearing starts afresh behind it; times stay true. */

enum { STAPES_IDLE = -1 };

/* All that is constant: it may lie in flash. */
typedef struct stapes_detector_setup {
    const stapes_frontend_tables *tables;
    const stapes_event_setup *events; /* its step_samples is frames_per_step * hop */
    uint32_t ring_samples;            /* any number from window + hop to 2^30 */
    uint32_t frames_per_step;
    void (*model_reset)(void *model); /* forget all */
    void (*model_step)(void *model, const int8_t *features,
                       int8_t *scores); /* [frames_per_step][n_bands], [n_classes] */
} stapes_detector_setup;

/* What changes; sizes follow from the setup. */
typedef struct stapes_detector_memory {
    int16_t *ring;               /* [ring_samples] */
    int16_t *frame;              /* [window] */
    int32_t *work;               /* [n_fft] */
    int8_t *features;            /* [frames_per_step][n_bands] */
    int8_t *scores;              /* [n_classes] */
    stapes_event_class *classes; /* [n_classes] */
    void *model;                 /* what model_step keeps and works in */
} stapes_detector_memory;

typedef struct stapes_detector {
    const stapes_detector_setup *setup;
    stapes_detector_memory memory;

    /* Written by the producer (stapes_push) alone. */
    uint32_t written; /* index behind the newest sample, 0..2 * ring_samples - 1 */
    uint32_t gaps;    /* overruns that ever began; wraps */
    int64_t losing;   /* samples lost in the gap that is open */
    int64_t lost;     /* in the gap before; the consumer reads it between two closings of gaps */
    uint32_t in_gap;

    /* Written by the consumer (stapes_poll) alone. */
    uint32_t read;   /* index of the oldest sample, as `written` */
    uint32_t closed; /* gaps up to which everything was heard */

    /* Of the consumer's own. */
    int64_t sample;       /* of the stream, at `read`: the clock. Below 2^61 for ever */
    int64_t samples_lost; /* in all gaps that were closed */
    uint32_t overruns;    /* gaps that were closed */
    uint32_t fresh;       /* the next sample begins a stretch without a gap */
    uint32_t closing;     /* the events of such a stretch are being completed */
    uint32_t frames;      /* that were ever made; wraps */
    uint32_t steps;       /* that the model ever took; wraps */
    uint32_t step_frames; /* frames of the step to come */
    stapes_events events;
} stapes_detector;

/* Begin at sample 0 with an empty ring. What setup and memory point to must outlive the detector. */
void stapes_detector_init(stapes_detector *self, const stapes_detector_setup *setup,
                          const stapes_detector_memory *memory);

/* Take samples, from one interrupt or thread; returns how many were stored. Never waits. */
uint32_t stapes_push(stapes_detector *self, const int16_t *samples, uint32_t n);

/* Do the work of one frame, if it is all there. Writes up to 2 * n_classes events to `out` and returns how many;
 * STAPES_IDLE: nothing to do before more samples come. */
int32_t stapes_poll(stapes_detector *self, stapes_event *out);

/* End of the stream: the producer has stopped and stapes_poll is idle. Writes up to 2 * n_classes events to `out` and
 * returns how many; call it until it returns 0. More samples begin afresh, on the same clock. What the model would
 * have answered later is not heard: a recording gets its tail (stapes_tail_api.h) before. */
int32_t stapes_finish(stapes_detector *self, stapes_event *out);
