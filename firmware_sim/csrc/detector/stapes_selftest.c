/* stapes_selftest.c -- a sound, scores and checksums, by which a device shows that it computes the same bits as the
 * computer on which its detector was trained. Apache-2.0.
 *
 * stapes.firmware_sim.device.selftest and .known_answers make the same sound and the same scores in Python. Names that
 * are private to this file begin with stapes_selftest_ or STAPES_SELFTEST_. */
#include "stapes_selftest.h"

enum { STAPES_SELFTEST_SCORE_HOLD_LOG2 = 2, STAPES_SELFTEST_SQUARE_WAVE = 4096 };

/* Advance a linear congruential generator and return its state. */
static uint32_t stapes_selftest_next_random(uint32_t *state)
{
    *state = *state * 1664525U + 1013904223U;
    return *state;
}

int16_t stapes_sound_next(stapes_sound *self)
{
    static const uint8_t shifts[8] = {10, 9, 7, 9, 4, 10, 6, 8}; /* bits by which a section's samples are shifted */
    static const uint8_t periods[4] = {32, 10, 50, 18};          /* of the square wave, in samples */
    uint32_t index = self->made++;
    uint32_t shift = shifts[index >> 11 & 7U];
    int32_t value = ((int32_t)(stapes_selftest_next_random(&self->noise) >> 16) - 32768) >> shift; /* +-2^11 */

    if (index >> 11 & 1U) {
        uint32_t period = periods[index >> 12 & 3U];
        int32_t wave = index % period < period / 2 ? STAPES_SELFTEST_SQUARE_WAVE : -STAPES_SELFTEST_SQUARE_WAVE;
        value += wave >> shift; /* +-(2^11 + 2^8): it fits 16 bits */
    }
    return (int16_t)value;
}

uint32_t stapes_crc32(uint32_t crc, const void *bytes, uint32_t n)
{
    const uint8_t *byte = bytes;

    crc = ~crc;
    while (n-- > 0) {
        crc ^= *byte++;
        for (int32_t bit = 0; bit < 8; bit++) {
            crc = crc & 1U ? crc >> 1 ^ 0xEDB88320U : crc >> 1;
        }
    }
    return ~crc;
}

/* Continue a CRC-32 with a number of 64 bits, lowest byte first. */
static uint32_t stapes_selftest_crc_of_number(uint32_t crc, uint64_t number)
{
    uint8_t bytes[8];

    for (int32_t i = 0; i < 8; i++) {
        bytes[i] = (uint8_t)(number >> 8 * i);
    }
    return stapes_crc32(crc, bytes, sizeof bytes);
}

static uint32_t stapes_selftest_crc_of_events(uint32_t crc, const stapes_event *events, int32_t n)
{
    for (const stapes_event *event = events; event < events + n; event++) {
        crc = stapes_selftest_crc_of_number(crc, (uint64_t)event->onset_sample);
        crc = stapes_selftest_crc_of_number(crc, (uint64_t)event->offset_sample);
        crc = stapes_selftest_crc_of_number(crc, (uint64_t)event->class_index);
        crc = stapes_selftest_crc_of_number(crc, (uint64_t)(int64_t)event->confidence);
    }
    return crc;
}

/* Let the detector process `samples` samples of the sound; add the checksums of its features and scores to `answers`.
 */
static void stapes_selftest_process_sound(stapes_detector *self, stapes_event *out, uint32_t samples,
                                          stapes_answers *answers)
{
    stapes_sound sound = {1, 0};
    uint32_t bands = self->setup->tables->n_bands;
    uint32_t classes = (uint32_t)self->setup->events->n_classes;

    while (samples-- > 0) {
        int16_t sample = stapes_sound_next(&sound);
        uint32_t frame = self->step_frames, frames = self->frames, steps = self->steps;
        stapes_push(self, &sample, 1);
        if (stapes_poll(self, out) == STAPES_IDLE) {
            continue;
        }
        if (self->frames != frames) {
            answers->features_crc32 =
                stapes_crc32(answers->features_crc32, self->memory.features + frame * bands, bands);
        }
        if (self->steps != steps) {
            answers->scores_crc32 = stapes_crc32(answers->scores_crc32, self->memory.scores, classes);
        }
    }
}

/* Decode `steps` steps of random scores, each held for four steps so that there are events of all durations; add the
 * checksum of the events to `answers`. */
static void stapes_selftest_decode_scores(stapes_detector *self, stapes_event *out, uint32_t steps,
                                          stapes_answers *answers)
{
    uint32_t state = 2;
    int32_t n;

    stapes_events_restart(&self->events, 0);
    for (uint32_t step = 0; step < steps; step++) {
        for (int32_t i = 0;
             i < self->setup->events->n_classes && (step & ((1U << STAPES_SELFTEST_SCORE_HOLD_LOG2) - 1U)) == 0; i++) {
            self->memory.scores[i] = (int8_t)((int32_t)(stapes_selftest_next_random(&state) >> 24) - 128);
        }
        n = stapes_events_push(&self->events, self->memory.scores, 1, out);
        answers->events_crc32 = stapes_selftest_crc_of_events(answers->events_crc32, out, n);
    }
    while ((n = stapes_events_flush(&self->events, out)) > 0) {
        answers->events_crc32 = stapes_selftest_crc_of_events(answers->events_crc32, out, n);
    }
}

void stapes_answer(stapes_detector *self, stapes_event *out, uint32_t samples, uint32_t steps, stapes_answers *answers)
{
    const stapes_answers none = {0, 0, 0};

    *answers = none;
    stapes_selftest_process_sound(self, out, samples, answers);
    stapes_selftest_decode_scores(self, out, steps, answers);
}

int32_t stapes_compare_answers(const stapes_answers *found, const stapes_answers *expected)
{
    if (found->features_crc32 != expected->features_crc32) {
        return STAPES_SELFTEST_FEATURES;
    }
    if (found->scores_crc32 != expected->scores_crc32) {
        return STAPES_SELFTEST_SCORES;
    }
    return found->events_crc32 == expected->events_crc32 ? STAPES_SELFTEST_OK : STAPES_SELFTEST_EVENTS;
}
