/* stapes_sensitivity.c -- the thresholds that a sensitivity leads to; see stapes_sensitivity_api.h. Apache-2.0.
 *
 * This is a file of its own so that a linker leaves it out of firmware that does not call it. Names that are private
 * to this file begin with stapes_sensitivity_ or STAPES_SENSITIVITY_. */
#include "stapes_detector.h"

enum {
    STAPES_SENSITIVITY_LOWEST = -127, /* the range of a threshold */
    STAPES_SENSITIVITY_HIGHEST = 127,
    STAPES_SENSITIVITY_LOGIT = 4096,   /* what stands for a logit of 1 in the table */
    STAPES_SENSITIVITY_MOST_STEPS = 45 /* 45 / 4 logits lead from either end of the table beyond the other one */
};

/* round(4096 * ln((128 + score) / (128 - score))), the logits of scores 0..127; those of -score are the negatives. */
static const int16_t stapes_sensitivity_logits[128] = {
    0,     64,    128,   192,   256,   320,   384,   448,   513,   577,   641,   706,   770,   835,   900,   964,
    1029,  1094,  1160,  1225,  1291,  1356,  1422,  1488,  1554,  1621,  1687,  1754,  1821,  1889,  1956,  2024,
    2092,  2161,  2229,  2298,  2368,  2437,  2507,  2578,  2649,  2720,  2791,  2863,  2936,  3008,  3082,  3155,
    3230,  3304,  3380,  3455,  3532,  3609,  3686,  3764,  3843,  3923,  4003,  4084,  4165,  4248,  4331,  4415,
    4500,  4586,  4672,  4760,  4849,  4938,  5029,  5121,  5214,  5308,  5404,  5501,  5599,  5698,  5799,  5902,
    6006,  6112,  6220,  6329,  6441,  6554,  6670,  6787,  6907,  7030,  7155,  7283,  7414,  7548,  7685,  7826,
    7970,  8119,  8271,  8428,  8590,  8757,  8929,  9108,  9293,  9484,  9684,  9892,  10109, 10337, 10575, 10827,
    11092, 11374, 11673, 11994, 12338, 12711, 13118, 13567, 14066, 14629, 15277, 16040, 16970, 18165, 19842, 22697,
};

/* Return the logit of a score -127..127 in units of 1/4096: -22697..22697. */
static int32_t stapes_sensitivity_logit(int32_t score)
{
    return score < 0 ? -stapes_sensitivity_logits[-score] : stapes_sensitivity_logits[score];
}

/* Return the distance of a score's logit from `logit`, |logit| <= 68777: 0..91474. */
static int32_t stapes_sensitivity_distance(int32_t score, int32_t logit)
{
    int32_t difference = stapes_sensitivity_logit(score) - logit;

    return difference < 0 ? -difference : difference;
}

/* Return the threshold -127..127 that is nearest to `threshold` less `steps` steps; of two equally near ones the
 * lower. A higher threshold never leads to a lower one, and 0 steps lead to the same one. */
static int8_t stapes_sensitivity_moved(int8_t threshold, int32_t steps)
{
    /* |logit| <= 22697 + 45 * 1024 = 68777 */
    int32_t logit =
        stapes_sensitivity_logit(threshold) - steps * (STAPES_SENSITIVITY_LOGIT / STAPES_SENSITIVITY_STEPS_PER_LOGIT);
    int32_t nearest = STAPES_SENSITIVITY_LOWEST;

    for (int32_t score = nearest + 1; score <= STAPES_SENSITIVITY_HIGHEST; score++) {
        if (stapes_sensitivity_distance(score, logit) < stapes_sensitivity_distance(nearest, logit)) {
            nearest = score;
        }
    }
    return (int8_t)nearest;
}

/* Return `steps`, but at most STAPES_SENSITIVITY_MOST_STEPS in either direction. */
static int32_t stapes_sensitivity_limited(int32_t steps)
{
    if (steps > STAPES_SENSITIVITY_MOST_STEPS) {
        return STAPES_SENSITIVITY_MOST_STEPS;
    }
    return steps < -STAPES_SENSITIVITY_MOST_STEPS ? -STAPES_SENSITIVITY_MOST_STEPS : steps;
}

int32_t stapes_events_set_sensitivity(stapes_events *self, int32_t class_index, int32_t steps)
{
    if (class_index < 0 || class_index >= self->setup->n_classes) {
        return -1;
    }
    const stapes_event_config *config = &self->setup->configs[class_index];
    self->classes[class_index].on_score =
        stapes_sensitivity_moved(config->on_score, stapes_sensitivity_limited(steps));
    self->classes[class_index].off_score =
        stapes_sensitivity_moved(config->off_score, stapes_sensitivity_limited(steps));
    return 0;
}

int32_t stapes_set_sensitivity(stapes_detector *self, int32_t class_index, int32_t steps)
{
    return stapes_events_set_sensitivity(&self->events, class_index, steps);
}
