/* stapes_event_sweep_api.h -- one class's scores under many event settings, to choose settings and to judge them.
 * Apache-2.0. For hosts only: no firmware and no exported library contains it.
 *
 * This file has no preprocessor lines, because the C compiler and Python's cffi read the same declarations. */

/* The scores of one class in some recordings, one recording after another. */
typedef struct stapes_score_column {
    const int8_t *scores;
    const int32_t *steps;         /* [n_recordings]: how many of the scores belong to each; below 2^31 in all */
    const int64_t *first_samples; /* [n_recordings]: where each begins on a common time axis; 0..2^61 - 1 */
    int32_t n_recordings;
} stapes_score_column;

/* Write the scores that the decoder compares with its thresholds to smoothed[steps], without the delay of the
 * smoothing: smoothed[k] is the median of smoothing_steps scores around scores[k], with silence (-128) before and
 * after them. */
void stapes_event_smooth(const stapes_event_config *config, const int8_t *scores, int32_t steps, int8_t *smoothed);

/* Decode the column under each of setup->configs[n_classes], which share one smoothing, each recording from
 * stapes_events_restart to the end of stapes_events_flush. Write the first `room` completed events to out, in order of
 * setting, recording and time; class_index is the index of the setting. smoothed: working memory, a byte per score.
 * Returns how many events there are; with more than `room`, call again with that much room. */
int64_t stapes_event_sweep(const stapes_event_setup *setup, const stapes_score_column *column, int8_t *smoothed,
                           stapes_event *out, int64_t room);
