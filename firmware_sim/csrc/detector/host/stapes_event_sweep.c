/* stapes_event_sweep.c -- many event settings over the same scores. Apache-2.0. The decoder's file is included, not
 * linked: the sweep runs the decoder's own static functions, so that there is no second decoder to keep equal and
 * devices carry nothing that only hosts need. */
#include "stapes_events.c"

#include "stapes_event_sweep_api.h"

/* Where the completed events go; those beyond `room` are counted only. */
typedef struct {
    stapes_event *out;
    int64_t room;
    int64_t found;
} stapes_sweep_list;

static void stapes_sweep_keep_completed(stapes_sweep_list *list, const stapes_event *reports, int32_t n_reports,
                                        int32_t setting)
{
    for (int32_t i = 0; i < n_reports; i++) {
        if (reports[i].kind == STAPES_EVENT_COMPLETED) {
            if (list->found < list->room) {
                list->out[list->found] = reports[i];
                list->out[list->found].class_index = setting;
            }
            list->found++;
        }
    }
}

/* Return n, limited to 0..most. */
static int32_t stapes_sweep_at_most(int64_t n, int32_t most)
{
    return n < 0 ? 0 : n < most ? (int32_t)n : most;
}

/* Return how many scores from the first one on are below the level. */
static int32_t stapes_sweep_steps_below(int8_t level, const int8_t *scores, int32_t steps)
{
    int32_t n = 0;

    while (n < steps && scores[n] < level) {
        n++;
    }
    return n;
}

/* Skip steps from the next one on in which stapes_events_step_class would only advance counters: it would neither
 * begin, announce, pause, resume nor end an event. Return the number of steps that were skipped, which may be less
 * than possible. */
static int32_t stapes_sweep_skip(const stapes_event_config *config, stapes_event_class *state, const int8_t *smoothed,
                                 int32_t steps)
{
    int32_t n = 0;

    if (state->phase == STAPES_EVENTS_IDLE && state->blocked == 0) {
        n = stapes_sweep_steps_below(config->on_score, smoothed, steps);
    } else if (state->phase == STAPES_EVENTS_OPEN && config->max_duration_steps == 0 && state->gap > 0) {
        n = stapes_sweep_steps_below(config->on_score, smoothed,
                                     stapes_sweep_at_most((int64_t)config->merge_gap_steps - state->gap, steps));
        state->gap += (uint32_t)n;
        state->age += (uint32_t)n;
    } else if (state->phase == STAPES_EVENTS_OPEN && config->max_duration_steps == 0) {
        int8_t peak = state->peak;
        if (!state->announced) {
            steps = stapes_sweep_at_most((int64_t)config->min_duration_steps - 1 - state->age, steps);
        }
        for (; n < steps && smoothed[n] >= config->off_score; n++) {
            peak = smoothed[n] > peak ? smoothed[n] : peak;
        }
        state->peak = peak;
        state->age += (uint32_t)n;
    }
    return n;
}

/* Decode the smoothed scores of one recording with a decoder of one class, which does not smooth them again. */
static void stapes_sweep_decode(stapes_events *decoder, const int8_t *smoothed, int32_t steps, int32_t setting,
                                stapes_sweep_list *list)
{
    const stapes_event_config *config = decoder->setup->configs;
    stapes_event_class *state = decoder->classes;
    int64_t start = decoder->step_sample;
    stapes_event reports[2];

    for (int32_t step = 0; step < steps; step++) {
        step += stapes_sweep_skip(config, state, &smoothed[step], steps - step);
        if (step < steps) {
            decoder->step_sample = start + (int64_t)step * decoder->setup->step_samples;
            stapes_sweep_keep_completed(list, reports, stapes_events_step_class(decoder, 0, smoothed[step], reports),
                                        setting);
        }
    }
    decoder->step_sample = start + (int64_t)steps * decoder->setup->step_samples;
    stapes_sweep_keep_completed(list, reports, stapes_events_close_class(decoder, 0, reports), setting);
}

void stapes_event_smooth(const stapes_event_config *config, const int8_t *scores, int32_t steps, int8_t *smoothed)
{
    stapes_event_class window = {.oldest = 0};
    int32_t delay = stapes_events_smoothing_delay(config); /* 0..7 */

    for (int32_t k = 0; k < STAPES_MAX_SMOOTHING_STEPS; k++) {
        window.recent[k] = window.ordered[k] = STAPES_EVENTS_SILENCE;
    }
    for (int32_t k = 0; k < steps + delay; k++) {
        int8_t middle = stapes_events_smooth(config, &window, k < steps ? scores[k] : STAPES_EVENTS_SILENCE);
        if (k >= delay) {
            smoothed[k - delay] = middle;
        }
    }
}

static void stapes_sweep_smooth_column(const stapes_event_config *config, const stapes_score_column *column,
                                       int8_t *smoothed)
{
    const int8_t *scores = column->scores;

    for (int32_t i = 0; i < column->n_recordings; i++) {
        stapes_event_smooth(config, scores, column->steps[i], smoothed);
        scores += column->steps[i];
        smoothed += column->steps[i];
    }
}

int64_t stapes_event_sweep(const stapes_event_setup *setup, const stapes_score_column *column, int8_t *smoothed,
                           stapes_event *out, int64_t room)
{
    stapes_sweep_list list = {.out = out, .room = room, .found = 0};
    stapes_event_config config;
    stapes_event_setup one = *setup;
    stapes_event_class state;
    stapes_events decoder;

    if (setup->n_classes > 0) {
        stapes_sweep_smooth_column(&setup->configs[0], column, smoothed);
    }
    one.configs = &config;
    one.n_classes = 1;
    for (int32_t setting = 0; setting < setup->n_classes; setting++) {
        const int8_t *scores = smoothed;
        config = setup->configs[setting];
        config.smoothing_steps = 1; /* done above, without a delay */
        stapes_events_init(&decoder, &one, &state);
        for (int32_t i = 0; i < column->n_recordings; i++) {
            stapes_events_restart(&decoder, column->first_samples[i]);
            stapes_sweep_decode(&decoder, scores, column->steps[i], setting, &list);
            scores += column->steps[i];
        }
    }
    return list.found;
}
