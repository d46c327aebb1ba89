/* Writes the thresholds (on_score, off_score) that every sensitivity from -46 to 46 gives to every pair of thresholds
 * (threshold, -threshold / 2 if that is lower, else threshold) of one class. */
#include "stapes_board.h"
#include "stapes_detector.h"

void board_on_timer(void)
{
}

int main(void)
{
    static stapes_event_config config = {.smoothing_steps = 1, .min_duration_steps = 1};
    static const stapes_event_setup setup = {.configs = &config, .n_classes = 1, .step_samples = 1};
    static stapes_event_class state;
    static stapes_detector detector;
    int32_t file = board_open("thresholds.bin", 'w');

    for (int32_t threshold = -127; threshold <= 127; threshold++) {
        config.on_score = (int8_t)threshold;
        config.off_score = (int8_t)(-threshold / 2 < threshold ? -threshold / 2 : threshold);
        stapes_events_init(&detector.events, &setup, &state);
        for (int32_t steps = -46; steps <= 46; steps++) {
            if (stapes_set_sensitivity(&detector, 0, steps) != 0 || stapes_set_sensitivity(&detector, 1, 3) != -1 ||
                stapes_set_sensitivity(&detector, -1, 3) != -1) {
                return 1;
            }
            board_write(file, &state.on_score, 1);
            board_write(file, &state.off_score, 1);
        }
    }
    board_close(file);
    return 0;
}
