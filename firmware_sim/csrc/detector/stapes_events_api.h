/* stapes_events_api.h -- the event decoder: scores to events, causal, in integers, one step at a time. Apache-2.0.
 * The caller owns all memory.
 *
 * This file has no preprocessor lines, because the C compiler and Python's cffi read the same declarations. Include
 * <stddef.h> and <stdint.h> first, or stapes_detector.h instead. */

/* The longest trailing median, in steps. Each class keeps two bytes per step of it. */
enum { STAPES_MAX_SMOOTHING_STEPS = 15 };

/* How the scores of one class become events. probability = (score + 128) / 256; all times are in steps. */
typedef struct stapes_event_config {
    int8_t on_score;             /* an event begins when the smoothed score reaches this value; -127..127 */
    int8_t off_score;            /* an event ends when the smoothed score falls below this value; -127..on_score */
    uint8_t smoothing_steps;     /* odd, 1..STAPES_MAX_SMOOTHING_STEPS */
    uint32_t min_duration_steps; /* >= 1; shorter events are dropped */
    uint32_t merge_gap_steps;    /* a pause of at most this many steps does not end an event */
    uint32_t refractory_steps;   /* no event begins within this many steps after the end of another one */
    uint32_t max_duration_steps; /* longer events are ended here, >= min_duration_steps; 0: no limit */
} stapes_event_config;

/* Everything that is constant; it may lie in flash. */
typedef struct stapes_event_setup {
    const stapes_event_config *configs; /* [n_classes] */
    int32_t n_classes;
    int32_t step_samples;       /* samples from one score to the next */
    int32_t origin_samples;     /* step k stands for step_samples samples from k * step_samples + origin_samples on */
    int32_t target_delay_steps; /* the score that the network gives at step k belongs to step k - target_delay_steps */
} stapes_event_setup;

/* The state of one class between steps. */
typedef struct stapes_event_class {
    int64_t onset_sample;                       /* of the open event */
    uint32_t age;                               /* steps since its onset, counting the current one; saturates */
    uint32_t gap;                               /* steps since it was last active; 0: it is active now */
    uint32_t blocked;                           /* number of coming steps in which no event may begin */
    int8_t peak;                                /* highest smoothed score of the open event */
    uint8_t phase;                              /* idle, open, or spent (ended by its maximum duration) */
    uint8_t announced;                          /* 1: the open event has been announced */
    uint8_t oldest;                             /* index of the oldest score in recent[] */
    int8_t recent[STAPES_MAX_SMOOTHING_STEPS];  /* the last smoothing_steps scores, in a ring */
    int8_t ordered[STAPES_MAX_SMOOTHING_STEPS]; /* the same scores in ascending order */
    int8_t on_score;                            /* the thresholds that hold: those of the configuration, unless */
    int8_t off_score;                           /* stapes_events_set_sensitivity moved them */
} stapes_event_class;

typedef struct stapes_events {
    const stapes_event_setup *setup;
    stapes_event_class *classes; /* [n_classes] */
    int64_t first_sample;        /* where the segment without a gap began; no event begins before it */
    int64_t step_sample;         /* first sample of the coming step, less the target delay; |step_sample| < 2^63 */
    int32_t flushed_steps;       /* steps of silence that stapes_events_flush has appended so far */
} stapes_events;

enum { STAPES_EVENT_ANNOUNCED = 0, STAPES_EVENT_COMPLETED = 1 };

typedef struct stapes_event {
    int64_t onset_sample;
    int64_t offset_sample; /* the first sample after the event; -1 when the event is only announced */
    int32_t class_index;
    int8_t confidence; /* highest smoothed score of the event so far */
    uint8_t kind;      /* STAPES_EVENT_ANNOUNCED or STAPES_EVENT_COMPLETED */
} stapes_event;

/* Begin at sample 0, with the thresholds of the configuration. setup and classes[setup->n_classes] must outlive the
 * decoder. */
void stapes_events_init(stapes_events *self, const stapes_event_setup *setup, stapes_event_class *classes);

/* Reset the state of all classes, but not their sensitivity. The first frame of the next step begins at first_sample,
 * 0 <= first_sample < 2^61.
 */
void stapes_events_restart(stapes_events *self, int64_t first_sample);

/* Take scores[steps][n_classes]. Writes events to out[2 * n_classes * steps], in order of step, then class, and
 * returns how many. Every event is reported twice: once when it is announced and once when it is completed. */
int32_t stapes_events_push(stapes_events *self, const int8_t *scores, int32_t steps, stapes_event *out);

/* End the stream: append steps of silence and complete open events. Writes up to 2 * n_classes events to `out` and
 * returns how many; call it until it returns 0. Call stapes_events_restart before further scores. */
int32_t stapes_events_flush(stapes_events *self, stapes_event *out);
