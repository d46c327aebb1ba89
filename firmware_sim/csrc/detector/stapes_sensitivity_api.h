/* stapes_sensitivity_api.h -- how sensitive a class is, changed while the detector runs. Apache-2.0.
 *
 * This file has no preprocessor lines, because the C compiler and Python's cffi read the same declarations. Include
 * stapes_events_api.h first, or stapes_detector.h instead. */

/* One step of sensitivity moves both thresholds of a class by a quarter of a logit, where logit = ln(p / (1 - p)) of
 * the probability p = (score + 128) / 256. From p = 0.5 the steps 1, 2 and 4 lead to 0.44, 0.38 and 0.27. */
enum { STAPES_SENSITIVITY_STEPS_PER_LOGIT = 4 };

/* Set the sensitivity of a class, in steps from the thresholds of its stapes_event_config: above 0 it hears more,
 * below 0 less, and 0 restores those thresholds. Both thresholds become the score that is nearest to the moved logit,
 * and stay at -127 or 127 when they get there, so off_score <= on_score remains true.
 *
 * A class that is silent in the detector never gives an event, whatever its sensitivity is.
 *
 * The new thresholds hold from the next step on, also for an event that is open: it is not closed by this call. They
 * remain when a segment begins. Returns 0, or -1 when there is no such class; then nothing changes. */
int32_t stapes_events_set_sensitivity(stapes_events *self, int32_t class_index, int32_t steps);
