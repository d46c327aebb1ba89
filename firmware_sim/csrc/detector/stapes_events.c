/* stapes_events.c -- the event decoder: scores to events, one class and one step at a time. Apache-2.0.
 *
 *   score -> trailing median -> hysteresis -> merge gaps -> minimum, maximum duration, refractory time -> events
 *
 * The delays of the median and of the network's target are subtracted from reported times. Names that are private to
 * this file begin with stapes_events_ or STAPES_EVENTS_. */
#include <stddef.h>
#include <stdint.h>

#include "stapes_events_api.h"

enum { STAPES_EVENTS_SILENCE = -128 }; /* the score of probability 0 */

/* Phases of a class. SPENT: the event ended by its maximum duration, but the score has not yet fallen. */
enum { STAPES_EVENTS_IDLE = 0, STAPES_EVENTS_OPEN = 1, STAPES_EVENTS_SPENT = 2 };

/* Return by how many steps the smoothed score lags behind the scores: 0..7. */
static int32_t stapes_events_smoothing_delay(const stapes_event_config *config)
{
    return (config->smoothing_steps - 1) / 2;
}

/* Return by how many samples the smoothing moves reported times: minus its delay, in (-7 * 2^31, 0]. */
static int64_t stapes_events_smoothing_shift_samples(const stapes_events *self, const stapes_event_config *config)
{
    return -(int64_t)stapes_events_smoothing_delay(config) * self->setup->step_samples;
}

/* Return `sample`, but at least `first`. */
static int64_t stapes_events_not_before(int64_t sample, int64_t first)
{
    return sample < first ? first : sample;
}

/* Take the next score of a class and return the smoothed one: the median of the window, in which it replaces the
 * oldest score of recent[] and of ordered[]. With smoothing_steps 1 a score is returned as it is. */
static int8_t stapes_events_smooth(const stapes_event_config *config, stapes_event_class *class_state, int8_t score)
{
    int32_t n = config->smoothing_steps;
    int8_t leaving = class_state->recent[class_state->oldest];
    int8_t *ordered = class_state->ordered;
    int32_t place = 0;

    class_state->recent[class_state->oldest] = score;
    class_state->oldest = (uint8_t)(class_state->oldest + 1 == n ? 0 : class_state->oldest + 1);
    while (ordered[place] != leaving) {
        place++; /* stays below n: every score of recent[] is in ordered[], too */
    }
    while (place > 0 && ordered[place - 1] > score) {
        ordered[place] = ordered[place - 1];
        place--;
    }
    while (place < n - 1 && ordered[place + 1] < score) {
        ordered[place] = ordered[place + 1];
        place++;
    }
    ordered[place] = score;
    return ordered[n / 2];
}

/* Write the open event to `out`; offset_sample < 0 announces it, else it is complete. */
static void stapes_events_report(const stapes_event_class *class_state, int32_t class_index, int64_t offset_sample,
                                 stapes_event *out)
{
    out->onset_sample = class_state->onset_sample;
    out->offset_sample = offset_sample;
    out->class_index = class_index;
    out->confidence = class_state->peak;
    out->kind = offset_sample < 0 ? STAPES_EVENT_ANNOUNCED : STAPES_EVENT_COMPLETED;
}

/* End the open event, whose last active step lies `gap` steps before the end of the current one. Writes the completed
 * event to `out` if it was announced, and returns the number of events written: 0 or 1. */
static int32_t stapes_events_finish(const stapes_event_config *config, stapes_event_class *class_state,
                                    int32_t class_index, int64_t offset_sample, stapes_event *out)
{
    if (!class_state->announced) {
        return 0;
    }
    class_state->blocked =
        config->refractory_steps > class_state->gap ? config->refractory_steps - class_state->gap : 0;
    stapes_events_report(class_state, class_index, offset_sample, out);
    return 1;
}

/* Take the next score of a class. Writes up to 2 events to `out` and returns how many. */
static int32_t stapes_events_step_class(const stapes_events *self, int32_t class_index, int8_t score,
                                        stapes_event *out)
{
    const stapes_event_config *config = &self->setup->configs[class_index];
    stapes_event_class *state = &self->classes[class_index];
    int8_t smoothed = stapes_events_smooth(config, state, score);
    int64_t begin = self->step_sample + stapes_events_smoothing_shift_samples(self, config);
    int64_t end = begin + self->setup->step_samples;
    uint8_t may_begin = state->blocked == 0;
    int32_t written = 0;

    state->blocked -= may_begin ? 0 : 1;
    if (state->phase == STAPES_EVENTS_SPENT && smoothed < state->off_score) {
        state->phase = STAPES_EVENTS_IDLE; /* off_score <= on_score: no event begins in this step */
    }
    if (state->phase == STAPES_EVENTS_IDLE && may_begin && smoothed >= state->on_score) {
        state->phase = STAPES_EVENTS_OPEN;
        state->onset_sample = stapes_events_not_before(begin, self->first_sample);
        state->age = state->gap = 0;
        state->peak = smoothed;
        state->announced = 0;
    }
    if (state->phase != STAPES_EVENTS_OPEN) {
        return 0;
    }
    state->age += state->age < UINT32_MAX ? 1 : 0;
    uint8_t spent = config->max_duration_steps != 0 && state->age >= config->max_duration_steps;
    if (smoothed >= (state->gap == 0 ? state->off_score : state->on_score)) {
        state->gap = 0;
        state->peak = smoothed > state->peak ? smoothed : state->peak;
        /* An event that ends before the first sample only exists because delays are subtracted: it is not reported. */
        if (!state->announced && state->age >= config->min_duration_steps && end > state->onset_sample) {
            state->announced = 1;
            stapes_events_report(state, class_index, -1, &out[written++]);
        }
        if (spent) {
            written += stapes_events_finish(config, state, class_index, end, &out[written]);
            state->phase = STAPES_EVENTS_SPENT;
        }
    } else if (++state->gap > config->merge_gap_steps || spent) { /* gap <= merge_gap_steps + 1: it does not wrap */
        end -= (int64_t)state->gap * self->setup->step_samples;
        written += stapes_events_finish(config, state, class_index, end, &out[written]);
        state->phase = STAPES_EVENTS_IDLE;
    }
    return written;
}

/* Complete the open event of a class, if there is one, after the last step. Returns the number of events written. */
static int32_t stapes_events_close_class(const stapes_events *self, int32_t class_index, stapes_event *out)
{
    const stapes_event_config *config = &self->setup->configs[class_index];
    stapes_event_class *state = &self->classes[class_index];
    int64_t last_end = self->step_sample + stapes_events_smoothing_shift_samples(self, config);

    if (state->phase != STAPES_EVENTS_OPEN) {
        return 0;
    }
    state->phase = STAPES_EVENTS_IDLE;
    return stapes_events_finish(config, state, class_index, last_end - (int64_t)state->gap * self->setup->step_samples,
                                out);
}

void stapes_events_init(stapes_events *self, const stapes_event_setup *setup, stapes_event_class *classes)
{
    self->setup = setup;
    self->classes = classes;
    for (int32_t i = 0; i < setup->n_classes; i++) {
        classes[i].on_score = setup->configs[i].on_score;
        classes[i].off_score = setup->configs[i].off_score;
    }
    stapes_events_restart(self, 0);
}

void stapes_events_restart(stapes_events *self, int64_t first_sample)
{
    const stapes_event_setup *setup = self->setup;

    self->first_sample = first_sample;
    /* first_sample < 2^61, |origin| < 2^31, |delay| < 2^31 steps of < 2^31 samples, i.e. < 2^62: |sum| < 2^63. */
    self->step_sample =
        first_sample + setup->origin_samples - (int64_t)setup->target_delay_steps * setup->step_samples;
    self->flushed_steps = 0;
    for (int32_t i = 0; i < setup->n_classes; i++) {
        stapes_event_class *state = &self->classes[i];
        state->onset_sample = first_sample;
        state->age = state->gap = state->blocked = 0;
        state->peak = STAPES_EVENTS_SILENCE;
        state->phase = STAPES_EVENTS_IDLE;
        state->announced = state->oldest = 0;
        for (int32_t k = 0; k < STAPES_MAX_SMOOTHING_STEPS; k++) {
            state->recent[k] = state->ordered[k] = STAPES_EVENTS_SILENCE;
        }
    }
}

int32_t stapes_events_push(stapes_events *self, const int8_t *scores, int32_t steps, stapes_event *out)
{
    int32_t written = 0;

    for (int32_t step = 0; step < steps; step++) {
        for (int32_t i = 0; i < self->setup->n_classes; i++) {
            written += stapes_events_step_class(self, i, *scores++, &out[written]);
        }
        self->step_sample += self->setup->step_samples;
    }
    return written;
}

int32_t stapes_events_flush(stapes_events *self, stapes_event *out)
{
    int32_t written = 0;

    /* A class is closed after as many steps of silence as its median lags behind. */
    while (written == 0 && self->flushed_steps <= STAPES_MAX_SMOOTHING_STEPS / 2) {
        for (int32_t i = 0; i < self->setup->n_classes; i++) {
            int32_t delay = stapes_events_smoothing_delay(&self->setup->configs[i]);
            if (self->flushed_steps < delay) {
                written += stapes_events_step_class(self, i, STAPES_EVENTS_SILENCE, &out[written]);
            } else if (self->flushed_steps == delay) {
                written += stapes_events_close_class(self, i, &out[written]);
            }
        }
        self->step_sample += self->setup->step_samples;
        self->flushed_steps++;
    }
    return written;
}
