/* Scores to events: causal, integer, one step at a time. The caller owns all memory. */

/* Longest trailing median, in steps; each class keeps two bytes per step of it. */
enum { STAPES_MAX_SMOOTHING_STEPS = 15 };

/* How one class's scores become events; probability = (score + 128) / 256. Times are in steps. */
typedef struct stapes_event_config {
    int8_t on_score;             /* an event begins when the smoothed score reaches this; -127..127 */
    int8_t off_score;            /* and ends when it falls below this; -127..on_score */
    uint8_t smoothing_steps;     /* odd, 1..STAPES_MAX_SMOOTHING_STEPS */
    uint32_t min_duration_steps; /* >= 1; shorter events are dropped */
    uint32_t merge_gap_steps;    /* a gap of at most this many steps does not end an event */
    uint32_t refractory_steps;   /* after an event's end no new one begins for this long */
    uint32_t max_duration_steps; /* 0: never; else >= min_duration_steps */
} stapes_event_config;

/* All that is constant: it may lie in flash. */
typedef struct stapes_event_setup {
    const stapes_event_config *configs; /* [n_classes] */
    int32_t n_classes;
    int32_t step_samples;       /* samples from one score to the next */
    int32_t origin_samples;     /* step k stands for the samples from k * step_samples + origin_samples on */
    int32_t target_delay_steps; /* the network gives at step k the score that belongs to step k - target_delay_steps */
} stapes_event_setup;

/* What one class remembers between steps. */
typedef struct stapes_event_class {
    int64_t onset_sample;                       /* of the event that is open */
    uint32_t age;                               /* steps since its onset, this one included; stays at its maximum */
    uint32_t gap;                               /* steps since it was last active; 0: active now */
    uint32_t blocked;                           /* steps to come in which no event may begin */
    int8_t peak;                                /* highest smoothed score of the open event */
    uint8_t phase;                              /* idle, open, or spent (ended by its maximum duration) */
    uint8_t announced;                          /* the open event has been announced */
    uint8_t oldest;                             /* place of the oldest score in recent[] */
    int8_t recent[STAPES_MAX_SMOOTHING_STEPS];  /* the last smoothing_steps scores, a ring */
    int8_t ordered[STAPES_MAX_SMOOTHING_STEPS]; /* the same scores in ascending order */
} stapes_event_class;

typedef struct stapes_events {
    const stapes_event_setup *setup;
    stapes_event_class *classes; /* [n_classes] */
    int64_t first_sample;        /* where the stretch without a gap began; no event reaches before it */
    int64_t step_sample;         /* first sample of the step to come, delays subtracted except smoothing; |.| < 2^62 */
    int32_t flushed_steps;       /* steps of silence that a flush has appended so far */
} stapes_events;

enum { STAPES_EVENT_ANNOUNCED = 0, STAPES_EVENT_COMPLETED = 1 };

typedef struct stapes_event {
    int64_t onset_sample;
    int64_t offset_sample; /* exclusive; -1 while the event is announced only */
    int32_t class_index;
    int8_t confidence; /* highest smoothed score so far */
    uint8_t kind;      /* STAPES_EVENT_ANNOUNCED or STAPES_EVENT_COMPLETED */
} stapes_event;

/* Begin at sample 0. setup and classes[setup->n_classes] must outlive the decoder. */
void stapes_events_init(stapes_events *self, const stapes_event_setup *setup, stapes_event_class *classes);

/* Forget everything; the next step's first frame begins at first_sample, 0 <= first_sample < 2^61. */
void stapes_events_restart(stapes_events *self, int64_t first_sample);

/* Take scores[steps][n_classes]; write what happened to out[2 * n_classes * steps] in order of step, then class.
 * Returns how many were written. Every event is announced exactly once, and completed exactly once. */
int32_t stapes_events_push(stapes_events *self, const int8_t *scores, int32_t steps, stapes_event *out);

/* End of the stream: silence follows, and what is open is completed. Writes up to 2 * n_classes events to out and
 * returns how many; call it until it returns 0, then stapes_events_restart before more scores. */
int32_t stapes_events_flush(stapes_events *self, stapes_event *out);
