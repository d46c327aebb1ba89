/* A microphone on a DMA with two half-buffers. The board provides the first four functions. */
#include "example_detector.h"
#include "example_selftest.h"

void start_microphone(int16_t *both_halves, uint32_t samples); /* EXAMPLE_SAMPLE_RATE_HZ, mono, circular */
void wait_for_interrupt(void);                                 /* such as __WFI() */
void report_event(const char *label, int64_t onset_sample, int64_t offset_sample); /* offset -1: it still lasts */
void report_failure(int32_t selftest);

static example_detector_t detector;
static int16_t dma_buffer[2 * EXAMPLE_HOP_SAMPLES];

/* The interrupts of the DMA must call these. */
void dma_half_complete(void);
void dma_complete(void);

void dma_half_complete(void)
{
    stapes_push(&detector.core, dma_buffer, EXAMPLE_HOP_SAMPLES);
}

void dma_complete(void)
{
    stapes_push(&detector.core, dma_buffer + EXAMPLE_HOP_SAMPLES, EXAMPLE_HOP_SAMPLES);
}

int main(void)
{
    stapes_event events[EXAMPLE_EVENTS_MAX];
    int32_t failure = stapes_selftest(&detector);

    if (failure != STAPES_SELFTEST_OK) {
        report_failure(failure);
    }
    example_start(&detector);
    start_microphone(dma_buffer, 2 * EXAMPLE_HOP_SAMPLES);
    for (;;) {
        int32_t n = stapes_poll(&detector.core, events);
        if (n == STAPES_IDLE) {
            wait_for_interrupt();
        }
        for (int32_t i = 0; i < n; i++) {
            report_event(example_labels[events[i].class_index], events[i].onset_sample, events[i].offset_sample);
        }
    }
}
