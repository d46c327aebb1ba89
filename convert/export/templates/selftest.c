/* Runs the self-test; the exit code is what stapes_selftest returns: 0, or the first thing that differs. */
#include "example_selftest.h"

static example_detector_t detector;

int main(void)
{
    return (int)stapes_selftest(&detector);
}
